"""A TLS connection to a policy host, with what asyncio's own does not tell."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

# Octets that one connection may send us, handshake and all framing included: limits on the body do not see a flood of
# 1xx responses, chunk extensions or empty TLS records.
_BUDGET = 128 * 1024


class TooMuch(Exception):
    """The peer sent more than any policy needs."""


class TlsConnection:
    """TLS over a TCP stream. ``read`` gives b"" only for a close_notify, which nobody on the path can forge; a stream
    that just ends raises ``ssl.SSLEOFError`` (RFC 9112 §9.8). asyncio's transports make both look the same."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str
    ) -> None:
        self._reader, self._writer = reader, writer
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=host)
        self._budget = _BUDGET

    async def handshake(self) -> None:
        """:raises ssl.SSLError: the handshake failed; SSLCertVerificationError: the chain is not trusted"""
        while True:
            try:
                self._tls.do_handshake()
                return await self._flush()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLError:
                await self._flush()  # the alert
                raise

    def dns_ids(self) -> list[str]:
        """The dNSName SANs of the server's certificate; never its subject."""
        certificate: dict[str, Any] = dict(self._tls.getpeercert() or {})
        return [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]

    @property
    def version(self) -> str:
        return self._tls.version() or "unknown"

    async def write(self, data: bytes) -> None:
        self._tls.write(data)
        await self._flush()

    async def read(self) -> bytes:
        """Some octets, b"" when the peer said goodbye in TLS."""
        while True:
            try:
                return self._tls.read(16_384)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    async def _flush(self) -> None:
        if self._to_send.pending:
            self._writer.write(self._to_send.read())
            await self._writer.drain()

    async def _receive(self) -> None:
        data = await self._reader.read(16_384)
        self._budget -= len(data)
        if self._budget < 0:
            raise TooMuch
        if data:
            self._received.write(data)
        else:
            self._received.write_eof()

    def abort(self) -> None:
        """Ends the connection at once. It is never used twice."""
        self._writer.transport.abort()
