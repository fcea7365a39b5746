"""MTA-STS (RFC 8461) and DANE (RFC 7672) for a sending MTA.

``Core`` has the decisions as pure functions; ``mtasts.client`` has a Client that looks policies up and keeps them.
"""

from .abi import (
    Action,
    Addresses,
    Base,
    Chain,
    Code,
    DaneState,
    EffectKind,
    Event,
    FetchOutcome,
    Flag,
    JudgeVerdict,
    Leniency,
    Mode,
    NoticeKind,
    OnFailure,
    PlanReason,
    Reason,
    RecordOutcome,
    ResultType,
    Session,
    Status,
    Verdict,
    Why,
)
from .core import Core
from .delivery import DaneFacts, Judgement, PlanEntry, SessionFacts
from .instance import CoreError, TrapError
from .parse import Policy, Record, txt_rdata
from .step import Answer, Clock, Effect, Held, Notice, PolicyEvent, RecordEvent, StepRequest
from .tlsa import PeerCertificate, TlsaBase, TlsaMatch, UsableTlsa

__all__ = [
    "Action",
    "Addresses",
    "Answer",
    "Base",
    "Chain",
    "Clock",
    "Code",
    "Core",
    "CoreError",
    "DaneFacts",
    "DaneState",
    "Effect",
    "EffectKind",
    "Event",
    "FetchOutcome",
    "Flag",
    "Held",
    "JudgeVerdict",
    "Judgement",
    "Leniency",
    "Mode",
    "Notice",
    "NoticeKind",
    "OnFailure",
    "PeerCertificate",
    "PlanEntry",
    "PlanReason",
    "Policy",
    "PolicyEvent",
    "Reason",
    "Record",
    "RecordEvent",
    "RecordOutcome",
    "ResultType",
    "Session",
    "SessionFacts",
    "Status",
    "StepRequest",
    "TlsaBase",
    "TlsaMatch",
    "TrapError",
    "UsableTlsa",
    "Verdict",
    "Why",
    "txt_rdata",
]
