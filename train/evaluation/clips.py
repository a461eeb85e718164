"""Clips with known alpha: people who move in front of moving backgrounds.

    OUT/CLIP/images/0000.jpg ...    frames, through a camera's noise, and H.264 or JPEG as cameras send it
    OUT/CLIP/alphas/0000.png ...    their true alphas, 8-bit

Each clip is a set for `shm-eval`, its frames in the order of their names. The same arguments give the same clips.
"""

import itertools
import math
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engines import Frame
from engines.errors import DataError
from train.data.cut_outs import MovingLayer, cut_out, plate, still
from train.evaluation.pictures import to_8_bit, write_picture
from train.evaluation.scores import Item, new_set, open_set

Floats = NDArray[np.float32]
RATE = 25  # frames a second


@dataclass(frozen=True)
class Kind:
    """Amplitudes of motion in a clip: lengths in frame heights, angles in radians."""

    shift: float  # of the person
    turn: float
    grow: float
    sway: float  # of the head over the feet
    pan: float  # of the background
    shake: float  # of the camera: both move
    jumps: int = 0  # sudden moves of the person


KINDS = {
    "desk": Kind(shift=0.002, turn=0.003, grow=0.002, sway=0.004, pan=0, shake=0),
    "talk": Kind(shift=0.02, turn=0.03, grow=0.03, sway=0.03, pan=0, shake=0),
    "hand": Kind(shift=0.015, turn=0.02, grow=0.02, sway=0.02, pan=0.05, shake=0.002),
    "step": Kind(shift=0, turn=0, grow=0, sway=0, pan=0, shake=0, jumps=3),
}


class Wander:
    """A smooth oscillation in [-1, 1], the mean of two sines of random frequencies in Hz."""

    def __init__(self, rng: random.Random, slowest: float = 0.25, fastest: float = 0.7) -> None:
        self._waves = [(rng.uniform(slowest, fastest), rng.uniform(0, 2 * math.pi)) for _ in range(2)]

    def __call__(self, seconds: float) -> float:
        return sum(math.sin(2 * math.pi * rate * seconds + phase) for rate, phase in self._waves) / 2


class Motion:
    """The placement of person and background in each frame of a clip."""

    def __init__(self, kind: Kind, frames: int, rng: random.Random, scale: float = 1.0) -> None:
        self._kind, self._scale = kind, scale
        self._ways = [Wander(rng) for _ in range(7)]
        self._tremble = [Wander(rng, 2, 6) for _ in range(2)]
        places = sorted(rng.sample(range(3, max(frames - 3, kind.jumps + 3)), kind.jumps))
        self._jumps = [(place, rng.choice((-1, 1)) * rng.uniform(0.04, 0.07), rng.uniform(-0.04, 0.04)) for place in places]

    def frame(self, index: int) -> tuple[Floats, float, Floats]:
        """The person's placement (2, 3) in heights about the foot of the frame, the sway, and the background's placement."""
        kind, now = self._kind, index / RATE
        x, y, turn, grow, sway, pan_x, pan_y = (way(now) for way in self._ways)
        shake = [kind.shake * way(now) for way in self._tremble]
        _, jump, jump_turn = max((j for j in self._jumps if j[0] <= index), default=(0, 0.0, 0.0))
        person = _similarity(
            self._scale * (1.03 + kind.grow * grow),
            kind.turn * turn + jump_turn,
            kind.shift * x + jump + shake[0],
            0.01 + kind.shift * y / 4 + shake[1],
        )
        background = _similarity(1.15 + kind.pan, 0.0, kind.pan * pan_x + shake[0], kind.pan * pan_y / 2 + shake[1])
        return person, kind.sway * sway, background


def placed(layer: MovingLayer, place: Floats, sway: float, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Colours (H, W, 3) and alpha (H, W) in [0, 1] of a layer in a frame of `size` (H, W).

    `place` moves it about the middle of its lower edge, which coincides with the frame's; `sway` bends it sideways with the
    square of the height. The border is replicated outwards, so that a person cut by the picture is cut by the frame, too;
    nobody is beyond a picture that is smaller than the frame.
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
    beyond = cv2.BORDER_CONSTANT if np.linalg.det(place[:, :2]) < 1 else cv2.BORDER_REPLICATE
    alpha = cv2.remap(layer.alpha, columns, rows, cv2.INTER_LINEAR, borderMode=beyond)
    return colours.astype(np.float32), np.asarray(alpha, np.float32)


def clean_frames(
    person: MovingLayer, background: MovingLayer, kind: Kind, frames: int, seed: int, scale: float = 1.0
) -> Iterator[tuple[Floats, Floats]]:
    """Composed frames (H, W, 3) in [0, 255] (equation 1), without a camera, and their alphas (H, W); H and W even."""
    height, width = (side - side % 2 for side in person.colours.shape[:2])
    motion = Motion(kind, frames, random.Random(seed), scale)
    for index in range(frames):
        place, sway, behind = motion.frame(index)
        colours, alpha = placed(person, place, sway, (height, width))
        back, _ = placed(background, behind, 0.0, (height, width))
        yield alpha[..., None] * colours + (1 - alpha[..., None]) * back, alpha


class Camera:
    """Drifting exposure, shot noise and read noise.

    `crf` is the constant rate factor of its H.264, or None if it sends each frame as JPEG of some `quality`.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self._floor, self._shot = rng.uniform(1.0, 3.0), rng.uniform(0.1, 0.4)
        self._exposure, self._index = Wander(rng), 0
        self.crf = rng.choice((None, rng.randint(22, 30)))
        self.quality = rng.randint(70, 90)

    def __call__(self, picture: Floats) -> Frame:
        """The camera's picture, uint8."""
        picture = picture * np.float32(1 + 0.01 * self._exposure(self._index / RATE))
        self._index += 1
        deviation = np.sqrt(self._floor**2 + self._shot * picture)
        grain = self._noise.standard_normal(picture.shape, np.float32)
        return np.asarray((picture + deviation * grain + 0.5).clip(0, 255), np.uint8)


def coded(frames: Iterator[Frame], size: tuple[int, int], crf: int) -> Iterator[Frame]:
    """Frames uint8 (H, W, 3) after H.264 at a constant rate factor, without reordering. H and W even."""
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


def write_clip(
    folder: Path, person: MovingLayer, background: MovingLayer, kind: Kind, frames: int, seed: int, scale: float
) -> None:
    """Write one clip into a new folder, which appears when it is complete. Raises DataError."""
    camera = Camera(seed)
    height, width = (side - side % 2 for side in person.colours.shape[:2])
    with new_set(folder) as part:

        def seen() -> Iterator[Frame]:
            for index, (picture, alpha) in enumerate(clean_frames(person, background, kind, frames, seed, scale)):
                write_picture(part / f"alphas/{index:04d}.png", to_8_bit(alpha))
                yield camera(picture)

        if camera.crf is None:  # its own JPEG
            sent, quality, colours = seen(), camera.quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
        else:  # a JPEG that changes little
            sent, quality, colours = coded(seen(), (height, width), camera.crf), 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, colours]
        for index, frame in enumerate(sent):
            write_picture(part / f"images/{index:04d}.jpg", frame, settings)


def make_clips(
    out: Path,
    people: Path,
    backgrounds: Path | None,
    *,
    count: int,
    frames: int,
    long_side: int,
    scale: float,
    seed: int,
    advance: Callable[[], None],
) -> None:
    """Write `count` clips, one kind after the other; existing ones are kept. `advance` is called after each.

    people: a set with images/ and alphas/, whose people are cut out.
    backgrounds: a folder of pictures with nobody in them; None: the backgrounds of the set's other pictures.
    long_side: at most so many pixels.
    scale: of the people, who are as large as in their pictures with 1.

    Raises DataError for a set or folder that does not serve.
    """
    test_set = open_set(people)
    if test_set.truths != "alphas":
        raise DataError(f"{people}: has masks; cut-outs need true alphas")
    rng = random.Random(seed)
    chosen: list[Item] = rng.sample(test_set.items, len(test_set.items))
    behind: Sequence[Item | Path] = chosen if backgrounds is None else _pictures(backgrounds)
    if backgrounds is None and len(behind) < 2:
        raise DataError(f"{people}: has only one picture; give a folder of backgrounds")
    for number in range(count):
        item = chosen[number % len(chosen)]
        # Half the list away, so that nobody is placed on the region filled in for that same person.
        scenery = behind[(number + len(behind) // 2) % len(behind)]
        name = list(KINDS)[number % len(KINDS)]
        folder = out / f"{number:02d}-{name}-{item.stem}"
        if not folder.exists():
            person = cut_out(item, long_side)
            background = plate(scenery, long_side) if isinstance(scenery, Item) else still(scenery, long_side)
            write_clip(folder, person, background, KINDS[name], frames, zlib.crc32(f"{seed}:{folder.name}".encode()), scale)
        advance()


def _similarity(scale: float, turn: float, x: float, y: float) -> Floats:
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[c, -s, x], [s, c, y]], np.float32)


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; check the name")
    found = sorted(path for path in folder.iterdir() if path.is_file() and cv2.haveImageReader(str(path)))
    if not found:
        raise DataError(f"{folder}: has no pictures; name a folder that has")
    return found
