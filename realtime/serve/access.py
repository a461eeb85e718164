"""Who is let in: clients with the token, programs and pages of this service, and no page of another site."""

import re
import secrets
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import HTTPConnection

from realtime.addresses import is_loopback

PORT = re.compile(r":\d+$")


def check_caller(connection: HTTPConnection, *, loopback: bool) -> None:
    """Raise HTTPException for pages of other sites. With `loopback`, this machine must be called by a name of its own.

    A page of another site could make its own name mean this machine (DNS rebinding), and read the answers.
    """
    host = connection.headers.get("host", "").lower()
    if loopback and not is_loopback(PORT.sub("", host).removeprefix("[").removesuffix("]")):
        raise HTTPException(403, "call this service as 127.0.0.1 or localhost")
    origin = connection.headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host:
        raise HTTPException(403, "pages of other sites may not use this service")


def is_token(given: str, token: str | None) -> bool:
    """Whether a client gave the token, if there is one."""
    return token is None or secrets.compare_digest(given.encode(), token.encode())


def guard(token: str | None, *, loopback: bool) -> Callable[[Request], Awaitable[None]]:
    """The check before each request; see `check_caller`."""

    async def check(request: Request) -> None:
        check_caller(request, loopback=loopback)
        scheme, given = get_authorization_scheme_param(request.headers.get("authorization"))
        if not is_token(given if scheme.lower() == "bearer" else "", token):
            raise HTTPException(401, "give the token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    return check
