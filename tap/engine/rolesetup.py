"""Makes the PostgreSQL role that queries run as (`tap.engine.role`), and keeps its rights at what is published.

`ensure` is run after every migration. A service that may not create roles gets the statements for somebody who may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, connection, transaction
from psycopg import sql

from tap.engine.role import can_log_in, forget, password, role_name
from tap.readable import readable

_GRANTED = """
WITH role AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
SELECT c.oid::regclass::text, '', p.privilege_type
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) p WHERE p.grantee IN (TABLE role)
UNION ALL
SELECT c.oid::regclass::text, a.attname, p.privilege_type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid CROSS JOIN LATERAL aclexplode(a.attacl) p
WHERE p.grantee IN (TABLE role)
"""
_COLUMNS = """
SELECT c.relname, c.oid::regclass::text, array_agg(a.attname::text)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relname = ANY(%s) AND c.relkind = ANY('{r,p,v,m,f}') AND pg_table_is_visible(c.oid)
  AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY c.oid
"""
_EXCESS = """
WITH role AS (SELECT oid FROM pg_roles WHERE rolname = %(role)s)
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls, 'has powers of an administrator'
FROM pg_roles WHERE rolname = %(role)s
UNION ALL
SELECT count(*) > 0, 'is a member of other roles' FROM pg_auth_members WHERE member IN (TABLE role)
UNION ALL
SELECT has_schema_privilege(%(role)s, current_schema(), 'CREATE'), 'may create tables, as everybody may (PUBLIC)'
"""

Grants = set[tuple[str, str, str]]
"""Table (as SQL writes it), column (empty for the whole table), privilege."""


def ensure() -> list[str]:
    """Make the role if the service may, and grant it what it reads. Returns what is not as it should be, in words."""
    role = role_name()
    try:
        with transaction.atomic():
            if not _exists():
                if not _ask("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"):
                    return [f"role {role} does not exist, and the service may not create roles"]
                _do("CREATE ROLE {} NOLOGIN", sql.Identifier(role))
            grant()
        if not can_log_in():
            with transaction.atomic():
                _do(_login("ALTER"))
        if not can_log_in():
            _do("ALTER ROLE {} NOLOGIN", sql.Identifier(role))
    except DatabaseError as error:
        return [f"role {role} cannot be made as it should be: {str(error).splitlines()[0]}"]
    forget()
    return troubles()


def grant() -> None:
    """Let the role read what is published now, and nothing else. Nothing is done while there is no such role."""
    if not _exists():
        return
    role = sql.Identifier(role_name())
    database, schema = _row("SELECT current_database(), current_schema()")
    for kind, name, privilege in (
        ("DATABASE", database, "CONNECT"),
        ("DATABASE", database, "TEMPORARY"),  # tables that come with a query
        ("SCHEMA", schema, "USAGE"),
    ):
        if not _ask(f"SELECT has_{kind.lower()}_privilege(%s, %s, %s)", role_name(), name, privilege):
            _do(f"GRANT {privilege} ON {kind} {{}} TO {{}}", sql.Identifier(name), role)
    wanted, granted = _wanted(), _granted()
    if wanted == granted:
        return
    with transaction.atomic():
        for table in sorted({table for table, _, _ in granted}):
            _do(f"REVOKE ALL ON {table} FROM {{}}", role)
        for table in sorted({table for table, _, _ in wanted}):
            columns = sql.SQL(", ").join(sql.Identifier(c) for t, c, _ in sorted(wanted) if t == table)
            _do(f"GRANT SELECT ({{}}) ON {table} TO {{}}", columns, role)


def statements() -> list[str]:
    """What somebody who may create roles runs once; the grants of tables are the service's own to make."""
    role, database = sql.Identifier(role_name()), sql.Identifier(str(_row("SELECT current_database()")[0]))
    return [
        _text(made)
        for made in (
            _login("ALTER" if _exists() else "CREATE"),
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, role),
        )
    ]


def troubles() -> list[str]:
    """What is not as it should be, in words; empty if the role is there, can log in and has no other rights."""
    role = role_name()
    if not _exists():
        return [f"role {role} does not exist"]
    found = [] if can_log_in() else [f"role {role} cannot log in with the password that the service derives for it"]
    with connection.cursor() as cursor:
        cursor.execute(_EXCESS, {"role": role})
        found += [f"role {role} {what}" for too_much, what in cursor.fetchall() if too_much]
    if _wanted() != _granted():
        found.append(f"role {role} may not read exactly what is published")
    return found


def _wanted() -> Grants:
    published = readable()
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [list(published)])
        return {
            (table, column, "SELECT")
            for name, table, present in cursor.fetchall()
            for column in published[name].intersection(present)
        }


def _granted() -> Grants:
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, {"role": role_name()})
        return set(cursor.fetchall())


def _exists() -> bool:
    return _ask("SELECT count(*) > 0 FROM pg_roles WHERE rolname = %s", role_name())


def _login(verb: str) -> sql.Composed:
    """The statement that lets the role log in; what it holds of the password is a verifier (SCRAM, RFC 5802)."""
    connection.ensure_connection()
    verifier = connection.connection.pgconn.encrypt_password(password().encode(), role_name().encode())
    return sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}").format(
        sql.Identifier(role_name()), sql.Literal(verifier.decode())
    )


def _ask(question: str, *parameters: Any) -> bool:
    return bool(_row(question, *parameters)[0])


def _row(question: str, *parameters: Any) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question, parameters)
        found: Sequence[Any] = cursor.fetchone()
        return found


def _do(statement: str | sql.Composable, *parts: sql.Composable) -> None:
    with connection.cursor() as cursor:
        made = statement if isinstance(statement, sql.Composable) else sql.SQL(statement).format(*parts)
        cursor.execute(_text(made))


def _text(statement: sql.Composable) -> str:
    return statement.as_string(connection.connection)
