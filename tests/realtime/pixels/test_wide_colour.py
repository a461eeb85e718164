"""High dynamic range and wide gamuts in the colours of BT.709: values are those of FFmpeg's zscale, at 203 cd/m2 for white."""

from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc

from realtime.inputs.video_file import VideoSource
from realtime.pixels.wide_colour import FULL, to_bt709
from tests.realtime.clips import make_clip

HLG, PQ = ColorTrc.ARIB_STD_B67, ColorTrc.SMPTE2084
# Signals of HLG in BT.2020, as 8-bit levels, and what zscale makes of them (t=linear:npl=203, then p=bt709, t=bt709).
COLOURS = [
    ((149, 65, 42), (208, 33, 33)),
    ((109, 158, 71), (30, 192, 48)),
    ((58, 48, 166), (33, 48, 208)),
    ((178, 178, 178), (224, 224, 224)),
    ((235, 235, 235), (255, 255, 255)),
]


@pytest.mark.parametrize(("signal", "expected"), COLOURS)
def test_saturated_colours_of_a_phone_are_kept(
    tmp_path: Path, signal: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": int(HLG)}
    clip = make_clip(tmp_path / "a.mp4", ground=signal, pix_fmt="yuv420p10le", colours=tags, options={"crf": "1"})
    with VideoSource(clip) as source:
        frame = next(iter(source)).frame
    assert np.abs(frame[60, 90].astype(int) - expected).max() <= 6


def convert(signal: float, primaries: int, transfer: int) -> list[int]:
    pixels = np.full((20, 3, 3), round(signal * FULL), np.uint16)
    picture = to_bt709(pixels, primaries, transfer)
    assert picture.dtype == np.uint8
    assert (picture == picture[0, 0]).all()
    return picture[0, 0].tolist()


@pytest.mark.parametrize("primaries", [ColorPrimaries.BT2020, ColorPrimaries.SMPTE432, ColorPrimaries.SMPTE431, 2])
def test_white_grey_and_black_stay_without_colour(primaries: int) -> None:
    for transfer, white in ((HLG, 0.75), (PQ, 0.581), (ColorTrc.BT709, 1.0), (ColorTrc.IEC61966_2_1, 1.0)):
        assert convert(0, primaries, transfer) == [0, 0, 0]
        for part in (0.25, 0.5, 0.75):
            grey = convert(white * part, primaries, transfer)
            assert max(grey) - min(grey) <= 1
        assert min(convert(white, primaries, transfer)) >= 254
        assert convert(1, primaries, transfer) == [255, 255, 255]


def test_what_is_no_high_range_keeps_its_levels() -> None:
    for level in range(0, 256, 5):
        assert abs(convert(level / 255, ColorPrimaries.BT709, ColorTrc.BT709)[0] - level) <= 1
    assert convert(0.5, ColorPrimaries.BT709, ColorTrc.GAMMA22)[0] == round(255 * 0.5 ** (2.2 / 2.4))
