"""`shm-video`: puts a new background behind the people in a video."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError, run
from realtime.choices import GREEN, SMOOTH
from realtime.commands.checks import blaming, interlaced, naming_options, notify, refuse_existing, refuse_inputs
from realtime.commands.encoding import (
    OUT_HELP,
    AlphaOutOption,
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

app = command_app()


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A video of any format that FFmpeg reads.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=OUT_HELP)],
    bg: Annotated[str | None, typer.Option(help=f"{BACKGROUND_HELP} By default a green screen.")] = None,
    output_kind: OutputKindOption = "composite",
    premultiplied: PremultipliedOption = False,
    alpha_out: AlphaOutOption = None,
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
      shm-video talk.mp4 person.mov --output-kind foreground --codec prores --alpha-out matte.mov
    """
    from realtime.commands.progress import frames_progress
    from realtime.compositing.composite import check_light_wrap
    from realtime.inputs.pictures import is_still
    from realtime.jobs.video_job import VideoJob, VideoSettings
    from realtime.outputs.audio import AudioNotSupported

    check_output_kind(output_kind, bg=bg, light_wrap=light_wrap, premultiplied=premultiplied)
    bg = bg or GREEN
    settings = VideoSettings(
        bg=bg,
        fit=fit,
        smooth=smooth,
        keep=keep,
        light_wrap=light_wrap,
        audio=audio,
        output_kind=output_kind,
        premultiplied=premultiplied,
        codec=codec,
        crf=crf,
        preset=preset,
        max_pixels=max_megapixels * MEGAPIXEL,
    )
    with naming_options(), ExitStack() as stack:
        # All input is checked before the engine is loaded.
        refuse_inputs(target, {"IN": source, "--bg": Path(bg).expanduser()})
        refuse_existing(target, overwrite=overwrite)
        if alpha_out is not None:
            refuse_inputs(alpha_out, {"IN": source, "--bg": Path(bg).expanduser(), "OUT": target})
            refuse_existing(alpha_out, overwrite=overwrite)
            if alpha_out.absolute() == target.absolute():
                raise UsageError(f"--alpha-out {alpha_out}: is OUT; name another file")
        if source.is_file() and is_still(source, max_pixels=settings.max_pixels):
            raise UsageError(f"{source}: is a picture, not a video; use shm-image for it")
        with blaming("--smooth"):
            settings.filters()
        with blaming("--light-wrap"):
            check_light_wrap(light_wrap)
        with blaming("--bg", bg):
            settings.open_background().close()
        try:
            job = stack.enter_context(VideoJob(source, target, settings, alpha_target=alpha_out, overwrite=overwrite))
        except AudioNotSupported as error:
            raise UsageError(f"{error} with --no-audio") from error
        except ValueError as error:
            raise UsageError(f"--crf {crf}: {error}") from error
        told = job.source.interlaced
        if told:
            notify(interlaced(source))
        engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model))
        with frames_progress(target.name, job.source.frames) as on_progress:
            report = job.run(engine, on_progress)
    if job.source.interlaced and not told:
        notify(interlaced(source))
    for note in report.notes:
        notify(note)
    notify(f"{target}: {report.speed} ({engine.name} {engine.precision}, {engine.device})")


def main() -> None:
    """Entry point of `shm-video`."""
    run(app)


if __name__ == "__main__":
    main()
