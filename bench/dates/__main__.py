"""Scores how dates in texts are read, ours beside three others; prints a table.

python -m bench.dates [--data DIR] [--json FILE] [--quick] [--show]

Readers: ours (`nlu.dates.read_dates` with Duckling in its child process), Duckling alone, Duckling
with latent matches, and Microsoft's recognizers, which the benchmark installs once into
`.linnet/bench/dates-env`.

Sets: the public cases (halved by the parity of the SHA-256 of their id) and `sms_dev` from `--data`
or `LINNET_DATA`, and our own `tests/test_dates/sms.jsonl` (halved by the parity of their number).
Nobody tunes on the odd halves: `--show` leaves them out.

A case is right when exactly what it wants comes out: the same number of readings, each of them
equal to one that is wanted, at the grain that is wanted. In particular:

* a day is not an instant on that day, and "after friday" is not "friday";
* an interval ends with the last instant or day that the text names;
* a time without a day is right by its time of day, on the day of the text or the day beside it
  (who must name a day takes the next such time);
* a duration is right by its seconds, a week or month by its first day, a weekend by its Saturday;
* a part of the day is right by its day and its name, which may be finer ("late morning" for
  "morning"), or by the case's own hours; noon may be an instant;
* a reading in `alts` is as right as the first. Public cases name no zone and are read in UTC.

In texts to a business (`sms_dev` and ours) only what is offered counts, and what is refused must
not come out as offered. *Silently wrong* is an answer that is wrong and does not ask the customer;
*no answer* is none where there is one. What ours refuses, and whether it asks where a case says
so, is in the JSON; neither is part of "right".

Milliseconds are wall and processor time a text, the processes of a reader included. Hostile texts
are timed alone, each followed by an ordinary one, because a killed child must be replaced.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.dates import cases, readers, run
from bench.turns.measure import machine
from cli.failure import Failure

FOLDER = Path(".linnet/bench")
QUICK = 5


def main() -> int:
    """Score, print and write; 2 where nothing could be scored."""
    arguments = argparse.ArgumentParser(
        prog="python -m bench.dates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--data", type=Path, default=os.environ.get("LINNET_DATA"))
    arguments.add_argument("--json", type=Path, help="write all figures here")
    arguments.add_argument("--quick", action="store_true", help="each fifth case, ours only")
    arguments.add_argument("--show", action="store_true", help="what ours does not get right")
    options = arguments.parse_args()
    console = Console(stderr=True)
    try:
        report = _measure(options, console)
    except Failure as error:
        console.print(f"[red]{error}[/]")
        return 2
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    Console().print(run.table(report))
    return 0


def _measure(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    if not options.data:
        console.print("No --data and no LINNET_DATA: only our own texts are scored.")
    sets = cases.load(options.data)
    if options.quick:
        sets = {name: found[::QUICK] for name, found in sets.items()}
    compared: list[readers.Reader] = [readers.Ours()]
    if not options.quick:
        compared += [readers.duckling_alone(latent=False), readers.duckling_alone(latent=True)]
        compared.append(readers.recognizers(FOLDER.absolute(), console))
    report: dict[str, Any] = {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "readers": {},
    }
    for reader in compared:
        try:
            report["readers"][reader.name] = run.measure(
                reader, sets, console, show=options.show and reader.name == readers.Ours.name
            )
        finally:
            reader.close()
    return report


if __name__ == "__main__":
    sys.exit(main())
