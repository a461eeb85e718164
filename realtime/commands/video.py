"""`shm-video`: puts a new background behind the people in a video."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

import engines
from engines import Engine
from engines.commands.options import Backend, Model, Precision, Threads
from engines.commands.running import UsageError, run
from realtime.commands.stopping import stoppable
from realtime.compositing.backgrounds import Background, Fit, open_background
from realtime.compositing.composite import check_light_wrap, composite
from realtime.compositing.filters import Filter, Kept, LightWrap, Smooth, filters_of_stream
from realtime.compositing.temporal import DEFAULT
from realtime.inputs.video_file import VideoSource
from realtime.loop.matting import matte_stages
from realtime.loop.pipeline import Pipeline, Stage
from realtime.outputs.video_file import Preset, Sound, VideoSink
from realtime.packet import Packet

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video of any format that FFmpeg reads.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The video to write: .mp4, .mov or .mkv, in H.264.")],
    bg: Annotated[
        str, typer.Option(help="Put this behind: a picture, a video, a colour (a name or #rrggbb), or blur.")
    ] = "#00b140",
    fit: Annotated[Fit, typer.Option(help="How a picture or video behind is brought to the size of IN.")] = "cover",
    smooth: Smooth = DEFAULT,
    keep: Kept = "all",
    light_wrap: LightWrap = 0.0,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Copy the sound of IN, unchanged.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace OUT if it exists.")] = False,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality of OUT: 0 is lossless, 51 the worst.")] = 18,
    preset: Annotated[Preset, typer.Option(help="Slower makes a smaller file of the same quality.")] = "veryfast",
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Put a new background behind the people in a video; without --bg, a green screen.

    Every frame keeps its time, and the sound is copied. OUT appears when it is complete; Ctrl-C leaves nothing behind.
    A picture of odd height or width grows by one pixel, which H.264 needs; turned phone videos come out upright.

    [bold]Examples[/bold]

      shm-video talk.mp4 green.mp4

      shm-video talk.mp4 out.mp4 --bg beach.jpg

      shm-video talk.mp4 out.mp4 --bg waves.mp4 --fit contain

      shm-video talk.mp4 out.mkv --bg blur --crf 14 --preset slow

      shm-video talk.mp4 out.mp4 --bg beach.jpg --keep largest --smooth 0.8
    """
    with stoppable(), ExitStack() as stack:
        # All that can be wrong with the input is told before the engine is made ready.
        refuse_own_input(target, source, bg)
        filters = filters_of_stream(keep, smooth)
        check_light_wrap(light_wrap)
        film = stack.enter_context(VideoSource(source))
        background = stack.enter_context(open_background(bg, fit=fit))
        sound = None
        if audio and film.audio:
            sound = stack.enter_context(closing(Sound(source, origin=film.origin)))
        sink = VideoSink(
            target,
            width=film.width,
            height=film.height,
            rate=film.rate,
            time_base=film.time_base,
            pixel_aspect=film.pixel_aspect,
            crf=crf,
            preset=preset,
            sound=sound,
            metadata=film.metadata,
            overwrite=overwrite,
        )
        with sink:
            engine = stack.enter_context(closing(engines.load(backend, threads=threads, precision=precision, model=model)))
            start = time.perf_counter()
            frames = edit(film, engine, background, sink, filters=filters, light_wrap=light_wrap)
        seconds = time.perf_counter() - start
    if film.damaged:
        console.print(f"{source}: {film.damaged} damaged parts were left out", markup=False)
    speed = f"{frames} frames in {seconds:.1f} s, {frames / seconds:.1f} frames/s"
    console.print(f"{target}: {speed} ({engine.name} {engine.precision}, {engine.device})", markup=False)


def edit(
    film: VideoSource,
    engine: Engine,
    background: Background,
    sink: VideoSink,
    *,
    filters: Sequence[Filter] = (),
    light_wrap: float = 0.0,
) -> int:
    """Mattes, composites and encodes all frames, with a progress bar; returns how many there were."""

    def compose(packet: Packet) -> None:
        packet.picture = composite(packet, background.frame(packet), light_wrap=light_wrap)

    frames = 0
    stages = [*matte_stages(engine, filters), Stage("composite", compose), Stage("encode", sink.write)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(sink.path.name, total=film.frames)
        with Pipeline(film, stages) as pipeline:
            for _ in pipeline:
                frames += 1
                progress.advance(task)
    return frames


def refuse_own_input(target: Path, source: Path, bg: str) -> None:
    """Raises UsageError where writing `target` would replace the video itself or what stands behind it, through links too."""
    for role, path in (("IN", source), ("--bg", Path(bg).expanduser())):
        try:
            same = target.samefile(path)
        except OSError:  # one of the two is not there, which is told where it is opened
            continue
        if same:
            raise UsageError(f"{target}: is the same file as {role} {path}; name another file to write")


class Speed(ProgressColumn):
    """Frames per second of the last half minute."""

    def render(self, task: Task) -> Text:
        """The text of the column."""
        return Text("" if task.speed is None else f"{task.speed:.1f} frames/s")


def main() -> None:
    """The command `shm-video`."""
    run(app)


if __name__ == "__main__":
    main()
