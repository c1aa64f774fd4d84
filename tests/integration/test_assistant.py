"""The trained Rasa model within a turn: nothing written, nothing swallowed, commands are words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.tracker_store import FailSafeTrackerStore, InMemoryTrackerStore
from rasa.utils.endpoints import EndpointConfig
from rich.console import Console

from cli.project import Project
from cli.training import train
from connectors.assistant import RasaAssistant, plain_text
from connectors.processor import DirectGraphRunner
from connectors.tracker_store import TurnTrackerStore
from messaging.assistant import TurnInput
from messaging.errors import ActionServerFailed, AssistantFailed
from messaging.turn_outcome import Outcome, finish
from messaging.turn_table import claim
from tests.integration.engine import QUICK, rows, text_in

SMALL_TALK = ["hi", "are you a robot?", "thank you", "what's the weather like", "bye"]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = tmp_path_factory.mktemp("training") / "train.log"
    return train(Project(Path(__file__).parents[2]), Console(quiet=True), log)


@pytest.fixture(scope="session")
def loaded(model: Path) -> Agent:
    return Agent.load(str(model), action_endpoint=EndpointConfig("http://127.0.0.1:9/webhook"))


@pytest.fixture
async def agent(model: Path, loaded: Agent, database_url: str) -> AsyncIterator[Agent]:
    """The model with our tracker store, wrapped as Rasa wraps every store."""
    store = TurnTrackerStore(loaded.domain, url=database_url)
    loaded.processor.tracker_store = FailSafeTrackerStore(store)
    yield loaded
    await RasaAssistant(loaded).close()
    await store.close()


def turn(text: str, conversation: UUID, **more: object) -> TurnInput:
    return TurnInput(
        turn_id=uuid4(),
        conversation_id=conversation,
        phone="+12125550100",
        text=text,
        received_at=datetime(2026, 3, 11, 14, 0, tzinfo=UTC),
        **more,
    )


async def test_an_answer_has_all_there_is_to_store_and_nothing_is_stored(agent, pool):
    answer = await RasaAssistant(agent).respond(turn("hello there", uuid4()))
    assert len(answer.replies) == 1
    assert (answer.intent, answer.first_position) == ("greet", 0)
    assert answer.confidence is not None
    assert answer.confidence > 0.5
    assert answer.policy is not None
    assert answer.timings["assistant_ms"] > 0
    assert [event["event"] for event in answer.events].count("user") == 1
    assert await rows(pool, "SELECT FROM tracker_event") == []


async def test_the_next_turn_goes_on_where_the_committed_one_ended(agent, pool):
    assistant = RasaAssistant(agent)
    seen = 0
    for number, body in enumerate(SMALL_TALK, start=1):
        await text_in(pool, body)
        (talk,) = await rows(pool, "SELECT id FROM conversation")
        await rows(pool, "UPDATE conversation SET turn_due_at = now() RETURNING id")
        claimed = await claim(pool, QUICK.lease, QUICK.burst)
        assert claimed is not None
        answer = await assistant.respond(turn(body, talk["id"]))
        assert answer.first_position == seen
        outcome = Outcome(answer, [], "assistant", opted_out=False)
        await finish(pool, claimed, outcome, QUICK.burst)
        stored = await rows(pool, "SELECT event FROM tracker_event ORDER BY position")
        seen = len(stored)
        said = [row["event"]["text"] for row in stored if row["event"]["event"] == "user"]
        assert said == SMALL_TALK[:number]


async def test_replies_and_events_are_those_of_stock_rasa(model, agent):
    stock = Agent.load(str(model))
    stock_memory = InMemoryTrackerStore(stock.domain)
    stock.processor.tracker_store = stock_memory
    assistant, conversation = RasaAssistant(agent), uuid4()
    ours_memory = InMemoryTrackerStore(agent.domain)
    agent.processor.tracker_store = ours_memory
    assistant._processor()
    for body in SMALL_TALK:
        for chosen in (agent, stock):
            message = UserMessage(body, CollectingOutputChannel(), str(conversation))
            await chosen.processor.handle_message(message)
    ours, theirs = [
        (await memory.retrieve(str(conversation))).as_dialogue().as_dict()["events"]
        for memory in (ours_memory, stock_memory)
    ]
    assert [comparable(event) for event in ours] == [comparable(event) for event in theirs]
    assert len(ours) > 20


def comparable(event: dict) -> dict:
    varying = {"timestamp", "message_id", "metadata", "parse_data", "text", "data", "input_channel"}
    return {name: value for name, value in event.items() if name not in varying}


async def test_the_graph_gives_the_same_results_as_with_dask(model, agent):
    stock = Agent.load(str(model)).processor
    ours = RasaAssistant(agent)._processor()
    assert isinstance(ours.graph_runner, DirectGraphRunner)
    for body in ["book an eye exam at lakeside tomorrow 3pm", "yes", "", "👍", "x" * 3000]:
        message = UserMessage(body, metadata={"received_at": "2026-03-11T14:00:00+00:00"})
        assert await ours.parse_message(message) == await stock.parse_message(message)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("/restart", "restart"),
        (" //book_appointment{}", "book_appointment{}"),
        ("and/or", "and/or"),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_leading_slash_is_taken_off(text, plain):
    assert plain_text(text) == plain


@pytest.mark.parametrize("text", ["/restart", "/session_start", "/are you a robot"])
async def test_commands_of_rasa_are_words(agent, text):
    answer = await RasaAssistant(agent).respond(turn(text, uuid4()))
    (user,) = [event for event in answer.events if event["event"] == "user"]
    assert user["text"] == text.removeprefix("/")
    assert "restart" not in {event["event"] for event in answer.events}
    assert len(answer.replies) == 1


async def test_an_option_of_ours_is_taken_as_it_was_meant(agent):
    answer = await RasaAssistant(agent).respond(turn("2", uuid4(), payload="/bot_challenge"))
    assert (answer.intent, answer.confidence) == ("bot_challenge", 1.0)


async def test_a_dead_action_server_is_a_failure_and_not_silence(agent):
    with pytest.raises(ActionServerFailed, match=r"validate_book_form|action_"):
        await RasaAssistant(agent).respond(turn("book an eye exam", uuid4()))


@pytest.mark.parametrize("result", [{"events": "none"}, {"events": [{"no": "event"}]}, []])
async def test_a_wrong_result_of_an_action_is_refused_as_stock_rasa_does(agent, result):
    RasaAssistant(agent)._processor()
    action = RemoteAction("action_any", None)
    with pytest.raises(ValidationError):
        action._validate_action_result(result)
    right = {"events": [{"event": "slot", "name": "when", "value": 1}], "responses": []}
    assert action._validate_action_result(right)


async def test_a_tracker_that_cannot_be_read_is_a_failure_and_not_a_new_conversation(agent):
    broken = TurnTrackerStore(agent.domain, url="postgresql://nobody@127.0.0.1:9/nowhere")
    agent.processor.tracker_store = FailSafeTrackerStore(broken)
    with pytest.raises(AssistantFailed):
        await RasaAssistant(agent).respond(turn("hi", uuid4()))
    await broken.close()


async def test_without_a_model_there_is_no_answer():
    with pytest.raises(AssistantFailed, match="linnet train"):
        await RasaAssistant(Agent()).respond(turn("hi", uuid4()))


async def test_outside_a_turn_events_are_written_at_once(agent, pool):
    for body in ("hi", "thanks"):
        message = UserMessage(body, CollectingOutputChannel(), "rasa-shell")
        await agent.processor.handle_message(message)
    stored = await rows(pool, "SELECT position, event FROM tracker_event ORDER BY position")
    assert [row["position"] for row in stored] == list(range(len(stored)))
    said = [row["event"]["text"] for row in stored if row["event"]["event"] == "user"]
    assert said == ["hi", "thanks"]
