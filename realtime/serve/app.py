"""The HTTP service: its addresses, and how errors become answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import fastapi_offline
from fastapi import Depends, FastAPI, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

import engines
from engines.engine import Engine
from engines.errors import MediaError, TooManyPixels
from realtime.scratch import remove_left, scratch_folder
from realtime.serve.access import guard
from realtime.serve.bodies import TOLD_FULL, LightWrap, Model, body, checked_value, disk_full, errors, known_parameters, receive
from realtime.serve.editing import BACKGROUND, PHOTO, PHOTO_TYPES, Made, PhotoEditor, PhotoFormat, PhotoOptions
from realtime.serve.limits import Limits
from realtime.serve.live import add_live
from realtime.serve.pages import add_page
from realtime.serve.refining import MASK, MaskRefiner
from realtime.serve.video_queue import VideoQueue
from realtime.serve.videos import add_videos
from realtime.serve.work_queue import QueueFull, Result, SharedEngines, WorkQueue

NOTES = "What of the photo is not in the answer; without this header, all is."
Keep = Annotated[str, Query(description="Who stays: all, largest, or the person at X,Y in pixels or per cent.", max_length=100)]
Background = Annotated[
    str | None,
    Query(
        description="A colour, blur, blur:2, checkerboard, or none, which leaves the old one; without it, a cut-out.",
        max_length=100,
    ),
]

Format = Annotated[PhotoFormat, Query(description="Of the answer. A cut-out needs png.")]
Refined = Annotated[Literal["alpha", "cutout"], Query(description="The matte in grey, or the people cut out.")]


def create_app(
    engine: Engine,
    *,
    limits: Limits,
    load: Callable[[str], Engine] | None = None,
    token: str | None = None,
    loopback: bool = True,
) -> FastAPI:
    """The service on an engine, which stays open.

    `load`: opens the engine of another model, which photos and videos may ask for. `token`: what clients must know; `loopback`:
    served to this machine only.
    """
    queue, previews = WorkQueue(limits.queue, engine.at_once), WorkQueue(limits.videos)
    shared = SharedEngines(engine, load)
    editor, videos = PhotoEditor(shared, max_pixels=limits.pixels), VideoQueue(shared, limits)
    refiner = MaskRefiner(shared.first, max_pixels=limits.pixels)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(remove_left)
        videos.open()
        try:
            with suppress(asyncio.CancelledError):  # a second Ctrl-C cuts this off, too: the threads would go on for ever
                yield
        finally:
            await asyncio.to_thread(videos.close)
            for each in (queue, previews):
                await asyncio.to_thread(each.close)
            shared.close()

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

    def call(*parts: str, needed: int = 1) -> dict[str, Any]:
        problems = errors(400, 401, 403, 408, 413, 422, 429, 507)
        dependencies = [*checked, Depends(known_parameters)]
        return {"dependencies": dependencies, "openapi_extra": body(*parts, needed=needed), "responses": problems}

    def picture(*parts: str, needed: int = 1, kinds: Sequence[str] = ("image/png",)) -> dict[str, Any]:
        made = call(*parts, needed=needed)
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
        notes = {"description": NOTES, "schema": {"type": "string"}}
        made["responses"][200] = {"content": content, "headers": {"Notes": notes}}
        return {**made, "response_class": Response}

    async def work(request: Request, parts: Sequence[str], edit: Callable[[Path], Result], *, needed: int = 1) -> Result:
        with queue.place(), scratch_folder() as folder:
            await receive(request, folder, parts, needed=needed, most=limits.bytes, seconds=limits.seconds)
            return await queue.run(lambda: edit(folder))

    def answer(made: Made, kind: str = "image/png") -> Response:
        told = {"Notes": "; ".join(made.notes)} if made.notes else {}
        return Response(made.data, media_type=kind, headers={"Cache-Control": "no-store", **told})

    @app.post(
        "/v1/image",
        summary="Cut people out of a photo, or change the background",
        **picture(PHOTO, BACKGROUND, kinds=tuple(PHOTO_TYPES.values())),
    )
    async def image(
        request: Request,
        bg: Background = None,
        light_wrap: LightWrap = 0.0,
        keep: Keep = "all",
        model: Model = None,
        format: Format = "png",
    ) -> Response:
        options = checked_value(PhotoOptions, bg, light_wrap, keep, checked_value(shared.named, model), format)

        def edit(folder: Path) -> Made:
            return checked_value(editor.image, folder, options)

        return answer(await work(request, (PHOTO, BACKGROUND), edit), PHOTO_TYPES[format])

    @app.post("/v1/alpha", summary="The alpha matte of a photo, in grey", **picture(PHOTO))
    async def alpha(request: Request, keep: Keep = "all", model: Model = None) -> Response:
        options = checked_value(PhotoOptions, None, 0.0, keep, checked_value(shared.named, model))
        return answer(await work(request, (PHOTO,), lambda folder: editor.alpha(folder, options)))

    @app.post("/v1/refine", summary="The fine matte of a photo and a coarse mask", **picture(PHOTO, MASK, needed=2))
    async def refine(request: Request, show: Refined = "alpha") -> Response:
        refined = await work(request, (PHOTO, MASK), lambda folder: refiner.refined(folder, cut_out=show == "cutout"), needed=2)
        return answer(refined)

    @app.post("/v1/steps", summary="What each network makes of a photo, or of a mask", **call(PHOTO, MASK))
    async def steps(request: Request) -> dict[str, str | dict[str, float]]:
        return await work(request, (PHOTO, MASK), refiner.steps)

    @app.head("/v1/health", include_in_schema=False, dependencies=checked)  # for watchdogs, such as wget --spider
    @app.get("/v1/health", summary="What runs here, how full the queue is, and the limits", dependencies=checked)
    async def health() -> dict[str, str | int]:
        names = {"backend": engine.name, "device": engine.device, "precision": engine.precision, "model": engine.model}
        most = {"max_bytes": limits.bytes, "max_video_bytes": limits.video_bytes}
        return {"version": engines.__version__, **names, "requests": queue.held, "queue": limits.queue, **most}

    add_page(app)
    add_live(app, shared.first, limits, token=token, loopback=loopback)
    add_videos(app, videos, previews, shared, limits, checked)
    app.add_exception_handler(QueueFull, _queue_full)
    app.add_exception_handler(MediaError, _unreadable)
    app.add_exception_handler(OSError, _failed_write)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    return app


async def _queue_full(_: Request, error: Exception) -> Response:
    seconds = error.seconds if isinstance(error, QueueFull) else 1
    return JSONResponse({"detail": str(error)}, 429, {"Retry-After": str(seconds)})


async def _unreadable(_: Request, error: Exception) -> Response:
    if disk_full(error):
        return JSONResponse({"detail": TOLD_FULL}, 507)
    return JSONResponse({"detail": str(error)}, 413 if isinstance(error, TooManyPixels) else 422)


async def _wrong_parameter(_: Request, error: Exception) -> Response:
    wrong = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": "is wrong"}
    return JSONResponse({"detail": f"{wrong['loc'][-1] if wrong['loc'] else 'request'}: {wrong['msg']}"}, 400)


async def _failed_write(_: Request, error: Exception) -> Response:
    if not disk_full(error):
        raise error
    return JSONResponse({"detail": TOLD_FULL}, 507)
