"""What the assistant makes of a text: the work of `linnet understand`.

Only the model is loaded; nothing is sent, stored or asked of the action server.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage
from rasa.engine.graph import GraphNodeHook
from rasa.model import get_local_model

from nlu.intents import LinearIntentClassifier
from nlu.normaliser import SmsNormaliser
from nlu.words import Word

NEAREST = 5


class ModelBroken(Exception):
    """A model that cannot be loaded."""


class WrongLine(ValueError):
    """A line of input that cannot be understood; says which one and why."""


@dataclass(frozen=True)
class Question:
    """A text and what is known about it.

    Attributes:
        text: as the customer wrote it.
        received_at: when (aware), or None for now.
        zone: IANA name of the zone of the location, or None for the one in config.yml.
        appointment: naive local ISO time of the customer's appointment, or None.
        asked: "time" when the assistant has just asked for a time of day.
    """

    text: str
    received_at: datetime | None = None
    zone: str | None = None
    appointment: str | None = None
    asked: str | None = None

    @classmethod
    def of_line(cls, line: str, number: int) -> Question:
        """Read a line `{"text", "reference", "tz", "context"}`.

        Raises:
            WrongLine: says the number of the line and what is wrong with it.
        """
        try:
            fields = json.loads(line)
            zone = fields.get("tz")
            local = ZoneInfo(zone) if zone else UTC
            reference = fields.get("reference")
            context = fields.get("context") or {}
            received_at = datetime.fromisoformat(reference) if reference else None
            if received_at is not None and received_at.tzinfo is None:
                received_at = received_at.replace(tzinfo=local)
            if context.get("appointment"):
                datetime.fromisoformat(context["appointment"])
            return cls(fields["text"] + "", received_at, zone, context.get("appointment"),
                       context.get("asked"))  # fmt: skip
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise WrongLine(
                f"line {number}: {error!r}. Write one JSON object a line, like "
                '{"text": "tmrw at 3", "reference": "2026-03-11T10:00:00", '
                '"tz": "America/New_York", "context": {}}'
            ) from error


@dataclass(frozen=True)
class Understood:
    """Everything about one text.

    Attributes:
        text: what was read, without the blanks and slashes before it; offsets count in it.
        parsed: as Rasa has it.
        words: the words in their normal form.
        nearest: training texts that mean most nearly the same: text, intent, cosine.
        milliseconds: wall time in each component.
    """

    text: str
    parsed: dict[str, Any]
    words: list[Word]
    nearest: list[tuple[str, str, float]]
    milliseconds: dict[str, float]

    def dates(self) -> list[dict[str, Any]]:
        """Dates as `--jsonl` writes them: naive local ISO times."""
        values = [one["value"] for one in self.parsed["entities"] if one["entity"] == "time"]
        return [
            {key: value[key] for key in ("start", "end", "grain", "daypart", "role")}
            for value in values
        ]

    def asks(self) -> bool:
        """Whether a date should be confirmed by the customer."""
        return any(
            one.get("additional_info", {}).get("ask", False)
            for one in self.parsed["entities"]
            if one["entity"] == "time"
        )

    def line(self) -> dict[str, Any]:
        """What `--jsonl` writes for a text."""
        parsed = self.parsed
        return {
            "intent": parsed["intent"]["name"],
            "confidence": parsed["intent"]["confidence"],
            "ranking": parsed.get("intent_ranking", []),
            "entities": [one for one in parsed["entities"] if one["entity"] != "time"],
            "dates": self.dates(),
            "ask": self.asks(),
            **{key: parsed[key] for key in ("scope", "also") if key in parsed},
        }


class Understander:
    """A loaded model that explains itself.

    Args:
        model: a model's file, or a folder of which the newest is taken.

    Raises:
        ModelNotFound: there is none.
        ModelBroken: it cannot be loaded.
    """

    def __init__(self, model: Path) -> None:
        path = get_local_model(str(model))
        try:
            agent = Agent.load(path)
        except Exception as error:
            raise ModelBroken(
                f"{path} cannot be loaded ({error.__cause__ or error}). It may have been trained "
                "with another version: run `linnet train --force`."
            ) from error
        self._agent = agent
        self._loop = asyncio.new_event_loop()
        self._clock = _Clock()
        self._normaliser: SmsNormaliser | None = None
        self._classifier: LinearIntentClassifier | None = None
        for node in agent.processor.graph_runner._instantiated_nodes.values():  # noqa: SLF001
            node._hooks.append(self._clock)  # noqa: SLF001
            component = node._component  # noqa: SLF001
            if isinstance(component, SmsNormaliser):
                self._normaliser = component
            elif isinstance(component, LinearIntentClassifier):
                self._classifier = component

    def understand(self, question: Question) -> Understood:
        """What the model makes of a text."""
        self._clock.milliseconds = {}
        metadata = {
            "received_at": (question.received_at or datetime.now(UTC)).isoformat(),
            "timezone": question.zone,
            "appointment": question.appointment,
            "asked": question.asked,
        }
        # Rasa takes a leading slash for an intent.
        text = re.sub(r"^[\s/]+", "", question.text)
        message = UserMessage(text, metadata={k: v for k, v in metadata.items() if v is not None})
        parsed = self._loop.run_until_complete(self._agent.processor.parse_message(message))
        parsed.setdefault("entities", [])
        words = self._normaliser.words(text) if self._normaliser else []
        nearest = self._classifier.nearest(words, NEAREST) if self._classifier and words else []
        return Understood(text, parsed, words, nearest, self._clock.milliseconds)

    def lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Understand one JSON object a line; empty lines are passed over.

        Raises:
            WrongLine: at the first line that is none.
        """
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield self.understand(Question.of_line(line, number)).line()


class _Clock(GraphNodeHook):
    """Measures the wall time of each component."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    def on_before_node(self, **_: Any) -> dict[str, float]:
        """Note when a component begins."""
        return {"began": time.perf_counter()}

    def on_after_node(self, node_name: str, input_hook_data: dict[str, float], **_: Any) -> None:
        """Note how long it took; nodes are called like "run_nlu.intents.IntentClassifier3"."""
        name = node_name.rpartition(".")[2].removeprefix("run_").rstrip("0123456789")
        self.milliseconds[name] = (time.perf_counter() - input_hook_data["began"]) * 1000
