"""What a visitor asks of the practice itself: when it is open, where it is."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.asking import described
from actions.attendance import reminded
from actions.changes import pending
from actions.database import connect
from actions.form_turn import Events
from actions.mentions import mentions
from actions.turn import Turn
from practice import words
from practice.appointments import upcoming
from practice.catalogue import Catalogue, load_catalogue


def weekly(catalogue: Catalogue, location: str) -> str:
    """The opening hours of a week: ``Mon-Fri 9:00am-6:00pm, Sat 10:00am-2:00pm, Sun closed``."""
    each = [
        words.hours(
            (hours.opens, hours.closes)
            for hours in catalogue.hours.get(location, ())
            if hours.weekday == number
        )
        for number in range(len(words.WEEKDAYS))
    ]
    stretches = []
    for said, days in groupby(range(len(each)), key=each.__getitem__):
        first, *_, last = [words.WEEKDAYS[day] for day in days] * 2
        stretches.append(f"{first if first == last else f'{first}-{last}'} {said}")
    return ", ".join(stretches)


def _asked_for(turn: Turn, catalogue: Catalogue) -> list[str]:
    """The keys of the place that a text names, or of all places."""
    named = turn.value("location")
    return [key for key in catalogue.locations if named in (None, key)] or [*catalogue.locations]


class ActionSayHours(Action):
    """Answers "when are you open?", also for one place or one day."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_say_hours"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Say the hours; places with the same hours share a line."""
        turn = Turn.of(tracker)
        async with connect() as connection:
            catalogue = await load_catalogue(connection)
        keys = _asked_for(turn, catalogue)
        days = [
            mention.start.date()
            for mention in mentions(turn.entities)
            if mention.start and not mention.date_free and mention.grain in ("day", "minute")
        ]
        places: dict[str, list[str]] = {}
        for key in keys:
            place = catalogue.location(key)
            if days:
                said = f"{words.day(days[0])} {words.hours(catalogue.hours_on(key, days[0]))}"
            else:
                said = weekly(catalogue, key)
            places.setdefault(said, []).append(place.name)
        lines = "\n".join(f"{' and '.join(names)}: {said}" for said, names in places.items())
        dispatcher.utter_message(response="utter_hours", lines=lines)
        return []


class ActionSayWhere(Action):
    """Answers "where are you?", first of all for who has an appointment."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_say_where"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Say the address of the place that is asked for, of the appointment, or of all."""
        turn = Turn.of(tracker)
        async with connect() as connection:
            catalogue = await load_catalogue(connection)
            known = await upcoming(connection, turn.phone, turn.received_at)
        if (about := reminded(known, pending(tracker))) is not None:
            known = [about]
        if turn.value("location") is None and len(known) == 1:
            dispatcher.utter_message(response="utter_your_appointment", **described(known[0]))
            return []
        places = [catalogue.location(key) for key in _asked_for(turn, catalogue)]
        lines = "\n".join(f"{place.name}: {place.address}" for place in places)
        dispatcher.utter_message(response="utter_addresses", lines=lines)
        return []
