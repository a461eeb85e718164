import gc
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engines.errors import MediaError
from engines.geometry import Size
from realtime.inputs.video_file import VideoSource
from tests.realtime.clips import BALL, GROUND, even_times, make_clip, opencv_frames, picture


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_frames_and_facts(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", audio="aac")
    with VideoSource(clip) as source:
        assert (source.width, source.height, source.frames, source.rate) == (96, 64, 10, 25)
        assert source.duration == Fraction(2, 5)
        assert source.audio == ("aac",)
        assert (source.pixel_aspect, source.time_base, source.origin) == (1, Fraction(1, 12_800), 0)
        packets = list(source)
    assert [packet.time for packet in packets] == even_times(10)
    assert [packet.index for packet in packets] == list(range(10))
    assert all(packet.duration == Fraction(1, 25) for packet in packets)
    for packet in packets:
        assert packet.frame.dtype == np.uint8
        assert packet.frame.shape == (64, 96, 3)
        assert packet.frame.flags.c_contiguous
        assert difference(packet.frame, picture(packet.index)) < 4


def test_iterating_again_starts_again(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "clip.mp4")) as source:
        first = [packet.time for packet in source]
        second = [packet.time for packet in source]
        next(iter(source))
        third = [packet.time for packet in source]
    assert first == second == third == even_times(10)


def test_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    times = [Fraction(ms, 1000) for ms in (0, 40, 41, 200, 233, 700, 701, 1500)]
    with VideoSource(make_clip(tmp_path / "clip.mkv", times, time_base=Fraction(1, 1000))) as source:
        assert [packet.time for packet in source] == times


def test_a_file_that_says_no_rate_has_none(tmp_path: Path) -> None:
    """As a browser records: for FFmpeg it has 1000 frames a second, one for each tick of its clock."""
    steps = np.random.default_rng(0).integers(5, 95, 60)
    times = [Fraction(int(milliseconds), 1000) for milliseconds in [0, *np.cumsum(steps)]]
    clip = make_clip(tmp_path / "clip.webm", times, codec="libvpx")
    stated = re.compile(rb"\x23\xe3\x83\x84....", re.DOTALL)
    data, count = stated.subn(b"\xec\x86" + bytes(6), clip.read_bytes())  # Matroska's DefaultDuration made void
    assert count == 1
    clip.write_bytes(data)
    with VideoSource(clip) as source:
        assert (source.rate, source.frames) == (None, None)
        assert [packet.time for packet in source] == times


@pytest.mark.parametrize("size", [(97, 65), (33, 32), (64, 99), (426, 240)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    with VideoSource(make_clip(tmp_path / "clip.mkv", size=size, codec="ffv1", pix_fmt="bgr0")) as source:
        assert (source.width, source.height) == size
        for packet in source:
            assert packet.frame.flags.c_contiguous
            assert np.array_equal(packet.frame, picture(packet.index, *size))


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_turned_and_mirrored_pictures_stand_upright_as_in_another_reader(tmp_path: Path, rotation: int, hflip: bool) -> None:
    clip = make_clip(tmp_path / "clip.mp4", rotation=rotation, hflip=hflip)
    with VideoSource(clip) as source:
        assert (source.width, source.height) == ((64, 96) if rotation in (90, -90) else (96, 64))
        frame = next(iter(source)).frame
    assert frame.shape == (source.height, source.width, 3)
    assert frame.flags.c_contiguous
    if not hflip:  # OpenCV turns, but does not mirror
        assert difference(frame, opencv_frames(clip)[0]) < 8
    turned = np.rot90(picture(0), rotation // 90)
    assert difference(frame, turned[:, ::-1] if hflip else turned) < 4


def test_no_decoded_frame_waits_for_the_garbage_collector(tmp_path: Path) -> None:
    """At 4K each holds 12 MB, and the collector comes after hundreds."""

    def decoded() -> int:
        return sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())

    with VideoSource(make_clip(tmp_path / "a.mp4", even_times(40))) as source:
        gc.collect()
        gc.disable()
        gc.freeze()  # else all that earlier tests left is looked through for each frame
        try:
            most = max(decoded() for _ in source)
        finally:
            gc.enable()
    assert most < 10


def test_a_looped_video_leaves_no_frame_to_the_garbage_collector(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "a.mp4")) as source:
        gc.collect()
        gc.disable()
        gc.freeze()
        try:
            for _ in range(5):
                sum(1 for _ in source)
            left = sum(isinstance(each, av.VideoFrame) for each in gc.get_objects())
        finally:
            gc.enable()
    assert left <= 1


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.avi", "mpeg4", {}),
        ("clip.avi", "libx264", {"bf": "3"}),  # AVI has no presentation times
        ("clip.h264", "libx264", {"bf": "3"}),  # and this no times at all
        ("clip.ts", "libx264", {"bf": "3"}),  # and this ones that start anywhere
    ],
)
def test_times_that_the_file_does_not_tell(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    clip = make_clip(tmp_path / name, codec=codec, options=options, time_base=Fraction(1, 25))
    with VideoSource(clip) as source:
        packets = list(source)
    assert [packet.time for packet in packets] == even_times(10)
    assert all(difference(packet.frame, picture(packet.index)) < 6 for packet in packets)


def test_an_avi_of_a_single_frame(tmp_path: Path) -> None:
    with VideoSource(make_clip(tmp_path / "clip.avi", even_times(1), codec="mpeg4", time_base=Fraction(1, 25))) as source:
        assert len(list(source)) == source.frames == 1


@pytest.mark.parametrize("colour_range", [1, 2])
@pytest.mark.parametrize("matrix", [1, 5])  # BT.709, BT.601
def test_colours_follow_matrix_and_range(tmp_path: Path, matrix: int, colour_range: int) -> None:
    tags = {"colorspace": matrix, "color_range": colour_range}
    clip = make_clip(tmp_path / "clip.mp4", colours=tags, options={"crf": "1"})
    with VideoSource(clip) as source:
        frame = next(iter(source)).frame
    assert np.abs(frame[32, 24].astype(int) - BALL).max() <= 3
    assert np.abs(frame[60, 90].astype(int) - GROUND).max() <= 3


@pytest.mark.parametrize("colour", [(170, 120, 100), (110, 130, 150), (100, 120, 95), (128, 128, 128)])
def test_wide_gamut_is_brought_to_bt709(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 14}  # BT.2020, 10 bits
    clip = make_clip(tmp_path / "clip.mp4", ground=colour, pix_fmt="yuv420p10le", colours=tags, options={"crf": "1"})
    with VideoSource(clip) as source:
        frame = next(iter(source)).frame
    to_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])  # BT.2087
    expected = 255 * (to_709 @ (np.array(colour) / 255) ** 2.4) ** (1 / 2.4)
    assert np.abs(frame[60, 90] - expected).max() <= 5


@pytest.mark.parametrize(("name", "codec"), [("clip.webm", "libvpx-vp9"), ("clip.mkv", "libx265"), ("clip.mpg", "mpeg2video")])
def test_other_codecs(tmp_path: Path, name: str, codec: str) -> None:
    clip = make_clip(tmp_path / name, codec=codec, time_base=Fraction(1, 25))
    with VideoSource(clip) as source:
        packets = list(source)
    assert [packet.time for packet in packets] == even_times(10)
    assert all(difference(packet.frame, picture(packet.index)) < 8 for packet in packets)


def test_a_change_of_size_midway_is_scaled_to_the_first(tmp_path: Path) -> None:
    parts = [make_clip(tmp_path / f"{width}.ts", size=(width, 64)) for width in (96, 128)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoSource(joined) as source:
        packets = list(source)
    assert len(packets) == 20
    assert {packet.frame.shape for packet in packets} == {(64, 96, 3)}
    assert all(a.time < b.time for a, b in pairwise(packets))


def test_damage_is_left_out_and_counted(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", even_times(50), options={"g": "5"})
    with av.open(str(clip)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    content = bytearray(clip.read_bytes())
    content[places[20] : places[21]] = b"\xff" * (places[21] - places[20])
    clip.write_bytes(content)
    with VideoSource(clip) as source:
        times = [packet.time for packet in source]
        damaged = source.damaged
        assert damaged >= 1
        assert [packet.time for packet in source] == times
        assert source.damaged == damaged  # the same, counted anew
    assert 40 <= len(times) < 50
    assert times[-1] == Fraction(49, 25)


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mkv", {}),
        ("clip.avi", {"codec": "mpeg4", "time_base": Fraction(1, 25), "size": (320, 240)}),
        ("clip.flv", {"container_format": "flv"}),
        ("clip.webm", {"codec": "libvpx", "audio": "libopus", "time_base": Fraction(1, 1000)}),
    ],
)
def test_a_file_cut_short_gives_what_is_there_and_says_where_it_ends(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    clip = make_clip(tmp_path / name, even_times(50), **options)
    with VideoSource(clip) as source:
        assert len(list(source)) == 50
        assert source.shortfall is None
    with VideoSource(cut(clip, 0.6)) as source:
        packets = list(source)
        assert 1 <= len(packets) < 50
        assert source.shortfall is not None
        assert re.fullmatch(rf".*{name}: ends at [01]\.\d\d s of 2\.\d\d s; the rest is missing or damaged", source.shortfall)


def test_sound_that_goes_on_after_the_pictures_is_no_cut(tmp_path: Path) -> None:
    for name in ("clip.mkv", "clip.mp4"):
        with VideoSource(make_clip(tmp_path / name, even_times(25), audio="aac", audio_seconds=3)) as source:
            assert len(list(source)) == 25
            assert source.shortfall is None


def test_a_hole_in_pictures_and_sound_counts_as_damage(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", even_times(400), audio="aac")
    content = clip.read_bytes()
    half = len(content) // 2
    clip.write_bytes(content[: half - half // 5] + bytes(half // 5) + content[half:])
    with VideoSource(clip) as source:
        assert 200 < len(list(source)) < 400
        assert source.damaged >= 1


@pytest.mark.parametrize("share", [0.7, 0.8, 0.95])
def test_a_cut_costs_no_frame_that_can_be_decoded_however_many_threads_decode(tmp_path: Path, share: float) -> None:
    clip = make_clip(tmp_path / "clip.mp4", even_times(50))
    with av.open(str(clip)) as container, av.open(str(tmp_path / "cut.mp4"), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    cut(tmp_path / "cut.mp4", share)
    times = []
    for threads in (1, 2, 4):
        with VideoSource(tmp_path / "cut.mp4", threads=threads) as source:
            times.append([packet.time for packet in source])
            assert source.shortfall is not None or source.damaged
    assert 1 < len(times[0]) < 50
    assert times[0] == times[1] == times[2]


def write_text(path: Path) -> None:
    path.write_text("This is not a video, whatever its name says.\n" * 100)


def write_picture(path: Path) -> None:
    make_clip(path, even_times(1), codec="png", pix_fmt="rgb24", container_format="image2")


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_no_frames(path: Path) -> None:
    make_clip(path, [])


def write_header_only(path: Path) -> None:
    make_clip(path.with_suffix(".mkv"))
    path.write_bytes(path.with_suffix(".mkv").read_bytes()[:700])


def write_small(path: Path) -> None:
    make_clip(path, size=(30, 64))


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("missing.mp4", None, "no such file"),
        ("folder.mp4", Path.mkdir, "is a folder"),
        ("text.mp4", write_text, "not a video that can be read"),
        ("text.txt", write_text, "no video that can be decoded"),
        ("empty.mp4", Path.touch, "not a video that can be read"),
        ("picture.png", write_picture, "is a picture, not a video"),
        ("sound.mp4", write_sound, "no video that can be decoded"),
        ("none.mp4", write_no_frames, "no "),
        ("header.mp4", write_header_only, "no "),
        ("small.mp4", write_small, "30x64 is too small"),
        ("x" * 300 + ".mp4", None, "x.mp4"),
    ],
)
def test_bad_input_gets_one_line_that_names_the_file(tmp_path: Path, name: str, make, says: str) -> None:  # type: ignore[no-untyped-def]
    if make is not None:
        make(tmp_path / name)
    with pytest.raises(MediaError, match=says) as raised:
        VideoSource(tmp_path / name)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("threads", [0, -1, 2.5, "2", 1_000_000])
def test_threads_that_there_are_not_are_refused(tmp_path: Path, threads: object) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(2))
    with pytest.raises(ValueError, match=f"threads {threads!r}: must be a whole number from 1 to 64"):
        VideoSource(clip, threads=threads)  # type: ignore[arg-type]


def test_any_limit_of_pixels_is_taken(tmp_path: Path) -> None:
    """Beyond what FFmpeg's own limit holds, "reading failed": there seemed to be something wrong with the disk."""
    with VideoSource(make_clip(tmp_path / "a.mp4", even_times(2)), max_pixels=2**40) as source:
        assert len(list(source)) == 2


def test_a_size_of_fractions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"give realtime.Size\(height=480, width=640\)"):
        VideoSource(make_clip(tmp_path / "a.mp4", even_times(2)), size=Size(240.5, 320))  # type: ignore[arg-type]
