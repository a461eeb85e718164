"""What clients send: bodies within their limits, and options that are right; and what they are told if not."""

import asyncio
import errno
import logging
import reprlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Literal, TypeVar

from fastapi import HTTPException, Query, Request
from python_multipart.exceptions import FormParserError
from starlette.requests import ClientDisconnect

from realtime.serve.forms import WRONG, Form, boundary_of

log = logging.getLogger(__name__)

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
TOLD_FULL = "the disk of the service is full; try again later, or send less"
ERRORS = {
    400: "a parameter, a header or a form is wrong or unknown, or a file is empty",
    401: "the token is missing or wrong",
    403: "called by a page of another site, or by another name",
    404: "there is no such video, or not any more",
    408: "the body did not arrive in time",
    409: "the video is not done",
    413: "too many bytes or pixels",
    416: "the file is shorter than the Range",
    422: "a file cannot be read, or is of the wrong shape",
    429: "the queue is full; Retry-After says when to come back",
    507: "the disk of the service is full",
}

LightWrap = Annotated[float, Query(ge=0, le=1, description="The background's light over the edges: 0 (off) to 1.")]
Model = Annotated[Literal["base", "large"] | None, Query(description="base, or large: finer mattes, in over twice the time.")]
Options = TypeVar("Options")


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """What these answers mean, for the description of a call."""
    return {code: {"description": ERRORS[code]} for code in codes}


def body(*parts: str, needed: int = 1) -> dict[str, Any]:
    """The body of a call, for its description: the bytes of the first part, or a form. For the rest see `receive`."""
    file = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": dict.fromkeys(parts, file), "required": list(parts[:needed])}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if needed == 1:
        content["application/octet-stream"] = {"schema": file}
    return {"requestBody": {"required": True, "content": content}}


async def receive(request: Request, folder: Path, parts: Sequence[str], *, needed: int = 1, most: int, seconds: float) -> None:
    """Store a body in a folder: at most so many bytes, in so many seconds.

    `parts`: the names of the files of a form, which are the names in the folder too; a body that is no form is the first of
    them. So many of the first as are `needed` are there afterwards, and no file is empty. Raises HTTPException if the body is
    empty, wrong, larger or late.
    """
    too_large = HTTPException(413, f"the body has more than {most / 1_000_000:g} MB; make it smaller")
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed[:20]) > most:
        raise too_large
    received = 0
    try:
        boundary = boundary_of(request.headers.get("content-type", ""))
        form = None if boundary is None else Form(boundary, folder, parts)
        storing: AbstractContextManager[Any] = (folder / parts[0]).open("wb") if form is None else form
        async with asyncio.timeout(seconds):
            with storing as file:
                async for part in request.stream():
                    received += len(part)
                    if received > most:
                        raise too_large
                    file.write(part)
        if form is not None:
            form.finish()
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended early") from error
    except TimeoutError as error:
        raise HTTPException(408, f"the body took more than {seconds:g} s; try again") from error
    except ValueError as error:
        raise HTTPException(400, WRONG if isinstance(error, FormParserError) else str(error)) from error
    for index, name in enumerate(parts):
        path = folder / name
        if not path.stat().st_size if path.exists() else index < needed:
            raise HTTPException(400, f"the {name} is missing or empty; send its bytes")


async def known_parameters(request: Request) -> None:
    """The check before a request with a body that no option of it is misspelt, and so without effect.

    Raises HTTPException for a query parameter that the description of the call does not have.
    """
    described = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    names = sorted(each["name"] for each in described.get("parameters", ()) if each["in"] == "query")
    for name in request.query_params:
        if name not in names:
            remedy = f"use {', '.join(names)}" if names else "this call takes none"
            raise HTTPException(400, f"{reprlib.repr(name)[1:-1]}: is no parameter of this call; {remedy}")


def checked_value(make: Callable[..., Options], *values: object) -> Options:
    """Make options of values. Raises HTTPException where one is wrong."""
    try:
        return make(*values)
    except ValueError as error:
        raise HTTPException(400, " ".join(str(error).split())) from error  # one line, whatever a client sent


def disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, is that no more could be stored. It is then logged."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            log.error("%s: has no room for what a client sent; make room, or name another folder in TMPDIR", gettempdir())
            return True
        error = error.__cause__
    return False
