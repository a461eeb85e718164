"""What is read from the kinds of pictures that cameras and editors write."""

import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engines.errors import MediaError
from realtime.inputs.photos import read_photo
from realtime.inputs.pictures import is_animated_webp
from realtime.pixels.tiff_tags import LONG, SHORT, head, numbers, write_directory
from tests.realtime.profiles import grey_profile, rgb_profile

STORED = (91, 188, 72)  # in Display P3; in sRGB a purer green
GREEN = (29, 192, 45)


def picture(path: Path, colour: object = STORED, *, mode: str = "RGB", profile: bytes = b"") -> Path:
    options = (
        {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {"lossless": True} if path.suffix == ".webp" else {}
    )
    Image.new(mode, (50, 40), colour).save(path, icc_profile=profile, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tiff", "a.avif"])
def test_colours_come_in_srgb_and_the_stored_ones_stay(tmp_path: Path, name: str) -> None:
    photo = read_photo(picture(tmp_path / name, profile=rgb_profile()))
    assert np.abs(photo.frame.astype(int) - GREEN).max() <= 6
    assert photo.stored is not None
    assert np.abs(photo.stored.astype(int) - STORED).max() <= 4
    assert photo.profile is not None
    assert photo.profile.data == rgb_profile()


def test_colours_under_alpha_and_of_palettes_come_in_srgb(tmp_path: Path) -> None:
    photo = read_photo(picture(tmp_path / "a.png", (*STORED, 128), mode="RGBA", profile=rgb_profile()))
    assert np.abs(photo.frame.astype(int) - GREEN).max() <= 2
    assert photo.alpha is not None
    assert (photo.alpha == np.float32(128 / 255)).all()
    Image.new("RGB", (50, 40), STORED).quantize(4).save(tmp_path / "p.png", icc_profile=rgb_profile())
    assert np.abs(read_photo(tmp_path / "p.png").frame.astype(int) - GREEN).max() <= 2


def test_grey_comes_by_its_own_curve(tmp_path: Path) -> None:
    for mode, colour in (("L", 100), ("LA", (100, 200))):
        photo = read_photo(picture(tmp_path / "a.png", colour, mode=mode, profile=grey_profile(1.0)))
        assert (photo.frame == 168).all()  # linear light: 255 * srgb(100 / 255)
        assert photo.profile is None


@pytest.mark.parametrize("profile", [b"", b"no profile", rgb_profile()[:200], grey_profile(1.0)])
def test_without_a_profile_that_fits_colours_are_srgb(tmp_path: Path, profile: bytes) -> None:
    photo = read_photo(picture(tmp_path / "a.png", profile=profile))
    assert (photo.frame == STORED).all()
    assert photo.profile is None


def test_cmyk(tmp_path: Path) -> None:
    photo = read_photo(picture(tmp_path / "a.jpg", (255, 0, 0, 0), mode="CMYK"))
    assert np.abs(photo.frame.astype(int) - (0, 255, 255)).max() <= 4


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("alpha", [False, True])
def test_tiff_is_upright_with_its_alpha(tmp_path: Path, orientation: int, alpha: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4 if alpha else 3), np.uint8)
    pixels[..., 3:] = 200
    Image.fromarray(pixels).save(tmp_path / "a.tiff", tiffinfo={274: orientation}, compression="tiff_lzw")
    photo = read_photo(tmp_path / "a.tiff")
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    assert (photo.frame == np.rot90(pixels[..., :3], turns)).all()
    assert (photo.alpha is not None) is alpha
    if photo.alpha is not None:
        assert (photo.alpha == np.float32(200 / 255)).all()


def test_grey_with_alpha_and_palettes_in_tiff(tmp_path: Path) -> None:
    Image.new("LA", (50, 40), (100, 200)).save(tmp_path / "a.tiff")
    photo = read_photo(tmp_path / "a.tiff")
    assert (photo.frame == 100).all()
    assert photo.alpha is not None
    Image.new("RGB", (50, 40), STORED).quantize(4).save(tmp_path / "p.tiff")
    assert (read_photo(tmp_path / "p.tiff").frame == STORED).all()


def test_one_and_sixteen_bits(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50), 100 * 257, np.uint16)).save(tmp_path / "deep.png")
    assert (read_photo(tmp_path / "deep.png").frame == 100).all()
    Image.new("1", (50, 40), 1).save(tmp_path / "two.tiff")
    assert (read_photo(tmp_path / "two.tiff").frame == 255).all()


@pytest.mark.skipif(sys.platform == "win32", reason="no colon in names of files")
def test_sixteen_bits_are_read_from_a_relative_name_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    levels = np.random.default_rng(0).integers(0, 1 << 16, (40, 50, 3), np.uint16)
    Path("12:30.png").write_bytes(cv2.imencode(".png", levels)[1].tobytes())
    photo = read_photo(Path("12:30.png"))
    assert photo.notes == ()
    assert photo.stored is not None
    np.testing.assert_array_equal(photo.stored, levels[..., ::-1])


@pytest.mark.parametrize("compressed", [False, True])
def test_sixteen_bits_in_separate_planes_are_not_taken_for_something_else(tmp_path: Path, compressed: bool) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype("<u2")
    planes = [levels[..., channel].tobytes() for channel in range(3)]
    strips = [zlib.compress(plane) if compressed else plane for plane in planes]
    lengths = [len(strip) for strip in strips]
    starts = [8 + sum(lengths[:plane]) for plane in range(3)]
    values = {256: 50, 257: 40, 259: 8 if compressed else 1, 262: 2, 277: 3, 278: 40, 284: 2}  # 284: channel by channel
    directory = {tag: numbers("<", SHORT, value) for tag, value in values.items()}
    directory |= {258: numbers("<", SHORT, 16, 16, 16), 273: numbers("<", LONG, *starts), 279: numbers("<", LONG, *lengths)}
    place = 8 + sum(lengths) + sum(lengths) % 2
    content = (head("<", place) + b"".join(strips)).ljust(place, b"\0") + write_directory(directory, place, "<")
    (tmp_path / "a.tiff").write_bytes(content)
    if not compressed:
        with pytest.raises(MediaError, match=r"a\.tiff: has its 16 bits in separate planes; save it"):
            read_photo(tmp_path / "a.tiff")
        return
    photo = read_photo(tmp_path / "a.tiff")
    assert photo.stored is None
    assert (photo.frame == levels >> 8).all()
    assert photo.notes == (f"{tmp_path / 'a.tiff'}: of its 16 bits only 8 can be read",)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a file that opens and cannot be read")
def test_a_file_whose_reading_fails_is_refused() -> None:
    with pytest.raises(MediaError, match="/proc/self/mem"):
        read_photo(Path("/proc/self/mem"))


def test_a_webp_that_ends_in_its_head_is_no_animation(tmp_path: Path) -> None:
    (tmp_path / "a.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8X\n\0")
    assert not is_animated_webp(tmp_path / "a.webp")


def test_a_damaged_photo_of_sixteen_bits_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = (64).to_bytes(4) + (48).to_bytes(4) + bytes((16, 2, 0, 0, 0))
    rows = zlib.compress(bytes(48 * (1 + 6 * 64)))
    data = chunk(b"IDAT", rows[:-4]) + chunk(b"IDAT", bytes(4))  # another checksum than that of the pixels
    path = tmp_path / "damaged.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b""))
    assert read_photo(path).frame.shape == (48, 64, 3)
    assert capfd.readouterr() == ("", "")
