"""`manage.py adql check [FILE]` and `manage.py adql explain QUERY`: what the ADQL compiler makes of queries."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tap.inspection import check, explain
from tap.registry import QueryContext, Viewer
from vo.errors import UsageFault

NOT_A_QUERY = 2
"""Exit status if the input cannot be read as queries."""


class Command(BaseCommand):
    help = (
        "Look at ADQL queries. Exit status 0 if every query is right, 1 if one is not, "
        f"{NOT_A_QUERY} if the input cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        checks = actions.add_parser(
            "check",
            help="syntax only: a line of JSON for each query",
            description="For each query a line of JSON with parsed, line, column (from 1), offset (from 0), message.",
        )
        checks.add_argument(
            "file", nargs="?", help='a query, or a JSON list of queries or of objects with "query"; else standard input'
        )
        explains = actions.add_parser("explain", help="tree, columns with metadata, SQL, and the plan of the database")
        explains.add_argument("query")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "explain":
            try:
                for line in explain(options["query"], QueryContext(Viewer(), "http://127.0.0.1:8000")):
                    self.stdout.write(line)
            except UsageFault as fault:
                raise CommandError(fault.message) from None
            return
        verdicts = [check(query) for query in _queries(_read(options["file"]))]
        for verdict in verdicts:
            self.stdout.write(json.dumps(asdict(verdict)))
        if not all(verdict.parsed for verdict in verdicts):
            sys.exit(1)


def _read(file: str | None) -> str:
    try:
        return sys.stdin.read() if file is None else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {file or 'standard input'}: {error}", returncode=NOT_A_QUERY) from None


def _queries(text: str) -> list[str]:
    """The queries of the input; no query begins with a bracket."""
    if not text.lstrip().startswith("["):
        return [text]
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"this is no JSON list: {error}", returncode=NOT_A_QUERY) from None
    queries = [item.get("query") if isinstance(item, dict) else item for item in found]
    for number, query in enumerate(queries, 1):
        if not isinstance(query, str):
            raise CommandError(f'item {number} is neither a query nor an object with "query"', returncode=NOT_A_QUERY)
    return [str(query) for query in queries]
