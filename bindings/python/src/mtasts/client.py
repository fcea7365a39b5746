"""A Client that looks policies up and keeps them: the loop of docs/abi.md around ``Core.step``. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from secrets import randbits
from types import TracebackType

from .abi import Code, EffectKind, Event, FetchOutcome, Flag, Leniency, OnFailure, Reason, RecordOutcome, Status, Verdict
from .clock import steady_time, system_clock
from .core import Core
from .decision import Decision, from_answer, honoured, temporary
from .delivery import DaneFacts, PlanEntry
from .dns import Dns
from .domain import canonical_domain, record_name
from .https import Fetcher
from .instance import CoreError
from .shelf import Entry, Shelf, Waiter
from .step import Answer, Clock, Effect, Notice, PolicyEvent, RecordEvent, StepEvent, StepRequest
from .store import Store

_CONFLICTS = 100
_FETCHES = 64
_log = logging.getLogger("mtasts")


def log_notice(domain: str, notice: Notice, detail: str) -> None:
    """What a Client does with notices unless it is told otherwise."""
    _log.warning("%s: %s (%s, %d) %s", domain, notice.kind, notice.result_type, notice.number, detail)


class Client:
    """MTA-STS for a sending MTA. Use it as ``async with Client(...) as client``, in one event loop.

    ``on_notice`` hears what an operator must hear. ``max_domains`` are held in memory; stored policies beyond that are
    read again when needed. ``clock`` and ``seed`` are for simulations.
    """

    def __init__(
        self,
        core: Core,
        dns: Dns,
        fetcher: Fetcher,
        store: Store,
        *,
        leniency: Leniency = Leniency(0),
        on_failure: OnFailure = OnFailure.DEFER_BRIEFLY,
        on_notice: Callable[[str, Notice, str], None] = log_notice,
        max_domains: int = 50_000,
        clock: Callable[[], Clock] | None = None,
        seed: Callable[[], int] = lambda: randbits(32),
    ) -> None:
        self._core, self._dns, self._fetcher = core, dns, fetcher
        self._leniency, self._on_failure, self._on_notice = leniency, on_failure, on_notice
        self._clock, self._seed = clock or system_clock(), seed
        self._shelf = Shelf(store, self._clock, steady_time(self._clock), self._say_fault)
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._max_domains = max_domains
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._fetches = asyncio.Semaphore(_FETCHES)
        self._closed = False

    async def __aenter__(self) -> Client:
        self._start(self._schedule(await self._shelf.open()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def resolve(self, domain: str, deadline: float = 20.0) -> Decision:
        """What to honour for a domain (A-labels). The discovery itself goes on after the deadline (seconds).

        :raises ValueError: it is no domain
        """
        return await self._ask(Event.LOOKUP, domain, deadline)

    async def recheck(self, domain: str, deadline: float = 20.0) -> Decision:
        """Looks for a newer policy before mail is failed for good (RFC 8461 §5.1), and waits for it."""
        return await self._ask(Event.RECHECK, domain, deadline)

    def plan(self, decision: Decision, hosts: Sequence[str], dane: DaneFacts | None = None) -> list[PlanEntry]:
        """What to do with each MX host under a decision: Core.plan with its policy."""
        policy = decision.policy
        if policy is None:
            return self._core.plan(decision.verdict, hosts, dane=dane)
        return self._core.plan(decision.verdict, hosts, policy.text, policy.used, dane)

    async def close(self) -> None:
        """Ends flights, answers everybody who waits TEMP. The store is the caller's to close, afterwards."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for task in (tasks := list(self._tasks)):
            task.cancel()
        for entry in self._entries.values():
            entry.answer_all(temporary(entry.domain, Reason.DISCOVERY_PENDING, "shutting down"))
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, event: Event, text: str, deadline: float) -> Decision:
        domain = canonical_domain(text)
        if self._closed:
            return temporary(domain, Reason.DISCOVERY_PENDING, "shutting down")
        if record_name(domain) is None:
            return Decision(domain, Status.NO_RECORD, Verdict.NONE, reuse=60)
        entry = self._use(domain)
        # The waiter is there before the event, so that no answer can pass it by.
        waiter = Waiter(event, asyncio.get_running_loop().create_future())
        entry.waiters.append(waiter)
        self._start(self._submit_for(entry, event, waiter))
        try:
            await asyncio.wait([waiter.answer], timeout=deadline)
            return waiter.answer.result() if waiter.answer.done() else self._now_or_pending(entry)
        finally:
            if waiter in entry.waiters:
                entry.waiters.remove(waiter)

    async def _submit_for(self, entry: Entry, event: Event, waiter: Waiter) -> None:
        decision = await self._submit(entry, event)
        if decision and not waiter.answer.done():
            waiter.answer.set_result(decision)

    def _now_or_pending(self, entry: Entry) -> Decision:
        """This caller cannot wait longer. The store may be what hangs, so nothing is awaited here."""
        pending = temporary(entry.domain, Reason.DISCOVERY_PENDING, entry.detail or "discovery is still running")
        try:
            effects = self._step(entry, Event.DEADLINE, unreadable=entry.checked_at is None)
        except CoreError:
            return pending
        return self._decision(entry, entry.state, effects) or pending

    def _use(self, domain: str) -> Entry:
        entry = self._entries.setdefault(domain, Entry(domain))
        self._entries.move_to_end(domain)
        for old in list(self._entries.values())[:16] if len(self._entries) > self._max_domains else ():
            if old.idle and old is not entry:
                del self._entries[old.domain]
        return entry

    async def _schedule(self, domains: Sequence[str]) -> None:
        """Lets every stored policy name its next refresh."""
        for domain in domains:
            await self._submit(self._use(domain), Event.REFRESH)

    def _start(self, work: Coroutine[object, object, object]) -> None:
        task: asyncio.Task[object] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _submit(self, entry: Entry, event: StepEvent) -> Decision | None:
        """Handles one event and gives the answer to it, if any. A fault of ours is TEMP for everybody concerned."""
        entry.pending += 1
        try:
            async with entry.turn:
                return await self._handle(entry, event)
        except Exception as error:
            _log.exception("%s: internal error", entry.domain)
            decision = temporary(entry.domain, Reason.DISCOVERY_PENDING, f"internal error: {error}")
            entry.answer_all(decision)
            return decision
        finally:
            entry.pending -= 1

    async def _handle(self, entry: Entry, event: StepEvent) -> Decision | None:
        ends_flight = isinstance(event, RecordEvent | PolicyEvent)
        if isinstance(event, RecordEvent):
            entry.query_in_flight = False
        elif isinstance(event, PolicyEvent):
            entry.get_in_flight = False
        effects = await self._transition(entry, event)
        decision = self._decision(entry, entry.state, effects)
        for effect in effects:
            self._carry_out(entry, effect)
        if decision and ends_flight:
            entry.answer_all(decision)
        return decision

    async def _transition(self, entry: Entry, event: StepEvent) -> list[Effect]:
        """Steps until the writes took effect. Where another process was faster the row is read anew and the same event
        stepped again: step is pure, so that is always right, and nothing else has left by then."""
        readable = await self._shelf.load(entry)
        for _ in range(_CONFLICTS):
            try:
                effects = self._step(entry, event, unreadable=not readable)
            except CoreError as error:
                if error.code != Code.STATE:
                    raise
                self._shelf.drop_damaged(entry)
                continue
            if any(effect.kind == EffectKind.QUERY_RECORD for effect in effects):
                before = entry.version
                await self._shelf.load(entry, fresh=True)
                if entry.version != before:
                    continue
            state = next((effect.state for effect in effects if effect.kind == EffectKind.STATE), entry.state)
            if await self._shelf.persist(entry, effects, state):
                entry.state = state
                return effects
            await self._shelf.load(entry, fresh=True)
        raise RuntimeError(f"the store changed under {_CONFLICTS} attempts to write {entry.domain}")

    def _step(self, entry: Entry, event: StepEvent, unreadable: bool) -> list[Effect]:
        flags = Flag(0)
        if entry.query_in_flight:
            flags |= Flag.QUERY_IN_FLIGHT
        if entry.get_in_flight:
            flags |= Flag.GET_IN_FLIGHT
        if any(waiter.event == Event.RECHECK for waiter in entry.waiters):
            flags |= Flag.RECHECK_WAITING
        if unreadable or entry.damaged:
            flags |= Flag.STORE_UNREADABLE
        return self._core.step(
            StepRequest(
                domain=entry.domain,
                event=event,
                clock=self._clock(),
                state=entry.state,
                flags=flags,
                seed=self._seed(),
                high_water=self._shelf.high_water,
                leniency=self._leniency,
                on_failure=self._on_failure,
            )
        )

    def _decision(self, entry: Entry, state: bytes, effects: list[Effect]) -> Decision | None:
        answer: Answer | None = next((effect.answer for effect in effects if effect.answer), None)
        if answer is None:
            return None
        policy = None
        if held := answer.policy:
            text = state[held.offset : held.offset + held.length]
            policy = honoured(held, text, self._core.parse_policy(text, held.used).mx)
        return from_answer(entry.domain, answer, policy, entry.detail)

    def _carry_out(self, entry: Entry, effect: Effect) -> None:
        if effect.notice:
            self._notify(entry, effect.notice)
        elif self._closed:
            return  # nothing new begins, neither a flight nor a timer that would outlive the client
        elif effect.kind == EffectKind.QUERY_RECORD:
            entry.query_in_flight = True
            self._start(self._query(entry))
        elif effect.kind == EffectKind.GET_POLICY:
            entry.get_in_flight = True
            self._start(self._get(entry, effect.token))
        elif effect.kind == EffectKind.WAKE_AT:
            self._wake(entry.domain, effect.seconds)
        elif effect.kind == EffectKind.FORGET and (timer := self._timers.pop(entry.domain, None)):
            timer.cancel()

    def _notify(self, entry: Entry, notice: Notice) -> None:
        """A listener that fails must not keep the other effects from being carried out."""
        try:
            self._on_notice(entry.domain, notice, entry.detail)
        except Exception:
            _log.exception("%s: on_notice", entry.domain)

    def _wake(self, domain: str, seconds: int) -> None:
        if old := self._timers.pop(domain, None):
            old.cancel()

        def refresh() -> None:
            self._timers.pop(domain, None)
            self._start(self._submit(self._use(domain), Event.REFRESH))

        self._timers[domain] = asyncio.get_running_loop().call_later(seconds, refresh)

    async def _query(self, entry: Entry) -> None:
        name = record_name(entry.domain)
        assert name
        try:
            event = await self._dns.txt(name)
        except Exception:  # an implementation that breaks its promise must not end as "no record"
            _log.exception("%s: TXT query", entry.domain)
            event = RecordEvent(RecordOutcome.FAILED)
        if event.outcome == RecordOutcome.FAILED:
            entry.detail = f"the TXT query for {name} failed"
        elif event.outcome == RecordOutcome.NONE:
            entry.detail = f"there is no TXT record at {name}"
        await self._submit(entry, event)

    async def _get(self, entry: Entry, token: bytes) -> None:
        try:
            async with self._fetches:
                got = await self._fetcher.fetch(entry.domain)
            event = PolicyEvent(token, got.outcome, got.body, got.content_type)
            entry.detail = got.detail
        except Exception as error:
            _log.exception("%s: policy fetch", entry.domain)
            event, entry.detail = PolicyEvent(token, FetchOutcome.ABORTED), f"internal error: {error}"
        await self._submit(entry, event)

    def _say_fault(self, domain: str, error: Exception) -> None:
        _log.error("policy store: %s %s", domain, error)
