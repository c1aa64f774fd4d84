"""Rasa component: dates and times, as `time` entities.

In config.yml:

    - name: nlu.date_extractor.DateExtractor
      timezone: America/New_York   # of the locations; "tomorrow" is tomorrow there
      duckling_url: http://127.0.0.1:8000   # a Duckling server, where native Duckling is none
"""

# ruff: noqa: ARG003  (Rasa hands in more than each component needs)

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from nlu.dates import read_dates
from nlu.duckling import DucklingUnavailable
from nlu.duckling_choice import TimesParser, open_duckling

NEVER_HIDES_DATES = frozenset({"time", "service", "location", "person"})
"""Entities in whose words a date may stand; a wrongly marked name must not swallow one."""

logger = logging.getLogger(__name__)


@lru_cache(maxsize=4)
def shared_duckling(url: str | None) -> TimesParser:
    """The one Duckling of this process for an address.

    Args:
        url: of a Duckling server, or None for what this machine has.

    Raises:
        ValueError: the address cannot be one.
    """
    return open_duckling(url)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class DateExtractor(GraphComponent, EntityExtractorMixin):
    """Reads dates relative to when the text was received, in the zone of the business.

    The message's metadata may hold `received_at` (ISO, with offset; without it, now),
    `appointment` (ISO, when the customer's appointment begins: "an hour later" counts from
    it), `asked` ("time" after a question for a time of day, so that "8" is one) and `timezone`
    (IANA name, instead of the configured one for this text). What other extractors found before
    is no date: a phone number, a reference. The value of an entity is a
    :class:`nlu.dates.TimeValue`; `additional_info.ask` says that the customer should confirm it.

    Args:
        zone: IANA name.
        duckling_url: of a Duckling server, or None for what this machine has.
    """

    def __init__(self, zone: str, duckling_url: str | None = None) -> None:
        self._zone = zone
        self._duckling_url = duckling_url

    @property
    def name(self) -> str:
        """Rasa's name for date extractors.

        `rasa test` leaves out the entities of this extractor, because nobody annotates dates
        by hand, and it knows such extractors by this name only.
        """
        return "DucklingEntityExtractor"

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Options and what they are when config.yml does not name them."""
        return {"timezone": "America/New_York", "duckling_url": None}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DateExtractor:
        """Make the component, and have Duckling get ready.

        Raises:
            InvalidConfigException: when `timezone` is no time zone, or `duckling_url` no address.
        """
        zone, url = config["timezone"], config["duckling_url"]
        try:
            _check_zone(zone)
        except ValueError as error:
            raise InvalidConfigException(f"config.yml: {error}") from error
        try:
            shared_duckling(url).warm()
        except ValueError as error:
            raise InvalidConfigException(f"config.yml: duckling_url: {error}") from error
        return cls(zone, url)

    def process(self, messages: list[Message]) -> list[Message]:
        """Add a `time` entity for each date or time of each message.

        Raises:
            ValueError: the metadata name a time zone that is none, or a time that is no ISO time.
        """
        for message in messages:
            text = message.get(TEXT)
            if text:
                known = message.get(ENTITIES, [])
                found = self._find(text, message.get("metadata") or {}, _taken(known))
                message.set(ENTITIES, [*known, *found], add_to_output=True)
        return messages

    def _find(
        self, text: str, metadata: dict[str, Any], taken: list[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        zone = metadata.get("timezone") or self._zone
        _check_zone(zone)
        patient = _Patient(shared_duckling(self._duckling_url))
        mentions = read_dates(
            text,
            _instant(metadata.get("received_at")),
            zone,
            patient,
            asked=metadata.get("asked"),
            appointment=_local(metadata.get("appointment"), zone),
            taken=taken,
        )
        found: list[dict[str, Any]] = self.add_extractor_name([
            {"entity": "time", "start": mention.first, "end": mention.last,
             "value": mention.value(),
             "additional_info": {"ask": mention.ask or patient.failed}}
            for mention in mentions
            if mention.start or mention.end
        ])  # fmt: skip
        return found


class _Patient:
    """Duckling for one text; what it cannot answer is left out, and not asked a second time.

    Attributes:
        failed: something may have been left out, so what was read should be confirmed.
    """

    def __init__(self, duckling: TimesParser) -> None:
        self._duckling = duckling
        self.failed = False

    def __call__(self, text: str, reference: datetime, zone: str) -> list[dict[str, Any]]:
        if self.failed:
            return []
        try:
            return self._duckling.parse(text, reference, zone)
        except DucklingUnavailable as error:
            self.failed = True
            logger.warning("The rarer dates of a text were not read: %s.", error)
            return []


def _check_zone(zone: Any) -> None:
    """Raise a `ValueError` that says what to write, unless this is the name of a time zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"timezone {zone!r} is not a time zone; write one such as America/New_York."
        ) from error


def _taken(entities: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Where entities stand in whose words no date is to be looked for."""
    return [
        (entity["start"], entity["end"])
        for entity in entities
        if entity.get("entity") not in NEVER_HIDES_DATES and "start" in entity and "end" in entity
    ]


def _local(value: str | None, zone: str) -> datetime | None:
    """A moment on the wall clock of the business, without zone."""
    if not value:
        return None
    moment = datetime.fromisoformat(value)
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if moment.tzinfo else moment


def _instant(value: str | None) -> datetime:
    """A time of receipt; one without offset is taken as UTC."""
    if not value:
        return datetime.now(UTC)
    instant = datetime.fromisoformat(value)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
