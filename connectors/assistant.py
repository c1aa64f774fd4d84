"""The Rasa assistant: a turn in, an answer out, nothing written in between."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.events import ActionExecuted

from connectors.processor import TurnProcessor
from connectors.tracker_store import OpenTurn, open_turn
from messaging.assistant import Answer, Option, Prompt, Reply, TurnInput
from messaging.errors import AssistantFailed
from messaging.media import Attachment
from messaging.menus import render

log = structlog.get_logger(__name__)

CHANNEL = "sms"
MEDIA_KEYS = frozenset({"url", "type", "title", "description"})
"""Of an entry of ``custom: {linnet: {media: [...]}}`` in a response."""
OPEN_QUESTION_SLOT = "pending_change"
"""While this slot is set, the assistant waits for YES or NO."""


class RepliesCollected(OutputChannel):
    """Gathers what the assistant says in one turn, to be sent as one text."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        """The channel's name, so that ``channel: sms`` responses apply."""
        return CHANNEL

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep a message of the assistant's."""
        self.said.append(message)


class RasaAssistant:
    """Answers turns with a trained model.

    Args:
        agent: with its model loaded.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def respond(self, turn: TurnInput) -> Answer:
        """The answer to a turn.

        Raises:
            AssistantFailed: no model is loaded, the tracker could not be read, or an action
                failed; nothing was written then.
        """
        began = time.perf_counter()
        processor = self._processor()
        output = RepliesCollected()
        files = [file.as_entity() for file in turn.files]
        opened = OpenTurn(files=files, begun=turn.begun, slots=turn.slots)
        message = UserMessage(
            turn.payload or plain_text(turn.text),
            output,
            str(turn.conversation_id),
            input_channel=CHANNEL,
            message_id=str(turn.turn_id),
            metadata={
                "turn_id": str(turn.turn_id),
                "phone": turn.phone,
                "received_at": turn.received_at.isoformat(),
                "media_types": list(turn.media_types),
            },
        )
        token = open_turn.set(opened)
        try:
            await processor.handle_message(message)
        except Exception as error:
            # Rasa wraps what a component raised; the component's own words say more.
            raise AssistantFailed(repr(error.__cause__ or error)) from error
        finally:
            open_turn.reset(token)
        if isinstance(opened.failure, AssistantFailed):
            raise opened.failure
        if opened.failure is not None:
            raise AssistantFailed(repr(opened.failure)) from opened.failure
        return _answer(opened, output.said, (time.perf_counter() - began) * 1000)

    async def warm_up(self) -> None:
        """Read a text, so that the first customer does not wait for what starts on demand."""
        await self._processor().parse_message(UserMessage("hello, tomorrow at 3"))

    async def close(self) -> None:
        """Close the connections to the action server."""
        processor = self._agent.processor
        if isinstance(processor, TurnProcessor) and processor.action_endpoint is not None:
            await processor.action_endpoint.close()

    def _processor(self) -> TurnProcessor:
        processor = self._agent.processor
        if processor is None:
            raise AssistantFailed("no model is loaded: run `linnet train`")
        if not isinstance(processor, TurnProcessor):  # at first, and after a new model was loaded
            processor = TurnProcessor.adopt(self._agent)
        return processor


def plain_text(text: str) -> str:
    """A customer's words as words: Rasa takes a leading slash for a command or an intent."""
    return re.sub(r"^[\s/]+", "", text)


def as_reply(said: Sequence[Mapping[str, Any]]) -> Reply | None:
    """All that was said in one turn as one text, its buttons as one numbered list.

    Args:
        said: Rasa's messages: ``text``, ``buttons``, ``image``, ``attachment``, ``custom``.

    Returns:
        None where nothing was said that can be texted.
    """
    lines: list[str] = []
    media: list[Attachment] = []
    options: list[Option] = []
    prompt: Prompt | None = None
    for message in said:
        if message.get("text"):
            lines.append(message["text"].strip())
        if message.get("buttons"):
            options = [Option(item["title"], item["payload"]) for item in message["buttons"]]
        ours = (message.get("custom") or {}).get("linnet", {})
        media += _attachments(message, ours)
        if ours.get("prompt"):
            prompt = Prompt(**ours["prompt"])
    text = render("\n".join(lines), [option.title for option in options])
    if not text and not media:
        return None
    return Reply(text, tuple(media), tuple(options), prompt)


def _attachments(message: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Attachment]:
    """The files of a message; one that cannot be read is left out, for the words are worth more."""
    named = [{"url": message[key]} for key in ("image", "attachment") if message.get(key)]
    files = []
    for file in [*named, *(ours.get("media") or [])]:
        if not isinstance(file.get("url"), str) or not MEDIA_KEYS.issuperset(file):
            log.error("assistant.media-unreadable", keys=sorted(file), allowed=sorted(MEDIA_KEYS))
            continue
        rest = (file.get(key) or "" for key in ("type", "title", "description"))
        files.append(Attachment(file["url"], *rest))
    return files


def _answer(opened: OpenTurn, said: Sequence[Mapping[str, Any]], milliseconds: float) -> Answer:
    tracker, reply = opened.tracker, as_reply(said)
    # The first text of the turn is the step; what else it held was handled as texts after it.
    understood = next(event for event in opened.events if event["event"] == "user")["parse_data"]
    intent = understood["intent"]
    chosen = (
        event.policy
        for event in reversed(tracker.events)
        if isinstance(event, ActionExecuted) and event.action_name != ACTION_LISTEN_NAME
    )
    return Answer(
        replies=[reply] if reply else [],
        events=opened.events,
        first_position=opened.first_position,
        intent=intent.get("name"),
        confidence=intent.get("confidence"),
        policy=next(chosen, None),
        timings={"assistant_ms": round(milliseconds, 2)},
        keeps_prompt=bool(tracker.get_slot(OPEN_QUESTION_SLOT)),
    )
