"""What the API answers when it cannot do what was asked: problem details (RFC 9457).

ApiError
├── Malformed          400  not JSON, or none that a database can keep
├── Unauthenticated    401  no key, or one that is none (any more)
├── ScopeMissing       403  the key is for other things
├── NotFound           404
├── WrongMethod        405
├── Conflict           409  the rules forbid it; nothing was or will be sent
├── TooLarge           413
├── WrongType          415  not what this address takes
├── Invalid            422  readable, and wrong
│   └── KeyReused      422  the idempotency key stands for another request
├── RateLimited        429  too many requests with one key
├── Broken             500
└── Away               503  PostgreSQL does not answer; nothing was done
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from console.model import Model
from messaging.errors import DatabaseUnavailable, LinnetError, UnknownSender
from messaging.scheduling import WrongTime
from outreach.audience import BadAudience
from outreach.campaigns import BadCampaign, UnknownCampaign, WrongStep
from outreach.templates import UnknownTemplate, WrongVariables

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
AGAIN_SECONDS = 5
"""When to come back after the database was away."""


class FieldProblem(Model):
    """What is wrong with one part of a request."""

    field: str
    message: str


class Problem(Model):
    """Problem details, RFC 9457."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "Conflict",
                "status": 409,
                "code": "notice.opted-out",
                "staff": "This customer has opted out of our texts.",
                "detail": "nothing was sent",
                "retry": False,
            }
        }
    )

    title: str
    status: int
    code: str
    """Stable; docs/api.md lists them."""
    staff: str
    """One sentence for the front desk."""
    detail: str
    """One sentence for engineers."""
    retry: bool
    """Whether the same request can succeed later."""
    errors: list[FieldProblem] | None = None
    id: str | None = None
    """Of the notification, where there is one on record."""


class ApiError(LinnetError):
    """The root.

    Attributes:
        status: of the answer.
        headers: of the answer.
        members: of the problem besides those that all have.
    """

    status: ClassVar[int] = 400
    code = "api.error"

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers, self.members = dict(headers or {}), dict(members or {})


class Malformed(ApiError):
    """Not JSON, or none that can be kept."""

    code = "api.malformed"
    staff = "The other system sent something that cannot be read."


class Unauthenticated(ApiError):
    """No key, or one that is none (any more)."""

    status = 401
    code = "api.unauthenticated"
    staff = "The other system has no valid key for Linnet."

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ScopeMissing(ApiError):
    """The key is for other things."""

    status = 403
    code = "api.scope-missing"
    staff = "The other system's key is not for this."


class NotFound(ApiError):
    """There is no such thing."""

    status = 404
    code = "api.not-found"
    staff = "There is no such thing."


class WrongMethod(ApiError):
    """Not a method of this address."""

    status = 405
    code = "api.wrong-method"
    staff = "The other system asked in a way that Linnet does not know."


class TooLarge(ApiError):
    """A longer body than any request needs."""

    status = 413
    code = "api.too-large"
    staff = "The other system sent more than can be taken."


class WrongType(ApiError):
    """The body is not what this address takes."""

    status = 415
    code = "api.wrong-type"
    staff = "The other system sent something of another kind than is taken."


class Invalid(ApiError):
    """Readable, and wrong."""

    status = 422
    code = "api.invalid"
    staff = "The other system asked for something that cannot be done as it stands."


class KeyReused(ApiError):
    """An idempotency key stands for another request."""

    status = 422
    code = "api.idempotency-key-reused"
    staff = "The other system mixed up two requests."


class RateLimited(ApiError):
    """Too many requests with one key."""

    status = 429
    code = "api.rate-limited"
    staff = "The other system asks too often."
    retry = True


class Broken(ApiError):
    """What nobody thought of; the log has the rest."""

    status = 500
    code = "api.broken"
    staff = "Something went wrong in Linnet."
    retry = True


STATUS: Mapping[type[LinnetError], int] = {
    UnknownTemplate: 422,
    WrongVariables: 422,
    UnknownSender: 422,
    WrongTime: 422,
    UnknownCampaign: 404,
    WrongStep: 409,
    BadCampaign: 422,
    BadAudience: 422,
    DatabaseUnavailable: 503,
}
"""Of errors that are not the API's own."""


def content_of(
    status: int, code: str, staff: str, detail: str, *, retry: bool = False
) -> dict[str, Any]:
    """Problem details.

    Args:
        status: of HTTP.
        code: stable.
        staff: one sentence for the front desk.
        detail: one sentence for engineers.
        retry: whether the same request can succeed later.
    """
    return {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "staff": staff,
        "detail": detail,
        "retry": retry,
    }


def of_error(error: LinnetError) -> JSONResponse:
    """The answer that says what went wrong."""
    own = error if isinstance(error, ApiError) else ApiError(error.detail)
    headers = dict(own.headers)
    if isinstance(error, DatabaseUnavailable):
        headers["Retry-After"] = str(AGAIN_SECONDS)
    status = STATUS.get(type(error), own.status)
    content = content_of(status, error.code, error.staff, error.detail, retry=error.retry)
    return JSONResponse(content | own.members, status, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let every error be answered with problem details.

    Args:
        app: the API.
    """

    @app.exception_handler(LinnetError)
    async def known(_: Request, error: LinnetError) -> JSONResponse:
        return of_error(error)

    @app.exception_handler(psycopg.OperationalError)
    @app.exception_handler(PoolTimeout)
    async def away(_: Request, error: Exception) -> JSONResponse:
        log.warning("api.database-away", error=type(error).__name__)
        return of_error(DatabaseUnavailable("PostgreSQL does not answer; nothing was done"))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return of_error(_invalid(error.errors()))

    @app.exception_handler(HTTPException)
    async def routing(_: Request, error: HTTPException) -> JSONResponse:
        method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        kind = WrongMethod if method else NotFound
        said = "this address takes another method" if method else "there is no such address"
        return of_error(kind(said, headers=error.headers))


def _invalid(errors: Sequence[Any]) -> Invalid:
    found = [
        {
            "field": ".".join(map(str, one["loc"][1:] or one["loc"])),
            # What was given is not said again: it may be words of a text.
            "message": one["msg"].removeprefix("Value error, "),
        }
        for one in errors
    ]
    said = "; ".join(f"{one['field']}: {one['message']}" for one in found)
    return Invalid(said, members={"errors": found})
