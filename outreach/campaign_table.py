"""Campaigns in SQL: each step compares the state and swaps it, and is put on record with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from database.encryption import cipher
from database.pool import Connection
from messaging.phone_places import known_places
from outreach.audience import Recipient
from outreach.campaigns import Campaign, CampaignState, Plan, UnknownCampaign, WrongStep
from outreach.templates import NoticeClass

INSERT = """
INSERT INTO campaign (name, class, text, subject, audience, starts_at, starts_on_clock,
    expires_at, per_minute, also_opted_out, created_by, created_at, edited_by)
VALUES (%(name)s, %(class)s, %(text)s, %(subject)s, %(audience)s, %(starts_at)s,
    %(starts_on_clock)s, %(expires_at)s, %(per_minute)s, %(also_opted_out)s, %(actor)s, %(now)s,
    %(actor)s)
ON CONFLICT (name) DO NOTHING RETURNING id
"""
CHANGE = """
UPDATE campaign SET class = %(class)s, text = %(text)s, subject = %(subject)s,
    starts_at = %(starts_at)s, starts_on_clock = %(starts_on_clock)s,
    expires_at = %(expires_at)s, per_minute = %(per_minute)s,
    also_opted_out = %(also_opted_out)s, edited_by = %(actor)s
WHERE id = %(id)s
"""
AUDIENCE = "UPDATE campaign SET audience = %(audience)s WHERE id = %(id)s"
FIND = """
SELECT campaign.*, array(SELECT actor FROM campaign_approval AS one
    WHERE one.campaign_id = campaign.id AND one.version = campaign.version
    ORDER BY at, actor) AS approved_by
FROM campaign WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY id
"""
STEP = """
UPDATE campaign SET state = %(to)s WHERE id = %(id)s AND state = ANY(%(whence)s)
RETURNING version
"""
RECORD = """
INSERT INTO campaign_event (campaign_id, at, actor, action, version, detail)
SELECT id, %(now)s, %(actor)s, %(action)s, version, %(detail)s FROM campaign WHERE id = %(id)s
"""
HISTORY = """
SELECT at, actor, action, version, detail FROM campaign_event WHERE campaign_id = %(id)s
ORDER BY id
"""
VARIABLES = "campaign_recipient.variables"
"""What their values are sealed for."""

COPY = "COPY campaign_recipient (campaign_id, phone, variables, due_at) FROM STDIN"
APPROVE = """
INSERT INTO campaign_approval (campaign_id, version, actor, at)
VALUES (%(id)s, %(version)s, %(actor)s, %(now)s)
"""


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody does with a campaign.

    Attributes:
        actor: who.
        at: when, UTC.
        name: what: ``created``, ``started``, ...
        detail: why, or with what.
    """

    actor: str
    at: datetime
    name: str
    detail: str | None = None


async def insert(connection: Connection, plan: Plan, action: Action) -> int:
    """Make a draft.

    Returns:
        Its id.

    Raises:
        WrongStep: there is one of this name.
    """
    values = _columns(plan) | {"audience": Jsonb({}), "actor": action.actor, "now": action.at}
    row = await (await connection.execute(INSERT, values)).fetchone()
    if row is None:
        raise WrongStep(f"there is a campaign {plan.name} already; change it with `edit`")
    await record(connection, row["id"], action)
    return int(row["id"])


async def change(connection: Connection, id: int, plan: Plan, actor: str) -> None:
    """Change a draft."""
    await connection.execute(CHANGE, _columns(plan) | {"id": id, "actor": actor})


async def find(connection: Connection, name: str) -> Campaign:
    """The campaign of a name.

    Raises:
        UnknownCampaign: there is none.
    """
    row = await (await connection.execute(FIND, {"name": name})).fetchone()
    if row is None:
        raise UnknownCampaign(f"there is no campaign {name}; `linnet campaign list` shows all")
    return _campaign(row)


async def find_all(connection: Connection) -> list[Campaign]:
    """All campaigns, the oldest first."""
    rows = await (await connection.execute(FIND, {"name": None})).fetchall()
    return [_campaign(row) for row in rows]


async def step(
    connection: Connection,
    campaign: Campaign,
    whence: Sequence[CampaignState],
    to: CampaignState,
    action: Action,
) -> None:
    """Take a campaign from one state to another, and record who did it.

    Args:
        connection: in a transaction.
        campaign: that is taken on.
        whence: the states from which it may be taken.
        to: the state that it gets.
        action: for the record.

    Raises:
        WrongStep: it is in another state by now.
    """
    values = {"id": campaign.id, "to": to, "whence": [str(one) for one in whence]}
    if (await connection.execute(STEP, values)).rowcount == 0:
        now = await find(connection, campaign.plan.name)
        wanted = " or ".join(whence)
        raise WrongStep(f"{campaign.plan.name} is {now.state}; it must be {wanted} for that")
    await record(connection, campaign.id, action)


async def record(connection: Connection, id: int, action: Action) -> None:
    """Put what somebody did on record."""
    values = {"id": id, "now": action.at, "actor": action.actor, "action": action.name}
    await connection.execute(RECORD, values | {"detail": action.detail})


async def history(connection: Connection, id: int) -> Sequence[Mapping[str, Any]]:
    """All that was done with a campaign, in order."""
    return await (await connection.execute(HISTORY, {"id": id})).fetchall()


async def approve(connection: Connection, campaign: Campaign, action: Action) -> None:
    """Record an approval of a campaign as it is."""
    values = {"id": campaign.id, "version": campaign.version}
    await connection.execute(APPROVE, values | {"actor": action.actor, "now": action.at})
    await record(connection, campaign.id, action)


async def add_recipients(
    connection: Connection, id: int, plan: Plan, recipients: Sequence[Recipient], now: datetime
) -> None:
    """Give a draft recipients, each with the time at which it is due.

    Args:
        connection: in a transaction.
        id: of the draft.
        plan: that says when they are due.
        recipients: to be added.
        now: the time, UTC.
    """
    phones = [one.phone for one in recipients]
    places = await known_places(connection, phones) if plan.starts_on_clock else {}
    keys = cipher()
    async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for one in recipients:
            due_at = plan.due_at(one.phone, places.get(one.phone), now)
            variables = Jsonb(keys.seal_json(dict(one.variables), VARIABLES))
            await copy.write_row((id, one.phone, variables, due_at))


async def set_audience(connection: Connection, id: int, audience: Mapping[str, Any]) -> None:
    """Note where a draft's recipients are from."""
    await connection.execute(AUDIENCE, {"id": id, "audience": Jsonb(dict(audience))})


def variables_of(row: Mapping[str, Any]) -> dict[str, str]:
    """What the text needs of a recipient, in a row of theirs, by name.

    Raises:
        Unreadable: it is sealed with a key that is not here.
    """
    return dict(cipher().unseal_json(row["variables"], VARIABLES))


def campaign_of(row: Mapping[str, Any]) -> Campaign:
    """The campaign in a row of its table."""
    return _campaign({"approved_by": (), **row})


def _campaign(row: Mapping[str, Any]) -> Campaign:
    plan = Plan(
        name=row["name"],
        notice_class=NoticeClass(row["class"]),
        text=row["text"],
        subject=row["subject"],
        starts_at=row["starts_at"],
        starts_on_clock=row["starts_on_clock"],
        expires_at=row["expires_at"],
        per_minute=row["per_minute"],
        also_opted_out=row["also_opted_out"],
    )
    return Campaign(
        row["id"],
        plan,
        CampaignState(row["state"]),
        row["version"],
        row["created_by"],
        row["edited_by"],
        row["audience"],
        tuple(row["approved_by"]),
    )


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "class": str(plan.notice_class),
        "text": plan.text,
        "subject": plan.subject,
        "starts_at": plan.starts_at,
        "starts_on_clock": plan.starts_on_clock,
        "expires_at": plan.expires_at,
        "per_minute": plan.per_minute,
        "also_opted_out": plan.also_opted_out,
    }
