"""Reads the cases: one JSON object a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.dates.score import Case, Reading
from cli.failure import Failure

OWN = Path("tests/test_dates/sms.jsonl")
SMS = "sms_dev.jsonl"
PUBLIC = (
    "chrono",
    "ctparse",
    "dateparser",
    "duckling",
    "parsedatetime",
    "recognizers",
    "timefhuman",
)
NO_ZONE = "UTC"


def load(data: Path | None) -> dict[str, list[Case]]:
    """All cases by set: the public ones and our own in two halves each, and "sms_dev".

    The public ones are halved by the parity of the SHA-256 of their id.

    Args:
        data: folder with the JSON lines, or with a folder `datetime` that has them.

    Raises:
        Failure: `data` is no such folder, or a line cannot be read.
    """
    sets: dict[str, list[Case]] = {}
    if data:
        folder = data / "datetime" if (data / "datetime").is_dir() else data
        public = [folder / f"{name}.jsonl" for name in PUBLIC]
        found = [path for path in (*public, folder / SMS) if path.is_file()]
        if not found:
            raise Failure(
                f"{folder} has none of the case files, such as {SMS}; name another --data."
            )
        every = [case for path in public if path in found for case in read(path)]
        sets["public_even"] = [case for case in every if not _is_odd_digest(case)]
        sets["public_odd"] = [case for case in every if _is_odd_digest(case)]
        sets["sms_dev"] = read(folder / SMS) if folder / SMS in found else []
    own = read(OWN)
    sets["own_even"] = [case for case in own if not _is_odd(case)]
    sets["own_odd"] = [case for case in own if _is_odd(case)]
    return {name: cases for name, cases in sets.items() if cases}


def read(path: Path) -> list[Case]:
    """The cases of one file.

    Raises:
        Failure: a line is not a case.
    """
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            cases.append(case_of(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(f"{path}, line {number} is not a case: {error!r}") from error
    return cases


def case_of(line: Mapping[str, Any]) -> Case:
    """One case from one line of either format."""
    reference = datetime.fromisoformat(line["reference"])
    if "answers" in line:
        kinds = {answer["kind"] for answer in line["answers"]}
        return Case(
            line["id"],
            line["text"],
            reference,
            line["tz"],
            line["source"],
            kinds.pop() if len(kinds) == 1 else "several" if kinds else "none",
            [_readings(answer) for answer in line["answers"]],
            [_readings(answer) for answer in line["rejected"]],
            line["needs_confirm"],
            final=True,
            context=line["context"],
        )
    wanted = [_readings(line)]
    return Case(line["id"], line["text"], reference, NO_ZONE, line["source"], line["kind"], wanted)


def _readings(value: Mapping[str, Any]) -> Sequence[Reading]:
    """A wanted reading and those that are as good; an alternative names only what differs."""
    return [_reading({**value, **other}) for other in ({}, *value.get("alts", []))]


def _reading(value: Mapping[str, Any]) -> Reading:
    start, end = (_moment(value.get(side)) for side in ("start", "end"))
    return Reading(
        start,
        end,
        value["grain"],
        value.get("daypart"),
        value.get("seconds"),
        _open(value["kind"], value["grain"], start, end),
        value.get("date_free"),
        value["kind"],
    )


def _open(kind: str, grain: str, start: datetime | None, end: datetime | None) -> str | None:
    if kind != "interval" or grain not in {"minute", "day"} or bool(start) == bool(end):
        return None
    return "after" if start else "before"


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_odd_digest(case: Case) -> bool:
    return hashlib.sha256(case.id.encode()).digest()[-1] % 2 == 1


def _is_odd(case: Case) -> bool:
    return int(case.id.rsplit("-", 1)[1]) % 2 == 1
