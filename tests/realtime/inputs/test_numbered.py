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
    openexr = pytest.importorskip("OpenEXR")
    levels = np.linspace(0, 1, 96, dtype=np.float32)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    pixels = np.repeat(light[None, :, None], 64, axis=0).repeat(3, axis=2).astype(np.float16)
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    with openexr.File(header, {"RGB": np.ascontiguousarray(pixels)}) as file:
        file.write(str(tmp_path / "1.exr"))
    with VideoSource(NumberedPictures(tmp_path / "%d.exr")) as source:
        frame = next(iter(source)).frame
    assert np.abs(frame[32] - 255 * levels[:, None]).max() <= 1.5


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
