"""What a Client answers."""

from __future__ import annotations

from dataclasses import dataclass

from .abi import Leniency, Mode, Reason, ResultType, Status, Verdict
from .step import Answer, Held


@dataclass(frozen=True, slots=True)
class HonouredPolicy:
    """The policy to honour. Times in seconds; ``text`` is the body as it was fetched."""

    mode: Mode
    id: str
    mx: tuple[str, ...]
    max_age: int
    age: int
    expires_in: int
    used: Leniency
    text: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """What was learned of a Policy Domain (``status``) and, apart from it, what to honour now (``verdict``).

    POLICY: give ``policy`` to plan. NONE: deliver as without MTA-STS. TEMP: do not deliver now, ask again later.
    ``detail`` says what failed, for the log. ``reuse``: for so many seconds the decision may be used again.
    ``recheck``: call Client.recheck before mail is failed for good.
    """

    domain: str
    status: Status
    verdict: Verdict
    result_type: ResultType = ResultType.NONE
    reason: Reason = Reason.NONE
    detail: str = ""
    policy: HonouredPolicy | None = None
    reuse: int = 0
    recheck: bool = False


def temporary(domain: str, reason: Reason, detail: str) -> Decision:
    """A TEMP that does not come from the core: the host itself cannot go on."""
    return Decision(domain, Status.PENDING, Verdict.TEMP, reason=reason, detail=detail)


def from_answer(domain: str, answer: Answer, policy: HonouredPolicy | None, detail: str) -> Decision:
    settled = answer.status in (Status.CACHED, Status.FETCHED)
    return Decision(
        domain,
        answer.status,
        answer.verdict,
        answer.result_type,
        answer.reason,
        "" if settled else detail,
        policy,
        answer.reuse,
        answer.recheck,
    )


def honoured(held: Held, text: bytes, mx: tuple[str, ...]) -> HonouredPolicy:
    times = (held.max_age, held.age, held.expires_in)
    return HonouredPolicy(held.mode, held.id, mx, *times, held.used, text)
