"""--hdr keep: a video in PQ or HLG stays one, with its tags; the person keeps the levels, and a background is at 203 cd/m2."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.jobs.settings import VideoSettings
from tests.realtime.commands.test_video import BallEngine, engine, shm_video
from tests.realtime.outputs.test_formats import needs_ffmpeg

__all__ = ["engine"]  # the fixture
pytestmark = needs_ffmpeg
WIDTH, HEIGHT, PATCH = 320, 64, 64
# Y, Cb and Cr of 10 bits. The engine of the tests takes for a person what has more red than blue.
PERSON = [
    (300, 480, 560),
    (660, 430, 600),
    (120, 508, 520),
    (350, 430, 700),
]  # mid, bright, dark, beyond BT.709
GROUND = (640, 540, 490)  # bluish, above reference white, too
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def hdr_clip(path: Path, transfer: str = "smpte2084") -> Path:
    """Three frames of patches side by side, HEVC of 10 bits without loss, with HDR10's metadata if it is PQ."""
    columns = np.repeat(np.array([*PERSON, GROUND], "<u2"), PATCH, axis=0)
    planes = [np.tile(columns[::step, index], (HEIGHT // step, 1)) for index, step in enumerate((1, 2, 2))]
    static = f":master-display={DISPLAY}:max-cll=1000,400" if transfer == "smpte2084" else ""
    params = f"log-level=error:lossless=1:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc{static}"
    tags = ["-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv"]
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", "-"]
    command = ["ffmpeg", "-v", "error", *raw, *tags, "-c:v", "libx265", "-x265-params", params, "-tag:v", "hvc1", str(path)]
    subprocess.run(command, input=b"".join(plane.tobytes() for plane in planes) * 3, check=True, timeout=120)
    return path


def levels(path: Path) -> NDArray[np.float64]:
    """The mean level of 10 bits, Y, Cb and Cr, inside each patch (patch, 3), as the ffmpeg program decodes them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-pix_fmt", "yuv444p10le", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    patches = np.frombuffer(raw, "<u2").reshape(-1, 3, HEIGHT, WIDTH // PATCH, PATCH)
    assert len(patches) == 3
    return np.asarray(patches[:, :, 8:-8, :, 16:-16].mean(axis=(0, 2, 4)).T)


def first_frame(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_frames", "-read_intervals", "%+#1", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=True, timeout=60)
    return dict(json.loads(done.stdout)["frames"][0])


def pq(luminance: float) -> float:
    """The luma of 10 bits of a grey of so many cd/m2, by ST 2084."""
    power = (luminance / 10_000) ** (2610 / 16384)
    return 64 + 876 * float(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


@pytest.mark.parametrize(
    ("codec", "suffix", "pixels"),
    [("hevc", ".mp4", "yuv420p10le"), ("av1", ".mkv", "yuv420p10le"), ("prores", ".mov", "yuv422p10le")],
)
def test_hdr10_stays_hdr10(
    tmp_path: Path,
    engine: BallEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    codec: str,
    suffix: str,
    pixels: str,
) -> None:
    clip, out = hdr_clip(tmp_path / "in.mp4"), tmp_path / f"out{suffix}"
    options = ["--bg", "#808080", "--smooth", 0, "--hdr", "keep", "--codec", codec]
    assert shm_video(monkeypatch, clip, out, *options, *([] if codec == "prores" else ["--crf", 1])) == 0
    found = levels(out)
    assert np.abs(found[:-1] - PERSON).max() <= 2
    grey = 203 * (128 / 255) ** 2.4
    assert np.abs(found[-1] - (pq(grey), 512, 512)).max() <= 2
    frame, before = first_frame(out), first_frame(clip)
    assert frame["pix_fmt"] == pixels
    for name in ("color_transfer", "color_primaries", "color_space", "color_range"):
        assert frame[name] == before[name]
    static = [each for each in frame.get("side_data_list", []) if each["side_data_type"].startswith(("Mastering", "Content"))]
    said = capsys.readouterr().err
    if codec == "prores":
        assert f"{out}: is without mastering display metadata, content light levels of {clip}" in said
        return
    expected = [each for each in before["side_data_list"] if each["side_data_type"].startswith(("Mastering", "Content"))]
    assert len(static) == len(expected) == 2
    for ours, theirs in zip(sorted(static, key=str), sorted(expected, key=str), strict=True):
        assert number(ours) == pytest.approx(number(theirs), rel=1e-3, abs=1e-3)
    assert "is without" not in said


def number(data: dict[str, Any]) -> dict[str, float]:
    """The values of metadata, of which some are fractions."""
    values = {name: str(value).split("/") for name, value in data.items() if name != "side_data_type"}
    return {name: float(parts[0]) / float(parts[1] if len(parts) > 1 else 1) for name, parts in values.items()}


def test_hlg_stays_hlg_also_behind_the_person(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, out = hdr_clip(tmp_path / "in.mp4", "arib-std-b67"), tmp_path / "out.mp4"
    options = ["--bg", "none", "--smooth", 0, "--hdr", "keep", "--codec", "hevc", "--crf", 1]
    assert shm_video(monkeypatch, clip, out, *options) == 0
    assert np.abs(levels(out) - [*PERSON, GROUND]).max() <= 2
    assert first_frame(out)["color_transfer"] == "arib-std-b67"


def test_a_cut_out_and_a_resumable_composite_keep_it_too(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = hdr_clip(tmp_path / "in.mp4")
    cutout, composite = tmp_path / "cutout.mov", tmp_path / "out.mp4"
    keep = ["--smooth", 0, "--hdr", "keep"]
    matte = ["--alpha-out", tmp_path / "matte.mov"]
    assert shm_video(monkeypatch, clip, cutout, "--output-kind", "cutout", *matte, *keep) == 0
    assert np.abs(levels(cutout)[:-1] - PERSON).max() <= 2
    assert first_frame(cutout)["color_transfer"] == "smpte2084"
    assert first_frame(tmp_path / "matte.mov")["color_transfer"] == "bt709"
    assert shm_video(monkeypatch, clip, composite, "--codec", "hevc", "--crf", 1, "--resume", *keep) == 0
    assert np.abs(levels(composite)[:-1] - PERSON).max() <= 2
    frame = first_frame(composite)
    assert frame["color_transfer"] == "smpte2084"
    assert any(each["side_data_type"].startswith("Mastering") for each in frame["side_data_list"])


def test_half_floats_hold_its_light(tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 is reference white; in BT.2020's own primaries. What is stated is what Nuke and OpenColorIO read."""
    openexr = pytest.importorskip("OpenEXR")
    clip = hdr_clip(tmp_path / "in.mp4")
    keep = ["--output-kind", "cutout", "--smooth", 0, "--hdr", "keep"]
    assert shm_video(monkeypatch, clip, tmp_path / "out/%02d.exr", *keep) == 0
    with openexr.File(str(tmp_path / "out/01.exr"), separate_channels=True) as file:
        header = dict(file.header())
        light = [
            [float(file.channels()[name].pixels[32, 32 + PATCH * index]) for name in "RGB"] for index in range(len(PERSON))
        ]
    assert header["whiteLuminance"] == 203
    assert header["chromaticities"][:2] == pytest.approx((0.708, 0.292), abs=1e-6)
    assert header["colorInteropID"] == "lin_rec2020_scene"
    signals = [[pq(203 * max(channel, 0)) for channel in each] for each in light]
    assert np.abs(np.array(signals) - np.array([red_green_blue(*each) for each in PERSON])).max() <= 4
    assert light[1][0] > 1.5  # brighter than reference white


def red_green_blue(luma: int, blue: int, red: int) -> list[float]:
    """The signals of 10 bits, from 64 to 940, of a colour of BT.2020."""
    y, u, v = luma - 64, (blue - 512) * 876 / 896, (red - 512) * 876 / 896
    r, b = y + 1.4746 * v, y + 1.8814 * u
    return [64 + max(0.0, channel) for channel in (r, (y - 0.2627 * r - 0.0593 * b) / 0.678, b)]


def test_without_it_standard_range_comes_out_and_that_is_said(
    tmp_path: Path, engine: BallEngine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, out = hdr_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    assert shm_video(monkeypatch, clip, out) == 0
    assert first_frame(out)["color_transfer"] == "bt709"
    assert f"{clip}: its high dynamic range becomes standard; --hdr keep keeps it\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("out.mp4", [], "--hdr keep: {out} would be H.264, which does not keep it; take --codec hevc, prores, av1, exr"),
        (
            "out.webm",
            ["--output-kind", "cutout"],
            "--hdr keep: {out} would be VP9, which does not keep it; take --codec prores, exr",
        ),
        ("%02d.png", [], "--hdr keep: {out} would be PNG"),
        ("out.mp4", ["--codec", "hevc", "--nvenc"], "--hdr keep: --nvenc encodes in 8 bits; leave one of them out"),
        ("out.mov", ["--codec", "prores", "--output-kind", "alpha"], "--hdr keep: there are no colours in --output-kind alpha"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_what_cannot_keep_it_is_refused_by_name(
    tmp_path: Path,
    engine: BallEngine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
    says: str,
    more: list[str],
) -> None:
    clip, out = hdr_clip(tmp_path / "in.mp4"), tmp_path / name
    assert shm_video(monkeypatch, clip, out, "--hdr", "keep", *options, *more) == 2
    assert says.format(out=out) in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["in.mp4"]


def test_a_choice_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown hdr 'yes'; there are sdr, keep"):
        VideoSettings(hdr="yes")  # type: ignore[arg-type]
