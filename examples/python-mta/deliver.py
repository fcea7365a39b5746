"""A small sending MTA: one message to one recipient, as the policy of the domain demands.

    python deliver.py me@here.example you@example.com < message.eml
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from collections.abc import Callable, Sequence

import aiosmtplib

from mtasts import Action, Chain, Core, JudgeVerdict, PlanEntry, Session, SessionFacts, Verdict
from mtasts.client import Client
from mtasts.decision import Decision
from mtasts.dns import DnspythonDns
from mtasts.https import PolicyFetcher
from mtasts.store import SqliteStore

log = logging.getLogger("deliver")

# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED; every other one is "untrusted".
_CHAINS = {9: Chain.NOT_YET_VALID, 10: Chain.EXPIRED}
_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


class Sender:
    """Delivers messages. ``port_of`` gives the SMTP port of a host; ``cafile`` the roots, by default the system's."""

    def __init__(
        self,
        core: Core,
        client: Client,
        dns: DnspythonDns,
        cafile: str | None = None,
        port_of: Callable[[str], int] = lambda _: 25,
    ) -> None:
        self._core, self._client, self._dns = core, client, dns
        self._cafile, self._port_of = cafile, port_of

    async def deliver(self, sender: str, recipient: str, message: bytes) -> bool:
        """True when a host took the message; False: keep it and try again later."""
        domain = recipient.rpartition("@")[2]
        decision = await self._client.resolve(domain)
        if decision.verdict == Verdict.TEMP:
            log.warning("%s: deferred, %s: %s", domain, decision.reason, decision.detail)
            return False
        # Without an MX RRset the domain is its own MX host (RFC 5321 §5.1).
        hosts = [mx.exchange for mx in await self._dns.mx(domain)] or [domain]
        return await self._try_hosts(decision, hosts, sender, recipient, message)

    async def _try_hosts(
        self, decision: Decision, hosts: Sequence[str], sender: str, recipient: str, message: bytes
    ) -> bool:
        entries = self._client.plan(decision, hosts)
        usable = [entry for entry in entries if entry.action != Action.SKIP]
        for entry in entries:
            if entry.action == Action.SKIP:
                log.warning("%s: %s is not used: %s", decision.domain, entry.host, entry.reason)
        for entry in usable:
            if await self._try_host(entry, entry is usable[-1], sender, recipient, message):
                return True
        # Before a real MTA bounces, it asks Client.recheck and plans again where decision.recheck is set.
        return False

    async def _try_host(self, entry: PlanEntry, last: bool, sender: str, recipient: str, message: bytes) -> bool:
        verify = entry.action == Action.PKIX or entry.evaluate
        smtp, facts = await self._open(entry, last, verify)
        judged = self._core.judge(entry, facts)
        log.info("%s: %s, %s", entry.host, judged.verdict, judged.why)
        if judged.verdict == JudgeVerdict.DELIVER and smtp is None:
            smtp = await self._open_as_without_policy(entry, last, facts)
        if smtp is None:
            return False
        try:
            return judged.verdict == JudgeVerdict.DELIVER and await _send(smtp, sender, recipient, message)
        finally:
            smtp.close()

    async def _open_as_without_policy(
        self, entry: PlanEntry, last: bool, facts: SessionFacts
    ) -> aiosmtplib.SMTP | None:
        """Testing mode, or none at all: what failed is to be reported (RFC 8460), and the mail goes out all the same."""
        if facts.session == Session.TLS:
            return (await self._open(entry, last, verify=False))[0]
        return await self._connect(entry.host)

    async def _connect(self, host: str) -> aiosmtplib.SMTP | None:
        try:
            for address in await self._dns.addresses(host):
                smtp = aiosmtplib.SMTP(hostname=address, port=self._port_of(host), start_tls=False, timeout=30)
                await smtp.connect()
                await smtp.ehlo()
                return smtp
        except (OSError, aiosmtplib.SMTPException) as error:
            log.info("%s: %s", host, error)
        return None

    async def _open(self, entry: PlanEntry, last: bool, verify: bool) -> tuple[aiosmtplib.SMTP | None, SessionFacts]:
        """A session with STARTTLS, and what judge must know of it."""
        smtp = await self._connect(entry.host)
        if smtp is None:
            return None, SessionFacts(Session.NOT_CONNECTED, last=last)
        if not smtp.supports_extension("starttls"):
            return smtp, SessionFacts(Session.NO_STARTTLS, last=last)
        return await self._start_tls(smtp, entry.host, last, verify)

    async def _start_tls(
        self, smtp: aiosmtplib.SMTP, host: str, last: bool, verify: bool
    ) -> tuple[aiosmtplib.SMTP | None, SessionFacts]:
        context = ssl.create_default_context(cafile=self._cafile)
        context.check_hostname = False  # judge compares the names, without CN and partial wildcards
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        try:
            await smtp.starttls(server_hostname=host, tls_context=context)
            await smtp.ehlo()
        except aiosmtplib.SMTPResponseException:
            return smtp, SessionFacts(Session.STARTTLS_REFUSED, last=last)
        except (OSError, aiosmtplib.SMTPException) as error:
            smtp.close()
            return None, _failed_handshake(error, last)
        tls = smtp.get_transport_info("ssl_object")
        certificate = tls.getpeercert() or {}
        names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        chain = Chain.VALID if verify else Chain.UNTRUSTED
        return smtp, SessionFacts(Session.TLS, _VERSIONS.get(tls.version(), 0), chain, names, last=last)


def _failed_handshake(error: Exception, last: bool) -> SessionFacts:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return SessionFacts(Session.HANDSHAKE_FAILED, last=last)
    chain = _CHAINS.get(cause.verify_code, Chain.UNTRUSTED)
    return SessionFacts(Session.TLS, 0x0304, chain, last=last)


async def _send(smtp: aiosmtplib.SMTP, sender: str, recipient: str, message: bytes) -> bool:
    try:
        await smtp.sendmail(sender, [recipient], message)
        await smtp.quit()
        return True
    except aiosmtplib.SMTPException as error:
        log.warning("%s: %s", recipient, error)
        return False


async def main() -> int:
    parser = argparse.ArgumentParser(description="Delivers the message on stdin as the domain's policy demands.")
    parser.add_argument("sender")
    parser.add_argument("recipient")
    parser.add_argument("--policies", default="policies.db", help="where policies are kept")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    core, dns, store = Core(), DnspythonDns(), SqliteStore(options.policies)
    async with Client(core, dns, PolicyFetcher(dns, core.match_dns_id), store) as client:
        taken = await Sender(core, client, dns).deliver(options.sender, options.recipient, sys.stdin.buffer.read())
    await store.close()
    return 0 if taken else 75  # EX_TEMPFAIL


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
