"""Times in texts become windows to search, in the light of what was talked about before."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from actions.mentions import mentions
from actions.wishes import Wish, local_day, wished

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # Monday, 10:00 in New York


def time_entity(start=None, end=None, grain="minute", text="", **more):
    value = {"start": start, "end": end, "grain": grain, "text": text, "role": "offered", **more}
    return {"entity": "time", "value": value}


def at(month, day, hour=0, minute=0):
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK)


CASES = [
    # text, entity, day talked about, time talked about, window
    (
        "tomorrow 3pm",
        time_entity("2026-11-24T15:00:00"),
        None,
        None,
        (at(11, 24, 15), at(11, 24, 15)),
    ),
    (
        "4pm, of the day talked about",
        time_entity("2026-11-23T16:00:00", date_free=True),
        date(2026, 11, 27),
        None,
        (at(11, 27, 16), at(11, 27, 16)),
    ),
    (
        "tuesday 4pm keeps its own day",
        time_entity("2026-11-24T16:00:00"),
        date(2026, 11, 27),
        None,
        (at(11, 24, 16), at(11, 24, 16)),
    ),
    (
        "thursday instead, of 3pm",
        time_entity("2026-12-03T00:00:00", grain="day"),
        date(2026, 11, 27),
        time(15),
        (at(12, 3, 15), at(12, 3, 15)),
    ),
    (
        "friday",
        time_entity("2026-11-27T00:00:00", grain="day"),
        None,
        None,
        (at(11, 27), at(11, 28)),
    ),
    (
        "next week",
        time_entity("2026-11-30T00:00:00", grain="week"),
        None,
        time(15),
        (at(11, 30), at(12, 7)),
    ),
    (
        "the weekend",
        time_entity("2026-11-28T00:00:00", "2026-11-29T00:00:00", grain="weekend"),
        None,
        None,
        (at(11, 28), at(11, 30)),
    ),
    (
        "in december",
        time_entity("2026-12-01T00:00:00", grain="month"),
        None,
        None,
        (at(12, 1), datetime(2027, 1, 1, tzinfo=NEW_YORK)),
    ),
    (
        "after 3 on friday",
        time_entity("2026-11-27T15:00:00", open="after", text="after 3 on friday"),
        None,
        None,
        (at(11, 27, 15), at(11, 28)),
    ),
    (
        "before 11, of friday",
        time_entity(None, "2026-11-23T11:00:00", open="before", date_free=True),
        date(2026, 11, 27),
        None,
        (at(11, 27), at(11, 27, 11)),
    ),
    (
        "between 2 and 4 on friday",
        time_entity("2026-11-27T14:00:00", "2026-11-27T16:00:00"),
        None,
        None,
        (at(11, 27, 14), at(11, 27, 16)),
    ),
    (
        "friday morning",
        time_entity("2026-11-27T08:00:00", "2026-11-27T12:00:00", grain="daypart"),
        None,
        None,
        (at(11, 27, 8), at(11, 27, 12)),
    ),
    (
        "after friday",
        time_entity("2026-11-27T00:00:00", grain="day", open="after", text="after friday"),
        None,
        None,
        (at(11, 28), at(12, 12)),
    ),
    (
        "from friday on",
        time_entity("2026-11-27T00:00:00", grain="day", open="after", text="from friday"),
        None,
        None,
        (at(11, 27), at(12, 11)),
    ),
    (
        "before friday",
        time_entity(None, "2026-11-27T00:00:00", grain="day", open="before", text="before friday"),
        None,
        None,
        (at(11, 23, 10), at(11, 27)),
    ),
    (
        "by friday",
        time_entity(None, "2026-11-27T00:00:00", grain="day", open="before", text="by friday"),
        None,
        None,
        (at(11, 23, 10), at(11, 28)),
    ),
]


@pytest.mark.parametrize(
    ("entity", "day", "clock", "window"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_wanted_time(entity, day, clock, window):
    wish = wished(
        mentions([entity]), Wish(), NOW, NEW_YORK, day=day, hours=clock and (clock, clock)
    )
    assert wish is not None
    assert wish.windows == (window,)


@pytest.mark.parametrize(
    ("entity", "first"),
    [
        (time_entity("2026-11-23T16:00:00", date_free=True), (16, 16)),
        (time_entity("2026-11-23T16:00:00", date_free=True, open="after"), (16, 24)),
        (
            time_entity("2026-11-23T08:00:00", "2026-11-23T12:00:00", "daypart", date_free=True),
            (8, 12),
        ),
    ],
    ids=["4pm", "after 4", "mornings"],
)
def test_a_time_of_no_day_is_that_time_on_any_day(entity, first):
    wish = wished(mentions([entity]), Wish(), NOW, NEW_YORK, day=None, hours=None)
    assert len(wish.windows) == 14
    begin, end = first
    for number, window in enumerate(wish.windows):
        midnight = at(11, 23) + number * timedelta(days=1)
        assert window == (midnight + timedelta(hours=begin), midnight + timedelta(hours=end))
    assert wish.exact is None
    assert wish.day(NEW_YORK) is None


def test_a_day_keeps_the_time_of_day_that_was_talked_about():
    after_three = [time_entity("2026-11-23T15:00:00", date_free=True, open="after")]
    before = wished(mentions(after_three), Wish(), NOW, NEW_YORK, day=None, hours=None)
    assert before.hours(NEW_YORK) == (time(15), time())
    tuesday = mentions([time_entity("2026-11-24T00:00:00", grain="day")])
    wish = wished(tuesday, before, NOW, NEW_YORK, day=None, hours=before.hours(NEW_YORK))
    assert wish.windows == ((at(11, 24, 15), at(11, 25)),)


@pytest.mark.parametrize(
    ("windows", "hours"),
    [
        ([], None),
        ([(at(11, 24, 9), at(11, 24, 9))], (time(9), time(9))),
        ([(at(11, 24), at(11, 25))], None),
        ([(at(11, 24, 9), at(11, 24, 9)), (at(11, 24, 10), at(11, 24, 10))], None),
        ([(at(11, 24, 9), at(11, 30, 10))], None),
    ],
)
def test_the_time_of_day_that_a_wish_is_about(windows, hours):
    assert Wish(tuple(windows)).hours(NEW_YORK) == hours


def test_tuesday_but_not_in_the_morning():
    told = [
        time_entity("2026-12-08T00:00:00", grain="day"),
        time_entity(
            "2026-11-23T08:00:00", "2026-11-23T12:00:00", "daypart", date_free=True, role="refused"
        ),
    ]
    wish = wished(mentions(told), Wish(), NOW, NEW_YORK, day=None, hours=None)
    assert wish == Wish(((at(12, 8), at(12, 9)),), ((at(12, 8, 8), at(12, 8, 12)),))


def test_not_tuesday_drops_tuesday_and_keeps_the_rest():
    before = Wish(windows=((at(11, 24), at(11, 25)), (at(11, 25), at(11, 26))))
    refused = time_entity("2026-11-24T00:00:00", grain="day", role="refused")
    wish = wished(mentions([refused]), before, NOW, NEW_YORK, day=None, hours=None)
    assert wish == Wish(((at(11, 25), at(11, 26)),), ((at(11, 24), at(11, 25)),))


def test_not_tuesday_but_friday_wants_friday():
    told = [
        time_entity("2026-11-24T00:00:00", grain="day", role="refused"),
        time_entity("2026-11-27T00:00:00", grain="day"),
    ]
    wish = wished(mentions(told), Wish(), NOW, NEW_YORK, day=None, hours=None)
    assert wish == Wish(((at(11, 27), at(11, 28)),), ((at(11, 24), at(11, 25)),))


def test_a_text_without_times_leaves_the_wish_alone():
    entities = [
        {"entity": "service", "value": "eye_exam"},
        {"entity": "time", "value": "soon"},
        time_entity(None, None, text="a week"),  # a duration
    ]
    assert wished(mentions(entities), Wish(), NOW, NEW_YORK, day=None, hours=None) is None


def test_a_wish_survives_the_slot():
    wish = Wish(((at(11, 24), at(11, 25)),), ((at(11, 24, 9), at(11, 24, 9)),))
    assert Wish.from_slot(wish.to_slot()) == wish
    assert Wish.from_slot(None) == Wish()


def test_the_day_that_a_wish_is_about():
    assert Wish(((at(11, 24, 9), at(11, 24, 12)),)).day(NEW_YORK) == date(2026, 11, 24)
    assert Wish(((at(11, 24), at(12, 1)),)).day(NEW_YORK) is None
    assert Wish().day(NEW_YORK) is None
    assert local_day(at(11, 24, 23, 30), NEW_YORK) == (at(11, 24), at(11, 25))
