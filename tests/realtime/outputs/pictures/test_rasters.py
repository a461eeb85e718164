"""PNG and TIFF files of 8 and 16 bits, read back by FFmpeg, OpenCV and Pillow: none of them wrote them."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from realtime.inputs.photos import read_photo
from realtime.outputs.photos import write_photo
from realtime.outputs.pictures.rasters import BAND
from realtime.pixels.metadata import Metadata
from tests.realtime.exif import exif
from tests.realtime.profiles import rgb_profile

SIZE = BAND + 11, 50  # more than one band


def pixels(bits: int, channels: int) -> np.ndarray:
    shape = SIZE if channels == 1 else (*SIZE, channels)
    return np.random.default_rng(0).integers(0, 2**bits, shape).astype(f"u{bits // 8}")


def by_ffmpeg(path: Path, form: str) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", form, "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint16 if "le" in form else np.uint8).reshape(*SIZE, -1)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["little", "big"])
def test_every_level_of_colour_and_alpha_is_in_the_file(tmp_path: Path, suffix: str, bits: int, order: str) -> None:
    """The byte order of a TIFF file is that of the EXIF in it."""
    path, colours, levels = tmp_path / f"a{suffix}", pixels(bits, 3), pixels(bits, 1)
    metadata = Metadata(exif(order))
    write_photo(path, colours, (levels / np.float32(2**bits - 1)).astype(np.float32), metadata=metadata)
    read = by_ffmpeg(path, "rgba" if bits == 8 else "rgba64le")
    assert (read[..., :3] == colours).all()
    assert (read[..., 3] == levels).all()
    write_photo(path, colours, metadata=metadata)
    assert (by_ffmpeg(path, "rgb24" if bits == 8 else "rgb48le") == colours).all()
    write_photo(path, levels, metadata=metadata)
    grey = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert grey is not None
    assert (grey == levels).all()
    with Image.open(path) as image:
        assert image.getexif()[0x010F] == "Maker"


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_profile_and_xmp_are_in_the_file(tmp_path: Path, suffix: str) -> None:
    write_photo(tmp_path / f"a{suffix}", pixels(16, 3), profile=rgb_profile(), metadata=Metadata(xmp=b"<x:xmpmeta/>"))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.info["icc_profile"] == rgb_profile()
        assert image.info["xmp"] == b"<x:xmpmeta/>"


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colours_are_said_to_be_so_in_tiff(tmp_path: Path, bits: int) -> None:
    colours, alpha = pixels(bits, 3), np.full(SIZE, 0.2, np.float32)  # of which each depth has the exact level
    write_photo(tmp_path / "a.tiff", colours, alpha, premultiplied=True)
    write_photo(tmp_path / "a.png", colours, alpha, premultiplied=True)
    with Image.open(tmp_path / "a.tiff") as image:
        assert image.tag_v2[338] == 1 or image.tag_v2[338] == (1,)  # type: ignore[attr-defined]
    read = read_photo(tmp_path / "a.tiff")
    stored = read.frame if bits == 8 else read.stored
    assert stored is not None
    assert np.abs(stored.astype(int) - colours).max() <= 3  # a fifth was rounded
    assert np.abs(by_ffmpeg(tmp_path / "a.png", "rgba" if bits == 8 else "rgba64le")[..., :3] - colours / 5).max() <= 0.5
