"""`python -m benchmarks.pipeline_picture OUT`: one photo on its way through the three networks, as the README shows it."""

from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

import engines
import realtime
from engines import Frame, Mask, Matte
from engines.commands.running import run
from realtime.compositing.backgrounds import open_background
from realtime.compositing.composite import composite
from realtime.inputs.photos import check_suffix, check_target, read_photo, write_photo
from realtime.packet import Packet

SAMPLES = Path(realtime.__file__).parent / "samples"
WIDTH = 1200  # pixels, of the whole picture
MARGIN = 6  # pixels, around each panel
CAPTION = 30  # pixels, of the line above each panel

app = typer.Typer(add_completion=False, rich_markup_mode="rich")


@app.command()
def draw(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The picture to write, such as docs/pipeline.jpg.")],
    photo: Annotated[Path, typer.Option(help="The photo to take.")] = SAMPLES / "portrait.jpg",
    bg: Annotated[str, typer.Option(help="What to put behind: a picture, a colour, or blur.")] = str(
        SAMPLES / "background.jpg"
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", "-y", help="Replace OUT if it exists.")] = False,
    backend: Annotated[str, typer.Option(help="What runs the networks: auto, openvino, torch, ...")] = "auto",
) -> None:
    """Draw a photo and its composite, and below them the coarse mask, the unified mask and the alpha matte between the two.

    [bold]Examples[/bold]

      python -m benchmarks.pipeline_picture docs/pipeline.jpg --overwrite
    """
    check_suffix(target, alpha=False)
    check_target(target, overwrite=overwrite)
    packet = Packet(read_photo(photo).flat(), Fraction(0), 0)
    with open_background(bg) as background, closing(engines.load(backend)) as engine:
        matte = packet.matte = engine(packet.frame)
        picture = composite(packet, background.frame(packet))
    write_photo(target, panels(packet.frame, matte, picture))


def panels(frame: Frame, matte: Matte, picture: Frame) -> Frame:
    """RGB (h, WIDTH, 3): the frame and the new picture above; the coarse mask, the unified mask and the alpha below."""
    size = frame.shape[:2]
    above = [("1. frame", frame), ("5. composite", picture)]
    below = [
        ("2. coarse mask, from MPN", _grey(matte.coarse, size)),
        ("3. unified mask, from QUN", _grey(matte.unified, size)),
        ("4. alpha matte, from MRN", _grey(matte.alpha, size)),
    ]
    rows = [np.hstack([_panel(*each, WIDTH // len(row)) for each in row]) for row in (above, below)]
    return np.asarray(np.vstack(rows), np.uint8)


def _grey(matte: Mask, size: tuple[int, int]) -> Frame:
    """A mask of any resolution as a grey picture of a size (height, width); its own pixels stay to be seen."""
    grey = cv2.resize(cv2.convertScaleAbs(matte, alpha=255), size[::-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)


def _panel(caption: str, picture: Frame, width: int) -> Frame:
    """A picture brought to a width, its caption above it, a white margin around both."""
    inner = width - 2 * MARGIN
    height = max(1, round(picture.shape[0] * inner / picture.shape[1]))
    way = cv2.INTER_AREA if inner < picture.shape[1] else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, (inner, height), interpolation=way)
    white = (255, 255, 255)
    panel = cv2.copyMakeBorder(scaled, CAPTION, MARGIN, MARGIN, MARGIN, cv2.BORDER_CONSTANT, value=white)
    cv2.putText(panel, caption, (MARGIN, CAPTION - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(panel, np.uint8)


def main() -> None:
    """The command."""
    run(app)


if __name__ == "__main__":
    main()
