"""Looking for a time: what the appointment book has for a wish, and why not what was wished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.wishes import Span, Wish
from database.pool import Connection
from practice import words
from practice.catalogue import Catalogue
from practice.offers import HORIZON, LEAD, Slot
from practice.slots import free_slots, is_free, nearest_slots

FAR = timedelta(days=365)
FEW = 2  # stretches of time that a text has room to name
OFFERS = 3  # more lines would make a second segment of the text


def said(span: Span, zone: ZoneInfo, now: datetime) -> str:
    """A stretch of time as a text names it: what was understood, where nothing can be offered.

    ``Fri Nov 27``, ``Fri Nov 27 at 3:00pm``, ``Fri Nov 27 1:00pm-5:00pm``,
    ``Mon Nov 30 to Sun Dec 6``; with the year where nothing can be booked any more.

    Args:
        span: begin and end (outside), aware; the same twice for one moment.
        zone: of the location.
        now: aware.
    """
    first, last = (moment.astimezone(zone) for moment in span)
    year = f" {first.year}" if first > now + HORIZON else ""
    if first == last:
        return words.when(first, str(zone), joined=f"{year} at ")
    until = last - timedelta(minutes=1)
    if first.date() != until.date():
        return f"{words.day(first)} to {words.day(until)}{year}"
    hours = f" {words.clock(first.time())}-{words.clock(last.time())}"
    if last.date() != first.date():  # until midnight
        hours = f" from {words.clock(first.time())}" if first.time() != time() else ""
    return f"{words.day(first)}{year}{hours}"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is for a wish.

    Attributes:
        chosen: the very time that was wished, free; then nothing is offered.
        location: where ``chosen`` is, key.
        offers: free times to choose from.
        response: the text that goes with the offers.
        values: what the text needs.
    """

    chosen: datetime | None = None
    location: str | None = None
    offers: tuple[Slot, ...] = ()
    response: str = "utter_offer_times"
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """A search in the book.

    Attributes:
        connection: to read with.
        catalogue: of the business.
        service: key.
        location: key, or None for any.
        now: when the customer texted, aware.
        ignoring: id of the appointment that is to be moved.
        avoid: never offered, such as the time that this appointment has.
    """

    connection: Connection
    catalogue: Catalogue
    service: str
    location: str | None
    now: datetime
    ignoring: int | None = None
    avoid: tuple[Span, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which the customer speaks of times."""
        return ZoneInfo(self._places[0].timezone)

    @property
    def _places(self) -> list[Any]:
        if self.location is None:
            return list(self.catalogue.locations.values())
        return [self.catalogue.location(self.location)]

    async def find(self, wish: Wish) -> Found:
        """The time itself when it is free, else times to offer and the reason."""
        if wish.exact is not None:
            return await self._moment(wish.exact, wish.refused)
        slots = await self.free(wish.windows, wish.refused)
        if slots:
            return self._offered(slots)
        first, last = wish.windows[0] if wish.windows else (self.now, self.now)
        if first > self.now + HORIZON:
            found = self._offered(await self.free([], wish.refused), "utter_too_far")
            return self._saying(found, wish.windows)
        over = wish.windows and all(end <= self.now for _, end in wish.windows)
        reason = "utter_time_past" if over else None
        reason = reason or self._closed(first, last) or "utter_nothing_free_then"
        found = await self._around(first, reason, wish.refused)
        return self._saying(found, wish.windows)

    async def free(self, windows: Sequence[Span], refused: Sequence[Span] = ()) -> list[Slot]:
        """Free times within the windows, at most as many as a text offers."""
        return await free_slots(
            self.connection,
            self.catalogue,
            service=self.service,
            location=self.location,
            windows=windows,
            now=self.now,
            limit=OFFERS,
            refused=[*refused, *self.avoid],
            ignoring=self.ignoring,
        )

    async def nearest(self, wanted: datetime, response: str, refused: Sequence[Span] = ()) -> Found:
        """The free times around a moment, in order of time, with the reason for offering them."""
        slots = await nearest_slots(
            self.connection,
            self.catalogue,
            service=self.service,
            location=self.location,
            wanted=wanted,
            now=self.now,
            limit=OFFERS,
            refused=[*refused, *self.avoid],
            ignoring=self.ignoring,
        )
        if not slots:
            return self._offered([], "utter_nothing_free_at_all")
        in_order = sorted(slots, key=lambda slot: slot.start)
        return self._offered(in_order, response, wanted=wanted)

    def offered(self, slots: Sequence[Slot], response: str) -> Found:
        """Times to offer under a text of the caller's choice."""
        return self._offered(slots, response)

    async def _moment(self, wanted: datetime, refused: Sequence[Span]) -> Found:
        for place in self._places:
            if await is_free(
                self.connection,
                self.catalogue,
                service=self.service,
                location=place.key,
                start=wanted,
                now=self.now,
                ignoring=self.ignoring,
            ):
                return Found(chosen=wanted, location=place.key)
        if wanted > self.now + HORIZON:
            found = self._offered(await self.free([], refused), "utter_too_far")
            return self._saying(found, [(wanted, wanted)])
        minutes = self.catalogue.service(self.service).minutes
        if wanted <= self.now:
            reason: str | None = "utter_time_past"
        else:
            reason = self._closed(wanted, wanted + timedelta(minutes=minutes), whole=True)
        if reason is None and wanted < self.now + LEAD:
            reason = "utter_time_too_soon"
        look = self.nearest if self._opens_on(wanted) else self._around
        return await look(wanted, reason or "utter_time_taken", refused)

    async def _around(self, wanted: datetime, response: str, refused: Sequence[Span] = ()) -> Found:
        """One free time before a stretch that will not do, and others after it.

        Three times within an hour are a good answer to "3pm", but not to "sunday".
        """
        later = await self.free([(wanted, wanted + FAR)], refused)
        nearest = await self.nearest(wanted, response, refused)
        before = [slot for slot in nearest.offers if slot.start < wanted]
        offers = [*before[-1:], *later][:OFFERS]
        return replace(nearest, offers=tuple(offers))

    def _saying(self, found: Found, windows: Sequence[Span]) -> Found:
        """The same, with what was understood: the customer may have meant another day."""
        named = [said(window, self.zone, self.now) for window in windows]
        values = {**found.values, "said": " or ".join(named) if len(named) <= FEW else "then"}
        return replace(found, values=values)

    def _opens_on(self, moment: datetime) -> bool:
        day = moment.astimezone(self.zone).date()
        return any(self.catalogue.hours_on(place.key, day) for place in self._places)

    def _closed(self, first: datetime, last: datetime, *, whole: bool = False) -> str | None:
        """The text for a stretch of one day that lies outside the opening hours.

        With ``whole``, all of the stretch must lie within them; else any part is enough.
        """
        zone = self.zone
        begin, end = first.astimezone(zone), last.astimezone(zone)
        if end - begin > timedelta(days=1):
            return None
        for place in self._places:
            for opens, closes in self.catalogue.hours_on(place.key, begin.date()):
                opening = datetime.combine(begin.date(), opens, zone)
                closing = datetime.combine(begin.date(), closes, zone)
                inside = opening <= begin and end <= closing
                if inside if whole else (begin < closing and opening < end):
                    return None
        return "utter_closed_then"

    def _offered(
        self,
        slots: Sequence[Slot],
        response: str = "utter_offer_times",
        wanted: datetime | None = None,
    ) -> Found:
        place = self._places[0]
        values: dict[str, Any] = {
            "service_name": self.catalogue.service(self.service).name,
            "place": place.name if self.location else "either place",
            "whose": place.name if self.location else "Our",
        }
        if wanted is not None:
            day = wanted.astimezone(self.zone).date()
            values["when_text"] = values["said"] = words.when(wanted, place.timezone)
            values["day"] = words.day(day)
            values["hours"] = words.hours(self.catalogue.hours_on(place.key, day))
        return Found(offers=tuple(slots), response=response, values=values)
