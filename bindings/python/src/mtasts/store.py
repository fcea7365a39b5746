"""Where policies outlive the process. Writes are compare-and-swap: several processes may share one store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Row(NamedTuple):
    """The octets of one Policy Domain, and the version they were written under (never 0, never used again)."""

    state: bytes
    version: int


class StoreError(OSError):
    """The store cannot do it now: disk full, file damaged, locked. That is never "no policy"."""


class Store(Protocol):
    """What a Client needs. Every method raises StoreError when the store fails."""

    async def get(self, domain: str) -> Row | None: ...

    async def put(self, domain: str, state: bytes, expected: int, now: int) -> int | None:
        """Writes durably if the row still has the expected version (0: there is none); its new version, or None.

        ``now`` (Unix seconds) raises the high-water time.
        """
        ...

    async def forget(self, domain: str, expected: int) -> bool:
        """Deletes if the row still has the expected version; False on conflict."""
        ...

    async def domains(self) -> list[str]: ...

    async def high_water(self) -> int:
        """The highest ``now`` ever written, 0 for a new store."""
        ...

    async def close(self) -> None: ...


class MemoryStore:
    """Forgets everything with the process: for tests, and for those who keep nothing on purpose."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._versions = self._high_water = 0

    async def get(self, domain: str) -> Row | None:
        return self._rows.get(domain)

    async def put(self, domain: str, state: bytes, expected: int, now: int) -> int | None:
        if self._version(domain) != expected:
            return None
        self._versions += 1
        self._rows[domain] = Row(state, self._versions)
        self._high_water = max(self._high_water, now)
        return self._versions

    async def forget(self, domain: str, expected: int) -> bool:
        if self._version(domain) != expected:
            return False
        self._rows.pop(domain, None)
        return True

    def _version(self, domain: str) -> int:
        row = self._rows.get(domain)
        return row.version if row else 0

    async def domains(self) -> list[str]:
        return sorted(self._rows)

    async def high_water(self) -> int:
        return self._high_water

    async def close(self) -> None:
        """Nothing is kept open."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS policy (domain TEXT PRIMARY KEY, state BLOB NOT NULL, version INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS seen (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER, high_water INTEGER) STRICT;
INSERT OR IGNORE INTO seen VALUES (1, 0, 0);
"""
_CURRENT = "SELECT coalesce(max(version), 0) FROM policy WHERE domain = ?"


class SqliteStore:
    """One file, many processes. What a call wrote survives a crash of the machine when the call is over."""

    def __init__(self, path: str) -> None:
        """Opens or makes the file.

        :raises StoreError: it cannot be opened, or is no database
        """
        # One thread, because a connection is used by one at a time; not the caller's, because the disk takes time.
        self._thread = ThreadPoolExecutor(1, "mtasts-store")
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {_SCHEMA}")
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise StoreError(str(error)) from error

    def _transaction(self, work: Callable[[], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = work()
            self._db.execute("COMMIT")
            return result
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    async def get(self, domain: str) -> Row | None:
        query = "SELECT state, version FROM policy WHERE domain = ?"
        found = await self._in_thread(lambda: self._db.execute(query, (domain,)).fetchone())
        return Row(*found) if found else None

    async def put(self, domain: str, state: bytes, expected: int, now: int) -> int | None:
        def write() -> int | None:
            if self._db.execute(_CURRENT, (domain,)).fetchone()[0] != expected:
                return None
            raised = "UPDATE seen SET version = version + 1, high_water = max(high_water, ?) RETURNING version"
            (version,) = self._db.execute(raised, (now,)).fetchone()
            self._db.execute("INSERT OR REPLACE INTO policy VALUES (?, ?, ?)", (domain, state, version))
            return int(version)

        return await self._in_thread(lambda: self._transaction(write))

    async def forget(self, domain: str, expected: int) -> bool:
        def delete() -> bool:
            if self._db.execute(_CURRENT, (domain,)).fetchone()[0] != expected:
                return False
            self._db.execute("DELETE FROM policy WHERE domain = ?", (domain,))
            return True

        return await self._in_thread(lambda: self._transaction(delete))

    async def domains(self) -> list[str]:
        query = "SELECT domain FROM policy ORDER BY domain"
        return [domain for (domain,) in await self._in_thread(lambda: self._db.execute(query).fetchall())]

    async def high_water(self) -> int:
        query = "SELECT high_water FROM seen"
        return int((await self._in_thread(lambda: self._db.execute(query).fetchone()))[0])

    async def close(self) -> None:
        await self._in_thread(self._db.close)
        self._thread.shutdown()
