"""The OpenAPI document: what each route answers, problems included."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from console.problems import MEDIA_TYPE, Problem

ANSWERS = frozenset({200, 202})
"""Of HTTP, where what was asked for was done; everything else is a problem."""

PROBLEMS = {
    400: "The body is not JSON, or none that a database can keep.",
    401: "No key, or one that is none (any more).",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    409: "The rules or its state forbid it; nothing is done.",
    413: "The body is too large.",
    415: "The body is not of the type that this address takes.",
    422: "Readable, and wrong; `errors` names the fields.",
    429: "Too many requests with this key; see Retry-After.",
    500: "Something that nobody thought of; ask again with the same Idempotency-Key.",
    503: "The database does not answer; nothing was done. See Retry-After.",
}
OF_EVERY_ROUTE = (400, 401, 403, 413, 415, 422, 429, 500, 503)

Responses = dict[int | str, dict[str, Any]]


def answers(*codes: int, also: Responses | None = None) -> Responses:
    """What a route with a key answers besides its own.

    Args:
        codes: of problems that not all routes have.
        also: answers that are no problems.
    """
    named = sorted({*OF_EVERY_ROUTE, *codes})
    return {code: {"model": Problem, "description": PROBLEMS[code]} for code in named} | (
        also or {}
    )


def document(app: FastAPI) -> dict[str, Any]:
    """The document, made once.

    Args:
        app: with all routes.
    """
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for operations in made["paths"].values():
            for operation in operations.values():
                for answer in operation["responses"].values():
                    said = answer["content"].get("application/json")
                    if said == {"schema": {"$ref": "#/components/schemas/Problem"}}:
                        answer["content"] = {MEDIA_TYPE: said}
        app.openapi_schema = made
    return app.openapi_schema
