"""`manage.py worker`: run jobs until stopped. Starts a private queue of its own where CELERY_BROKER_URL names none."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from distiller.programs import configured_slots, worker_chores, worker_lock, worker_programs
from distiller.supervisor import AlreadyRunning, Supervisor


class Command(BaseCommand):
    help = "Run jobs until stopped (Ctrl-C or SIGTERM); jobs that are running then are run again by the next worker."

    requires_system_checks = ()
    """The pages are not served here: a worker does not load them to check them."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        for queue, slots in configured_slots().items():
            parser.add_argument(
                f"--{queue}", type=int, default=slots, help=f"jobs of the queue {queue} run at the same time; 0: none"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        slots = {queue: int(options[queue]) for queue in configured_slots()}
        if not any(slots.values()):
            raise CommandError("a worker has at least one slot")
        try:
            Supervisor(worker_lock(), worker_programs(slots), worker_chores(slots)).run()
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
