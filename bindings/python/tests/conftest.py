"""Counts vectors for the matrix of `npm run test:embed`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_counts: dict[str, dict[str, int]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" or "test_vectors.py::test_" not in report.nodeid:
        return
    _, _, name = report.nodeid.partition("[")
    file = name.split(" ")[0] if "::test_vector[" in report.nodeid else "step.json"
    if name:
        _counts.setdefault(file, {"passed": 0, "failed": 0})["passed" if report.passed else "failed"] += 1


def pytest_sessionfinish() -> None:
    if target := os.environ.get("MTA_STS_VECTOR_REPORT"):
        Path(target).write_text(json.dumps({"runtime": "wasmtime (Python)", "files": _counts}, indent=2) + "\n")
