"""Whether a customer comes: what is said to a reminder, or to "do you want to confirm?"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rasa_sdk.executor import CollectingDispatcher

from actions.asking import described
from actions.mentions import mentions
from actions.pending import PendingChange
from actions.turn import Turn
from practice.records import Appointment

SURE = 0.6  # confidence in a YES below which nothing is changed without another one

_DOUBTS = re.compile(
    r"n't\b|\b(?:not|no(?! (?:problem|prob|worries))|can ?not|cant|wont|dont|couldnt|unable|maybe"
    r"|if|late|miss)\b",
    re.IGNORECASE,
)
_CANCELS = re.compile(
    r"^\W*x\b|\b(?:cancel\w*|cancl\w*|cxl|call\w* (?:it|this|that|the whole thing) off|call off"
    r"|remove|delete|scratch|scrap|nix|drop (?:it|my)|take (?:me|us|my name) off"
    r"|(?:give|release|let) .*(?:slot|spot|time|appointment|go)"
    r"|not (?:rescheduling|rebooking))\b",
    re.IGNORECASE,
)
_MOVES = re.compile(
    r"^\W*r\b|\b(?:res\w*ed\w*|rebook\w*|mov(?:e|ed|ing)|chang\w+|switch|swap|push\w*|postpone\w*"
    r"|delay|transfer|bump|instead|another|other|different|diff|later|earlier|sooner|after|before"
    r"|next|new (?:day|time|date)|rain check)\b",
    re.IGNORECASE,
)


def doubtful(turn: Turn) -> bool:
    """Whether what was taken for a YES may be none: "cant make it", "if i can", a day in doubt."""
    return (
        turn.confidence < SURE
        or bool(_DOUBTS.search(turn.text))
        or any(mention.ask and not mention.date_free for mention in mentions(turn.entities))
    )


def says_to_cancel(turn: Turn) -> bool:
    """Whether a text names what is to become of the appointment: "no, cancel it"."""
    return bool(_CANCELS.search(turn.text)) and "n't" not in turn.text.lower()


def only_cannot_come(turn: Turn) -> bool:
    """Whether a text says that the customer does not come, and not what is to be done.

    "Something came up" may want another time as well as none. What is chosen from a menu, or by
    a letter that a reminder offered, is no such text.
    """
    if turn.text.startswith("/"):
        return False
    named = _CANCELS.search(turn.text) or _MOVES.search(turn.text)
    return not named and turn.value("location") is None


def reminded(known: Sequence[Appointment], change: PendingChange | None) -> Appointment | None:
    """The appointment that a change is about, as it stands now; None where it stands no more."""
    wanted = change.appointment_id if change is not None else None
    return next((one for one in known if one.id == wanted), None)


def was_moved(change: PendingChange, appointment: Appointment) -> bool:
    """Whether an appointment is at another time or place than when the customer was asked."""
    return change.start not in (None, appointment.start) or change.location not in (
        None,
        appointment.location.key,
    )


def ask_move_or_cancel(dispatcher: CollectingDispatcher, appointment: Appointment) -> None:
    """Ask who does not come what is to become of the appointment."""
    choices = (("Move it", "reschedule"), ("Cancel it", "cancel"), ("Keep it", "confirm"))
    _ask(dispatcher, "utter_move_or_cancel", appointment, choices)


def ask_what_about(dispatcher: CollectingDispatcher, appointment: Appointment) -> None:
    """Ask again, after a text that was not understood, whether the customer comes."""
    choices = (("I will come", "confirm"), ("Move it", "reschedule"), ("Cancel it", "cancel"))
    _ask(dispatcher, "utter_come_or_change", appointment, choices)


def _ask(
    dispatcher: CollectingDispatcher,
    response: str,
    appointment: Appointment,
    choices: Sequence[tuple[str, str]],
) -> None:
    buttons = [
        {
            "title": title,
            "payload": f'/{kind}_appointment{{"appointment": "{appointment.reference}"}}',
        }
        for title, kind in choices
    ]
    dispatcher.utter_message(response=response, buttons=buttons, **described(appointment))
