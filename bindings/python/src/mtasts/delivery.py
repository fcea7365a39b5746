"""plan and judge: which MX hosts may be used, and whether a session may carry the message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from . import abi
from .frame import Frame, item, list_of, octets_of
from .instance import CoreInstance


@dataclass(frozen=True, slots=True)
class DaneFacts:
    """What DNSSEC and TLSA lookups found. ``states`` has one for each host; ``mandatory``: RFC 7672 §6."""

    mx_secure: bool
    states: Sequence[abi.DaneState]
    mandatory: bool = False


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What to do with one MX host. ``evaluate``: compare the session with the policy, also where that gates nothing."""

    host: str
    action: abi.Action
    reason: abi.PlanReason = abi.PlanReason.OK
    evaluate: bool = False


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One SMTP session. ``tls_version`` as on the wire (0x0304), 0 without TLS; ``names`` are the DNS-IDs of the
    certificate; ``references`` those of a DANE-TA match (None: the host); ``last``: no further MX host to try."""

    session: abi.Session
    tls_version: int = 0
    chain: abi.Chain = abi.Chain.VALID
    names: Sequence[str] = ()
    references: Sequence[str] | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to do with the message, what RFC 8460 calls the session, and whether it met the policy."""

    verdict: abi.JudgeVerdict
    result_type: abi.ResultType
    compliant: bool
    why: abi.Why


class Delivery(CoreInstance):
    """The exports that stand before and after a session."""

    def plan(
        self,
        verdict: abi.Verdict,
        hosts: Sequence[str],
        policy: str | bytes = b"",
        used: abi.Leniency = abi.Leniency(0),
        dane: DaneFacts | None = None,
    ) -> list[PlanEntry]:
        """One entry for each MX host, in MX order; without an MX RRset the host is the Policy Domain.

        :raises CoreError: also when the policy text is none: never treat that as "no policy"
        """
        frame = Frame(abi.P_SIZE)
        frame.put(abi.P_VERDICT, verdict)
        frame.put(abi.P_LENIENCY, used)
        frame.put(abi.P_FLAGS, _facts(dane))
        frame.part(abi.P_POLICY, octets_of(policy))
        frame.part(abi.P_HOSTS, _hosts(hosts, dane))
        payload = self.ask("mtasts_plan", frame.octets()).payload
        entries = struct.iter_unpack("<III", payload[: len(hosts) * abi.PLAN_ENTRY])
        return [
            PlanEntry(host, abi.Action(action), abi.PlanReason(reason), evaluate == 1)
            for host, (action, reason, evaluate) in zip(hosts, entries, strict=True)
        ]

    def judge(self, entry: PlanEntry, facts: SessionFacts) -> Judgement:
        """May the message go over this session?"""
        host = octets_of(entry.host)
        if entry.action == abi.Action.DANE:
            host = list_of(map(octets_of, [entry.host] if facts.references is None else facts.references))
        frame = Frame(abi.J_SIZE)
        frame.put(abi.J_ACTION, entry.action)
        frame.put(abi.J_REASON, entry.reason)
        frame.put(abi.J_EVALUATE, entry.evaluate)
        frame.put(abi.J_FLAGS, abi.JUDGE_LAST_HOST if facts.last else 0)
        frame.put(abi.J_SESSION, facts.session)
        frame.put(abi.J_TLS_VERSION, facts.tls_version)
        frame.put(abi.J_CHAIN, facts.chain)
        frame.part(abi.J_NAMES, list_of(map(octets_of, facts.names)))
        frame.part(abi.J_HOST, host)
        reply = self.ask("mtasts_judge", frame.octets())
        verdict, result = abi.JudgeVerdict(reply.u32(0)), abi.ResultType(reply.u32(4))
        return Judgement(verdict, result, reply.u32(8) == 1, abi.Why(reply.u32(12)))


def _hosts(hosts: Sequence[str], dane: DaneFacts | None) -> bytes:
    names = [item(octets_of(host)) for host in hosts]
    # A state that is missing is left out, so that the core refuses the list.
    for i, state in enumerate(dane.states[: len(names)] if dane else ()):
        names[i] += struct.pack("<H", state)
    return b"".join(names)


def _facts(dane: DaneFacts | None) -> int:
    if dane is None:
        return 0
    secure = abi.FACTS_MX_SECURE if dane.mx_secure else 0
    return abi.FACTS_DANE | secure | (abi.FACTS_DANE_MANDATORY if dane.mandatory else 0)
