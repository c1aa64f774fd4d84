"""What a run came to, for people: the matrix of blows and faults, and the story of a phone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from string import ascii_uppercase

from bench.chaos.plan import FAULTS, Blow, Scenario
from bench.chaos.run import Struck
from bench.chaos.verdict import Case, Verdict

Cell = tuple[str, str, Blow]
"""Gateway, fault, blow."""


def cells() -> set[Cell]:
    """Everything that can meet."""
    return {
        (gateway, fault, blow)
        for gateway, known in FAULTS.items()
        for fault in known
        for blow in Blow
    }


def covered(scenarios: Iterable[Scenario]) -> Counter[Cell]:
    """How many scenarios there are of each kind."""
    return Counter((one.gateway, one.fault, one.blow) for one in scenarios)


def midway(struck: Iterable[Struck]) -> Counter[Cell]:
    """How many phones of each kind had something under way when the blow came."""
    return covered(scenario for one in struck for scenario in one.midway)


def matrix(struck: Sequence[Struck]) -> str:
    """A line for each fault, a column for each blow: phones midway at the blow."""
    found = midway(struck)
    blows = sorted({one.round.blow for one in struck}, key=list(Blow).index)
    letters = ascii_uppercase[: len(blows)]
    lines = [f"{letter}  {blow}" for letter, blow in zip(letters, blows, strict=True)]
    lines.append(" " * 32 + " ".join(letters))
    for gateway, known in FAULTS.items():
        for fault in known:
            counts = " ".join(f"{found[gateway, fault, blow] or '.'}" for blow in blows)
            lines.append(f"{gateway:<11}{fault:<21}{counts}")
    return "\n".join(lines)


def story(case: Case, verdict: Verdict) -> str:
    """Everything that is known of a phone, in the order of its life."""
    scenario = case.scenario
    lines = [
        f"{scenario.phone} at {scenario.gateway}: {scenario.fault}, {scenario.blow}",
        f"  {'waits' if scenario.waits else 'does not wait'}; brought again: {case.repeats}",
        *(f"  !! {found.kind}: {found.detail}" for found in verdict.findings),
    ]
    for title, rows in {
        "said": [{"id": id, "body": body} for id, body in case.said.items()],
        "text": case.texts,
        "reply": case.replies,
        "event": case.events,
        "shown": case.shown,
    }.items():
        for row in rows:
            told = {
                key: str(value)[:50]
                for key, value in row.items()
                if value not in (None, [], "") and key not in {"phone", "media", "from", "to"}
            }
            lines.append(f"  {title:<6}" + ", ".join(f"{k}={v!r}" for k, v in told.items()))
    return "\n".join(lines)
