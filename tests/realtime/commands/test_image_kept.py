"""What of a photo is in the picture made of it: its colours in their own space and depth, its EXIF and XMP."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from realtime.inputs.photos import read_photo
from realtime.outputs.photos import write_photo
from tests.realtime.exif import exif
from tests.realtime.photo_command import read, shm_image
from tests.realtime.plain_engine import PlainEngine, plain_engine
from tests.realtime.profiles import rgb_profile


@pytest.fixture(autouse=True)
def engine() -> Iterator[PlainEngine]:
    with plain_engine() as engine:
        yield engine


@pytest.mark.parametrize(
    ("suffix", "kept"),
    [(".png", True), (".jpg", True), (".webp", True), (".avif", True), (".tiff", True), (".bmp", False)],
)
def test_colours_stay_as_in_a_photo_of_another_colour_space(tmp_path: Path, suffix: str, kept: bool) -> None:
    """Red, which sRGB does not reach, stays in files that hold a profile. Black is person, white is not."""
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[:, :20], pixels[:, 20:40] = (0, 0, 0), (220, 20, 20)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=rgb_profile())
    assert shm_image(tmp_path / "a.png", tmp_path / f"out{suffix}", "--bg", "none") == 0
    with Image.open(tmp_path / f"out{suffix}") as out:
        assert (out.info.get("icc_profile") == rgb_profile()) is kept
        red = np.asarray(out)[10:30, 25:35].astype(int)
    assert np.abs(red - ((220, 20, 20) if kept else (242, 0, 0))).max() <= 6


def test_a_new_background_is_brought_to_the_colour_space_of_the_photo(tmp_path: Path) -> None:
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[:, :30] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=rgb_profile())
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png", "--bg", "#1dc02d") == 0
    assert np.abs(np.asarray(Image.open(tmp_path / "out.png"))[:, 40:].astype(int) - (91, 188, 72)).max() <= 2
    assert np.abs(read_photo(tmp_path / "out.png").frame[:, 40:].astype(int) - (29, 192, 45)).max() <= 2


def test_a_cut_out_has_the_colours_of_the_photo(tmp_path: Path) -> None:
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[:, :30] = (90, 2, 2)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=rgb_profile())
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png") == 0
    with Image.open(tmp_path / "out.png") as out:
        assert out.info["icc_profile"] == rgb_profile()
        assert np.abs(np.asarray(out)[:, 5:25, :3].astype(int) - (90, 2, 2)).max() <= 4


def deep_photo(path: Path, profile: bytes = b"") -> np.ndarray:
    """Left black, then dark, right white, with bits that 8 do not hold: the levels (H, W, 3)."""
    levels = np.full((40, 60, 3), 65535, np.uint16)
    levels[:, :20], levels[:, 20:40] = 0, np.random.default_rng(0).integers(0, 20000, (40, 20, 3))
    write_photo(path, levels, profile=profile)
    return levels


@pytest.mark.parametrize("profile", [b"", rgb_profile()])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_come_out_as_they_were(tmp_path: Path, suffix: str, profile: bytes) -> None:
    levels = deep_photo(tmp_path / f"a{suffix}", profile)
    source, out = tmp_path / f"a{suffix}", tmp_path / f"out{suffix}"
    assert shm_image(source, out, "--bg", "none") == 0
    assert (read(out) == levels[..., ::-1]).all()
    assert shm_image(source, out, "-y") == 0
    cut_out = read(out)
    assert cut_out.dtype == np.uint16
    alpha = cut_out[..., 3:] / 65535
    # The bits beyond the eighth come back as far as the person is there.
    assert np.abs(cut_out[..., 2::-1] - levels.astype(int))[alpha[..., 0] > 0.99].max() <= 12  # of 128 without them
    assert shm_image(source, out, "-y", "--bg", "#ff0000") == 0
    red = np.array([65535, 0, 0]) if not profile else read(out)[0, -1, ::-1]
    exact = alpha * cut_out[..., 2::-1] + (1 - alpha) * red
    assert np.abs(read(out)[..., ::-1] - exact).max() <= 2
    assert shm_image(source, out, "-y", "--alpha-only") == 0
    assert read(out).dtype == np.uint16
    assert shm_image(source, tmp_path / "out.jpg", "--bg", "none") == 0
    assert np.abs(read(tmp_path / "out.jpg")[:, :15].astype(int)).max() <= 4


def test_sixteen_bits_are_read_with_their_alpha(tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(0, 65536, (40, 60, 4)).astype(np.uint16)
    alpha = levels[..., 3] / np.float32(65535)
    for suffix in (".png", ".tiff"):
        path = tmp_path / f"a{suffix}"
        write_photo(path, levels[..., :3], alpha)
        photo = read_photo(path)
        assert photo.stored is not None
        assert (photo.stored == levels[..., :3]).all()
        assert (photo.frame == np.rint(levels[..., :3] / 257)).all()
        assert photo.alpha is not None
        assert np.abs(photo.alpha - alpha).max() < 1e-6


def test_premultiplied_colours(tmp_path: Path) -> None:
    gradient = np.linspace(0, 255, 60).astype(np.uint8)[None, :, None].repeat(40, 0).repeat(3, 2)
    Image.fromarray(gradient).save(tmp_path / "a.png")
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png") == 0
    assert shm_image(tmp_path / "a.png", tmp_path / "times.png", "--premultiplied") == 0
    straight, times = read(tmp_path / "out.png").astype(float), read(tmp_path / "times.png")
    assert np.abs(straight[..., :3] * straight[..., 3:] / 255 - times[..., :3]).max() <= 0.5
    assert (straight[..., 3] == times[..., 3]).all()


def test_metadata_is_kept_and_the_place_left_out_on_demand(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif(), xmp=b"<x:xmpmeta/>")
    for options, kept in (([], True), (["--strip"], False)):
        assert shm_image(tmp_path / "a.jpg", tmp_path / "out.png", "-y", *options) == 0
        with Image.open(tmp_path / "out.png") as out:
            assert out.size == (40, 60)
            assert out.getexif()[0x010F] == "Maker"
            assert out.getexif().get_ifd(IFD.Exif)[0x9003] == "2026:11:26 12:00:00"
            assert bool(out.getexif().get_ifd(IFD.GPSInfo)) is kept
            assert ("xmp" in out.info) is kept


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff"])
@pytest.mark.parametrize("target", ["out.jpg", "out.png", "out.tiff"])
def test_the_pixels_an_inch_are_kept(tmp_path: Path, suffix: str, target: str) -> None:
    """They were only where EXIF states them."""
    photo = tmp_path / f"a{suffix}"
    Image.new("RGB", (60, 40)).save(photo, dpi=(300, 200))
    assert shm_image(photo, tmp_path / target, "--bg", "green") == 0
    with Image.open(tmp_path / target) as out:
        assert out.info["dpi"] == pytest.approx((300, 200), abs=0.02)


def test_the_pixels_an_inch_of_a_photo_that_is_turned(tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", dpi=(300, 200), exif=b"Exif\0\0" + exif())
    assert shm_image(tmp_path / "a.jpg", tmp_path / "out.png", "--strip") == 0
    with Image.open(tmp_path / "out.png") as out:
        assert out.info["dpi"] == pytest.approx((200, 300), abs=0.02)


@pytest.mark.parametrize("name", ["EXIF", "XMP"])
def test_metadata_too_large_for_a_jpeg_is_left_out_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The picture was not written, once it was matted."""
    tags, text = Image.Exif(), PngInfo()
    tags[Base.ImageDescription] = "d" * (66_000 if name == "EXIF" else 10)
    text.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>" + "x" * (66_000 if name == "XMP" else 10))
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png", exif=tags, pnginfo=text)
    assert shm_image(tmp_path / "a.png", tmp_path / "out.jpg", "--bg", "green") == 0
    says = f"{tmp_path / 'out.jpg'}: the {name} of {tmp_path / 'a.png'} is too large for .jpg, and is left out"
    assert says in capsys.readouterr().err.splitlines()
    kept = read_photo(tmp_path / "out.jpg").metadata
    assert (bool(kept.exif), bool(kept.xmp)) == (name != "EXIF", name != "XMP")
    assert shm_image(tmp_path / "a.png", tmp_path / "out.png") == 0
    assert "left out" not in capsys.readouterr().err
    assert len(getattr(read_photo(tmp_path / "out.png").metadata, name.lower())) > 66_000


@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_xmp_that_a_jpeg_holds_is_kept(tmp_path: Path, more: int) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * (65_533 - 29 + more))
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png", pnginfo=text)
    assert shm_image(tmp_path / "a.png", tmp_path / "out.jpg", "--bg", "green") == 0
    assert len(read_photo(tmp_path / "out.jpg").metadata.xmp) == (0 if more else 65_533 - 29)
