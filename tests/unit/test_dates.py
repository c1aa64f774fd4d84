from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.dates import Mention, read_dates
from nlu.duckling import Duckling

ZONE = "America/New_York"
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))  # a Wednesday


@pytest.fixture(scope="module")
def duckling() -> Iterator[Duckling]:
    native = Duckling()
    yield native
    native.close()


def _short(mention: Mention) -> str:
    """Role, begin and end, and what else is not ordinary, in one line."""
    day = mention.grain in {"day", "week", "month", "weekend"}
    form = "%m-%d" if day else "%H:%M" if mention.date_free else "%m-%d %H:%M"
    begin = mention.start.strftime(form) if mention.start else ""
    end = f"..{mention.end.strftime(form)}" if mention.end else ""
    parts = [
        mention.role,
        begin + end,
        *([mention.grain] if day and mention.grain != "day" else []),
    ]
    return " ".join([*parts, *filter(None, (mention.daypart, mention.open))])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # abbreviations, typing errors, appointment hours
        ("tmrw at 3", ["offered 03-12 15:00"]),
        ("2moro 10ish", ["offered 03-12 10:00"]),
        ("thrusday at noon", ["offered 03-12 12:00"]),
        ("next tues @ 2:30p", ["offered 03-17 14:30"]),
        ("fri at 8", ["offered 03-13 08:00"]),
        ("fri at 7 in the evening", ["offered 03-13 19:00"]),
        ("mon at 12", ["offered 03-16 12:00"]),
        ("330 on fri", ["offered 03-13 15:30"]),
        ("quarter to 5 today", ["offered 03-11 16:45"]),
        ("three thirty works", ["offered 15:30"]),
        ("14:00 on 2026-04-10", ["offered 04-10 14:00"]),
        # days, weeks, months
        ("friday the 13th", ["offered 03-13"]),
        ("the 5th", ["offered 04-05"]),
        ("first mon in april", ["offered 04-06"]),
        ("a week from tuesday", ["offered 03-24"]),
        ("wk after next", ["offered 03-23 week"]),
        ("tuesday of next week at 9", ["offered 03-17 09:00"]),
        ("this wknd", ["offered 03-14..03-15 weekend"]),
        ("in 3 weeks on a monday", ["offered 03-30"]),
        ("dec 1st or 2nd", ["offered 12-01", "offered 12-02"]),
        # stretches: the end is the last instant that the text names
        ("btwn 2 n 4 on weds", ["offered 03-18 14:00..03-18 16:00"]),
        ("9-2 on friday", ["offered 03-13 09:00..03-13 14:00"]),
        ("from 11 to 1pm thurs", ["offered 03-12 11:00..03-12 13:00"]),
        ("mon-wed next week", ["offered 03-16..03-18"]),
        ("between the 16th and 20th", ["offered 03-16..03-20"]),
        ("march 27-29", ["offered 03-27..03-29"]),
        ("after 3 on monday", ["offered 03-16 15:00 after"]),
        ("no later than 11 on fri", ["offered ..03-13 11:00 before"]),
        ("sooner than the 24th", ["offered ..03-24 before"]),
        ("tomorrow morning", ["offered 03-12 08:00..03-12 12:00 morning"]),
        ("evenings work", ["offered 17:00..20:00 evening"]),
        # alternatives share what is said once
        ("tue or thurs after 3", ["offered 03-17 15:00 after", "offered 03-12 15:00 after"]),
        ("friday at 2 or 4", ["offered 03-13 14:00", "offered 03-13 16:00"]),
        ("mon, wed or fri mornings", [
            "offered 03-16 08:00..03-16 12:00 morning", "offered 03-18 08:00..03-18 12:00 morning",
            "offered 03-13 08:00..03-13 12:00 morning"]),
        # roles
        ("not tuesday", ["refused 03-17"]),
        ("anything but friday", ["refused 03-13"]),
        ("cant do thurs anymore, how about mon 16th", ["refused 03-12", "offered 03-16"]),
        ("monday instead of tuesday", ["offered 03-16", "refused 03-17"]),
        ("rather monday than tuesday", ["offered 03-16", "refused 03-17"]),
        ("not this fri, the one after", ["refused 03-13", "offered 03-20"]),
        ("friday at 5 is too late, how about 4", ["refused 03-13 17:00", "offered 16:00"]),
        ("move my tues 2pm to thurs 10am", ["old 03-17 14:00", "offered 03-12 10:00"]),
        ("reschedule from monday to friday", ["old 03-16", "offered 03-13"]),
        ("switch the 10am to 1pm", ["old 10:00", "offered 13:00"]),
        ("cancel my appointment on friday", ["old 03-13"]),
        # no dates
        ("2 kids and me need exams", []),
        ("2", []),
        ("my number is 212 555 0142", []),
        ("call (212) 555-0199", []),
        ("order 10432", []),
        ("ref HEC-4K7Q", []),
        ("it cost $25", []),
        ("the 2nd one", []),
        ("i have 20/20 vision", []),
        ("may be late, 3 people in front of me", []),
        ("at 123 main st", []),
        ("i sat on my glasses", []),
        ("good morning!", []),
        ("had them for 2 weeks", []),
    ],
)  # fmt: skip
def test_what_a_text_names(duckling, text, wanted):
    mentions = read_dates(text, NOW, ZONE, duckling.parse)
    assert [_short(mention) for mention in mentions] == wanted


@pytest.mark.parametrize(("text", "hour"), [("8", "08:00"), ("1230 pls", "12:30"), ("3", "15:00")])
def test_a_bare_number_is_a_time_only_when_a_time_was_asked_for(duckling, text, hour):
    (mention,) = read_dates(text, NOW, ZONE, duckling.parse, asked="time")
    assert _short(mention) == f"offered {hour}"
    assert read_dates(text, NOW, ZONE, duckling.parse) == []


def test_offsets_are_those_of_the_original(duckling):
    text = "\U0001f600 Can we do  NEXT Tues\u2019s slot, or 2moro @ 3:30P?"
    found = [text[m.first : m.last] for m in read_dates(text, NOW, ZONE, duckling.parse)]
    assert found == ["NEXT Tues", "2moro @ 3:30P"]


def test_the_value_of_an_entity(duckling):
    (mention,) = read_dates("not before 3 on fri pls", NOW, ZONE, duckling.parse)
    assert mention.value() == {
        "start": "2026-03-13T15:00:00", "end": None, "grain": "minute", "daypart": None,
        "role": "offered", "text": "not before 3 on fri", "date_free": False, "open": "after",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("received", "text", "day"),
    [
        # 03:30 UTC is still the evening before in New York
        (datetime(2026, 3, 12, 3, 30, tzinfo=UTC), "tomorrow at 9", "2026-03-12T09:00:00"),
        # clocks go forward on 2026-03-08 and back on 2026-11-01
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), "tomorrow at 9", "2026-03-09T09:00:00"),
        (datetime(2026, 3, 7, 15, tzinfo=UTC), "in 2 days", "2026-03-09T00:00:00"),
        (datetime(2026, 3, 8, 6, 30, tzinfo=UTC), "in 2 hours", "2026-03-08T04:30:00"),
        (datetime(2026, 10, 31, 16, tzinfo=UTC), "tomorrow at 1:30pm", "2026-11-01T13:30:00"),
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "in 2 hours", "2026-11-01T02:30:00"),
    ],
)
def test_times_count_from_the_receipt_in_the_zone_of_the_business(duckling, received, text, day):
    (mention,) = read_dates(text, received, ZONE, duckling.parse)
    assert mention.value()["start"] == day


@pytest.mark.parametrize(
    ("text", "ask"),
    [("next friday", True), ("12/3", True), ("tues the 20th", True), ("friday at 2", False)],
)
def test_a_second_reading_is_flagged(duckling, text, ask):
    (mention,) = read_dates(text, NOW, ZONE, duckling.parse)
    assert mention.ask is ask


@given(
    st.text(
        alphabet=st.sampled_from("0123456789/:-.,|' apmtorhsduynwek\0\u2019\U0001f600"), max_size=80
    )
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_without_an_error(text):
    mentions = read_dates(text, NOW, ZONE, lambda *_: [])
    assert all(0 <= m.first < m.last <= len(text) for m in mentions)
    assert all(one.last <= two.first for one, two in pairwise(mentions))
