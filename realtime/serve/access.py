"""Who is let in: clients with the token, programs and pages of this service, and no page of another site."""

import secrets
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request
from fastapi.security.utils import get_authorization_scheme_param

LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


def guard(token: str | None, *, loopback: bool) -> Callable[[Request], Awaitable[None]]:
    """The check before each request. With `loopback`, the service must have been called by a name of this machine itself.

    A page of another site could make its own name mean this machine (DNS rebinding), and read the answers.
    """

    async def check(request: Request) -> None:
        host = request.headers.get("host", "").lower()
        if loopback and host.rpartition(":")[0 if host.rpartition(":")[2].isdigit() else 2] not in LOOPBACK:
            raise HTTPException(403, "call this service as 127.0.0.1 or localhost")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower().partition("://")[2] != host:
            raise HTTPException(403, "pages of other sites may not use this service")
        if token is not None:
            scheme, given = get_authorization_scheme_param(request.headers.get("authorization"))
            if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), token.encode()):
                raise HTTPException(401, "give the token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    return check
