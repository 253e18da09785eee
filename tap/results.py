"""A prepared query and the request it came with become a result document (TAP 1.1 section 3)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator

import pyarrow as pa

from tap.request import QueryRequest
from tap.service import Query
from vo import arrowstream, fitstable, jsontable, parquet, text, votable
from vo.votable import Info

STANDARD_ID = "ivo://ivoa.net/std/TAP"


def document(query: Query, request: QueryRequest, service: str, timeout: float | None) -> Generator[bytes]:
    """The result document in pieces; `service` is the URL of the TAP service.

    The statement is started and its first rows are read before this returns, so that an error up to there is raised and
    can still be answered with its status. Closing the generator ends the statement.
    """
    pieces = _pieces(query, request, service, timeout)
    next(pieces)
    return pieces


def _pieces(query: Query, request: QueryRequest, service: str, timeout: float | None) -> Generator[bytes]:
    """An empty piece once the first rows are there, then the document."""
    if request.maxrec == 0:  # metadata only: the query need not run (TAP 1.1 section 2.7.4)
        yield b""
        yield from _written(query, request, service, (), lambda: True)
        return
    with query.run(maxrec=request.maxrec, timeout=timeout) as rows:
        batches = iter(rows)
        first = list(itertools.islice(batches, 1))
        yield b""
        yield from _written(query, request, service, itertools.chain(first, batches), lambda: rows.overflow)


def _written(
    query: Query,
    request: QueryRequest,
    service: str,
    batches: Iterable[pa.RecordBatch],
    overflow: Callable[[], bool],
) -> Iterator[bytes]:
    kind = request.format.kind
    infos = _infos(request, service)
    if kind == "votable":
        return votable.write(
            query.columns,
            batches,
            serialization=request.format.serialization,
            infos=infos,
            descriptors=query.descriptors,
            overflow=overflow,
        )
    if kind in ("fits", "parquet"):
        writer = fitstable.write if kind == "fits" else parquet.write
        return writer(query.columns, batches, infos=infos, descriptors=query.descriptors, overflow=overflow)
    if kind == "arrow":
        return arrowstream.write(query.columns, batches, infos=infos, overflow=overflow)
    if kind == "json":
        return jsontable.write(query.columns, batches, overflow=overflow)
    header = request.format.options.get("header") != "absent"
    return text.write(query.columns, batches, dialect=kind, header=header)


def _infos(request: QueryRequest, service: str) -> list[Info]:
    """Where a result comes from (DALI 1.1 section 4.4.3)."""
    told = [
        Info("standardID", STANDARD_ID),
        Info("service", service),
        Info("server_software", "Distiller"),
        Info("query", request.query),
    ]
    return told + ([Info("RUNID", request.run_id)] if request.run_id else [])
