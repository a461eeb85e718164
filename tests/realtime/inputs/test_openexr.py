"""OpenEXR pictures as photos and backgrounds: linear light becomes sRGB, and what is lost or missing is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import MediaError, TooManyPixels
from realtime.inputs.masks import open_masks
from realtime.inputs.photos import read_photo
from realtime.outputs.pictures.sequence import PictureSequence
from realtime.packet import Packet
from tests.realtime.commands.test_image import engine
from tests.realtime.photo_command import read, shm_image

OpenEXR = pytest.importorskip("OpenEXR", reason="the extra exr is not installed")

__all__ = ["engine"]  # the fixture
RAMP = np.linspace(0, 1, 64, dtype=np.float32)[None].repeat(40, 0)
LIGHT = np.stack([RAMP, RAMP / 2, 1 - RAMP], -1)


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def write(path: Path, planes: np.ndarray, *, name: str = "", compression: str = "ZIP", **header: Any) -> Path:
    name = name or ("Y" if planes.ndim == 2 else "RGB" if planes.shape[2] == 3 else "RGBA")
    header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION"), "type": OpenEXR.scanlineimage} | header
    with OpenEXR.File(header, {name: planes}) as file:
        file.write(str(path))
    return path


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("compression", ["NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "DWAA", "DWAB"])
def test_light_becomes_srgb(tmp_path: Path, kind: type, compression: str) -> None:
    photo = read_photo(write(tmp_path / "a.exr", LIGHT.astype(kind), compression=compression))
    assert np.abs(photo.frame - 255 * srgb(LIGHT)).max() < 1.5
    assert photo.stored is not None
    assert photo.stored.dtype == np.uint16
    assert photo.alpha is None
    assert photo.notes == ()


def test_grey(tmp_path: Path) -> None:
    photo = read_photo(write(tmp_path / "a.exr", RAMP))
    assert np.abs(photo.frame - 255 * srgb(RAMP)[..., None]).max() < 1.5


def test_alpha_is_taken_out_of_colours(tmp_path: Path) -> None:
    alpha = np.clip(2 * RAMP, 0, 1)[..., None]
    photo = read_photo(write(tmp_path / "a.exr", np.concatenate([LIGHT * alpha, alpha], -1)))
    assert photo.alpha is not None
    assert np.abs(photo.alpha - alpha[..., 0]).max() < 1e-4
    assert np.abs(photo.frame - 255 * srgb(LIGHT))[:, 5:].max() < 1.5


def test_brighter_than_white_becomes_white_and_that_is_said(tmp_path: Path) -> None:
    photo = read_photo(write(tmp_path / "a.exr", 3 * LIGHT))
    assert np.abs(photo.frame - 255 * srgb(np.minimum(3 * LIGHT, 1))).max() < 1.5
    assert photo.notes == (f"{tmp_path / 'a.exr'}: its light is brighter than white in places, and becomes white there",)


def test_our_own_pictures_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 64, 3), np.uint8)
    with PictureSequence(tmp_path / "%d.exr", width=64, height=40, kind="composite") as sink:
        sink.write(Packet(picture, 0, 0, picture=picture))  # type: ignore[arg-type]
    assert np.abs(read_photo(tmp_path / "1.exr").frame.astype(int) - picture).max() <= 1


def test_a_photo_and_a_background(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dark, bright = write(tmp_path / "in.exr", np.zeros((40, 64, 3), np.float16)), write(tmp_path / "behind.exr", 3 * LIGHT)
    assert shm_image(dark, tmp_path / "out.png") == 0
    assert read(tmp_path / "out.png").dtype == np.uint16
    white = write(tmp_path / "white.exr", np.ones((40, 64, 3), np.float16))
    assert shm_image(white, tmp_path / "out.png", "-y", "--bg", bright) == 0
    shown = np.rint(255 * srgb(np.minimum(3 * LIGHT, 1)))
    assert np.abs(read(tmp_path / "out.png")[..., ::-1] / 257 - shown).max() < 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("length", [5, 60, 250, 0.5, -1])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, length: float) -> None:
    path = write(tmp_path / "a.exr", LIGHT)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * length) if isinstance(length, float) else length])
    with pytest.raises(MediaError, match=r"a\.exr: (was cut off|is broken)"):
        read_photo(path)


def test_sizes_are_checked_before_anything_is_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", LIGHT)
    with pytest.raises(TooManyPixels, match="64x40 is 1 megapixels"):
        read_photo(path, max_pixels=64 * 40 - 1)
    data = bytearray(path.read_bytes())
    for window in (b"displayWindow\0box2i\0", b"dataWindow\0box2i\0"):
        place = data.index(window) + len(window) + 4
        data[place + 8 : place + 16] = b"\xff\xff\xff\x0f" * 2
        path.write_bytes(data)
        with pytest.raises(TooManyPixels, match="268435456x268435456"):
            read_photo(path)


def test_what_is_not_read_has_a_remedy(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", RAMP, name="Z")
    with pytest.raises(MediaError, match=r"a\.exr: is broken, or OpenEXR of a kind that cannot be read; save it anew"):
        read_photo(path)


def test_masks_are_not_light(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", RAMP)
    with pytest.raises(MediaError, match=r"a\.exr: holds linear light, .*; save it as a PNG"):
        open_masks(path)
    with pytest.raises(MediaError, match="has no mask in it; name a folder of PNG files"):
        open_masks(tmp_path)
