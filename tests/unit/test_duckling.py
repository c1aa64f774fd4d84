import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.duckling import MAX_CHARACTERS, Duckling, DucklingUnavailable, safe

ZONE = "America/New_York"
GIVEN_UP = 1.0
"""Seconds. The limit is 0.5; a busy machine adds to it, and bench.dates measures how much."""
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))
HANGS = (
    "from 10.00am on Friday 15th April 2016 until 10.00am on Tuesday 19th April 2016",
    "3-4pm " * 12,
)


@pytest.fixture
def duckling() -> Iterator[Duckling]:
    native = Duckling()
    _once_ready(native)
    yield native
    native.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Duckling]:
    """For many texts: a child each would take minutes."""
    native = Duckling()
    _once_ready(native)
    yield native
    native.close()


def _once_ready(
    native: Duckling, text: str = "tomorrow", now: datetime = NOW, zone: str = ZONE
) -> list[dict[str, Any]]:
    """The answer, from a child that may still be starting on a busy machine."""
    until = time.monotonic() + 20
    while True:
        try:
            return native.parse(text, now, zone)
        except DucklingUnavailable as error:
            if "too long" in str(error) or time.monotonic() > until:
                raise


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("text", HANGS)
def test_a_text_that_hangs_is_given_up_in_time_and_the_next_one_answered(duckling, text):
    before = duckling.child_id
    begun = time.monotonic()
    with pytest.raises(DucklingUnavailable, match="too long"):
        duckling.parse(text, NOW, ZONE)
    assert time.monotonic() - begun < GIVEN_UP
    assert _once_ready(duckling)[0]["value"]["value"].startswith("2026-03-12")
    assert duckling.child_id != before
    assert not _alive(before)


def test_two_texts_that_hang_are_each_given_up_in_time(duckling):
    for text in (*HANGS, *HANGS):
        begun = time.monotonic()
        with pytest.raises(DucklingUnavailable):
            duckling.parse(text, NOW, ZONE)
        assert time.monotonic() - begun < GIVEN_UP


def test_a_text_that_waits_behind_one_that_hangs_is_given_up_in_time(duckling):
    took = []

    def ask() -> None:
        begun = time.monotonic()
        with contextlib.suppress(DucklingUnavailable):
            duckling.parse(HANGS[0], NOW, ZONE)
        took.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 5
    assert max(took) < GIVEN_UP


def test_a_child_that_is_slow_to_start_is_waited_for_and_not_begun_anew():
    native = Duckling(limit_seconds=0.051)  # no time to wait for it
    with pytest.raises(DucklingUnavailable, match="starting"):
        native.parse("tomorrow", NOW, ZONE)
    child = native.child_id
    assert _once_ready(native)
    assert native.child_id == child
    native.close()


def test_a_child_that_never_gets_ready_is_replaced():
    native = Duckling(limit_seconds=0.051, start_seconds=0)
    with pytest.raises(DucklingUnavailable, match="too long"):
        native.parse("tomorrow", NOW, ZONE)
    native.close()


@settings(max_examples=150, deadline=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("0123456789-/:., \0")), max_size=400))
def test_any_text_is_answered_with_what_stands_in_it(shared, text):
    with contextlib.suppress(DucklingUnavailable):
        for match in shared.parse(text, NOW, ZONE):
            assert safe(text)[match["start"] : match["end"]] == match["body"]


@pytest.mark.parametrize("text", ["x" * 5000, "\0" * 400, "a\ud83db", "tomorrow\n\t"])
def test_what_is_sent_is_short_and_printable_and_keeps_its_offsets(text):
    sent = safe(text)
    assert len(sent) == min(len(text), MAX_CHARACTERS)
    assert sent.isprintable()
    assert sent.encode()


@pytest.mark.parametrize(
    "text",
    ["\0tomorrow\x00", "tomorrow \U0001f600", "\ud83d tomorrow", "\u202etomorrow", "TOMORROW\r\n"],
)
def test_odd_characters_do_not_hide_a_date(duckling, text):
    (match,) = duckling.parse(text, NOW, ZONE)
    assert match["body"].lower() == "tomorrow"
    assert text[match["start"] : match["end"]].lower() == "tomorrow"


@pytest.mark.parametrize("text", ["", "\0", "x" * 100_000, "\u4f60\u597d", "\U0001f600" * 500])
def test_texts_without_a_date_give_nothing(duckling, text):
    assert duckling.parse(text, NOW, ZONE) == []


@pytest.mark.parametrize("zone", ["Nowhere/Atall", "../zoneinfo/UTC", "/etc/localtime", "."])
def test_an_unknown_zone_is_an_error_and_the_child_lives(duckling, zone):
    before = duckling.child_id
    with pytest.raises((ZoneInfoNotFoundError, ValueError)):
        duckling.parse("tomorrow", NOW, zone)
    assert duckling.parse("tomorrow", NOW, ZONE)
    assert duckling.child_id == before


def test_a_child_that_was_killed_is_replaced(duckling):
    os.kill(duckling.child_id, signal.SIGKILL)
    time.sleep(0.05)
    assert _once_ready(duckling)


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize(
    "zone", [ZONE, "Europe/Berlin", "America/Phoenix", "Asia/Kolkata", "Pacific/Auckland"]
)
def test_the_day_is_that_of_the_zone_all_year(shared, month, zone):
    for hour in (0, 12, 23):
        local = datetime(2026, month, 15, hour, 30, tzinfo=ZoneInfo(zone))
        (match,) = _once_ready(shared, "tomorrow", local.astimezone(UTC), zone)
        moment = datetime.fromisoformat(match["value"]["value"])
        assert moment.replace(tzinfo=None) == datetime(2026, month, 16)  # noqa: DTZ001
        assert moment.utcoffset() == local.utcoffset()


@pytest.mark.parametrize("day", ["2026-03-07", "2026-10-31", "2026-12-24"])
def test_hours_from_now_are_an_instant_whatever_the_clocks_do(shared, day):
    local = datetime.fromisoformat(f"{day}T22:30").replace(tzinfo=ZoneInfo(ZONE))
    (match,) = _once_ready(shared, "in 6 hours", local, ZONE)
    moment = datetime.fromisoformat(match["value"]["value"])
    assert moment - local.astimezone(UTC) == timedelta(hours=6)


def test_threads_share_one_child_and_get_their_own_answers(duckling):
    answers: dict[int, str] = {}

    def ask(day: int) -> None:
        (match,) = duckling.parse(f"april {day}", NOW, ZONE)
        answers[day] = match["value"]["value"][:10]

    threads = [threading.Thread(target=ask, args=(day,)) for day in range(1, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {day: f"2026-04-{day:02}" for day in range(1, 21)}


def test_close_ends_the_child():
    native = Duckling()
    native.warm()
    child = native.child_id
    native.close()
    assert child is not None
    assert not _alive(child)


def test_the_child_dies_with_its_parent_even_while_it_hangs():
    program = textwrap.dedent(
        f"""
        import threading, time
        from datetime import datetime, timezone
        from nlu.duckling import Duckling, DucklingUnavailable
        native = Duckling(limit_seconds=60)
        while True:
            try:
                native.parse("tomorrow", datetime.now(timezone.utc), "{ZONE}")
                break
            except DucklingUnavailable:
                pass
        threading.Thread(
            target=native.parse,
            args=("{HANGS[0]}", datetime.now(timezone.utc), "{ZONE}"), daemon=True,
        ).start()
        time.sleep(0.2)
        print(native.child_id, flush=True)
        time.sleep(60)
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _alive(child)
    finally:
        parent.kill()
        parent.communicate()
    deadline = time.monotonic() + 5
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)
