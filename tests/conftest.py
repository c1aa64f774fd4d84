"""A PostgreSQL server for the whole run, and a fresh, migrated database for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from database import url
from database.embedded import EmbeddedPostgres
from database.migrate import migrate
from database.pool import Pool, make_pool

# Tests read tables; those of encryption set keys. A `linnet up` in this folder has some, too.
os.environ["LINNET_ENCRYPTION_KEYS"] = ""

TEMPLATE = "template_migrated"
_numbers = count(1)


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def administer(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The server; it never waits for disks, because its data need only survive processes."""
    server = EmbeddedPostgres(
        tmp_path_factory.mktemp("postgres"),
        settings={"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
    )
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the newest schema and no rows, to make copies of."""
    administer(postgres.url, f"CREATE DATABASE {TEMPLATE}")
    migrate(with_database(postgres.url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """A database of the test's own."""
    name = f"test_{next(_numbers)}"
    administer(postgres.url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    url.database_url.cache_clear()  # commands that run in this process ask where it is
    yield with_database(postgres.url, name)
    administer(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Open connections to the test's database."""
    async with make_pool(database_url) as opened:
        yield opened
