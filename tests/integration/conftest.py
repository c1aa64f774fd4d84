"""The trained model, with the actions in this process and a practice of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rasa.core.agent import Agent
from rich.console import Console

import actions.database
from cli.project import Project
from cli.training import train
from connectors.tracker_store import TurnTrackerStore
from practice.sample import load_sample
from tests.integration.inside import NOW


@pytest.fixture(scope="session")
def loaded_model(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    log = tmp_path_factory.mktemp("training") / "train.log"
    model = train(Project(Path(__file__).parents[2]), Console(quiet=True), log)
    return Agent.load(str(model))


@pytest.fixture
async def agent(loaded_model: Agent, pool, database_url: str, monkeypatch) -> AsyncIterator[Agent]:
    monkeypatch.setattr(actions.database, "_pool", pool)
    monkeypatch.delenv("LINNET_CONFIRMATION_MINUTES", raising=False)
    async with pool.connection() as connection:
        await load_sample(connection, NOW)
    store = TurnTrackerStore(loaded_model.domain, url=database_url)
    loaded_model.processor.tracker_store = store
    yield loaded_model
    await store.close()
