"""What the assistant is given of a turn: its words, and what they answer. Pure."""

from __future__ import annotations

from typing import Any

from messaging.assistant import TurnInput
from messaging.menus import choose
from messaging.openings import Taken, taken
from messaging.turn_table import ClaimedTurn, WaitingText

LONGEST_INPUT = 1600
"""Characters of a turn that the assistant reads; ten full segments, more than one request of
any gateway carries."""


def offered(text: WaitingText, turn: ClaimedTurn) -> Taken | None:
    """The answer to a text of ours that this one is; after STOP there is none."""
    return None if turn.opted_out else taken(text.body, turn.begun)


def chosen(turn: ClaimedTurn, said: list[WaitingText]) -> Taken | None:
    """The answer to a text of ours that a turn is, where nothing else is said in it."""
    return offered(said[0], turn) if len(said) == 1 else None


def input_of(turn: ClaimedTurn, said: list[WaitingText], chosen: Taken | None) -> TurnInput:
    """What the assistant is asked.

    Args:
        turn: with the menu that was offered before, and what we began.
        said: the texts that are for the assistant, in order; at least one.
        chosen: what they answer, where that was offered.
    """
    payload = chosen.payload if chosen else None
    if chosen is None and len(said) == 1 and turn.menu:
        index = choose(said[0].body, len(turn.menu))
        payload = None if index is None else turn.menu[index].payload
    begun = tuple(one for one in turn.begun if not one.told)
    slots: dict[str, Any] = {}
    if chosen is not None:
        slots = dict(chosen.begun.opening.slots)
    elif payload is None and not turn.prompt_open:  # else it answers what was asked before
        slots = {name: value for one in begun for name, value in one.opening.slots.items()}
    return TurnInput(
        turn_id=turn.id,
        conversation_id=turn.conversation_id,
        phone=turn.phone,
        text="\n".join(text.body.strip() for text in said)[:LONGEST_INPUT],
        received_at=said[-1].received_at,
        payload=payload,
        media_types=tuple(file.content_type for text in said for file in text.media),
        begun=begun,
        slots=slots,
    )
