"""Nanoseconds per call, a line each, for `npm run bench:embed`: `PYTHONPATH=src python bench.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

from mtasts import Core, txt_rdata

_POLICY = (
    b"version: STSv1\nmode: enforce\nmx: mail1.example.com\nmx: mail2.example.com\nmx: mail3.example.com\n"
    b"mx: *.example.net\nmx: backup.example.org\nmax_age: 604800\n"
)
_RRSET = [txt_rdata("v=STSv1; id=20260101000000Z;")]


def _least(call: Callable[[], object], repeat: int, rounds: int = 15) -> float:
    """The least of the rounds: what is above it is the machine's other work."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(repeat):
            call()
        best = min(best, (time.perf_counter_ns() - start) / repeat)
    return best


def main() -> None:
    core = Core()
    for name, call in {
        # What a call costs before anything is decided: an export without arguments, then request and reply as well.
        "bare_call": lambda: core._call("mtasts_abi_version", ()),
        "exchange": lambda: core.ask_pair("mtasts_mx_match", b"*.a.b", b"c.a.b"),
        "select_record": lambda: core.select_record(_RRSET),
        "parse_policy": lambda: core.parse_policy(_POLICY),
        "match_mx": lambda: core.match_mx("*.example.net", "mx1.example.net"),
    }.items():
        print(name, round(_least(call, 2_000)))
    print("instantiate", round(_least(Core, 1, 5)))


if __name__ == "__main__":
    main()
