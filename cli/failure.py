"""Failures as the user reads them: one sentence that says what is wrong and what to do."""

from __future__ import annotations


class Failure(Exception):
    """What ends a command; the message is the sentence."""


class NotReady(Failure):
    """A part of the stack did not become healthy."""


def sentence(error: BaseException) -> str:
    """What to print for any error."""
    if isinstance(error, Failure) or type(error).__module__.startswith(
        ("messaging.", "database.", "practice.")
    ):
        return str(error)
    if type(error).__module__.startswith("psycopg"):
        return f"The database does not answer: {first_line(str(error))}"
    told = first_line(str(error)) or "no details"
    return f"{type(error).__name__}: {told} (LINNET_DEBUG=1 shows where)"


def first_line(text: str) -> str:
    """The first line that is not blank."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
