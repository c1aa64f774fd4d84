"""Carries a plan out on a running stack, and collects what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.phones import Phone
from bench.chaos.plan import Plan, Round, Scenario
from bench.chaos.stack import Victims
from bench.chaos.verdict import Case, Verdict, judge
from messaging.sealed import INBOUND_BODY, OUTBOUND_BODY
from simulator.posting import Poster

RECOVERY_SECONDS = 30.0
RECEIPTS_FROM = ("twilio",)
"""Who posts receipts; the other is asked in any case."""
IDLE_SECONDS = 0.3

UNDER_WAY = """
SELECT FROM conversation WHERE turn_due_at IS NOT NULL UNION ALL
SELECT FROM outbound_text WHERE state IN ('pending', 'sending', 'checking')
    OR state = 'failed' AND error_staff IS NULL
"""
# Receipts that came while nobody was there to take them are asked for after some minutes.
ASK_NOW = """
UPDATE outbound_text SET ask_at = now() WHERE state = 'sent' RETURNING gateway, recipient
"""
NOT_TOLD = """
SELECT FROM outbound_text WHERE (state = 'sent' OR state = 'failed' AND error_staff IS NULL)
    AND recipient <> ALL(%(untold)s)
"""
TEXTS = """
SELECT phone, external_id, text.body, received_at, turn.number, turn.state, turn.attempt,
    turn.failure ->> 'code' AS failure
FROM inbound_text AS text JOIN conversation ON conversation.id = text.conversation_id
LEFT JOIN turn ON turn.id = text.turn_id ORDER BY received_at, text.id
"""
REPLIES = """
SELECT phone, reply.id, reply.body, reply.kind, reply.part, reply.parts, reply.state,
    reply.vendor_id, reply.vendor_status, reply.attempts, reply.checks, reply.resends, reply.asks,
    reply.ask_at, reply.error_code, reply.error_staff, turn.number
FROM outbound_text AS reply JOIN conversation ON conversation.id = reply.conversation_id
LEFT JOIN turn ON turn.id = reply.turn_id ORDER BY reply.seq
"""
EVENTS = """
SELECT phone, outbound_id, at, event.kind, event.code, event.detail FROM text_event AS event
JOIN outbound_text AS reply ON reply.id = event.outbound_id
JOIN conversation ON conversation.id = reply.conversation_id ORDER BY event.id
"""


@dataclass(frozen=True, slots=True)
class Struck:
    """A blow that was dealt.

    Attributes:
        round: of which it was.
        midway: phones of the round for which something was under way at that moment.
        seconds: until every process was well again.
    """

    round: Round
    midway: tuple[Scenario, ...]
    seconds: float


@dataclass(slots=True)
class Report:
    """What came of a plan.

    Attributes:
        struck: the blows.
        verdicts: of all scenarios, each with its case.
        seconds: from the first round to the last reply.
        drain_seconds: from the last text to the last reply.
        asked: texts whose receipts were lost in a crash, so that the vendor was asked.
        drained: whether everything came to its end in time.
    """

    struck: list[Struck] = field(default_factory=list)
    verdicts: list[tuple[Case, Verdict]] = field(default_factory=list)
    seconds: float = 0.0
    drain_seconds: float = 0.0
    asked: int = 0
    drained: bool = False

    def count(self, kind: str) -> int:
        """Findings of a kind."""
        found = [one for _, verdict in self.verdicts for one in verdict.findings]
        return sum(one.kind == kind for one in found)

    @property
    def declared(self) -> Counter[str]:
        """What says of itself that it may be doubled or missing."""
        return sum((verdict.declared for _, verdict in self.verdicts), Counter())

    @property
    def ends(self) -> Counter[str]:
        """Replies by the state that they ended in."""
        return sum((verdict.ends for _, verdict in self.verdicts), Counter())


class Run:
    """One run of a plan.

    Args:
        stack: running.
        plan: what is to happen.
        failure_message: what a customer is told who gets no answer.
        tell: told what happens, for people who watch.
    """

    def __init__(
        self,
        stack: Victims,
        plan: Plan,
        failure_message: str,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._failure_message = failure_message
        self._tell = tell
        self._poster = Poster()
        self._phones: list[Phone] = []
        self._report = Report()

    async def carry_out(self, drain_seconds: float) -> Report:
        """Let all phones text and strike whoever is to be struck; then judge.

        Args:
            drain_seconds: how long the last replies may take.
        """
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for one in self._plan.rounds:
                await self._round(one, tasks)
        ended = time.monotonic()
        self._report.drained = await self._gone(drain_seconds, UNDER_WAY)
        self._report.drain_seconds = time.monotonic() - ended
        await self._ask(drain_seconds)
        self._report.seconds = time.monotonic() - began
        for case in await self._cases():
            self._report.verdicts.append((case, judge(case)))
        self._poster.close()
        return self._report

    async def _round(self, one: Round, tasks: asyncio.TaskGroup) -> None:
        began = time.monotonic()
        phones = [
            Phone(scenario, self._stack.numbers[scenario.gateway], self._stack.simulator,
                  self._poster)
            for scenario in one.scenarios
        ]  # fmt: skip
        self._phones += phones
        await asyncio.gather(*(self._trouble(scenario) for scenario in one.scenarios))
        for phone in phones:
            tasks.create_task(phone.live())
        for phone in phones:
            await phone.anchored.wait()
        midway = tuple(phone.scenario for phone in phones if phone.midway)
        self._tell(f"{one.blow}: {len(midway)} of {len(phones)} phones midway")
        struck = time.monotonic()
        await self._stack.strike(one)
        async with asyncio.timeout(RECOVERY_SECONDS):
            await self._stack.recovered()
        self._report.struck.append(Struck(one, midway, time.monotonic() - struck))
        await asyncio.sleep(began + self._plan.pace - time.monotonic())

    async def _trouble(self, scenario: Scenario) -> None:
        for fault in scenario.faults:
            await self._stack.fault(fault, gateway=scenario.gateway, phone=scenario.phone)

    async def _ask(self, seconds: float) -> None:
        """Have the vendors asked now instead of in some minutes what became of texts."""
        asked = await self._stack.rows(ASK_NOW)
        untold = [one.phone for one in self._plan.scenarios if one.fault == "receipts-missing"]
        self._report.asked = sum(
            row["gateway"] in RECEIPTS_FROM and row["recipient"] not in untold for row in asked
        )
        await self._gone(seconds, NOT_TOLD, untold=untold)

    async def _gone(self, seconds: float, query: str, **values: Any) -> bool:
        """Wait until nothing is on the ingress's disk and no such row in the database.

        Returns:
            Whether that came in time.
        """
        end = time.monotonic() + seconds
        while await self._stack.spooled() or await self._stack.rows(query, **values):
            if time.monotonic() > end:
                return False
            await asyncio.sleep(IDLE_SECONDS)
        return True

    async def _cases(self) -> list[Case]:
        keys = self._stack.cipher
        found = [await self._stack.rows(query) for query in (TEXTS, REPLIES, EVENTS)]
        for purpose, rows in zip((INBOUND_BODY, OUTBOUND_BODY), found, strict=False):
            for row in rows:
                row["body"] = keys.unseal(row["body"], purpose)
        texts, replies, events = map(_by_phone, found)
        return [
            Case(
                scenario=phone.scenario,
                said={said.id: said.body for said in phone.said.values()},
                repeats=phone.repeats,
                shown=[
                    item
                    for item in await self._stack.thread(phone.scenario.phone)
                    if item["direction"] == "received"
                ],
                texts=texts[phone.scenario.phone],
                replies=replies[phone.scenario.phone],
                events=events[phone.scenario.phone],
                failure_message=self._failure_message,
            )
            for phone in self._phones
        ]


def _by_phone(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["phone"]].append(row)
    return found
