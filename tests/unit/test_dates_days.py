import pytest

from tests.unit.date_tables import shorts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("oct 2", ["10-02 ?"]),
        ("Oct. 2", ["10-02 ?"]),
        ("oct-2", ["10-02 ?"]),
        ("may twenty nine", ["05-29"]),
        ("may twenty-first", ["05-21"]),
        ("second of aug", ["08-02 ?"]),
        ("8th of may", ["05-08"]),
        ("May/8", ["05-08"]),
        ("march 27-29", ["03-27..03-29"]),
        ("from 16 to 17 april", ["04-16..04-17"]),
        ("between ninth and seventeenth of april", ["04-09..04-17"]),
        ("july 13 thru 15", ["07-13..07-15"]),
        ("april 28 - may 3", ["04-28..05-03"]),
        ("24/11 at 14:00", ["11-24 14:00 ?"]),
        ("3/27", ["03-27"]),
        ("3-27 2p", ["03-27 14:00"]),
        ("3.20.2026", ["03-20"]),
        ("on 4.22", ["04-22"]),
        ("2026-04-10 14:30", ["04-10 14:30"]),
        ("18 april 1005", ["04-18 10:05"]),
        ("20 of next month", ["04-20"]),
        ("nov 31st", ["11-30 ?"]),
        ("feb 30", ["02-28 ?"]),
        ("march 32", ["03-31 ?"]),
        ("friday 20", ["03-20"]),
        ("thurs the 19th", ["03-19"]),
        ("sat 2nd", ["05-02 ?"]),
        ("09/2026", ["09-01 month"]),
        ("in july", ["07-01 month"]),
        ("july 2026", ["07-01 month"]),
    ],
)
def test_dates_of_the_calendar(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("in 2 hours", ["03-11 12:00"]),
        ("in half an hour", ["03-11 10:30"]),
        ("in an hour and a half", ["03-11 11:30"]),
        ("+15 minutes", ["03-11 10:15"]),
        ("2 days from now", ["03-13"]),
        ("3 wks from today", ["04-01"]),
        ("in a couple wks", ["03-25"]),
        ("in 3 business days", ["03-16"]),
        ("2 weeks from thurs", ["03-26"]),
        ("a week from tmrw at 4", ["03-19 16:00"]),
        ("3 days before christmas", ["12-22 ?"]),
        ("the day before the 4th of july", ["07-03"]),
        ("mon after the 4th", ["04-06"]),
        ("5 hours after noon", ["17:00"]),
        ("15 minutes from 1pm", ["13:15"]),
        ("within 2 weeks", ["03-11..03-25"]),
        ("next 3 days", ["03-12..03-14"]),
        ("running 15 min late", ["900 s"]),
        ("for 3 days", ["259200 s"]),
        ("1 day 2 hours", ["93600 s"]),
        ("from 4pm for 30 minutes", ["16:00..16:30"]),
        ("3 days, from tomorrow", ["03-12..03-14"]),
        ("every 2 weeks", []),
        ("had them for 2 weeks", []),
    ],
)
def test_how_long_and_how_long_from_now(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("early next week", ["03-16..03-18"]),
        ("mid next week", ["03-17..03-19"]),
        ("late next week", ["03-19..03-20"]),
        ("end of next week", ["03-20..03-22"]),
        ("week of the 23rd", ["03-23 week"]),
        ("wk of apr 6", ["04-06 week"]),
        ("first week of april", ["03-30 week"]),
        ("last friday of march", ["03-27"]),
        ("first weekend of may", ["05-02..05-03 weekend"]),
        ("early april", ["04-01..04-10"]),
        ("by the end of march", ["..03-31 before"]),
        ("eom", ["03-21..03-31"]),
        ("by EOM", ["..03-31 before"]),
        ("rest of the week", ["03-11..03-15"]),
        ("weekend after next", ["03-28..03-29 weekend"]),
        ("next weekend", ["03-21..03-22 weekend ?"]),
        ("month after next", ["05-01 month"]),
        ("next business day", ["03-12"]),
        ("wknd of the 28th", ["03-28..03-29 weekend"]),
        ("thanksgiving week", ["11-23 week ?"]),
    ],
)
def test_parts_of_weeks_and_months(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted
