"""The private servers that the tests start are real."""

import pytest
from django.db import connection

from tests.environment import DATABASE


@pytest.mark.django_db
def test_database_is_the_one_asked_for() -> None:
    assert connection.vendor == DATABASE
