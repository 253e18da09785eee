"""The PostgreSQL role that queries run as: what it reads, and all that it cannot do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from tap.checks import queries_have_a_role
from tap.engine import role, rolesetup
from tap.engine.byrow import POOL
from tap.engine.postgresql import session_address
from tap.readable import readable
from tests.environment import DATABASE
from tests.tap.sky import SkyRow, answer

if DATABASE != "postgresql":
    pytest.skip("PostgreSQL's role; SQLite has its authoriser", allow_module_level=True)
pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection as the engine makes it, in a transaction that would let a role with rights write."""
    made = POOL.take(session_address(role.address()))[0].connection
    made.execute("BEGIN READ WRITE")
    yield made
    made.close()


def test_queries_run_as_the_role(session: psycopg.Connection[tuple[object, ...]]) -> None:
    """Session user and current user: there is nothing to reset to."""
    found = session.execute("SELECT current_user, session_user").fetchone()
    assert found == (role.role_name(), role.role_name()) == ("test_distiller_tap",) * 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT password FROM auth_user",
        "SELECT count(*) FROM auth_user",
        "SELECT session_data FROM django_session",
        "SELECT * FROM uws_job",
        "SELECT * FROM provenance_activity",
        "SELECT * FROM archive_product",
        "SELECT id FROM ivoa_obscore WHERE EXISTS (SELECT 1 FROM uws_result)",
        "SELECT rolpassword FROM pg_authid",
        "SELECT passwd FROM pg_shadow",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/distiller-test'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT query_to_xml('SELECT * FROM auth_user', true, true, '')",
        "SELECT set_config('role', 'distiller', false)",
        "SELECT set_config('session_authorization', 'distiller', false)",
        "SET ROLE distiller",
        "SET SESSION AUTHORIZATION distiller",
        "INSERT INTO tap_schema_schemas (schema_name, schema_index) VALUES ('x', 9)",
        "UPDATE ivoa_obscore SET obs_id = ''",
        "DELETE FROM tap_schema_tables",
        "TRUNCATE tap_schema_tables",
        "DROP TABLE tap_schema_tables",
        "CREATE TABLE x (a int)",
        "CREATE FUNCTION x() RETURNS int LANGUAGE sql RETURN 1",
        "CREATE EXTENSION dblink",
        "CREATE ROLE x",
        "CREATE SCHEMA x",
        "ALTER ROLE test_distiller_tap SUPERUSER",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'distiller'",
        "SELECT pg_reload_conf()",
    ],
)
def test_the_role_may_not(session: psycopg.Connection[tuple[object, ...]], sql: str) -> None:
    """Even with the statement of its choice in a transaction that may write: permission denied (SQLSTATE 42501)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # a session of the service is there to be ended
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(sql)


def test_what_the_service_is_doing_is_not_seen(session: psycopg.Connection[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'a secret'")
    texts = session.execute("SELECT query FROM pg_stat_activity WHERE usename = 'distiller'").fetchall()
    assert texts
    assert set(texts) == {("<insufficient privilege>",)}


def test_it_reads_the_columns_that_published_tables_need_and_no_others() -> None:
    """By column: the model of ObsCore has more than is published."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
            "AND NOT a.attisdropped WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm') "
            "AND has_column_privilege(%s, c.oid, a.attnum, 'SELECT')",
            [role.role_name()],
        )
        found: dict[str, set[str]] = {}
        for table, column in cursor.fetchall():
            found.setdefault(table, set()).add(column)
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'ivoa_obscore'::regclass AND attnum > 0")
        stored = {name for (name,) in cursor.fetchall()}
    assert found == readable()
    assert {"did_encoded", "pos_x"} < found["ivoa_obscore"] < stored


@pytest.mark.django_db(transaction=True)
def test_rights_that_are_too_many_or_too_few_are_put_right() -> None:
    """`ensure` can be run again at any time, and changes nothing when all is well."""
    with connection.cursor() as cursor:
        cursor.execute("GRANT SELECT ON auth_user TO test_distiller_tap")
        cursor.execute("GRANT INSERT (schema_name) ON tap_schema_schemas TO test_distiller_tap")
        cursor.execute("REVOKE ALL ON tap_schema_tables FROM test_distiller_tap")
    (warning,) = queries_have_a_role()
    assert "may not read exactly what is published" in str(warning.msg)
    assert rolesetup.ensure() == []
    assert rolesetup.ensure() == []
    assert queries_have_a_role() == []


@pytest.fixture
def other_role(settings: LazySettings) -> Iterator[str]:
    """The name of a role that is not there; it and `poor`, a role without powers, are gone afterwards."""
    settings.DISTILLER_TAP_ROLE = "other tap"
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE poor")
        yield "other tap"
        cursor.execute("RESET ROLE")
        cursor.execute("DROP ROLE poor")
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'other tap'")
        if cursor.fetchone() == (1,):
            cursor.execute('DROP OWNED BY "other tap"')
            cursor.execute('DROP ROLE "other tap"')


@pytest.mark.django_db(transaction=True)
def test_an_administrator_makes_the_role_where_the_service_may_not(other_role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE poor")
        assert rolesetup.ensure() == [f"role {other_role} does not exist, and the service may not create roles"]
        statements = rolesetup.statements()
        assert statements[0].startswith('CREATE ROLE "other tap" LOGIN PASSWORD \'SCRAM-SHA-256$')
        cursor.execute("RESET ROLE")
        for statement in statements:
            cursor.execute(statement)
    call_command("taprole")
    assert queries_have_a_role() == []
    assert rolesetup.statements()[0].startswith('ALTER ROLE "other tap" LOGIN')


@pytest.mark.django_db(transaction=True)
def test_without_the_role_it_is_said_aloud(
    sky: list[SkyRow], other_role: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The queries are answered, and log and `check --deploy` complain; with the role they stop."""
    with caplog.at_level(logging.ERROR, "tap.engine.role"):
        assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]
        assert role.address() == role.service_address()
    (record,) = caplog.records
    assert "queries run with all rights of the service" in record.getMessage()
    assert [w.id for w in queries_have_a_role()] == ["tap.W001"]
    assert rolesetup.ensure() == []
    assert role.address() == role.role_address()
    assert answer("SELECT COUNT(*) FROM test.sky") == [(len(sky),)]


@pytest.mark.django_db(transaction=True)
def test_a_role_with_powers_is_warned_of(other_role: str) -> None:
    rolesetup.ensure()
    with connection.cursor() as cursor:
        cursor.execute('ALTER ROLE "other tap" CREATEDB')
        cursor.execute('GRANT poor TO "other tap"')
    said = " ".join(str(w.msg) for w in queries_have_a_role())
    assert "has powers of an administrator" in said
    assert "is a member of other roles" in said
    with pytest.raises(CommandError, match="taprole --sql"):
        call_command("taprole")


@pytest.fixture
def asks_for(other_role: str) -> Iterator[Callable[[str], None]]:
    """`asks_for("scram-sha-256")`: what the server wants of whoever logs in as the other role."""
    with connection.cursor() as cursor:

        def told(question: str) -> str:
            cursor.execute(f"SELECT {question}::text")
            return str(cursor.fetchone()[0])

        path = Path(told("current_setting('hba_file')"))
        rules = path.read_text()

        def write(text: str) -> None:
            path.write_text(text)
            before = told("pg_conf_load_time()")
            told("pg_reload_conf()")
            deadline = time.monotonic() + 20
            while told("pg_conf_load_time()") == before:
                assert time.monotonic() < deadline
                time.sleep(0.01)

        try:
            yield lambda method: write(f'local all "{other_role}" {method}\n{rules}')
        finally:
            write(rules)


@pytest.mark.django_db(transaction=True)
def test_the_password_follows_the_secret_key(asks_for: Callable[[str], None], settings: LazySettings) -> None:
    """Nobody else knows it, and a new key is made good by `ensure`."""
    asks_for("scram-sha-256")
    assert rolesetup.ensure() == []
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(role.service_address(), user=role.role_name(), password="guessed")
    settings.SECRET_KEY = "another"
    assert "cannot log in" in rolesetup.troubles()[0]
    assert rolesetup.ensure() == []


@pytest.mark.django_db(transaction=True)
def test_a_role_that_the_server_does_not_let_in_is_not_used(asks_for: Callable[[str], None]) -> None:
    """Queries go on as the service, and it is told, rather than fail."""
    asks_for("reject")
    assert "cannot log in" in rolesetup.ensure()[0]
    assert role.address() == role.service_address()


def test_a_database_that_does_not_answer_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise OperationalError("gone")

    monkeypatch.setattr(rolesetup, "troubles", fail)
    assert [w.id for w in queries_have_a_role()] == ["tap.W002"]
