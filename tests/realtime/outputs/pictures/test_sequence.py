import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines import atomic
from engines.atomic import UNFINISHED
from engines.errors import FileAppeared, MediaError
from realtime.choices import OutputKind
from realtime.inputs.media.numbered import NumberedPictures
from realtime.inputs.video_file import VideoSource
from realtime.outputs.pictures import sequence
from realtime.outputs.pictures.sequence import PictureSequence
from tests.realtime.outputs.test_formats import HEIGHT, TIMES, WIDTH, assert_patches, needs_ffmpeg, packets

NAMES = [f"{number:03}.png" for number in range(1, len(TIMES) + 1)]


def write(path: Path, **facts: Any) -> None:
    with PictureSequence(path, width=WIDTH, height=HEIGHT, **facts) as sink:
        for packet in packets():
            sink.write(packet)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@needs_ffmpeg
def test_ffmpeg_reads_a_cut_out_to_the_last_bit(tmp_path: Path) -> None:
    write(tmp_path / "out/%05d.png", kind="cutout")
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "out/%05d.png"), "-pix_fmt", "rgba", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 4)
    assert len(frames) == len(TIMES)
    for frame, packet in zip(frames, packets(), strict=True):
        assert np.array_equal(frame[..., :3], packet.frame)
        assert np.array_equal(frame[..., 3], np.rint(255 * packet.fetch().alpha))


@pytest.mark.parametrize(("kind", "channels"), [("alpha", 1), ("composite", 3), ("foreground", 3), ("cutout", 4)])
def test_a_png_has_the_channels_that_it_shows(tmp_path: Path, kind: OutputKind, channels: int) -> None:
    write(tmp_path / "%03d.png", kind=kind)
    assert names(tmp_path) == NAMES
    pixels = cv2.imread(str(tmp_path / "002.png"), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == ((HEIGHT, WIDTH, channels) if channels > 1 else (HEIGHT, WIDTH))


def linear(levels: Any) -> Any:
    """sRGB's curve, IEC 61966-2-1."""
    codes = np.asarray(levels) / 255
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("premultiplied", [False, True])
def test_openexr_reads_half_floats_of_linear_light_that_say_so(tmp_path: Path, premultiplied: bool) -> None:
    """Colours are multiplied by alpha, asked for or not: that is what all readers of EXR take them for."""
    openexr = pytest.importorskip("OpenEXR")
    write(tmp_path / "out/%04d.exr", kind="cutout", premultiplied=premultiplied)
    with openexr.File(str(tmp_path / "out/0003.exr"), separate_channels=True) as file:
        header, planes = dict(file.header()), {name: channel.pixels.copy() for name, channel in file.channels().items()}
    assert set(planes) == {"R", "G", "B", "A"}
    assert {plane.dtype for plane in planes.values()} == {np.dtype(np.float16)}
    assert header["colorInteropID"] == "lin_rec709_scene"
    assert np.allclose(header["chromaticities"], (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
    packet = packets()[2]
    alpha = packet.fetch().alpha
    assert np.abs(planes["A"] - alpha).max() < 2**-11
    colours = np.dstack([planes["R"], planes["G"], planes["B"]])
    assert np.abs(colours - linear(packet.frame) * alpha[..., None]).max() < 2**-10


def test_a_cut_out_in_exr_comes_back_as_that_in_png(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    write(tmp_path / "%04d.exr", kind="cutout")
    write(tmp_path / "%04d.png", kind="cutout")
    with (
        VideoSource(NumberedPictures(tmp_path / "%04d.exr")) as one,
        VideoSource(NumberedPictures(tmp_path / "%04d.png")) as other,
    ):
        for packet, same in zip(one, other, strict=True):
            assert packet.opacity is not None
            assert same.opacity is not None
            assert np.abs(packet.opacity.astype(int) - same.opacity).max() <= 1
            assert np.abs(packet.frame.astype(int) - same.frame).max() <= 2


@needs_ffmpeg
def test_ffmpeg_reads_the_colours_of_exr(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    write(tmp_path / "%04d.exr")
    convert = ["-apply_trc", "iec61966_2_1", "-i", str(tmp_path / "%04d.exr"), "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    raw = subprocess.run(["ffmpeg", "-v", "error", *convert], capture_output=True, check=True, timeout=60).stdout
    assert_patches(np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3))
    assert len(raw) == len(TIMES) * WIDTH * HEIGHT * 3


def test_a_matte_alone_is_one_channel_of_exr(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    write(tmp_path / "%04d.exr", kind="alpha")
    with openexr.File(str(tmp_path / "0001.exr"), separate_channels=True) as file:
        planes = {name: channel.pixels.copy() for name, channel in file.channels().items()}
    assert set(planes) == {"Y"}
    assert np.abs(planes["Y"] - packets()[0].fetch().alpha).max() < 2**-11


def test_without_openexr_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "find_spec", lambda name: None)
    with pytest.raises(MediaError, match=r"pip install 'semantic-human-matting\[exr\]'"):
        write(tmp_path / "out/%04d.exr")
    assert names(tmp_path) == []


def test_an_error_leaves_nothing_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/001.png").write_bytes(b"precious")

    def fail(path: Path) -> None:
        with PictureSequence(path, width=WIDTH, height=HEIGHT, overwrite=True) as sink:
            sink.write(packets()[0])
            raise KeyboardInterrupt

    for folder in ("out", "new"):
        with pytest.raises(KeyboardInterrupt):
            fail(tmp_path / folder / "%03d.png")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["001.png"]
    assert (tmp_path / "out/001.png").read_bytes() == b"precious"


def test_pictures_that_are_there_stay_unless_they_are_overwritten(tmp_path: Path) -> None:
    for name in ("003.png", "099.png", "notes.txt", "a001.png"):
        (tmp_path / name).write_bytes(b"old")
    with pytest.raises(MediaError, match=r"003.png: exists already"):
        write(tmp_path / "%03d.png")
    write(tmp_path / "%03d.png", overwrite=True)
    assert names(tmp_path) == [*NAMES, "a001.png", "notes.txt"]  # 099 would be taken for a part of it
    assert (tmp_path / "003.png").read_bytes() != b"old"


def test_pictures_whose_numbers_are_written_otherwise_are_not_overwritten(tmp_path: Path) -> None:
    """They were removed as if they were of the sequence."""
    others = ["a1.png", "a0001.png", "a13.png", "a.png", "ab001.png"]
    for name in (*others, "a002.png", "a1234.png"):
        (tmp_path / name).write_text("theirs")
    with PictureSequence(tmp_path / "a%03d.png", width=WIDTH, height=HEIGHT, overwrite=True) as sink:
        sink.write(packets()[0])
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*others, "a001.png"])
    assert {(tmp_path / name).read_text() for name in others} == {"theirs"}


def test_two_sequences_are_written_to_one_folder(tmp_path: Path) -> None:
    sizes = {"width": WIDTH, "height": HEIGHT}
    with (
        PictureSequence(tmp_path / "out/%03d.png", **sizes) as pictures,
        PictureSequence(tmp_path / "out/a%03d.png", kind="alpha", **sizes) as mattes,
    ):
        for packet in packets():
            pictures.write(packet)
            mattes.write(packet)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == [*NAMES, *(f"a{name}" for name in NAMES)]


def test_a_picture_that_appears_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    sink = PictureSequence(tmp_path / "out/%03d.png", width=WIDTH, height=HEIGHT)
    for packet in packets():
        sink.write(packet)
    (tmp_path / "out/002.png").write_bytes(b"theirs")
    with pytest.raises(FileAppeared, match="out-2"):
        sink.close()
    assert names(tmp_path / "out") == ["002.png"]
    assert names(tmp_path / "out-2") == NAMES


def test_what_a_killed_process_left_is_removed_but_not_what_another_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = PictureSequence(tmp_path / "out/%03d.png", width=WIDTH, height=HEIGHT)
    with pytest.raises(FileAppeared, match="this program is writing it already; close that first"):
        PictureSequence(tmp_path / "out/%03d.png", width=WIDTH, height=HEIGHT)
    monkeypatch.setattr(atomic, "_ours", set())
    with pytest.raises(FileAppeared, match="another process is writing"):
        PictureSequence(tmp_path / "out/%03d.png", width=WIDTH, height=HEIGHT)
    (left,) = tmp_path.glob(f"{UNFINISHED}*")
    first.abort()
    left.mkdir()
    (left / "001.png").write_bytes(b"left")
    write(tmp_path / "out/%03d.png")
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == NAMES


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("one.png", r"one.png: names one picture; name a sequence, such as .*%05d.png"),
        ("%d-%d.png", "names one picture"),
        ("%s.png", "names one picture"),
        ("file/%03d.png", "file is not a folder"),
        ("no/such/%03d.png", "there is no folder"),
        ("%03d.jpg", "unknown kind of video file '.jpg'"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").write_bytes(b"precious")
    with pytest.raises(MediaError, match=says):
        PictureSequence(tmp_path / name, width=WIDTH, height=HEIGHT)
    assert names(tmp_path) == ["file"]
