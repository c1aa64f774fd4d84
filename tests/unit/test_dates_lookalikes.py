import pytest

from tests.unit.date_tables import read, shorts


@pytest.mark.parametrize(
    "text",
    [
        "room 204",
        "$45",
        "20/20 vision",
        "20/40",
        "I am 34",
        "my son is 5",
        "order 5512",
        "call 212 555 0142",
        "apt 4",
        "2 kids",
        "unit 3",
        "-2.25 contacts",
        "10% off",
        "covid 19",
        "my zip is 10013",
        "member id 445566",
        "646.555.0123",
        "email bob22@mail.com",
        "wait a minute",
        "i need to cancel now",
    ],
)
def test_numbers_that_are_no_dates(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4 works", ["16:00"]),
        ("3 pls", ["15:00"]),
        ("5?", ["17:00"]),
        ("10:30", ["10:30"]),
    ],
)
def test_a_number_is_a_time_after_a_question_for_one(text: str, wanted: list[str]) -> None:
    assert [one.removesuffix(" ?") for one in shorts(text, asked="time")] == wanted


def test_no_date_is_read_in_what_others_found() -> None:
    text = "my id is 3/14. is friday at 3 ok"
    assert shorts(text) == ["03-14", "03-13 15:00"]
    assert shorts(text, taken=[(9, 13)]) == ["03-13 15:00"]
    assert shorts("\U0001f600 \u2019" + text, taken=[(12, 16)]) == ["03-13 15:00"]
