import logging
from datetime import datetime
from importlib.util import find_spec
from zoneinfo import ZoneInfo

import pytest

from nlu import duckling_choice
from nlu.dates import read_dates
from nlu.duckling import Duckling
from nlu.duckling_choice import URL_VARIABLE, NoDuckling, open_duckling
from nlu.duckling_http import HttpDuckling

ZONE = "America/New_York"
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))
LOGGER = duckling_choice.logger.name


@pytest.fixture(autouse=True)
def _no_address(monkeypatch):
    monkeypatch.delenv(URL_VARIABLE, raising=False)


def _without_wheel(monkeypatch):
    monkeypatch.setattr(
        duckling_choice, "find_spec", lambda name: None if name == "duckling" else find_spec(name)
    )


def test_a_server_goes_before_the_wheel(caplog):
    with caplog.at_level(logging.INFO, LOGGER):
        assert isinstance(open_duckling("http://duckling:8000"), HttpDuckling)
    assert [record.message for record in caplog.records] == [
        "Dates: asking the Duckling server at http://duckling:8000."
    ]


def test_the_environment_goes_before_the_configuration(monkeypatch, caplog):
    monkeypatch.setenv(URL_VARIABLE, "http://other:9000")
    with caplog.at_level(logging.INFO, LOGGER):
        open_duckling("http://duckling:8000")
    assert "http://other:9000" in caplog.text


def test_the_wheel_is_used_where_it_is(caplog):
    with caplog.at_level(logging.INFO, LOGGER):
        native = open_duckling(None)
    assert isinstance(native, Duckling)
    assert len(caplog.records) == 1
    native.close()


def test_without_both_one_line_says_what_to_do(monkeypatch, caplog):
    _without_wheel(monkeypatch)
    with caplog.at_level(logging.INFO, LOGGER):
        assert isinstance(open_duckling(None), NoDuckling)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"set {URL_VARIABLE}=" in record.message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("can we do next tues at 3", "2026-03-17T15:00:00"),
        ("tmrw @ 930", "2026-03-12T09:30:00"),
        ("the 27th at 4", "2026-03-27T16:00:00"),
    ],
)
def test_our_own_rules_read_without_duckling(text, start):
    (mention,) = read_dates(text, NOW, ZONE, NoDuckling().parse)
    assert mention.value()["start"] == start


@pytest.mark.parametrize("text", ["two score days from whitsun", "\0", "", "x" * 5000, "5/5 " * 99])
def test_nothing_raises_without_duckling(text):
    assert isinstance(read_dates(text, NOW, ZONE, NoDuckling().parse), list)


def test_an_address_that_is_none_is_refused_at_once():
    with pytest.raises(ValueError, match="not the address"):
        open_duckling("duckling:8000")
