"""What clients send: bodies within their limits, and options that are right; and what they are told if not."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import HTTPException, Query, Request
from starlette.requests import ClientDisconnect

from realtime.serve.limits import Limits

BODY = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

ERRORS = {
    400: "a parameter is wrong, or the body is empty",
    401: "the token is missing or wrong",
    403: "called by a page of another site, or by another name",
    404: "there is no such video, or not any more",
    408: "the body did not arrive in time",
    409: "the video is not done",
    413: "too many bytes or pixels",
    422: "the body is not a photo that can be read",
    429: "the queue is full; Retry-After says when to come back",
}

LightWrap = Annotated[float, Query(ge=0, le=1, description="The background's light over the edges: 0 (off) to 1.")]
Options = TypeVar("Options")


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What these answers mean, for the description of a call."""
    return {code: {"description": ERRORS[code]} for code in codes}


async def receive(request: Request, take: Callable[[bytes], Any], *, most: int, seconds: float, what: str) -> None:
    """Hand the parts of a body to `take`: at most so many bytes, in so many seconds.

    Raises HTTPException if there are none, more, or not in time. `what`: the body should be the bytes of.
    """
    too_large = HTTPException(413, f"the body has more than {most / 1_000_000:g} MB; make it smaller")
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed[:20]) > most:
        raise too_large
    received = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                received += len(part)
                if received > most:
                    raise too_large
                take(part)
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended early") from error
    except TimeoutError as error:
        raise HTTPException(408, f"the body took more than {seconds:g} s; try again") from error
    if not received:
        raise HTTPException(400, f"the body is empty; send the bytes of a {what}")


async def read_body(request: Request, limits: Limits) -> bytes:
    """A photo, whole. Raises HTTPException as `receive` does; no more than the limit is held."""
    body = bytearray()
    await receive(request, body.extend, most=limits.bytes, seconds=limits.seconds, what="photo")
    return bytes(body)


def checked_value(make: Callable[..., Options], *values: object) -> Options:
    """Make options of values. Raises HTTPException where one is wrong."""
    try:
        return make(*values)
    except ValueError as error:
        raise HTTPException(400, " ".join(str(error).split())) from error  # one line, whatever a client sent
