"""``/api/notifications``: texts that nobody asked for, sent and followed by other systems."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Query
from fastapi.responses import JSONResponse

from console import notification_table
from console.access import MAY_READ, MayWrite
from console.api_keys import ApiKey
from console.context import CONNECT_SECONDS, Context, Given
from console.idempotency import Answer, once
from console.openapi import ANSWERS, answers
from console.orders import NotificationOrder, PhoneNumber
from console.problems import MEDIA_TYPE, NotFound, content_of
from console.reports import (
    Event,
    Page,
    ReportWithEvents,
    State,
    Taken,
    TextStory,
    Withdrawn,
    report,
    taken,
    text_report,
)
from console.trials import trial
from database.pool import Connection
from messaging.errors import DuplicateText
from messaging.notices import Refused
from messaging.text_story import read_story
from messaging.withdrawing import withdraw

log = structlog.get_logger(__name__)
router = APIRouter(prefix="/api/notifications", tags=["notifications"])

MOST_OF_A_PAGE = 100
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Anything of your own; the same request under it is done once in 24 hours.",
    ),
]


@router.post(
    "",
    status_code=202,
    response_model=Taken,
    responses=answers(409, also={200: {"model": Taken, "description": "A dry run."}}),
)
async def send(
    order: NotificationOrder, caller: MayWrite, context: Given, key: IdempotencyKey = None
) -> JSONResponse:
    """Put a text into the outbox, with all rules: consent, quiet hours, caps, duplicates.

    Answered 202 when it is kept for good; `GET` tells how far it is. What the rules forbid is
    answered 409, and nothing is sent.
    """
    if order.dry_run:
        answer = await _try(context, order)
    else:
        async with (
            context.pool.connection(timeout=CONNECT_SECONDS) as connection,
            connection.transaction(),
        ):
            now = context.clock.now()
            answer = await once(
                connection,
                api_key=caller.id,
                key=key,
                asked=f"POST notifications {order.model_dump_json()}",
                now=now,
                work=lambda: _enqueue(connection, context, order, caller, now),
            )
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else None
    kind = "application/json" if answer.status in ANSWERS else MEDIA_TYPE
    return JSONResponse(answer.content, answer.status, headers, media_type=kind)


async def _try(context: Context, order: NotificationOrder) -> Answer:
    now = context.clock.now()
    found = await trial(context, order.notice_at(context.templates, now), now)
    if isinstance(found, Refused):
        return _refused(found)
    told = taken(found, context.prices, warnings=order.warnings(context.templates), dry_run=True)
    return Answer(200, told.model_dump(mode="json"))


async def _enqueue(
    connection: Connection,
    context: Context,
    order: NotificationOrder,
    caller: ApiKey,
    now: datetime,
) -> Answer:
    notice = order.notice_at(context.templates, now)
    ids = await context.desk.enqueue(connection, notice, now)
    if isinstance(ids, Refused):
        return _refused(ids)
    await notification_table.add(connection, ids, caller.id, order.template)
    rows = await notification_table.texts(connection, ids, now)
    log.info("api.notification-taken", text_ids=[str(id) for id in ids], caller=caller.name)
    if all(row["error_code"] == DuplicateText.code for row in rows):
        said = content_of(409, DuplicateText.code, DuplicateText.staff, "nothing was sent")
        return Answer(409, said | {"id": str(ids[0])})
    told = taken(rows, context.prices, warnings=order.warnings(context.templates), dry_run=False)
    return Answer(202, told.model_dump(mode="json"))


def _refused(refused: Refused) -> Answer:
    return Answer(409, content_of(409, refused.code, refused.staff, "nothing was sent"))


@router.get("", response_model=Page, responses=answers(), dependencies=[MAY_READ])
async def page(
    context: Given,
    to: Annotated[PhoneNumber | None, Query(description="Only those to this phone.")] = None,
    state: Annotated[State | None, Query(description="Only those that are so far.")] = None,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_OF_A_PAGE)] = 20,
) -> Page:
    """Notifications that came by this API, the newest first."""
    now = context.clock.now()
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        ids = await notification_table.page(
            connection, to=to, state=state, after=after, limit=limit + 1
        )
        found = await notification_table.read(connection, ids[:limit], now)
    reports = [report(rows, context.prices) for rows in found.values()]
    return Page(notifications=reports, next=ids[limit - 1] if len(ids) > limit else None)


@router.get(
    "/{id}",
    response_model=ReportWithEvents,
    responses=answers(404),
    dependencies=[MAY_READ],
)
async def show(id: UUID, context: Given) -> ReportWithEvents:
    """How far a notification is, and all that happened to each of its texts."""
    now = context.clock.now()
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        rows = await _rows(connection, id, now)
        stories = [await read_story(connection, row["id"]) for row in rows]
    told: dict[str, Any] = dict(report(rows, context.prices))
    told["texts"] = [
        TextStory(
            **dict(text_report(row, context.prices)),
            events=[
                Event(at=one.at, what=one.what, code=one.code, detail=one.detail)
                for one in (story.moments if story else ())
            ],
        )
        for row, story in zip(rows, stories, strict=True)
    ]
    return ReportWithEvents(**told)


@router.post("/{id}/withdraw", response_model=Withdrawn, responses=answers(404))
async def take_back(id: UUID, caller: MayWrite, context: Given) -> Withdrawn:
    """Take back those texts of a notification that still wait. Asked twice, it does nothing."""
    now = context.clock.now()
    async with (
        context.pool.connection(timeout=CONNECT_SECONDS) as connection,
        connection.transaction(),
    ):
        ids = [row["id"] for row in await _rows(connection, id, now)]
        gone = await withdraw(connection, ids, f"taken back by API key {caller.prefix}")
    log.info("api.notification-withdrawn", text_ids=[str(one) for one in gone], caller=caller.name)
    return Withdrawn(withdrawn=gone, stays=[one for one in ids if one not in gone])


async def _rows(connection: Connection, id: UUID, now: datetime) -> list[dict[str, Any]]:
    found = await notification_table.read(connection, [id], now)
    if id not in found:
        raise NotFound("there is no notification with this id; those of other ways have none")
    return found[id]
