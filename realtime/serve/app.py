"""The HTTP service: its addresses, and how errors become answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import fastapi_offline
from fastapi import Depends, FastAPI, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

import engines
from engines.engine import Engine
from engines.errors import MediaError, TooManyPixels
from realtime.serve.access import guard
from realtime.serve.bodies import BODY, LightWrap, checked_value, errors, read_body
from realtime.serve.editing import PhotoEditor, PhotoOptions
from realtime.serve.limits import Limits
from realtime.serve.shared_engine import SharedEngine
from realtime.serve.video_queue import VideoQueue
from realtime.serve.videos import add_videos
from realtime.serve.work_queue import QueueFull, WorkQueue

PAGE = Path(__file__).parent / "page.html"
POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; media-src blob:; frame-ancestors 'none'"
Keep = Annotated[str, Query(description="Who stays: all, largest, or the person at X,Y in pixels or per cent.", max_length=100)]
Background = Annotated[
    str | None,
    Query(description="A colour, blur, blur:2, checkerboard or none; without it, a cut-out.", max_length=100),
]


def create_app(engine: Engine, *, limits: Limits, token: str | None = None, loopback: bool = True) -> FastAPI:
    """The service on an engine, which stays open. `token`: what clients must know; `loopback`: served to this machine only."""
    queue, shared = WorkQueue(limits.queue), SharedEngine(engine)
    editor, videos = PhotoEditor(shared, max_pixels=limits.pixels), VideoQueue(shared, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        videos.open()
        yield
        await asyncio.to_thread(videos.close)
        await asyncio.to_thread(queue.close)

    app = fastapi_offline.FastAPIOffline(
        title="Semantic human matting",
        version=engines.__version__,
        description="Cuts the people out of photos and videos. Photos are not kept, videos for a while.",
        redoc_url=None,
        lifespan=lifespan,
    )
    checked = [Depends(guard(token, loopback=loopback))]
    if token is not None:  # the page at /docs then asks for it; who is let in, the guard decides
        checked.append(Security(HTTPBearer(auto_error=False)))
    png: dict[str, Any] = {
        "response_class": Response,
        "dependencies": checked,
        "openapi_extra": {"requestBody": BODY},
        "responses": {
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}, "description": "A PNG."},
            **errors(400, 401, 403, 408, 413, 422, 429),
        },
    }

    async def answer(request: Request, edit: Callable[[bytes], bytes]) -> Response:
        with queue.place():
            data = await read_body(request, limits)
            picture = await queue.run(lambda: edit(data))
        return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})

    @app.post("/v1/image", summary="Cut the people out of a photo, or put them on a background", **png)
    async def image(request: Request, bg: Background = None, light_wrap: LightWrap = 0.0, keep: Keep = "all") -> Response:
        options = checked_value(PhotoOptions, bg, light_wrap, keep)
        return await answer(request, lambda data: editor.image(data, options))

    @app.post("/v1/alpha", summary="The alpha matte of a photo, in grey", **png)
    async def alpha(request: Request, keep: Keep = "all") -> Response:
        options = checked_value(PhotoOptions, None, 0.0, keep)
        return await answer(request, lambda data: editor.alpha(data, options.keep))

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})

    @app.get("/v1/health", summary="What runs here, and how full the queue is", dependencies=checked)
    async def health() -> dict[str, str | int]:
        names = {"backend": engine.name, "device": engine.device, "precision": engine.precision, "model": engine.model}
        return {"version": engines.__version__, **names, "requests": queue.held, "queue": limits.queue}

    add_videos(app, videos, limits, checked)
    app.add_exception_handler(QueueFull, _queue_full)
    app.add_exception_handler(MediaError, _unreadable)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    return app


async def _queue_full(_: Request, error: Exception) -> Response:
    seconds = error.seconds if isinstance(error, QueueFull) else 1
    return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(seconds)})


async def _unreadable(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 413 if isinstance(error, TooManyPixels) else 422)


async def _wrong_parameter(_: Request, error: Exception) -> Response:
    wrong = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": "is wrong"}
    return JSONResponse({"detail": f"{wrong['loc'][-1] if wrong['loc'] else 'request'}: {wrong['msg']}"}, 400)
