"""step: the cache behaviour of RFC 8461 §3.3, §5.1, §8 and §10 as one pure transition."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from . import abi
from .frame import Frame, list_of
from .instance import CoreInstance

# Longer Content-Types are cut: none of that length is text/plain.
_LONGEST_TYPE = 1024


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is.

    ``now``: Unix seconds. ``uptime_ms``: a monotonic clock since boot that goes on while the machine sleeps.
    ``boot`` differs between boots and is the same for all processes of one.
    """

    now: int
    uptime_ms: int
    boot: int


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """The TXT query has ended. ``rrset`` is RDATA, ``ttl`` (seconds) that of the RRset or the negative one."""

    outcome: abi.RecordOutcome
    rrset: Sequence[bytes] = ()
    ttl: int = 0
    secure: bool = False


@dataclass(frozen=True, slots=True)
class PolicyEvent:
    """The GET has ended. ``token`` is that of the get-policy effect; ``content_type`` None: there was none."""

    token: bytes
    outcome: abi.FetchOutcome
    body: bytes = b""
    content_type: str | None = None


StepEvent = abi.Event | RecordEvent | PolicyEvent


@dataclass(frozen=True, slots=True)
class StepRequest:
    """One event of one Policy Domain (A-labels, lower case, no trailing dot).

    ``state`` is what is at hand, empty when nothing is. ``high_water`` is the highest Unix second the store has
    seen. ``seed`` is any number; it spreads refresh times.
    """

    domain: str
    event: StepEvent
    clock: Clock
    state: bytes = b""
    flags: abi.Flag = abi.Flag(0)
    seed: int = 0
    high_water: int = 0
    leniency: abi.Leniency = abi.Leniency(0)
    on_failure: abi.OnFailure = abi.OnFailure.DEFER_BRIEFLY


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an operator must hear of."""

    kind: abi.NoticeKind
    result_type: abi.ResultType
    detail: int
    number: int


@dataclass(frozen=True, slots=True)
class Held:
    """The policy to honour. Times in seconds; ``offset`` and ``length`` say where its text stands in the state."""

    mode: abi.Mode
    id: str
    max_age: int
    age: int
    expires_in: int
    id_age: int
    used: abi.Leniency
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a lookup learned (status) and, apart from it, what to honour now (verdict, policy).

    ``detail`` is a FetchOutcome where positive, a Code where negative. ``reuse``: for so many seconds the answer may
    be given again without a step. ``recheck``: ask again with Event.RECHECK before mail is failed for good.
    """

    status: abi.Status
    verdict: abi.Verdict
    result_type: abi.ResultType
    reason: abi.Reason
    detail: int
    reuse: int
    recheck: bool
    policy: Held | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a step asks for. Effects are carried out in order: a store is durable before the answer leaves."""

    kind: abi.EffectKind
    state: bytes = b""
    wait: bool = False
    token: bytes = b""
    seconds: int = 0
    notice: Notice | None = None
    answer: Answer | None = None


class Stepping(CoreInstance):
    """The export that keeps a policy."""

    def step(self, request: StepRequest) -> list[Effect]:
        """One event through the cache.

        :raises CoreError: Code.STATE when the state is damaged: call again without it and with Flag.PAST_LOST
        """
        reply = self.ask("mtasts_step", _octets(request))
        effects, at = [], 0
        while at < len(reply.payload):
            kind, size = struct.unpack_from("<II", reply.payload, at)
            effects.append(_effect(abi.EffectKind(kind), reply.payload[at + abi.EFFECT_HEADER : at + size]))
            at += size
        return effects


def _octets(request: StepRequest) -> bytes:
    event, clock = request.event, request.clock
    frame = Frame(abi.Q_SIZE)
    frame.put(abi.Q_NOW, clock.now)
    frame.put(abi.Q_UPTIME, clock.uptime_ms // 1000)
    frame.put(abi.Q_UPTIME_MS, clock.uptime_ms % 1000)
    frame.put(abi.Q_BOOT, clock.boot)
    frame.put(abi.Q_SEED, request.seed)
    frame.put(abi.Q_HIGH_WATER, request.high_water)
    frame.put(abi.Q_FLAGS, request.flags)
    frame.put(abi.Q_LENIENCY, request.leniency)
    frame.put(abi.Q_ON_FAILURE, request.on_failure)
    frame.part(abi.Q_DOMAIN, request.domain.encode("ascii"))
    frame.part(abi.Q_STATE, request.state)
    if isinstance(event, RecordEvent):
        frame.put(abi.Q_EVENT, abi.Event.RECORD)
        frame.put(abi.Q_OUTCOME, event.outcome)
        frame.put(abi.Q_TTL, event.ttl)
        frame.put(abi.Q_SECURE, event.secure)
        frame.part(abi.Q_DATA, list_of(event.rrset))
    elif isinstance(event, PolicyEvent):
        _put_policy(frame, event)
    else:
        frame.put(abi.Q_EVENT, event)
    return frame.octets()


def _put_policy(frame: Frame, event: PolicyEvent) -> None:
    if len(event.token) != abi.TOKEN_SIZE:
        raise ValueError(f"a flight token has {abi.TOKEN_SIZE} octets, not {len(event.token)}")
    frame.put(abi.Q_EVENT, abi.Event.POLICY)
    frame.put(abi.Q_OUTCOME, event.outcome)
    frame.place(abi.Q_TOKEN, event.token)
    frame.part(abi.Q_DATA, event.body)
    if event.content_type is None:
        frame.put(abi.Q_TYPE + 4, abi.ABSENT)
    else:
        frame.part(abi.Q_TYPE, event.content_type.encode("utf-8", "surrogateescape")[:_LONGEST_TYPE])


def _effect(kind: abi.EffectKind, fields: bytes) -> Effect:
    first = int.from_bytes(fields[:4], "little")
    match kind:
        case abi.EffectKind.STATE:
            return Effect(kind, state=fields)
        case abi.EffectKind.STORE | abi.EffectKind.FORGET:
            return Effect(kind)
        case abi.EffectKind.NOTICE:
            notice, result, detail, value = struct.unpack_from("<IIiI", fields)
            return Effect(kind, notice=Notice(abi.NoticeKind(notice), abi.ResultType(result), detail, value))
        case abi.EffectKind.QUERY_RECORD:
            return Effect(kind, wait=first == 1)
        case abi.EffectKind.GET_POLICY:
            return Effect(kind, wait=first == 1, token=fields[4 : 4 + abi.TOKEN_SIZE])
        case abi.EffectKind.WAKE_AT:
            return Effect(kind, seconds=first)
        case abi.EffectKind.ANSWER:
            return Effect(kind, answer=_answer(fields))
        case _:
            raise RuntimeError(f"the core gave effect {int(kind)}, which this package does not know")


def _answer(fields: bytes) -> Answer:
    status, verdict, result, reason, detail, *rest = struct.unpack_from("<IIIIi11I", fields)
    mode, max_age, age, expires_in, reuse, recheck, used, offset, length, id_age, id_length = rest
    held = None
    if verdict == abi.Verdict.POLICY:
        name = fields[64 : 64 + id_length].decode("ascii")
        times = (max_age, age, expires_in, id_age)
        held = Held(abi.Mode(mode), name, *times, abi.Leniency(used), offset, length)
    words = abi.Status(status), abi.Verdict(verdict), abi.ResultType(result), abi.Reason(reason)
    return Answer(*words, detail, reuse, recheck == 1, held)
