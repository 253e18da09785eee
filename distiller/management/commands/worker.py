"""`manage.py worker`: run jobs until stopped. Starts a private queue of its own where CELERY_BROKER_URL names none."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from distiller.programs import run_folder, worker_chores, worker_programs
from distiller.supervisor import AlreadyRunning, Supervisor


class Command(BaseCommand):
    help = "Run jobs until stopped (Ctrl-C or SIGTERM); jobs that are running then are run again by the next worker."

    requires_system_checks = ()
    """The pages are not served here: a worker does not load them to check them."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--slots", type=int, default=settings.DISTILLER_WORKER_SLOTS, help="jobs run at the same time, at least 2"
        )

    def handle(self, *args: Any, slots: int, **options: Any) -> None:
        if slots < 2:
            raise CommandError("a worker has at least two slots")
        try:
            Supervisor(run_folder(), worker_programs(slots), worker_chores(slots)).run()
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
