"""The rules of free times: within hours, never over, never doubled, also when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice.catalogue import Catalogue, Hours, Location, Service, Staff
from practice.errors import UnknownLocation, UnknownService
from practice.offers import (
    STEP,
    Busy,
    Slot,
    candidate_starts,
    half_day,
    merge_windows,
    nearest,
    slots_within,
    spread,
    within,
)

NEW_YORK = ZoneInfo("America/New_York")
EXAM = Service(1, "eye_exam", "eye exam", 30)
LENSES = Service(2, "contact_lens_exam", "contact lens exam", 45)
DOWNTOWN = Location(1, "downtown", "Downtown", "210 Water St", "America/New_York")
LAKESIDE = Location(2, "lakeside", "Lakeside", "88 Lakeside Ave", "America/New_York")
WEEK = tuple(
    Hours(weekday, time(9), time(18)) if weekday < 5 else Hours(5, time(10), time(14))
    for weekday in range(6)
)
CATALOGUE = Catalogue(
    services={one.key: one for one in (EXAM, LENSES)},
    locations={one.key: one for one in (DOWNTOWN, LAKESIDE)},
    staff=(
        Staff(1, "A", "downtown", frozenset({"eye_exam", "contact_lens_exam"})),
        Staff(2, "B", "downtown", frozenset({"eye_exam"})),
        Staff(3, "C", "lakeside", frozenset({"eye_exam"})),
    ),
    hours={"downtown": WEEK, "lakeside": WEEK},
    closures={"downtown": frozenset({date(2026, 11, 26)})},
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK).astimezone(UTC)


days = st.one_of(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.sampled_from([date(2026, 3, 8), date(2026, 11, 1)]),
)
quarters = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
zones = st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])


@given(days, quarters, quarters, zones, st.integers(5, 120), st.integers(-2000, 2000))
def test_starts_lie_within_hours_in_order_and_never_before_the_earliest(
    day, one, other, zone, minutes, offset
):
    opens, closes = sorted((one, other))
    zone = ZoneInfo(zone)
    duration = timedelta(minutes=minutes)
    first = datetime.combine(day, opens, zone).astimezone(UTC)
    last = datetime.combine(day, closes, zone).astimezone(UTC)
    earliest = first + timedelta(minutes=offset, seconds=offset)

    starts = list(candidate_starts([(opens, closes)], day, zone, duration, earliest))

    assert all(first <= start and start + duration <= last for start in starts)
    assert all(start >= earliest for start in starts)
    assert all(later - sooner == STEP for sooner, later in pairwise(starts))
    # none is left out
    if starts:
        assert starts[0] - STEP < max(earliest, first)
        assert starts[-1] + STEP + duration > last
    else:
        grid = first
        while grid < earliest:
            grid += STEP
        assert grid + duration > last


@pytest.mark.parametrize(
    ("day", "hours", "count", "first"),
    [
        (date(2026, 3, 7), (time(0), time(6)), 23, utc(2026, 3, 7, 5)),
        (date(2026, 3, 8), (time(0), time(6)), 19, utc(2026, 3, 8, 5)),  # 2 o'clock is missing
        (date(2026, 11, 1), (time(0), time(6)), 27, utc(2026, 11, 1, 4)),  # 1 o'clock comes twice
        (date(2026, 3, 9), (time(9), time(18)), 35, utc(2026, 3, 9, 13)),
        (date(2026, 11, 2), (time(9), time(18)), 35, utc(2026, 11, 2, 14)),
    ],
)
def test_days_on_which_clocks_change(day, hours, count, first):
    starts = list(candidate_starts([hours], day, NEW_YORK, timedelta(minutes=30), utc(2026, 1, 1)))
    assert len(starts) == len(set(starts)) == count
    assert starts[0] == first
    assert all(start.tzinfo is UTC for start in starts)


moments = st.integers(0, 37 * 24 * 3600).map(
    lambda seconds: datetime(2026, 10, 25, tzinfo=UTC) + timedelta(seconds=seconds)
)
busy_spans = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 4 * 24 * 14), st.integers(1, 8)), max_size=60
)


def without_overlaps(first: datetime, drawn) -> list[tuple[int, datetime, datetime]]:
    kept: list[tuple[int, datetime, datetime]] = []
    for staff, offset, length in drawn:
        start = first + offset * STEP
        end = start + length * STEP
        if all(staff != who or end <= begin or start >= stop for who, begin, stop in kept):
            kept.append((staff, start, end))
    return kept


@given(moments, st.integers(0, 14 * 24), busy_spans, st.sampled_from([EXAM, LENSES]))
def test_a_free_slot_overlaps_nothing_and_every_other_start_is_taken(first, hours, drawn, service):
    span = (first, first + timedelta(hours=hours))
    taken = without_overlaps(first.replace(minute=0, second=0, microsecond=0), drawn)
    busy = Busy((who, start.timestamp(), end.timestamp()) for who, start, end in taken)

    def free(staff, start, end):
        return not any(s == staff and start < e and b < end for s, b, e in taken)

    slots = list(slots_within(CATALOGUE, service, DOWNTOWN, span, busy=busy))
    for slot in slots:
        assert span[0] <= slot.start < span[1]
        assert slot.end - slot.start == timedelta(minutes=service.minutes)
        assert free(slot.staff_id, slot.start, slot.end)
        start, end = (moment.astimezone(NEW_YORK) for moment in (slot.start, slot.end))
        assert any(
            opens <= start.time() and end.time() <= closes
            for opens, closes in CATALOGUE.hours_on("downtown", start.date())
        )
    offered = {slot.start for slot in slots}
    day = first.astimezone(NEW_YORK).date()
    while day <= span[1].astimezone(NEW_YORK).date():
        length = timedelta(minutes=service.minutes)
        for start in candidate_starts(
            CATALOGUE.hours_on("downtown", day), day, NEW_YORK, length, span[0]
        ):
            if start < span[1] and start not in offered:
                able = CATALOGUE.staff_for(service.key, "downtown")
                assert not any(free(person.id, start, start + length) for person in able)
        day += timedelta(days=1)


@given(st.lists(st.tuples(moments, moments), max_size=6), moments)
def test_windows_are_clipped_sorted_and_apart(windows, moment):
    first, last = utc(2026, 11, 1), utc(2026, 11, 20)
    merged = merge_windows(windows, first, last)
    assert all(first <= begin < end <= last for begin, end in merged)
    assert all(sooner[1] < later[0] for sooner, later in pairwise(merged))
    if windows and first <= moment < last:
        inside = any(begin <= moment < max(begin, end) for begin, end in windows)
        if inside:
            assert within(moment, merged)


def test_a_window_of_no_length_is_one_start_and_none_is_any_time():
    at = local(2026, 11, 24, 10)
    first, last = utc(2026, 11, 22), utc(2026, 12, 22)
    ((begin, end),) = merge_windows([(at, at)], first, last)
    slots = slots_within(CATALOGUE, EXAM, DOWNTOWN, (begin, end), busy=Busy([]))
    assert [slot.start for slot in slots] == [at]
    assert merge_windows([], first, last) == [(first, last)]
    assert merge_windows([(last, last)], first, last) == []


def test_refused_spans_and_moments_are_left_out():
    span = (local(2026, 11, 24, 9), local(2026, 11, 24, 11))
    refused = [
        (local(2026, 11, 24, 9), local(2026, 11, 24, 10)),
        (local(2026, 11, 24, 10, 15), local(2026, 11, 24, 10, 15)),
    ]
    slots = slots_within(CATALOGUE, EXAM, DOWNTOWN, span, busy=Busy([]), refused=refused)
    assert [slot.start.minute for slot in slots] == [0, 30, 45]


def free_between(first: datetime, last: datetime, *places: Location) -> list[Slot]:
    return [
        slot
        for place in places or (DOWNTOWN,)
        for slot in slots_within(CATALOGUE, EXAM, place, (first, last), busy=Busy([]))
    ]


@pytest.mark.parametrize(
    ("first", "last", "starts"),
    [
        # a week: the next half-days
        ((24, 8), (30, 0), [(24, 9, 0), (24, 12, 0), (25, 9, 0)]),
        # a morning: from its first to its last half hour
        ((24, 8), (24, 12), [(24, 9, 0), (24, 10, 0), (24, 11, 30)]),
        # a day: both halves of it
        ((24, 8), (24, 20), [(24, 9, 0), (24, 11, 30), (24, 12, 0)]),
        # less than there is room for
        ((24, 9), (24, 9, 30), [(24, 9, 0), (24, 9, 15)]),
        # Thanksgiving is closed, at Downtown only
        ((26, 0), (27, 0), []),
    ],
)
def test_offers_are_spread(first, last, starts):
    slots = spread(free_between(local(2026, 11, *first), local(2026, 11, *last)), 3)
    assert [slot.start for slot in slots] == [local(2026, 11, *start) for start in starts]


@given(st.integers(0, 8), st.integers(1, 24 * 8), st.booleans())
def test_offers_never_share_a_moment_and_use_the_limit(limit, hours, both):
    first = local(2026, 11, 23, 8)
    slots = free_between(
        first, first + timedelta(hours=hours), *((DOWNTOWN, LAKESIDE) if both else ())
    )
    offered = spread(slots, limit)
    starts = [slot.start for slot in offered]
    assert starts == sorted(set(starts))
    assert len(offered) == min(limit, len({slot.start for slot in slots}))
    halves = {half_day(slot) for slot in slots}
    assert len({half_day(slot) for slot in offered}) == min(limit, len(halves))


def test_locations_take_turns():
    slots = spread(free_between(local(2026, 11, 24, 8), local(2026, 11, 30), DOWNTOWN, LAKESIDE), 4)
    assert [slot.location.key for slot in slots] == ["downtown", "lakeside"] * 2


def test_the_nearest_come_first_and_each_moment_once():
    slots = free_between(local(2026, 11, 24, 8), local(2026, 11, 25), DOWNTOWN, LAKESIDE)
    found = nearest(slots, local(2026, 11, 24, 15, 10), 3)
    assert [slot.start for slot in found] == [
        local(2026, 11, 24, 15, 15),
        local(2026, 11, 24, 15, 0),
        local(2026, 11, 24, 15, 30),
    ]
    assert {slot.location.key for slot in found} == {"downtown"}


def test_unknown_keys_name_the_known_ones():
    with pytest.raises(UnknownService, match="eye_exam, contact_lens_exam"):
        CATALOGUE.service("massage")
    with pytest.raises(UnknownLocation, match="downtown, lakeside"):
        CATALOGUE.hours_on("uptown", date(2026, 11, 24))
