"""`python -m train.evaluation.clips OUT --people SET`: clips with known alpha, people who move before backgrounds that move.

    OUT/CLIP/images/0000.jpg ...    frames, through a camera's noise, and H.264 or JPEG as cameras send it
    OUT/CLIP/alphas/0000.png ...    their true alphas, 8-bit

Each clip is a set as `shm-eval` reads it; its frames in the order of their names. The same arguments give the same clips.
"""

import importlib.util
import itertools
import math
import random
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from engines import Frame
from engines.commands.running import run
from engines.errors import DataError
from train.commands.evaluate import progress_bar
from train.data.cut_outs import Layer, cut_out, plate, still
from train.evaluation.scores import Item, open_set

Floats = NDArray[np.float32]
RATE = 25  # frames a second
CAMERA_JPEG, FAITHFUL_JPEG = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444


@dataclass(frozen=True)
class Kind:
    """How much moves in a clip. Lengths are parts of the frame's height, angles radians."""

    shift: float  # of the person
    turn: float
    grow: float
    sway: float  # of the head over the feet
    pan: float  # of the background
    shake: float  # of the camera: both move
    jumps: int = 0  # how often the person is suddenly elsewhere


KINDS = {
    "desk": Kind(shift=0.002, turn=0.003, grow=0.002, sway=0.004, pan=0, shake=0),
    "talk": Kind(shift=0.02, turn=0.03, grow=0.03, sway=0.03, pan=0, shake=0),
    "hand": Kind(shift=0.015, turn=0.02, grow=0.02, sway=0.02, pan=0.05, shake=0.002),
    "step": Kind(shift=0, turn=0, grow=0, sway=0, pan=0, shake=0, jumps=3),
}


class Wander:
    """A smooth way to and fro, in [-1, 1], from two waves of so many a second."""

    def __init__(self, dice: random.Random, slowest: float = 0.25, fastest: float = 0.7) -> None:
        self._waves = [(dice.uniform(slowest, fastest), dice.uniform(0, 2 * math.pi)) for _ in range(2)]

    def __call__(self, seconds: float) -> float:
        """Where it is at a time."""
        return sum(math.sin(2 * math.pi * rate * seconds + phase) for rate, phase in self._waves) / 2


class Course:
    """Where person and background are in each frame of a clip."""

    def __init__(self, kind: Kind, frames: int, dice: random.Random) -> None:
        self._kind = kind
        self._ways = [Wander(dice) for _ in range(7)]
        self._tremble = [Wander(dice, 2, 6) for _ in range(2)]
        places = sorted(dice.sample(range(3, max(frames - 3, kind.jumps + 3)), kind.jumps))
        self._jumps = [(place, dice.choice((-1, 1)) * dice.uniform(0.04, 0.07), dice.uniform(-0.04, 0.04)) for place in places]

    def frame(self, index: int) -> tuple[Floats, float, Floats]:
        """The person's placement (2, 3) in heights about the foot of the frame, its sway, and the background's placement."""
        kind, now = self._kind, index / RATE
        x, y, turn, grow, sway, pan_x, pan_y = (way(now) for way in self._ways)
        shake = [kind.shake * way(now) for way in self._tremble]
        _, jump, jump_turn = max((j for j in self._jumps if j[0] <= index), default=(0, 0.0, 0.0))
        person = _similarity(
            1.03 + kind.grow * grow,
            kind.turn * turn + jump_turn,
            kind.shift * x + jump + shake[0],
            0.01 + kind.shift * y / 4 + shake[1],
        )
        background = _similarity(1.15 + kind.pan, 0.0, kind.pan * pan_x + shake[0], kind.pan * pan_y / 2 + shake[1])
        return person, kind.sway * sway, background


def placed(layer: Layer, place: Floats, sway: float, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Colours (H, W, 3) and alpha (H, W) in [0, 1] of a layer in a frame of `size` (H, W).

    `place` moves it about the middle of its lower edge, which lies on the frame's; `sway` bends it aside with the square of
    the height. What lies beyond the layer's border is its border: the frame still cuts a person whom its picture cut.
    """
    height, width = size
    own_height, own_width = layer.colours.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x + 0.5 - width / 2) / height, (y + 0.5 - height) / height
    x = x - np.float32(sway) * np.square(y)
    (a, b, c), (d, e, f) = cv2.invertAffineTransform(place)
    scale = own_height / height if own_height * width <= own_width * height else own_width / width
    unit = height * scale  # pixels of the layer in one height of the frame: the layer covers the frame
    columns = ((a * x + b * y + c) * unit + own_width / 2 - 0.5).astype(np.float32)
    rows = ((d * x + e * y + f) * unit + own_height - 0.5).astype(np.float32)
    colours = cv2.remap(layer.colours, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if layer.alpha is None:
        return colours.astype(np.float32), np.zeros(size, np.float32)
    alpha = cv2.remap(layer.alpha, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return colours.astype(np.float32), np.asarray(alpha, np.float32)


def clean_frames(person: Layer, background: Layer, kind: Kind, frames: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
    """Frames (H, W, 3) in [0, 255] by equation 1, before any camera, and their alphas (H, W); H and W even."""
    height, width = (side - side % 2 for side in person.colours.shape[:2])
    course = Course(kind, frames, random.Random(seed))
    for index in range(frames):
        place, sway, behind = course.frame(index)
        colours, alpha = placed(person, place, sway, (height, width))
        back, _ = placed(background, behind, 0.0, (height, width))
        yield alpha[..., None] * colours + (1 - alpha[..., None]) * back, alpha


class Camera:
    """Exposure that drifts, and noise that is stronger in the light, as photons make it, on a floor of its own.

    `crf` is the constant rate factor of its H.264, or None where it sends each frame by itself, as JPEG of some `quality`.
    """

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._floor, self._shot = dice.uniform(1.0, 3.0), dice.uniform(0.1, 0.4)
        self._exposure, self._index = Wander(dice), 0
        self.crf = dice.choice((None, dice.randint(22, 30)))
        self.quality = dice.randint(70, 90)

    def __call__(self, picture: Floats) -> Frame:
        """The picture as the camera gives it, uint8."""
        picture = picture * np.float32(1 + 0.01 * self._exposure(self._index / RATE))
        self._index += 1
        deviation = np.sqrt(self._floor**2 + self._shot * picture)
        grain = self._noise.standard_normal(picture.shape, np.float32)
        return np.asarray((picture + deviation * grain + 0.5).clip(0, 255), np.uint8)


def coded(frames: Iterator[Frame], size: tuple[int, int], crf: int) -> Iterator[Frame]:
    """Frames uint8 (H, W, 3) after H.264 at a constant rate factor, with no more delay than one frame. H and W even."""
    settings = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency", "threads": "1", "x264-params": "keyint=50"}
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = size
    encoder.pix_fmt, encoder.framerate, encoder.options = "yuv420p", Fraction(RATE), settings
    decoder = av.CodecContext.create("h264", "r")
    for frame in itertools.chain(frames, [None]):
        packets = encoder.encode(None if frame is None else av.VideoFrame.from_ndarray(frame, format="rgb24"))
        for packet in [*packets, None] if frame is None else packets:
            for picture in decoder.decode(packet):
                yield np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)


def write_clip(folder: Path, person: Layer, background: Layer, kind: Kind, frames: int, seed: int) -> None:
    """Writes one clip into a folder that is not there yet; it appears when it is complete. Raises DataError."""
    part = folder.with_name(f".{folder.name}.part")
    try:
        for name in ("images", "alphas"):
            (part / name).mkdir(parents=True, exist_ok=True)
        _write_frames(part, person, background, kind, frames, seed)
        part.rename(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_frames(folder: Path, person: Layer, background: Layer, kind: Kind, frames: int, seed: int) -> None:
    camera = Camera(seed)
    height, width = (side - side % 2 for side in person.colours.shape[:2])

    def seen() -> Iterator[Frame]:
        for index, (picture, alpha) in enumerate(clean_frames(person, background, kind, frames, seed)):
            _write(folder / f"alphas/{index:04d}.png", np.asarray(np.round(255 * alpha), np.uint8))
            yield camera(picture)

    sent = seen() if camera.crf is None else coded(seen(), (height, width), camera.crf)
    colours = CAMERA_JPEG if camera.crf is None else FAITHFUL_JPEG
    quality = camera.quality if camera.crf is None else 95
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, colours]
    for index, frame in enumerate(sent):
        picture = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
        _write(folder / f"images/{index:04d}.jpg", picture, settings)


def _write(path: Path, picture: NDArray[np.uint8], settings: Sequence[int] = ()) -> None:
    _, data = cv2.imencode(path.suffix, picture, settings)
    path.write_bytes(data.tobytes())


app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command()
def clips(
    out: Annotated[Path, typer.Argument(help="Folder for the clips; made if there is none. Clips that are there stay.")],
    people: Annotated[Path, typer.Option(help="A set with images/ and alphas/: its people are cut out.")],
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of pictures with nobody in them; else those of the set's other pictures.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help=f"How many clips, by turns: {', '.join(KINDS)}.")] = 12,
    frames: Annotated[int, typer.Option(min=8, help="Frames of each clip, 25 a second.")] = 30,
    long_side: Annotated[int, typer.Option(min=64, help="Pixels, at most, of the frames' longer side.")] = 640,
    seed: Annotated[int, typer.Option(help="Other clips for another seed.")] = 1,
) -> None:
    """Makes clips with known alpha out of people with known alpha, to measure flicker on.

    On a desk a person hardly moves; in a talk more; by hand the camera moves too; at a step the person is suddenly elsewhere.
    Take people and backgrounds that nothing was trained on, and train on nothing that this makes of them.

    [bold]Examples[/bold]

      python -m train.evaluation.clips clips --people eval/composites

      python -m train.evaluation.clips clips --people eval/composites --backgrounds rooms --count 40 --frames 100
    """
    if importlib.util.find_spec("pymatting") is None:
        raise DataError("PyMatting is not installed; type: pip install 'semantic-human-matting[train]'")
    test_set = open_set(people)
    if test_set.truths != "alphas":
        raise DataError(f"--people {people}: has masks; cut-outs need true alphas")
    dice = random.Random(seed)
    chosen: list[Item] = dice.sample(test_set.items, len(test_set.items))
    behind: Sequence[Item | Path] = chosen if backgrounds is None else _pictures(backgrounds)
    if backgrounds is None and len(behind) < 2:
        raise DataError(f"--people {people}: has one picture only; name --backgrounds")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot make this folder: {error.strerror}") from error
    with progress_bar(out.name, count) as advance:
        for number in range(count):
            item = chosen[number % len(chosen)]
            # Half the list away, so that nobody stands before the smudge that he left himself.
            scenery = behind[(number + len(behind) // 2) % len(behind)]
            name = list(KINDS)[number % len(KINDS)]
            folder = out / f"{number:02d}-{name}-{item.stem}"
            if not folder.exists():
                person = cut_out(item, long_side)
                background = plate(scenery, long_side) if isinstance(scenery, Item) else still(scenery, long_side)
                write_clip(folder, person, background, KINDS[name], frames, zlib.crc32(f"{seed}:{folder.name}".encode()))
            advance()
    print(f"{count} clips in {out}", file=sys.stderr)


def _similarity(scale: float, turn: float, x: float, y: float) -> Floats:
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[c, -s, x], [s, c, y]], np.float32)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"--backgrounds {folder}: no such folder")
    found = sorted(path for path in folder.iterdir() if cv2.haveImageReader(str(path)))
    if not found:
        raise DataError(f"--backgrounds {folder}: has no picture in it")
    return found


def main() -> None:
    """Runs the command."""
    run(app)


if __name__ == "__main__":
    main()
