"""The admin shows the archive and changes none of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from archive.models import Collection, ObsCore, Observation, Product, Release, StoredFile

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(client: Client, settings: Any) -> Client:
    # The names of the admin's own files are not what is tested.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    client.force_login(User.objects.create_superuser("curator"))
    return client


@pytest.mark.parametrize("model", [Collection, Release, Observation, Product, StoredFile, ObsCore])
def test_pages(demo_archive: str, curator: Client, model: type) -> None:
    name = f"archive_{model.__name__.lower()}"
    assert curator.get(reverse(f"admin:{name}_changelist"), {"q": "1001"}).status_code == 200
    one = model.objects.first()  # type: ignore[attr-defined]
    assert curator.get(reverse(f"admin:{name}_change", args=[one.pk])).status_code == 200
    assert curator.get(reverse(f"admin:{name}_add")).status_code == 403
    assert curator.post(reverse(f"admin:{name}_delete", args=[one.pk])).status_code == 403
    if model is not Collection:
        assert curator.post(reverse(f"admin:{name}_change", args=[one.pk]), {}).status_code == 403
