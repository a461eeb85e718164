"""`shm-live`: a webcam, a stream or a clip with a new background, as it happens."""

import sys
from contextlib import ExitStack, closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import engines
from engines.commands.options import Backend, Model, Precision, Threads
from engines.commands.running import UsageError, run
from engines.errors import MattingError
from realtime.commands.stopping import stoppable
from realtime.compositing.backgrounds import Fit
from realtime.compositing.composite import check_light_wrap
from realtime.compositing.filters import Kept, LightWrap, Smooth, filters_of_stream
from realtime.compositing.playlist import Choice
from realtime.compositing.temporal import DEFAULT
from realtime.compositing.views import View
from realtime.inputs.cameras import camera_lines
from realtime.inputs.live_source import HOLD, LiveSource, PacedClip
from realtime.inputs.network_stream import NetworkStream, is_address
from realtime.inputs.webcam import Webcam
from realtime.loop.controls import Lines
from realtime.loop.live_session import Show
from realtime.outputs.pipe import Pipe, PipeFormat
from realtime.outputs.recording import Form, Output, Recording
from realtime.outputs.virtual_camera import open_virtual_camera
from realtime.outputs.window import Window, check_display

ANY = "any"  # what `--virtual-camera` alone stands for
WITHOUT_VALUE = {"--webcam": "0", "--virtual-camera": ANY}  # options whose value may be left out
USUAL_RATE = Fraction(30)  # frames a second of outputs whose source does not tell

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def live(
    webcam: Annotated[
        str | None, typer.Option(metavar="[CAMERA]", help="Number, path or name of a camera; 0 unless told.")
    ] = None,
    clip: Annotated[
        str | None, typer.Option("--input", metavar="CLIP|URL", help="A video file at its own pace, or an RTSP or HTTP stream.")
    ] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start the clip again at its end.")] = False,
    list_cameras: Annotated[bool, typer.Option("--list-cameras", help="Show names, sizes and rates of cameras.")] = False,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="Size of the frames, such as 1280x720.")] = None,
    fps: Annotated[float | None, typer.Option(min=1, max=240, help="Frames a second to ask the camera for.")] = None,
    hold: Annotated[float, typer.Option(min=0, help="Seconds that the last picture stays when none comes.")] = HOLD,
    bg: Annotated[
        list[str] | None,
        typer.Option(
            help="Put this behind: a picture, a video, a folder of them, a colour, blur, blur:2 (stronger), checkerboard or"
            " none. Give it several times to switch between them. Blur unless told."
        ),
    ] = None,
    fit: Annotated[Fit, typer.Option(help="How a picture behind is brought to the frame's size.")] = "cover",
    smooth: Smooth = DEFAULT,
    keep: Kept = "all",
    light_wrap: LightWrap = 0.0,
    mirror: Annotated[bool, typer.Option("--mirror", help="Show it as a mirror does.")] = False,
    view: Annotated[View, typer.Option(help="What is shown from the start.")] = "picture",
    statistics: Annotated[bool, typer.Option("--statistics", help="Show the statistics from the start.")] = False,
    window: Annotated[bool, typer.Option("--window/--no-window", help="Show it in a window.")] = True,
    virtual_camera: Annotated[
        str | None, typer.Option(metavar="[DEVICE]", help="Be a camera for other programs; the first that is free unless told.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Keep it as a video: .mp4, .mov or .mkv, without sound.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace the recording if it exists.")] = False,
    pipe: Annotated[PipeFormat | None, typer.Option(help="Write the pictures to standard output.")] = None,
    snapshots: Annotated[Path, typer.Option(help="Folder that snapshots go to.")] = Path(),
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Put a new background behind the people before a webcam, in a stream or in a clip, as it happens.

    The newest frame is always the next: delay never builds up. In the window q or Esc quits and h shows the other keys. The
    same words work as lines on standard input. Ctrl-C ends it, too; a recording is finished.

    [bold]Examples[/bold]

      shm-live --webcam

      shm-live --webcam /dev/video2 --size 1280x720 --bg beach.jpg --bg blur --mirror

      shm-live --webcam --bg beach.jpg --virtual-camera --no-window

      shm-live --webcam --record talk.mp4

      shm-live --input rtsp://192.168.1.20/stream --bg pictures/

      shm-live --input talk.mp4 --bg green --no-window --pipe y4m > talk.y4m
    """
    if list_cameras:
        print("\n".join(camera_lines()) or "there is no camera")
        return
    if (webcam is None) == (clip is None):
        raise UsageError("name one source: --webcam, or --input CLIP")
    filters = filters_of_stream(keep, smooth)
    check_light_wrap(light_wrap)
    if not snapshots.is_dir():
        raise UsageError(f"--snapshots {snapshots}: is no folder; make it first")
    with stoppable(), ExitStack() as stack:
        others = (virtual_camera, record, pipe) != (None, None, None)
        window = window and has_display(needed=not others)
        if not window and not others:
            raise UsageError("--no-window: nothing would show; add --virtual-camera, --record or --pipe")
        rate = Fraction(fps).limit_denominator(1001) if fps else None
        source = stack.enter_context(open_source(webcam, clip, loop=loop, size=parse_size(size), rate=rate, hold=hold))
        backgrounds = stack.enter_context(Choice(bg or ["blur"], fit=fit, tell=tell))
        form = Form(source.width, source.height, rate or source.rate or USUAL_RATE)
        outputs: list[Output] = []
        if virtual_camera is not None:
            device = None if virtual_camera == ANY else virtual_camera
            own = source.path if isinstance(source, Webcam) else None
            outputs.append(stack.enter_context(open_virtual_camera(device, form, webcam=own)))
        if record is not None:
            outputs.append(stack.enter_context(Recording(record, form, overwrite=overwrite, tell=tell)))
        if pipe is not None:
            outputs.append(stack.enter_context(Pipe(pipe, form, tell=tell)))
        engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
        how = "h in the window shows the keys" if window else "the line 'help' shows what can be said"
        tell(f"{engine.name} {engine.precision} on {engine.device}; {how}")
        title = f"shm-live: {source.name}"
        show = Show(
            source,
            engine,
            backgrounds,
            outputs,
            window=stack.enter_context(Window(title, width=source.width, height=source.height)) if window else None,
            lines=stack.enter_context(closing(Lines())),
            mirror=mirror,
            statistics=statistics,
            view=view,
            filters=filters,
            light_wrap=light_wrap,
            snapshots=snapshots,
            tell=tell,
        )
        show.run()


def tell(line: str) -> None:
    """Says something to the user, on standard error. From any thread."""
    console.print(line, markup=False)


def has_display(*, needed: bool) -> bool:
    """Whether there is a display for a window; where there is none it is said. Raises UsageError where it is needed."""
    try:
        check_display()
    except MattingError as error:
        if needed:
            raise
        tell(f"no window: {error}")
        return False
    return True


def open_source(
    webcam: str | None, clip: str | None, *, loop: bool, size: tuple[int, int] | None, rate: Fraction | None, hold: float
) -> LiveSource:
    """The camera, the stream or the clip that the user named. Raises UsageError where it cannot be opened."""
    if clip is None:
        assert webcam is not None
        if loop:
            raise UsageError("--loop is for a clip; leave it out, or name one with --input")
        return Webcam(webcam, size=size, rate=rate, hold=hold, tell=tell)
    if rate is not None:
        raise UsageError("--fps is for a camera; a clip or a stream has its own rate")
    if is_address(clip):
        return NetworkStream(clip, loop=loop, size=size, hold=hold, tell=tell)
    return PacedClip(Path(clip), loop=loop, size=size)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "1280x720". Raises UsageError for anything else, and below 32 px."""
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 32):
        raise UsageError(f"--size {text}: is no size; write width x height of 32 px or more, such as 1280x720")
    return int(width), int(height)


def spelled_out(arguments: list[str]) -> list[str]:
    """Arguments with `--webcam` alone made `--webcam 0`, and so on: the option parser knows no optional values."""
    spelled = []
    for argument, following in pairwise([*arguments, "-"]):
        spelled.append(argument)
        if argument in WITHOUT_VALUE and following.startswith("-"):
            spelled.append(WITHOUT_VALUE[argument])
    return spelled


def main() -> None:
    """The command `shm-live`."""
    run(lambda: app(spelled_out(sys.argv[1:])))


if __name__ == "__main__":
    main()
