"""Which Duckling this machine has: a server, native in a child process, or none."""

from __future__ import annotations

import logging
import os
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Protocol

from nlu.duckling import Duckling
from nlu.duckling_http import HttpDuckling

logger = logging.getLogger(__name__)

URL_VARIABLE = "LINNET_DUCKLING_URL"


class TimesParser(Protocol):
    """What finds the rarer dates in a text."""

    def parse(self, text: str, reference: datetime, zone: str) -> list[dict[str, Any]]:
        """Matches as :meth:`nlu.duckling.Duckling.parse` gives them."""

    def warm(self) -> None:
        """Get ready, without waiting."""

    def close(self) -> None:
        """Let go of what is held."""


class NoDuckling:
    """Finds nothing: what :mod:`nlu.dates` reads by its own rules is all there is."""

    def parse(self, text: str, reference: datetime, zone: str) -> list[dict[str, Any]]:
        """No matches."""
        return []

    def warm(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def open_duckling(url: str | None) -> TimesParser:
    """The Duckling of this machine; says in the log which one.

    Args:
        url: base of a Duckling server, from config.yml; the environment's `LINNET_DUCKLING_URL`
            goes before it. Without either, native Duckling if its wheel is installed.

    Raises:
        ValueError: the address cannot be one.
    """
    url = os.environ.get(URL_VARIABLE) or url
    if url:
        server = HttpDuckling(url)
        logger.info("Dates: asking the Duckling server at %s.", url)
        return server
    if find_spec("duckling"):
        logger.info("Dates: native Duckling in a process of its own.")
        return Duckling()
    logger.warning(
        "Dates: native Duckling is not installed, so only our own rules read them. "
        "Run a Duckling server and set %s=http://its-address:8000 to read more.",
        URL_VARIABLE,
    )
    return NoDuckling()
