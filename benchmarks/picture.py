"""`bench picture`: the pictures of the README, drawn from the samples: a photo after each network, and a demo."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

import engines
import realtime
from benchmarks.measuring.frames import SAMPLE, SAMPLES
from engines.atomic import replacing
from engines.commands.options import Backend, Overwrite, load_engine
from train.commands.reports import check_report

WIDTH = 1200  # pixels, of the whole picture
EVERY = 2  # frames of the sample to one of the demo
DEMO_WIDTH, DEMO_QUALITY = 400, 75  # pixels of each half; of WebP, of 100


def panels(frame: "engines.Frame", matte: "engines.Matte", picture: "engines.Frame") -> "engines.Frame":
    """RGB (h, WIDTH, 3): the frame and the new picture above; the coarse mask, the unified mask and the alpha below."""
    import cv2
    import numpy as np

    from train.evaluation.pictures import grey, panel

    above = {"1. frame": frame, "5. composite": picture}
    masks = {"2. coarse mask, from MPN": matte.coarse, "3. unified mask, from QUN": matte.unified}
    masks["4. alpha matte, from MRN"] = matte.alpha
    size = frame.shape[1::-1]  # to which a mask is enlarged so that its own pixels remain visible
    below = {name: cv2.resize(grey(mask), size, interpolation=cv2.INTER_NEAREST) for name, mask in masks.items()}
    rows = [np.hstack([panel(name, np.asarray(shown, np.uint8)) for name, shown in row.items()]) for row in (above, below)]
    return np.vstack([cv2.resize(row, (WIDTH, round(WIDTH * row.shape[0] / row.shape[1]))) for row in rows]).astype(np.uint8)


def write_demo(target: Path, engine: "engines.Engine", background: "realtime.Background") -> None:
    """Write the sample clip as an animated WebP: each frame, and beside it the frame on its new background."""
    import cv2
    import numpy as np
    from PIL import Image

    with realtime.VideoSource(SAMPLE) as video:
        smooth, size = realtime.TemporalFilter(), (2 * DEMO_WIDTH, round(DEMO_WIDTH * video.height / video.width))
        milliseconds = round(1000 * EVERY / (video.rate or 25))
        pictures = []
        for packet in video:
            packet.matte = engine(packet.frame)
            smooth(packet)
            if packet.index % EVERY == 0:
                pair = np.hstack([packet.frame, realtime.composite(packet, background.frame(packet))])
                pictures.append(Image.fromarray(cv2.resize(pair, size, interpolation=cv2.INTER_AREA)))
    with replacing(target) as beside:
        pictures[0].save(beside, save_all=True, append_images=pictures[1:], duration=milliseconds, quality=DEMO_QUALITY)


def picture(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The picture to write, such as docs/pipeline.jpg.")],
    demo: Annotated[
        bool, typer.Option("--demo", help="An animated WebP of the sample clip and its composite instead.")
    ] = False,
    overwrite: Overwrite = False,
    backend: Backend = "auto",
) -> None:
    """Draw a photo and its composite, and below them the coarse mask, the unified mask and the alpha matte between the two.

    \b
    Examples:
      bench picture docs/pipeline.jpg --overwrite
      bench picture docs/demo.webp --demo --overwrite
    """
    from realtime.outputs.pictures.formats import picture_format

    picture_format(target, alpha=False)
    check_report(target, overwrite=overwrite, option="OUT", suffix=".webp" if demo else "")
    with realtime.open_background(str(SAMPLES / "background.jpg")) as background, load_engine(backend) as engine:
        if demo:
            write_demo(target, engine, background)
            return
        packet = realtime.Packet(realtime.read_photo(SAMPLES / "portrait.jpg").flat(), Fraction(0), 0)
        packet.matte = engine(packet.frame)
        realtime.write_photo(target, panels(packet.frame, packet.matte, realtime.composite(packet, background.frame(packet))))
