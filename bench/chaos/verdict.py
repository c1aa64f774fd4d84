"""Whether a phone, the database and what was said agree, and what is to be said of each text.

Pure: what a phone shows and what the database holds go in, findings come out. A finding is
something that must not be; what is declared is something that can be, says so itself, and is
counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.plan import REFUSING, Scenario
from bench.chaos.wishes import Wish, answers, wish_of

Row = Mapping[str, Any]

LABEL = re.compile(r"^Part \d+ of \d+\W*")
"""What the parts of a split text begin with."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be.

    Attributes:
        kind: ``lost``, ``doubled``, ``disordered``, ``unanswered`` or ``unexplained``.
        detail: one sentence for whoever looks into it.
    """

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known of a scenario when it is over.

    Attributes:
        scenario: what was planned.
        said: bodies that the phone sent, by the vendor's id, in order.
        repeats: how often the vendor had to bring a text once more.
        shown: texts that the phone received, in the order in which they came.
        texts: rows of ``inbound_text`` with ``turn``, in the order of their receipt.
        replies: rows of ``outbound_text`` in the order in which they are to leave.
        events: rows of ``text_event``.
        failure_message: what a customer is told who gets no answer.
    """

    scenario: Scenario
    said: Mapping[str, str]
    repeats: int
    shown: Sequence[Row]
    texts: Sequence[Row]
    replies: Sequence[Row]
    events: Sequence[Row]
    failure_message: str


@dataclass(slots=True)
class Verdict:
    """What is found about a scenario.

    Attributes:
        findings: what must not be.
        declared: what says itself that it was doubled or may be missing, by kind.
        ends: how many replies ended how.
    """

    findings: list[Finding] = field(default_factory=list)
    declared: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def find(self, kind: str, detail: str) -> None:
        """Note something that must not be."""
        self.findings.append(Finding(kind, detail))


def judge(case: Case) -> Verdict:
    """Judge one scenario."""
    verdict = Verdict()
    _judge_texts(case, verdict)
    _judge_answers(case, verdict)
    _judge_phone(case, verdict)
    for reply in case.replies:
        _judge_end(case, reply, verdict)
    return verdict


def _judge_texts(case: Case, verdict: Verdict) -> None:
    """Each text is stored once, and turns have them in the order in which they came."""
    stored = [row["external_id"] for row in case.texts]
    for missing in case.said.keys() - set(stored):
        verdict.find("lost", f"{case.said[missing]!r} was sent and is not stored")
    if case.repeats == 0 and stored != [id for id in case.said if id in stored]:
        verdict.find("disordered", f"texts were stored in another order: {stored}")
    numbers = [row["number"] for row in case.texts if row["number"] is not None]
    if len(numbers) < len(stored):
        verdict.find("unanswered", "a text belongs to no turn")
    if numbers != sorted(numbers):
        verdict.find("disordered", f"turns took texts out of order: {numbers}")


def _judge_answers(case: Case, verdict: Verdict) -> None:
    """Each turn has the replies that its texts deserve, all of them and in order."""
    turns: dict[int, list[Row]] = defaultdict(list)
    for row in case.texts:
        turns[row["number"]].append(row)
    for number, texts in turns.items():
        bodies = [text["body"] for text in texts]
        replies = [row for row in case.replies if row["number"] == number]
        if texts[0]["state"] == "failed" and any(wish_of(body) is Wish.FAIL for body in bodies):
            deserved = [case.failure_message]
        else:
            deserved = [said for body in bodies for said in answers(body)]
        written = [row["body"] for row in replies]
        if _joined(written) != _joined(deserved):
            verdict.find("unanswered", f"{bodies} is answered by {written}")


def _joined(bodies: Sequence[str]) -> str:
    return " ".join(" ".join(LABEL.sub("", body) for body in bodies).split())


def _judge_phone(case: Case, verdict: Verdict) -> None:
    """The phone shows each reply as often as it may and must, in order."""
    shown = Counter(item["body"] for item in case.shown)
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for row in case.replies:
        low, high = _times(row)
        least[row["body"]] += low
        most[row["body"]] += high
        if row["resends"] and shown[row["body"]] > 1:
            verdict.declared["doubled: sent again, its fate unknown"] += 1
        if row["state"] == "unknown" and not shown[row["body"]]:
            verdict.declared["missing: its fate is unknown"] += 1
    for body in least | shown:
        if shown[body] < least[body]:
            verdict.find("lost", f"{body[:60]!r} is shown {shown[body]} times")
        if shown[body] > most[body]:
            verdict.find("doubled", f"{body[:60]!r} is shown {shown[body]}, not {most[body]} times")
    _judge_order(case, verdict)


def _judge_order(case: Case, verdict: Verdict) -> None:
    """One copy of each reply stands behind the one before; a declared second one may come late."""
    shown = [item["body"] for item in case.shown]
    behind = 0
    for row in case.replies:
        if not _times(row)[0]:  # it need not be there
            continue
        try:
            behind = shown.index(row["body"], behind) + 1
        except ValueError:
            if row["body"] in shown:
                verdict.find("disordered", f"{row['body'][:60]!r} overtook another: {shown}")


def _times(reply: Row) -> tuple[int, int]:
    """How often a phone must and may show a reply."""
    match reply["state"]:
        case "sent" | "delivered":
            return 1, 1 + reply["resends"]
        case "unknown":
            return 0, 1 + reply["resends"]
        case _:
            return 0, reply["resends"]


def _judge_end(case: Case, reply: Row, verdict: Verdict) -> None:
    """Each reply ended, in a state that says why."""
    state, code, fault = reply["state"], reply["error_code"], case.scenario.fault
    told = [event for event in case.events if event["outbound_id"] == reply["id"]]
    what = f"{reply['body'][:40]!r} is {state} ({code})"
    verdict.ends[state] += 1
    match state:
        case "delivered":
            pass
        case "sent":
            # The vendor was asked, so only what the vendor does not know can still be so.
            if fault != "receipts-missing":
                verdict.find("unexplained", f"{what}, and was asked about {reply['asks']} times")
        case "failed":
            if not (code and reply["error_staff"]):
                verdict.find("unexplained", f"{what} without a reason")
            if fault not in REFUSING:
                verdict.find("lost", f"{what}, and its carrier refused nothing")
        case "unknown":
            if not (code and reply["error_staff"] and told):
                verdict.find("unexplained", f"{what}: {[event['kind'] for event in told]}")
        case _:
            verdict.find("unexplained", f"{what} and has not come to its end")
    if reply["resends"] and "resent" not in {event["kind"] for event in told}:
        verdict.find("unexplained", f"{what}, was sent again, and no event says so")
