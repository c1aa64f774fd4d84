"""What is known of people goes when its class says so, with reminders, campaigns and events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import psycopg
import pytest
from rich.console import Console

import cli.privacy
import messaging.retention
from messaging.jobs import Tools, jobs_app
from messaging.retention_periods import RetentionPeriods
from messaging.upkeep import due, prune
from privacy.jobs import register
from privacy.places import PERSONAL_PLACES, PLACES, Keep
from privacy.steps import STEPS
from tests.integration.engine import Echo, rows, turn_worker
from tests.integration.person import book_a_visit, leave_traces, say

ALL = (*messaging.retention.STEPS, *STEPS)
KEPT = RetentionPeriods()
GONE = {Keep.TEXTS, Keep.RAW, Keep.EVENTS, Keep.BRIEFLY}


@pytest.fixture
async def person(pool, database_url):
    """Somebody with something in every table, of which nothing is open."""
    await book_a_visit(pool)
    async with turn_worker(pool, database_url, Echo()):
        await say(pool, "my itchy zebra", "and a quokka")
    await leave_traces(pool)
    async with pool.connection() as connection:
        await connection.execute("""
            UPDATE requested_reminder SET state = 'sent', closed_at = now();
            UPDATE procrastinate_jobs SET status = 'succeeded'
        """)


async def forget(pool, now: datetime, periods: RetentionPeriods = KEPT):
    """Prunes, and holds the dry run to account."""
    told = await due(pool, periods, now, ALL)
    gone = await prune(pool, periods, now, steps=ALL)
    assert gone == told
    assert await due(pool, periods, now, ALL) == {}
    return gone


async def left(pool) -> dict[str, int]:
    query = " UNION ALL ".join(
        f"SELECT '{place.table}' AS name, count(*) FROM {place.table}" for place in PLACES
    )
    return {row["name"]: row["count"] for row in await rows(pool, query)}


def test_every_place_of_something_personal_has_its_class():
    assert [place.table for place in PERSONAL_PLACES if place.keep is None] == []


async def test_after_their_time_only_the_person_is_left(pool, person):
    now, before = datetime.now(UTC), await left(pool)
    await forget(pool, now)
    assert await left(pool) == before
    await forget(pool, now + timedelta(days=31))
    found = await left(pool)
    gone = {place.table for place in PLACES if place.keep in {Keep.EVENTS, Keep.BRIEFLY, Keep.RAW}}
    assert {name for name, count in found.items() if not count and before[name]} == gone
    await forget(pool, now + timedelta(days=430))
    found = await left(pool)
    for place in PERSONAL_PLACES:
        assert found[place.table] == (0 if place.keep in GONE else before[place.table])
    assert all(before[place.table] for place in PERSONAL_PLACES if place.keep in GONE)


# -- campaigns ---------------------------------------------------------------------------------

CAMPAIGN = """
INSERT INTO campaign (name, class, text, subject, audience, per_minute, created_by, created_at,
    edited_by)
VALUES (%(name)s, 'emergency', 'x', 'x', '{}', 60, 'Ana', %(at)s, 'Ana') RETURNING id
"""
RECIPIENT = """
INSERT INTO campaign_recipient (campaign_id, phone, due_at)
VALUES (%(id)s, '+12125550177', %(at)s) RETURNING 1
"""
READY = "UPDATE campaign SET state = 'ready' WHERE id = %(id)s RETURNING 1"
APPROVED = """
INSERT INTO campaign_approval (campaign_id, version, actor, at)
VALUES (%(id)s, 1, 'Bea', %(at)s), (%(id)s, 1, 'Cid', %(at)s) RETURNING 1
"""
RUNS = "UPDATE campaign SET state = 'running' WHERE id = %(id)s RETURNING 1"
DONE = "UPDATE campaign SET state = 'done' WHERE id = %(id)s RETURNING 1"
NOTED = """
INSERT INTO campaign_event (campaign_id, at, actor, action, version)
VALUES (%(id)s, %(at)s, 'Ana', 'created', 1) RETURNING 1
"""


async def campaign(pool, name: str, days: float, *, over: bool = True) -> None:
    """An alert that was made, approved and started some days ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    (row,) = await rows(pool, CAMPAIGN, name=name, at=at)
    for statement in (RECIPIENT, READY, APPROVED, RUNS, *((DONE,) if over else ()), NOTED):
        await rows(pool, statement, id=row["id"], at=at)


async def test_who_got_a_campaign_is_forgotten_as_texts_are_and_who_let_it_go_later(pool):
    await campaign(pool, "ancient", 1828)
    await campaign(pool, "old", 401)
    await campaign(pool, "recent", 399)
    await campaign(pool, "endless", 1828, over=False)
    gone = await forget(pool, datetime.now(UTC))
    assert gone == {
        "campaign_recipient": 2,
        "campaign": 1,
        "campaign_event": 1,
        "campaign_approval": 2,
    }
    named = "SELECT name FROM campaign JOIN campaign_recipient ON campaign_id = id ORDER BY name"
    assert [row["name"] for row in await rows(pool, named)] == ["endless", "recent"]
    names = [row["name"] for row in await rows(pool, "SELECT name FROM campaign ORDER BY name")]
    assert names == ["endless", "old", "recent"]


async def test_texts_that_are_kept_longer_than_audits_keep_their_campaigns(pool):
    await campaign(pool, "ancient", 1828)
    assert await forget(pool, datetime.now(UTC), RetentionPeriods(texts=2000)) == {}


@pytest.mark.parametrize("table", ["campaign_event", "campaign_approval"])
async def test_what_was_done_with_a_campaign_stays_for_four_years(pool, table):
    await campaign(pool, "old", 1460)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only for four years"):
        await rows(pool, f"DELETE FROM {table}")
    await campaign(pool, "ancient", 1462)
    await rows(
        pool,
        f"DELETE FROM {table} USING campaign WHERE campaign_id = campaign.id"
        " AND name = 'ancient' RETURNING 1",
    )


# -- reminders ---------------------------------------------------------------------------------

REMINDER = """
INSERT INTO reminder (appointment_id, kind, location_id, start, due_at, made_at, refusal)
SELECT id, %(kind)s, location_id, %(start)s, %(made)s, %(made)s, 'notice.opted-out'
FROM appointment RETURNING 1
"""
LEFT = "SELECT kind FROM reminder ORDER BY kind"


async def test_a_reminder_is_known_for_as_long_as_it_could_be_due_again(pool):
    await book_a_visit(pool)
    now = datetime.now(UTC)
    for kind, made, start in (
        ("1h", 401, 401),
        ("2h", 401, 399),
        ("999d", 401, -500),
        ("3h", 399, 399),
    ):
        dates = {"made": now - timedelta(days=made), "start": now - timedelta(days=start)}
        await rows(pool, REMINDER, kind=kind, **dates)
    assert await forget(pool, now) == {"reminder": 1}
    assert [row["kind"] for row in await rows(pool, LEFT)] == ["2h", "3h", "999d"]


async def test_a_recall_is_not_forgotten_while_it_is_due(pool):
    await book_a_visit(pool)
    now, start = datetime.now(UTC), datetime.now(UTC) - timedelta(days=400)
    await rows(pool, REMINDER, kind="recall", made=now - timedelta(days=59), start=start)
    short = RetentionPeriods(texts=2)
    assert await forget(pool, now, short) == {}
    assert await forget(pool, now + timedelta(days=2), short) == {"reminder": 1}


async def test_a_reminder_that_waits_for_its_time_stays(pool, person):
    await rows(
        pool, "UPDATE requested_reminder SET state = 'waiting', closed_at = NULL RETURNING 1"
    )
    await forget(pool, datetime.now(UTC) + timedelta(days=430))
    assert await rows(pool, "SELECT FROM requested_reminder")


# -- who does it -------------------------------------------------------------------------------


class Ahead:
    """A clock that is 430 days ahead."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=430)


async def test_workers_do_it_at_night(pool, person):
    app = jobs_app(pool, Tools({}, None, Ahead(), KEPT), [register])
    await app.tasks["privacy.forget"](timestamp=0)
    assert await due(pool, KEPT, Ahead().now(), STEPS) == {}
    assert await rows(pool, "SELECT FROM campaign_recipient") == []


async def test_the_command_shows_and_forgets_all_classes(pool, database_url):
    await campaign(pool, "old", 401)
    console = Console(file=StringIO(), record=True, width=200)
    await cli.privacy.retention(database_url, console, run=False)
    told = console.export_text()
    assert "campaign_recipient" in told
    assert "audits of privacy and campaigns" in told
    assert len(await rows(pool, "SELECT FROM campaign_recipient")) == 1
    await cli.privacy.retention(database_url, console, run=True)
    assert "gone" in console.export_text()
    assert await rows(pool, "SELECT FROM campaign_recipient") == []
