"""What the API works with, and how its routes get at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from database.pool import Pool
from messaging.clock import Clock
from messaging.notices import NoticeDesk
from messaging.prices import Prices
from outreach.audience_query import Query
from outreach.templates import Templates

CONNECT_SECONDS = 2.0
"""A request waits so long for a connection; the answer then is that the database is away."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the API works with.

    Attributes:
        pool: of connections; the API opens and closes it.
        desk: takes texts that nobody asked for.
        templates: texts by name.
        prices: what each gateway charges, by its name.
        requests_per_minute: that a key may make.
        clock: for the time.
        queries: that find recipients of campaigns, by name.
    """

    pool: Pool
    desk: NoticeDesk
    templates: Templates
    prices: Mapping[str, Prices]
    requests_per_minute: int
    clock: Clock
    queries: Mapping[str, Query] = field(default_factory=dict)


def _context(request: Request) -> Context:
    return cast("Context", request.app.state.context)


Given = Annotated[Context, Depends(_context)]
"""A route's parameter of this type is the context."""
