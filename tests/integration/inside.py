"""The trained assistant with its actions in this process: whole talks without servers or texts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from rasa.core.agent import Agent
from rasa.utils.endpoints import EndpointConfig
from rasa_sdk.executor import ActionExecutor

from connectors.assistant import RasaAssistant
from connectors.further import parted
from messaging.assistant import Answer, Option, TurnInput
from messaging.menus import choose
from messaging.openings import Begun, Opening, taken

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""When talks begin: a Monday, 10:00 in New York."""


class InsideActions(EndpointConfig):
    """Calls the actions as the action server does, with the same JSON."""

    def __init__(self) -> None:
        super().__init__("http://inside")
        self._executor = ActionExecutor()
        self._executor.register_package("actions")
        self.asked: list[str] = []

    async def request(self, *_: Any, **given: Any) -> Any:
        call = json.loads(json.dumps(given["json"]))
        self.asked.append(call["next_action"])
        result = await self._executor.run(call)
        return result.model_dump() if hasattr(result, "model_dump") else result

    async def close(self) -> None:
        pass


class Parse:
    """Stands for an NLU that finds more in a text, or doubts it; else the trained model's own.

    Clauses are divided by ``|``: the first is the step, each is understood by the trained model.

    Args:
        parse: of the processor.
        doubt: the ranking of intents, of which none is sure enough.
    """

    def __init__(
        self, parse: Callable[..., Awaitable[dict[str, Any]]], doubt: list[dict[str, Any]] | None
    ) -> None:
        self._parse = parse
        self._doubt = doubt

    async def __call__(self, message: Any, tracker: Any = None, **more: Any) -> dict[str, Any]:
        clauses = [clause.strip() for clause in (message.text or "").split("|")]
        found, also = [], []
        for clause in clauses:
            message.text = clause
            found.append(await self._parse(message, tracker, **more))
        message.text, entities = clauses[0], found[0]["entities"]
        for clause, one in zip(clauses[1:], found[1:], strict=True):
            start = len(message.text) + 1
            message.text += f" {clause}"
            also.append({"intent": one["intent"], "text": clause, "start": start,
                         "end": len(message.text)})  # fmt: skip
            entities += [
                entity | {"start": entity["start"] + start, "end": entity["end"] + start}
                for entity in one["entities"]
            ]
        given = {**found[0], "text": message.text, "entities": entities}
        given = parted(given | ({"also": also} if also else {}))
        if self._doubt is not None:
            fallback = {"name": "nlu_fallback", "confidence": 0.35}
            given |= {"intent": fallback, "intent_ranking": [fallback, *self._doubt]}
        return given


class Talk:
    """A conversation of one phone with the assistant.

    Args:
        agent: with a model and a tracker store.
        phone: that texts.
        now: when the first text comes.
    """

    def __init__(self, agent: Agent, phone: str, now: datetime) -> None:
        self.assistant = RasaAssistant(agent)
        self._processor = self.assistant._processor()
        self.actions = InsideActions()
        self._processor.action_endpoint = self.actions
        self._phone, self._now, self.id = phone, now, uuid4()
        self.menu: tuple[Option, ...] = ()
        self._said_unasked: Begun | None = None
        self.answer: Answer | None = None

    def begin(self, words: str, opening: Opening) -> None:
        """A text of ours that nobody asked for, and what the next one may be an answer to."""
        self._said_unasked = Begun(uuid4(), words, self._now, opening)
        self.menu = ()

    async def text(self, body: str, doubt: list[dict[str, Any]] | None = None) -> str:
        """What is replied; a line of the last menu may be chosen as over SMS.

        Args:
            body: what is texted, clauses divided by ``|``.
            doubt: what the NLU ranks for it, without being sure of any.
        """
        self._now += timedelta(seconds=20)
        index = choose(body, len(self.menu)) if self.menu else None
        payload = None if index is None else self.menu[index].payload
        begun, self._said_unasked = (
            ([self._said_unasked], None) if self._said_unasked else ([], None)
        )
        if (answer := taken(body, begun)) is not None:
            payload = answer.payload
        parse = self._processor.parse_message
        self._processor.parse_message = Parse(parse, doubt)
        try:
            self.answer = await self.assistant.respond(
                TurnInput(
                    uuid4(),
                    self.id,
                    self._phone,
                    body,
                    self._now,
                    payload=payload,
                    begun=tuple(begun),
                    slots=begun[0].opening.slots if begun else {},
                )
            )
        finally:
            del self._processor.parse_message
        # As the engine does, in one go with the replies.
        await self._processor.tracker_store._append(str(self.id), list(self.answer.events))
        self.menu = tuple(option for reply in self.answer.replies for option in reply.options)
        return "\n".join(reply.text for reply in self.answer.replies)
