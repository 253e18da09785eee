"""The Celery application. Celery only carries job ids; the jobs table is the truth (decision 5)."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "distiller.settings")

from django.conf import settings

app = Celery("distiller", set_as_current=False)
app.conf.update(settings.CELERY)
app.set_default()
app.autodiscover_tasks(["uws"])
