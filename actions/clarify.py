"""Asking what was meant: "Did you mean this? 1 Move an appointment 2 Cancel an appointment"."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Turn

NAMES = "utter_meant_"
"""Responses in domain.yml with this prefix name an intent in plain words; only those intents are
asked about."""
NOTHING = "nlu_fallback"
"""The last line of the menu: none of the lines above it."""

MOST = 3
LEAST = 0.15
"""Confidence in an intent below which it is not worth a line."""
NEAR = 0.5
"""How much of the confidence in the best one each other line must have."""
TOGETHER = 0.45
"""What the lines must add up to: with less, most likely none of them is right."""
ALONE = 0.25
"""What a single line must have, far before everything else."""

BEGUN_BY = {
    "book_appointment": "book_form",
    "reschedule_appointment": "reschedule_form",
    "cancel_appointment": "cancel_form",
    "confirm_appointment": "confirm_form",
    "ask_appointment": "action_show_appointments",
    "ask_hours": "action_say_hours",
    "ask_location": "action_say_where",
}
"""What a YES to a menu of one intent does."""

MISSED = frozenset({"nlu_fallback", "out_of_scope"})


def near_intents(ranking: Iterable[Mapping[str, Any]], named: Collection[str]) -> tuple[str, ...]:
    """The intents between which a text that was not understood stands.

    Args:
        ranking: ``{"name", "confidence"}`` of intents, the best first; confidences are calibrated,
            so that those of a few lines can be added up.
        named: intents that have a name for customers.

    Returns:
        At most three, the best first; none where too little speaks for them. One alone only
        where no other intent, named or not, is near.
    """
    real = [(one["name"], one["confidence"]) for one in ranking if one["name"] != NOTHING]
    known = [(name, confidence) for name, confidence in real if name in named]
    best = known[0][1] if known else 0.0
    near = [one for one in known if one[1] >= max(LEAST, NEAR * best)][:MOST]
    if len(near) == 1:
        rivals = sum(confidence >= NEAR * best for _, confidence in real)
        return (near[0][0],) if best >= ALONE and rivals == 1 else ()
    if sum(confidence for _, confidence in near) < TOGETHER:
        return ()
    return tuple(name for name, _ in near)


def ask_which(
    dispatcher: CollectingDispatcher, tracker: Tracker, turn: Turn, domain: Mapping[str, Any]
) -> bool:
    """Ask which of the near intents is meant; False where there is nothing to choose from.

    What the text named (a service, a day) goes with each choice, so that it need not be said again.
    """
    responses = domain.get("responses") or {}
    names = {
        response.removeprefix(NAMES): texts[0]["text"]
        for response, texts in responses.items()
        if response.startswith(NAMES)
    }
    near = near_intents(tracker.latest_message.get("intent_ranking") or (), names)
    if not near:
        return False
    buttons = [{"title": names[name], "payload": _payload(name, turn)} for name in near]
    if NOTHING in names:
        buttons.append({"title": names[NOTHING], "payload": f"/{NOTHING}"})
    _ask(dispatcher, buttons)
    return True


def menu_before(tracker: Tracker) -> list[dict[str, str]]:
    """The lines of the question which of the intents is meant, if nothing was said since."""
    texts = 0
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            texts += 1
        elif event.get("event") == "bot" and texts:
            asked = _response(event) == "utter_clarify" and texts == 1
            return list((event.get("data") or {}).get("buttons") or ()) if asked else []
    return []


def only_choice(buttons: Sequence[Mapping[str, str]]) -> str | None:
    """The form or action that a YES to a menu means, where the menu names one intent only."""
    intents = {one["payload"][1:].partition("{")[0] for one in buttons} - {NOTHING}
    return BEGUN_BY.get(intents.pop()) if len(intents) == 1 else None


def ask_again(dispatcher: CollectingDispatcher, buttons: Sequence[Mapping[str, str]]) -> None:
    """Answer a "yes" to the question: which?"""
    _ask(dispatcher, buttons)


def ask_in_other_words(dispatcher: CollectingDispatcher) -> None:
    """Answer a "neither" to the question."""
    dispatcher.utter_message(response="utter_fallback_second")


def misses(tracker: Tracker) -> int:
    """How many turns of the customer, up to the latest, came to nothing.

    A text that was not understood, and one that said what was not meant.
    """
    count, in_other_words = 0, False
    for event in reversed(tracker.events):
        if event.get("event") == "bot":
            in_other_words |= _response(event) == "utter_fallback_second"
        elif event.get("event") == "user":
            intent = ((event.get("parse_data") or {}).get("intent") or {}).get("name")
            if intent not in MISSED and not in_other_words:
                break
            count, in_other_words = count + 1, False
    return count


def _ask(dispatcher: CollectingDispatcher, buttons: Sequence[Mapping[str, str]]) -> None:
    dispatcher.utter_message(response="utter_clarify", buttons=[dict(one) for one in buttons])


def _payload(intent: str, turn: Turn) -> str:
    """A text that means an intent, with what the customer's text named."""
    told: dict[str, list[Any]] = {}
    for entity in turn.entities:
        told.setdefault(entity["entity"], []).append(entity["value"])
    return f"/{intent}{json.dumps(told)}" if told else f"/{intent}"


def _response(event: Mapping[str, Any]) -> str | None:
    """Which response a message of the assistant's is."""
    return (event.get("metadata") or {}).get("utter_action")
