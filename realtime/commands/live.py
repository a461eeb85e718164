"""`shm-live`: a webcam, a stream or a video with a new background, as it happens."""

import sys
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Closer, Model, Overwrite, Precision, Threads, load_engine, size_option
from engines.commands.running import UsageError, run
from engines.errors import MediaError
from engines.geometry import Size
from realtime.addresses import without_password
from realtime.choices import HOLD, MAX_PIXELS, SMOOTH, PipeFormat, View
from realtime.commands.checks import (
    blaming,
    in_options,
    interlaced,
    notify,
    refuse_existing,
    refuse_inputs,
    refuse_without_background,
)
from realtime.commands.options import (
    BACKGROUND_HELP,
    MAX_MEGAPIXELS,
    MEGAPIXEL,
    FitOption,
    KeepOption,
    LightWrapOption,
    MaxMegapixelsOption,
    SmoothOption,
)

if TYPE_CHECKING:
    from realtime.inputs.live_source import LiveSource

ANY = "any"  # what `--virtual-camera` means without a value
DEFAULT_VALUES = {"--webcam": "0", "--virtual-camera": ANY}  # of options whose value may be left out
USUAL_RATE = Fraction(30)  # frames/s of outputs if the source's rate is unknown

app = command_app()


@app.command()
def live(
    webcam: Annotated[
        str | None, typer.Option(metavar="[CAMERA]", help="Number, path or name of a camera; by default 0.")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option("--input", metavar="VIDEO|URL", help="A video file at its own pace, or a stream: RTSP, HTTP, SRT, ..."),
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start the video again at its end.")] = False,
    list_cameras: Annotated[bool, typer.Option("--list-cameras", help="List cameras with their sizes and rates.")] = False,
    size: Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Size of the frames, such as 1280x720.")] = None,
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Frames a second to ask the camera for.")] = None,
    hold: Annotated[float, typer.Option(min=0, help="Seconds that the last picture stays while none comes.")] = HOLD,
    bg: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{BACKGROUND_HELP} Give it several times, or name a folder, to switch between them. By default blur."
        ),
    ] = None,
    fit: FitOption = "cover",
    smooth: SmoothOption = SMOOTH,
    keep: KeepOption = "all",
    light_wrap: LightWrapOption = 0.0,
    mirror: Annotated[bool, typer.Option("--mirror", help="Flip the picture as a mirror does.")] = False,
    view: Annotated[View, typer.Option(help="What is shown at the start.")] = "picture",
    statistics: Annotated[bool, typer.Option("--statistics", help="Show the statistics from the start.")] = False,
    window: Annotated[bool, typer.Option("--window/--no-window", help="Show the picture in a window.")] = True,
    virtual_camera: Annotated[
        str | None, typer.Option(metavar="[DEVICE]", help="Be a camera for other programs; by default the first free one.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Record a video: .mp4, .mov, .mkv or .webm, without audio.")] = None,
    overwrite: Overwrite = False,
    pipe: Annotated[PipeFormat | None, typer.Option(help="Write the pictures to standard output.")] = None,
    snapshots: Annotated[Path, typer.Option(help="Folder for snapshots.")] = Path(),
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    closer: Closer = True,
    version: Version = False,
) -> None:
    """Put a new background behind the people before a webcam, in a stream or in a video, as it happens.

    The newest frame is always the next: delay never builds up. In the window q or Esc quits and h shows the other keys. The
    same words work as lines on standard input. Ctrl-C ends it, too, and completes a recording.

    \b
    Examples:
      shm-live --webcam
      shm-live --webcam /dev/video2 --size 1280x720 --bg beach.jpg --bg blur --mirror
      shm-live --webcam --bg beach.jpg --virtual-camera --no-window
      shm-live --webcam --record talk.mp4
      shm-live --input rtsp://192.168.1.20/stream --bg pictures/
      shm-live --input talk.mp4 --bg green --no-window --pipe y4m > talk.y4m
    """
    if list_cameras:
        from realtime.inputs.cameras import describe_cameras

        print("\n".join(describe_cameras()) or "there is no camera")
        return
    if (webcam is None) == (video is None):
        raise UsageError("name one source: --webcam, or --input VIDEO")
    if "" in (bg or []):  # which would be the folder that one is in
        raise UsageError("--bg: is empty; name a background, or leave it out")
    if not bg:
        refuse_without_background(fit=fit)  # blur takes the light wrap
    frame_size = None if size is None else size_option(size)
    if frame_size is not None and frame_size.height * frame_size.width > max_megapixels * MEGAPIXEL:
        raise UsageError(
            f"--size {size}: has more than {max_megapixels} megapixels; give a smaller one, or raise --max-megapixels"
        )
    if not snapshots.is_dir():
        raise UsageError(f"--snapshots {snapshots}: is not a folder; make it first")
    if record is not None:
        refuse_inputs(record, {"--input": Path(video)} if video else {})
        refuse_existing(record, overwrite=overwrite)

    from realtime.compositing.composite import check_light_wrap
    from realtime.compositing.filters import stream_filters
    from realtime.compositing.playlist import Playlist
    from realtime.inputs.network.connection import is_address
    from realtime.inputs.webcam import Webcam
    from realtime.loop.controls import LineReader
    from realtime.loop.following import compile_for_parts, follow
    from realtime.loop.live_session import LiveSession
    from realtime.loop.pace import load_for_pace
    from realtime.outputs.output import Output, VideoFormat
    from realtime.outputs.pipe import Pipe
    from realtime.outputs.recording import Recording
    from realtime.outputs.virtual_camera import open_virtual_camera
    from realtime.outputs.window import Window
    from realtime.paths import expand_home

    max_pixels = max_megapixels * MEGAPIXEL
    with blaming("--smooth"):
        filters = stream_filters(keep, smooth)
    with blaming("--light-wrap"):
        check_light_wrap(light_wrap)
    with ExitStack() as stack:
        others = (virtual_camera, record, pipe) != (None, None, None)
        window = window and has_display(needed=not others)
        if not window and not others:
            raise UsageError("--no-window: there would be no output; add --virtual-camera, --record or --pipe")
        if hold != HOLD and video is not None and not is_address(video):
            raise UsageError("--hold is for a camera or a stream; leave it out")
        rate = Fraction(fps).limit_denominator(1001) if fps else None
        source = stack.enter_context(
            open_source(webcam, video, loop=loop, size=frame_size, rate=rate, hold=hold, max_pixels=max_pixels)
        )
        with blaming("--bg", *(bg or [])):
            backgrounds = stack.enter_context(Playlist(bg or ["blur"], fit=fit, notify=notify, max_pixels=max_pixels))
        if record is not None:
            for spec in backgrounds.specs:
                refuse_inputs(record, {"--bg": expand_home(spec)})
        video_format = VideoFormat(source.width, source.height, rate or source.rate or USUAL_RATE)
        outputs: list[Output] = []
        if virtual_camera is not None:
            device = None if virtual_camera == ANY else virtual_camera
            own = source.path if isinstance(source, Webcam) else None
            with blaming("--virtual-camera", virtual_camera):
                outputs.append(stack.enter_context(open_virtual_camera(device, video_format, webcam=own)))
        if record is not None:
            with blaming("--record", str(record)):
                outputs.append(stack.enter_context(Recording(record, video_format, overwrite=overwrite, notify=notify)))
        if pipe is not None:
            with blaming("--pipe", pipe):
                outputs.append(stack.enter_context(Pipe(pipe, video_format, notify=notify)))
        engine = load_for_pace(
            partial(load_engine, backend, threads=threads, precision=precision, model=model, closer=closer),
            height=source.height,
            width=source.width,
            rate=float(video_format.rate),
        )
        stack.enter_context(engine)
        compile_for_parts(engine)
        hint = "press h in the window for the keys" if window else "type help for the controls"
        notify(f"{engine.name} {engine.precision} on {engine.device}; {hint}")
        title = f"shm-live: {source.name}"
        LiveSession(
            source,
            follow(engine),
            backgrounds,
            outputs,
            window=stack.enter_context(Window(title, width=source.width, height=source.height)) if window else None,
            lines=stack.enter_context(LineReader()),
            mirror=mirror,
            show_statistics=statistics,
            view=view,
            filters=filters,
            light_wrap=light_wrap,
            snapshots=snapshots,
            notify=notify,
        ).run()


def has_display(*, needed: bool) -> bool:
    """Whether there is a display for a window; if not, notify the user. Raises MediaError if one is needed."""
    from realtime.outputs.window import check_display

    try:
        check_display()
    except MediaError as error:
        if needed:
            raise
        notify(f"no window: {error}")
        return False
    return True


def open_source(
    webcam: str | None,
    video: str | None,
    *,
    loop: bool,
    size: Size | None,
    rate: Fraction | None,
    hold: float,
    max_pixels: int = MAX_PIXELS,
) -> "LiveSource":
    """Open the camera, the stream or the video that the user named. Raises UsageError if that fails."""
    from realtime.inputs.network.connection import SCHEMES, is_address, scheme_of
    from realtime.inputs.network_stream import NetworkStream
    from realtime.inputs.paced_video import PacedVideo
    from realtime.inputs.pictures import is_still
    from realtime.inputs.webcam import Webcam

    if video is None:
        assert webcam is not None
        if loop:
            raise UsageError("--loop is for a video; leave it out, or name one with --input")
        if Path(webcam).is_file():
            raise UsageError(f"--webcam {webcam}: is not a camera; for a video file use --input {webcam}")
        if is_address(webcam):  # as of a camera in the network
            raise UsageError(f"--webcam {without_password(webcam)}: is an address; name it with --input")
        with blaming("--webcam", webcam):
            return Webcam(webcam, size=size, rate=rate, hold=hold, notify=notify)
    if (video.isdecimal() and not Path(video).exists()) or video.startswith("/dev/video"):
        raise UsageError(f"--input {video}: is no video file; for a camera use --webcam {video}")
    if rate is not None:
        raise UsageError("--fps is for a camera; a video or a stream has its own rate")
    if scheme_of(video) and not is_address(video) and not Path(video).exists():
        shown = without_password(video)
        raise UsageError(f"--input {shown}: is no address that can be read; begin it with {', '.join(SCHEMES)}, or name a file")
    source: NetworkStream | PacedVideo
    with blaming("--input", video):
        if is_address(video):
            source = NetworkStream(
                video, loop=loop, size=size, hold=hold, notify=notify, max_pixels=max_pixels, explain=in_options
            )
        else:
            if Path(video).is_file() and is_still(Path(video), max_pixels=max_pixels):
                raise UsageError(f"--input {video}: is a picture, not a video; use shm-image for it")
            source = PacedVideo(Path(video), loop=loop, size=size, max_pixels=max_pixels, notify=notify)
    if source.interlaced:
        notify(interlaced(source.name))
    return source


def fill_in_values(arguments: list[str]) -> list[str]:
    """Add the default value after `--webcam` and the like: the option parser has no optional values."""
    filled = []
    for argument, following in pairwise([*arguments, "-"]):
        filled.append(argument)
        if argument in DEFAULT_VALUES and following.startswith("-"):
            filled.append(DEFAULT_VALUES[argument])
    return filled


def main() -> None:
    """Entry point of `shm-live`."""
    run(app, fill_in_values(sys.argv[1:]))


if __name__ == "__main__":
    main()
