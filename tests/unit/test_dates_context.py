from datetime import datetime

import pytest

from tests.unit.date_tables import read, shorts

APPOINTMENT = datetime(2026, 3, 19, 14)  # noqa: DTZ001  (naive local by contract)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("same time next week", ["03-26 14:00 ?"]),
        ("same time tmrw", ["03-12 14:00"]),
        ("same time on thursday", ["03-12 14:00"]),
        ("cant make it today, tmrw same time?", ["refused 03-11 14:00", "03-12 14:00"]),
        ("the week after", ["03-23 week"]),
        ("the day after", ["03-20"]),
        ("an hour later", ["03-19 15:00"]),
        ("30 min earlier", ["03-19 13:30"]),
        ("push it back a day", ["03-20 14:00"]),
        ("push it back a week", ["03-26 14:00"]),
        ("move it up an hour", ["03-19 13:00"]),
        ("bring it forward a day", ["03-18 14:00 ?"]),
        ("can we do 4 instead", ["03-19 16:00"]),
        ("can we do 4", ["16:00 ?"]),
        ("change it to after 3", ["03-19 15:00 after"]),
        ("later that day, like 4", ["03-19 16:00"]),
        ("the one after that", []),
        ("not this fri, the one after", ["refused 03-13", "03-20"]),
    ],
)
def test_what_counts_from_the_appointment(text: str, wanted: list[str]) -> None:
    assert shorts(text, appointment=APPOINTMENT) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("same time next week", ["03-16 week ?"]),
        ("same time tmrw", ["03-12 ?"]),
        ("the week after", []),
        ("the day after", ["03-12 ?"]),
        ("an hour later", ["03-11 11:00 ?"]),
        ("push it back a week", ["604800 s"]),
        ("can we do 4 instead", ["16:00"]),
        ("the one after that", []),
    ],
)
def test_without_an_appointment_nothing_is_made_up(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


def test_a_time_alone_gets_the_day_of_the_appointment_and_stays_free_of_it() -> None:
    (mention,) = read("can we do 4", appointment=APPOINTMENT)
    assert mention.start == datetime(2026, 3, 19, 16)  # noqa: DTZ001
    assert (mention.date_free, mention.ask) == (True, True)
