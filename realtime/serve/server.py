"""Running the service: the socket, and a clean stop."""

import asyncio
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from engines.errors import MediaError

LAST_REQUESTS = 60  # s in which requests that were taken may end after SIGTERM or Ctrl-C


def listen(host: str, port: int) -> socket.socket:
    """Open the socket, before anything slow is done. Raises MediaError where that fails. Port 0 takes a free one."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        opened = socket.create_server((host, port), family=family, backlog=2048)
        # Its connections inherit it. asyncio sets it where a socket names its protocol, which this one does not; without it, a
        # client that keeps its connection gets each answer's body 40 ms after the head.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened
    except (OSError, OverflowError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MediaError(f"{host}, port {port}: cannot be served on ({reason}); choose another address or port") from error


def serve(app: FastAPI, opened: socket.socket) -> None:
    """Serve until a signal comes, which is raised again when the requests that were taken have ended.

    A terminal that closes counts as SIGTERM: uvicorn would be torn from its loop, and the videos' thread go on for ever.
    """
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    uvicorn.Server(configured(app)).run(sockets=[opened])


def configured(app: FastAPI) -> uvicorn.Config:
    """The settings of the server. Its WebSockets take no message before the last one was read, and compress no JPEG."""
    return uvicorn.Config(
        CutOffRequests(app),
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=LAST_REQUESTS,
        ws=WebSocketsSansIOProtocol,
        ws_per_message_deflate=False,
    )


class CutOffRequests:
    """Tells a client whose request is cut off that the service ends: by a second Ctrl-C, or after `LAST_REQUESTS`.

    Without it each is a traceback in the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] == "http" and not begun:
                answer = JSONResponse({"detail": "the service is ending; try again later"}, 503, {"Connection": "close"})
                await answer(scope, receive, send)
