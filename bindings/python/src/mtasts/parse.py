"""Parsers and matchers (RFC 8461 §3, §4.1; RFC 9525 §6.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import abi
from .frame import list_of, octets_of
from .instance import CoreError, CoreInstance

_STRICT = abi.Leniency(0)


@dataclass(frozen=True, slots=True)
class Record:
    """The one valid MTA-STS record of a domain (RFC 8461 §3.1)."""

    id: str
    used: abi.Leniency


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy body says (RFC 8461 §3.2). ``mx`` in lower case, ``max_age`` in seconds, at most 31557600."""

    mode: abi.Mode
    max_age: int
    mx: tuple[str, ...]
    used: abi.Leniency


def txt_rdata(*strings: str | bytes) -> bytes:
    """The RDATA of a TXT RR from its character-strings; one over 255 octets is cut into several."""
    rdata = b""
    for octets in map(octets_of, strings):
        for at in range(0, max(len(octets), 1), 255):
            chunk = octets[at : at + 255]
            rdata += bytes([len(chunk)]) + chunk
    return rdata


class Parsing(CoreInstance):
    """The exports that read one text."""

    def select_record(self, rrset: Iterable[bytes], allowed: abi.Leniency = _STRICT) -> Record | None:
        """The MTA-STS record in a TXT RRset given as RDATA (``txt_rdata``); None when there is none.

        RRs with equal RDATA must be given once.

        :raises CoreError: there is something that means to be a record; it is to be treated like none
        """
        reply = self.ask("mtasts_record_select", list_of(rrset), allowed)
        if reply.status == 0:
            return None
        return Record(reply.payload[8 : 8 + reply.u32(4)].decode("ascii"), abi.Leniency(reply.u32(0)))

    def parse_policy(self, body: str | bytes, allowed: abi.Leniency = _STRICT) -> Policy:
        """Reads a policy body, as it came.

        :raises CoreError: the body is no policy
        """
        text = octets_of(body)
        if len(text) > self._in_cap:
            raise CoreError(abi.Code.POLICY_TOO_LARGE, abi.POLICY_LIMIT)
        reply = self.ask("mtasts_policy_parse", text, allowed)
        mx = tuple(text[at : at + size].decode("ascii").lower() for at, size in reply.pairs(16))
        return Policy(abi.Mode(reply.u32(0)), reply.u32(4), mx, abi.Leniency(reply.u32(8)))

    def match_mx(self, pattern: str | bytes, host: str | bytes) -> bool:
        """Does the mx pattern cover the MX host, given as DNS named it? What is no host name never matches.

        :raises CoreError: the pattern is none
        """
        return self.ask_pair("mtasts_mx_match", octets_of(pattern), octets_of(host)).status == 1

    def match_dns_id(self, names: Iterable[str | bytes], host: str | bytes) -> bool:
        """Does one of a certificate's DNS-IDs (never its common name) name the host?"""
        return self.ask_pair("mtasts_dnsid_match", list_of(map(octets_of, names)), octets_of(host)).status == 1
