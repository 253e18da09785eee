"""The private servers that the tests start are real."""
from django.db import connection
import pytest

from tests.environment import DATABASE

@pytest.mark.django_db
def test_database_is_the_one_asked_for() -> None:
    assert connection.vendor == DATABASE
