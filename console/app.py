"""The API: puts its routes together.

It starts and answers without the database too; requests that need it are answered 503 then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from console import campaign_routes, notifications, previews, template_list
from console.context import CONNECT_SECONDS, Context, Given
from console.model import Model
from console.openapi import document
from console.problems import add_handlers
from console.request_guard import RequestGuard


class Health(Model):
    """Whether it can do what it is for."""

    status: str
    database: bool


def make_app(context: Context) -> FastAPI:
    """The application.

    Args:
        context: what it works with.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await context.pool.open(wait=False)
        yield
        await context.pool.close()

    app = FastAPI(
        title="Linnet",
        version=version("linnet"),
        description="Texts that nobody asked for: sent and followed by other systems.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.context = context
    app.add_middleware(RequestGuard)
    add_handlers(app)
    app.include_router(previews.router)
    app.include_router(notifications.router)
    app.include_router(template_list.router)
    app.include_router(campaign_routes.router)
    app.get(
        "/api/health",
        tags=["health"],
        response_model=Health,
        responses={503: {"model": Health, "description": "The database does not answer."}},
    )(show_health)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


async def show_health(context: Given) -> JSONResponse:
    """Whether it can do what it is for; needs no key."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
                await connection.execute("SELECT 1")
    except Exception:  # noqa: BLE001  whatever it is, the answer is no
        return JSONResponse({"status": "down", "database": False}, 503)
    return JSONResponse({"status": "ok", "database": True})
