"""Campaigns on a real database: each recipient once, paused and ended at once, let go by two."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import psycopg
import pytest
from prometheus_client import REGISTRY

from connectors.credentials import load_settings
from messaging.consent import Direction
from messaging.phone_hours import SPREAD_SECONDS, QuietHours
from messaging.rule_files import read_rules
from messaging.worker import WorkerPlan, run_worker
from outreach import campaign_actions as actions
from outreach import campaign_runner as runner
from outreach import campaign_table as table
from outreach.audience import BadAudience
from outreach.campaign_preview import preview
from outreach.campaign_results import counts
from outreach.campaign_runner import advance
from outreach.campaigns import CampaignState, UnknownCampaign, WrongStep
from outreach.jobs import hand_over
from outreach.templates import NoticeClass
from tests.integration.campaigning import (
    NOON,
    Listed,
    desk,
    made,
    phones,
    plan,
    said,
    started,
    tell,
)
from tests.integration.engine import WORDS, ScriptedGateway, delivery_worker, rows, until
from tests.integration.test_sending_commands import CREDENTIALS

HOURS = QuietHours(read_rules())
TEXTS = "SELECT recipient, state, error_code, lane, body FROM outbound_text ORDER BY seq"


async def state(pool, name="one"):
    async with pool.connection() as connection:
        campaign = await table.find(connection, name)
        return campaign.state, await counts(connection, campaign)


async def test_each_recipient_gets_it_once(pool):
    await started(pool, plan(), phones(1200))
    for _ in range(3):
        await advance(pool, desk(), NOON)
    found = await rows(pool, "SELECT recipient FROM outbound_text")
    assert sorted(row["recipient"] for row in found) == phones(1200)
    assert {row["body"] for row in await rows(pool, TEXTS)} == {"We are closed, Ann."}


async def test_two_workers_hand_nobody_over_twice_and_are_no_faster(pool):
    await started(pool, plan(per_minute=6_000), phones(3_000))
    await asyncio.gather(*(advance(pool, desk(), NOON) for _ in range(6)))
    found = await rows(pool, "SELECT recipient, count(*) FROM outbound_text GROUP BY 1")
    assert {row["count"] for row in found} == {1}
    assert len(found) == 1_000  # ten seconds' worth


async def test_the_pace_goes_by_the_clock(pool):
    await started(pool, plan(per_minute=60), phones(100))
    out = "SELECT count(*) FROM outbound_text"
    await advance(pool, desk(), NOON)
    assert (await rows(pool, out))[0]["count"] == 10
    # Nothing has left: what waits may not grow, however late it is.
    await advance(pool, desk(), NOON + timedelta(minutes=5))
    assert (await rows(pool, out))[0]["count"] == 10
    await rows_written(pool, "UPDATE outbound_text SET state = 'failed', error_code = 'test'")
    await advance(pool, desk(), NOON + timedelta(seconds=4))
    assert (await rows(pool, out))[0]["count"] == 14


async def rows_written(pool, statement):
    async with pool.connection() as connection:
        await connection.execute(statement)


async def test_a_process_that_dies_in_a_batch_loses_and_doubles_nothing(pool, monkeypatch):
    await started(pool, plan(), phones(700))
    real, calls = runner.enqueue_many, []

    async def dies(*given, **more):
        found = await real(*given, **more)
        calls.append(1)
        if len(calls) == 2:
            raise asyncio.CancelledError
        return found

    monkeypatch.setattr(runner, "enqueue_many", dies)
    with pytest.raises(asyncio.CancelledError):
        await advance(pool, desk(), NOON)
    assert len(await rows(pool, TEXTS)) == 500
    await advance(pool, desk(), NOON)
    found = await rows(pool, "SELECT recipient FROM outbound_text")
    assert sorted(row["recipient"] for row in found) == phones(700)


async def test_a_broken_campaign_does_not_stop_the_others(pool):
    await started(pool, plan("bad"), phones(2))
    await started(pool, plan("good"), phones(2, 10))
    await rows_written(pool, "ALTER TABLE campaign DISABLE TRIGGER campaign_steps")
    await rows_written(pool, "UPDATE campaign SET text = '{missing}' WHERE name = 'bad'")
    await rows_written(pool, "ALTER TABLE campaign ENABLE TRIGGER campaign_steps")
    assert await advance(pool, desk(), NOON)
    assert {row["recipient"] for row in await rows(pool, TEXTS)} == set(phones(2, 10))


async def test_pause_takes_back_what_has_not_left_and_resume_sends_it_once(pool, database_url):
    await started(pool, plan(per_minute=6_000), phones(300))
    await advance(pool, desk(), NOON)
    slow = ScriptedGateway(per_second=20)
    async with delivery_worker(pool, database_url, slow):
        await until(lambda: _at_least(slow, 5))
        back = await actions.pause(pool, "one", "Ann", NOON)
        left = len(slow.sent)
        assert back > 200
        await asyncio.sleep(0.7)  # so long, nothing more leaves but what was under way
        assert len(slow.sent) <= left + 20
        assert len(slow.sent) == 300 - back
        found, told = await state(pool)
        assert (found, told["pending"]) == ("paused", back)
        await advance(pool, desk(), NOON)
        assert (await state(pool))[1]["pending"] == back  # nothing runs
    await actions.resume(pool, "one", "Ann", NOON)
    quick = ScriptedGateway()
    async with delivery_worker(pool, database_url, quick):
        later = NOON + timedelta(minutes=1)

        async def over():
            await advance(pool, desk(), later)
            return (await state(pool))[0] is CampaignState.DONE

        await until(over, 20)
    texted = [one.recipient for one in (*slow.sent, *quick.sent)]
    assert sorted(texted) == phones(300)


async def _at_least(gateway, count):
    return len(gateway.sent) >= count


async def test_abort_is_final(pool):
    await started(pool, plan(per_minute=600), phones(300))
    await advance(pool, desk(), NOON)
    assert await actions.abort(pool, "one", "Bo", NOON, "wrong day") == 100
    assert await state(pool) == ("aborted", {"withdrawn": 300})
    assert {row["error_code"] for row in await rows(pool, TEXTS)} == {"withdrawn"}
    for step in (actions.start, actions.pause, actions.resume, actions.abort):
        with pytest.raises(WrongStep, match="one is aborted"):
            await step(pool, "one", "Ann", NOON)


async def test_a_long_text_that_is_half_out_is_left_to_end(pool):
    await started(pool, plan(text="We are closed. " * 200), phones(2))
    await advance(pool, desk(), NOON)
    await rows_written(
        pool,
        "UPDATE outbound_text SET state = 'sending', lease_until = now()"
        " WHERE part = 1 AND recipient = '+12122000000'",
    )
    assert await actions.pause(pool, "one", "Ann", NOON) == 1
    assert (await state(pool))[1] == {"enqueued": 1, "pending": 1}


async def test_who_opts_out_meanwhile_does_not_get_it(pool):
    await started(pool, plan(per_minute=600), phones(200))
    await advance(pool, desk(), NOON)
    handed, waits = phones(1)[0], phones(1, 150)[0]
    await tell(pool, said(handed, Direction.REVOKE), said(waits, Direction.REVOKE))
    await rows_written(pool, "UPDATE outbound_text SET state = 'failed' WHERE state = 'pending'")
    await advance(pool, desk(), NOON + timedelta(minutes=1))
    found, told = await state(pool)
    assert (found, told) == ("running", {"enqueued": 199, "notice.opted-out": 1})
    text = (await rows(pool, f"{TEXTS} LIMIT 1"))[0]
    assert (text["recipient"], text["error_code"]) == (handed, "opted-out")


async def test_who_is_texted_and_who_is_not_is_counted(pool):
    def count(outcome):
        labels = {"kind": "transactional", "outcome": outcome}
        return REGISTRY.get_sample_value("linnet_campaign_texts_total", labels) or 0

    outcomes = ("enqueued", "notice.opted-out")
    before = [count(one) for one in outcomes]
    await tell(pool, said(phones(1)[0], Direction.REVOKE))
    await started(pool, plan(), phones(3))
    await advance(pool, desk(), NOON)
    assert [count(one) for one in outcomes] == [before[0] + 2, before[1] + 1]


async def test_marketing_goes_only_to_who_agreed(pool):
    agreed, not_asked = phones(2)
    await tell(pool, said(agreed, Direction.GRANT))
    await started(pool, plan(kind=NoticeClass.MARKETING), [agreed, not_asked])
    await advance(pool, desk(HOURS), NOON)
    assert [row["recipient"] for row in await rows(pool, TEXTS)] == [agreed]
    assert (await state(pool))[1] == {"enqueued": 1, "notice.no-consent": 1}


async def test_out_of_hours_nothing_waits_in_the_outbox(pool):
    await started(pool, plan(), phones(3))
    night = NOON + timedelta(hours=12)
    await advance(pool, desk(HOURS), night)
    assert await rows(pool, TEXTS) == []
    opening = NOON.replace(day=17, hour=13)
    for row in await rows(pool, "SELECT due_at FROM campaign_recipient"):
        assert opening <= row["due_at"] < opening + timedelta(seconds=SPREAD_SECONDS)
    await advance(pool, desk(HOURS), NOON + timedelta(days=1))
    assert len(await rows(pool, TEXTS)) == 3


async def test_what_comes_too_late_is_not_sent(pool):
    early = plan(expires_at=NOON + timedelta(hours=13))
    await started(pool, early, phones(3))
    await advance(pool, desk(HOURS), NOON + timedelta(hours=12))  # opens only after that
    assert (await state(pool))[1] == {"campaign.expired": 3}
    await started(pool, replace(early, name="two"), phones(3))
    await advance(pool, desk(HOURS), NOON + timedelta(hours=13))
    assert await state(pool, "two") == ("done", {"campaign.expired": 3})


async def test_an_emergency_is_not_held_and_honours_a_stop(pool):
    stopped, other = phones(2)
    await tell(pool, said(stopped, Direction.REVOKE))
    alert = plan(kind=NoticeClass.EMERGENCY)
    night = NOON + timedelta(hours=12)
    for wanted in (alert, replace(alert, name="two", also_opted_out="gas leak")):
        await made(pool, wanted, [stopped, other])
        for who in ("Bo", "Cy"):
            await actions.approve(pool, wanted.name, who, NOON)
        await actions.start(pool, wanted.name, "Ann", NOON)
        await advance(pool, desk(HOURS), night)
    told = [(row["recipient"], row["lane"]) for row in await rows(pool, TEXTS)]
    assert told == [(other, 0), (stopped, 0), (other, 0)]
    assert (await state(pool))[1] == {"enqueued": 1, "notice.opted-out": 1}
    async with pool.connection() as connection:
        campaign = await table.find(connection, "two")
        story = await table.history(connection, campaign.id)
    assert [(row["actor"], row["action"]) for row in story] == [
        ("Ann", "created"),
        ("Ann", "ready"),
        ("Bo", "approved"),
        ("Cy", "approved"),
        ("Ann", "started"),
    ]
    assert story[-1]["detail"] == "also to phones that opted out: gas leak"


@pytest.mark.parametrize(
    ("approvers", "may"),
    [
        ((), False),
        (("Bo",), False),
        (("Bo", "Cy"), True),
        (("Ann", "Bo"), False),
        (("Bo", "Bo"), False),
        (("Bo", "bo"), False),
        (("Bo", "Cy", "Di"), True),
    ],
)
async def test_an_emergency_starts_when_two_others_let_it(pool, approvers, may):
    await made(pool, plan(kind=NoticeClass.EMERGENCY), phones(1), actor="Ann")
    for who in approvers:
        try:
            await actions.approve(pool, "one", who, NOON)
        except WrongStep:
            assert not may
    if may:
        assert (await actions.start(pool, "one", "Ann", NOON)).state == "running"
    else:
        with pytest.raises(WrongStep, match="must still approve"):
            await actions.start(pool, "one", "Ann", NOON)


@pytest.mark.parametrize("part", ["text", "audience"])
async def test_a_change_voids_approvals_and_its_author_cannot_approve(pool, part):
    alert = plan(kind=NoticeClass.EMERGENCY)
    await made(pool, alert, phones(1), actor="Ann")
    for who in ("Bo", "Cy"):
        await actions.approve(pool, "one", who, NOON)
    changed = replace(alert, text="All is well, {name}.") if part == "text" else alert
    audience = Listed(phones(2)) if part == "audience" else None
    new = await actions.edit(pool, changed, audience, "Bo", NOON, lambda _: None)
    assert (new.version, new.approved_by, new.state) == (2, (), "ready")
    with pytest.raises(WrongStep, match="2 people must still approve"):
        await actions.start(pool, "one", "Cy", NOON)
    for author in ("Ann", "Bo"):
        with pytest.raises(WrongStep, match="wrote"):
            await actions.approve(pool, "one", author, NOON)
    for who in ("Cy", "Di"):
        await actions.approve(pool, "one", who, NOON)
    assert (await actions.start(pool, "one", "Cy", NOON)).state == "running"


FORBIDDEN = {
    "start without approval": "UPDATE campaign SET state = 'running'",
    "begin as ready": (
        "INSERT INTO campaign (name, class, text, subject, audience, per_minute, state, created_by,"
        " created_at, edited_by) VALUES ('x', 'marketing', 'x', 'x', '{}', 1, 'ready', 'a', now(),"
        " 'a')"
    ),
    "change the text": "UPDATE campaign SET text = 'other'",
    "change the author": "UPDATE campaign SET created_by = 'Zoe'",
    "approve one's own": (
        "INSERT INTO campaign_approval SELECT id, version, 'ann', now() FROM campaign"
    ),
    "approve another version": (
        "INSERT INTO campaign_approval SELECT id, version + 1, 'Bo', now() FROM campaign"
    ),
    "add somebody": (
        "INSERT INTO campaign_recipient (campaign_id, phone, due_at)"
        " SELECT id, '+12125550199', now() FROM campaign"
    ),
    "swap somebody": "UPDATE campaign_recipient SET phone = '+12125550199'",
    "change a variable": "UPDATE campaign_recipient SET variables = '{}'",
}


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN.keys())
async def test_the_database_forbids(pool, statement):
    await made(pool, plan(kind=NoticeClass.EMERGENCY), phones(1))
    with pytest.raises(psycopg.errors.CheckViolation):
        await rows_written(pool, statement)


@pytest.mark.parametrize("what", ["event", "approval"])
@pytest.mark.parametrize("how", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
async def test_what_was_done_stays_on_record(pool, what, how):
    await made(pool, plan(), phones(1))
    await actions.approve(pool, "one", "Bo", NOON)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        await rows_written(pool, how.format(f"campaign_{what}"))


STEPS = {
    ("draft", "ready"),
    ("ready", "draft"),
    ("ready", "running"),
    ("running", "paused"),
    ("paused", "running"),
    ("running", "done"),
    *((one, "aborted") for one in ("draft", "ready", "running", "paused")),
}
TO = {
    "draft": ["draft"],
    "ready": [],
    "running": ["running"],
    "paused": ["running", "paused"],
    "done": ["running", "done"],
    "aborted": ["aborted"],
}


@pytest.mark.parametrize("step", list(permutations(TO, 2)), ids="-".join)
async def test_steps(pool, step):
    whence, to = step
    await made(pool, plan(), phones(1))
    for passed in TO[whence]:
        await rows_written(pool, f"UPDATE campaign SET state = '{passed}'")
    if step in STEPS:
        await rows_written(pool, f"UPDATE campaign SET state = '{to}'")
    else:
        with pytest.raises(psycopg.errors.CheckViolation):
            await rows_written(pool, f"UPDATE campaign SET state = '{to}'")


async def test_a_list_that_breaks_off_leaves_nothing(pool):
    class Breaks(Listed):
        async def batches(self):
            async for batch in super().batches():
                yield batch
            raise BadAudience("line 3: unexpected end of data")

    with pytest.raises(BadAudience):
        await actions.create(pool, plan(), Breaks(phones(3)), "Ann", NOON, lambda _: None)
    assert await rows(pool, "SELECT FROM campaign") == []


async def test_names(pool):
    await made(pool, plan(), phones(1))
    with pytest.raises(WrongStep, match="one already"):
        await made(pool, plan(), phones(1))
    with pytest.raises(UnknownCampaign):
        await actions.start(pool, "two", "Ann", NOON)


async def test_a_preview_says_what_then_happens(pool):
    agreed = phones(4)
    await tell(pool, *(said(phone, Direction.GRANT) for phone in agreed))
    await tell(pool, said(agreed[0], Direction.REVOKE, recorded_at=NOON + timedelta(1)))
    campaign = await made(pool, plan(kind=NoticeClass.MARKETING), phones(6))
    found = await preview(pool, desk(HOURS), {}, campaign, NOON, lambda _: None)
    assert (found.recipients, found.sent, found.texts, found.segments) == (6, 3, 3, 3)
    assert dict(found.refused) == {"notice.opted-out": 1, "notice.no-consent": 2}
    assert found.samples == ["We are closed, Ann."] * 3
    assert await rows(pool, TEXTS) == []
    night = NOON + timedelta(hours=12)
    later = await preview(pool, desk(HOURS), {}, campaign, night, lambda _: None)
    assert (later.held, later.first_at > night) == (3, True)
    await actions.start(pool, "one", "Ann", NOON)
    await advance(pool, desk(HOURS), NOON)
    assert (await state(pool))[1] == {"enqueued": 3, **found.refused}


async def test_workers_begin_an_alert_within_seconds(pool, database_url):
    plan_of_workers = WorkerPlan(
        {"twilio": (gateway := ScriptedGateway())},
        {"twilio": WORDS},
        candidates=(),
        notices=desk(),
        rounds=(hand_over,),
    )
    await made(pool, plan(kind=NoticeClass.EMERGENCY), phones(3))
    async with AsyncExitStack() as stack:
        for _ in range(2):
            worker = asyncio.create_task(run_worker(database_url, plan_of_workers))
            stack.push_async_callback(ended, worker)
        await until(lambda: rows(pool, "SELECT FROM procrastinate_workers OFFSET 1"))
        for person in ("Bo", "Cy"):
            await actions.approve(pool, "one", person, NOON)
        await actions.start(pool, "one", "Ann", NOON)
        await until(lambda: rows(pool, "SELECT FROM campaign WHERE state = 'done'"), seconds=5)
    assert sorted(text.recipient for text in gateway.sent) == phones(3)
    assert await rows(pool, "SELECT FROM procrastinate_jobs WHERE task_name ~ 'campaign'") == []


async def ended(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_worker_as_configured_hands_campaigns_over():
    assert hand_over in load_settings(CREDENTIALS).worker_plan.rounds


async def test_each_gets_it_at_ten_on_its_own_clock_on_the_sunday_of_the_change(pool):
    due = {  # the hour, UTC, at which it is ten there
        "+12125550100": 15,  # New York
        "+13125550100": 16,  # Chicago
        "+16025550100": 17,  # Phoenix, which does not change
        "+13105550100": 18,  # Los Angeles
        "+18085550100": 20,  # Honolulu
        "+19075550100": 20,  # Alaska: Anchorage has its ten at 19, Adak an hour later
    }
    when = datetime(2026, 11, 1, 10)  # noqa: DTZ001  on each clock
    await started(pool, plan(starts_on_clock=when), due)
    seen = {}
    for quarter in range(14 * 4, 22 * 4):
        now = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
        await advance(pool, desk(HOURS), now)
        for row in await rows(pool, TEXTS):
            seen.setdefault(row["recipient"], now)
    assert seen == {phone: datetime(2026, 11, 1, hour, tzinfo=UTC) for phone, hour in due.items()}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"text": "Hello {nickname}"}, "needs other columns"),
        ({"starts_at": NOON}, "needs the recipients again"),
    ],
)
async def test_a_change_that_the_recipients_do_not_fit(pool, changed, why):
    await made(pool, plan(), phones(2))
    with pytest.raises(BadAudience, match=why):
        await actions.edit(pool, plan(**changed), None, "Ann", NOON, lambda _: None)
    async with pool.connection() as connection:
        kept = await table.find(connection, "one")
    assert (kept.plan, kept.version, kept.state) == (plan(), 1, "ready")
