import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from nlu.duckling import Duckling, DucklingUnavailable

ZONE = "America/New_York"
NOW = datetime(2026, 3, 11, 10, tzinfo=ZoneInfo(ZONE))
HANGS = (
    "from 10.00am on Friday 15th April 2016 until 10.00am on Tuesday 19th April 2016",
    "3-4pm " * 12,
)


@pytest.fixture
def duckling() -> Iterator[Duckling]:
    native = Duckling()
    native.parse("tomorrow", NOW, ZONE)
    yield native
    native.close()


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
    assert time.monotonic() - begun < 0.6
    assert not _alive(before)
    assert duckling.parse("tomorrow", NOW, ZONE)[0]["value"]["value"].startswith("2026-03-12")
    assert duckling.child_id != before


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


def test_an_unknown_zone_is_an_error_and_the_child_lives(duckling):
    before = duckling.child_id
    with contextlib.suppress(DucklingUnavailable):
        duckling.parse("tomorrow", NOW, "Nowhere/Atall")
    assert duckling.parse("tomorrow", NOW, ZONE)
    assert duckling.child_id == before


def test_a_child_that_was_killed_is_replaced(duckling):
    os.kill(duckling.child_id, signal.SIGKILL)
    time.sleep(0.05)
    assert duckling.parse("tomorrow", NOW, ZONE)


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
        from nlu.duckling import Duckling
        native = Duckling(limit_seconds=60)
        native.parse("tomorrow", datetime.now(timezone.utc), "{ZONE}")
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
