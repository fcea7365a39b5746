"""The DNS that a Client needs, and an implementation on dnspython."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.ttl

from .abi import RecordOutcome
from .step import RecordEvent

_LONGEST_CHAIN = 8


class DnsError(OSError):
    """A lookup failed: SERVFAIL, REFUSED, timeout, a malformed answer, a CNAME loop. That is never "nothing there"."""


class Mx(NamedTuple):
    """One MX record; ``exchange`` as the message has it, in presentation form without trailing dot."""

    preference: int
    exchange: str


class Dns(Protocol):
    """Lookups of the Client. Names are A-labels without trailing dot."""

    async def txt(self, name: str) -> RecordEvent:
        """The outcome of a TXT query. Never raises for what the network does."""
        ...

    async def addresses(self, name: str) -> list[str]:
        """A and AAAA, IPv4 first; [] when there are none.

        :raises DnsError: neither could be found out, or one could not and the other is empty
        """
        ...


class DnspythonDns:
    """Asks recursive resolvers: UDP, TCP after truncation, several servers in turn, never a search list."""

    def __init__(self, servers: Sequence[str] | None = None, port: int = 53, timeout: float = 10.0) -> None:
        """``servers`` are addresses, by default those of resolv.conf. ``timeout`` in seconds, for one lookup in all."""
        self._resolver = dns.asyncresolver.Resolver(configure=servers is None)
        if servers is not None:
            self._resolver.nameservers = list(servers)
            self._resolver.port = port
        self._resolver.lifetime = timeout
        # RFC 9715: 1232 octets pass every path unfragmented.
        self._resolver.use_edns(0, 0, 1232)

    async def txt(self, name: str) -> RecordEvent:
        try:
            found = await self._look_up(dns.name.from_text(name), "TXT")
        except DnsError:
            return RecordEvent(RecordOutcome.FAILED)
        if not found.rdata:
            return RecordEvent(RecordOutcome.NONE, ttl=found.ttl)
        return RecordEvent(RecordOutcome.ANSWERED, found.rdata, found.ttl)

    async def addresses(self, name: str) -> list[str]:
        asked = (self._look_up(dns.name.from_text(name), kind) for kind in ("A", "AAAA"))
        v4, v6 = await asyncio.gather(*asked, return_exceptions=True)
        found = [text for one in (v4, v6) if isinstance(one, _Found) for text in one.texts]
        failed = [one for one in (v4, v6) if isinstance(one, BaseException)]
        if failed and not found:
            raise failed[0]
        return found

    async def mx(self, name: str) -> list[Mx]:
        """The MX RRset in order of preference; [] when there is none (then the domain itself is the host).

        :raises DnsError: it could not be found out
        """
        found = await self._look_up(dns.name.from_text(name), "MX")
        split = [text.split(" ", 1) for text in found.texts]
        return sorted(Mx(int(preference), exchange.removesuffix(".")) for preference, exchange in split)

    async def _look_up(self, name: dns.name.Name, kind: str) -> _Found:
        seen: set[dns.name.Name] = set()
        while name not in seen and len(seen) <= _LONGEST_CHAIN:
            seen.add(name)
            response = await self._ask(name, kind)
            try:
                chain = response.resolve_chaining()
            except dns.exception.DNSException as error:
                raise DnsError(f"{name} {kind}: {error}") from error
            if chain.answer is not None and response.rcode() == dns.rcode.NXDOMAIN:
                raise DnsError(f"{name} {kind}: NXDOMAIN together with the records asked for")
            ttl = 0 if chain.minimum_ttl == dns.ttl.MAX_TTL else int(chain.minimum_ttl)
            if chain.answer is not None:
                rdata = [record.to_wire() or b"" for record in chain.answer]
                return _Found(rdata, [record.to_text() for record in chain.answer], ttl)
            # A message that leads to another name and has no SOA says nothing about that name: ask for it.
            if chain.canonical_name == name or _has(response, "SOA"):
                return _absent(response, name, ttl)
            name = chain.canonical_name
        raise DnsError(f"{name} {kind}: CNAME loop")

    async def _ask(self, name: dns.name.Name, kind: str) -> dns.message.QueryMessage:
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
            return answer.response
        except dns.resolver.NXDOMAIN as error:
            said: dns.message.QueryMessage = error.responses()[name]  # type: ignore[no-untyped-call]
            return said
        except (dns.exception.DNSException, OSError) as error:
            raise DnsError(f"{name} {kind}: {error}") from error


class _Found(NamedTuple):
    rdata: list[bytes]
    texts: list[str]
    ttl: int


def _has(response: dns.message.Message, kind: str) -> bool:
    return any(rrset.rdtype == dns.rdatatype.from_text(kind) for rrset in response.authority)


def _absent(response: dns.message.Message, name: dns.name.Name, ttl: int) -> _Found:
    if not _has(response, "SOA"):
        # RFC 2308 §2.2: a referral is no statement about the name.
        knows = response.flags & dns.flags.RA or (response.flags & dns.flags.AA and not _has(response, "NS"))
        if not knows:
            raise DnsError(f"{name}: a referral instead of an answer")
        ttl = 0
    return _Found([], [], ttl)
