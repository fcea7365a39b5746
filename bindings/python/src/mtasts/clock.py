"""What time it is, as the core wants it."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from pathlib import Path
from secrets import randbits

from .step import Clock

_DAY = 86_400
# On Linux this one goes on while the machine sleeps.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _boot() -> int:
    """Linux names each boot; elsewhere every process counts as a boot of its own, which is only more careful."""
    try:
        return zlib.crc32(Path("/proc/sys/kernel/random/boot_id").read_bytes())
    except OSError:
        return randbits(32)


def system_clock() -> Callable[[], Clock]:
    """Reads the clocks of the machine."""
    boot = _boot()
    return lambda: Clock(int(time.time()), time.clock_gettime_ns(_STEADY) // 1_000_000, boot)


def steady_time(clock: Callable[[], Clock]) -> Callable[[], int]:
    """Unix time for what outlives the process: never more than a day ahead of the start and the time passed since, so
    that one moment of a clock set years ahead does not become the store's high-water time."""
    start = clock()

    def now() -> int:
        read = clock()
        return min(read.now, start.now + (read.uptime_ms - start.uptime_ms) // 1000 + _DAY)

    return now
