import json
import sys
from datetime import datetime
from importlib.util import find_spec
from io import StringIO

import pytest
from rich.console import Console

from bench.dates import cases, run
from bench.dates.conversions import from_duckling, from_recognizers
from bench.dates.hostile import HOSTILE
from bench.dates.process import Process
from bench.dates.readers import Ours
from bench.dates.score import Answer, Case, Reading
from cli.failure import Failure

WED = datetime(2026, 3, 11, 10)  # noqa: DTZ001  (naive local, as in the cases)
FRIDAY = datetime(2026, 3, 13)  # noqa: DTZ001
MONDAY = datetime(2026, 3, 16)  # noqa: DTZ001


def _at(hour, minute=0, day=FRIDAY):
    return day.replace(hour=hour, minute=minute)


def _case(text="text", name="x-1"):
    return Case(name, text, WED, "UTC", "x", "date", [[Reading(FRIDAY, kind="date")]], final=True)


def _time(value, body="x", dim="time", start=0):
    return {"body": body, "start": start, "end": start + len(body), "dim": dim, "value": value}


def _side(iso, grain):
    return {"value": f"{iso}.000-04:00", "grain": grain}


@pytest.mark.parametrize(
    ("match", "reading"),
    [
        (_time({"type": "value"} | _side("2026-03-13T15:00:00", "hour")),
         Reading(_at(15), grain="minute")),
        (_time({"type": "value"} | _side("2026-03-16T00:00:00", "week")),
         Reading(MONDAY, grain="week")),
        (_time({"type": "interval", "from": _side("2026-03-13T14:00:00", "hour"),
                "to": _side("2026-03-13T17:00:00", "hour")}),
         Reading(_at(14), _at(16), "minute")),
        (_time({"type": "interval", "from": _side("2026-03-13T00:00:00", "day"),
                "to": _side("2026-03-17T00:00:00", "day")}), Reading(FRIDAY, MONDAY)),
        (_time({"type": "interval", "from": _side("2026-03-13T12:00:00", "hour"),
                "to": _side("2026-03-13T19:00:00", "hour")}, "friday afternoon"),
         Reading(_at(12), _at(19), "daypart", "afternoon")),
        (_time({"type": "interval", "from": _side("2026-03-13T15:00:00", "hour")}),
         Reading(_at(15), grain="minute", open="after")),
        (_time({"type": "interval", "from": _side("2026-03-11T10:00:00", "second"),
                "to": _side("2026-03-14T00:00:00", "second")}, "by friday"),
         Reading(None, FRIDAY, open="before")),
        (_time({"normalized": {"value": 900}}, dim="duration"),
         Reading(None, grain="second", seconds=900)),
    ],
)  # fmt: skip
def test_what_duckling_answers(match, reading):
    assert from_duckling([match]) == [reading]


def test_of_overlapping_matches_of_duckling_the_longest_counts():
    long = _time({"type": "value"} | _side("2026-03-13T00:00:00", "day"), "friday 13")
    short = _time({"type": "value"} | _side("2026-03-16T00:00:00", "day"), "13", start=7)
    assert from_duckling([short, long]) == [Reading(FRIDAY)]


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ([{"timex": "XXXX-WXX-5", "type": "date", "value": "2026-03-06"},
          {"timex": "XXXX-WXX-5", "type": "date", "value": "2026-03-13"}], Reading(FRIDAY)),
        ([{"timex": "T15", "type": "time", "value": "15:00:00"}],
         Reading(_at(15, day=WED), grain="minute")),
        ([{"timex": "2026-W12", "type": "daterange", "start": "2026-03-16", "end": "2026-03-23"}],
         Reading(MONDAY, grain="week")),
        ([{"timex": "(2026-03-13,2026-03-16,P3D)", "type": "daterange", "start": "2026-03-13",
           "end": "2026-03-16"}], Reading(FRIDAY, MONDAY)),
        ([{"timex": "2026-03-13TMO", "type": "datetimerange", "start": "2026-03-13 08:00:00",
           "end": "2026-03-13 12:00:00"}], Reading(_at(8), _at(12), "daypart", "morning")),
        ([{"timex": "T15", "Mod": "after", "type": "timerange", "start": "15:00:00"}],
         Reading(_at(15, day=WED), grain="minute", open="after")),
        ([{"timex": "T23", "type": "timerange", "start": "23:00:00", "end": "25:00:00"}],
         Reading(_at(23, day=WED), _at(1, day=WED.replace(day=12)), "minute")),
        ([{"timex": "PT15M", "type": "duration", "value": "900"}],
         Reading(None, grain="second", seconds=900)),
        ([{"timex": "PX", "type": "duration", "value": "not resolved"}], Reading(None)),
    ],
)  # fmt: skip
def test_what_the_recognizers_answer(values, reading):
    assert from_recognizers([{"values": values}], WED) == [reading]


def test_the_table_has_a_column_for_each_reader():
    scores = {"cases": 4, "right": 25.0, "silently_wrong": 1.0, "no_answer": 2.0}
    figures = {
        "sets": {"own_even": scores}, "ms": {"p50": 1, "p95": 2, "max": 3}, "cpu_ms": 1.0,
        "hostile": {"longest": {"ms": 500.0, "next_ms": 100.0}},
    }  # fmt: skip
    shown = run.table({"readers": {"ours": figures, "Duckling": figures}})
    assert [column.header for column in shown.columns] == ["", "ours", "Duckling"]
    assert list(shown.columns[1].cells) == [
        "25.0/1.0/2.0", "1/2/3", "1.0", "500.0/100.0",
    ]  # fmt: skip


PROGRAM = """
import json, sys, time
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["text"] == "hang":
        time.sleep(60)
    if asked["text"] == "die":
        sys.exit(1)
    print(json.dumps({"results": [asked]}), flush=True)
"""


@pytest.mark.parametrize("text", ["hang", "die"])
def test_a_program_that_hangs_or_dies_gives_nothing_and_the_next_text_is_answered(text):
    process = Process([sys.executable, "-c", PROGRAM], limit_seconds=2)
    assert process.ask(_case(text)) is None
    assert process.ask(_case("tomorrow")) == [
        {"text": "tomorrow", "reference": "2026-03-11T10:00:00", "zone": "UTC"}
    ]
    process.close()


def test_a_program_that_does_not_start_is_named():
    process = Process([sys.executable, "-c", "raise SystemExit(1)"], limit_seconds=2)
    with pytest.raises(Failure, match="does not start"):
        process.ask(_case())


@pytest.mark.skipif(find_spec("duckling") is None, reason="native Duckling is not installed")
def test_all_figures_of_our_reader_can_be_written():
    reader = Ours()
    sets = {"own_even": cases.load(None)["own_even"][:10]}
    try:
        figures = run.measure(reader, sets, Console(file=StringIO()), show=True)
    finally:
        reader.close()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["sets"]["own_even"]["cases"] == 10
    assert figures["hostile"]["texts"] == len(HOSTILE)
    assert 0 < figures["ms"]["p50"] <= figures["ms"]["p95"] <= figures["ms"]["max"]


@pytest.mark.parametrize("kept_back", ["own_odd", "public_odd"])
def test_the_half_that_nobody_tunes_on_is_never_shown(kept_back):
    written = StringIO()
    sets = {kept_back: [_case()], "own_even": [_case(name="shown")]}

    class Silent:
        name = "silent"

        def read(self, case):
            return Answer([])

        def close(self):
            """Nothing to end."""

    run.measure(Silent(), sets, Console(file=written), show=True)
    assert "shown no answer" in written.getvalue()
    assert "x-1" not in written.getvalue()
