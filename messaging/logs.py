"""Logging of every process: one line an event, JSON, on standard error.

In a terminal the same events are ``key=value`` lines. The standard library's loggers go the
same way, so what a library says is masked and formatted like our own; what they hand over as
``extra`` are fields. Whoever works on a text binds its ids with structlog's context variables,
so that they are in every line, a library's too.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from messaging.masking import mask

# These say at INFO what our own events say better, with whole URLs in it.
_QUIET = ("httpx", "httpcore", "psycopg", "psycopg.pool", "uvicorn.access")
# These bring their own handlers, which would print every line a second time, unmasked.
_WITH_OWN_HANDLERS = (
    *("uvicorn", "uvicorn.error", "uvicorn.access"),
    *("sanic.root", "sanic.error", "sanic.access"),
)


def configure_logging(process: str, level: str = "INFO") -> None:
    """Set up logging for this process; calling it again replaces the earlier set-up.

    Start uvicorn with ``log_config=None``, or it puts its own handlers back.

    Args:
        process: ingress, rasa, worker, ...: the value of ``process`` in every line.
        level: DEBUG, INFO, WARNING or ERROR.

    Raises:
        ValueError: there is no such level.
    """
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        msg = f"there is no log level {level!r}: use DEBUG, INFO, WARNING or ERROR"
        raise ValueError(msg)

    def named(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        event["process"] = process
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                *shared,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask,
                _renderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    for name in _WITH_OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _renderer() -> Processor:
    if sys.stderr.isatty():
        # Its default for exceptions prints local variables, which hold texts and numbers.
        return structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    return structlog.processors.JSONRenderer()
