"""Who did not come is told the next morning, who has not come for a year is called back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from psycopg.errors import CheckViolation

from messaging.consent import MARKETING, ConsentEvent, Direction, Method
from messaging.consent_changes import record
from messaging.phone_hours import QuietHours
from messaging.rule_files import read_rules
from practice.appointments import upcoming
from practice.attendance import on_day
from practice.errors import AlreadyCancelled, NotBegun, NotFound, SlotTaken
from tests.integration.engine import rows
from tests.integration.reminding import PHONE, Practice, local

NOW = local(2026, 11, 9, 12)
TUESDAY_10 = local(2026, 11, 24, 10)
MORNING = local(2026, 11, 25, 10)
A_YEAR = local(2027, 11, 24, 10)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def practice(pool) -> Practice:
    practice = Practice(pool)
    await practice.load(NOW)
    return practice


async def consent(practice: Practice) -> None:
    event = ConsentEvent(
        phone=PHONE,
        direction=Direction.GRANT,
        scope=MARKETING,
        method=Method.WEB,
        actor="web form",
        recorded_at=NOW,
        captured_at=NOW,
        zone="America/New_York",
        disclosure="I agree to get recurring marketing texts from Harbor Eye Care.",
    )
    async with practice.pool.connection() as connection:
        await record(connection, [event])


# Noting who came


async def test_who_came_is_noted_and_can_be_corrected(practice):
    made = await practice.book(TUESDAY_10, NOW)
    assert (await practice.mark("missed", made, TUESDAY_10)).state == "missed"
    assert (await practice.mark("missed", made, TUESDAY_10 + MINUTE)).state == "missed"
    assert (await practice.mark("kept", made, TUESDAY_10 + 2 * MINUTE)).state == "kept"
    kinds = await rows(practice.pool, "SELECT kind FROM practice_change ORDER BY created_at")
    assert [row["kind"] for row in kinds] == ["book", "missed", "missed", "kept"]


async def test_nobody_has_missed_what_has_not_begun_or_is_cancelled(practice):
    made = await practice.book(TUESDAY_10, NOW)
    with pytest.raises(NotBegun):
        await practice.mark("missed", made, TUESDAY_10 - MINUTE)
    with pytest.raises(CheckViolation, match="appointment_attended_after_start"):
        await rows(practice.pool, "UPDATE appointment SET state = 'kept' RETURNING 1")
    await practice.cancel(made, NOW)
    with pytest.raises(AlreadyCancelled):
        await practice.mark("missed", made, TUESDAY_10)
    with pytest.raises(NotFound):
        await practice.mark("kept", _named(made, "HEC-0000"), TUESDAY_10)


def _named(made, reference):
    return type("Named", (), {"reference": reference})()


async def test_a_missed_appointment_is_over_and_frees_no_time(practice):
    made = [await practice.book(TUESDAY_10, NOW, name=f"N{n}") for n in range(3)]
    for one in made:
        await practice.mark("missed", one, TUESDAY_10 + MINUTE)
    async with practice.pool.connection() as connection:
        assert await upcoming(connection, PHONE, TUESDAY_10 + MINUTE) == []
        with pytest.raises(SlotTaken):
            await practice.book(TUESDAY_10, NOW)


async def test_the_day_of_a_location_is_that_of_its_clock(practice):
    made = await practice.book(TUESDAY_10, NOW)
    later = await practice.book(local(2026, 11, 24, 17, 30), NOW, location="lakeside")
    await practice.book(local(2026, 11, 25, 9), NOW)
    async with practice.pool.connection() as connection:
        found = await on_day(connection, TUESDAY_10.date())
    assert [one.id for one in found] == [made.id, later.id]


# Missed


async def test_who_did_not_come_is_told_the_next_morning_once(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.mark("missed", made, TUESDAY_10 + 20 * MINUTE)
    assert await practice.follow_up(MORNING - MINUTE) == 0
    done = await asyncio.gather(*(practice.follow_up(MORNING) for _ in range(8)))
    assert sum(done) == 1
    assert await practice.follow_up(MORNING + timedelta(hours=1)) == 0
    (body,) = await practice.bodies()
    assert body == (
        "we did not see you for your eye exam Tue Nov 24 at 10:00am, Downtown."
        " Would you like another time? Text us a day that suits you."
    )
    (text,) = await practice.texts()
    assert text["lane"] == 2
    (opening,) = await rows(practice.pool, "SELECT slots FROM opening")
    assert opening["slots"]["question"]["about"] == "book"


async def test_who_booked_again_is_told_nothing(practice):
    made = await practice.book(TUESDAY_10, NOW)
    await practice.mark("missed", made, TUESDAY_10 + MINUTE)
    again = await practice.book(local(2026, 12, 1, 10), TUESDAY_10 + timedelta(hours=2))
    assert await practice.follow_up(MORNING) == 0
    await practice.cancel(again, TUESDAY_10 + timedelta(hours=3))
    assert await practice.follow_up(MORNING) == 1


async def test_an_appointment_that_was_booked_before_is_no_reason_to_be_silent(practice):
    made = await practice.book(TUESDAY_10, NOW, name="Tim Lee")
    await practice.book(local(2026, 12, 1, 10), NOW)
    await practice.mark("missed", made, TUESDAY_10 + MINUTE)
    assert await practice.follow_up(MORNING) == 1


async def test_two_who_did_not_come_are_one_text(practice):
    for name in ("Ann Lee", "Tim Lee"):
        made = await practice.book(TUESDAY_10, NOW, name=name)
        await practice.mark("missed", made, TUESDAY_10 + MINUTE)
    assert await practice.follow_up(MORNING) == 1
    (body,) = await practice.bodies()
    assert "eye exam for Tim Lee" in body
    assert len(await practice.made()) == 2


async def test_a_word_that_waits_is_taken_back_when_it_is_no_longer_so(pool):
    """Ten in Kolkata is 23:30 in New York, where the phone is: it is held until eight."""
    practice = Practice(pool, QuietHours(read_rules()))
    await practice.load(NOW)
    await rows(pool, "UPDATE location SET timezone = 'Asia/Kolkata' RETURNING 1")
    start, day = local(2026, 11, 23, 23, 30), timedelta(days=1)
    made = await practice.book(start, NOW)
    await practice.mark("missed", made, start + MINUTE)
    assert await practice.follow_up(start + day) == 1
    assert len(await practice.bodies("pending")) == 1
    await practice.mark("kept", made, start + day + MINUTE)
    assert await practice.bodies("pending") == []
    await practice.mark("missed", made, start + day + 2 * MINUTE)
    assert await practice.follow_up(start + 2 * day) == 1
    assert len(await practice.bodies("pending")) == 1
    await practice.book(start + 8 * day, start + 2 * day + MINUTE)
    assert await practice.bodies("pending") == []
    assert await practice.follow_up(start + 2 * day + 2 * MINUTE) == 0


# Recall


async def test_a_year_after_the_last_visit_the_customer_is_called_back_once(practice):
    await consent(practice)
    made = await practice.book(TUESDAY_10, NOW)
    await practice.mark("kept", made, TUESDAY_10 + MINUTE)
    assert await practice.call_back(A_YEAR - MINUTE) == 0
    done = await asyncio.gather(*(practice.call_back(A_YEAR) for _ in range(8)))
    assert sum(done) == 1
    assert await practice.call_back(A_YEAR + timedelta(days=1)) == 0
    (body,) = await practice.bodies()
    assert body == (
        "it is time for your next eye exam. Would you like an appointment?"
        " Text us a day that suits you. Reply STOP to opt out."
    )
    (text,) = await practice.texts()
    assert (text["lane"], text["subject"]) == (3, "recall")


async def test_without_proven_consent_it_is_refused_and_stays_so(practice):
    await practice.book(TUESDAY_10, NOW)
    assert await practice.call_back(A_YEAR) == 1
    assert await practice.call_back(A_YEAR + MINUTE) == 0
    (one,) = await practice.made()
    assert (one["kind"], one["refusal"]) == ("recall", "notice.no-consent")
    assert await practice.texts() == []


async def test_a_recall_at_the_end_of_a_short_month_goes_at_ten_too(practice):
    """Half a year after the end of August is the end of February, three days earlier in a month."""
    await consent(practice)
    await rows(practice.pool, "UPDATE service SET recall_months = 6 RETURNING 1")
    await practice.book(local(2026, 8, 31, 17), local(2026, 8, 3, 12))
    assert await practice.call_back(local(2027, 2, 28, 10)) == 1


@pytest.mark.parametrize("state", ["cancelled", "missed"])
async def test_who_was_not_there_is_not_called_back(practice, state):
    await consent(practice)
    made = await practice.book(TUESDAY_10, NOW)
    if state == "missed":
        await practice.mark("missed", made, TUESDAY_10)
    else:
        await practice.cancel(made, NOW)
    assert await practice.call_back(A_YEAR) == 0


async def test_who_has_been_there_since_or_will_come_is_not_called_back(practice):
    await consent(practice)
    await practice.book(TUESDAY_10, NOW)
    since = await practice.book(local(2027, 6, 1, 10), local(2027, 5, 1, 10))
    assert await practice.call_back(A_YEAR) == 0
    await practice.cancel(since, local(2027, 5, 2, 10))
    soon = await practice.book(
        local(2027, 12, 1, 10), local(2027, 11, 1, 10), service="contact_lens_exam"
    )
    assert await practice.call_back(A_YEAR) == 0
    await practice.cancel(soon, local(2027, 11, 2, 10))
    assert await practice.call_back(A_YEAR) == 1


async def test_a_family_is_called_back_with_one_text(practice):
    await consent(practice)
    await practice.book(TUESDAY_10, NOW)
    await practice.book(TUESDAY_10, NOW, name="Tim Lee")
    assert await practice.call_back(A_YEAR) == 1
    (body,) = await practice.bodies()
    assert body.startswith("it is time for your next eye exam for Ann Lee and Tim Lee.")


async def test_a_service_without_recall_calls_nobody_back(practice):
    await consent(practice)
    await rows(practice.pool, "UPDATE service SET recall_months = NULL RETURNING 1")
    await practice.book(TUESDAY_10, NOW)
    assert await practice.call_back(A_YEAR) == 0


async def test_who_switches_it_on_calls_back_nobody_of_years_ago(practice):
    await consent(practice)
    await practice.book(TUESDAY_10, NOW)
    assert await practice.call_back(A_YEAR + timedelta(days=30)) == 0
    assert await practice.call_back(A_YEAR + timedelta(days=29)) == 1
