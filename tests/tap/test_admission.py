"""A bounded number of queries at once, fairly shared: lines by client, turns while the database works, places."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pytest
from django.conf import LazySettings
from django.test import Client, RequestFactory

from tap import admission
from tap.admission import Admission, AdmittedRows, FairLine, TooBusy, Turns
from tap.context import query_context
from tap.engine.batches import ROWS
from tests.tap.sky import SkyRow

ALICE, BOB, CAROL = "alice", "bob", "carol"


class Crowd:
    """Threads that wait in a line; `served` has their clients in the order in which they got what they wanted."""

    def __init__(self, line: FairLine, most: int = 100) -> None:
        self.line, self.most = line, most
        self.served: list[str] = []
        self.threads: list[threading.Thread] = []

    def joins(self, client: str, count: int = 1) -> None:
        """So many more of a client wait, in this order."""
        for _ in range(count):
            thread = threading.Thread(target=self._wait, args=(client,), daemon=True)
            thread.start()
            self.threads.append(thread)
            # One that is just being served is counted late, and never twice.
            until(lambda: len(self.served) + self.line.waiting == len(self.threads))

    def _wait(self, client: str) -> None:
        self.line.take(client, self.most)
        self.served.append(client)

    def next(self, holder: str) -> str:
        """Who is served when the holder gives back."""
        count = len(self.served)
        self.line.give(holder)
        until(lambda: len(self.served) == count + 1)
        return self.served[-1]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def test_one_query_is_not_behind_fifty_of_somebody_else() -> None:
    """Clients in rotation: who has one waits for one of each other client, however many they have."""
    line = FairLine(1)
    line.take(ALICE, 100)
    crowd = Crowd(line)
    crowd.joins(ALICE, 50)
    crowd.joins(BOB)
    crowd.joins(CAROL, 2)
    order, holder = [], ALICE
    for _ in range(53):
        holder = crowd.next(holder)
        order.append(holder)
    line.give(holder)
    assert order[:6] == [ALICE, BOB, CAROL, ALICE, CAROL, ALICE]
    assert order.count(ALICE) == 50
    assert (line.waiting, line.free) == (0, 1)


def test_nobody_has_more_than_they_may() -> None:
    """What is left is for others, though the client waits."""
    line = FairLine(3)
    line.take(ALICE, 2)
    line.take(ALICE, 2)
    crowd = Crowd(line, most=2)
    crowd.joins(ALICE)
    assert line.free == 1
    line.take(BOB, 2)
    crowd.joins(BOB)
    assert crowd.next(BOB) == BOB
    assert crowd.next(ALICE) == ALICE
    assert (line.waiting, line.free) == (0, 0)


def test_the_line_is_bounded() -> None:
    line = FairLine(1, waiting=2)
    line.take(ALICE, 1)
    crowd = Crowd(line)
    crowd.joins(BOB, 2)
    with pytest.raises(TooBusy, match="too many queries are waiting"):
        line.take(CAROL, 1)
    assert [crowd.next(ALICE), crowd.next(BOB)] == [BOB, BOB]


def test_who_waits_too_long_leaves_the_line() -> None:
    """And leaves nothing behind."""
    line = FairLine(1)
    line.take(ALICE, 1)
    with pytest.raises(TooBusy, match="waited too long"):
        line.take(BOB, 1, deadline=time.monotonic() + 0.01)
    assert line.waiting == 0
    line.give(ALICE)
    line.take(CAROL, 1, deadline=time.monotonic())


def test_turns_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are others, but the next is given when the latest has come back."""
    monkeypatch.setattr(admission, "_FRESH", 100.0)
    line = Turns(3)
    line.take(ALICE, 3)
    crowd = Crowd(line)
    crowd.joins(BOB)
    assert line.free == 2
    assert crowd.next(ALICE) == BOB


def test_a_long_turn_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is not fresh any more; there are never more than there are."""
    monkeypatch.setattr(admission, "_FRESH", 0.05)
    line = Turns(2)
    crowd = Crowd(line)
    started = time.monotonic()
    line.take(ALICE, 2)
    crowd.joins(BOB, 3)
    until(lambda: crowd.served == [BOB])
    assert 0.03 < time.monotonic() - started < 5
    time.sleep(0.2)
    assert (crowd.served, line.free, line.waiting) == ([BOB], 0, 2)
    assert crowd.next(BOB) == BOB
    assert crowd.next(ALICE) == BOB
    assert line.waiting == 0


def test_who_waits_too_long_for_a_turn_leaves() -> None:
    line = Turns(1)
    line.take(ALICE, 1)
    with pytest.raises(TooBusy, match="waited too long"):
        line.take(BOB, 1, deadline=time.monotonic() + 0.03)
    assert line.waiting == 0


class Work:
    """Batches in place of the engine's; fails at `fails_at`. `working` counts those at work, over all of them."""

    overflow = False

    def __init__(self, sizes: list[int], fails_at: int | None = None) -> None:
        self.sizes, self.fails_at = sizes, fails_at
        self.closed = 0

    def __enter__(self) -> Self:
        if self.fails_at == -1:
            raise ValueError("at the start")
        return self

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for n, size in enumerate(self.sizes):
            if n == self.fails_at:
                raise ValueError("on the way")
            yield pa.RecordBatch.from_pydict({"n": pa.array(range(size))})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1


def admitted(work: Work, by: Admission, client: str = ALICE, most: int = 8) -> AdmittedRows:
    return AdmittedRows(work, client, most, by)  # type: ignore[arg-type]


def state(by: Admission) -> tuple[int, int]:
    return by.places.free, by.turns.free


def test_a_slow_reader_has_its_place_and_not_its_turn() -> None:
    """The turn is given back while the client reads, the place at the end."""
    by = Admission(places=4, turns=2, waiting=0, patience=0.01)
    with admitted(Work([ROWS, ROWS, 10]), by) as rows:
        assert state(by) == (3, 1)
        for _ in rows:
            assert state(by) == (3, 2)
    assert state(by) == (4, 2)


def test_a_small_result_keeps_its_turn_while_it_is_made() -> None:
    by = Admission(places=4, turns=2, waiting=0, patience=0.01)
    with admitted(Work([10]), by) as rows:
        assert [state(by) for _ in rows] == [(3, 1)]
    assert state(by) == (4, 2)


def test_a_small_result_takes_one_turn() -> None:
    """It does not go back to the end of the line to learn that there is nothing more."""
    by = Admission(places=4, turns=1, waiting=0, patience=0.01)
    taken = []
    take = by.turns.take
    by.turns.take = lambda *given: (taken.append(given), take(*given))[1]  # type: ignore[method-assign]
    with admitted(Work([50]), by) as rows:
        assert [batch.num_rows for batch in rows] == [50]
    assert len(taken) == 1


@pytest.mark.parametrize("sizes", [[], [3], [ROWS], [3, 3, ROWS, 4], [ROWS] * 3])
def test_all_batches_come_through(sizes: list[int]) -> None:
    by = Admission(places=1, turns=1, waiting=0, patience=0.01)
    with admitted(Work(sizes), by) as rows:
        assert [batch.num_rows for batch in rows] == sizes
    assert state(by) == (1, 1)


@pytest.mark.parametrize("fails_at", [-1, 0, 1, 2])
def test_failures_give_everything_back(fails_at: int) -> None:
    by = Admission(places=1, turns=1, waiting=0, patience=0.01)
    with pytest.raises(ValueError, match=r"at the start|on the way"), admitted(Work([ROWS] * 3, fails_at), by) as rows:
        list(rows)
    assert state(by) == (1, 1)


def test_one_client_does_not_have_all_turns() -> None:
    by = Admission(places=8, turns=2, waiting=8, patience=0.01)
    with admitted(Work([5]), by):
        with pytest.raises(TooBusy), admitted(Work([5]), by):
            pass
        with admitted(Work([5]), by, BOB) as rows:
            assert len(list(rows)) == 1
    assert state(by) == (8, 2)


def test_readers_hold_no_more_connections_than_there_are_places() -> None:
    """Whatever the number of threads: the connections of the database are not used up."""
    by = Admission(places=2, turns=2, waiting=0, patience=20)
    with admitted(Work([ROWS] * 3), by) as slow, admitted(Work([ROWS] * 3), by, BOB) as other:
        next(iter(slow))
        next(iter(other))
        with pytest.raises(TooBusy), admitted(Work([1]), by, CAROL):
            pass
    assert state(by) == (2, 2)


@pytest.mark.parametrize(
    ("form", "media_type"), [("votable", "application/x-votable+xml"), ("csv", "text/plain; charset=utf-8")]
)
@pytest.mark.django_db
def test_a_busy_service_says_so(
    sky: list[SkyRow], client: Client, monkeypatch: pytest.MonkeyPatch, form: str, media_type: str
) -> None:
    """DALI 1.1 section 4.2: an error document with a fitting status, that tells when and where to try again."""
    by = Admission(places=1, turns=1, waiting=0, patience=0.01)
    monkeypatch.setattr("tap.service.admission", lambda: by)
    query = {"QUERY": "SELECT TOP 1 n FROM test.sky", "LANG": "ADQL", "RESPONSEFORMAT": form}
    with admitted(Work([1]), by, BOB):
        response = client.get("/tap/sync", query)
    assert (response.status_code, response["Content-Type"], response["Retry-After"]) == (503, media_type, "10")
    told = response.content.decode()
    assert "the service is busy" in told
    assert "http://testserver/tap/async" in told
    assert client.get("/tap/sync", query).status_code == 200


@pytest.mark.parametrize(
    ("given", "trusted", "client"),
    [
        ({"REMOTE_ADDR": "192.0.2.7"}, False, "192.0.2.7"),
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "198.51.100.1"}, False, "192.0.2.7"),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.9.9.9, 198.51.100.1"}, True, "198.51.100.1"),
        ({"REMOTE_ADDR": "192.0.2.7"}, True, "192.0.2.7"),
        ({"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, False, "2001:db8:1:2::/64"),
        ({"REMOTE_ADDR": "::ffff:192.0.2.7"}, False, "192.0.2.7"),
        ({"REMOTE_ADDR": ""}, False, ""),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "nonsense"}, True, ""),
    ],
)
def test_whom_a_query_is_charged_to(settings: LazySettings, given: dict[str, Any], trusted: bool, client: str) -> None:
    """An anonymous client is its address: what the service sees, or what its own proxy saw."""
    from django.contrib.auth.models import AnonymousUser

    settings.DISTILLER_TRUST_PROXY = trusted
    request = RequestFactory().get("/tap/sync", **given)
    request.user = AnonymousUser()
    assert query_context(request).client == client


def test_a_user_is_the_same_client_from_everywhere() -> None:
    from django.contrib.auth.models import User

    request = RequestFactory().get("/tap/sync")
    request.user = User(username="ada")
    assert query_context(request).client == "user ada"
