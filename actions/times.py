"""From what a customer texts to a time that is free: the part that booking and moving share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.mentions import Mention, mentions, told_in
from actions.search import FAR, Found, Search
from actions.shifts import shift_in
from actions.turn import Turn
from actions.wishes import Hours, Wish, local_day, wished

MINUTE = timedelta(minutes=1)

_LATER = re.compile(
    r"\blater\b|\btoo (?:early|soon)\b|\bafter (?:that|those|these)\b", re.IGNORECASE
)
_OTHER_DAY = re.compile(r"\b(?:day|date)s?\b", re.IGNORECASE)
_SAME_TIME = re.compile(r"\bsame (?:time|hour)\b", re.IGNORECASE)
_ANY = re.compile(
    r"\W*(?:any(?: of (?:them|those|these))?|either(?: one)?|whatever(?: works)?|whichever|you pick"
    r"|(?:it )?(?:doesn'?t|dont) matter|no preference|(?:i )?don'?t care|surprise me)\b.{0,20}",
    re.IGNORECASE,
)
_NUMBER_WORKS = re.compile(
    r"(?:(?:ok(?:ay)?|yes|yeah|yep|sure|i think|let'?s do|i'?ll take|i'?ll do),? )*([1-9])[,.]?"
    r"(?: (?:works|work|would work|is|it is|sounds|looks|will do|fine|good|great|ok(?:ay)?|perfect"
    r"|best|for me|for us|then|please|pls|thanks|thx))*[.!]*",
    re.IGNORECASE,
)
"""A number that may be a line of the menu or an hour."""
_BARE_TIME = re.compile(r"(?:at |maybe |ok |how about )?(1[0-2]|[1-9])(?::?([0-5]\d))?\W*")
MORNING = range(7, 12)  # hours that are said of the morning; the others are past noon
NOON = 12


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
        or is_like_now(turn.text)
        or any(mention.role != "old" for mention in mentions(turn.entities))
    )


def is_like_now(text: str) -> bool:
    """Whether a text asks for a time by the one that an appointment has: "tmrw same time"."""
    return shift_in(text) is not None or bool(_SAME_TIME.search(text))


def only_wants_another(turn: Turn, wish: Wish) -> bool:
    """Whether a text asks to change the time that was summarised without saying to which."""
    says = speaks_of_time(turn) or any(map(turn.value, ("service", "location", "person")))
    return turn.intent == "reschedule_appointment" and wish.exact is not None and not says


def bare_time(turn: Turn, lines: int) -> Mention | None:
    """The time of day that a lone number means where times were asked for: "11" or "at 4".

    Args:
        turn: the text.
        lines: of the menu; a number up to there is one of them.
    """
    match = _BARE_TIME.fullmatch(turn.text)
    if match is None or (match[2] is None and int(match[1]) <= lines) or mentions(turn.entities):
        return None
    hour = int(match[1]) % NOON + (0 if int(match[1]) in MORNING else NOON)
    moment = turn.received_at.replace(
        hour=hour, minute=int(match[2] or 0), second=0, microsecond=0, tzinfo=None
    )
    return Mention(moment, None, "minute", "offered", turn.text, date_free=True)


async def settle(search: Search, turn: Turn, talk: Talk) -> Settled:
    """Find the time that a text asks for.

    A text that says nothing about times repeats the search for what was wished before.
    """
    told = told_in(turn, search.zone, booking=search.ignoring is None)
    if talk.offered and (lone := bare_time(turn, len(talk.offered))):
        told = [lone]
    picked = _picked(turn, told, talk, search)
    if picked is not None:
        there = replace(search, location=picked.location)
        wish = Wish(((picked.start, picked.start),), talk.wish.refused)
        return Settled(await there.find(wish), wish)
    about, shift = talk.wish.exact or talk.about, shift_in(turn.text)
    if about is not None and _SAME_TIME.search(turn.text):
        told = [_same_weekday(one, about.astimezone(search.zone)) for one in told]
    if about is not None and shift is not None:
        moment = about.astimezone(search.zone) + shift  # the same wall clock next week
        wish = Wish(((moment, moment),))
        return Settled(await search.find(wish), wish)
    zone = search.zone
    day = talk.wish.day(zone) or _only_day(talk, search)
    hours = _hours_kept(turn, talk, search)
    wish_told = wished(told, talk.wish, search.now, zone, day=day, hours=hours)
    if wish_told is not None:
        found = await search.find(wish_told)
        if talk.offered and all(one.role == "refused" for one in told):
            # Why the first wish could not be met was said when these times were offered.
            found = replace(found, response="utter_offer_times")
        return Settled(found, wish_told)
    if turn.intent == "ask_earlier":
        return await _earlier(search, talk)
    if turn.intent in ("ask_other_times", "deny") and (talk.offered or about):
        return await others(search, turn, talk)
    found = await search.find(talk.wish)
    if turn.intent == "affirm" and len(talk.offered) > 1:
        found = replace(found, response="utter_offer_again")
    return Settled(found, talk.wish)


async def repeat(search: Search, talk: Talk) -> Settled:
    """The same search again, whatever the latest text was about."""
    return Settled(await search.find(talk.wish), talk.wish)


def _same_weekday(mention: Mention, about: datetime) -> Mention:
    """Of "the same time next week", the moment; any other mention as it is."""
    if mention.grain != "week" or mention.start is None or mention.end or mention.open:
        return mention
    day = mention.start.date() + timedelta(days=about.weekday())
    return replace(mention, start=datetime.combine(day, about.time()), grain="minute")


def remembered(turn: Turn, wish: Wish, zone: ZoneInfo, *, booking: bool) -> Wish:
    """The wish after a text, for a search that must wait until service and place are known."""
    told = told_in(turn, zone, booking=booking)
    day = wish.day(zone)
    return wished(told, wish, turn.received_at, zone, day=day, hours=wish.hours(zone)) or wish


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
    takes_any = _ANY.fullmatch(turn.text) or (turn.intent == "affirm" and len(talk.offered) == 1)
    if takes_any and not told:
        return talk.offered[0]
    wanted = [one for one in told if one.role == "offered"]
    if len(wanted) == 1 and len(told) == 1:
        fitting = [offer for offer in talk.offered if _fits(wanted[0], offer, search)]
        if len(fitting) == 1:
            return fitting[0]
    return _numbered(turn, talk, search)


def _numbered(turn: Turn, talk: Talk, search: Search) -> Offer | None:
    """The line of "2 works", unless a time of the menu is at two o'clock."""
    match = _NUMBER_WORKS.fullmatch(turn.text)
    number = int(match[1]) if match else 0
    if not 1 <= number <= len(talk.offered):
        return None
    hours = [offer.start.astimezone(search.zone).hour % NOON for offer in talk.offered]
    return None if number in hours else talk.offered[number - 1]


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


def _hours_kept(turn: Turn, talk: Talk, search: Search) -> Hours | None:
    if talk.about is not None and _SAME_TIME.search(turn.text):
        at = talk.about.astimezone(search.zone).time()
        return at, at
    return talk.wish.hours(search.zone)


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


async def others(search: Search, turn: Turn, talk: Talk) -> Settled:
    """Times other than those that were shown, or than the one that the talk is about."""
    about = talk.wish.exact or talk.about
    starts = [offer.start for offer in talk.offered] or ([about] if about else [search.now])
    windows = talk.wish.windows
    if about is not None and (talk.wish.exact or not windows):
        midnight, next_midnight = local_day(about, search.zone)
        if _OTHER_DAY.search(turn.text):
            windows = ((next_midnight, about + FAR),)
        elif turn.intent == "reschedule_appointment":  # "change the time"
            windows = ((midnight, next_midnight),)
        else:
            windows = ((midnight, about + FAR),)
    wish = Wish(windows, (*talk.wish.refused, *((start, start) for start in starts)))
    last = max(starts) + MINUTE
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
