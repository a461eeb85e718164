"""`shm-video`: puts a new background behind the people in a video."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Closer, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import run
from realtime.choices import GREEN, PRESET, SMOOTH
from realtime.commands.checks import refuse_address
from realtime.commands.encoding import (
    OUT_HELP,
    AlphaOutOption,
    BitrateOption,
    CodecOption,
    CrfOption,
    HdrOption,
    NvencOption,
    OutputKindOption,
    PremultipliedOption,
    PresetOption,
    bitrate_option,
    check_output_kind,
)
from realtime.commands.job_options import (
    DryRunOption,
    EndOption,
    FramesOption,
    JsonOption,
    RateOption,
    RayOption,
    ResumeOption,
    ShardOption,
    StartOption,
    VideoSizeOption,
    excerpt_option,
    rate_option,
    shard_option,
    video_size_option,
)
from realtime.commands.options import (
    BACKGROUND_HELP,
    MAX_MEGAPIXELS,
    MEGAPIXEL,
    FitOption,
    KeepAtOption,
    LightWrapOption,
    MaskOption,
    MaxMegapixelsOption,
    SmoothOption,
)
from realtime.jobs.video_folders import is_pattern
from realtime.numbering import is_numbered

app = command_app()

IN_HELP = (
    "A video of any format that FFmpeg reads, or several; a folder of them, or a quoted pattern such as 'clips/*.mp4'; "
    "or numbered pictures: frames/%05d.png; or - for standard input."
)


@app.command()
def video(
    sources: Annotated[list[Path], typer.Argument(metavar="IN", help=IN_HELP)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=OUT_HELP)],
    bg: Annotated[str | None, typer.Option(help=f"{BACKGROUND_HELP} By default a green screen.")] = None,
    output_kind: OutputKindOption = "composite",
    premultiplied: PremultipliedOption = False,
    alpha_out: AlphaOutOption = None,
    codec: CodecOption = None,
    size: VideoSizeOption = None,
    rate: RateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    frames: FramesOption = None,
    fit: FitOption = "cover",
    smooth: SmoothOption = SMOOTH,
    keep: KeepAtOption = "all",
    mask: MaskOption = None,
    light_wrap: LightWrapOption = 0.0,
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Copy the audio of IN, or convert it if OUT cannot hold it.")
    ] = True,
    overwrite: Overwrite = False,
    crf: CrfOption = None,
    bitrate: BitrateOption = None,
    preset: PresetOption = PRESET,
    hdr: HdrOption = "sdr",
    nvenc: NvencOption = False,
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "large",
    closer: Closer = True,
    resume: ResumeOption = False,
    shard: ShardOption = None,
    ray: RayOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
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
      shm-video talk.mp4 out.mp4 --start 1:30 --end 2:00 --size 720
      shm-video clips/ done/ --bg beach.jpg
      shm-video clips/ done/ --bg beach.jpg --ray auto
      shm-video frames/%05d.png out.mp4 --rate 24
      shm-video talk.mp4 cutout.mov --output-kind cutout
      shm-video talk.mp4 cutout.webm --output-kind cutout
      shm-video talk.mp4 person.mov --output-kind foreground --codec prores --alpha-out matte.mov
    """
    for source in sources:
        refuse_address(source)
    check_output_kind(output_kind, bg=bg, fit=fit, light_wrap=light_wrap, premultiplied=premultiplied, hdr=hdr)
    from realtime.commands.video_jobs import edit_here, sequence_of
    from realtime.commands.video_run import Run
    from realtime.jobs.settings import VideoSettings

    settings = VideoSettings(
        excerpt=excerpt_option(start, end, frames),
        rate=rate_option(rate),
        size=video_size_option(size),
        bg=GREEN if bg is None else bg,
        fit=fit,
        smooth=smooth,
        keep=keep,
        masks=tuple(mask or ()),
        light_wrap=light_wrap,
        audio=audio,
        output_kind=output_kind,
        premultiplied=premultiplied,
        codec=codec,
        crf=crf,
        bitrate=bitrate_option(bitrate),
        preset=preset,
        hdr=hdr,
        nvenc=nvenc,
        max_pixels=max_megapixels * MEGAPIXEL,
    )
    work = Run(
        settings=settings,
        alpha_target=alpha_out,
        resume=resume,
        shard=shard_option(shard),
        load=lambda: load_engine(backend, threads=threads, precision=precision, model=model, at_once=2, closer=closer),
        overwrite=overwrite,
        dry_run=dry_run,
        as_json=as_json,
    )
    if len(sources) == 1 and source.is_dir() and rate is not None:
        sources = [source := sequence_of(source)]
    several = len(sources) > 1 or (not is_numbered(source) and (source.is_dir() or is_pattern(source)))
    if ray is not None:
        from engines.weights import digest
        from realtime.commands.cluster_jobs import edit_on_cluster
        from realtime.jobs.spreading import EngineChoice

        engine = EngineChoice(
            backend=backend, threads=threads, precision=precision, model=model, weights=digest(model), closer=closer
        )
        edit_on_cluster(sources, target, work, ray, engine, several=several)
        return
    edit_here(sources, target, work, several=several)


def main() -> None:
    """Entry point of `shm-video`."""
    run(app)


if __name__ == "__main__":
    main()
