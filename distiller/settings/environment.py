"""Every setting that comes from the environment: name, default, meaning. docs/reference/settings.md is made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Count = Annotated[int, Field(ge=1)]
PerClass = Annotated[tuple[Count, Count, Count], NoDecode]
"""A limit for anonymous users, signed-in users and curators, separated by commas; one number is for all of them."""


class Environment(BaseSettings):
    """Settings read from environment variables of the same names in capitals."""

    model_config = SettingsConfigDict(case_sensitive=False, extra="ignore")

    distiller_home: Path = Field(
        Path("var"), description="Folder of all state: database, stored files, results, sockets and logs."
    )
    distiller_port: int = Field(8000, ge=1, le=65535, description="Port that `make demo` serves on.")
    distiller_base_url: str = Field(
        "",
        description="Absolute URL of the service as clients reach it. Empty: taken from each request.",
    )
    distiller_authority: str = Field(
        "distiller.example",
        pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._~-]{2,}$",
        description="IVOA authority of the identifiers this archive gives: `ivo://<authority>/<collection>?...`. "
        "Do not change it after the first ingest.",
    )
    distiller_event_collections: Annotated[list[str], NoDecode] = Field(
        ["*"],
        description="Collections whose events can be queried by ADQL (`gadf.events`), separated by commas; `*` stands "
        "for any letters, empty for none. After a change run `manage.py eventtable`.",
    )
    distiller_secret_key: str = Field(
        "", description="Django's secret key. Empty: made once and kept in `DISTILLER_HOME/secret_key`."
    )
    distiller_allowed_hosts: Annotated[list[str], NoDecode] = Field(
        ["127.0.0.1", "localhost", "[::1]"],
        description="Host names the service answers to, separated by commas; `*` for any.",
    )
    distiller_revision: str = Field(
        "",
        description="Revision of the code, recorded with every result. Empty: that of the git checkout, if it is one.",
    )
    distiller_debug: bool = Field(False, description="Django's debug mode. Never in production.")
    distiller_trust_proxy: bool = Field(
        False,
        description="Believe `X-Forwarded-Proto`, `X-Forwarded-Host` and the last address of `X-Forwarded-For`: only "
        "behind a proxy that sets them.",
    )
    distiller_basic_over_http: bool = Field(
        False,
        description="Take passwords (HTTP Basic) over plain http from other machines too. Anybody on the way can read "
        "them.",
    )
    database_url: str = Field(
        "",
        description="`postgresql://user:password@host/name` or `sqlite:///path`. "
        "Empty: SQLite in `DISTILLER_HOME/distiller.sqlite3`.",
    )
    celery_broker_url: str = Field(
        "",
        description="Redis that carries the jobs. Empty: a private one over a Unix socket under `DISTILLER_HOME`, "
        "started and stopped with the worker.",
    )
    distiller_worker_short_slots: int = Field(
        2, ge=0, description="Jobs of the queue `short` that one worker runs at the same time; 0: it serves others."
    )
    distiller_worker_long_slots: int = Field(2, ge=0, description="The same for the queue `long`.")
    distiller_worker_warm_up: bool = Field(
        True,
        description="Load the science packages once when the worker starts. Without it a worker is smaller and starts "
        "at once, and every job takes some seconds more.",
    )
    distiller_job_memory: int = Field(
        0,
        ge=0,
        description="Most memory (MiB) that the processes of one job may use together. 0: four fifths of the "
        "machine's, divided by the jobs that the worker runs at the same time, at least 1024.",
    )
    distiller_job_runs: int = Field(
        3, ge=1, description="Runs of a job that end with its worker, or for another passing reason, until it is ERROR."
    )
    distiller_job_cache: int = Field(
        8192,
        ge=0,
        description="Disk space (MiB) for intermediate products kept between jobs, such as the maps of single "
        "observations, in `DISTILLER_HOME/cache`. What was used longest ago goes first; 0 keeps nothing.",
    )
    distiller_job_types: Annotated[list[str], NoDecode] = Field(
        [],
        description="Further job types, separated by commas: `package.module:NAME`, a `JobType` or several. "
        "Installed packages can announce theirs by an entry point of the group `distiller.job_types` instead.",
    )
    distiller_tap_timeout: PerClass = Field((60, 120, 600), description="Seconds that a synchronous query may take.")
    distiller_tap_async_timeout: PerClass = Field(
        (3600, 7200, 28800), description="Seconds that an asynchronous query may take: its longest execution duration."
    )
    distiller_tap_default_maxrec: PerClass = Field(
        (20000, 20000, 20000), description="Rows of a TAP result, synchronous or not, when the client names no MAXREC."
    )
    distiller_tap_hard_maxrec: PerClass = Field(
        (20_000_000, 50_000_000, 100_000_000), description="Most rows of a TAP result."
    )
    distiller_links_max_ids: int = Field(
        10_000,
        ge=1,
        description="Identifiers answered in one DataLink document; of more, the first ones are answered, and OVERFLOW "
        "says so.",
    )
    distiller_upload_max_bytes: PerClass = Field(
        (32 * 2**20, 64 * 2**20, 128 * 2**20),
        description="Most bytes of the tables that come with one TAP query, or job, together.",
    )
    distiller_upload_max_rows: PerClass = Field(
        (500_000, 1_000_000, 2_000_000), description="Most rows of a table that comes with a query."
    )
    distiller_tap_client_statements: PerClass = Field(
        (8, 8, 12), description="Queries of one client that a web process has open at once; its others wait."
    )
    distiller_tap_statements: int = Field(
        16, ge=1, description="Queries that a web process has open at once: each holds a connection to the database."
    )
    distiller_tap_turns: int = Field(
        4, ge=1, description="Queries of those that the database works for at once; the others are being read."
    )
    distiller_tap_waiting: int = Field(
        56, ge=0, description="Most queries that wait in a web process. Beyond it the answer is 503."
    )
    distiller_tap_patience: float = Field(
        30.0, gt=0, description="Seconds that a query waits before the answer is 503."
    )
    distiller_tap_role: str = Field(
        "",
        max_length=63,
        description="PostgreSQL role that queries run as. Empty: the name of the database with `_tap` after it.",
    )
    distiller_upload_timeout: float = Field(
        20.0, gt=0, description="Seconds to fetch a table that a query gives the URL of."
    )
    distiller_upload_hosts: Annotated[list[str], NoDecode] = Field(
        [],
        description="Hosts that tables may be fetched from though their addresses are not public, separated by commas: "
        "`host` or `host:port`.",
    )
    distiller_job_running: PerClass = Field((4, 8, 16), description="Jobs of one owner that run at the same time.")
    distiller_job_waiting: PerClass = Field(
        (300, 600, 2000), description="Jobs of one owner that wait for a worker. Further ones are refused."
    )
    distiller_job_disk: PerClass = Field(
        (20 * 2**30, 100 * 2**30, 500 * 2**30),
        description="Bytes of the results and uploads of one owner's jobs. Beyond it new jobs are refused.",
    )
    distiller_job_run_time: PerClass = Field(
        (3600, 7200, 28800), description="Seconds that a job may run, where its type does not allow less."
    )
    distiller_waiting_requests: int = Field(
        8,
        ge=1,
        description="Requests of a web process that may wait for a change of a job (`WAIT`) at the same time: each "
        "holds a thread. Others are answered after a second, and ask again.",
    )
    distiller_bundle_sync: PerClass = Field(
        (1024, 4096, 16384),
        description="Most data (MiB) of distilled events, or of a data store, that are sent at once; larger ones are "
        "for jobs.",
    )
    distiller_bundle_async: PerClass = Field(
        (16384, 65536, 262144), description="The same for one result of a job (`/soda/async`, `/tap/async`, `distil`)."
    )
    distiller_job_retention_days: int = Field(30, ge=1, description="Days until a job and its results are destroyed.")
    distiller_storage: dict[str, Any] = Field(
        {},
        description="Where the archive's files are, as JSON of an entry of Django's `STORAGES`: "
        '`{"BACKEND": "...", "OPTIONS": {...}}`. Empty: in `DISTILLER_HOME/store`.',
    )
    distiller_unpacked_max: int = Field(
        16384, ge=1, description="Most space (MiB) that what a compressed file holds may take; others are not ingested."
    )
    distiller_file_cache: int = Field(
        4096,
        ge=0,
        description="Disk space (MiB) for unpacked copies of stored files, and for local ones where `STORAGES` has the "
        "archive in an object store, in `DISTILLER_HOME/cache/files`. 0 keeps none: jobs then need a local archive.",
    )
    distiller_accel_prefix: str = Field(
        "",
        pattern=r"^(/.*/)?$",
        description="Path under which the web server in front serves the archive's files to itself, such as `/stored/` "
        "(nginx: `internal`). With it files are left to that server by `X-Accel-Redirect`.",
    )
    distiller_scrub_days: int = Field(
        30,
        ge=0,
        description="Days within which a worker reads every stored file again, to find altered ones; 0: never.",
    )
    distiller_scrub_rate: int = Field(20, ge=1, description="Most of that (MiB) in a second.")
    distiller_sesame_url: str = Field(
        "https://cds.unistra.fr/cgi-bin/nph-sesame/-oxpi/SNV",
        description="Sesame name resolver, asked for names that the archive's own targets do not have. "
        "Empty: never asked.",
    )
    distiller_sesame_timeout: float = Field(5.0, gt=0, description="Seconds to wait for Sesame.")
    distiller_log_level: str = Field("INFO", description="Level of the log on standard error.")

    @field_validator(
        "distiller_allowed_hosts",
        "distiller_event_collections",
        "distiller_job_types",
        "distiller_upload_hosts",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [v.strip() for v in value.split(",") if v.strip()] if isinstance(value, str) else value

    @field_validator(
        "distiller_tap_timeout",
        "distiller_tap_async_timeout",
        "distiller_tap_default_maxrec",
        "distiller_tap_hard_maxrec",
        "distiller_tap_client_statements",
        "distiller_job_running",
        "distiller_job_waiting",
        "distiller_job_disk",
        "distiller_job_run_time",
        "distiller_upload_max_bytes",
        "distiller_upload_max_rows",
        "distiller_bundle_sync",
        "distiller_bundle_async",
        mode="before",
    )
    @classmethod
    def _per_class(cls, value: object) -> object:
        numbers = value.split(",") if isinstance(value, str) else value
        return numbers * 3 if isinstance(numbers, list) and len(numbers) == 1 else numbers


ENVIRONMENT = Environment()
