"""`manage.py serve`: the whole service in one terminal: database, static files, worker and web server."""

from __future__ import annotations

import http.client
import socket
import time
from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from distiller.programs import configured_slots, web_program, worker_chores, worker_lock, worker_programs
from distiller.supervisor import AlreadyRunning, Chore, Program, Supervisor


class Command(BaseCommand):
    help = "Prepare the database and the static files, then run worker and web server until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.DISTILLER_PORT, help="port on 127.0.0.1")

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        self._check_port(port)
        self._say("Preparing the database")
        call_command("migrate", interactive=False, verbosity=0)
        self._say("Collecting static files")
        call_command("collectstatic", interactive=False, verbosity=0)
        slots = configured_slots()
        web = web_program(port)
        greeting = _Greeting(self, web, port)
        self._say("Starting the worker and the web server")
        try:
            Supervisor(
                worker_lock(),
                [web, *worker_programs(slots)],
                [Chore(0.3, greeting.look), *worker_chores(slots)],
            ).run()
        except AlreadyRunning as error:
            raise CommandError(str(error)) from None
        self._say("Stopped")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _check_port(self, port: int) -> None:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise CommandError(
                    f"port {port} cannot be used ({error.strerror}); choose another with DISTILLER_PORT"
                ) from None


class _Greeting:
    """Says the URL once the web server answers."""

    def __init__(self, command: Command, web: Program, port: int) -> None:
        self._command, self._web, self._port = command, web, port
        self._begin = time.monotonic()
        self._said = False

    def look(self) -> None:
        if self._said or self._web.process is None:
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", "/healthz", headers={"Host": f"127.0.0.1:{self._port}"})
            if connection.getresponse().status != 200:
                return
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        self._said = True
        seconds = time.monotonic() - self._begin
        self._command.stdout.write(
            f"Distiller is ready at http://127.0.0.1:{self._port}/ (after {seconds:.1f} s); stop it with Ctrl-C"
        )
        self._command.stdout.flush()
