"""From what a customer texts to a time that is free: the part that booking and moving share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.search import FAR, Found, Search
from actions.turn import Turn
from actions.wishes import Mention, Wish, local_day, mentions, wished

MINUTE = timedelta(minutes=1)

_LATER = re.compile(r"\blater\b|\bafter (?:that|those|these)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A free time that was shown: when (aware) and where (key)."""

    start: datetime
    location: str

    @classmethod
    def read(cls, written: str) -> Offer | None:
        """The offer that ``str`` wrote, or None for anything else a text may hold."""
        moment, _, location = written.partition(" ")
        try:
            start = datetime.fromisoformat(moment)
        except ValueError:
            return None
        return cls(start, location) if start.tzinfo and location else None

    def __str__(self) -> str:
        return f"{self.start.astimezone(UTC).isoformat()} {self.location}"


@dataclass(frozen=True, slots=True)
class Talk:
    """What was said about times so far.

    Attributes:
        wish: when the customer would like to come.
        offered: what was shown last.
        about: the time that the talk is about: the one that was summarised, or that of the
            appointment to be moved. "4pm" means four o'clock on its day.
    """

    wish: Wish
    offered: tuple[Offer, ...] = ()
    about: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome: ``found`` holds the time or what to offer, ``wish`` what to remember."""

    found: Found
    wish: Wish


def read_offers(slot: Sequence[str] | None) -> tuple[Offer, ...]:
    """The offers that the slot ``offered`` holds."""
    return tuple(offer for written in slot or () if (offer := Offer.read(written)))


def speaks_of_time(turn: Turn) -> bool:
    """Whether a text answers, or changes, the question of when."""
    return (
        turn.intent in ("ask_earlier", "ask_other_times")
        or turn.value("offer") is not None
        or any(mention.role != "old" for mention in mentions(turn.entities))
    )


async def settle(search: Search, turn: Turn, talk: Talk) -> Settled:
    """Find the time that a text asks for.

    A text that says nothing about times repeats the search for what was wished before.
    """
    told = [one for one in mentions(turn.entities) if one.role != "old"]
    picked = _picked(turn, told, talk, search)
    if picked is not None:
        there = replace(search, location=picked.location)
        wish = Wish(((picked.start, picked.start),), talk.wish.refused)
        return Settled(await there.find(wish), wish)
    zone = search.zone
    day = talk.wish.day(zone) or _only_day(talk, search)
    wish_told = wished(told, talk.wish, search.now, zone, day=day, at=_time_kept(talk, search))
    if wish_told is not None:
        found = await search.find(wish_told)
        if talk.offered and all(one.role == "refused" for one in told):
            # Why the first wish could not be met was said when these times were offered.
            found = replace(found, response="utter_offer_times")
        return Settled(found, wish_told)
    if turn.intent == "ask_earlier":
        return await _earlier(search, talk)
    if turn.intent in ("ask_other_times", "deny") and talk.offered:
        return await _others(search, turn, talk)
    return Settled(await search.find(talk.wish), talk.wish)


async def repeat(search: Search, talk: Talk) -> Settled:
    """The same search again, whatever the latest text was about."""
    return Settled(await search.find(talk.wish), talk.wish)


def remembered(turn: Turn, wish: Wish, zone: ZoneInfo) -> Wish:
    """The wish after a text, for a search that must wait until service and place are known."""
    told = [one for one in mentions(turn.entities) if one.role != "old"]
    day = wish.day(zone)
    return wished(told, wish, turn.received_at, zone, day=day, at=None) or wish


def _picked(turn: Turn, told: list[Mention], talk: Talk, search: Search) -> Offer | None:
    """The offered time that a text chooses: by menu, by place, or by a time that fits only one."""
    written = turn.value("offer")
    if written is not None:
        offer = Offer.read(written)
        return offer if offer and offer.location in search.catalogue.locations else None
    if not talk.offered:
        return None
    index = turn.choice(len(talk.offered))
    if index is not None:
        return talk.offered[index]
    if turn.intent == "affirm" and len(talk.offered) == 1 and not told:
        return talk.offered[0]
    wanted = [one for one in told if one.role == "offered"]
    if len(wanted) == 1 and len(told) == 1:
        fitting = [offer for offer in talk.offered if _fits(wanted[0], offer, search)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _fits(mention: Mention, offer: Offer, search: Search) -> bool:
    if mention.grain in ("week", "weekend", "month") or mention.open or mention.end:
        return False  # "next week" or "after 3" chooses among more than what was shown
    local = offer.start.astimezone(search.zone).replace(tzinfo=None)
    if mention.date_free:
        mention = mention.on(local.date())
    first, last = mention.span(local)
    return first <= local < last or local == first


def _only_day(talk: Talk, search: Search) -> Any:
    days = {offer.start.astimezone(search.zone).date() for offer in talk.offered}
    if talk.about is not None and not days:
        days = {talk.about.astimezone(search.zone).date()}
    return days.pop() if len(days) == 1 else None


def _time_kept(talk: Talk, search: Search) -> time | None:
    kept = talk.wish.exact
    return kept.astimezone(search.zone).time() if kept else None


async def _earlier(search: Search, talk: Talk) -> Settled:
    starts = [offer.start for offer in talk.offered]
    if not starts and talk.wish.windows:
        starts = [first for first, _ in talk.wish.windows]
    if not starts and talk.about is not None:
        starts = [talk.about]
    if not starts:
        return Settled(await search.find(Wish()), Wish())
    before = min(starts)
    # Earlier on the same day is what somebody means who asked for that day.
    same_day = local_day(before, search.zone)[0], before
    for window in ([same_day] if talk.wish.windows else []) + [(search.now, before)]:
        if window[0] < window[1] and (slots := await search.free([window])):
            wish = Wish((window,))
            return Settled(search.offered(slots, "utter_offer_times"), wish)
    return Settled(await search.nearest(before, "utter_nothing_earlier"), talk.wish)


async def _others(search: Search, turn: Turn, talk: Talk) -> Settled:
    shown = tuple((offer.start, offer.start) for offer in talk.offered)
    windows = talk.wish.windows
    if talk.wish.exact:
        windows = ((local_day(talk.wish.exact, search.zone)[0], talk.wish.exact + FAR),)
    wish = Wish(windows, (*talk.wish.refused, *shown))
    last = max(offer.start for offer in talk.offered) + MINUTE
    if _LATER.search(turn.text):
        ends = [end for _, end in wish.windows if end > last]
        wish = Wish(((last, max(ends)),) if ends else (), wish.refused)
    slots = await search.free(wish.windows, wish.refused)
    if slots:
        return Settled(search.offered(slots, "utter_offer_times"), wish)
    wish = Wish(((last, last + FAR),), wish.refused)
    slots = await search.free(wish.windows, wish.refused)
    response = "utter_no_more_then" if slots else "utter_nothing_free_at_all"
    return Settled(search.offered(slots, response), wish)
