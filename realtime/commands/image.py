"""`shm-image`: cuts the people out of a photo, or out of every photo in a folder."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Closer, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError, run
from realtime.commands.checks import (
    blaming,
    naming_options,
    notify,
    refuse_address,
    refuse_existing,
    refuse_file_as_folder,
    refuse_inputs,
    refuse_without_background,
    tell_whole_names,
)
from realtime.commands.options import (
    BACKGROUND_HELP,
    MAX_MEGAPIXELS,
    MEGAPIXEL,
    FitOption,
    KeepPointOption,
    LightWrapOption,
    MaxMegapixelsOption,
)
from realtime.outputs.pictures.formats import suffixes_of
from realtime.paths import expand_home

app = command_app()

MARGIN = 5  # per cent
OUT_HELP = f"The picture to write: {suffixes_of()}. A folder if IN is one, or for several."


@app.command()
def image(
    sources: Annotated[list[Path], typer.Argument(metavar="IN", help="A photo, several, or a folder of photos and folders.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help=OUT_HELP)],
    bg: Annotated[str | None, typer.Option(help=BACKGROUND_HELP)] = None,
    fit: FitOption = "cover",
    keep: KeepPointOption = "all",
    light_wrap: LightWrapOption = 0.0,
    alpha_only: Annotated[bool, typer.Option("--alpha-only", help="Write the alpha matte itself, in grey.")] = False,
    crop: Annotated[bool, typer.Option("--crop", help="Crop OUT to the people.")] = False,
    margin: Annotated[
        float | None,
        typer.Option(min=0, max=100, help=f"With --crop: around them, in per cent of their longer side; by default {MARGIN}."),
    ] = None,
    premultiplied: Annotated[bool, typer.Option("--premultiplied", help="Multiply the colours of a cut-out by alpha.")] = False,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave out where the photo was taken: GPS, maker notes and XMP.")
    ] = False,
    overwrite: Overwrite = False,
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "large",
    closer: Closer = True,
    version: Version = False,
) -> None:
    """Cut the people out of photos, or of all in a folder and those below it: colours without the old background, and alpha.

    Without --bg, OUT has alpha, straight unless --premultiplied is given. With --bg, it is the finished picture.
    EXIF, XMP, the colour profile and, in PNG and TIFF, 16 bits are kept.

    \b
    Examples:
      shm-image portrait.jpg portrait.png
      shm-image portrait.jpg out.jpg --bg beach.jpg
      shm-image portrait.jpg out.jpg --bg blur
      shm-image photos/ cut-outs/ --crop
      shm-image a.jpg b.jpg c.heic cut-outs/
    """
    from realtime.commands.progress import for_each_photo, report_photos
    from realtime.compositing.backgrounds import open_background
    from realtime.compositing.composite import check_light_wrap
    from realtime.compositing.subjects import subject_filter
    from realtime.inputs.photos import Photo
    from realtime.jobs.photo_folders import PhotoJobs, make_folder, named_photos, photo_jobs, read_photo_for_matting
    from realtime.loop.edit_photo import Writing, crop_to_people, matte_photo, write_alpha, write_composite, write_cut_out
    from realtime.outputs.pictures.formats import picture_format
    from realtime.outputs.target import check_target

    if alpha_only and bg is not None:
        raise UsageError("--alpha-only and --bg exclude each other; leave one of them out")
    cut_out = bg is None and not alpha_only
    if premultiplied and not cut_out:
        raise UsageError("--premultiplied is for cut-outs; leave it out, or leave out --bg and --alpha-only")
    if margin is not None and not crop:
        raise UsageError("--margin is for --crop; leave it out, or add --crop")
    if bg is None:
        refuse_without_background(fit=fit, light_wrap=light_wrap)
    for source in sources:
        refuse_address(source)
    writing = Writing(premultiplied=premultiplied, strip=strip, overwrite=overwrite, notify=notify)
    folder = len(sources) > 1 or sources[0].is_dir()  # is what is written to
    suffix = ".png" if bg is None else ".jpg"
    if len(sources) > 1:
        found = named_photos(sources, target, suffix)
    else:
        found = photo_jobs(sources[0], target, suffix, tree=True) if folder else PhotoJobs([(sources[0], target)], [])
    if folder:
        refuse_file_as_folder(target, "photos")
    max_pixels = max_megapixels * MEGAPIXEL
    with naming_options(), ExitStack() as stack:
        # All input is checked before the engine is loaded, and before anything is written.
        with blaming("--keep", keep):
            subject_filter(keep)
        with blaming("--light-wrap"):
            check_light_wrap(light_wrap)

        def read(path: Path) -> Photo:
            photo = read_photo_for_matting(path, max_pixels=max_pixels)
            for note in photo.notes:
                notify(note)
            return photo

        single = None if folder else read(sources[0])
        background = None
        if bg is not None:
            with blaming("--bg", bg):
                background = stack.enter_context(open_background(bg, fit=fit, max_pixels=max_pixels))
        if folder:
            make_folder(target)
            tell_whole_names(found.jobs)
        to_do = [job for job in found.jobs if not folder or overwrite or not job[1].is_file()]
        for photo, picture in to_do:
            if folder:
                make_folder(picture.parent, parents=True)
            picture_format(picture, alpha=cut_out)
            refuse_inputs(picture, {"IN": photo, "--bg": expand_home(bg or photo)})
            refuse_existing(picture, overwrite=overwrite)
            check_target(picture, overwrite=overwrite)
        notes = {"existed already": len(found.jobs) - len(to_do)}
        if not to_do:
            report_photos("pictures", 0, 0, notes, found.describe_left_out())
            return
        engine = stack.enter_context(load_engine(backend, threads=threads, precision=precision, model=model, closer=closer))

        def edit(photo: Photo, picture: Path) -> str:
            start = time.perf_counter()
            packet = matte_photo(photo, engine, keep=keep)
            seconds = time.perf_counter() - start
            if crop:
                photo, packet = crop_to_people(photo, packet, (MARGIN if margin is None else margin) / 100)
            if alpha_only:
                write_alpha(picture, packet.fetch(), photo, writing)
            elif background is None:
                write_cut_out(picture, packet.fetch(), photo, writing)
            else:
                write_composite(picture, packet, background, photo, writing, light_wrap=light_wrap)
            height, width = packet.frame.shape[:2]
            return f"{picture}: {width}x{height}, matte in {seconds:.2f} s"

        runner = f"({engine.name} {engine.precision}, {engine.device})"
        if single is not None:
            notify(f"{edit(single, target)} {runner}")
            return
        failed = for_each_photo(to_do, lambda photo, picture: edit(read(photo), picture), "photos")
        report_photos("pictures", len(to_do), failed, notes, found.describe_left_out(), runner)


def main() -> None:
    """Entry point of `shm-image`."""
    run(app)


if __name__ == "__main__":
    main()
