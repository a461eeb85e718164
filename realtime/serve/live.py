"""Clients' cameras over WebSockets: frames in, pictures out, and the newest frame alone when there is no time for all.

The first message is JSON, the settings; later ones change them. Every other message is a frame. Each picture is preceded by the
number of its frame in four bytes, and what is wrong is told in JSON. After "bg": "own" the next message is the background.
"""

import asyncio
import itertools
import time
from fractions import Fraction

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect

from engines.engine import Engine
from engines.errors import MediaError
from realtime.serve.access import check_caller, is_token
from realtime.serve.bodies import TOLD_FULL, disk_full
from realtime.serve.limits import Limits
from realtime.serve.live_stream import LiveSettings, LiveStream, read_settings

REFUSED, BUSY = 1008, 1013  # codes of the protocol: against the rules, try again later
LONGEST_REASON = 123  # bytes, of the protocol
FIRST = 10.0  # s within which the settings have to come


class Ended(Exception):
    """The service ends a connection, and says why."""


class LiveClient:
    """One connection. What is read last is worked on next: what came before it and was not begun is dropped."""

    def __init__(self, socket: WebSocket, engine: Engine, limits: Limits, token: str | None) -> None:
        self._socket, self._engine, self._limits, self._token = socket, engine, limits, token
        self._newest: tuple[int, bytes, Fraction] | None = None
        self._came = asyncio.Event()

    async def run(self) -> None:
        """Serve until the client leaves, as WebSocketDisconnect, or the service is done with it, as Ended."""
        stream = LiveStream(self._engine, await self._first_settings(), max_pixels=self._limits.camera_pixels)
        tasks = [asyncio.create_task(self._read(stream)), asyncio.create_task(self._answer(stream))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()  # raises: neither ends otherwise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _first_settings(self) -> LiveSettings:
        text, _ = await self._receive(FIRST, "no settings")
        try:
            settings = read_settings(text or "")
        except ValueError as error:
            raise Ended(f"the first message is the settings, as JSON: {error}") from error
        if not is_token(settings.token, self._token):
            raise Ended("give the token in the settings")
        return settings

    async def _receive(self, seconds: float, what: str) -> tuple[str | None, bytes]:
        try:
            async with asyncio.timeout(seconds):
                message = await self._socket.receive()
        except TimeoutError as error:
            raise Ended(f"{what} came for {seconds:g} s") from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1005)
        return message.get("text"), message.get("bytes") or b""

    async def _read(self, stream: LiveStream) -> None:
        numbers = itertools.count()
        while True:
            text, data = await self._receive(self._limits.camera_idle, "no frame")
            try:
                if text is not None:
                    stream.change(read_settings(text))
                elif stream.awaits_background:
                    await asyncio.to_thread(stream.take_background, data)
                else:
                    self._newest = next(numbers), data, Fraction(time.monotonic_ns(), 1_000_000_000)
                    self._came.set()
            except (ValueError, MediaError) as error:
                await self._socket.send_json({"detail": str(error)})
            except OSError as error:
                if not disk_full(error):
                    raise
                await self._socket.send_json({"detail": TOLD_FULL})

    async def _answer(self, stream: LiveStream) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            assert self._newest is not None
            number, data, moment = self._newest
            try:
                picture = await asyncio.to_thread(stream.picture, data, moment)
            except MediaError as error:
                await self._socket.send_json({"detail": str(error), "frame": number})
            else:
                await self._socket.send_bytes(number.to_bytes(4, "big") + picture)


def add_live(app: FastAPI, engine: Engine, limits: Limits, *, token: str | None, loopback: bool) -> None:
    """Add cameras to a service: at most `limits.cameras` at a time."""
    served: set[WebSocket] = set()

    @app.websocket("/v1/live")
    async def live(socket: WebSocket) -> None:
        try:
            check_caller(socket, loopback=loopback)
        except HTTPException:
            await socket.close(REFUSED)
            return
        await socket.accept()  # before it a browser learns no reason
        if len(served) >= limits.cameras:
            await socket.close(BUSY, f"{limits.cameras} cameras are served at a time; try again later")
            return
        served.add(socket)
        try:
            await LiveClient(socket, engine, limits, token).run()
        except Ended as ended:
            await socket.close(REFUSED, str(ended).encode()[:LONGEST_REASON].decode(errors="ignore"))
        except WebSocketDisconnect:
            pass
        finally:
            served.discard(socket)
