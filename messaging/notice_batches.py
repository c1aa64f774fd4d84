"""Notices to many phones: what ``NoticeDesk`` does with each, read and written for all at once.

Each notice fares as if it had been given to the desk alone, in this order; a test compares both.
What one statement can read for all phones is read once: numbers of ours that they know, consent,
places, whether they ever got a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from database.pool import Connection
from messaging.area_codes import KnownPlace
from messaging.consent import ConsentEvent, Wanted
from messaging.consent_table import events_of
from messaging.lanes import Lane
from messaging.notice_texts import is_taken, notice_texts, wanted_of
from messaging.notices import Notice, NoticeDesk, Refused, refusal
from messaging.outbox import NewText, enqueue
from messaging.phone_places import known_places
from messaging.quiet_hours import Held
from messaging.routing import LOCKS, Route, known_routes, routes
from messaging.scheduling import leaves_at, scheduled

# In one order for everybody, so that two transactions do not wait for each other: that of
# messaging/consent_changes.py.
LOCK_TALKS = """
SELECT FROM conversation WHERE phone = ANY(%(phones)s) ORDER BY id FOR NO KEY UPDATE
"""

TALKS = """
INSERT INTO conversation (id, gateway, number, phone, created_at)
SELECT id, gateway, number, phone, %(now)s
FROM unnest(%(ids)s::uuid[], %(gateways)s::text[], %(numbers)s::text[], %(phones)s::text[])
    AS wanted (id, gateway, number, phone)
ORDER BY number, phone
ON CONFLICT (number, phone) DO UPDATE SET gateway = EXCLUDED.gateway
RETURNING phone, id, opted_out_at IS NOT NULL AS opted_out,
    unreachable_code IS NOT NULL AS unreachable, id = ANY(%(ids)s) AS made
"""
NOT_BEGUN = "DELETE FROM conversation WHERE id = ANY(%(ids)s)"
KNOWN_TALKS = """
SELECT talk.phone, talk.id, opted_out_at IS NOT NULL AS opted_out,
    unreachable_code IS NOT NULL AS unreachable
FROM unnest(%(numbers)s::text[], %(phones)s::text[]) AS wanted (number, phone)
JOIN conversation AS talk USING (number, phone)
"""
EARLIER = """
SELECT phone FROM unnest(%(phones)s::text[]) AS wanted (phone)
WHERE EXISTS (SELECT FROM outbound_text WHERE recipient = wanted.phone)
"""


@dataclass(frozen=True, slots=True)
class Ready:
    """A notice that may leave.

    Attributes:
        texts: that say it.
        held: why and until when they wait; None where they leave at once.
    """

    texts: Sequence[NewText]
    held: Held | None


async def enqueue_many(
    desk: NoticeDesk,
    connection: Connection,
    notices: Sequence[Notice],
    now: datetime,
    *,
    hold: bool = True,
) -> list[list[UUID] | Refused | Held]:
    """Put notices into the outbox, or say why not; a few hundred at a time.

    Args:
        desk: with everything that they must comply with.
        connection: in a transaction.
        notices: what is to be said to whom.
        now: the time, UTC.
        hold: whether one whose phone's hours are shut waits in the outbox. If not, nothing is
            put there, and until when it had to wait is what comes back.

    Returns:
        For each, in order: the ids of its texts; or the refusal; or, without ``hold``, until
        when it is held.

    Raises:
        UnknownSender: the number that one of them names is none of ours.
        WrongTime: one of them cannot leave when it is to.
    """
    results: list[list[UUID] | Refused | Held] = []
    free = [notice.phone for notice in notices if notice.number is None]
    await connection.execute(LOCKS, {"phones": free})
    await connection.execute(LOCK_TALKS, {"phones": [notice.phone for notice in notices]})
    for wave in _waves(notices):
        ways = await _ways(desk, connection, wave, lock=True)
        talks = await _made(desk, connection, ways, now)
        texts: list[NewText] = []
        times = [now] * len(wave)
        for fate in await _weigh(desk, connection, wave, ways, talks, times):
            if isinstance(fate, Refused):
                results.append(fate)
            elif fate.held is not None and not hold:
                results.append(fate.held)
            else:
                results.append([text.id for text in fate.texts])
                texts += fate.texts
        # A conversation that begins with a refusal has not begun.
        said = {text.conversation_id for text in texts}
        made = [talk["id"] for talk in talks.values() if talk["made"] and talk["id"] not in said]
        await connection.execute(NOT_BEGUN, {"ids": made})
        await enqueue(connection, texts)
    return results


async def foresee(
    desk: NoticeDesk,
    connection: Connection,
    notices: Sequence[Notice],
    times: Sequence[datetime],
) -> list[Ready | Refused]:
    """What would become of notices; nothing is written.

    Args:
        desk: as above.
        connection: to the database.
        notices: to different phones.
        times: when each would be put into the outbox, UTC.
    """
    ways = await _ways(desk, connection, notices, lock=False)
    given = {"numbers": [way.number for way in ways.values()], "phones": list(ways)}
    rows = await (await connection.execute(KNOWN_TALKS, given)).fetchall()
    talks: dict[str, Mapping[str, Any]] = {
        phone: {"id": desk.new_id(), "opted_out": False, "unreachable": False} for phone in ways
    }
    talks |= {row["phone"]: row for row in rows}
    return await _weigh(desk, connection, notices, ways, talks, times)


def _waves(notices: Sequence[Notice]) -> Iterator[list[Notice]]:
    """Runs of notices in which no phone is twice."""
    wave: list[Notice] = []
    phones: set[str] = set()
    for notice in notices:
        if notice.phone in phones:
            yield wave
            wave, phones = [], set()
        wave.append(notice)
        phones.add(notice.phone)
    if wave:
        yield wave


async def _ways(
    desk: NoticeDesk, connection: Connection, notices: Sequence[Notice], *, lock: bool
) -> dict[str, Route]:
    free = [notice.phone for notice in notices if notice.number is None]
    found: Mapping[str, Route] = {}
    if free and lock:
        found = await routes(connection, free, desk.candidates, desk.random)
    elif free:
        first = next(one for one in desk.candidates if one.share)
        new = Route(first.gateway, first.numbers[0])
        known = await known_routes(connection, free, desk.candidates)
        found = {phone: known.get(phone, new) for phone in free}
    return {
        notice.phone: found.get(notice.phone) or await desk.way(connection, notice)
        for notice in notices
    }


async def _made(
    desk: NoticeDesk, connection: Connection, ways: Mapping[str, Route], now: datetime
) -> Mapping[str, Mapping[str, Any]]:
    """The conversation of each phone, which nobody else changes until the transaction ends."""
    values = {
        "ids": [desk.new_id() for _ in ways],
        "gateways": [way.gateway for way in ways.values()],
        "numbers": [way.number for way in ways.values()],
        "phones": list(ways),
        "now": now,
    }
    rows = await (await connection.execute(TALKS, values)).fetchall()
    return {row["phone"]: row for row in rows}


async def _weigh(
    desk: NoticeDesk,
    connection: Connection,
    notices: Sequence[Notice],
    ways: Mapping[str, Route],
    talks: Mapping[str, Mapping[str, Any]],
    times: Sequence[datetime],
) -> list[Ready | Refused]:
    """What becomes of each; reads for all of them at once."""
    phones = list(ways)
    events = await events_of(connection, phones)
    places = await known_places(connection, phones) if desk.hours else {}
    known: frozenset[str] = frozenset()
    if desk.consent.introduction:
        cursor = await connection.execute(EARLIER, {"phones": phones})
        known = frozenset(row["phone"] for row in await cursor.fetchall())
    return [
        _fate(
            desk,
            notice,
            ways[notice.phone],
            talks[notice.phone],
            events[notice.phone],
            places.get(notice.phone),
            time,
            first=notice.phone not in known,
        )
        for notice, time in zip(notices, times, strict=True)
    ]


def _fate(
    desk: NoticeDesk,
    notice: Notice,
    way: Route,
    talk: Mapping[str, Any],
    events: Sequence[ConsentEvent],
    place: KnownPlace | None,
    now: datetime,
    *,
    first: bool,
) -> Ready | Refused:
    own, any_at_all = (
        wanted_of(events, way.number, lane, desk.consent, now)
        for lane in (notice.lane, Lane.REMINDER)
    )
    silent = talk["opted_out"] or any_at_all is Wanted.NO
    refused = refusal(notice.lane, own, unreachable=talk["unreachable"], opted_out=silent)
    taken = not talk["opted_out"] and is_taken(own, notice.lane)
    if talk["unreachable"] or not (taken or notice.although_opted_out):
        return refused
    hours = desk.hours
    at = leaves_at(notice.not_before, notice.not_after, now)
    decision = hours.rule(notice.phone, place, notice.lane, at) if hours else None
    held = hours.held(decision, notice.lane, talk["id"], at) if hours and decision else None
    held = held or scheduled(notice.not_before)
    draft = NewText(
        id=desk.new_id(),
        conversation_id=talk["id"],
        gateway=way.gateway,
        sender=way.number,
        recipient=notice.phone,
        body=notice.body,
        kind="notice",
        lane=notice.lane,
        created_at=now,
        media=notice.media,
        subject=notice.subject,
        not_before=notice.not_before,
        not_after=notice.not_after,
        hours=decision,
        held=held,
        opening=notice.opening,
    )
    unknown = first and notice.lane > Lane.REPLY
    introduction = desk.consent.introduction if unknown else None
    texts = notice_texts(draft, desk.text_policies[way.gateway], desk.new_id, introduction)
    return Ready(texts, held) if texts else refused
