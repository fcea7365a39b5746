"""examples/python-mta delivers to the lab: real DNS, HTTPS, SMTP and TLS."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lab import Lab, lab

from mtasts import Core
from mtasts.client import Client
from mtasts.dns import DnspythonDns
from mtasts.https import PolicyFetcher
from mtasts.store import MemoryStore

sys.path.append(str(Path(__file__).parents[3] / "examples" / "python-mta"))

from deliver import Sender  # noqa: E402

pytestmark = pytest.mark.asyncio(loop_scope="module")
_CORE = Core()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[Lab]:
    async with lab() as running:
        yield running


@asynccontextmanager
async def _sender(world: Lab, ca: Path) -> AsyncIterator[Sender]:
    ca.write_text(world.ca_pem)
    ports = {host: at["port"] for host, at in (await world.call("endpoints"))["mx"].items()}
    dns = DnspythonDns(["127.0.0.1"], world.dns_port)
    fetcher = PolicyFetcher(
        dns, _CORE.match_dns_id, cafile=str(ca), port=world.https_port, allow_private_addresses=True
    )
    async with Client(_CORE, dns, fetcher, MemoryStore(), on_notice=lambda *_: None) as client:
        yield Sender(_CORE, client, dns, str(ca), ports.__getitem__)


def _policy(mode: str, *mx: str) -> dict[str, Any]:
    return {"mode": mode, "mx": list(mx), "maxAge": 86_400}


@pytest.mark.parametrize(
    ("domain", "spec", "taken_by"),
    [
        ("good.test", {"policy": _policy("enforce", "mx.good.test")}, "mx.good.test"),
        ("none.test", {"mx": [{"exchange": "mx.none.test", "certificate": "self-signed"}]}, "mx.none.test"),
        (
            "cn.test",
            {"policy": _policy("enforce", "mx.cn.test"), "mx": [{"exchange": "mx.cn.test", "certificate": "cn-only"}]},
            None,
        ),
        (
            "testing.test",
            {
                "policy": _policy("testing", "mx.testing.test"),
                "mx": [{"exchange": "mx.testing.test", "certificate": "self-signed"}],
            },
            "mx.testing.test",
        ),
        (
            "expired.test",
            {
                "policy": _policy("enforce", "*.expired.test"),
                "mx": [{"exchange": "a.expired.test", "certificate": "expired"}, "b.expired.test"],
            },
            "b.expired.test",
        ),
        ("foreign.test", {"policy": _policy("enforce", "mx.foreign.test"), "mx": ["mx.elsewhere.test"]}, None),
    ],
    ids=[
        "a good certificate under enforce takes the message",
        "without a policy a self-signed certificate will do",
        "a host in the CN only gets nothing under enforce (R-8461-4.2-04)",
        "under testing the message goes out all the same (R-8461-5-03)",
        "an expired certificate moves on to the next host (R-8461-5-01)",
        "a host that the policy does not list is not connected to (R-8461-5-01)",
    ],
)
async def test_delivery(world: Lab, tmp_path: Path, domain: str, spec: dict[str, Any], taken_by: str | None) -> None:
    await world.call("domain", domain, spec)
    async with _sender(world, tmp_path / "ca.pem") as sender:
        taken = await sender.deliver("me@sender.test", f"you@{domain}", b"Subject: x\r\n\r\nHello.\r\n")
    deliveries = [seen["mx"] for seen in await world.call("deliveries") if seen["mx"].endswith(domain)]
    assert taken == (taken_by is not None)
    assert deliveries == ([taken_by] if taken_by else [])
    if domain == "foreign.test":
        assert await world.call("sessions", "mx.elsewhere.test") == []
