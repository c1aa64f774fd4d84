"""Recipients that a query of ``audiences.yml`` finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from database.pool import Pool
from messaging.errors import SettingsError
from messaging.masking import mask_text
from outreach.audience import BATCH, BadAudience, Recipient, Sieve, column_name

AUDIENCES = Path("audiences.yml")
LONGEST_SECONDS = 60
"""How long a query may take."""

_KEYS = {"about", "parameters", "sql"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query that finds recipients.

    Attributes:
        name: in the file.
        about: whom it finds.
        sql: a SELECT with a column ``phone``.
        parameters: names of what whoever uses it says.
    """

    name: str
    about: str
    sql: str
    parameters: tuple[str, ...]


def read_queries(path: Path = AUDIENCES) -> Mapping[str, Query]:
    """The queries of a file, by name.

    Raises:
        SettingsError: the file is wrong; with what to write there.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise SettingsError(f"there is no {path}; start in the project's folder") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: expected names with queries")
    return {str(name): _query(str(name), entry, path) for name, entry in content.items()}


def _query(name: str, entry: Any, path: Path) -> Query:
    if not isinstance(entry, dict) or not isinstance(entry.get("sql"), str):
        raise SettingsError(f"{path}: {name} needs sql: a SELECT with a column phone")
    unknown = [str(key) for key in entry if key not in _KEYS]
    if unknown:
        raise SettingsError(f"{path}: {name} has an unknown key {unknown[0]}")
    parameters = entry.get("parameters", [])
    if not isinstance(parameters, list):
        raise SettingsError(f"{path}: parameters of {name} are a list of names")
    return Query(name, str(entry.get("about", "")), entry["sql"], tuple(map(str, parameters)))


class QueryAudience:
    """Recipients that a query finds, read in pieces in a transaction that cannot write.

    Args:
        pool: of connections.
        query: that finds them.
        values: of its parameters.
        needed: names of the variables of the text.
        region: two letters of the country of numbers that name none.
    """

    def __init__(
        self,
        pool: Pool,
        query: Query,
        values: Mapping[str, str],
        needed: Sequence[str],
        region: str = "US",
    ) -> None:
        self._pool = pool
        self._query = query
        self._values = values
        self._sieve = Sieve(needed, region)
        self.report = self._sieve.report
        missing = [name for name in query.parameters if name not in values]
        unknown = [name for name in values if name not in query.parameters]
        if missing:
            raise BadAudience(f"{query.name} needs a value for {missing[0]}")
        if unknown:
            raise BadAudience(f"{query.name} has no parameter {unknown[0]}")

    @property
    def source(self) -> Mapping[str, Any]:
        """The query's name and the values of its parameters, numbers of phones masked."""
        values = {name: mask_text(value) for name, value in self._values.items()}
        return {"query": self._query.name, "parameters": values}

    async def batches(self) -> AsyncIterator[list[Recipient]]:
        """As ``Audience``."""
        line = 0
        try:
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("SET TRANSACTION READ ONLY")
                await connection.execute(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")
                # Joins of whole tables are read as the planner likes; elsewhere we forbid that.
                await connection.execute(
                    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on"
                )
                async with connection.cursor(name="audience") as cursor:
                    await cursor.execute(self._query.sql, self._values)
                    names = [column_name(one.name) for one in cursor.description or ()]
                    self._sieve.check(names, "phone")
                    while rows := await cursor.fetchmany(BATCH):
                        batch = []
                        for row in rows:
                            line += 1
                            values = {
                                column_name(name): "" if value is None else str(value)
                                for name, value in row.items()
                            }
                            taken = self._sieve.take(line, values["phone"], values)
                            batch += [taken] if taken else []
                        yield batch
        except psycopg.OperationalError as error:
            if isinstance(error, psycopg.errors.QueryCanceled):
                raise BadAudience(f"{self._query.name} took over {LONGEST_SECONDS} s") from error
            raise
        except psycopg.Error as error:
            told = str(error).partition("\n")[0]
            raise BadAudience(f"the query {self._query.name} fails: {told}") from error
