"""How a database would run a statement."""

from __future__ import annotations

from django.db import connections

from tap.adql.translate import LIMIT, Statement
from tap.engine.engine import dialect
from tap.engine.sqlite import SqliteRun
from tap.limits import widest


def plan(statement: Statement) -> list[str]:
    """Lines of the plan, steps within steps indented; nothing is run."""
    connection = connections["default"]
    parameters = {**statement.parameters, LIMIT: 2**62 if statement.top is None else statement.top}
    if dialect() == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement.sql}", parameters)
            return [row[0] for row in cursor.fetchall()]
    path, sql = str(connection.settings_dict["NAME"]), f"EXPLAIN QUERY PLAN {statement.sql}"
    run = SqliteRun(path, sql, parameters, statement.read, widest().timeout)
    try:
        run.start()
        levels = {0: -1}
        lines = []
        for step, parent, _, said in (row for chunk in run.chunks() for row in chunk):
            levels[step] = levels[parent] + 1
            lines.append("  " * levels[step] + said)
        return lines
    finally:
        run.close()
