"""Videos over HTTP: a body in, the address of a job out, and its result when it is done."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from realtime.choices import GREEN, MAX_SMOOTH, SMOOTH, OutputKind
from realtime.scratch import scratch_folder
from realtime.serve.bodies import ERRORS, LightWrap, Model, body, checked_value, errors, known_parameters, receive
from realtime.serve.editing import BACKGROUND
from realtime.serve.limits import Limits
from realtime.serve.previews import PREVIEW_TYPE, Previewer
from realtime.serve.video_queue import MEDIA_TYPES, VIDEO, ClientVideo, Suffix, VideoOptions, VideoQueue
from realtime.serve.work_queue import SharedEngines, WorkQueue

WRONG_RANGE = "Range: names no bytes of the file; write bytes=FIRST-LAST, or leave it out"
Job = dict[str, str | int | float | list[str] | None]

Background = Annotated[
    str, Query(description="A colour, blur, blur:2, checkerboard, or none, which leaves the old one.", max_length=100)
]
Keep = Annotated[str, Query(description="Who stays: all, largest, or the person at X,Y of the first frame.", max_length=100)]
Smooth = Annotated[float, Query(ge=0, le=MAX_SMOOTH, description="Strength of the temporal filter.")]
Show = Annotated[OutputKind, Query(description="What the result shows.")]
Format = Annotated[Suffix, Query(description="Of the result. A cutout needs webm, mov or mkv.")]


def add_videos(
    app: FastAPI, videos: VideoQueue, previews: WorkQueue, engines: SharedEngines, limits: Limits, checked: Sequence[Any]
) -> None:
    """Add the addresses of videos to a service.

    `previews`: the queue of these; `checked`: what is asked before each request.
    """
    common: dict[str, Any] = {"dependencies": checked, "tags": ["video"]}
    known_options = [*checked, Depends(known_parameters)]
    sent: dict[str, Any] = {**common, "dependencies": known_options, "openapi_extra": body(VIDEO, BACKGROUND)}
    of_known = errors(401, 403, 404)
    previewer = Previewer(engines, limits)

    async def chosen(
        bg: Background = GREEN,
        light_wrap: LightWrap = 0.0,
        keep: Keep = "all",
        smooth: Smooth = SMOOTH,
        show: Show = "composite",
        format: Format = "mp4",
        model: Model = None,
    ) -> VideoOptions:
        named = checked_value(engines.named, model)
        return checked_value(VideoOptions, bg, light_wrap, keep, smooth, show, format, named)

    Chosen = Annotated[VideoOptions, Depends(chosen)]

    async def receive_in(folder: Path, request: Request) -> None:
        await receive(request, folder, (VIDEO, BACKGROUND), most=limits.video_bytes, seconds=limits.video_upload)

    def known(name: str) -> ClientVideo:
        video = videos.get(name)
        if video is None:
            raise HTTPException(404, ERRORS[404])
        return video

    @app.post(
        "/v1/video",
        status_code=202,
        summary="Edit a video",
        responses=errors(400, 401, 403, 408, 413, 429, 507),
        **sent,
    )
    async def post(request: Request, response: Response, options: Chosen) -> Job:
        video = videos.place(options)
        try:
            await receive_in(video.folder, request)
            if await request.is_disconnected():  # it will never learn the name of the video
                raise HTTPException(400, "the client has left")
        except BaseException:
            videos.remove(video)
            raise
        videos.start(video)
        response.headers["Location"] = f"/v1/video/{video.name}"
        return described(video)

    @app.post(
        "/v1/video/preview",
        summary="The first seconds of a video, edited: a picture that moves",
        response_class=Response,
        responses=errors(400, 401, 403, 408, 413, 422, 429, 507)
        | {200: {"content": {PREVIEW_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
        **sent,
    )
    async def preview(request: Request, options: Chosen) -> Response:
        if "@" in options.keep:
            raise HTTPException(400, "keep: names a time, which a preview may not reach; leave it out")
        with previews.place(), scratch_folder() as folder:
            await receive_in(folder, request)
            made = await previews.run(lambda: previewer.preview(folder, options))
        return Response(made, media_type=PREVIEW_TYPE, headers={"Cache-Control": "no-store"})

    @app.get("/v1/video/{name}", summary="How far a video is", responses=of_known, **common)
    async def get(name: str) -> Job:
        return described(known(name))

    @app.head("/v1/video/{name}/result", include_in_schema=False, dependencies=checked)
    @app.get(
        "/v1/video/{name}/result",
        summary="The edited video",
        response_class=FileResponse,
        responses=of_known | errors(400, 409, 416),
        **common,
    )
    async def result(name: str) -> Response:
        video = known(name)
        if video.status != "done":
            raise HTTPException(409, f"the video is {video.status}{': ' * bool(video.detail)}{video.detail}")
        headers = {"Cache-Control": "no-store"}
        file = f"matte.{video.options.suffix}"
        return ResultFile(video.target, media_type=MEDIA_TYPES[video.options.suffix], filename=file, headers=headers)

    @app.delete("/v1/video/{name}", status_code=204, summary="Stop and delete a video", responses=of_known, **common)
    async def delete(name: str) -> None:
        videos.remove(known(name))


class ResultFile(FileResponse):
    """A file, or parts of it. A `Range` that it does not have is refused as all else is: FileResponse does so in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refused: Message | None = None

        async def in_json(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = message
            elif refused is None:
                await send(message)
            else:
                size = Headers(raw=refused["headers"]).get("content-range")  # of the file, where it has not what is asked for
                headers = {} if size is None else {"Content-Range": size}
                await JSONResponse({"detail": WRONG_RANGE}, refused["status"], headers)(scope, receive, send)

        await super().__call__(scope, receive, in_json)


def described(video: ClientVideo) -> Job:
    """A video as JSON; `seconds_left` and `total` null where they are not known."""
    left = video.seconds_left
    return {
        "id": video.name,
        "status": video.status,
        "frames": video.frames,
        "total": video.total,
        "seconds_left": None if left is None else round(left, 1),
        "detail": video.detail,
        "notes": [*video.notes],
    }
