"""The Celery application. Celery only carries job ids; the jobs table is the truth (decision 5)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")
app = Celery("distiller")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["uws"])
