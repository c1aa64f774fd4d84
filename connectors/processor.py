"""Rasa's message processor: silent failures noted, graph run directly, all of a text answered."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
from jsonschema import ValidationError
from rasa.core.actions.action import Action, ActionExecutionRejection, RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.runner.interface import GraphRunner
from rasa.shared.core.events import ActionExecutionRejected
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

from connectors.beginnings import events_of_beginning
from connectors.context import context_of
from connectors.further import Gathered, Said, further, is_open, parted
from connectors.tracker_store import open_turn
from messaging import tracing
from messaging.errors import ActionServerFailed

ACTION_SECONDS = 15.0
"""How long the action server may take; less than a turn may, so that the reason is known."""


class DirectGraphRunner(GraphRunner):
    """Runs a loaded graph node by node, in an order worked out once.

    Rasa schedules the graph with dask for each of the three runs of a text, which was
    measured to cost a fifth to a quarter of the CPU of a turn; the results are the same.

    Args:
        loaded: the runner that Rasa made; its nodes are used as they are.
    """

    def __init__(self, loaded: DaskGraphRunner) -> None:
        self._schema = loaded._graph_schema  # noqa: SLF001  Rasa gives no other way to them
        self._nodes = loaded._instantiated_nodes  # noqa: SLF001
        self._orders: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}

    @classmethod
    def create(cls, *args: Any, **kwargs: Any) -> DirectGraphRunner:
        """As Rasa makes runners."""
        return cls(DaskGraphRunner.create(*args, **kwargs))

    def run(
        self, inputs: Mapping[str, Any] | None = None, targets: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """The outputs of ``targets`` for ``inputs``."""
        wanted = tuple(targets or self._schema.target_names)
        results = {name: (name, value) for name, value in (inputs or {}).items()}
        for name, needs in self._order(wanted):
            results[name] = self._nodes[name](*(results[need] for need in needs))
        return dict(results[target] for target in wanted)

    def _order(self, targets: tuple[str, ...]) -> list[tuple[str, list[str]]]:
        if targets not in self._orders:
            nodes = self._schema.minimal_graph_schema(list(targets)).nodes
            order: dict[str, list[str]] = {}

            def visit(name: str) -> None:
                if name in order or name not in nodes:  # placeholders are given as inputs
                    return
                needs = list(nodes[name].needs.values())
                for need in needs:
                    visit(need)
                order[name] = needs

            for target in targets:
                visit(target)
            self._orders[targets] = list(order.items())
        return self._orders[targets]


class ActionServer(EndpointConfig):
    """The action server, over connections that are kept open.

    ``LINNET_ACTION_URL`` wins over endpoints.yml, so that one file serves every deployment.

    Args:
        configured: as endpoints.yml says.
    """

    def __init__(self, configured: EndpointConfig) -> None:
        self.__dict__.update(configured.__dict__)
        self.url = os.environ.get("LINNET_ACTION_URL", configured.url)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Ask the action server; raises as Rasa's own endpoint does.

        The request carries the trace of the turn as ``traceparent`` (W3C Trace Context).
        """
        if self._session is None:
            # Idle connections are closed by us before Sanic's keep-alive (5 s) closes them,
            # so that no request is sent into a connection that is just going away.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=3.0),
                timeout=aiohttp.ClientTimeout(total=ACTION_SECONDS),
                headers=self.headers,
            )
        kwargs.pop("timeout", None)
        parameters = self.combine_parameters(kwargs)
        action = (kwargs.get("json") or {}).get("next_action")
        with tracing.span("action.request", {"action": action}):
            if (parent := tracing.current()) is not None:
                kwargs["headers"] = {**(kwargs.get("headers") or {}), "traceparent": parent}
            async with self._session.request(
                method, self.url, params=parameters, compress=compress, **kwargs
            ) as response:
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise ClientResponseError(
                        response.status, response.reason, await response.content.read()
                    )
                return await response.json()

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class TurnProcessor(MessageProcessor):
    """Notes in the open turn what Rasa would log and forget: a failed action, an endless loop.

    It also answers what else a text holds besides its first intent (:mod:`connectors.further`).
    """

    @classmethod
    def adopt(cls, agent: Agent) -> TurnProcessor:
        """Take the place of the processor of an agent whose model is loaded."""
        processor = cls.__new__(cls)
        processor.__dict__.update(agent.processor.__dict__)
        processor.graph_runner = DirectGraphRunner(processor.graph_runner)
        if processor.action_endpoint is not None:
            processor.action_endpoint = ActionServer(processor.action_endpoint)
        processor.on_circuit_break = _looped
        RemoteAction._validate_action_result = _validate  # noqa: SLF001
        agent.processor = processor
        return processor

    async def fetch_tracker_and_update_session(
        self,
        sender_id: str,
        output_channel: OutputChannel | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> DialogueStateTracker:
        """The conversation before a text, with what we said in it unasked.

        That stands behind the start of a session, which a text begins that comes a day later.
        """
        tracker = await super().fetch_tracker_and_update_session(
            sender_id, output_channel, metadata
        )
        opened = open_turn.get()
        if opened is not None:
            for event in events_of_beginning(opened.begun, opened.slots, tracker):
                tracker.update(event, self.domain)
        return tracker

    async def parse_message(
        self,
        message: UserMessage,
        tracker: DialogueStateTracker | None = None,
        only_output_properties: bool = True,
    ) -> dict[str, Any]:
        """What the model makes of a text, read in the light of what was talked about.

        The files that came with it are entities beside those that are found in its words.
        """
        if tracker is not None:
            message = copy.copy(message)  # what is known already is not stored with the text
            message.metadata = {**context_of(tracker), **(message.metadata or {})}
        parse = parted(await super().parse_message(message, tracker, only_output_properties))
        opened = open_turn.get()
        files = opened.files if opened is not None else ()
        return {**parse, "entities": [*parse["entities"], *files]}

    async def _run_prediction_loop(
        self, output_channel: OutputChannel, tracker: DialogueStateTracker
    ) -> None:
        """Act on the latest text, and then on what else it holds; say all of it in one go."""
        rest = further(tracker)
        said = await self._act(Gathered(output_channel), tracker)
        for text in rest:
            tracker.update(text, self.domain)
            await self.run_action_extract_slots(output_channel, tracker)
            form = tracker.active_loop_name
            if form is not None:
                # What is asked from the side is no answer to the form, whatever times it names.
                tracker.update(ActionExecutionRejected(form))
            more = await self._act(Gathered(output_channel, asked=form), tracker)
            said = said.then(more, still_open=is_open(tracker))
        for message in said.answers + said.question:
            await output_channel.send_response(tracker.sender_id, message)

    async def _act(self, gathered: Gathered, tracker: DialogueStateTracker) -> Said:
        before = len(tracker.events)
        await super()._run_prediction_loop(gathered, tracker)
        return gathered.said(tracker, list(tracker.events)[before:])

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        if isinstance(output_channel, Gathered):
            output_channel.speaker = action.name()
            if output_channel.speaker == output_channel.asked == tracker.active_loop_name:
                self._log_action_on_tracker(tracker, action, [], prediction)
                return True
        run = action.run

        async def watched(*given: Any, **named: Any) -> Any:
            try:
                return await run(*given, **named)
            except ActionExecutionRejection:
                raise  # how a form says that the text was not for it
            except Exception as error:
                _note(ActionServerFailed(f"{action.name()}: {error!r}"))
                raise

        action.run = watched
        done: bool = await super()._run_action(action, tracker, output_channel, nlg, prediction)
        return done


def _validate(_: RemoteAction, result: Any) -> bool:
    """Check the outline of an action's result; its events are read one by one afterwards.

    Rasa compiles and checks its JSON schema with every action, which was measured to cost 25 ms
    of CPU, more than all the rest of a turn; with the schema compiled once, still 3 ms.

    Raises:
        ValidationError: it is not an object with a list of events and a list of responses.
    """
    if not isinstance(result, dict):
        raise ValidationError("the action server answered something else than an object")
    for name in ("events", "responses"):
        items = result.get(name) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValidationError(f"the action server's {name} are no list of objects")
    unnamed = [event for event in result.get("events") or [] if "event" not in event]
    if unnamed:
        raise ValidationError("the action server gave an event without its type")
    return True


def _looped(*_: Any) -> None:
    _note(ActionServerFailed("the policies predicted actions without end"))


def _note(error: Exception) -> None:
    turn = open_turn.get()
    if turn is not None:
        turn.note(error)
