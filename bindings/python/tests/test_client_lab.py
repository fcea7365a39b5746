"""The Client over real DNS and real TLS, against the lab's list of what a policy host and a resolver can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from lab import Lab, lab

from mtasts import Action, Core, FetchOutcome, Mode, Status, Verdict
from mtasts.client import Client
from mtasts.decision import Decision
from mtasts.dns import DnspythonDns
from mtasts.https import PolicyFetcher
from mtasts.store import MemoryStore, SqliteStore, Store

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CORE = Core()
ENFORCE = {"mode": "enforce", "mx": ["mx.example.test"], "maxAge": 86_400}
BODY = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 86400\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Lab]:
    async with lab() as running:
        yield running


def _dns(world: Lab) -> DnspythonDns:
    return DnspythonDns(["127.0.0.1"], world.dns_port, timeout=3)


def _fetcher(world: Lab, **options: Any) -> PolicyFetcher:
    defaults = {"allow_private_addresses": True, "timeout": 4.0}
    return PolicyFetcher(
        _dns(world), _CORE.match_dns_id, cadata=world.ca_pem, port=world.https_port, **{**defaults, **options}
    )


@asynccontextmanager
async def _client(world: Lab, store: Store | None = None, **options: Any) -> AsyncIterator[Client]:
    fetcher = _fetcher(world, **options)
    async with Client(_CORE, _dns(world), fetcher, store or MemoryStore(), on_notice=lambda *_: None) as client:
        yield client


async def _resolve(world: Lab, domain: str, spec: dict[str, Any], **options: Any) -> Decision:
    await world.call("domain", domain, {"mx": [], **spec})
    async with _client(world, **options) as client:
        return await client.resolve(domain)


async def test_an_enforce_policy_is_found_and_its_mx_planned(world: Lab) -> None:
    """(R-8461-5-01)"""
    await world.call("domain", "example.test", {"policy": ENFORCE})
    async with _client(world) as client:
        decision = await client.resolve("Example.TEST.")
        hosts = [mx.exchange for mx in await _dns(world).mx("example.test")]
        plan = client.plan(decision, [*hosts, "mx.attacker.test"])
        again = await client.resolve("example.test")
    assert decision.policy and decision.status == Status.FETCHED
    assert (decision.policy.mode, decision.policy.mx) == (Mode.ENFORCE, ("mx.example.test",))
    assert [entry.action for entry in plan] == [Action.PKIX, Action.SKIP]
    assert again.status == Status.CACHED
    assert len(await world.call("requests", "mta-sts.example.test")) == 1


_REFUSED: dict[str, tuple[dict[str, Any], FetchOutcome]] = {
    "a redirect is not followed (R-8461-3.3-07)": (
        {"behaviour": {"kind": "redirect", "status": 301, "location": "https://mta-sts.other.test/"}},
        FetchOutcome.REDIRECT,
    ),
    "another status than 200 is no policy (R-8461-3.3-06)": (
        {"behaviour": {"kind": "status", "status": 404, "body": BODY}},
        FetchOutcome.STATUS,
    ),
    "a certificate that has the host in its CN only (R-8461-3.3-01)": (
        {"certificate": "cn-only"},
        FetchOutcome.CERTIFICATE,
    ),
    "a partial wildcard in the certificate (R-8461-3.3-01)": (
        {"certificate": "partial-wildcard"},
        FetchOutcome.CERTIFICATE,
    ),
    "a certificate for another name": ({"certificate": "wrong-name"}, FetchOutcome.CERTIFICATE),
    "an expired certificate": ({"certificate": "expired"}, FetchOutcome.CERTIFICATE),
    "a self-signed certificate": ({"certificate": "self-signed"}, FetchOutcome.CERTIFICATE),
    "a certificate of an unknown CA": ({"certificate": "other-ca"}, FetchOutcome.CERTIFICATE),
    "TLS 1.1": ({"tls": "1.1"}, FetchOutcome.TLS),
    "HTTP without TLS": ({"tls": "plain"}, FetchOutcome.TLS),
    "a body of 65,537 octets (R-8461-3.3-14)": (
        {"behaviour": {"kind": "ok", "body": BODY + "x: " + "y" * (65_537 - len(BODY) - 3)}},
        FetchOutcome.TOO_LARGE,
    ),
    "a chunked body without end": ({"behaviour": {"kind": "endless-body", "framing": "chunked"}}, FetchOutcome.TOO_LARGE),
    "a body that trickles past the deadline (R-8461-3.3-13)": (
        {"behaviour": {"kind": "slow-body", "body": BODY, "every": 200}},
        FetchOutcome.TIMEOUT,
    ),
    "headers that trickle past the deadline (R-8461-3.3-13)": (
        {"behaviour": {"kind": "slow-headers", "every": 200}},
        FetchOutcome.TIMEOUT,
    ),
    "early hints without end": ({"behaviour": {"kind": "early-hints-flood"}}, FetchOutcome.TOO_LARGE),
    "a body cut before its Content-Length (R-8461-3.3-15)": (
        {"behaviour": {"kind": "cut", "body": BODY, "framing": "content-length"}},
        FetchOutcome.INCOMPLETE,
    ),
    "a chunked body without last chunk (R-8461-3.3-15)": (
        {"behaviour": {"kind": "cut", "body": BODY, "framing": "chunked"}},
        FetchOutcome.INCOMPLETE,
    ),
    "a Content-Encoding (AMB-34)": ({"behaviour": {"kind": "gzip", "body": BODY}}, FetchOutcome.ENCODING),
    "what is not HTTP": ({"behaviour": {"kind": "raw", "bytes": "220 mx ESMTP\r\n\r\n", "close": True}}, FetchOutcome.PROTOCOL),
    "no answer at all": ({"behaviour": {"kind": "silent"}}, FetchOutcome.TIMEOUT),
    "a reset": ({"behaviour": {"kind": "reset"}}, FetchOutcome.INCOMPLETE),
}


@pytest.mark.parametrize("what", _REFUSED)
async def test_refused(world: Lab, what: str) -> None:
    host, outcome = _REFUSED[what]
    await world.call("domain", "refused.test", {"mx": [], "policy": ENFORCE, "policyHost": host})
    got = await _fetcher(world, timeout=1.5).fetch("refused.test")
    assert (got.outcome, got.body) == (outcome, b""), got.detail


async def test_a_policy_host_with_a_private_address_is_not_dialled(world: Lab) -> None:
    """(R-8461-3.3-21)"""
    await world.call("forgetSeen")
    spec = {"policy": ENFORCE}
    decision = await _resolve(world, "private.test", spec, allow_private_addresses=False)
    assert (decision.status, decision.verdict) == (Status.FETCH_FAILED, Verdict.NONE)
    assert await world.call("connections", "mta-sts.private.test") == []


@pytest.mark.parametrize(("type", "accepted"), [("text/plain; charset=utf-8", True), ("text/html", False), (None, False)])
async def test_only_text_plain_is_a_policy(world: Lab, type: str | None, accepted: bool) -> None:
    host = {"behaviour": {"kind": "ok", "body": BODY, "contentType": type}}
    decision = await _resolve(world, "type.test", {"policy": ENFORCE, "policyHost": host})
    assert (decision.verdict == Verdict.POLICY) == accepted


async def test_a_body_that_close_notify_delimits_is_whole(world: Lab) -> None:
    raw = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{BODY}"
    host = {"behaviour": {"kind": "raw", "bytes": raw, "close": True}}
    decision = await _resolve(world, "closed.test", {"policy": ENFORCE, "policyHost": host})
    assert decision.verdict == Verdict.POLICY


@pytest.mark.parametrize("truncate", ["empty", "partial"])
async def test_a_truncated_answer_is_asked_for_again_over_tcp(world: Lab, truncate: str) -> None:
    """(R-8461-3.1-26)"""
    txt = {"records": ["v=STSv1; id=1;"], "truncate": truncate}
    decision = await _resolve(world, "truncated.test", {"policy": ENFORCE, "txt": txt})
    assert decision.policy and decision.policy.id == "1"


@pytest.mark.parametrize("chase", [True, False])
async def test_a_cname_at_the_record_is_followed(world: Lab, chase: bool) -> None:
    """(R-8461-3.1-24)"""
    await world.call("domain", "alias.test", {"mx": [], "policy": ENFORCE, "id": None})
    await world.call("setDns", "_mta-sts.alias.test", "CNAME", {"records": ["_mta-sts.target.test"], "chase": chase})
    await world.call("setDns", "_mta-sts.target.test", "TXT", ["v=STSv1; id=2;"])
    async with _client(world) as client:
        decision = await client.resolve("alias.test")
    assert decision.policy and decision.policy.id == "2"


async def test_two_records_are_like_none(world: Lab) -> None:
    """(R-8461-3.1-21)"""
    decision = await _resolve(world, "two.test", {"policy": ENFORCE, "txt": ["v=STSv1; id=1;", "v=STSv1; id=2;"]})
    assert (decision.status, decision.verdict) == (Status.RECORD_INVALID, Verdict.NONE)


async def test_odd_labels_in_an_mx_never_match(world: Lab) -> None:
    """A label that holds a dot is one label (R-8461-4.1-01)."""
    policy = {"mode": "enforce", "mx": ["*.odd.test"], "maxAge": 86_400}
    await world.call("domain", "odd.test", {"policy": policy, "mx": ["mx.odd.test"]})
    odd = [["a.odd", "odd", "test"], ["mx\0", "odd", "test"], ["mx odd", "odd", "test"], "_mx.odd.test", ["ü", "odd", "test"]]
    records = [{"preference": 20, "exchange": name} for name in odd]
    await world.call("setDns", "odd.test", "MX", [{"preference": 10, "exchange": "mx.odd.test"}, *records])
    async with _client(world) as client:
        hosts = [mx.exchange for mx in await _dns(world).mx("odd.test")]
        plan = client.plan(await client.resolve("odd.test"), hosts)
    assert [entry.action for entry in plan] == [Action.PKIX] + [Action.SKIP] * 5


@pytest.mark.parametrize("answer", ["servfail", "refused", "drop"])
async def test_a_failing_lookup_is_temporary_not_no_policy(world: Lab, answer: str) -> None:
    """(AMB-10)"""
    decision = await _resolve(world, "failing.test", {"policy": ENFORCE, "txt": {"answer": answer}})
    assert (decision.status, decision.verdict) == (Status.RECORD_FAILED, Verdict.TEMP)


async def test_a_held_policy_survives_nxdomain_and_a_restart(world: Lab, tmp_path: Any) -> None:
    """(R-8461-5.1-01)"""
    path = str(tmp_path / "policies.db")
    await world.call("domain", "held.test", {"policy": ENFORCE})
    store = SqliteStore(path)
    async with _client(world, store) as client:
        assert (await client.resolve("held.test")).status == Status.FETCHED
    await store.close()
    await world.call("forgeNxdomain", "held.test", "all")
    store = SqliteStore(path)
    async with _client(world, store) as client:
        decision = await client.resolve("held.test")
        rechecked = await client.recheck("held.test")
    await store.close()
    for kept in (decision, rechecked):
        assert kept.policy and kept.policy.mode == Mode.ENFORCE


async def test_lookups_at_once_cost_one_query_and_one_get(world: Lab) -> None:
    import asyncio

    await world.call("domain", "crowd.test", {"policy": ENFORCE})
    async with _client(world) as client:
        decisions = await asyncio.gather(*(client.resolve("crowd.test") for _ in range(50)))
    assert {decision.verdict for decision in decisions} == {Verdict.POLICY}
    assert len(await world.call("queries", "_mta-sts.crowd.test", "TXT")) == 1
    assert len(await world.call("requests", "mta-sts.crowd.test")) == 1


async def test_a_caller_that_cannot_wait_is_told_temp_and_the_discovery_goes_on(world: Lab) -> None:
    """(AMB-09)"""
    host = {"behaviour": {"kind": "hold", "next": {"kind": "ok", "body": BODY}}}
    await world.call("domain", "slow.test", {"policy": ENFORCE, "policyHost": host})
    async with _client(world) as client:
        first = await client.resolve("slow.test", deadline=0.3)
        await world.call("releasePolicyHost", "slow.test")
        second = await client.resolve("slow.test")
    assert (first.verdict, first.status) == (Verdict.TEMP, Status.PENDING)
    assert second.verdict == Verdict.POLICY
