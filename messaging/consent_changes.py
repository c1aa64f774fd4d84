"""Consent in the making: the ledger and the fast state of conversations, in one transaction.

Whatever changes consent comes through here: a customer's text, a gateway that says so, the staff,
a list. A conversation's ``opted_out_at`` is what the ledger says, kept where every turn reads it.
Conversations are locked in the order of their ids, and the ledger last of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from connectors.gateways.base import Suppress
from database.encryption import cipher
from database.pool import Connection
from messaging.consent import (
    ALL,
    ConsentChange,
    ConsentEvent,
    Direction,
    Method,
    OptOutScope,
    Wanted,
    silenced,
    state_of,
)
from messaging.consent_table import append, events_of
from messaging.sealed import INBOUND_BODY

TEXT = """
SELECT text.external_id, text.body, text.gateway, text.received_at, talk.id AS conversation_id,
    talk.number, talk.phone, talk.consent_request_id, now() AS now
FROM inbound_text AS text JOIN conversation AS talk ON talk.id = text.conversation_id
WHERE text.id = %(id)s
"""

QUESTION = """
UPDATE conversation SET consent_question = %(question)s,
    consent_question_at = CASE WHEN %(question)s::text IS NOT NULL THEN now() END,
    consent_request_id = CASE WHEN %(question)s::text IS NULL THEN NULL ELSE %(request_id)s END
WHERE id = %(conversation_id)s
"""

# What is just being sent is passed over; whether it is out nobody could say.
DROP_NOTICES = """
WITH waiting AS (
    SELECT id FROM outbound_text
    WHERE recipient = %(phone)s AND kind = 'notice' AND state = 'pending'
        AND (%(number)s::text IS NULL OR sender = %(number)s)
    FOR UPDATE SKIP LOCKED
), dropped AS (
    UPDATE outbound_text AS text SET state = 'failed', error_code = 'opted-out',
        error_staff = 'The customer wants no texts that they did not ask for.', updated_at = now()
    FROM waiting WHERE text.id = waiting.id RETURNING text.id
)
INSERT INTO text_event (outbound_id, at, kind, code, detail)
SELECT id, now(), 'dropped', 'opted-out', 'the customer opted out while it waited' FROM dropped
"""

OPTED_OUT = """
UPDATE conversation SET opted_out_at = now(), consent_question = NULL, consent_question_at = NULL,
    consent_request_id = NULL
WHERE id = %(id)s AND opted_out_at IS NULL
RETURNING gateway, number, phone, now() AS now
"""
UNREACHABLE = "UPDATE conversation SET unreachable_code = %(code)s WHERE id = %(id)s"

TALKS = """
SELECT id, number, phone, created_at, opted_out_at IS NOT NULL AS opted_out, consent_question
FROM conversation WHERE phone = ANY(%(phones)s) ORDER BY id FOR UPDATE
"""
FAST_STATE = """
UPDATE conversation SET consent_question = NULL, consent_question_at = NULL,
    consent_request_id = NULL,
    opted_out_at = CASE WHEN %(opted_out)s THEN coalesce(opted_out_at, now()) END
WHERE id = %(id)s
"""


async def record_change(connection: Connection, change: ConsentChange) -> None:
    """Write down what a customer's text does to consent.

    Args:
        connection: in the transaction that ends the text's turn.
        change: what it does.
    """
    row = await (await connection.execute(TEXT, {"id": change.text_id})).fetchone()
    assert row is not None  # noqa: S101  a text is kept while its turn runs
    asked = {"question": change.question, "request_id": row["external_id"]}
    await connection.execute(QUESTION, asked | {"conversation_id": row["conversation_id"]})
    if change.direction is Direction.REVOKE:  # while we only ask, messaging/holding.py holds them
        here = row["number"] if change.opt_out_scope is OptOutScope.NUMBER else None
        await connection.execute(DROP_NOTICES, {"phone": row["phone"], "number": here})
    event = ConsentEvent(
        phone=row["phone"],
        number=row["number"],
        direction=change.direction,
        scope=ALL,
        method=change.method,
        actor="customer",
        recorded_at=row["now"],
        captured_at=row["received_at"],
        zone="UTC",
        disclosure=change.disclosure,
        body=cipher().unseal(row["body"], INBOUND_BODY),
        gateway=row["gateway"],
        vendor_id=row["external_id"],
        request_id=row["consent_request_id"] if change.confirms else None,
        seller=change.seller,
    )
    await append(connection, [event])


async def suppress_phones(
    connection: Connection, phones: Sequence[tuple[UUID, Suppress, str | None]]
) -> None:
    """Send some phones nothing more that they did not ask for, because a gateway says so.

    Args:
        connection: in a transaction that locks nothing afterwards.
        phones: the conversation with each, why it gets nothing, and the vendor's code.
    """
    events = []
    for conversation_id, why, code in sorted(phones, key=lambda one: one[0]):
        values = {"id": conversation_id, "code": code}
        if why is Suppress.UNREACHABLE:
            await connection.execute(UNREACHABLE, values)
            continue
        row = await (await connection.execute(OPTED_OUT, values)).fetchone()
        if row is None:  # we knew
            continue
        here = {"phone": row["phone"], "number": row["number"]}
        await connection.execute(DROP_NOTICES, here)
        events.append(_by_gateway(row, code))
    await append(connection, events)


def _by_gateway(row: Mapping[str, Any], code: str | None) -> ConsentEvent:
    now: datetime = row["now"]
    return ConsentEvent(
        phone=row["phone"],
        number=row["number"],
        direction=Direction.REVOKE,
        scope=ALL,
        method=Method.GATEWAY,
        actor=row["gateway"],
        recorded_at=now,
        captured_at=now,
        zone="UTC",
        gateway=row["gateway"],
        source=f"refused with {code}",
    )


async def record(connection: Connection, events: Sequence[ConsentEvent]) -> None:
    """Write down what was said by other ways than texts, and let conversations follow it.

    Args:
        connection: in a transaction.
        events: in order; of any phones, also such as never texted.
    """
    phones = sorted({event.phone for event in events})
    talks = await (await connection.execute(TALKS, {"phones": phones})).fetchall()
    known = await events_of(connection, phones)
    said = {phone: [*known[phone]] for phone in phones}
    for event in events:
        said[event.phone].append(event)
    for talk in talks:
        opted_out = silenced(said[talk["phone"]], talk["number"], talk["created_at"])
        if opted_out != talk["opted_out"] or talk["consent_question"]:
            values = {"id": talk["id"], "opted_out": opted_out}
            await connection.execute(FAST_STATE, values)
    for phone in phones:
        state = state_of(said[phone], said[phone][-1].recorded_at)
        if state.notices is Wanted.NO:  # while we only ask, messaging/holding.py holds them
            await connection.execute(DROP_NOTICES, {"phone": phone, "number": None})
    await append(connection, events)
