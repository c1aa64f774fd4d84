"""Who calls the API: bearer keys (RFC 6750) with scopes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from console.api_keys import ApiKey, Scope, authenticate, take
from console.context import CONNECT_SECONDS, Given
from console.problems import ScopeMissing, Unauthenticated

BEARER = HTTPBearer(
    scheme_name="apiKey",
    description=(
        "A key of `linnet keys create`. Scopes: " + ", ".join(f"`{scope}`" for scope in Scope) + "."
    ),
    auto_error=False,
)


async def _caller(
    request: Request,
    wanted: SecurityScopes,
    context: Given,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
) -> ApiKey:
    if given is None:
        raise Unauthenticated("send a key: Authorization: Bearer lk_...")
    now = context.clock.now()
    async with context.pool.connection(timeout=CONNECT_SECONDS) as connection:
        key = await authenticate(connection, given.credentials, now)
        request.state.caller = key.name
        await take(connection, key, context.requests_per_minute, now)
    missing = [scope for scope in wanted.scopes if scope not in key.scopes]
    if missing:
        raise ScopeMissing(f"this key lacks the scope {', '.join(missing)}")
    return key


MayWrite = Annotated[ApiKey, Security(_caller, scopes=[Scope.NOTIFICATIONS_WRITE.value])]
MAY_READ = Security(_caller, scopes=[Scope.NOTIFICATIONS_READ.value])
MayWriteCampaigns = Annotated[ApiKey, Security(_caller, scopes=[Scope.CAMPAIGNS_WRITE.value])]
MayApproveCampaigns = Annotated[ApiKey, Security(_caller, scopes=[Scope.CAMPAIGNS_APPROVE.value])]
MAY_READ_CAMPAIGNS = Security(_caller, scopes=[Scope.CAMPAIGNS_READ.value])
MAY_READ_TEMPLATES = Security(_caller, scopes=[Scope.TEMPLATES_READ.value])
