"""``linnet appointments`` and ``linnet reminders``, on a database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.console import Console

from cli import main
from cli.appointments import mark_attendance, show_day
from cli.failure import Failure
from cli.reminders import show
from messaging.clock import TimeOrderedIds
from tests.integration.engine import rows
from tests.integration.reminding import PHONE, Practice, local

NOW = local(2026, 11, 9, 12)
TUESDAY_10 = local(2026, 11, 24, 10)
DAY = timedelta(days=1)


@pytest.fixture
async def practice(pool) -> Practice:
    practice = Practice(pool)
    await practice.load(NOW)
    return practice


def lines(console: Console) -> list[str]:
    return console.export_text().splitlines()


async def test_a_day_is_shown_with_numbers_masked(practice, database_url):
    made = await practice.book(TUESDAY_10, NOW, name="Tim Lee")
    console = Console(record=True, width=200)
    day = TUESDAY_10.date()
    more = {"url": database_url, "now": TUESDAY_10, "show_numbers": False, "console": console}
    await show_day(day=day, **more)
    await show_day(day=None, **more)
    (line, again) = lines(console)
    assert line == again
    assert line.startswith(f"10:00am  {made.reference}  booked     Downtown, Dr. ")
    assert line.endswith(": eye exam, Tim Lee, +1********90")
    await show_day(**more | {"show_numbers": True}, day=day)
    await show_day(day=day + DAY, **more)
    shown, none = lines(console)
    assert PHONE in shown
    assert none == "No appointments on that day."


async def test_who_came_is_noted_by_reference_in_any_case(practice, database_url):
    made = await practice.book(TUESDAY_10, NOW)
    console = Console(record=True, width=200)
    more = {"url": database_url, "new_id": TimeOrderedIds().new_id, "console": console}
    reference = made.reference.lower()
    await mark_attendance(attendance="missed", reference=reference, now=TUESDAY_10, **more)
    await mark_attendance(attendance="kept", reference=reference, now=TUESDAY_10, **more)
    missed, kept = lines(console)
    assert missed == (
        f"The customer did not come: {made.reference}, Ann Lee, eye exam Tue Nov 24 at 10:00am,"
        " Downtown."
    )
    assert kept.startswith(f"The customer came: {made.reference}")
    (row,) = await rows(practice.pool, "SELECT state FROM appointment")
    assert row["state"] == "kept"
    with pytest.raises(Failure, match=r"there is no appointment HEC-0000\."):
        await mark_attendance(attendance="kept", reference="HEC-0000", now=TUESDAY_10, **more)
    early = TUESDAY_10 - DAY
    with pytest.raises(Failure, match="begins at"):
        await mark_attendance(attendance="kept", reference=reference, now=early, **more)


async def test_what_is_due_and_what_became_of_it(practice, database_url):
    made = await practice.book(TUESDAY_10, NOW)
    gone = await practice.book(TUESDAY_10 + DAY, NOW)
    await practice.remind(TUESDAY_10 - 7 * DAY)
    await practice.leave()
    await practice.remind(TUESDAY_10 - 6 * DAY)
    await practice.cancel(gone, TUESDAY_10 - 5 * DAY)
    console = Console(record=True, width=200)
    more = {"url": database_url, "show_numbers": False, "console": console}
    await show(within=7 * DAY, since=9 * DAY, now=TUESDAY_10 - 5 * DAY, **more)
    due, *ahead, said, sent, taken_back = lines(console)
    assert (due, said) == ("Due:", "Texted or refused:")
    assert [line.split()[:7] for line in ahead] == [
        [*"Mon Nov 23 at 10:00am".split(), "24h", made.reference],
        [*"Tue Nov 24 at 8:00am".split(), "2h", made.reference],
    ]
    assert ahead[0].endswith("+1********90  for Tue Nov 24 at 10:00am")
    assert f"7d      {made.reference}  +1********90  sent, text " in sent
    assert f"7d      {gone.reference}  +1********90  withdrawn, text " in taken_back
    await show(within=DAY, since=DAY, now=TUESDAY_10 + 5 * DAY, **more)
    assert lines(console) == ["Due: none.", "Texted or refused: none."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["appointments", "list", "--day", "tomorrow"], "tomorrow is not a day like 2026-11-24."),
        (["reminders", "list", "--within", "a week"], "a week is not a period"),
    ],
)
def test_what_is_written_wrongly_is_one_sentence(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["linnet", *arguments])
    with pytest.raises(SystemExit):
        main.main()
    assert capsys.readouterr().err.startswith(f"linnet: {said}")
