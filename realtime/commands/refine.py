"""`shm-refine`: coarse masks of a data set or of a segmentation method become fine mattes (section 6 of the paper)."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

import engines
from engines import Engine
from engines.commands.options import Backend, Model, Precision, Threads
from engines.commands.running import UsageError, run
from realtime.inputs.folders import do_each, folder_jobs, make_folder, open_photo
from realtime.inputs.masks import Masks, open_masks
from realtime.inputs.photos import check_suffix, check_target, write_photo

SHAPE_TOLERANCE = 0.02  # by which the aspect of a mask may differ from its photo's: it may have been rounded to whole pixels

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def refine(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="A folder of photos, or one photo.")],
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="A folder of masks of the same stems, or COCO .json.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write to; a picture where IMAGES is one.")],
    category: Annotated[str, typer.Option(help="Of COCO: the category whose shapes are taken.")] = "person",
    cut_outs: Annotated[bool, typer.Option("--cut-outs", help="Write colours and alpha, not alpha alone.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Do again what is done already.")] = False,
    backend: Backend = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    model: Model = "base",
) -> None:
    """Make fine alpha mattes out of photos and coarse masks of the people in them.

    The masks take the place of the first network: the second one evens out their quality, the third refines them. A mask is
    a grey picture, 255 = person, of any size, or polygons or run lengths in a COCO file. OUT gets a PNG for each photo; those
    that are there already are left as they are, so that a run that was stopped goes on.

    [bold]Examples[/bold]

      shm-refine photos/ masks/ mattes/

      shm-refine val2017/ instances_val2017.json mattes/ --cut-outs

      shm-refine portrait.jpg mask.png matte.png
    """
    folder = images.is_dir()
    jobs = folder_jobs(images, target, ".png") if folder else [(images, target)]
    if not folder:
        open_photo(images)
        check_suffix(target, alpha=cut_outs)
        check_target(target, overwrite=overwrite)
    known = open_masks(masks, category=category)
    chosen = [job for job in jobs if known.has(job[0])]
    if not chosen:
        raise UsageError(f"{masks}: has no mask for any photo of {images}; masks go by the names of the photos")
    if any(own.exists() and picture.exists() and picture.samefile(own) for _, picture in chosen for own in (images, masks)):
        raise UsageError(f"{target}: is a picture that is read, too; name another file to write")
    if folder:
        make_folder(target)
        if masks.is_dir() and target.samefile(masks):
            raise UsageError(f"{target}: is the folder of the masks; name another folder to write to")
    to_do = [job for job in chosen if overwrite or not job[1].exists()]
    with closing(engines.load(backend, threads=threads, precision=precision, model=model)) as engine:
        bad = do_each(to_do, Refiner(engine, known, cut_outs).refine, "mattes")
    done, left = len(chosen) - len(to_do), len(jobs) - len(chosen)
    notes = f", {done} were there already" * bool(done) + f", {left} have no mask" * bool(left)
    console.print(f"{len(to_do) - bad} mattes written{notes}", markup=False)
    if bad:
        raise UsageError(f"{bad} of {len(to_do)} photos could not be done; see the lines above")


@dataclass(frozen=True, slots=True)
class Refiner:
    """Makes the matte of one photo from its mask."""

    engine: Engine
    masks: Masks
    cut_outs: bool

    def refine(self, photo: Path, target: Path) -> None:
        """Writes the matte. Raises UsageError where the photo or its mask cannot be read, or the matte not be written."""
        frame, mask = open_photo(photo).flat(), self.masks.read(photo)
        (height, width), (mask_height, mask_width) = frame.shape[:2], mask.shape
        if abs(np.log(mask_width / mask_height * height / width)) > SHAPE_TOLERANCE:
            size = f"{mask_width}x{mask_height} for a photo of {width}x{height}"
            raise UsageError(f"{photo}: its mask has another shape ({size}); is it the mask of this photo?")
        matte = self.engine(frame, mask)
        if self.cut_outs:
            write_photo(target, matte.foreground, matte.alpha)
        else:
            write_photo(target, np.rint(matte.alpha * 255).astype(np.uint8))


def main() -> None:
    """The command `shm-refine`."""
    run(app)


if __name__ == "__main__":
    main()
