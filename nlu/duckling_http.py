"""Duckling as a server, for machines without native Duckling.

The server is the one of https://github.com/facebook/duckling (`POST /parse`, form data), the same
that Rasa's own DucklingEntityExtractor asks. Its matches are the objects that native Duckling
gives; only the reference differs, which it takes in milliseconds. As in :mod:`nlu.duckling_child`
it is asked in UTC for what a clock on the wall shows, so that it needs no time zone data.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

from nlu.duckling import LIMIT_SECONDS, DucklingUnavailable, at_offset, safe, wall_seconds

MAX_BYTES = 1_000_000
OK = 200


class HttpDuckling:
    """Asks a Duckling server.

    Args:
        url: its base, such as "http://127.0.0.1:8000".
        limit_seconds: longest wait for the answer to one text, whatever the server does.

    Raises:
        ValueError: `url` is no http or https address.
    """

    def __init__(self, url: str, limit_seconds: float = LIMIT_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"{url!r} is not the address of a Duckling server; "
                "write one such as http://127.0.0.1:8000."
            )
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/").removesuffix("/parse") + "/parse"
        self._limit_seconds = limit_seconds

    def warm(self) -> None:
        """Nothing: the server runs already."""

    def close(self) -> None:
        """Nothing: no connection is kept."""

    def parse(self, text: str, reference: datetime, zone: str) -> list[dict[str, Any]]:
        """Times and durations that Duckling finds in a text.

        Arguments and result are those of :meth:`nlu.duckling.Duckling.parse`.

        Raises:
            DucklingUnavailable: after `limit_seconds`, or when the server gives no answer that
                can be used.
        """
        sent, local = safe(text), reference.astimezone(ZoneInfo(zone))
        form = urlencode({
            "text": sent,
            "locale": "en_US",
            "tz": "UTC",
            "dims": json.dumps(["time", "duration"]),
            "reftime": wall_seconds(local) * 1000,
        })  # fmt: skip
        answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        # In a thread: looking up the host and reading a slow answer have no limit of their own.
        threading.Thread(target=self._post, args=(form, answers), daemon=True).start()
        try:
            answer = answers.get(timeout=self._limit_seconds)
        except queue.Empty:
            raise DucklingUnavailable("the Duckling server took too long") from None
        if isinstance(answer, Exception):
            raise DucklingUnavailable(f"no answer from the Duckling server: {answer}") from answer
        try:
            return _matches(answer, len(sent), local)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DucklingUnavailable(
                f"the Duckling server answered what Duckling never does: {error!r}"
            ) from error

    def _post(self, form: str, answers: queue.SimpleQueue[bytes | Exception]) -> None:
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=self._limit_seconds)
        until = time.monotonic() + self._limit_seconds
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
            connection.request("POST", self._path, form, headers)
            with connection.getresponse() as response:
                body = b""
                while data := response.read1(65536):
                    body += data
                    if len(body) > MAX_BYTES or time.monotonic() > until:
                        raise OSError("its answer does not end")  # noqa: TRY301
            if response.status != OK:
                raise OSError(f"status {response.status}")  # noqa: TRY301
            answers.put(body)
        except Exception as error:  # noqa: BLE001  (whatever it is, the waiting thread tells it)
            answers.put(error)
        finally:
            connection.close()


def _matches(body: bytes, length: int, local: datetime) -> list[dict[str, Any]]:
    """The answer, when it is Duckling's."""
    matches: list[dict[str, Any]] = json.loads(body)
    if not isinstance(matches, list):
        raise TypeError("no list of matches")
    for match in matches:
        if not 0 <= match["start"] < match["end"] <= length:
            raise ValueError("offsets outside the text")
        match["body"].lower()
        value = match["value"]
        if match["dim"] == "duration":
            if not isinstance(value["normalized"]["value"], int):
                raise TypeError("a duration without seconds")
        elif value["type"] == "value":
            _check_moment(value)
        else:
            sides = [value[side] for side in ("from", "to") if value.get(side)]
            if not sides:
                raise ValueError("an interval without an end")
            for side in sides:
                _check_moment(side)
    moved: list[dict[str, Any]] = at_offset(matches, local)
    return moved


def _check_moment(value: dict[str, Any]) -> None:
    value["grain"].lower()
    datetime.fromisoformat(value["value"])
