"""Sequences of numbered pictures as a video, written by the `ffmpeg` program and by OpenCV."""

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import MediaError, TooManyPixels
from realtime.inputs.media.numbered import NumberedPictures
from realtime.inputs.timestamps import Excerpt
from realtime.inputs.video_file import VideoSource
from realtime.numbering import sequences_in
from tests.realtime.clips import picture
from tests.realtime.outputs.test_formats import needs_ffmpeg


def write_pictures(folder: Path, numbers: range, name: str = "%05d.png") -> Path:
    """Pictures of the ball of `clips`, each in the place of its number in the range; returns their name."""
    folder.mkdir(exist_ok=True)
    for index, number in enumerate(numbers):
        assert cv2.imwrite(str(folder / (name % number)), picture(index)[..., ::-1])
    return folder / name


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".dpx", ".bmp"])
def test_pictures_of_the_ffmpeg_program_come_in_order(tmp_path: Path, suffix: str) -> None:
    raw = b"".join(picture(index).tobytes() for index in range(6))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "96x64", "-i", "-", "-start_number", "97"]
    name = tmp_path / f"shot.%d{suffix}"  # numbers get longer
    subprocess.run([*command, "-q:v", "1", str(name)], input=raw, check=True, timeout=60)
    rate = Fraction(24_000, 1001)
    with VideoSource(NumberedPictures(name, rate=rate)) as source:
        assert (source.frames, source.rate, source.duration) == (6, rate, 6 / rate)
        packets = list(source)
    assert [packet.time for packet in packets] == [index / rate for index in range(6)]
    assert [packet.duration for packet in packets] == [1 / rate] * 6
    for index, packet in enumerate(packets):
        off = np.abs(packet.frame.astype(int) - picture(index))
        assert off.mean() < (3 if suffix == ".jpg" else 0.01)
    assert source.damaged == 0


def test_an_excerpt_in_a_folder_whose_name_looks_like_a_place(tmp_path: Path) -> None:
    name = write_pictures(tmp_path / "100%d", range(1, 101))
    with VideoSource(NumberedPictures(name), excerpt=Excerpt(Fraction(3), frames=2)) as source:
        assert source.begin == 3
        packets = list(source)
    for packet, index in zip(packets, (75, 76), strict=True):
        np.testing.assert_array_equal(packet.frame, picture(index))


def test_light_of_openexr_becomes_what_other_pictures_hold(tmp_path: Path) -> None:
    levels = 255 * np.linspace(0, 1, 96)
    pixels = np.repeat(linear(levels)[None, :, None], 64, axis=0).repeat(3, axis=2).astype(np.float16)
    write_exr(tmp_path / "1.exr", {"RGB": np.ascontiguousarray(pixels)})
    with VideoSource(NumberedPictures(tmp_path / "%d.exr")) as source:
        source.fine = True
        packet = next(iter(source))
    assert np.abs(packet.frame[32] - levels[:, None]).max() <= 0.6
    assert packet.fine is not None
    exact = packet.frame * 256.0 + packet.fine
    assert np.abs(exact[32] - 256 * levels[:, None]).max() <= 12  # of 65,280: halves have no more


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    openexr = pytest.importorskip("OpenEXR")
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, channels) as file:
        file.write(str(path))


def linear(levels: np.ndarray) -> np.ndarray:
    codes = levels / 255
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_colours_of_openexr_are_multiplied_by_alpha(tmp_path: Path, kind: type[np.floating]) -> None:
    """In linear light, as its convention is; the picture is that of its own colours on white."""
    colours = picture(0)
    alpha = np.repeat(np.linspace(0, 1, 96)[None], 64, axis=0)
    channels = {"RGBA": np.dstack([linear(colours) * alpha[..., None], alpha]).astype(kind)}
    write_exr(tmp_path / "1.exr", channels)
    with VideoSource(NumberedPictures(tmp_path / "%d.exr")) as source:
        source.fine = True
        packet = next(iter(source))
    assert packet.opacity is not None
    assert np.abs(packet.opacity - 255 * alpha).max() <= 0.6
    expected = colours * alpha[..., None] + 255 * (1 - alpha[..., None])
    assert np.abs(packet.frame - expected).max() <= 1


def test_odd_numbers_in_openexr_are_black_white_or_clear(tmp_path: Path) -> None:
    light = np.full((32, 64, 4), 0.25, np.float32)
    odd = [np.nan, np.inf, -np.inf, -1, -0.0, 7]
    light[0, :6, :3] = np.array(odd)[:, None]
    light[1, :6, 3] = odd
    light[2, 0], light[2, 1] = (1, 1, 1, 1e-45), (2, 2, 2, 0)
    light[0, :, 3] = light[3:, :, 3] = 1
    write_exr(tmp_path / "1.exr", {"RGBA": light})
    with VideoSource(NumberedPictures(tmp_path / "%d.exr")) as source:
        packet = next(iter(source))
    assert packet.opacity is not None
    assert list(packet.frame[0, :6, 0]) == [0, 255, 0, 0, 0, 255]
    assert list(packet.opacity[1, :6]) == [0, 255, 0, 0, 0, 255]
    assert (packet.frame[2, :2] == 255).all()


@pytest.mark.parametrize("clear", [False, True])
def test_grey_openexr_is_read(tmp_path: Path, clear: bool) -> None:
    grey = np.linspace(0, 1, 96)[None].repeat(64, axis=0)
    alpha = np.where(np.arange(64) < 32, 0.5, 1.0)[:, None].repeat(96, axis=1)
    light = {"Y": linear(255 * grey) * alpha, "A": alpha} if clear else {"Y": linear(255 * grey)}
    write_exr(tmp_path / "1.exr", {name: each.astype(np.float16) for name, each in light.items()})
    with VideoSource(NumberedPictures(tmp_path / "%d.exr")) as source:
        packet = next(iter(source))
    expected = 255 * (grey * alpha + 1 - alpha if clear else grey)
    assert np.abs(packet.frame - expected[..., None]).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_kept_beside_the_eight(tmp_path: Path, channels: int) -> None:
    ramp = np.linspace(0, 65_535, 512).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "1.png"), np.repeat(ramp[None, :, None], 32, axis=0).repeat(channels, axis=2))
    with VideoSource(NumberedPictures(tmp_path / "%d.png")) as source:
        source.fine = True
        packet = next(iter(source))
    assert packet.fine is not None
    assert packet.frame.max() == 255
    exact = packet.frame * 256.0 + packet.fine
    assert np.abs(exact[0, :, 0] - ramp * (65_280 / 65_535)).max() <= 1


def test_a_picture_that_its_camera_turned_is_upright(tmp_path: Path) -> None:
    import PIL.Image

    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    PIL.Image.fromarray(picture(0)).save(tmp_path / "1.jpg", exif=exif, quality=100)
    with VideoSource(NumberedPictures(tmp_path / "%d.jpg")) as source:
        frame = next(iter(source)).frame
    assert frame.shape == (96, 64, 3)
    assert np.abs(frame - np.rot90(picture(0), -1).astype(int)).mean() < 3


@pytest.mark.parametrize("number", [1, 3, 5])
def test_one_that_is_damaged_is_counted(tmp_path: Path, number: int) -> None:
    name = write_pictures(tmp_path, range(1, 6))
    damaged = name.with_name(f"{number:05d}.png")
    damaged.write_bytes(damaged.read_bytes()[:60])
    with VideoSource(NumberedPictures(name)) as source:
        assert [packet.time * 25 for packet in source] == [each for each in range(5) if each != number - 1]
        assert source.damaged == 1
        assert source.shortfall == (
            f"{name}: ends at 0.16 s of 0.20 s; the rest is missing or damaged" if number == 5 else None
        )


def test_what_is_wrong_with_a_sequence_is_said_before_it_is_read(tmp_path: Path) -> None:
    name = write_pictures(tmp_path, range(98, 104))
    (tmp_path / "00101.png").unlink()
    (tmp_path / "00102.png").unlink()
    write_pictures(tmp_path, range(3), "fifo%d.png")
    (tmp_path / "fifo1.png").unlink()
    (tmp_path / "fifo1.png").mkdir()
    write_pictures(tmp_path, range(3), "empty%d.png")
    (tmp_path / "empty1.png").write_bytes(b"")
    (tmp_path / "4000000000.jpg").write_bytes(b"")
    (tmp_path / "text1.png").write_text("no picture")
    wrong = {
        name: r"00101.png is missing, and 1 more up to 00103.png",
        tmp_path / "%d.png": r"there are no such pictures; there is .*/%05d.png",
        tmp_path / "nowhere/%d.png": "there are no such pictures; check the name",
        tmp_path / "fifo%d.png": "fifo1.png: is no plain file",
        tmp_path / "empty%d.png": "empty1.png: is empty; write it again",
        tmp_path / "%d.jpg": "4000000000.jpg: its number is over",
        tmp_path / "%d.mp4": "a sequence of .mp4 files is not read",
        tmp_path / "text1.png": "names one picture",
        tmp_path / "text%d.png": "text1.png: is damaged",
    }
    for path, says in wrong.items():
        with pytest.raises(MediaError, match=says):
            VideoSource(NumberedPictures(path)).close()
    write_pictures(tmp_path / "good", range(1))
    with pytest.raises(TooManyPixels, match=r"00000.png: 96x64"):
        VideoSource(NumberedPictures(tmp_path / "good/%05d.png"), max_pixels=1000)


def test_the_sequences_of_a_folder(tmp_path: Path) -> None:
    for first, name in ((1, "a%04d.png"), (98, "shot2.%d.exr"), (9_999, "b_%d_left.jpg"), (5, ".hidden%d.png")):
        for number in range(first, first + 3):
            (tmp_path / (name % number)).touch()
    (tmp_path / "portrait-1.jpg").touch()
    assert [each.name for each in sequences_in(tmp_path)] == ["a%04d.png", "b_%d_left.jpg", "shot2.%d.exr"]
