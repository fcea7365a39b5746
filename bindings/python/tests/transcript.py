"""Plays a vector of step.json: the host of one domain that does what the transcript says."""

from __future__ import annotations

import struct
from typing import Any

from vectors import Vector, by_word, leniency, must_know, octets

from mtasts import (
    Answer,
    Clock,
    Code,
    Core,
    CoreError,
    Effect,
    EffectKind,
    Event,
    FetchOutcome,
    Flag,
    Notice,
    NoticeKind,
    OnFailure,
    PolicyEvent,
    RecordEvent,
    RecordOutcome,
    ResultType,
    StepRequest,
    Verdict,
    txt_rdata,
)
from mtasts.abi import TOKEN_ID, TOKEN_ID_LENGTH

_OWN_NUMBERS = {NoticeKind.POLICY_WEAKENED, NoticeKind.POLICY_CHANGED, NoticeKind.REFRESH_FAILING}
_STEP_FIELDS = "at clock event flags force seed txt ttl body type failure flight state why".split()


class Player:
    def __init__(self, core: Core, vector: Vector, bodies: dict[str, str]) -> None:
        must_know(vector, "domain", "onDiscoveryFailure", "leniency", "steps")
        self._core, self._vector, self._bodies = core, vector, bodies
        self._state = self._stored = b""
        self._tokens: list[bytes] = []

    def play(self, step: Vector) -> list[str]:
        must_know(step, *_STEP_FIELDS)
        if "state" in step:
            self._state = {"nothing": b"", "as-stored": self._stored}[step["state"]]
        try:
            return [self._line(effect) for effect in self._core.step(self._request(step))]
        except CoreError as error:
            return [f"error {error.code} at {error.offset}"]

    def _request(self, step: Vector) -> StepRequest:
        clock = step.get("clock", {})
        at = step["at"]
        flags = Flag.FORCE if step.get("force") else Flag(0)
        for word in step.get("flags", []):
            flags |= Flag[word.upper().replace("-", "_")]
        return StepRequest(
            domain=self._vector.get("domain", "example.com"),
            event=self._event(step),
            clock=Clock(
                int(clock.get("now", 2_000_000_000 + clock.get("wall", at))),
                round((1_000_000 + clock.get("uptime", at)) * 1000),
                clock.get("boot", 1),
            ),
            state=self._state,
            flags=flags,
            seed=step.get("seed", 0),
            high_water=clock.get("highWater", 0),
            leniency=leniency(self._vector.get("leniency", [])),
            on_failure=by_word(OnFailure, self._vector.get("onDiscoveryFailure", "defer-briefly")),
        )

    def _event(self, step: Vector) -> Event | RecordEvent | PolicyEvent:
        event = by_word(Event, step["event"])
        if event == Event.RECORD:
            return _record(step)
        return self._policy(step) if event == Event.POLICY else event

    def _policy(self, step: Vector) -> PolicyEvent:
        token = self._tokens[step.get("flight", len(self._tokens)) - 1]
        if "failure" in step:
            return PolicyEvent(token, by_word(FetchOutcome, step["failure"]))
        body = step["body"]
        text = self._bodies[body].encode() if isinstance(body, str) else octets(body["bytes"])
        return PolicyEvent(token, FetchOutcome.OK, text, step.get("type", "text/plain"))

    def _line(self, effect: Effect) -> str:
        wait = "awaited" if effect.wait else "background"
        match effect.kind:
            case EffectKind.STATE:
                self._state = effect.state
            case EffectKind.STORE:
                self._stored = self._state
            case EffectKind.FORGET:
                self._stored = b""
            case EffectKind.QUERY_RECORD:
                return f"query-record {wait}"
            case EffectKind.GET_POLICY:
                self._tokens.append(effect.token)
                return f"get-policy {wait} id={_id_of(effect.token)}"
            case EffectKind.WAKE_AT:
                return f"wake-at {effect.seconds}"
            case EffectKind.NOTICE:
                assert effect.notice
                return _notice(effect.notice)
            case EffectKind.ANSWER:
                assert effect.answer
                return self._answer(effect.answer)
        return str(effect.kind)

    def _answer(self, answer: Answer) -> str:
        said = _present(result=_result(answer.result_type), detail=_detail(answer.detail))
        if answer.verdict == Verdict.TEMP:
            return _words(f"answer {answer.status} -> temp {answer.reason}", said)
        if answer.policy is None:
            return _words(f"answer {answer.status} -> no policy reuse={answer.reuse}", said)
        held = answer.policy
        text = self._state[held.offset : held.offset + held.length].decode("utf-8", "replace")
        body = next((name for name, body in self._bodies.items() if body == text), f"({held.length} octets)")
        rest = max(held.max_age - held.age, 0)
        return _words(
            f"answer {answer.status} -> {held.mode} {body} id={held.id or '-'} age={held.age}/{held.max_age}",
            f"reuse={answer.reuse}",
            "recheck" if answer.recheck else "",
            f"expires-in={held.expires_in}" if held.expires_in != rest else "",
            f"lenient={','.join(held.used.words)}" if held.used else "",
            said,
        )


def _record(step: Vector) -> RecordEvent:
    txt = step.get("txt", "none")
    ttl = step.get("ttl", 300)
    if txt == "failed":
        return RecordEvent(RecordOutcome.FAILED)
    if txt == "none":
        return RecordEvent(RecordOutcome.NONE, ttl=ttl)
    rrset = [txt_rdata(*([record] if isinstance(record, str) else record)) for record in txt]
    return RecordEvent(RecordOutcome.ANSWERED, rrset, ttl)


def _id_of(token: bytes) -> str:
    (length,) = struct.unpack_from("<I", token, TOKEN_ID_LENGTH)
    return token[TOKEN_ID : TOKEN_ID + length].decode("ascii") or "-"


def _words(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _present(**fields: Any) -> str:
    return _words(*(f"{name}={value}" for name, value in fields.items() if value))


def _result(result: ResultType) -> str:
    return result.word


def _detail(detail: int) -> str:
    if detail == 0:
        return ""
    return str(Code(detail)) if detail < 0 else str(FetchOutcome(detail))


def _notice(notice: Notice) -> str:
    own = notice.kind in _OWN_NUMBERS
    detail = notice.detail if own else _detail(notice.detail)
    fields = _present(result=_result(notice.result_type), detail=detail, number=notice.number)
    return _words(f"notice {notice.kind}", fields)
