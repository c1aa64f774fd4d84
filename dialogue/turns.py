"""What a learning policy sees of a conversation: the last steps, the active form, the slots.

A step is an intent of the customer's (``#thanks``) or an action of the assistant's
(``utter_welcome``). Waiting for the customer is no step, but it can be what comes next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.slots import Slot

USER = "#"
NOWHERE = ""
"""In the place of a step before the conversation began."""

FORM = "@form"
"""The active form, whichever it is: what interrupts one form interrupts all alike."""

_UNSEEN = frozenset({ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME})


@dataclass(frozen=True, slots=True)
class Context:
    """All that decides what comes next.

    Attributes:
        steps: the latest first, as many as are looked at; the active form is called ``@form``.
        loop: the active form, or "".
        marks: values of slots, and entities in the latest text, that the domain lets decide.
    """

    steps: tuple[str, ...]
    loop: str = NOWHERE
    marks: tuple[str, ...] = ()

    def decision(self, action: str) -> str:
        """An action as it is learned: going on with the active form is one for all forms."""
        return FORM if self.loop and action == self.loop else action

    def action(self, decision: str) -> str:
        """The action that was learned as ``decision``; "" where there is no form to go on with."""
        return self.loop if decision == FORM else decision

    def features(self) -> Iterator[str]:
        """Names of what is true of it; a linear model weighs each of them.

        The latest step is joined with every other one, because what a "thanks" is answered with
        depends on both, which a sum of two weights cannot say.
        """
        latest, *before = self.steps
        now = f"{latest} in a form" if self.loop else latest
        yield f"now {now}"
        yield f"now {latest} in {self.loop}"
        for mark in self.marks:
            yield f"now {now}, {mark}"
        for distance, step in enumerate(before, start=1):
            yield f"now {now}, {distance} back {step}"
        for step in dict.fromkeys(before):
            yield f"now {now}, after {step}"
        yield f"last {', '.join(self.steps[:3])}"


_KINDS: dict[str, type[Event] | None] = {}


def _kind(event: type[Event]) -> type[Event] | None:
    """Which of the events that matter it is, also for those that only tests make.

    Asked once a type: asking isinstance of Rasa's abstract classes was half of the cost.
    """
    name = event.__qualname__
    if name not in _KINDS:
        kinds = (UserUttered, ActionExecuted, ActiveLoop, SlotSet)
        _KINDS[name] = next((kind for kind in kinds if issubclass(event, kind)), None)
    return _KINDS[name]


class Reader:
    """Reads events, one after the other.

    Args:
        domain: says which slots and which entities decide.
        length: how many steps a context has.
        ignored: forms and slots that only rules know.
    """

    def __init__(self, domain: Domain, length: int, ignored: Iterable[str] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._slots = {
            slot.name: slot
            for slot in domain.slots
            if slot.has_features() and slot.name not in self._ignored
        }
        self._intents = domain.intent_properties
        self._length = length
        self._steps: list[str] = []
        self._loop = NOWHERE
        self._told: dict[str, Any] = {}
        self._entities: tuple[str, ...] = ()

    def read(self, event: Event) -> None:
        """Take one more event."""
        kind = _kind(type(event))
        if kind is UserUttered:
            name = event.intent.get("name") or ""
            used = self._intents.get(name, {}).get("used_entities", ())
            found = {entity.get("entity") for entity in event.entities}
            self._entities = tuple(sorted(f"entity {one}" for one in found & set(used)))
            self._steps.append(USER + name)
        elif kind is ActionExecuted:
            if event.hide_rule_turn:
                # A turn that only rules know is hidden from policies that learn, as Rasa does.
                if self._steps and self._steps[-1].startswith(USER):
                    self._steps.pop()
            elif event.action_name and event.action_name not in _UNSEEN:
                self._steps.append(event.action_name)
        elif kind is ActiveLoop:
            self._loop = NOWHERE if event.name in self._ignored else event.name or NOWHERE
        elif kind is SlotSet and event.key in self._slots:
            self._told[event.key] = event.value

    def context(self) -> Context:
        """What is seen after the events so far."""
        latest = [
            FORM if self._loop and step == self._loop else step
            for step in self._steps[: -self._length - 1 : -1]
        ]
        padding = [NOWHERE] * (self._length - len(latest))
        told = (_mark(self._slots[name], value) for name, value in self._told.items())
        marks = tuple(sorted(mark for mark in told if mark))
        spoke = bool(latest) and latest[0].startswith(USER)
        return Context(
            (*latest, *padding), self._loop, (*marks, *self._entities) if spoke else marks
        )


def examples(events: Iterable[Event], domain: Domain, length: int) -> Iterator[tuple[Context, str]]:
    """Every decision of a conversation: what was seen and what the assistant did then.

    Args:
        events: as they apply, without what was taken back.
        domain: of the assistant.
        length: how many steps a context has.
    """
    reader, begun = Reader(domain, length), False
    for event in events:
        decided = isinstance(event, ActionExecuted) and event.action_name
        if decided and begun and not event.unpredictable:
            yield reader.context(), event.action_name
        # Before the first text there is nothing to decide.
        begun = begun or isinstance(event, UserUttered)
        reader.read(event)


def seen(events: Iterable[Event], domain: Domain, length: int, rules: Mapping[str, Any]) -> Context:
    """What is seen at the end of a conversation.

    Args:
        events: as they apply, without what was taken back.
        domain: of the assistant.
        length: how many steps a context has.
        rules: what only rules know, as ``RulePolicy`` tells it.
    """
    reader = Reader(domain, length, [name for names in rules.values() for name in names])
    for event in events:
        reader.read(event)
    return reader.context()


def _mark(slot: Slot, value: Any) -> str | None:
    """A slot as a feature: by its value where that is one of a few, else whether it is set."""
    if value is None:
        return None
    plain = slot.type_name in ("bool", "categorical")
    return f"slot {slot.name} {str(value).lower() if plain else 'is set'}"
