"""The queue: Celery carries job ids from the web processes to the workers, and nothing else (decision 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distiller.broker import queue_folder


def celery_settings(broker_url: str, home: Path) -> dict[str, Any]:
    """Celery's configuration for that broker."""
    return {
        "broker_url": broker_url,
        "broker_transport_options": _transport_options(broker_url, home),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_default_queue": "short",
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        # Messages are acknowledged when they are taken: the jobs table keeps the job, and a worker that cannot
        # acknowledge because the broker was away stops consuming. It takes no more than it has slots for.
        "worker_disable_prefetch": not broker_url.startswith("filesystem"),
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": False,
    }


def _transport_options(broker_url: str, home: Path) -> dict[str, Any]:
    if broker_url.startswith("filesystem"):
        folder = str(queue_folder(home))
        return {
            "data_folder_in": folder,
            "data_folder_out": folder,
            "control_folder": str(queue_folder(home) / "control"),
            "polling_interval": 0.05,
        }
    # A web process tries once: if the broker is away, the job stays QUEUED and the reconciler sends it later. A broker
    # that has stopped answering is away too.
    return {
        **{"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
        **{"socket_connect_timeout": 2, "socket_timeout": 5},
    }
