"""Texts wait for the hours of their phones: in the outbox, before the request, under caps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from cli import notice, place
from cli.failure import Failure
from connectors.gateways.base import Refused
from messaging.area_codes import KnownPlace, Source
from messaging.clock import TimeOrderedIds
from messaging.dead_texts import send_once_more
from messaging.lanes import Lane
from messaging.notice_texts import enqueue_notice
from messaging.outbox import NewText, enqueue
from messaging.outcomes import expire
from messaging.phone_hours import SPREAD_SECONDS, QuietHours
from messaging.phone_places import set_place
from messaging.rule_files import read_rules
from messaging.text_policy import TextPolicy
from tests.integration.engine import OURS, PHONE, ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_sending_commands import CREDENTIALS

HOURS = QuietHours(read_rules())
EAST = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 16, 12, tzinfo=EAST).astimezone(UTC)  # a Monday
NIGHT = datetime(2026, 11, 16, 23, tzinfo=EAST).astimezone(UTC)
OPENING = datetime(2026, 11, 17, 8, tzinfo=EAST).astimezone(UTC)
MIAMI = "+13055550100"
WORDS = TextPolicy(longest=1600)


class SetClock:
    """Shows what a test says."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


async def put(pool, at, *, phone=PHONE, lane=Lane.REMINDER, hours=HOURS, number=OURS, **more):
    async with pool.connection() as connection:
        return await enqueue_notice(
            connection,
            gateway="twilio",
            number=number,
            phone=phone,
            body=more.pop("body", "See you soon."),
            policy=WORDS,
            new_id=TimeOrderedIds().new_id,
            now=at,
            lane=lane,
            hours=hours,
            **more,
        )


async def texts(pool):
    return await rows(
        pool,
        """SELECT id, state, attempts, first_attempt_at, not_after, error_code, error_staff,
        lane, counted_at, extract(epoch FROM next_attempt_at - now())::float AS wait,
        extract(epoch FROM expires_at - next_attempt_at)::float AS valid
        FROM outbound_text ORDER BY seq""",
    )


async def events(pool):
    return await rows(pool, "SELECT kind, code, detail FROM text_event ORDER BY id")


async def make_due(pool):
    async with pool.connection() as connection:
        await connection.execute("UPDATE outbound_text SET next_attempt_at = now()")
        await connection.execute("SELECT pg_notify('linnet_outbox', '')")


async def test_a_reminder_of_the_night_waits_for_the_morning(pool):
    await put(pool, NIGHT)
    (text,) = await texts(pool)
    night = (OPENING - NIGHT).total_seconds()
    assert night - 5 < text["wait"] < night + SPREAD_SECONDS
    assert text["valid"] == pytest.approx(12 * 3600)  # the night takes nothing off it
    (event,) = await events(pool)
    assert (event["kind"], event["code"]) == ("held", "quiet-hours")
    assert event["detail"].startswith("until 2026-11-17 13:0")
    assert event["detail"].endswith("rules courtesy; America/New_York in NY, by area code 212")


async def test_a_reminder_of_the_day_leaves_and_why_is_on_record(pool):
    await put(pool, NOON)
    (text,) = await texts(pool)
    assert text["wait"] < 1
    assert [event["kind"] for event in await events(pool)] == ["hours-allow"]


async def test_emergencies_and_answers_wait_for_no_hours(pool):
    for lane in (Lane.EMERGENCY, Lane.REPLY):
        await put(pool, NIGHT, lane=lane, body=f"{lane}")
    assert all(text["wait"] < 1 for text in await texts(pool))
    assert await events(pool) == []


async def test_marketing_keeps_the_hours_of_the_state_and_names_its_rules(pool):
    evening = NOON + timedelta(hours=8)  # 20:00: the country may be texted, Florida not
    await put(pool, evening, phone=MIAMI, lane=Lane.BULK)
    await put(pool, evening, phone=PHONE, lane=Lane.BULK)
    held, free = await texts(pool)
    assert held["wait"] > 11 * 3600
    assert free["wait"] < 1
    first, second = await events(pool)
    assert "rules FL; America/New_York in FL, by area code 305" in first["detail"]
    assert second["kind"] == "hours-allow"
    assert second["detail"] == "rules federal; America/New_York in NY, by area code 212"


async def test_what_is_known_of_a_phone_goes_before_its_number(pool):
    said = KnownPlace(Source.CRM, zone="America/Los_Angeles", state="CA")
    better = KnownPlace(Source.ADDRESS, zone="America/Chicago", state="TX")
    async with pool.connection() as connection:
        await set_place(connection, PHONE, said, NOON)
    late = datetime(2026, 11, 16, 22, 30, tzinfo=EAST)
    await put(pool, late, body="one")
    async with pool.connection() as connection:
        await set_place(connection, PHONE, better, NOON)
    await put(pool, late, body="two")
    allowed, held = await events(pool)
    assert allowed["kind"] == "hours-allow"
    assert "America/Los_Angeles in 2 states, by crm" in allowed["detail"]
    assert held["kind"] == "held"
    assert "America/Chicago in 2 states, by address" in held["detail"]


async def test_a_text_is_looked_at_again_before_its_request(pool, database_url):
    gateway, clock = ScriptedGateway(), SetClock(NIGHT)
    await put(pool, NOON, hours=None)  # it was to leave at noon, and was not sent until now
    async with delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock):
        held = await until(lambda: held_once(pool))
        assert gateway.sent == []
        assert (held["state"], held["attempts"], held["first_attempt_at"]) == ("pending", 0, None)
        assert held["wait"] > 8 * 3600
        assert held["valid"] == pytest.approx(12 * 3600)
        clock.time = OPENING + timedelta(seconds=SPREAD_SECONDS)
        await make_due(pool)
        await until(lambda: sent(pool, 1))
    (event,) = await events(pool)
    assert (event["kind"], event["code"]) == ("held", "quiet-hours")


async def held_once(pool):
    found = await texts(pool)
    return found[0] if len(await events(pool)) == 1 and found[0]["state"] == "pending" else None


async def sent(pool, count):
    return sum(text["state"] == "sent" for text in await texts(pool)) == count


async def test_without_hours_a_worker_sends_at_night(pool, database_url):
    await put(pool, NIGHT, hours=None)
    async with delivery_worker(pool, database_url, ScriptedGateway(), clock=SetClock(NIGHT)):
        await until(lambda: sent(pool, 1))


async def test_an_answer_does_not_wait_behind_what_is_held(pool, database_url):
    await put(pool, NIGHT)
    (talk,) = await rows(pool, "SELECT id FROM conversation")
    reply = NewText(
        id=TimeOrderedIds().new_id(),
        conversation_id=talk["id"],
        gateway="twilio",
        sender=OURS,
        recipient=PHONE,
        body="We open at 9.",
        kind="reply",
        created_at=NIGHT,
    )
    async with pool.connection() as connection, connection.transaction():
        await enqueue(connection, [reply])
    gateway, clock = ScriptedGateway(), SetClock(NIGHT)
    async with delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 1))
    assert [message.body for message in gateway.sent] == ["We open at 9."]


async def test_parts_of_a_held_text_keep_their_order(pool, database_url):
    gateway, clock = ScriptedGateway(), SetClock(NIGHT)
    await put(pool, NOON, hours=None, body="word " * 700)
    async with delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock):
        await until(lambda: all_held(pool))
        clock.time = OPENING + timedelta(seconds=SPREAD_SECONDS)
        await make_due(pool)
        await until(lambda: sent(pool, 3))
    assert [message.body[:11] for message in gateway.sent] == [
        f"Part {number} of 3" for number in (1, 2, 3)
    ]


async def all_held(pool):
    found = await texts(pool)
    return found[0]["wait"] > 3600


async def test_a_reminder_that_is_stale_expires(pool):
    await put(pool, NIGHT, not_after=NIGHT + timedelta(hours=2))  # before the morning
    (text,) = await texts(pool)
    assert text["valid"] < 0
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE outbound_text SET expires_at = expires_at - interval '2 hours',"
            " not_after = not_after - interval '2 hours'"
        )
    assert await expire(pool) == 1
    (text,) = await texts(pool)
    assert (text["state"], text["error_code"]) == ("failed", "expired")
    assert text["error_staff"].startswith("What this text was about was over")
    (verdict,) = await send_once_more(pool, [text["id"]], although_unknown=False)
    assert "make a new text" in verdict.refusal  # by hand it is no fresher


async def test_holding_at_dispatch_does_not_outlive_its_use(pool, database_url):
    await put(pool, NOON, hours=None, not_after=NOON + timedelta(hours=1))
    clock = SetClock(NIGHT)
    async with delivery_worker(pool, database_url, ScriptedGateway(), hours=HOURS, clock=clock):
        held = await until(lambda: held_once(pool))
    assert held["valid"] < -6 * 3600


async def test_a_phone_that_no_hour_suits_is_told_to_staff(pool):
    await put(pool, NOON, phone="+8835100000091", lane=Lane.BULK)
    (event,) = await events(pool)
    assert event["detail"].startswith("no hour suits all places; say where it is: linnet place")


# Caps: FL, MD, OK admit three texts with one subject in 24 hours, from all our numbers


async def campaign(pool, count, *, subject="spring", phone=MIAMI, numbers=(OURS,)):
    for n in range(count):
        number = numbers[n % len(numbers)]
        body = f"{subject} {n}"
        await put(
            pool, NOON, phone=phone, lane=Lane.BULK, body=body, subject=subject, number=number
        )


async def test_the_fourth_text_with_a_subject_waits_until_the_first_falls_out(pool, database_url):
    clock = SetClock(NOON)
    await campaign(pool, 4)
    async with delivery_worker(pool, database_url, ScriptedGateway(), hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 3))
        text = await until(lambda: fourth_held(pool))
        assert 24 * 3600 - 60 < text["wait"] <= 24 * 3600
        assert text["attempts"] == 0
        clock.time = NOON + timedelta(hours=24)
        await make_due(pool)
        await until(lambda: sent(pool, 4))
    (held,) = [event for event in await events(pool) if event["kind"] == "held"]
    assert held["code"] == "cap"
    assert "3 texts with this subject within 24 h are the most" in held["detail"]
    assert "by area code 305" in held["detail"]


async def fourth_held(pool):
    *_, last = await texts(pool)
    return last if last["state"] == "pending" and last["wait"] > 3600 else None


async def test_a_cap_that_ends_at_night_is_followed_by_the_morning(pool, database_url):
    evening = datetime(2026, 11, 16, 19, 59, 30, tzinfo=EAST).astimezone(UTC)
    clock = SetClock(evening)
    for n in range(3):
        await put(pool, evening, phone=MIAMI, lane=Lane.BULK, body=f"{n}")
    async with delivery_worker(pool, database_url, ScriptedGateway(), hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 3))
        async with pool.connection() as connection:
            await connection.execute("UPDATE outbound_text SET counted_at = counted_at + '45 s'")
        await put(pool, evening, phone=MIAMI, lane=Lane.BULK, body="4")
        text = await until(lambda: fourth_held(pool))
    assert text["wait"] > 35 * 3600  # not tomorrow at 20:00:15, but the morning after


async def test_other_subjects_other_states_and_reminders_do_not_count(pool, database_url):
    clock = SetClock(NOON)
    await campaign(pool, 3)
    await campaign(pool, 3, subject="autumn")
    await campaign(pool, 5, phone=PHONE)
    for n in range(5):
        await put(pool, NOON, phone=MIAMI, subject="spring", body=f"{n}")
    async with delivery_worker(pool, database_url, ScriptedGateway(), hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 16))


async def test_what_the_vendor_refused_does_not_count(pool, database_url):
    gateway = ScriptedGateway(Refused("30007", "Filtered."))
    await campaign(pool, 4)
    clock = SetClock(NOON)
    async with delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 3))


async def test_a_long_text_counts_once(pool, database_url):
    for n in range(3):
        await put(pool, NOON, phone=MIAMI, lane=Lane.BULK, body=f"{n} word " * 400)
    clock = SetClock(NOON)
    async with delivery_worker(pool, database_url, ScriptedGateway(), hours=HOURS, clock=clock):
        await until(lambda: sent(pool, 6))
    assert sum(text["counted_at"] is not None for text in await texts(pool)) == 3


async def test_many_workers_and_numbers_never_pass_a_cap(pool, database_url):
    numbers = tuple(f"+1212555{n}" for n in range(1000, 1012))
    await campaign(pool, 12, numbers=numbers)
    gateway, clock = ScriptedGateway(numbers=numbers), SetClock(NOON)
    async with (
        delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock),
        delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock),
        delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock),
        delivery_worker(pool, database_url, gateway, hours=HOURS, clock=clock),
    ):
        await until(lambda: settled(pool, 12))
    assert len(gateway.sent) == 3


async def settled(pool, count):
    found = await texts(pool)
    done = [text for text in found if text["state"] == "sent" or text["wait"] > 3600]
    return len(done) == count


# The command line


async def test_the_command_says_until_when_it_is_held(pool, database_url):
    console = Console(record=True, width=200)
    await notice.send(
        url=database_url,
        to=PHONE,
        body="hi",
        sender=OURS,
        media=None,
        wait=timedelta(seconds=5),
        console=console,
        credentials=CREDENTIALS,
        clock=SetClock(NIGHT),
    )
    assert "held until 2026-11-17 13:0" in console.export_text()


async def test_a_place_is_set_and_shown(pool, database_url):
    console = Console(record=True, width=200)
    said = {"url": database_url, "phone": PHONE, "console": console}
    await place.place(**said, source="crm", state="CA", zone=None)
    assert console.export_text().strip() == ("+12125550100: CA, NY; America/Los_Angeles; by crm")
    wrong = [("gossip", "CA", None), ("crm", "XX", None), ("crm", None, None)]
    for source, state, zone in wrong:
        with pytest.raises(Failure):
            await place.place(**said, source=source, state=state, zone=zone)
