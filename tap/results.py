"""A prepared query and the request it came with become a result document (TAP 1.1 section 3, DALI 1.1 section 4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

from tap import outputs
from tap.engine.batches import Batch
from tap.engine.faults import BetterAsync
from tap.request import QueryRequest
from tap.service import Query
from vo import arrowstream, fitstable, jsontable, parquet, text, votable
from vo.errors import InternalFault
from vo.votable import Info

STANDARD_ID = "ivo://ivoa.net/std/TAP"
_TEXT = ("csv", "tsv")


def document(
    query: Query,
    request: QueryRequest,
    service: str,
    timeout: float | None,
    *,
    strict: bool = False,
    departed: Callable[[], bool] | None = None,
    standard: str = STANDARD_ID,
    async_url: str | None = None,
) -> Generator[bytes]:
    """The result document in pieces; `service` is the URL of the service that answers, by that standard.

    `async_url` is where queries that take too long may go.

    The statement is started and its first rows are read before this returns, so that an error up to there is raised and
    can still be answered with its status. Closing the generator ends the statement, and so does a client that has
    `departed`. A later error is told in the document where its format allows it; `strict` raises it in any case.
    """
    pieces = _pieces(query, request, _infos(request, service, standard), timeout, strict, departed, async_url)
    try:
        next(pieces)
    except BetterAsync as fault:
        fault.advise(async_url)
        raise
    return pieces


def metadata(query: Query, request: QueryRequest, service: str, standard: str) -> Generator[bytes]:
    """A document without rows, which is all of it: what SIA 2.0 section 2.1 (MAXREC) and Simple Cone
    Search (SR=0) want.

    TAP says OVERFLOW for MAXREC=0.
    """
    yield from _written(query, request, _infos(request, service, standard), (), lambda: False)


def _pieces(
    query: Query,
    request: QueryRequest,
    infos: Sequence[Info],
    timeout: float | None,
    strict: bool,
    departed: Callable[[], bool] | None,
    async_url: str | None,
) -> Generator[bytes]:
    """An empty piece once the first rows are there, then the document."""
    output = outputs.find(request.format.kind)
    if output is not None:
        with query.run(maxrec=request.maxrec, timeout=timeout, departed=departed) as rows:
            made = output.make(outputs.Answer(query, rows, async_url))
        yield b""
        yield from made
        return
    if request.maxrec == 0:  # metadata only: the query need not run (TAP 1.1 section 2.7.4)
        yield b""
        yield from _written(query, request, infos, (), lambda: True)
        return
    is_text = request.format.kind in _TEXT
    with query.run(maxrec=request.maxrec, timeout=timeout, departed=departed, plain=is_text) as rows:
        batches = _Followed(rows, async_url)
        first = list(itertools.islice(batches, 1))
        yield b""
        yield from _written(query, request, infos, itertools.chain(first, batches), lambda: rows.overflow)
        if strict and not batches.ended:
            raise batches.error or InternalFault()


class _Followed:
    """The batches of a result; knows whether they were read to their end, and what kept them from it."""

    def __init__(self, rows: Iterable[Batch], async_url: str | None) -> None:
        self._batches = iter(rows)
        self._async_url = async_url
        self.ended = False
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        try:
            return next(self._batches)
        except StopIteration:
            self.ended = True
            raise
        except Exception as error:
            if isinstance(error, BetterAsync):
                error.advise(self._async_url)
            self.error = error
            raise


def _written(
    query: Query,
    request: QueryRequest,
    infos: Sequence[Info],
    batches: Iterable[Batch],
    overflow: Callable[[], bool],
) -> Iterator[bytes]:
    kind = request.format.kind
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


def _infos(request: QueryRequest, service: str, standard: str) -> list[Info]:
    """Where a result comes from (DALI 1.1 section 4.4.3), for the formats that can say it."""
    if request.format.kind in _TEXT:
        return []
    told = [
        Info("standardID", standard),
        Info("service", service),
        Info("server_software", "Distiller"),
    ]
    told += [Info("query", request.query)] if request.query else []
    return told + ([Info("RUNID", request.run_id)] if request.run_id else [])
