"""The Rasa component around the reader of dates."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Rasa's own imports
    from rasa.shared.nlu.training_data.message import Message

    from nlu import date_extractor
    from nlu.date_extractor import DateExtractor
from nlu.duckling import DucklingUnavailable
from tests.unit.date_tables import NOW, ZONE, native


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> DateExtractor:
    monkeypatch.setattr(date_extractor, "shared_duckling", native)
    return DateExtractor(ZONE)


def _starts(
    extractor: DateExtractor, text: str, entities: list[dict[str, Any]] | None = None, **told: str
) -> list[str | None]:
    message = Message(
        {
            "text": text,
            "entities": entities or [],
            "metadata": {"received_at": NOW.isoformat(), **told},
        }
    )
    extractor.process([message])
    found = [entity for entity in message.get("entities") if entity["entity"] == "time"]
    return [entity["value"]["start"] for entity in found]


def test_metadata_tell_of_the_appointment_and_of_what_was_asked(extractor: DateExtractor) -> None:
    appointment = "2026-03-19T14:00:00"
    later = _starts(extractor, "an hour later", appointment=appointment)
    assert later == ["2026-03-19T15:00:00"]
    # an instant with an offset is the same one on the wall clock of the business
    assert _starts(extractor, "an hour later", appointment="2026-03-19T18:00:00+00:00") == later
    assert _starts(extractor, "8") == []
    assert _starts(extractor, "8", asked="time") == ["2026-03-11T08:00:00"]


@pytest.mark.parametrize(
    ("entity", "starts"), [("reference", []), ("location", ["2026-03-14T00:00:00"])]
)
def test_words_of_other_entities_are_no_dates(
    extractor: DateExtractor, entity: str, starts: list[str]
) -> None:
    known = {"entity": entity, "start": 3, "end": 7, "value": "3/14"}
    assert _starts(extractor, "id 3/14", [known]) == starts


def test_without_duckling_the_common_dates_are_still_read(
    extractor: DateExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def parse(self, *_: object) -> list[dict[str, Any]]:
            raise DucklingUnavailable("it took too long")

    monkeypatch.setattr(date_extractor, "shared_duckling", Silent)
    assert _starts(extractor, "friday at 3, or on thanksgiving") == ["2026-03-13T15:00:00"]
