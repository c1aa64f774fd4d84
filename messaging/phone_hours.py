"""When a phone may be texted: the rules, and what is known of where it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from database.pool import Connection
from messaging.area_codes import KnownPlace, place_of
from messaging.lanes import Lane
from messaging.phone_places import known_place
from messaging.quiet_hours import HORIZON_DAYS, Decision, Held, MessageClass, Rules, decide

SPREAD_SECONDS = 600
"""What was held overnight leaves within this time of the opening, not all at once."""

EXEMPT = frozenset({MessageClass.EMERGENCY, MessageClass.REPLY})


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When phones may be texted unasked.

    Attributes:
        rules: in force.
    """

    rules: Rules

    async def decide(
        self, connection: Connection, phone: str, lane: Lane, at: datetime
    ) -> Decision | None:
        """Whether a text may leave; None where no hours hold it.

        Args:
            connection: to the database.
            phone: the recipient, E.164.
            lane: of the text.
            at: when it would leave, aware.
        """
        if MessageClass.of(lane) in EXEMPT:
            return None
        return self.rule(phone, await known_place(connection, phone), lane, at)

    def rule(
        self, phone: str, known: KnownPlace | None, lane: Lane, at: datetime
    ) -> Decision | None:
        """As ``decide``, where it has been read what is known of the phone's place."""
        kind = MessageClass.of(lane)
        return None if kind in EXEMPT else decide(kind, place_of(phone, known), at, self.rules)

    def held(
        self, decision: Decision, lane: Lane, conversation_id: UUID, at: datetime
    ) -> Held | None:
        """Until when a text is held, and why; None where it may leave.

        Args:
            decision: about it.
            lane: of the text.
            conversation_id: its own, which spreads what was held for the same opening; all
                texts of a conversation keep their order.
            at: the time of the decision.
        """
        if decision.allowed:
            return None
        opening = decision.next_opening
        if opening is None:
            detail = f"no hour suits all places; say where it is: linnet place; {decision.reason}"
            return Held(at + timedelta(days=HORIZON_DAYS), "quiet-hours", detail)
        spread = opening + timedelta(seconds=conversation_id.int % SPREAD_SECONDS)
        later = decide(MessageClass.of(lane), decision.place, spread, self.rules)
        until = spread if later.allowed else opening
        return Held(until, "quiet-hours", f"until {until:%Y-%m-%d %H:%M:%S} UTC; {decision.reason}")
