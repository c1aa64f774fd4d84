"""Booking: the form that gathers what is missing, and the summary that asks for a YES."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import asking
from actions.changes import is_for_others, left, reconsidered, shelved, waiting
from actions.database import connect
from actions.form_turn import CHANGES, OTHER_TOPICS, Events, FormTurn, leaves, slots, starts_over
from actions.mentions import mentions
from actions.names import name_in, plain, tidy
from actions.pending import PendingChange, confirmation_time
from actions.prompts import prompt
from actions.search import Search
from actions.times import (
    Talk,
    bare_time,
    only_wants_another,
    others,
    read_offers,
    remembered,
    repeat,
    settle,
    speaks_of_time,
)
from actions.turn import Turn
from actions.wishes import Wish
from database.pool import Connection
from practice import words
from practice.catalogue import Catalogue, load_catalogue
from practice.customers import customer_by_phone

FORM = "book_form"
CERTAIN = 0.6  # confidence in an intent above which words are no name
CALLED = frozenset({"eve", "dawn"})  # names that are also times of day
ANSWERS_SURELY = 0.9  # the same for yes, no and a person, which short names resemble

_EITHER = re.compile(
    r"\b(?:either|any|both|doesn'?t matter|dont care|don'?t care|no preference|whichever"
    r"|wherever|anywhere|whatever)\b",
    re.IGNORECASE,
)
_FOR_ANOTHER = re.compile(
    r"\bfor (?:my|our|the|her|his)\b(?: \w+){0,2}? (?:son|daughter|kid|kids|child|children|boy|girl"
    r"|baby|wife|husband|partner|spouse|mom|mum|mother|dad|father|parents?|brother|sister|friend"
    r"|grand\w+|aunt|uncle|boyfriend|girlfriend|family)\b"
    r"|\bfor (?:someone|somebody) else\b|\b(?:my|our) (?:son|daughter|kid|child|wife|husband|mom"
    r"|mother|dad|father) (?:needs|wants|has to|is due)\b",
    re.IGNORECASE,
)
_EITHER_PLACE = re.compile(
    r"\b(?:either|any|both|whichever) (?:of the )?(?:location|place|office|store|shop)s?\b",
    re.IGNORECASE,
)


def is_for_another(text: str) -> bool:
    """Whether somebody else comes than the one who texts: "for my daughter"."""
    return bool(_FOR_ANOTHER.search(text))


@dataclass(slots=True)
class Draft:
    """A booking in the making; None is still to be asked.

    Attributes:
        service: key.
        location: key, or ``any`` while the customer takes either place.
        start: aware.
        name: of who comes.
        for_another: somebody else comes than the one who texts, so the name is to be asked.
        wish: when they would like to come.
        offered: times that were shown last, as the slot holds them.
    """

    service: str | None
    location: str | None
    start: datetime | None
    name: str | None
    for_another: bool
    wish: Wish
    offered: list[str]

    @classmethod
    def empty(cls) -> Draft:
        """Nothing was said yet."""
        return cls(None, None, None, None, for_another=False, wish=Wish(), offered=[])

    @classmethod
    def of(cls, tracker: Tracker, turn: Turn, form_turn: FormTurn) -> Draft:
        """What was gathered so far: by the form, or for a change that is being reconsidered."""
        if not form_turn.begun:
            start = tracker.get_slot("start")
            return cls(
                tracker.get_slot("service"),
                tracker.get_slot("location"),
                datetime.fromisoformat(start) if start else None,
                tracker.get_slot("customer_name"),
                for_another=bool(tracker.get_slot("for_another")),
                wish=Wish.from_slot(tracker.get_slot("when")),
                offered=tracker.get_slot("offered") or [],
            )
        earlier = reconsidered(tracker, turn, "book")
        if earlier is None:
            return cls.empty()  # what an older talk left in the slots is not meant now
        wish = Wish(((earlier.start, earlier.start),)) if earlier.start else Wish()
        return replace(
            cls.empty(),
            service=earlier.service,
            location=earlier.location,
            name=earlier.name,
            wish=wish,
        )


class ValidateBookForm(Action):
    """Takes from a text what a booking needs and asks for the first thing that is missing."""

    def name(self) -> str:
        """As Rasa calls it for ``book_form``."""
        return f"validate_{FORM}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Fill the form's slots; end it when nothing is missing."""
        turn, form_turn = Turn.of(tracker), FormTurn(tracker, FORM)
        draft = Draft.of(tracker, turn, form_turn)
        async with connect() as connection:
            catalogue = await load_catalogue(connection)
            if not form_turn.again:
                answers = _take(turn, form_turn, draft, catalogue) or speaks_of_time(turn)
                answers = answers or _chooses_time(turn, form_turn, draft)
                if not form_turn.begun:
                    if leaves(turn) or (turn.intent == "deny" and not answers):
                        dispatcher.utter_message(response="utter_left_form")
                        return left()
                    if starts_over(turn):
                        draft, form_turn.asked = replace(Draft.empty(), name=draft.name), ""
                    elif not _names_somebody(form_turn, draft) and is_for_others(
                        tracker, turn, own="book_appointment", answers=answers
                    ):
                        return form_turn.give_away()
            if draft.name is None and not draft.for_another:
                known = await customer_by_phone(connection, turn.phone)
                draft.name = known.name if known else None
            asked = await _ask(dispatcher, connection, catalogue, turn, form_turn, draft)
        return [
            *slots(
                service=draft.service,
                location=draft.location,
                customer_name=draft.name,
                for_another=draft.for_another,
                start=draft.start.isoformat() if draft.start else None,
                when=draft.wish.to_slot(),
                offered=draft.offered,
            ),
            *(shelved(reconsidered(tracker, turn, "book")) if form_turn.begun else ()),
            *slots(requested_slot=asked),
        ]


def _take(turn: Turn, form_turn: FormTurn, draft: Draft, catalogue: Catalogue) -> bool:
    """Take service, place and name from a text; whether there was any of them."""
    service, location = turn.value("service"), _place_in(turn, form_turn, catalogue)
    if form_turn.asked == "service" and service is None:
        index = turn.choice(len(catalogue.services))
        service = None if index is None else list(catalogue.services)[index]
    name = turn.value("person")
    name = tidy(name) if name else None
    if form_turn.asked == "customer_name" and name is None and _may_be_a_name(turn):
        name = name_in(turn.text)
    taken = False
    if is_for_another(turn.text):
        draft.name, draft.for_another, taken = None, True, True
    if service in catalogue.services:
        if draft.service not in (None, service):
            draft.start, draft.offered = None, []  # another length: the free times differ
        draft.service, taken = service, True
    if location in catalogue.locations or location == asking.ANY_PLACE:
        if draft.location not in (None, location):
            draft.start, draft.offered = None, []
        draft.location, taken = location, True
    if name is not None:
        draft.name, taken = name, True
    return taken


def _place_in(turn: Turn, form_turn: FormTurn, catalogue: Catalogue) -> str | None:
    """The key of the place that a text names, or ``any``."""
    location = turn.value("location")
    if location is not None:
        return location
    if form_turn.asked == "location":
        choices = [*catalogue.locations, asking.ANY_PLACE]
        index = turn.choice(len(choices))
        if index is not None:
            return choices[index]
        if _EITHER.search(turn.text):
            return asking.ANY_PLACE
    return asking.ANY_PLACE if _EITHER_PLACE.search(turn.text) else None


def _may_be_a_name(turn: Turn) -> bool:
    """Names are in no dictionary, so an intent says little about them unless it is certain."""
    if turn.intent in ("deny", "affirm", "human"):
        return turn.confidence < ANSWERS_SURELY
    if any(
        mention.grain != "month" and mention.text.lower() not in CALLED
        for mention in mentions(turn.entities)
    ):
        return False  # "actually wed"; but people are called April
    other = turn.intent in {*OTHER_TOPICS, *CHANGES, "greet", "thanks", "goodbye"}
    return not other or turn.confidence < CERTAIN


def _names_somebody(form_turn: FormTurn, draft: Draft) -> bool:
    """Whether the name that was asked for has just been given."""
    return form_turn.asked == "customer_name" and draft.name is not None


def _chooses_time(turn: Turn, form_turn: FormTurn, draft: Draft) -> bool:
    """Whether a text answers offered times without naming one: "2", "no", "yes" to the only one."""
    if form_turn.asked != "start" or not draft.offered:
        return False
    return (
        turn.choice(len(draft.offered)) is not None
        or bare_time(turn, len(draft.offered)) is not None
        or turn.intent in ("deny", "affirm")
    )


async def _ask(
    dispatcher: CollectingDispatcher,
    connection: Connection,
    catalogue: Catalogue,
    turn: Turn,
    form_turn: FormTurn,
    draft: Draft,
) -> str | None:
    """Settle the time if it can be, then ask for the first thing missing; its slot, or None."""
    if draft.service is None or draft.location is None:
        if not form_turn.again:
            zone = ZoneInfo(next(iter(catalogue.locations.values())).timezone)
            draft.wish = remembered(turn, draft.wish, zone, booking=True)
        if draft.service is None:
            asking.ask_service(dispatcher, catalogue)
            return "service"
        asking.ask_location(dispatcher, catalogue, draft.service)
        return "location"
    named_now = _names_somebody(form_turn, draft)  # people are called April
    if draft.start is None or (not form_turn.again and not named_now and speaks_of_time(turn)):
        search = Search(
            connection,
            catalogue,
            draft.service,
            None if draft.location == asking.ANY_PLACE else draft.location,
            turn.received_at,
        )
        talk = Talk(draft.wish, read_offers(draft.offered), draft.start)
        if form_turn.again:
            settled = await repeat(search, talk)
        elif form_turn.begun and only_wants_another(turn, draft.wish):
            settled = await others(search, turn, talk)
        else:
            settled = await settle(search, turn, talk)
        draft.wish, draft.start = settled.wish, settled.found.chosen
        if draft.start is None:
            draft.offered = asking.offer_times(dispatcher, settled.found, again=form_turn.again)
            return "start"
        draft.offered = []
        draft.location = settled.found.location
    if draft.name is None:
        whose = "utter_which_name_other" if draft.for_another else "utter_which_name"
        dispatcher.utter_message(response=whose)
        return "customer_name"
    return None


class ActionProposeBooking(Action):
    """Summarises a complete booking and asks for YES or NO."""

    def name(self) -> str:
        """As the rules call it."""
        return "action_propose_booking"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> Events:
        """Ask; nothing is booked yet. Says nothing when the form was left before its end."""
        service, location = tracker.get_slot("service"), tracker.get_slot("location")
        start, name = tracker.get_slot("start"), tracker.get_slot("customer_name")
        if not (service and location and start and name):
            return []
        turn = Turn.of(tracker)
        async with connect() as connection:
            catalogue = await load_catalogue(connection)
        pending = PendingChange(
            kind="book",
            expires_at=turn.received_at + confirmation_time(),
            service=service,
            location=location,
            start=datetime.fromisoformat(start),
            name=name,
        )
        place = catalogue.location(location)
        dispatcher.utter_message(
            response="utter_confirm_booking",
            service_name=catalogue.service(service).name,
            when_text=words.when(datetime.fromisoformat(start), place.timezone),
            place=place.name,
            person=plain(name),
            json_message=prompt("book"),
        )
        return waiting(pending)
