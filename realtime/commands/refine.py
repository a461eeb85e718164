"""`shm-refine`: coarse masks of a data set or of a segmentation method become fine mattes (section 6 of the paper)."""

from pathlib import Path
from typing import Annotated

import typer

from engines.commands.app import Version, command_app
from engines.commands.options import Backend, Model, Overwrite, Precision, Threads, load_engine
from engines.commands.running import UsageError, run
from realtime.commands.checks import (
    naming_options,
    notify,
    refuse_address,
    refuse_existing,
    refuse_file_as_folder,
    refuse_inputs,
    tell_whole_names,
)
from realtime.commands.options import MAX_MEGAPIXELS, MEGAPIXEL, MaxMegapixelsOption

app = command_app()


@app.command()
def refine(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder of photos, or one photo.")],
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="A folder of masks of the same stems, or COCO .json.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to; a picture if IMAGES is one.")],
    category: Annotated[str | None, typer.Option(help="The COCO category whose shapes are used; by default person.")] = None,
    cut_outs: Annotated[bool, typer.Option("--cut-outs", help="Write colours and alpha, not alpha alone.")] = False,
    overwrite: Overwrite = False,
    max_megapixels: MaxMegapixelsOption = MAX_MEGAPIXELS,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
    version: Version = False,
) -> None:
    """Make fine alpha mattes from photos and coarse masks of the people in them.

    The masks replace the first network: the second one evens out their quality, the third refines them. A mask is a grey
    picture, 255 = person, of any size, a cut-out, or polygons or run lengths in a COCO file. OUT gets a PNG for each photo;
    existing ones are skipped, so that an interrupted run goes on, unless --overwrite is given.

    \b
    Examples:
      shm-refine photos/ masks/ mattes/
      shm-refine val2017/ instances_val2017.json mattes/ --cut-outs
      shm-refine portrait.jpg mask.png matte.png
    """
    from realtime.commands.progress import for_each_photo, report_photos
    from realtime.inputs.masks import open_masks
    from realtime.jobs.photo_folders import PhotoJobs, make_folder, photo_jobs, read_photo_for_matting
    from realtime.loop.edit_photo import Writing, refine_mask, write_alpha, write_cut_out
    from realtime.outputs.pictures.formats import picture_format
    from realtime.outputs.target import check_target

    for each in (images, masks):
        refuse_address(each)
    max_pixels = max_megapixels * MEGAPIXEL
    folder = images.is_dir()
    found = photo_jobs(images, target, ".png") if folder else PhotoJobs([(images, target)], [])
    if folder:
        refuse_file_as_folder(target, "photos", bg=False)
    if not folder:
        with naming_options():
            read_photo_for_matting(images, max_pixels=max_pixels)
        picture_format(target, alpha=cut_outs)
        refuse_existing(target, overwrite=overwrite)
        check_target(target, overwrite=overwrite)
    try:
        known = open_masks(masks, category=category, max_pixels=max_pixels)
    except ValueError as error:
        raise UsageError(f"--category {error}") from error
    if folder and masks.is_file() and masks.suffix.lower() != ".json":
        raise UsageError(f"{masks}: is one mask, and {images} a folder of photos; name a folder of masks, or one photo")
    chosen = [job for job in found.jobs if known.has(job[0])]
    if not chosen:
        raise UsageError(f"{masks}: has no mask for any photo of {images}; masks are found by the names of the photos")
    for _, picture in chosen:
        refuse_inputs(picture, {"IMAGES": images, "MASKS": masks})
    if folder:
        tell_whole_names(chosen)
        make_folder(target)
        if masks.is_dir() and target.samefile(masks):
            raise UsageError(f"{target}: is the folder of the masks; name another folder to write to")
    to_do = [job for job in chosen if overwrite or not job[1].exists()]
    notes = {"existed already": len(chosen) - len(to_do), "have no mask": len(found.jobs) - len(chosen)}
    if not to_do:
        report_photos("mattes", 0, 0, notes, found.describe_left_out())
        return
    with load_engine(backend, threads=threads, precision=precision, model=model) as engine:

        def refine_photo(photo: Path, picture: Path) -> str:
            read = read_photo_for_matting(photo, max_pixels=max_pixels)
            for note in read.notes:
                notify(note)
            matte = refine_mask(read, known.read(photo), engine)
            write = write_cut_out if cut_outs else write_alpha
            write(picture, matte, read, Writing(overwrite=overwrite, notify=notify))
            height, width = read.frame.shape[:2]
            return f"{picture}: {width}x{height} ({engine.name} {engine.precision}, {engine.device})"

        if not folder:
            with naming_options():
                notify(refine_photo(*to_do[0]))
            return
        failed = for_each_photo(to_do, refine_photo, "mattes")
    report_photos("mattes", len(to_do), failed, notes, found.describe_left_out())


def main() -> None:
    """Entry point of `shm-refine`."""
    run(app)


if __name__ == "__main__":
    main()
