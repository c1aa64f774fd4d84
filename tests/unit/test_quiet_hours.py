"""Quiet hours: each state's row, every area code at every hour of a year, the files themselves."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from phonenumbers.tzdata import TIMEZONE_DATA

from messaging.area_codes import KnownPlace, Source, place_of
from messaging.errors import SettingsError
from messaging.lanes import Lane
from messaging.quiet_hours import Cap, MessageClass, Place, Window, decide
from messaging.rule_files import RULES, courtesy, parse_window, read_rules

EAST, CENTRAL, MOUNTAIN, PACIFIC = (
    f"America/{city}" for city in ("New_York", "Chicago", "Denver", "Los_Angeles")
)
MARKETING, REMINDER = MessageClass.MARKETING, MessageClass.REMINDER
NEW_YORK, PENSACOLA, TOLL_FREE, LONDON = (
    "+12125550100", "+18505550100", "+18005550100", "+442071838750",
)  # fmt: skip


def at(written: str, zone: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone))


def allowed(phone: str, moment: datetime, kind: MessageClass = MARKETING, **rules) -> bool:
    return decide(kind, place_of(phone), moment, read_rules(**rules)).allowed


# 2026-11-16 is a Monday without a holiday in its week. Sources: rules/quiet_hours.yml.
WEEK = {"mon": 16, "tue": 17, "wed": 18, "thu": 19, "fri": 20, "sat": 21, "sun": 22}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
STATES = [
    # state, area code, zone, Monday to Friday, Saturday, Sunday
    ("AL", 205, CENTRAL, (8, 20), (8, 20), None),
    ("CA", 213, PACIFIC, (9, 21), (9, 21), (9, 21)),  # Pub. Util. Code 2872(c)
    ("CT", 203, EAST, (9, 20), (9, 20), (9, 20)),
    ("FL", 305, EAST, (8, 20), (8, 20), (8, 20)),  # Fla. Stat. 501.616(6)
    ("IL", 312, CENTRAL, (9, 21), (9, 21), (9, 21)),
    ("KY", 502, EAST, (10, 21), (10, 21), (10, 21)),  # KRS 367.46955
    ("LA", 504, CENTRAL, (8, 20), (8, 20), None),  # General Order R-29617 V(A)
    ("MA", 617, EAST, (8, 20), (8, 20), (8, 20)),  # 201 CMR 12
    ("MD", 410, EAST, (8, 20), (8, 20), (8, 20)),  # SB 90
    ("ME", 207, EAST, (9, 17), None, None),
    ("MI", 313, EAST, (9, 21), (9, 21), (9, 21)),
    ("MN", 612, CENTRAL, (9, 21), (9, 21), (9, 21)),
    ("MS", 601, CENTRAL, (8, 20), (8, 20), None),  # 77-3-723
    ("NJ", 201, EAST, (8, 21), (8, 21), (8, 21)),  # N.J.S. 56:8-128(d)
    ("NM", 505, MOUNTAIN, (9, 21), (9, 21), (9, 21)),
    ("NV", 702, PACIFIC, (9, 20), (9, 20), (9, 20)),
    ("NY", 212, EAST, (8, 21), (8, 21), (8, 21)),  # no row: 47 CFR 64.1200(c)(1)
    ("OK", 405, CENTRAL, (8, 20), (8, 20), (8, 20)),  # 15 OS 775C.4
    ("PA", 215, EAST, (8, 21), (8, 12), None),
    ("RI", 401, EAST, (9, 18), (10, 17), None),  # 5-61-3.6
    ("TX", 214, CENTRAL, (9, 21), (9, 21), (12, 21)),  # SB 140
    ("UT", 801, MOUNTAIN, (8, 21), (8, 21), None),
    ("VA", 804, EAST, (8, 21), (8, 21), (8, 21)),
    ("WA", 206, PACIFIC, (8, 20), (8, 20), (8, 20)),  # RCW 19.158.040(2)
    ("WY", 307, MOUNTAIN, (8, 20), (8, 20), (8, 20)),
]


@pytest.mark.parametrize(("state", "code", "zone", "weekdays", "saturday", "sunday"), STATES)
def test_each_state_on_both_sides_of_each_boundary(state, code, zone, weekdays, saturday, sunday):
    phone = f"+1{code}5550100"
    hours = dict.fromkeys(WEEKDAYS, weekdays) | {"sat": saturday, "sun": sunday}
    for day, window in hours.items():
        midnight = at(f"2026-11-{WEEK[day]}", zone)
        if window is None:
            assert not any(allowed(phone, midnight + timedelta(hours=n)) for n in range(24)), day
            continue
        start, end = (midnight + timedelta(hours=hour) for hour in window)
        second = timedelta(seconds=1)
        moments = [start - second, start, end - second, end]
        assert [allowed(phone, one) for one in moments] == [False, True, True, False], day


def test_a_state_of_two_zones_is_open_when_both_are():
    # SD: 9-21 Monday to Saturday, Central and Mountain: 10:00 to 21:00 Central.
    moments = ("09:59:59", "10:00", "20:59:59", "21:00")
    asked = [allowed("+16055550100", at(f"2026-11-16T{one}", CENTRAL)) for one in moments]
    assert asked == [False, True, True, False]
    assert not allowed("+16055550100", at("2026-11-22T12:00", CENTRAL))


def test_every_row_of_the_file_is_in_the_table():
    tested = {state for state, *_ in STATES} | {"SD"}  # just above
    assert tested - {"NY"} == set(read_rules().states)


def test_pennsylvania_closed_its_sundays_on_18_october_2026():
    sundays = [allowed("+12155550100", at(f"2026-10-{day}T12:00", EAST)) for day in (11, 18, 25)]
    assert sundays == [True, False, False]


def test_mississippi_goes_by_central_time_wherever_the_phone_is():
    place = place_of("+16015550100", KnownPlace(Source.ADDRESS, zone=PACIFIC, state="MS"))
    opens = decide(MARKETING, place, at("2026-11-16T00:00", CENTRAL), read_rules())
    assert opens.next_opening == at("2026-11-16T08:00", PACIFIC)
    shut = decide(MARKETING, place, at("2026-11-16T20:00", CENTRAL), read_rules())
    assert not shut.allowed
    assert shut.rules == ("MS",)


@pytest.mark.parametrize(
    ("phone", "zone", "day", "open_"),
    [
        ("+15045550100", CENTRAL, "2026-11-26", False),  # Thanksgiving
        ("+15045550100", CENTRAL, "2026-07-03", False),  # 4 July is a Saturday
        ("+15045550100", CENTRAL, "2027-02-09", False),  # Mardi Gras, only in Louisiana
        ("+12055550100", CENTRAL, "2027-02-09", True),
        ("+12055550100", CENTRAL, "2027-04-26", False),  # Confederate Memorial Day, only in AL
        ("+15045550100", CENTRAL, "2027-04-26", True),
        ("+18015550100", MOUNTAIN, "2026-07-24", False),  # Pioneer Day
        ("+14015550100", EAST, "2027-12-31", False),  # New Year's Day 2028 is a Saturday
        ("+12125550100", EAST, "2026-11-26", True),  # New York has no row
    ],
)
def test_holidays(phone, zone, day, open_):
    assert allowed(phone, at(f"{day}T13:00", zone)) is open_


def test_who_is_anywhere_is_texted_when_all_of_the_contiguous_states_may_be():
    hours = set()
    for hour in range(14 * 24):  # two weeks with Thanksgiving
        moment = at("2026-11-16T00:00", EAST) + timedelta(hours=hour)
        if allowed(TOLL_FREE, moment):
            hours.add((moment.day, moment.hour))
    days = (16, 17, 18, 19, 20, 23, 24, 25, 27)
    assert hours == {(day, hour) for day in days for hour in range(12, 17)}
    assert decide(MARKETING, place_of(TOLL_FREE), moment, read_rules()).caps == (Cap(3, 24),)


def test_the_strict_preset_is_within_all_states_but_maine():
    moments = {day: at(f"2026-11-{day}T17:30", EAST) for day in (16, 21)}
    assert allowed(NEW_YORK, moments[16], strict=True)
    assert not allowed(NEW_YORK, moments[21], strict=True)
    assert not allowed("+12075550100", moments[16], strict=True)


def test_what_kind_of_text_it_is_decides_who_has_a_say():
    assert [MessageClass.of(lane) for lane in Lane] == list(MessageClass)
    night = at("2026-11-16T03:00", EAST)
    asked = {kind: decide(kind, place_of(NEW_YORK), night, read_rules()) for kind in MessageClass}
    assert [kind for kind, one in asked.items() if one.allowed] == ["emergency", "reply"]
    assert asked[REMINDER].rules == ("courtesy",)
    assert asked[MARKETING].rules == ("federal",)
    assert asked[REMINDER].next_opening == at("2026-11-16T08:00", EAST)


def test_a_courtesy_window_of_ones_own():
    rules = replace(read_rules(), courtesy=courtesy(parse_window("9:30-18", "")))
    opens = decide(REMINDER, place_of(NEW_YORK), at("2026-11-16T08:00", EAST), rules)
    assert opens.next_opening == at("2026-11-16T09:30", EAST)


# Where a phone is


@pytest.mark.parametrize(
    ("code", "below"), [(448, 850), (364, 270), (458, 541), (930, 812), (531, 308), (986, 208)]
)
def test_an_overlay_spans_the_zones_of_the_code_below_it(code, below):
    place, other = place_of(f"+1{code}5550100"), place_of(f"+1{below}5550100")
    assert place.zones == other.zones
    assert len(place.zones) > 1


def test_a_number_abroad_is_never_taken_for_an_american_one():
    place = place_of(LONDON)
    assert (place.zones, place.states) == (("Europe/London",), ())
    assert allowed(LONDON, at("2026-11-16T08:00", "Europe/London"))
    assert not allowed(LONDON, at("2026-11-16T21:00", "Europe/London"))
    toronto = place_of("+14165550100")
    assert (toronto.zones, toronto.states) == (("America/Toronto",), ())
    assert toronto.evidence == "area code 416, CA"


def test_a_number_of_no_country_never_opens():
    decision = decide(MARKETING, place_of("+8835100000091"), at("2026-11-16", EAST), read_rules())
    assert (decision.allowed, decision.next_opening) == (False, None)


def test_better_evidence_moves_the_clock_and_the_number_s_state_counts_all_the_same():
    florida = "+13055550100"
    moved = place_of(florida, KnownPlace(Source.ADDRESS, zone=PACIFIC, state="CA"))
    assert moved.zones == (PACIFIC,)
    assert [state for state, _ in moved.states] == ["CA", "FL"]
    assert moved.evidence == "address"
    moments = [at(f"2026-11-16T{hour}", PACIFIC) for hour in ("08:00", "09:00", "19:59", "20:00")]
    asked = [decide(MARKETING, moved, moment, read_rules()).allowed for moment in moments]
    assert asked == [False, True, True, False]  # CA opens at 9, FL closes at 20


@pytest.mark.parametrize(
    ("phone", "known", "zones", "states"),
    [
        (PENSACOLA, KnownPlace(Source.CRM, state="FL"), (CENTRAL, EAST), ["FL"]),
        (PENSACOLA, KnownPlace(Source.CRM, zone=CENTRAL), (CENTRAL,), ["FL"]),
        (NEW_YORK, KnownPlace(Source.STATED, zone="America/Detroit"), ("America/Detroit",), ["NY"]),
        (LONDON, KnownPlace(Source.STATED, state="NJ"), (EAST,), ["NJ"]),
        (TOLL_FREE, KnownPlace(Source.CRM, state="WA"), (PACIFIC,), ["WA"]),
        (NEW_YORK, KnownPlace(Source.STATED, zone="Europe/London"), ("Europe/London",), ["NY"]),
        (
            NEW_YORK,
            KnownPlace(Source.STATED, zone=PACIFIC),
            (PACIFIC,),
            ["CA", "ID", "NV", "NY", "OR", "WA"],
        ),
    ],
)
def test_what_one_half_of_the_evidence_leaves_open(phone, known, zones, states):
    place = place_of(phone, known)
    assert (place.zones, [state for state, _ in place.states]) == (zones, states)


# Every area code, every hour

CODES = sorted({prefix[1:4] for prefix in TIMEZONE_DATA if prefix[0] == "1" and len(prefix) > 3})
YEAR = 2027
HOURS = 365 * 24
SAME: dict[bytes, str] = {}
START = datetime(YEAR, 1, 1, tzinfo=UTC)


@cache
def local(zone: str) -> np.ndarray:
    """Minutes since midnight on a clock, at each hour of the year."""
    moments = [(START + timedelta(hours=hour)).astimezone(ZoneInfo(zone)) for hour in range(HOURS)]
    return np.array([one.hour * 60 + one.minute for one in moments])


def within(zone: str, start: int, end: int) -> np.ndarray:
    minutes = local(zone)
    return (minutes >= start * 60) & (minutes < end * 60)


def places() -> set[tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]]:
    """All that differs for the rules: states without a row are alike."""
    rows = read_rules().states
    found = set()
    for code in [*CODES, "800", "500", "999"]:
        place = place_of(f"+1{code}5550100")
        marked = {
            (state if state in rows else "NY", clocks(zones)) for state, zones in place.states
        }
        found.add((clocks(place.zones), tuple(sorted(marked))))
    return found


def clocks(zones: tuple[str, ...]) -> tuple[str, ...]:
    """One zone for all whose clocks show the same all year."""
    return tuple(sorted({SAME.setdefault(local(zone).tobytes(), zone) for zone in zones}))


def test_every_area_code_at_every_hour_of_a_year():
    rules, moments = read_rules(), [START + timedelta(hours=hour) for hour in range(HOURS)]
    assert len(CODES) > 440
    for zones, states in places():
        place = Place(zones, states, "its number")
        federal = np.logical_and.reduce([within(zone, 8, 21) for zone in zones])
        found, opening = np.zeros(HOURS, dtype=bool), None
        for hour, moment in enumerate(moments):
            if opening is not None and moment < opening:  # said to be shut until then
                if hour % 7:
                    continue
                assert decide(MARKETING, place, moment, rules).next_opening == opening
                continue
            decision = decide(MARKETING, place, moment, rules)
            assert decision.next_opening is not None
            found[hour], opening = decision.allowed, decision.next_opening
            if not decision.allowed:
                minute = timedelta(minutes=1)
                assert decide(MARKETING, place, opening, rules).allowed
                assert not decide(MARKETING, place, opening - minute, rules).allowed
        assert not (found & ~federal).any(), place
        if not states:
            assert (found == federal).all(), place
        assert found.any(), place


@pytest.mark.parametrize(
    ("phone", "moment", "opening"),
    [
        # clocks go forward on 14 March 2027: the night has an hour less
        (NEW_YORK, at("2027-03-13T22:00", EAST), datetime(2027, 3, 14, 12, tzinfo=UTC)),
        # and back on 7 November 2027
        (NEW_YORK, at("2027-11-06T22:00", EAST), datetime(2027, 11, 7, 13, tzinfo=UTC)),
        # the last evening of a year is followed by a holiday and, in 2028, by a weekend
        ("+15045550100", at("2027-12-30T21:00", CENTRAL), datetime(2028, 1, 3, 14, tzinfo=UTC)),
        ("+15045550100", at("2026-12-31T21:00", CENTRAL), datetime(2027, 1, 2, 14, tzinfo=UTC)),
        # Maine: from Wednesday before Thanksgiving to Friday, from Friday to Monday
        ("+12075550100", at("2026-11-25T17:00", EAST), datetime(2026, 11, 27, 14, tzinfo=UTC)),
        ("+12075550100", at("2026-11-27T17:00", EAST), datetime(2026, 11, 30, 14, tzinfo=UTC)),
        # two zones: the later one opens, the earlier one closes
        (PENSACOLA, at("2026-11-16T08:00", EAST), datetime(2026, 11, 16, 14, tzinfo=UTC)),
        (PENSACOLA, at("2026-11-16T19:00", CENTRAL), datetime(2026, 11, 17, 14, tzinfo=UTC)),
        # half an hour off: Newfoundland and Labrador
        ("+17095550100", at("2026-11-16T03:00", EAST), datetime(2026, 11, 16, 12, tzinfo=UTC)),
    ],
)
def test_the_next_opening_over_days_on_which_clocks_change_holidays_and_years(
    phone, moment, opening
):
    decision = decide(MARKETING, place_of(phone), moment, read_rules())
    assert (decision.allowed, decision.next_opening) == (False, opening)
    minute = timedelta(minutes=1)
    assert not allowed(phone, opening - minute)
    assert allowed(phone, opening)


def test_who_only_receives_reads_no_rules_and_no_zones():
    asked = "import sys, connectors.ingress; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


# The files


def test_holidays_are_those_that_the_government_lists():
    days = read_rules().holidays.everywhere(2028)
    assert date(2028, 11, 10) in days  # Veterans Day is a Saturday
    assert len(days) == 12


def written(tmp_path: Path, file: str, change) -> Path:
    for name in ("quiet_hours.yml", "holidays.yml"):
        content = yaml.safe_load((RULES / name).read_text())
        if name == file:
            change(content)
        (tmp_path / name).write_text(yaml.safe_dump(content, sort_keys=False))
    return tmp_path


def row(content, state):
    return next(one for one in content["states"] if one["state"] == state)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("federal"), "'federal' is missing"),
        (lambda c: row(c, "FL").pop("source"), "FL: 'source' is missing"),
        (lambda c: row(c, "FL").update(windows={"mon-fri": "8-20"}), "sat, sun is missing"),
        (lambda c: row(c, "FL")["windows"].update(sat="8-20"), "sat stands twice"),
        (lambda c: row(c, "FL").update(windows={"daily": "8 to 20"}), "'8 to 20' is no window"),
        (lambda c: row(c, "FL").update(windows={"daily": "4-20"}), "begins at 5 or later"),
        (lambda c: row(c, "FL").update(windows={"someday": "8-20"}), "write mon ... sun"),
        (lambda c: row(c, "FL").update(cap={"texts": 3}), "FL.cap: write whole numbers"),
        (lambda c: row(c, "FL").update(hollidays="closed"), "no key 'hollidays'"),
        (lambda c: row(c, "MS").update(zone="Central"), "there is no zone 'Central'"),
        (lambda c: row(c, "PA").update(until=date(2026, 10, 19)), "two rows are in force"),
        (lambda c: row(c, "TX").update(verified="today"), "verified: write a date"),
        (lambda c: row(c, "TX").update(confidence="sure"), "write high, medium or low"),
        (lambda c: row(c, "TX").update(state="Texas"), "'state' is two letters"),
    ],
)
def test_a_file_of_hours_that_is_wrong_is_told(tmp_path, change, says):
    with pytest.raises(SettingsError, match=says):
        read_rules(written(tmp_path, "quiet_hours.yml", change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["dated"][2026].remove("07-03"), "2026: rules and list differ in 07-03"),
        (lambda c: c["rules"][0].update(nth=1, weekday="mon"), "rules, 1: write 'day', or"),
        (lambda c: c["rules"][0].update(moon="full"), "rules, 1: .*moon"),
        (lambda c: c["days"].append(c["days"][0]), "stands twice"),
    ],
)
def test_a_file_of_holidays_that_is_wrong_is_told(tmp_path, change, says):
    with pytest.raises(SettingsError, match=says):
        read_rules(written(tmp_path, "holidays.yml", change))


def test_a_window_is_written_as_hours():
    assert parse_window("8-21", "") == Window(480, 1260)
    assert parse_window("9:30-24", "") == Window(570, 1440)
