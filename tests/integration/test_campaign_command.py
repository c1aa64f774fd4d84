"""``linnet campaign`` as somebody types it, from a list to its results."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from rich.console import Console

from cli import campaigns
from cli.failure import Failure
from messaging.consent import Direction
from messaging.errors import LinnetError
from outreach.audience import BadAudience
from outreach.audience_query import Query, QueryAudience, read_queries
from outreach.campaign_runner import advance
from tests.integration.campaigning import NOON, desk, phones, plan, said, started, tell
from tests.integration.engine import ScriptedGateway, delivery_worker, rows, text_in, until
from tests.integration.test_sending_commands import CREDENTIALS

ALERT = "{brand}: gas leak on Main St, {name}. Stay away."


@pytest.fixture
def console(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "credentials.yml").write_text(CREDENTIALS.read_text())
    return Console(record=True, width=200)


def wish(name="alert", **more):
    usual = {
        "text": ALERT,
        "template": "",
        "kind": "emergency",
        "subject": "",
        "at": "",
        "until": "",
        "rate": 600,
        "also_opted_out": "",
    }
    return campaigns.Wish(name, **(usual | more))


def listed(tmp_path, content):
    path = tmp_path / "list.csv"
    path.write_text(content)
    return path


async def test_from_a_list_to_its_results(tmp_path, console, pool, database_url):
    await text_in(pool, "Hi", phone="+12125550100")  # so that it knows this number of ours
    path = listed(
        tmp_path, "phone,name\n+12125550100,Ann\n212-555-0100,Ann\nx,Bo\n+12125550101,Cy\n"
    )
    await tell(pool, said("+12125550101", Direction.REVOKE))
    await campaigns.create(database_url, console, wish(csv=path), "Ann")
    told = console.export_text()
    assert "alert is ready: 2 recipients." in told
    assert "1 rows had a phone that stood before." in told
    assert "line 4: not a phone number" in told

    await campaigns.preview(database_url, console, "alert")
    told = console.export_text()
    assert "1 of 2 recipients would get it." in told
    assert "1 would not: have opted out" in told
    assert "1 texts, 1 segments" in told
    assert "gas leak on Main St, Ann. Stay away." in told
    assert "{brand}" not in told
    assert await rows(pool, "SELECT FROM outbound_text") == []

    with pytest.raises(LinnetError, match="2 people must still approve"):
        await campaigns.start(database_url, console, "alert", "Ann")
    await campaigns.approve(database_url, console, "alert", "Bo")
    assert "1 of 2 approvals are missing" in console.export_text()
    await campaigns.approve(database_url, console, "alert", "Cy")
    await campaigns.start(database_url, console, "alert", "Ann")
    await advance(pool, campaigns.load_settings().notices, campaigns.CLOCK.now())
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        await until(lambda: rows(pool, "SELECT FROM outbound_text WHERE state = 'sent'"))
    await text_in(pool, "Thanks", phone="+12125550100")

    await campaigns.show(database_url, console, "alert", once=True)
    told = console.export_text()
    assert "Ann created (version 1)" in told
    assert "Cy approved (version 1)" in told
    assert "1 handed over" in told
    await campaigns.results(database_url, console, "alert", tmp_path / "out.csv")
    told = console.export_text()
    assert "1 sent" in told
    assert "1 replied, 0 opted out" in told
    with (tmp_path / "out.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(one["phone"], one["state"], one["code"], one["fate"]) for one in lines] == [
        ("'+12125550100", "enqueued", "", "sent"),
        ("'+12125550101", "refused", "notice.opted-out", ""),
    ]
    await campaigns.show_all(database_url, console)
    assert "alert" in console.export_text()


async def test_too_many_opt_outs_are_warned_of(console, pool, database_url):
    await started(pool, plan(), phones(20))
    await advance(pool, desk(), NOON)
    async with delivery_worker(pool, database_url, ScriptedGateway()):
        sent = "SELECT count(*) AS n FROM outbound_text WHERE state = 'sent'"

        async def all_out():
            return (await rows(pool, sent))[0]["n"] == 20

        await until(all_out)
    accepted = (await rows(pool, "SELECT max(accepted_at) AS at FROM outbound_text"))[0]["at"]
    later = accepted + timedelta(minutes=1)
    await tell(pool, said(phones(1)[0], Direction.REVOKE, recorded_at=later, captured_at=later))
    await campaigns.results(database_url, console, "one", None)
    told = console.export_text()
    assert "1 opted out" in told
    assert "Warning: 5.0% opted out" in told


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "--csv FILE or --query"),
        ({"csv": "x", "text": "", "kind": ""}, "say what to text"),
        ({"csv": "x", "kind": "urgent"}, "marketing, transactional or emergency"),
        ({"csv": "x", "at": "tomorrow"}, "not a time like"),
        ({"csv": "x", "until": "2026-12-01T10:00"}, "has no offset"),
    ],
)
async def test_what_is_missing_is_said(console, pool, database_url, changed, why):
    with pytest.raises((Failure, LinnetError), match=why):
        await campaigns.create(database_url, console, wish(**changed), "Ann")


async def test_the_queries_that_come_along_run(console, pool, database_url):
    await rows_written(
        pool,
        "INSERT INTO customer (phone, name) VALUES ('+12125550100', 'Ann'), ('erased-2', 'Erased')",
    )
    queries = read_queries(campaigns.Path(__file__).parents[2] / "audiences.yml")
    assert set(queries) == {"all_customers", "appointment_on", "away_for_a_year"}
    found = {}
    for name, query in queries.items():
        values = {"day": "2026-12-24"} if query.parameters else {}
        audience = QueryAudience(pool, query, values, ("name",))
        found[name] = [one.phone async for batch in audience.batches() for one in batch]
    assert found == {
        "all_customers": ["+12125550100"],
        "appointment_on": [],
        "away_for_a_year": [],
    }


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("DELETE FROM customer RETURNING phone", "fails"),
        ("SELECT 1 FROM nothing", "fails"),
        ("SELECT name FROM customer", "no column 'phone'"),
        ("SELECT phone FROM customer; DROP TABLE customer", "fails"),
    ],
)
async def test_a_query_can_only_read(pool, sql, why):
    with pytest.raises(BadAudience, match=why):
        async for _ in QueryAudience(pool, Query("bad", "", sql, ()), {}, ()).batches():
            pass
    assert await rows(pool, "SELECT count(*) FROM customer") == [{"count": 0}]


@pytest.mark.parametrize(
    ("values", "why"), [({}, "needs a value for day"), ({"day": "1", "to": "2"}, "no parameter to")]
)
def test_parameters(pool, values, why):
    query = Query("on", "", "SELECT phone FROM customer", ("day",))
    with pytest.raises(BadAudience, match=why):
        QueryAudience(pool, query, values, ())


async def rows_written(pool, statement):
    async with pool.connection() as connection:
        await connection.execute(statement)
