"""`/healthz`: whether the service can do its work, for load balancers and people."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from archive import scrubbing
from uws.notify import redis_client
from uws.registration import live_workers


def healthz(request: HttpRequest) -> JsonResponse:
    """State of database, queue, workers and stored files; status 200 if requests can be served, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        workers = live_workers()
        damaged = scrubbing.damaged()
        database = True
    except DatabaseError:
        workers, damaged, database = 0, None, False
    state = {
        "status": "ok" if database else "failing",
        "database": database,
        "queue": _queue(),
        "workers": workers,
        "damaged_files": damaged,
    }
    response = JsonResponse(state, status=200 if database else 503)
    response["Cache-Control"] = "no-store"
    return response


def _queue() -> bool:
    """Whether the broker answers; jobs wait in the database while it does not."""
    client = redis_client(str(settings.CELERY_BROKER_URL))
    if client is None:
        return True
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
