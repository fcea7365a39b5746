"""The one GET of a policy (RFC 8461 §3.3)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import h11

from .abi import POLICY_LIMIT, FetchOutcome
from .addresses import may_be_dialled
from .dns import Dns, DnsError
from .tls import TlsConnection, TooMuch

POLICY_PATH = "/.well-known/mta-sts.txt"
_HEADERS = 8 * 1024
_MOST_ADDRESSES = 6
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the GET came to; ``body`` and ``content_type`` (None: absent) only for FetchOutcome.OK."""

    outcome: FetchOutcome
    detail: str = ""
    body: bytes = b""
    content_type: str | None = None


class Fetcher(Protocol):
    """What a Client needs for the policy."""

    async def fetch(self, domain: str) -> Fetched:
        """One GET for a canonical domain. Never raises for what the network does."""
        ...


class _Failed(Exception):
    def __init__(self, outcome: FetchOutcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


class PolicyFetcher:
    """Fetches over HTTP/1.1 and TLS 1.2 or later: one address that was checked, one request, one deadline.

    On h11 and ``ssl``, not on an HTTP client: the address that is dialled must be the one that was checked, the
    certificate is compared by the core's rule (no common name, no partial wildcard), and a body that nothing but the
    end of the connection delimits counts only with a TLS close_notify.
    """

    def __init__(
        self,
        dns: Dns,
        match_dns_id: Callable[[Sequence[str], str], bool],
        *,
        cafile: str | None = None,
        cadata: str | None = None,
        timeout: float = 60.0,
        allow_private_addresses: bool = False,
        port: int = 443,
    ) -> None:
        """``match_dns_id`` is ``Core.match_dns_id``. Without ``cafile`` and ``cadata`` (PEM) the roots are those of the
        system. ``timeout`` (seconds) bounds a fetch in all, whatever trickles in. Another port is for tests."""
        self._dns, self._match = dns, match_dns_id
        self._timeout, self._allow_private, self._port = timeout, allow_private_addresses, port
        self._context = ssl.create_default_context(cafile=cafile, cadata=cadata)
        # The chain is OpenSSL's to verify; the name is the core's, which knows neither CN nor partial wildcards.
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.set_alpn_protocols(["http/1.1"])

    async def fetch(self, domain: str) -> Fetched:
        host = f"mta-sts.{domain}"
        if len(host) > 253:
            return Fetched(FetchOutcome.DNS, f"{host} is too long for DNS")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(host)
        except _Failed as failure:
            return Fetched(failure.outcome, str(failure))
        except TimeoutError:
            return Fetched(FetchOutcome.TIMEOUT, f"no complete answer from {host} within {self._timeout:g} s")
        except TooMuch:
            return Fetched(FetchOutcome.TOO_LARGE, f"{host} sent more than any policy needs")

    async def _get(self, host: str) -> Fetched:
        connection = await self._connect(host, await self._checked_addresses(host))
        try:
            await self._handshake(connection, host)
            return await _exchange(connection, host)
        finally:
            connection.abort()

    async def _checked_addresses(self, host: str) -> list[str]:
        try:
            found = await self._dns.addresses(host)
        except DnsError as error:
            raise _Failed(FetchOutcome.DNS, f"the lookup of {host} failed: {error}") from error
        if not found:
            raise _Failed(FetchOutcome.DNS, f"{host} has no address")
        allowed = [address for address in found if may_be_dialled(address, self._allow_private)]
        if not allowed:
            raise _Failed(FetchOutcome.ADDRESS_FORBIDDEN, f"no address of {host} may be dialled: {', '.join(found)}")
        return allowed[:_MOST_ADDRESSES]

    async def _connect(self, host: str, addresses: list[str]) -> TlsConnection:
        """Only the TCP handshake moves on to the next address: a server that answers and then fails is the answer."""
        failures = []
        patience = min(_CONNECT_SECONDS, self._timeout / len(addresses))
        for address in addresses:
            try:
                async with asyncio.timeout(patience):
                    reader, writer = await asyncio.open_connection(address, self._port)
                return TlsConnection(reader, writer, self._context, host)
            except OSError as error:  # TimeoutError is one
                failures.append(f"{address} {error or 'no answer'}")
        raise _Failed(FetchOutcome.CONNECT, f"no address of {host} accepts a connection: {'; '.join(failures)}")

    async def _handshake(self, connection: TlsConnection, host: str) -> None:
        try:
            await connection.handshake()
        except ssl.SSLCertVerificationError as error:
            raise _Failed(FetchOutcome.CERTIFICATE, f"{host}: {error.verify_message}") from error
        # Octets before the certificate is proven are anybody's: too many of them say nothing about the domain.
        except (OSError, TooMuch) as error:
            raise _Failed(FetchOutcome.TLS, f"the TLS handshake with {host} failed: {error}") from error
        try:
            names = connection.dns_ids()
        except (ValueError, ssl.SSLError) as error:
            raise _Failed(FetchOutcome.CERTIFICATE, f"the certificate of {host} cannot be read: {error}") from error
        if not self._match(names, host):
            raise _Failed(FetchOutcome.CERTIFICATE, f"the certificate of {host} names {', '.join(names) or 'no host'}")


async def _exchange(connection: TlsConnection, host: str) -> Fetched:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADERS)
    headers = [
        ("Host", host),
        ("User-Agent", "mta-sts-engine"),
        ("Accept-Encoding", "identity"),
        ("Cache-Control", "no-cache"),
        ("Connection", "close"),
    ]
    request = http.send(h11.Request(method="GET", target=POLICY_PATH, headers=headers)) or b""
    try:
        await connection.write(request + (http.send(h11.EndOfMessage()) or b""))
        return await _response(connection, http, host)
    except h11.ProtocolError as error:
        _, ended = http.trailing_data
        outcome = FetchOutcome.INCOMPLETE if ended else FetchOutcome.PROTOCOL
        raise _Failed(outcome, f"{host}: {error}") from error
    except OSError as error:  # ssl.SSLError is one
        raise _Failed(FetchOutcome.INCOMPLETE, f"{host} ended the connection too early: {error}") from error


async def _response(connection: TlsConnection, http: h11.Connection, host: str) -> Fetched:
    body = b""
    content_type: str | None = None
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await connection.read())
        elif isinstance(event, h11.Response):
            content_type = _accept_head(event, host)
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
            if len(body) > POLICY_LIMIT:
                raise _Failed(FetchOutcome.TOO_LARGE, f"the policy of {host} is larger than 64 KiB")
        elif isinstance(event, h11.EndOfMessage):
            return Fetched(FetchOutcome.OK, "", body, content_type)
        elif isinstance(event, h11.ConnectionClosed):
            raise _Failed(FetchOutcome.INCOMPLETE, f"{host} closed the connection without a response")


def _accept_head(head: h11.Response, host: str) -> str | None:
    """Refuses what is not a plain 200; gives the Content-Type, several of them joined so that the core refuses them."""

    def field(name: bytes) -> str | None:
        values = [value.decode("latin1") for key, value in head.headers if key == name]
        return ", ".join(values) if values else None

    if 300 <= head.status_code <= 399:
        raise _Failed(FetchOutcome.REDIRECT, f"{host} redirects ({head.status_code}); redirects are not followed")
    if head.status_code != 200:
        raise _Failed(FetchOutcome.STATUS, f"{host} answered with status {head.status_code}, not 200")
    if (encoding := field(b"content-encoding")) is not None:
        raise _Failed(FetchOutcome.ENCODING, f"{host} sent Content-Encoding: {encoding}; none is accepted")
    if int(field(b"content-length") or 0) > POLICY_LIMIT:
        raise _Failed(FetchOutcome.TOO_LARGE, f"the policy of {host} is larger than 64 KiB")
    return field(b"content-type")
