"""Twilio's webhooks as data: fields of a form, of a query or of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from connectors.gateways.base import Media, WebhookRequest
from messaging.errors import MalformedRequest

MEDIA_MOST = 10
"""Files in one text at most."""


class Form(dict[str, list[str]]):
    """Fields with all their values, as the validator reads them."""

    @classmethod
    def of(cls, fields: Sequence[tuple[str, str]]) -> Form:
        """The form with these fields, blank ones included."""
        form = cls()
        for name, value in fields:
            form.setdefault(name, []).append(value)
        return form

    def getall(self, name: str) -> list[str]:
        """All values of a field."""
        return self[name]


def is_json(request: WebhookRequest) -> bool:
    """Whether the body is JSON rather than a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip() == "application/json"


def text_of(body: bytes) -> str:
    """The body as text.

    Raises:
        MalformedRequest: it is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest("the body is not UTF-8") from error


def fields_of(request: WebhookRequest) -> dict[str, str]:
    """The fields, wherever they stand; of a repeated one the last.

    Raises:
        MalformedRequest: the body cannot be read.
    """
    if request.method == "GET":
        return dict(request.query())
    if is_json(request):
        return {name: str(value) for name, value in request.json().items() if value is not None}
    return dict(request.form())


def needed(fields: Mapping[str, str], name: str) -> str:
    """A field that is always there.

    Raises:
        MalformedRequest: it is not.
    """
    value = fields.get(name, "").strip()
    if not value:
        raise MalformedRequest(f"{name} is missing")
    return value


def uuid_of(written: str) -> UUID | None:
    """An id of ours; None where it is something else."""
    try:
        return UUID(written)
    except ValueError:
        return None


def opt_out_type_of(fields: Mapping[str, str]) -> str | None:
    """What Advanced Opt-Out took a text for, and answered it as; None where it did not.

    The field is there only with Advanced Opt-Out:
    https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out (read 2026-11-26).
    """
    given = fields.get("OptOutType", "").strip().upper()
    return given if given in {"STOP", "START", "HELP"} else None


def media_of(fields: Mapping[str, str]) -> tuple[Media, ...]:
    """The files of a text.

    Raises:
        MalformedRequest: ``NumMedia`` is not a number.
    """
    written = fields.get("NumMedia") or "0"
    if not (written.isascii() and written.isdigit()):
        raise MalformedRequest("NumMedia is not a number")
    return tuple(
        Media(url, fields.get(f"MediaContentType{index}", ""))
        for index in range(min(int(written), MEDIA_MOST))
        if (url := fields.get(f"MediaUrl{index}"))
    )
