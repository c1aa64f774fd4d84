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
from nlu.duckling_http import HttpDuckling
from tests.unit.date_tables import NOW, ZONE, native


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> DateExtractor:
    monkeypatch.setattr(date_extractor, "shared_duckling", lambda _: native())
    return DateExtractor(ZONE)


def _times(
    extractor: DateExtractor, text: str, entities: list[dict[str, Any]] | None = None, **told: str
) -> list[dict[str, Any]]:
    message = Message(
        {
            "text": text,
            "entities": entities or [],
            "metadata": {"received_at": NOW.isoformat(), **told},
        }
    )
    extractor.process([message])
    return [entity for entity in message.get("entities") if entity["entity"] == "time"]


def _starts(extractor: DateExtractor, text: str, *known: Any, **told: str) -> list[str | None]:
    return [entity["value"]["start"] for entity in _times(extractor, text, *known, **told)]


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

    monkeypatch.setattr(date_extractor, "shared_duckling", lambda _: Silent())
    (found,) = _times(extractor, "friday at 3, or on thanksgiving")
    assert found["value"]["start"] == "2026-03-13T15:00:00"
    assert found["additional_info"] == {"ask": True}  # there may be more in the text
    (found,) = _times(extractor, "friday at 3")
    assert found["additional_info"] == {"ask": False}


def test_a_text_may_be_of_another_zone(extractor: DateExtractor) -> None:
    assert _starts(extractor, "tomorrow at 3") == ["2026-03-12T15:00:00"]
    assert _starts(extractor, "tomorrow at 3", timezone="Pacific/Auckland") == [
        "2026-03-13T15:00:00"
    ]
    with pytest.raises(ValueError, match=r"timezone 'Mars' is not .* America/New_York"):
        _starts(extractor, "tomorrow", timezone="Mars")


def test_each_address_has_its_own_duckling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINNET_DUCKLING_URL", raising=False)
    one = date_extractor.shared_duckling("http://127.0.0.1:8000")
    assert isinstance(one, HttpDuckling)
    assert date_extractor.shared_duckling("http://127.0.0.1:8000") is one
    assert date_extractor.shared_duckling(None) is not one
