"""`shm-video`: puts a new background behind the people in a video."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError, run
from realtime.choices import SMOOTH
from realtime.commands.checks import blaming, interlaced, naming_options, notify, refuse_existing, refuse_inputs
from realtime.commands.encoding import (
    OUT_HELP,
    CodecOption,
    CrfOption,
    OutputKindOption,
    PremultipliedOption,
    PresetOption,
    check_output_kind,
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

GREEN = "#00b140"  # screen

app = command_app()


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video of any format that FFmpeg reads.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=OUT_HELP)],
    bg: Annotated[str | None, typer.Option(help=f"{BACKGROUND_HELP} By default a green screen.")] = None,
    output_kind: OutputKindOption = "composite",
    premultiplied: PremultipliedOption = False,
    codec: CodecOption = None,
    fit: FitOption = "cover",
    smooth: SmoothOption = SMOOTH,
    keep: KeepOption = "all",
    light_wrap: LightWrapOption = 0.0,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Copy the audio of IN, unchanged.")] = True,
    overwrite: Overwrite = False,
    crf: CrfOption = None,
    preset: PresetOption = "veryfast",
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    version: Version = False,
) -> None:
    """Put a new background behind the people in a video, or cut them out.

    Every frame keeps its time, and the audio is copied. OUT appears when it is complete; Ctrl-C leaves nothing behind.
    A picture of odd height or width grows by one pixel, as most formats require; rotated phone videos come out upright.

    \b
    Examples:
      shm-video talk.mp4 green.mp4
      shm-video talk.mp4 out.mp4 --bg beach.jpg
      shm-video talk.mp4 out.mp4 --bg waves.mp4 --fit contain
      shm-video talk.mp4 out.mkv --bg blur --crf 14 --preset slow
      shm-video talk.mp4 out.mp4 --bg beach.jpg --keep largest --smooth 0.8
      shm-video talk.mp4 cutout.mov --output-kind cutout
      shm-video talk.mp4 cutout.webm --output-kind cutout
    """
    from realtime.commands.progress import frames_progress
    from realtime.compositing.backgrounds import open_background
    from realtime.compositing.composite import check_light_wrap
    from realtime.compositing.filters import stream_filters
    from realtime.inputs.pictures import is_still
    from realtime.inputs.video_file import VideoSource
    from realtime.loop.edit_video import edit_video
    from realtime.outputs.audio import AudioCopier, AudioNotSupported
    from realtime.outputs.video_file import VideoSink

    max_pixels = max_megapixels * MEGAPIXEL
    check_output_kind(output_kind, bg=bg, light_wrap=light_wrap, premultiplied=premultiplied)
    bg = bg or GREEN
    with naming_options(), ExitStack() as stack:
        # All input is checked before the engine is loaded.
        refuse_inputs(target, {"IN": source, "--bg": Path(bg).expanduser()})
        refuse_existing(target, overwrite=overwrite)
        if source.is_file() and is_still(source, max_pixels=max_pixels):
            raise UsageError(f"{source}: is a picture, not a video; use shm-image for it")
        with blaming("--smooth"):
            filters = stream_filters(keep, smooth)
        with blaming("--light-wrap"):
            check_light_wrap(light_wrap)
        original = stack.enter_context(VideoSource(source, max_pixels=max_pixels))
        with blaming("--bg", bg):
            background = stack.enter_context(open_background(bg, fit=fit, max_pixels=max_pixels))
        copied = stack.enter_context(AudioCopier(source, origin=original.origin)) if audio and original.audio else None
        try:
            sink = VideoSink(
                target,
                width=original.width,
                height=original.height,
                rate=original.rate,
                time_base=original.time_base,
                pixel_aspect=original.pixel_aspect,
                kind=output_kind,
                codec=codec,
                premultiplied=premultiplied,
                crf=crf,
                preset=preset,
                audio=copied,
                metadata=original.metadata,
                overwrite=overwrite,
            )
        except AudioNotSupported as error:
            raise UsageError(f"{error} with --no-audio") from error
        except ValueError as error:
            raise UsageError(f"--crf {crf}: {error}") from error
        told = original.interlaced
        if told:
            notify(interlaced(source))
        with sink:
            engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
            start = time.perf_counter()
            with frames_progress(target.name, original.frames) as on_progress:
                frames = edit_video(
                    original, engine, background, sink, filters=filters, light_wrap=light_wrap, on_progress=on_progress
                )
        seconds = time.perf_counter() - start
    if original.interlaced and not told:
        notify(interlaced(source))
    if original.damaged:
        notify(f"{source}: {original.damaged} damaged parts were left out")
    if original.shortfall is not None:
        notify(original.shortfall)
    if copied is not None and copied.damaged:
        notify(f"{source}: {copied.damaged} damaged packets of its audio were left out")
    speed = f"{frames} frames in {seconds:.1f} s, {frames / seconds:.1f} frames/s"
    notify(f"{target}: {speed} ({engine.name} {engine.precision}, {engine.device})")


def main() -> None:
    """Entry point of `shm-video`."""
    run(app)


if __name__ == "__main__":
    main()
