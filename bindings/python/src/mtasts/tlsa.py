"""The TLSA exports (RFC 6698, RFC 7672)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import NamedTuple

from . import abi
from .frame import Frame, list_of
from .instance import CoreInstance


class UsableTlsa(NamedTuple):
    """What a TLSA RRset is worth, and the RDATA of the records that remain."""

    state: abi.DaneState
    remain: tuple[bytes, ...]


class TlsaBase(NamedTuple):
    """The DANE state of an MX host; while it is UNKNOWN, ``base`` is the candidate to ask for next."""

    state: abi.DaneState
    base: abi.Base


class TlsaMatch(NamedTuple):
    """A record (RDATA) and the certificate it matches, counted from 0, the server's own."""

    record: bytes
    certificate: int


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A certificate that a server sent and its SubjectPublicKeyInfo, both DER."""

    certificate: bytes
    public_key: bytes

    def octets(self) -> bytes:
        """As tlsa_match has it: four digests, then both in full behind their lengths."""
        both = (self.certificate, self.public_key)
        digests = b"".join(sha256(der).digest() + sha512(der).digest() for der in both)
        return digests + b"".join(struct.pack("<I", len(der)) + der for der in both)


class Tlsa(CoreInstance):
    """The exports for DANE."""

    def usable_tlsa(self, rrset: Iterable[bytes]) -> UsableTlsa:
        """What a TLSA RRset (RDATA) that DNSSEC authenticated is worth (RFC 7672 §3.1).

        :raises CoreError: the host must wait: that is no "no TLSA"
        """
        octets = list_of(rrset)
        reply = self.ask("mtasts_tlsa_usable", octets)
        remain = tuple(octets[at : at + size] for at, size in reply.pairs(8))
        return UsableTlsa(abi.DaneState(reply.u32(0)), remain)

    def tlsa_base(
        self,
        addresses: abi.Addresses,
        expanded: abi.DaneState = abi.DaneState.UNKNOWN,
        original: abi.DaneState = abi.DaneState.UNKNOWN,
    ) -> TlsaBase:
        """Where the TLSA records of an MX host stand (RFC 7672 §2.2), given the outcomes of the candidates so far."""
        reply = self.ask_numbers("mtasts_tlsa_base", addresses, expanded, original)
        return TlsaBase(abi.DaneState(reply.u32(0)), abi.Base(reply.u32(4)))

    def match_tlsa(self, records: Iterable[bytes], certificates: Iterable[PeerCertificate]) -> list[TlsaMatch]:
        """Which records match which certificates (RFC 6698 §2.1), in the order the server sent them.

        What a DANE-TA match is worth the caller must find out: whether that certificate issues a valid chain.
        """
        frame = Frame(abi.M_SIZE)
        frame.part(abi.M_RECORDS, list_of(records))
        frame.part(abi.M_CERTIFICATES, b"".join(peer.octets() for peer in certificates))
        request = frame.octets()
        payload = self.ask("mtasts_tlsa_match", request).payload
        matches = struct.iter_unpack("<III", payload)
        return [TlsaMatch(request[at : at + size], which) for at, size, which in matches]
