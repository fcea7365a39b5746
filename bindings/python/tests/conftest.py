"""Counts vectors for the matrix of `npm run test:embed`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_files: dict[str, dict[str, int]] = {}
_others = {"passed": 0, "failed": 0}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and not report.failed:
        return
    _, _, name = report.nodeid.partition("[")
    counts = _others
    if name and "test_vectors.py::test_" in report.nodeid:
        file = name.split(" ")[0] if "::test_vector[" in report.nodeid else "step.json"
        counts = _files.setdefault(file, {"passed": 0, "failed": 0})
    counts["failed" if report.failed else "passed"] += 1


def pytest_sessionfinish() -> None:
    if target := os.environ.get("MTA_STS_VECTOR_REPORT"):
        Path(target).write_text(json.dumps({"files": _files, "others": _others}, indent=2) + "\n")
