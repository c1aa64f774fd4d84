"""Rasa's tracker store on our database, with its writes held back until the turn commits.

Within a turn (:class:`OpenTurn` is set) nothing is written: what Rasa would save is staged,
and the engine writes it in the same transaction as the replies. Outside a turn (``rasa
shell``, Rasa's own REST channel) events are written at once.

Rasa wraps every tracker store so that an error becomes a silent in-memory conversation. So an
error is also noted in the turn, and the turn is given up.

Configured in endpoints.yml::

    tracker_store:
      type: connectors.tracker_store.TurnTrackerStore
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from psycopg.types.json import Jsonb
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses

from database.pool import Pool, make_pool
from database.url import database_url
from messaging.openings import Begun
from messaging.sealed import is_session_start, seal_event, unseal_event


@dataclass(slots=True)
class OpenTurn:
    """The turn that is being worked on, and what Rasa did within it.

    Attributes:
        files: that the customer sent, as entities.
        begun: conversations that we began since the last turn.
        slots: to be set before the customer's text is read.
        tracker: as Rasa last saved it.
        failure: the first error that Rasa would have swallowed.
    """

    files: Sequence[dict[str, Any]] = ()
    begun: Sequence[Begun] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    tracker: Any = None
    failure: Exception | None = None
    first_position: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def note(self, error: Exception) -> None:
        """Remember an error that Rasa is about to swallow."""
        if self.failure is None:
            self.failure = error


open_turn: ContextVar[OpenTurn | None] = ContextVar("open_turn", default=None)

# The events of the conversation's last session, as Rasa's own SQL store reads them.
LAST_SESSION = """
SELECT position, event FROM tracker_event WHERE conversation_id = %(id)s
    AND position >= coalesce((SELECT max(position) FROM tracker_event
        WHERE conversation_id = %(id)s AND session_start), 0)
ORDER BY position
"""
ALL_SESSIONS = """
SELECT position, event FROM tracker_event WHERE conversation_id = %(id)s ORDER BY position
"""
APPEND = """
INSERT INTO tracker_event (conversation_id, position, session_start, event)
VALUES (%(id)s, %(position)s, %(session_start)s, %(event)s)
"""
NEXT = """
SELECT coalesce(max(position) + 1, 0) AS next FROM tracker_event WHERE conversation_id = %(id)s
"""


# Rasa walks all its classes for each event of each tracker, a tenth of a turn's CPU.
_EVENTS = {kind.type_name: kind for kind in all_subclasses(Event) if hasattr(kind, "type_name")}


def _event(stored: dict[str, Any]) -> Event:
    return _EVENTS[stored["event"]]._from_parameters(stored)  # noqa: SLF001


def conversation_of(sender_id: str) -> UUID:
    """The conversation's id; names that are no UUID (``rasa shell``) are mapped to one."""
    try:
        return UUID(sender_id)
    except ValueError:
        return uuid5(NAMESPACE_OID, sender_id)


class TurnTrackerStore(TrackerStore):
    """Reads trackers from PostgreSQL, and writes them with the turn.

    Args:
        domain: of the assistant.
        event_broker: not used; the console reads the database.
        url: of the database; by default the one that every process uses.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        url: str | None = None,
        **_: Any,
    ) -> None:
        self._url = url
        self._pool: Pool | None = None
        super().__init__(domain, event_broker)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation's last session; within a turn, as this turn has made it."""
        turn = open_turn.get()
        if turn is not None and turn.tracker is not None:
            return turn.tracker
        try:
            return await self._load(sender_id, LAST_SESSION)
        except Exception as error:
            if turn is not None:
                turn.note(error)
            raise

    async def retrieve_full_tracker(self, conversation_id: str) -> DialogueStateTracker | None:
        """Every session of a conversation."""
        return await self._load(conversation_id, ALL_SESSIONS)

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Stage what is new within a turn; write it at once outside one."""
        turn = open_turn.get()
        # The first save of a new conversation is of a tracker that was never loaded.
        position, loaded = getattr(tracker, "stored", (0, 0))
        events = [event.as_dict() for event in list(tracker.events)[loaded:]]
        if turn is not None:
            turn.tracker, turn.first_position, turn.events = tracker, position, events
            return
        await self._append(tracker.sender_id, events)
        tracker.stored = (position + len(events), len(tracker.events))

    async def keys(self) -> Iterable[str]:
        """The ids of all conversations."""
        pool = await self._connected()
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT DISTINCT conversation_id::text AS id FROM tracker_event"
            )
            return [row["id"] for row in await cursor.fetchall()]

    async def _load(self, sender_id: str, query: str) -> DialogueStateTracker | None:
        pool = await self._connected()
        async with pool.connection() as connection:
            cursor = await connection.execute(query, {"id": conversation_of(sender_id)})
            rows = await cursor.fetchall()
        if not rows:
            return None
        tracker = DialogueStateTracker.from_events(
            sender_id, [_event(unseal_event(row["event"])) for row in rows], self.domain.slots
        )
        tracker.stored = (rows[-1]["position"] + 1, len(tracker.events))
        return tracker

    async def _append(self, sender_id: str, events: list[dict[str, Any]]) -> None:
        pool, key = await self._connected(), {"id": conversation_of(sender_id)}
        async with pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(NEXT, key)).fetchone()
            first = 0 if row is None else row["next"]
            for position, event in enumerate(events, first):
                values = {
                    "position": position,
                    "session_start": is_session_start(event),
                    "event": Jsonb(seal_event(event)),
                }
                await connection.execute(APPEND, key | values)

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()

    async def _connected(self) -> Pool:
        if self._pool is None:  # opened here, because a pool belongs to the running loop
            pool = make_pool(self._url or database_url(), max_size=4)
            await pool.open()
            self._pool = pool
        return self._pool
