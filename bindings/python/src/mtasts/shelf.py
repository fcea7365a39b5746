"""What is held of one domain, and its way to the store and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from .abi import EffectKind, Event
from .decision import Decision
from .step import Clock, Effect
from .store import Store, StoreError

# A row is looked at again at least this often, and before each record check: other processes write too.
_CHECK_MS = 60_000


@dataclass(slots=True)
class Waiter:
    """A caller that waits for what is being found out."""

    event: Event
    answer: asyncio.Future[Decision]


@dataclass(slots=True, eq=False)
class Entry:
    """What this process holds of one Policy Domain. Events of one domain are handled one after the other."""

    domain: str
    state: bytes = b""
    version: int = 0
    checked_at: int | None = None
    """Milliseconds of uptime at the last look at the row; None before the first."""
    damaged: bool = False
    """The stored row failed its checksum and was not replaced yet: it may have been an enforce policy."""
    unwritten: bool = False
    """The store failed to take the state; memory alone has it."""
    query_in_flight: bool = False
    get_in_flight: bool = False
    overwritten: bytes = b""
    """The state that the last reading of the row replaced, in case what was read is damaged."""
    detail: str = ""
    pending: int = 0
    waiters: list[Waiter] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def idle(self) -> bool:
        """May it be dropped from memory without anybody noticing?"""
        flying = self.query_in_flight or self.get_in_flight
        return not (self.unwritten or flying or self.pending or self.waiters)

    def answer_all(self, decision: Decision) -> None:
        for waiter in self.waiters:
            if not waiter.answer.done():
                waiter.answer.set_result(decision)
        self.waiters.clear()


class Shelf:
    """Reads rows, carries out store and forget, notices other writers."""

    def __init__(
        self, store: Store, clock: Callable[[], Clock], now: Callable[[], int], on_fault: Callable[[str, Exception], None]
    ) -> None:
        self._store, self._clock, self._now, self._on_fault = store, clock, now, on_fault
        self.high_water = 0

    async def open(self) -> list[str]:
        """Reads what the store remembers beside policies; the domains it has."""
        try:
            self.high_water = await self._store.high_water()
            return await self._store.domains()
        except StoreError as error:
            self._on_fault("", error)
            return []

    async def load(self, entry: Entry, fresh: bool = False) -> bool:
        """Reads the row if that is due, or at once (``fresh``). False: it was never read, and cannot be."""
        uptime = self._clock().uptime_ms
        if not fresh and entry.checked_at is not None and uptime - entry.checked_at < _CHECK_MS:
            return True
        try:
            if entry.unwritten and await self._put(entry, entry.state):
                return True
            row = await self._store.get(entry.domain)
        except StoreError as error:
            self._on_fault(entry.domain, error)
            return entry.checked_at is not None
        if row is not None and row.version != entry.version:
            entry.overwritten = entry.state if entry.version else b""
            entry.state, entry.version, entry.unwritten = row.state, row.version, False
        elif row is None and entry.version != 0:
            # Deleted by another process it is gone here too; what was never stored is not undone by there being no row.
            entry.state, entry.version = b"", 0
        entry.checked_at = uptime
        return True

    def drop_damaged(self, entry: Entry) -> None:
        """A state that fails its checksum is no policy, and no proof that there was none (R-8461-CSM-12). What memory
        held before it was read counts on, and takes its place in the store."""
        self._on_fault(entry.domain, StoreError("the stored state fails its checksum"))
        entry.state, entry.overwritten = entry.overwritten, b""
        entry.damaged, entry.unwritten = True, entry.state != b""

    async def _put(self, entry: Entry, state: bytes) -> bool:
        """Writes the row durably; False: another process was faster."""
        now = self._now()
        version = await self._store.put(entry.domain, state, entry.version, now)
        if version is None:
            return False
        entry.version, entry.damaged, entry.unwritten = version, False, False
        self.high_water = max(self.high_water, now)
        return True

    async def persist(self, entry: Entry, effects: list[Effect], state: bytes) -> bool:
        """Carries out store or forget, durably. False: another process was faster; nothing has changed."""
        kinds = {effect.kind for effect in effects}
        try:
            if EffectKind.STORE in kinds:
                return await self._put(entry, state)
            if EffectKind.FORGET in kinds:
                if not await self._store.forget(entry.domain, entry.version):
                    return False
                entry.version, entry.unwritten = 0, False
        except StoreError as error:
            # Said, and honoured from memory: a store that fails must not weaken what was learned.
            self._on_fault(entry.domain, error)
            entry.unwritten = EffectKind.STORE in kinds
        return True
