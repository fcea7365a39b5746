"""Runs every file of test/vectors. A file that is not known here fails the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256, sha512
from typing import Any

import pytest
from transcript import Player
from vectors import FOLDER, Vector, by_word, content, leniency, must_know, octets

from mtasts import (
    Action,
    Addresses,
    Base,
    Chain,
    Clock,
    Code,
    Core,
    CoreError,
    DaneFacts,
    DaneState,
    FetchOutcome,
    Leniency,
    PeerCertificate,
    PlanEntry,
    PlanReason,
    PolicyEvent,
    Session,
    SessionFacts,
    Status,
    StepRequest,
    Verdict,
    txt_rdata,
)
from mtasts.abi import TOKEN_BOOT, TOKEN_SIZE

_CORE = Core()
_TLS = {"none": 0, "SSL 3": 0x300, "1.0": 0x301, "1.1": 0x302, "1.2": 0x303, "1.3": 0x304}


def _with_used(value: dict[str, Any], used: Leniency, vector: Vector) -> dict[str, Any]:
    if not vector.get("lenient"):
        assert used == 0, "a leniency that was not allowed"
    if "leniencies" in vector["expect"]:
        value["leniencies"] = used.words
    return value


def _refusal(error: CoreError) -> dict[str, Any]:
    return {"error": str(error.code), "offset": error.offset}


def records(vector: Vector) -> Any:
    must_know(vector, "rrset", "lenient")
    rrset = [txt_rdata(*map(octets, strings)) for strings in vector["rrset"]]
    try:
        record = _CORE.select_record(rrset, leniency(vector.get("lenient", [])))
    except CoreError as error:
        return _refusal(error)
    return _with_used({"id": record.id}, record.used, vector) if record else "no-record"


def policies(vector: Vector) -> Any:
    must_know(vector, "body", "lenient")
    try:
        policy = _CORE.parse_policy(octets(vector["body"]), leniency(vector.get("lenient", [])))
    except CoreError as error:
        return _refusal(error)
    counted = "mx" in vector["expect"] and isinstance(vector["expect"]["mx"], dict)
    mx = {"count": len(policy.mx)} if counted else list(policy.mx)
    return _with_used({"mode": str(policy.mode), "maxAge": policy.max_age, "mx": mx}, policy.used, vector)


def media_types(vector: Vector) -> Any:
    must_know(vector, "type", "lenient")
    token = bytearray(TOKEN_SIZE)
    token[TOKEN_BOOT] = 1
    body = b"version: STSv1\nmode: none\nmax_age: 86400\n"
    event = PolicyEvent(bytes(token), FetchOutcome.OK, body, vector["type"])
    allowed = leniency(vector.get("lenient", []))
    effects = _CORE.step(StepRequest("example.com", event, Clock(2_000_000_000, 0, 1), leniency=allowed))
    answer = effects[-1].answer
    assert answer
    return "accepted" if answer.status == Status.FETCHED else str(Code(answer.detail))


def mx(vector: Vector) -> Any:
    must_know(vector, "pattern", "host")
    try:
        return _CORE.match_mx(octets(vector["pattern"]), octets(vector["host"]))
    except CoreError as error:
        return str(error.code)


def identities(vector: Vector) -> Any:
    must_know(vector, "names", "host")
    return _CORE.match_dns_id(map(octets, vector["names"]), octets(vector["host"]))


def plan(vector: Vector) -> Any:
    must_know(vector, "verdict", "policy", "lenient", "hosts", "dane")
    verdict = vector["verdict"]
    number = by_word(Verdict, verdict) if isinstance(verdict, str) else Verdict(verdict)
    hosts = [octets(host).decode("utf-8", "surrogateescape") for host in vector["hosts"]]
    facts = None
    if dane := vector.get("dane"):
        states = [by_word(DaneState, word) for word in dane["states"]]
        facts = DaneFacts(dane["mx"] == "secure", states, dane.get("mandatory", False))
    text = octets(vector["policy"]) if "policy" in vector else b""
    try:
        entries = _CORE.plan(number, hosts, text, leniency(vector.get("lenient", [])), facts)
    except CoreError as error:
        return _refusal(error)
    usable = sum(entry.action != Action.SKIP for entry in entries)
    return {"usable": usable, "hosts": [_entry(entry) for entry in entries]}


def _entry(entry: PlanEntry) -> str:
    return " ".join(filter(None, [str(entry.action), entry.reason.word, "evaluate" if entry.evaluate else ""]))


def judge(vector: Vector) -> Any:
    must_know(vector, "entry", "session", "tls", "chain", "names", "references", "host", "last")
    host = vector.get("host", "mx1.example.com")
    action, *words = vector["entry"].split()
    reason = next((by_word(PlanReason, word) for word in words if word != "evaluate"), PlanReason.OK)
    entry = PlanEntry(host, by_word(Action, action), reason, "evaluate" in words)
    version = vector.get("tls", "1.3" if vector["session"] == "tls" else "none")
    facts = SessionFacts(
        by_word(Session, vector["session"]),
        _TLS[version],
        by_word(Chain, vector.get("chain", "valid")),
        vector.get("names", ["mx1.example.com"]),
        vector.get("references"),
        vector.get("last", False),
    )
    judged = _CORE.judge(entry, facts)
    result = f" ({judged.result_type})" if judged.result_type.word else ""
    return f"{judged.verdict}: {judged.why}{result}"


def _der(text: str) -> bytes:
    return bytes([0x30, len(text)]) + text.encode()


def _peer(name: str) -> PeerCertificate:
    return PeerCertificate(_der(name), _der("key of " + name.rsplit("/", 1)[-1]))


def _tlsa(written: Any) -> bytes:
    if isinstance(written, dict):
        return octets(written["rdata"])
    if isinstance(written, list):
        return bytes(written[:3]) + octets(written[3])
    text = written.removeprefix("short ")
    *numbers, name = text.split(" ", 3)
    usage, selector, matching = map(int, numbers)
    peer = _peer(name)
    selected = peer.certificate if selector == 0 else peer.public_key
    if matching:
        selected = (sha256 if matching == 1 else sha512)(selected).digest()
    rdata = bytes([usage, selector, matching]) + selected
    return rdata[:-1] if text != written else rdata


def tlsa(vector: Vector) -> Any:
    must_know(vector, "records")
    rrset = [_tlsa(record) for record in vector["records"]]
    usable = _CORE.usable_tlsa(rrset)
    return {"state": str(usable.state), "remain": [rrset.index(rdata) for rdata in usable.remain]}


def tlsa_base(vector: Vector) -> Any:
    must_know(vector, "addresses", "expanded", "original")
    outcomes = [by_word(DaneState, vector.get(name, "unknown")) for name in ("expanded", "original")]
    found = _CORE.tlsa_base(by_word(Addresses, vector["addresses"]), *outcomes)
    state = "ask" if found.state == DaneState.UNKNOWN else str(found.state)
    return state if found.base == Base.NONE else f"{state} {found.base}"


def tlsa_match(vector: Vector) -> Any:
    must_know(vector, "records", "certificates")
    rrset = [_tlsa(text) for text in vector["records"]]
    matches = _CORE.match_tlsa(rrset, map(_peer, vector["certificates"]))
    return [f"{vector['records'][rrset.index(match.record)]} -> {match.certificate}" for match in matches]


_RUNNERS: dict[str, Callable[[Vector], Any]] = {
    "records.json": records,
    "policies.json": policies,
    "media-types.json": media_types,
    "mx.json": mx,
    "identities.json": identities,
    "plan.json": plan,
    "judge.json": judge,
    "tlsa.json": tlsa,
    "tlsa-base.json": tlsa_base,
    "tlsa-match.json": tlsa_match,
}


def _all() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.json")):
        if path.name == "step.json":
            continue
        for number, vector in enumerate(content(path.name)["vectors"], 1):
            yield pytest.param(path.name, vector, id=f"{path.name} {number} {vector.get('name', '')}")


@pytest.mark.parametrize(("file", "vector"), list(_all()))
def test_vector(file: str, vector: Vector) -> None:
    assert _RUNNERS[file](vector) == vector["expect"]


_STEP = content("step.json")


@pytest.mark.parametrize("vector", _STEP["vectors"], ids=lambda vector: str(vector["name"]))
def test_transcript(vector: Vector) -> None:
    player = Player(_CORE, vector, _STEP["bodies"])
    for number, step in enumerate(vector["steps"], 1):
        assert player.play(step) == step.get("expect", []), f"step {number}, {step['event']} at {step['at']}"


def test_every_vector_file_is_run() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {*_RUNNERS, "step.json"}
