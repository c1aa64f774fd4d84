import pytest

from tests.unit.date_tables import shorts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tmrw b4 10", ["..03-12 10:00 before"]),
        ("8:30-9:30 am", ["08:30..09:30"]),
        ("10 til 2 on weds", ["03-18 10:00..03-18 14:00"]),
        ("10 to 2 on weds", ["03-18 10:00..03-18 14:00"]),
        ("10 to 2", ["10:00..14:00"]),
        ("5 to 3", ["14:55"]),
        ("eight forty", ["08:40"]),
        ("eight forty pm", ["20:40 ?"]),
        ("twelve oh three", ["12:03"]),
        ("7:56:30pm", ["19:56 ?"]),
        ("half 3", ["15:30"]),
        ("4 15 pm", ["16:15"]),
        ("1400 hours", ["14:00"]),
        ("9 or 930 on fri", ["03-13 09:00", "03-13 09:30"]),
        ("tmrw at 10, 11, or 2", ["03-12 10:00", "03-12 11:00", "03-12 14:00"]),
        ("after 2 but before 5", ["14:00..17:00"]),
        ("monday or later", ["03-16 after"]),
        ("by tues 5pm", ["..03-17 17:00 before"]),
        ("from 4pm today to 5pm tomorrow", ["03-11 16:00..03-12 17:00"]),
        ("11pm-3", ["23:00..03:00 ?"]),
        ("between 3 and 8am", ["03:00..08:00 ?"]),
        ("late tues afternoon", ["03-17 16:00..03-17 18:00 eod"]),
        ("7 in the evening", ["19:00 ?"]),
        ("sat am", ["03-14 08:00..03-14 12:00 morning"]),
        ("thurs or fri next week", ["03-19", "03-20"]),
        ("next week thurs or fri", ["03-19", "03-20"]),
        ("is 5 too late on friday", ["03-13 17:00"]),
        ("4 works", ["16:00 ?"]),
    ],
)
def test_times_of_day(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted
