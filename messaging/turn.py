"""Answers conversations, one turn at a time, each exactly once.

A worker claims the turn that has waited longest, decides by rule or asks the assistant, and
writes all that comes of it in one transaction (``messaging/turn_table.py``). Nothing is kept
in memory that a crash would lose: the lease ends and the turn runs again with the same id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from structlog.contextvars import bound_contextvars

from database.pool import Pool
from messaging import tracing
from messaging.assistant import Answer, Assistant, Reply, TurnInput
from messaging.cancellation import cancelled
from messaging.clock import Clock
from messaging.errors import (
    AssistantFailed,
    AssistantTimedOut,
    LinnetError,
    TurnLost,
    Unreadable,
)
from messaging.masking import hiding
from messaging.media import MediaFile
from messaging.media_inbox import MediaInbox
from messaging.metrics import SECONDS, TURNS
from messaging.outbox import NewText, texts_for
from messaging.screening import Company, Decision, screen
from messaging.text_policy import TextPolicy
from messaging.tracing import Attribute, Span
from messaging.turn_outcome import Outcome, finish
from messaging.turn_table import ClaimedTurn, claim, next_due, renew
from messaging.wake import Listener

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """How turns are worked on.

    Attributes:
        burst: texts that come within this time of each other are one turn.
        lease: how long a worker owns a turn before another may take it over.
        limit: how long the assistant may think.
        pauses: before each further attempt at a turn that failed; after the last, the
            customer gets the failure message. Together longer than an action server takes to
            start again, because a late answer is better than none.
        concurrency: turns of one process at the same time.
        idle: the slow poll, should a notification be lost.
    """

    burst: timedelta = timedelta(seconds=1.2)
    lease: timedelta = timedelta(seconds=10)
    limit: timedelta = timedelta(seconds=25)
    pauses: tuple[timedelta, ...] = tuple(timedelta(seconds=pause) for pause in (1, 3, 8))
    concurrency: int = 8
    idle: timedelta = timedelta(seconds=5)

    @property
    def attempts(self) -> int:
        """Attempts at one turn, crashes of the worker included."""
        return len(self.pauses) + 1


class TurnWorker:
    """Claims turns and answers them until it is cancelled.

    Args:
        pool: of connections.
        listener: woken when texts arrive.
        assistant: asked where no rule decides.
        company: what rules say in its name.
        text_policies: how words become texts at each gateway, by its name.
        policy: times and limits.
        clock: for the time at which replies are made.
        new_id: for the ids of replies.
        media: fetches the files of texts.
    """

    def __init__(
        self,
        pool: Pool,
        listener: Listener,
        assistant: Assistant,
        company: Company,
        text_policies: Mapping[str, TextPolicy],
        policy: TurnPolicy,
        clock: Clock,
        new_id: Callable[[], UUID],
        media: MediaInbox,
    ) -> None:
        self._pool = pool
        self._listener = listener
        self._assistant = assistant
        self._company = company
        self._text_policies = text_policies
        self._policy = policy
        self._clock = clock
        self._new_id = new_id
        self._media = media
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled; turns that are under way then are left to their lease."""
        try:
            while not cancelled():
                await self._listener.wait(await self._step())
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _step(self) -> float:
        """Start every turn that may be started now; seconds until the next look."""
        idle = self._policy.idle.total_seconds()
        try:
            while len(self._running) < self._policy.concurrency:
                due = await next_due(self._pool)
                if due is None or due > 0:
                    return idle if due is None else min(due, idle)
                turn = await claim(self._pool, self._policy.lease, self._policy.burst)
                if turn is None:  # another worker is just claiming it
                    return 0.02
                task = asyncio.create_task(self._handle(turn))
                self._running.add(task)
                task.add_done_callback(self._done)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("turn.database-away", error=type(error).__name__)
            return 1.0
        except Exception:
            # Rasa would go on without anybody who answers; the next look may be a better one.
            log.exception("turn.claim-broken")
            return 1.0
        return idle

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._listener.wake()

    async def _handle(self, turn: ClaimedTurn) -> None:
        """Work on a turn, with its ids in every line of the log and in one trace with its texts."""
        ids: dict[str, Attribute] = {
            "conversation": str(turn.conversation_id),
            "turn": str(turn.id),
            "gateway": turn.gateway,
            "attempt": turn.attempt,
        }
        traces = [text.trace for text in turn.texts if text.trace]
        parent = traces[0] if traces else None
        with hiding(*(text.body for text in turn.texts)), bound_contextvars(**ids):
            try:
                with tracing.span("turn", ids, parent=parent, links=traces[1:]) as span:
                    await self._answer(turn, span)
            except Exception:
                log.exception("turn.broken")  # the lease ends and it is tried again

    async def _answer(self, turn: ClaimedTurn, span: Span) -> None:
        began = time.perf_counter()
        keeper = asyncio.create_task(self._keep(turn))
        try:
            outcome = await self._decide(turn)
            if outcome is not None:
                await finish(self._pool, turn, outcome, self._policy.burst)
                ended = "failed" if outcome.failure else "done"
                TURNS.labels(outcome.handled_by, ended).inc()
                SECONDS.labels(outcome.handled_by).observe(time.perf_counter() - began)
                span.set(outcome=ended, handled_by=outcome.handled_by)
                log.info(
                    "turn.finished",
                    outcome=ended,
                    handled_by=outcome.handled_by,
                    inbound_ids=[text.id for text in turn.texts],
                    text_ids=[str(text.id) for text in outcome.texts],
                )
        except TurnLost:
            span.set(outcome="lost")
            log.warning("turn.lost")
        except (psycopg.OperationalError, PoolTimeout) as error:
            # Nothing was committed: the lease ends and the turn is claimed again.
            span.set(outcome="database-away")
            log.warning("turn.database-away", error=type(error).__name__)
        finally:
            keeper.cancel()

    async def _keep(self, turn: ClaimedTurn) -> None:
        # One that lived on would keep everybody from a turn that was let go.
        while not cancelled():
            await asyncio.sleep(self._policy.lease.total_seconds() / 3)
            with suppress(psycopg.OperationalError, PoolTimeout):
                if not await renew(self._pool, turn, self._policy.lease):
                    return

    async def _decide(self, turn: ClaimedTurn) -> Outcome | None:
        """What the turn comes to; None where it is to be tried again later."""
        if turn.unreadable is not None:
            return await self._unread(turn, turn.unreadable)
        decision = screen(turn, self._company)
        files: tuple[MediaFile, ...] = ()
        if decision.handled_by != "rule" and turn.attempt <= self._policy.attempts:
            files = await self._media.files_of(turn.texts)  # a person wants to see them too
        if decision.input is None:
            return self._by_rule(turn, decision)
        if turn.attempt > self._policy.attempts:  # it has taken workers down with it
            error = AssistantFailed(f"{turn.attempt - 1} attempts did not end")
            return self._failed(turn, decision, error)
        try:
            answer = await self._ask(replace(decision.input, files=files))
        except (AssistantFailed, Unreadable) as error:
            if await self._put_off(turn, error):
                return None
            return self._failed(turn, decision, error)
        replies = _ended(_then(answer.replies, decision), decision.ending)
        answer = replace(answer, replies=replies)
        prompts = [reply.prompt for reply in answer.replies if reply.prompt]
        return Outcome(
            answer=answer,
            texts=self._texts(turn, answer.replies, "reply"),
            handled_by="assistant",
            opted_out=decision.opted_out,
            prompt=prompts[-1] if prompts else None,
            keep_prompt=answer.keeps_prompt and not prompts,
            consent=decision.consent,
            answered=decision.answered,
        )

    async def _unread(self, turn: ClaimedTurn, error: Unreadable) -> Outcome | None:
        """No rule decides what may be a STOP or a START: another process may have the key."""
        if await self._put_off(turn, error):
            return None
        return self._failed(turn, Decision(None, "assistant", turn.opted_out), error)

    async def _put_off(self, turn: ClaimedTurn, error: LinnetError) -> bool:
        """Let go of a turn that failed until its next attempt; False after the last one."""
        log.warning("turn.assistant-failed", code=error.code, detail=error.detail)
        if turn.attempt >= self._policy.attempts:
            return False
        await renew(self._pool, turn, self._policy.pauses[turn.attempt - 1])
        return True

    async def _ask(self, given: TurnInput) -> Answer:
        try:
            with tracing.span("assistant.respond") as span:
                async with asyncio.timeout(self._policy.limit.total_seconds()):
                    answer = await self._assistant.respond(given)
                span.set(intent=answer.intent, confidence=answer.confidence, policy=answer.policy)
                return answer
        except TimeoutError as error:
            raise AssistantTimedOut(f"no answer within {self._policy.limit}") from error

    def _by_rule(self, turn: ClaimedTurn, decision: Decision) -> Outcome:
        answer = Answer(_then([], decision))
        return Outcome(
            answer=answer,
            texts=self._texts(turn, answer.replies, "reply", confirmation=True),
            handled_by=decision.handled_by,
            rule=decision.rule,
            opted_out=decision.opted_out,
            keep_prompt=not decision.opted_out,
            consent=decision.consent,
        )

    def _failed(self, turn: ClaimedTurn, decision: Decision, error: LinnetError) -> Outcome:
        silent = turn.opted_out or turn.owner == "person"
        told = [] if silent else [Reply(self._company.failure_message)]
        answer = Answer(_then(told, decision))
        return Outcome(
            answer=answer,
            texts=self._texts(turn, answer.replies, "failure"),
            handled_by="assistant",
            opted_out=decision.opted_out,
            failure=error,
            keep_prompt=True,
            consent=decision.consent,
        )

    def _texts(
        self,
        turn: ClaimedTurn,
        replies: Sequence[Reply],
        kind: str,
        *,
        confirmation: bool = False,
    ) -> list[NewText]:
        policy = self._text_policies[turn.gateway]
        texts: list[NewText] = []
        for reply in replies:
            words = NewText(
                id=self._new_id(),
                conversation_id=turn.conversation_id,
                gateway=turn.gateway,
                sender=turn.our_number,
                recipient=turn.phone,
                body=reply.text,
                kind=kind,
                created_at=self._clock.now(),
                turn_id=turn.id,
                position=len(texts),
                media=reply.media,
                trace=tracing.current(),
                confirmation=confirmation,
            )
            texts += texts_for(words, policy, self._new_id)
        return texts


def _then(replies: Sequence[Reply], decision: Decision) -> list[Reply]:
    """What is said, and then what a rule has to say besides."""
    return [*replies, *([Reply(decision.reply)] if decision.reply else [])]


def _ended(replies: Sequence[Reply], ending: str | None) -> Sequence[Reply]:
    """The same with a last line, where something is said at all."""
    if ending is None or not replies:
        return replies
    *before, last = replies
    return [*before, replace(last, text=f"{last.text}\n{ending}".lstrip())]
