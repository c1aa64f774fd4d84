"""How well dates in texts are read: strict scores over cases kept as JSON lines.

    python bench/dates.py --data DIR [--show]

`DIR` (or the environment's `LINNET_DATA`) holds `sms_dev.jsonl`. A case is right when exactly
the offered dates come out, with their grain; *silently wrong* when something else comes out and
nothing asks the customer to confirm. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nlu.dates import Mention, read_dates
from nlu.duckling import Duckling


def main() -> int:
    """Score every case and print the result."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", default=os.environ.get("LINNET_DATA"), type=Path)
    arguments.add_argument("--show", action="store_true", help="print what is not right")
    options = arguments.parse_args()
    path = options.data / "sms_dev.jsonl" if options.data else None
    if path is None or not path.is_file():
        print(
            f"No cases: {path or 'no folder given'}. Pass --data DIR with sms_dev.jsonl in it.",
            file=sys.stderr,
        )
        return 2
    duckling = Duckling()
    cases = [json.loads(line) for line in path.read_text().splitlines()]
    right, silent, none, took = 0, 0, 0, []
    for case in cases:
        zone = case["tz"]
        reference = datetime.fromisoformat(case["reference"]).replace(tzinfo=ZoneInfo(zone))
        begun = time.perf_counter()
        mentions = read_dates(
            case["text"], reference, zone, duckling.parse, asked=case["context"].get("asked")
        )
        took.append((time.perf_counter() - begun) * 1000)
        given = [mention for mention in mentions if mention.role == "offered"]
        if is_right(given, case["answers"]):
            right += 1
            continue
        asks = any(mention.ask for mention in given)
        none += not given
        silent += bool(given) and not asks
        if options.show:
            print(f"{case['id']} {case['text']!r}\n   want {case['answers']}\n   got  {mentions}")
    duckling.close()
    result = {
        "cases": len(cases),
        "right": right,
        "right_percent": round(100 * right / len(cases), 1),
        "silently_wrong": silent,
        "no_answer": none,
        "ms_p50": round(sorted(took)[len(took) // 2], 2),
        "ms_max": round(max(took), 2),
    }
    print(json.dumps(result))
    return 0


def is_right(given: list[Mention], wanted: list[dict[str, Any]]) -> bool:
    """Whether what is offered is what the case wants, in any order."""
    if len(given) != len(wanted):
        return False
    left = list(given)
    for want in wanted:
        readings = [want, *want.get("alts", [])]
        same = next((one for one in left if any(_same(one, read) for read in readings)), None)
        if same is None:
            return False
        left.remove(same)
    return True


def _same(one: Mention, want: dict[str, Any]) -> bool:
    if want["seconds"]:
        return one.seconds == want["seconds"]
    if one.date_free != want["date_free"] and want["kind"] != "interval":
        return False
    if want["daypart"]:
        return one.daypart == want["daypart"] and _date(one.start) == want["start"][:10]
    if one.grain != want["grain"]:
        return False
    start = one.start.isoformat() if one.start else None
    end = one.end.isoformat() if one.end else None
    return start == want.get("start") and end == want.get("end")


def _date(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


if __name__ == "__main__":
    sys.exit(main())
