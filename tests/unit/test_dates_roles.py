import pytest

from tests.unit.date_tables import shorts


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("not fri but sat", ["refused 03-13", "03-14"]),
        ("anything but monday", ["refused 03-16"]),
        ("friday is bad, monday ok", ["refused 03-13", "03-16"]),
        ("friday wont work but monday is fine", ["refused 03-13", "03-16"]),
        ("i have 2pm wed but need fri", ["old 03-18 14:00", "03-13"]),
        ("monday instead of friday", ["03-16", "refused 03-13"]),
        ("3 instead of 4", ["15:00", "refused 16:00"]),
        ("other than weds im free", ["refused 03-18"]),
        ("except friday", ["refused 03-13"]),
        ("any day next week except thursday", ["03-16 week", "refused 03-19"]),
        ("from tues to thurs", ["03-17..03-19"]),
        ("move it from tues to thurs", ["old 03-17", "03-12"]),
        ("move my 9:30 to the afternoon", ["old 09:30", "12:00..17:00 afternoon"]),
        ("not the 5th, the 6th", ["refused 04-05", "04-06"]),
        ("not mon, tues or wed", ["refused 03-16", "refused 03-17", "refused 03-18"]),
        ("no to the 5th, yes to the 6th", ["refused 04-05", "04-06"]),
        ("prefer wed over thurs", ["03-18", "refused 03-12"]),
        ("not before 10 on weekdays", ["10:00 after"]),
        ("nothing after 4", ["..16:00 before"]),
        ("busy til 3 then free", ["15:00 after"]),
        ("out of town til the 20th", ["03-20 after"]),
        ("dont want mon", ["refused 03-16"]),
        ("cant make it today, tmrw?", ["refused 03-11", "03-12"]),
    ],
)
def test_what_is_offered_refused_and_old(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("next friday", ["03-20 ?"]),
        ("12/3", ["12-03 ?"]),
        ("tues the 20th", ["10-20 ?"]),
        ("friday at 2", ["03-13 14:00"]),
        ("sunday at 2", ["03-15 14:00 ?"]),
        ("fri at 7am", ["03-13 07:00 ?"]),
        ("fri at 9pm", ["03-13 21:00 ?"]),
        ("yesterday at 3", ["old 03-10 15:00"]),
        ("last friday", ["old 03-06"]),
        ("today at 9", ["03-11 09:00 ?"]),
        ("march 10", ["03-10 ?"]),
        ("jan 5 2026", ["01-05 ?"]),
        ("nov 31st", ["11-30 ?"]),
        ("next weekend", ["03-21..03-22 weekend ?"]),
        ("2 weeks from now", ["03-25"]),
    ],
)
def test_what_the_customer_should_confirm(text: str, wanted: list[str]) -> None:
    assert shorts(text) == wanted
