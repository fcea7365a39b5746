"""Reads test/vectors; its README.md says what the fields mean. A field that is not known here fails the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from mtasts import Leniency
from mtasts.words import Word

FOLDER = Path(__file__).parents[3] / "test" / "vectors"

Vector = dict[str, Any]
W = TypeVar("W", bound=Word)


def content(file: str) -> dict[str, Any]:
    """One file, whole."""
    read: dict[str, Any] = json.loads((FOLDER / file).read_text("utf-8"))
    return read


def octets(written: Any) -> bytes:
    """One chunk, or an array of them."""
    if isinstance(written, list):
        return b"".join(map(octets, written))
    if isinstance(written, str):
        return written.encode("utf-8", "surrogatepass")
    if set(written) == {"hex"}:
        return bytes.fromhex(written["hex"])
    assert set(written) == {"text", "times"}, f"no octets: {written}"
    return octets(written["text"]) * int(written["times"])


def by_word(kind: type[W], word: str) -> W:
    """The number that a word stands for."""
    return next(member for member in kind if member.word == word)


def leniency(words: list[str]) -> Leniency:
    allowed = Leniency(0)
    for word in words:
        allowed |= Leniency[word.upper().replace("-", "_")]
    return allowed


def must_know(vector: Vector, *fields: str) -> None:
    unknown = set(vector) - {"req", "name", "expect", *fields}
    assert not unknown, f"a field that is not known here: {unknown}"
