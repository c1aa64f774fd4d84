import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bench.dates import cases
from bench.dates.score import Answer, Case, Reading, all_match, matches, outcome, summary
from cli.failure import Failure

WED = datetime(2026, 3, 11, 10)  # noqa: DTZ001  (naive local, as in the cases)
FRIDAY = datetime(2026, 3, 13)  # noqa: DTZ001
MONDAY = datetime(2026, 3, 16)  # noqa: DTZ001


def _at(hour, minute=0, day=FRIDAY):
    return day.replace(hour=hour, minute=minute)


def _case(*offered, refused=(), must_ask=False, final=True, source="x"):
    return Case(
        "x-1", "text", WED, "UTC", source, "date", [[one] for one in offered],
        [[one] for one in refused], must_ask, final,
    )  # fmt: skip


DAY = Reading(FRIDAY, kind="date")
LATE = Reading(None, grain="second", seconds=900)
SLOT = Reading(_at(15), grain="minute", kind="datetime", date_free=False)


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        (Reading(FRIDAY), DAY, True),
        (Reading(MONDAY), DAY, False),
        (Reading(_at(15), grain="minute"), DAY, False),
        (Reading(FRIDAY, open="after"), DAY, False),
        (Reading(_at(12)), DAY, True),
        (Reading(None), DAY, False),
        (Reading(_at(15), grain="minute"), SLOT, True),
        (Reading(_at(15, 1), grain="minute"), SLOT, False),
        (Reading(FRIDAY), SLOT, False),
        (Reading(_at(15).replace(second=30), grain="minute"), SLOT, True),
        (Reading(_at(15), grain="minute", date_free=True), SLOT, False),
        (Reading(_at(15, day=WED), grain="minute"), Reading(_at(15, day=WED), grain="minute",
                                                            kind="time"), True),
        (Reading(_at(15, day=WED.replace(day=12)), grain="minute"),
         Reading(_at(15, day=WED), grain="minute", kind="time"), True),
        (Reading(_at(15), grain="minute"),
         Reading(_at(15, day=WED), grain="minute", kind="time"), False),
        (Reading(_at(3, day=WED), grain="minute"),
         Reading(_at(15, day=WED), grain="minute", kind="time"), False),
        (Reading(FRIDAY, MONDAY), Reading(FRIDAY, MONDAY, kind="interval"), True),
        (Reading(FRIDAY), Reading(FRIDAY, MONDAY, kind="interval"), False),
        (LATE, LATE, True),
        (Reading(None, grain="second", seconds=60), LATE, False),
        (Reading(FRIDAY), LATE, False),
        (LATE, DAY, False),
        (Reading(_at(18), MONDAY, "weekend"),
         Reading(FRIDAY.replace(day=14), FRIDAY.replace(day=15), "weekend", kind="interval"), True),
    ],
)  # fmt: skip
def test_a_reading_is_right_at_the_grain_of_the_case(got, want, same):
    assert matches(got, want) is same


PART = Reading(FRIDAY, grain="daypart", daypart="morning", kind="interval")


@pytest.mark.parametrize(
    ("got", "want", "same"),
    [
        (Reading(_at(8), _at(12), "daypart", "morning"), PART, True),
        (Reading(_at(8), _at(10), "daypart", "early morning"), PART, True),
        (Reading(_at(13), _at(17), "daypart", "afternoon"), PART, False),
        (Reading(_at(8, day=MONDAY), None, "daypart", "morning"), PART, False),
        (Reading(_at(8), _at(12), "minute"), PART, False),
        (Reading(_at(4), _at(9), "daypart"),
         Reading(_at(4), _at(9), "daypart", "morning", kind="interval"), True),
        (Reading(_at(12), grain="minute"),
         Reading(FRIDAY, grain="daypart", daypart="noon", kind="interval"), True),
        (Reading(_at(18), None, "daypart", "evening"),
         Reading(FRIDAY, grain="daypart", daypart="tonite", kind="interval"), True),
        (Reading(_at(8, day=MONDAY), None, "daypart", "morning", date_free=True),
         Reading(FRIDAY, grain="daypart", daypart="morning", date_free=True), True),
        (Reading(None, None, "daypart", "morning"), PART, False),
    ],
)  # fmt: skip
def test_a_part_of_the_day_is_right_by_day_and_name(got, want, same):
    assert matches(got, want) is same


def test_the_order_does_not_matter_but_the_number_does():
    wanted = [[DAY], [SLOT]]
    assert all_match(wanted, [SLOT, DAY])
    assert not all_match(wanted, [DAY])
    assert not all_match(wanted, [DAY, SLOT, SLOT])
    assert not all_match(wanted, [DAY, DAY])
    assert all_match([], [])


def test_an_alternative_is_as_right():
    assert all_match([[DAY, Reading(MONDAY)]], [Reading(MONDAY)])


@pytest.mark.parametrize(
    ("offered", "answer", "wanted"),
    [
        ([DAY], Answer([DAY]), "right"),
        ([], Answer([]), "right"),
        ([DAY], Answer([]), "no answer"),
        ([DAY], Answer([SLOT]), "silently wrong"),
        ([DAY], Answer([SLOT], asks=True), "wrong, and asks"),
        ([], Answer([SLOT]), "silently wrong"),
        ([DAY], Answer([DAY, SLOT]), "silently wrong"),
    ],
)
def test_outcomes(offered, answer, wanted):
    assert outcome(_case(*offered), answer) == wanted


def test_a_summary_counts_answers_refusals_and_questions():
    found = [_case(DAY, refused=[SLOT]), _case(DAY, must_ask=True), _case(DAY), _case(DAY)]
    answers = [
        Answer([DAY], [SLOT]), Answer([SLOT], asks=True), Answer([]), Answer([SLOT], asks=False),
    ]  # fmt: skip
    assert summary(found, answers) == {
        "cases": 4, "right": 25.0, "silently_wrong": 25.0, "wrong_but_asks": 25.0,
        "no_answer": 25.0, "refusals": 1, "refusals_right": 1, "must_ask": 1,
        "must_ask_and_asks": 1, "asks_needlessly": 0,
    }  # fmt: skip
    assert "refusals" not in summary([_case(DAY, final=False)], [Answer([DAY])])


PUBLIC = {
    "id": "p-1", "text": "before 4", "reference": "2026-03-11T10:00:00", "source": "p",
    "kind": "interval", "start": None, "end": "2026-03-11T04:00:00", "grain": "minute",
    "daypart": None, "seconds": None, "alts": [{"start": None, "end": "2026-03-11T16:00:00"}],
}  # fmt: skip


def test_a_public_case_has_one_reading_and_its_alternatives():
    case = cases.case_of(PUBLIC)
    assert (case.zone, case.final, case.kind) == ("UTC", False, "interval")
    ((first, second),) = case.offered
    assert (first.end, second.end) == (_at(4, day=WED), _at(16, day=WED))
    assert first.open == second.open == "before"


@pytest.mark.parametrize("line", ["{", "[]", "null", "{}", '{"reference": "now"}'])
def test_a_line_that_is_no_case_is_named(tmp_path, line):
    path = tmp_path / "chrono.jsonl"
    path.write_text(json.dumps(PUBLIC) + "\n" + line)
    with pytest.raises(Failure, match=r"chrono\.jsonl, line 2 is not a case"):
        cases.read(path)


def test_a_folder_without_cases_is_named(tmp_path):
    with pytest.raises(Failure, match="name another --data"):
        cases.load(tmp_path)


def test_the_data_folder_may_be_the_one_above(tmp_path):
    (tmp_path / "datetime").mkdir()
    lines = [json.dumps({**PUBLIC, "id": f"p-{number}"}) for number in range(40)]
    (tmp_path / "datetime" / "chrono.jsonl").write_text("\n".join(lines))
    sets = cases.load(tmp_path)
    assert set(sets) == {"public_even", "public_odd", "own_even", "own_odd"}
    halves = [{case.id for case in sets[name]} for name in ("public_even", "public_odd")]
    assert halves[0] | halves[1] == {f"p-{number}" for number in range(40)}
    assert not halves[0] & halves[1]


def _own():
    return cases.read(cases.OWN)


def test_our_own_texts_are_120_different_ones_in_two_halves():
    own = _own()
    sets = cases.load(None)
    assert [case.id for case in own] == [f"linnet-{number:03}" for number in range(120)]
    assert len({case.text for case in own}) == 120
    assert len(sets["own_even"]) == len(sets["own_odd"]) == 60


@pytest.mark.parametrize("case", _own(), ids=lambda case: case.id)
def test_each_of_our_own_texts_is_well_formed(case):
    ZoneInfo(case.zone)
    for readings in (*case.offered, *case.refused):
        for one in readings:
            moments = [moment for moment in (one.start, one.end) if moment]
            assert bool(moments) != (one.seconds is not None)
            assert moments == sorted(moments)
            if one.grain in {"day", "daypart"}:
                assert all(moment.hour == moment.minute == 0 for moment in moments)
            if one.grain == "week":
                assert one.start.weekday() == 0
            if one.date_free:
                assert moments[0].date() == case.reference.date()
