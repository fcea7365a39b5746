"""Requests of step, plan, judge and tlsa_match: fixed fields, then parts behind them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from . import abi


class Frame:
    """A request under construction."""

    def __init__(self, size: int) -> None:
        self._octets = bytearray(size)
        struct.pack_into("<I", self._octets, 0, abi.FRAME_VERSION)

    def put(self, field: int, value: int) -> None:
        """A number; what does not fit 32 bits is an error of the caller (struct.error)."""
        struct.pack_into("<I", self._octets, field, value)

    def part(self, field: int, content: bytes) -> None:
        """Appends content and writes its offset and length to a field."""
        struct.pack_into("<II", self._octets, field, len(self._octets), len(content))
        self._octets += content

    def place(self, field: int, content: bytes) -> None:
        """Writes octets over a fixed field of their size."""
        self._octets[field : field + len(content)] = content

    def octets(self) -> bytes:
        return bytes(self._octets)


def item(content: bytes) -> bytes:
    """One member of a list: a u16 length and its octets (struct.error over 65535)."""
    return struct.pack("<H", len(content)) + content


def list_of(items: Iterable[bytes]) -> bytes:
    """A list as record_select, dnsid_match, plan and tlsa_usable take it."""
    return b"".join(map(item, items))


def octets_of(text: str | bytes) -> bytes:
    """Text crosses as UTF-8, never latin1: an octet that is no ASCII must not become one that is."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
