"""Every store: compare-and-swap, versions that never come back, the high-water time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mtasts.store import MemoryStore, Row, SqliteStore, Store, StoreError


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "policies.db"))
    yield made
    await made.close()


async def test_a_row_is_read_as_it_was_written(store: Store) -> None:
    version = await store.put("example.com", b"\0state\xff", 0, 5)
    assert version and await store.get("example.com") == Row(b"\0state\xff", version)
    assert await store.domains() == ["example.com"]
    assert await store.get("example.org") is None


async def test_a_write_under_an_old_version_changes_nothing(store: Store) -> None:
    first = await store.put("example.com", b"one", 0, 5)
    assert first
    second = await store.put("example.com", b"two", first, 5)
    assert await store.put("example.com", b"three", first, 5) is None
    assert await store.put("example.com", b"three", 0, 5) is None
    assert await store.forget("example.com", first) is False
    assert second and await store.get("example.com") == Row(b"two", second)


async def test_a_version_is_never_used_again_after_forget(store: Store) -> None:
    first = await store.put("example.com", b"one", 0, 5)
    assert first and await store.forget("example.com", first)
    assert await store.forget("example.com", 0)
    assert await store.put("example.com", b"one", 0, 5) not in (first, None)


async def test_the_high_water_time_only_rises(store: Store) -> None:
    assert await store.high_water() == 0
    await store.put("a.test", b"", 0, 100)
    await store.put("b.test", b"", 0, 50)
    assert await store.high_water() == 100


async def test_a_sqlite_file_serves_two_processes_and_outlives_both(tmp_path: Path) -> None:
    path = str(tmp_path / "policies.db")
    one, two = SqliteStore(path), SqliteStore(path)
    version = await one.put("example.com", b"one", 0, 5)
    assert version and await two.get("example.com") == Row(b"one", version)
    assert await two.put("example.com", b"two", version, 5)
    assert await one.put("example.com", b"lost", version, 5) is None
    await one.close()
    await two.close()
    again = SqliteStore(path)
    row = await again.get("example.com")
    assert row and row.state == b"two"
    await again.close()


async def test_a_file_that_is_no_database_is_refused_not_emptied(tmp_path: Path) -> None:
    path = tmp_path / "policies.db"
    path.write_bytes(b"this is no database, but somebody's file" * 100)
    with pytest.raises(StoreError):
        SqliteStore(str(path))
    assert path.read_bytes().startswith(b"this is no database")
