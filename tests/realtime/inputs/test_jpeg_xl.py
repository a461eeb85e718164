"""JPEG XL pictures: their size is known before they are decoded, and without the package for them they are refused by name."""

import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.errors import MediaError, TooManyPixels
from realtime.inputs.photos import read_photo
from realtime.outputs.photos import write_photo
from realtime.pixels.jpeg_xl import BOXED, jpeg_xl_size
from realtime.pixels.metadata import Metadata
from tests.realtime.exif import exif

needs_package = pytest.mark.skipif(
    find_spec("pillow_jxl") is None, reason="needs pillow-jxl-plugin: pip install 'semantic-human-matting[jxl]'"
)


@needs_package
@pytest.mark.parametrize("size", [(40, 64), (64, 64), (33, 57), (300, 400), (1, 700), (720, 1280), (9000, 3)])
def test_the_size_is_in_the_head(tmp_path: Path, size: tuple[int, int]) -> None:
    for metadata in (Metadata(), Metadata(exif())):  # without boxes and with them
        write_photo(tmp_path / "a.jxl", np.zeros((*size, 3), np.uint8), metadata=metadata)
        assert jpeg_xl_size(tmp_path / "a.jxl") == size


@needs_package
def test_a_cut_out_comes_back_and_is_upright(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colours, alpha = rng.integers(0, 256, (40, 60, 3), np.uint8), np.arange(256, dtype=np.float32) / 255
    levels = alpha[rng.integers(0, 256, (40, 60))]
    write_photo(tmp_path / "a.jxl", colours, levels, metadata=Metadata(exif()))
    photo = read_photo(tmp_path / "a.jxl")
    assert (photo.frame == colours).all()
    assert photo.alpha is not None
    assert (photo.alpha == levels).all()
    assert b"Maker" in photo.metadata.exif


@needs_package
def test_grey(tmp_path: Path) -> None:
    Image.new("L", (60, 40), 100).save(tmp_path / "a.jxl", lossless=True)
    assert (read_photo(tmp_path / "a.jxl").frame == 100).all()


def test_a_head_of_many_pixels_is_refused_before_anything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.inputs.pictures.require_jpeg_xl", lambda path: None)
    bits = 3 << 1 | (2**30 - 1) << 3 | 1 << 33  # a height of 30 bits, and as wide
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(20))
    with pytest.raises(TooManyPixels, match=r"a\.jxl: 1073741824x1073741824"):
        read_photo(tmp_path / "a.jxl")


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\x0a",
        BOXED,
        BOXED + struct.pack(">I4s", 0, b"jxlc"),
        BOXED + struct.pack(">I4s", 4, b"ftyp") * 9,
        BOXED + struct.pack(">I4sQ", 1, b"ftyp", 2**63) + bytes(40),
    ],
)
def test_a_broken_head_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("realtime.inputs.pictures.require_jpeg_xl", lambda path: None)
    (tmp_path / "a.jxl").write_bytes(content)
    with pytest.raises(MediaError, match=r"a\.jxl: is broken or not a picture"):
        read_photo(tmp_path / "a.jxl")


def test_without_the_package_it_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    (tmp_path / "a.jpg").write_bytes(b"\xff\x0a" + bytes(20))  # whatever it is called
    with pytest.raises(MediaError, match=r"a\.jpg: pillow-jxl-plugin, which .* is not installed; type: pip install"):
        read_photo(tmp_path / "a.jpg")
    with pytest.raises(MediaError, match=r"b\.jxl: pillow-jxl-plugin, which .* is not installed; type: pip install"):
        write_photo(tmp_path / "b.jxl", np.zeros((40, 60, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
