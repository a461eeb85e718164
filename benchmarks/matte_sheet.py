"""`python -m benchmarks.matte_sheet OUT PHOTO...`: photos and their mattes on one sheet, as the model card shows failures."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

import engines
from engines import Engine, Frame, InputError
from engines.errors import run
from engines.options import Model
from realtime.photos import check_suffix, check_target, read_photo, write_photo
from train.pictures import filled, grey, on_green, panel
from train.scores import Prediction

WIDTH = 1200  # pixels, of the sheet
ACROSS = 2  # photos in a row

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def draw(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The picture to write, such as docs/failures.jpg.")],
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="The photos to take.")],
    caption: Annotated[
        list[str] | None, typer.Option(help="What stands above a photo, in their order; may be given again. Else its name.")
    ] = None,
    model: Model = "base",
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace OUT if it exists.")] = False,
    backend: Annotated[str, typer.Option(help="What runs the networks: auto, openvino, torch, ...")] = "auto",
) -> None:
    """Draw photos, each with its matte on green and its alpha, two photos in a row.

    [bold]Examples[/bold]

      python -m benchmarks.matte_sheet sheet.jpg photos/a.jpg photos/b.jpg

      python -m benchmarks.matte_sheet hats.png a.jpg b.jpg --caption "a wide hat" --caption "a cap" --model large
    """
    check_suffix(target, alpha=False)
    check_target(target, overwrite=overwrite)
    captions = [*(caption or []), *(photo.stem for photo in photos[len(caption or []) :])]
    if len(captions) > len(photos):
        raise InputError(f"--caption: {len(captions)} of them for {len(photos)} photos; give one for each at most")
    frames = [read_photo(photo).flat() for photo in photos]
    with closing(engines.load(backend, model=model)) as engine:
        strips = [strip(engine, frame, told) for frame, told in zip(frames, captions, strict=True)]
    write_photo(target, sheet(strips))


def strip(engine: Engine, frame: Frame, caption: str) -> Frame:
    """RGB: a photo under its caption, its matte on green, and its alpha."""
    matte = engine(frame)
    green = on_green(frame, Prediction(matte.alpha, 0.0, foreground=matte.foreground))
    return np.hstack([panel(caption, frame), panel("", green), panel("", grey(matte.alpha))])


def sheet(strips: list[Frame]) -> Frame:
    """RGB (h, WIDTH, 3): strips in rows of ACROSS, each of its share of the width at most, on white."""
    share = WIDTH // ACROSS
    rows = []
    for first in range(0, len(strips), ACROSS):
        row = [_within(each, share) for each in strips[first : first + ACROSS]]
        height = max(each.shape[0] for each in row)
        row += [np.full((height, share, 3), 255, np.uint8)] * (ACROSS - len(row))
        rows.append(np.hstack([filled(each, height, share) for each in row]))
    return np.vstack(rows)


def _within(picture: Frame, width: int) -> Frame:
    scale = width / picture.shape[1]
    size = (width, round(scale * picture.shape[0]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)


def main() -> None:
    """Runs the command."""
    run(app)


if __name__ == "__main__":
    main()
