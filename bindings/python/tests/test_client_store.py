"""The Client and a store that fails, is damaged, or is written to by somebody else. DNS and HTTPS are said, not asked."""

from __future__ import annotations

import pytest

from mtasts import Clock, Core, FetchOutcome, RecordEvent, RecordOutcome, Status, Verdict, txt_rdata
from mtasts.client import Client
from mtasts.https import Fetched
from mtasts.store import MemoryStore, Row, StoreError

_CORE = Core()
_BODY = b"version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 864000\n"


class Said:
    """DNS and policy host of one domain."""

    def __init__(self) -> None:
        self.record = RecordEvent(RecordOutcome.ANSWERED, [txt_rdata("v=STSv1; id=1;")], 300)
        self.policy = Fetched(FetchOutcome.OK, "", _BODY, "text/plain")

    async def txt(self, name: str) -> RecordEvent:
        return self.record

    async def addresses(self, name: str) -> list[str]:
        return []

    async def fetch(self, domain: str) -> Fetched:
        return self.policy


class Time:
    def __init__(self) -> None:
        self.seconds = 0

    def __call__(self) -> Clock:
        return Clock(2_000_000_000 + self.seconds, (1_000_000 + self.seconds) * 1000, 1)


class BrokenStore(MemoryStore):
    """Reads and writes fail while `broken`."""

    broken = True

    async def get(self, domain: str) -> Row | None:
        if self.broken:
            raise StoreError("I/O error")
        return await super().get(domain)

    async def put(self, domain: str, state: bytes, expected: int, now: int) -> int | None:
        if self.broken:
            raise StoreError("I/O error")
        return await super().put(domain, state, expected, now)


def _client(said: Said, store: MemoryStore, time: Time) -> Client:
    return Client(_CORE, said, said, store, on_notice=lambda *_: None, clock=time, seed=lambda: 0)


@pytest.fixture
def said() -> Said:
    return Said()


async def test_a_store_that_cannot_be_read_makes_no_policy_temporary(said: Said) -> None:
    """(R-8461-CSM-13)"""
    said.record = RecordEvent(RecordOutcome.NONE, ttl=300)
    async with _client(said, BrokenStore(), Time()) as client:
        assert (await client.resolve("example.com")).verdict == Verdict.TEMP


async def test_a_policy_found_live_is_honoured_though_the_store_fails_and_written_when_it_works_again(said: Said) -> None:
    """(R-8461-CSM-13)"""
    store, time = BrokenStore(), Time()
    async with _client(said, store, time) as client:
        assert (await client.resolve("example.com")).status == Status.FETCHED
        said.record = RecordEvent(RecordOutcome.NONE, ttl=300)
        time.seconds = 120
        assert (await client.resolve("example.com")).verdict == Verdict.POLICY
        store.broken = False
        time.seconds = 240
        assert (await client.resolve("example.com")).verdict == Verdict.POLICY
    assert await store.domains() == ["example.com"]


async def test_a_damaged_row_is_temporary_until_a_policy_takes_its_place(said: Said) -> None:
    """(R-8461-CSM-12)"""
    store = MemoryStore()
    await store.put("example.com", b"MSTS" + b"\xff" * 300, 0, 0)
    said.record = RecordEvent(RecordOutcome.NONE, ttl=300)
    async with _client(said, store, Time()) as client:
        assert (await client.resolve("example.com")).verdict == Verdict.TEMP
    said.record = Said().record
    async with _client(said, store, Time()) as client:
        assert (await client.resolve("example.com")).status == Status.FETCHED


async def test_a_row_that_is_damaged_under_a_running_client_is_replaced_by_what_memory_holds(said: Said) -> None:
    """(R-8461-CSM-12)"""
    store, time = MemoryStore(), Time()
    async with _client(said, store, time) as client:
        await client.resolve("example.com")
        row = await store.get("example.com")
        assert row
        version = await store.put("example.com", b"damaged", row.version, 0)
        said.record = RecordEvent(RecordOutcome.NONE, ttl=300)
        for time.seconds in (120, 240):
            assert (await client.resolve("example.com")).verdict == Verdict.POLICY
        mended = await store.get("example.com")
        assert mended and mended.version != version and mended.state.startswith(b"MSTS")


async def test_of_two_clients_on_one_store_neither_loses_the_policy_of_the_other(said: Said) -> None:
    store, time = MemoryStore(), Time()
    async with _client(said, store, time) as one, _client(said, store, time) as two:
        assert (await one.resolve("example.com")).status == Status.FETCHED
        said.record = RecordEvent(RecordOutcome.NONE, ttl=300)
        assert (await two.resolve("example.com")).verdict == Verdict.POLICY


async def test_a_resolver_that_raises_is_a_failed_lookup_not_a_missing_record(said: Said) -> None:
    async def fail(name: str) -> RecordEvent:
        raise ZeroDivisionError

    said.txt = fail  # type: ignore[method-assign]
    async with _client(said, MemoryStore(), Time()) as client:
        assert (await client.resolve("example.com")).verdict == Verdict.TEMP


async def test_a_client_that_is_closed_answers_temp(said: Said) -> None:
    client = _client(said, MemoryStore(), Time())
    async with client:
        pass
    assert (await client.resolve("example.com")).verdict == Verdict.TEMP


async def test_a_listener_that_fails_keeps_nothing_from_being_done(said: Said) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    store = MemoryStore()
    client = Client(_CORE, said, said, store, on_notice=fail, clock=Time(), seed=lambda: 0)
    async with client:
        assert (await client.resolve("example.com")).status == Status.FETCHED
