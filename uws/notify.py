"""News of phase changes between processes: Redis pub/sub on the broker, nothing where the broker is no Redis.

Messages only wake whoever waits; the truth is read from the jobs table. A lost message costs a moment, no more.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)


def channel(public_id: str) -> str:
    return f"distiller.uws.{public_id}"


def publish(public_id: str) -> None:
    """Wake everybody who waits for that job. Never raises: an absent broker only makes waiting less prompt."""
    client = redis_client(str(settings.CELERY_BROKER_URL))
    if client is None:
        return
    try:
        client.publish(channel(public_id), "")
    except redis.RedisError as error:
        logger.debug("nobody was told of job %s: %s", public_id, error)


@lru_cache(maxsize=4)
def redis_client(broker_url: str) -> redis.Redis | None:
    """A client of the broker if that is a Redis; None otherwise. Connections are opened when first used."""
    parts = urlsplit(broker_url)
    # One try: whoever publishes or waits goes on without the broker at once (redis-py would try for seconds).
    options: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 5, "retry": Retry(NoBackoff(), 0)}
    if parts.scheme == "redis+socket":
        database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        return redis.Redis(unix_socket_path=parts.path, db=int(database), **options)
    if parts.scheme in ("redis", "rediss"):
        return redis.Redis.from_url(broker_url, **options)
    return None
