"""A dry run finds what lies in the way of the run: a package that is missing, segments of another run."""

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame

import engines
from engines.engine import Frame, Mask, Matte
from engines.errors import EngineError
from realtime.inputs.video_file import VideoSource
from realtime.jobs import segments
from tests.realtime.clips import even_times, make_clip
from tests.realtime.commands.test_video import shm_video
from tests.realtime.jobs.flickering import FRAMES
from tests.realtime.plain_engine import PlainEngine


class Breaking(PlainEngine):
    """An engine that fails when a segment is complete, whatever frames are on their way."""

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        if self.calls > 4 * FRAMES:
            raise EngineError("the GPU has gone")
        return super().__call__(frame, mask)


def load(backend: str = "auto", **options: Any) -> PlainEngine:
    engine = Breaking()
    engine.model = options["model"]
    return engine


@pytest.mark.parametrize("arguments", [["out/%05d.exr"], ["out.mp4", "--alpha-out", "mattes/%05d.exr"]])
def test_openexr_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("realtime.outputs.pictures.sequence.find_spec", lambda _: None)
    make_clip(Path("in.mp4"), even_times(3))
    told = []
    for dry in ([], ["--dry-run"]):
        assert shm_video(monkeypatch, "in.mp4", *arguments, *dry) == 2
        told.append(capsys.readouterr().err)
    assert told[0] == told[1] == "error: OpenEXR is not installed; type: pip install 'semantic-human-matting[exr]'\n"


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with in.mp4, segments of out.mp4, and the beach.png that is behind them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(segments, "FRAMES", FRAMES)
    monkeypatch.setattr(engines, "load", load, raising=False)
    make_clip(Path("in.mp4"), even_times(6 * FRAMES))
    cv2.imwrite("beach.png", np.full((64, 96, 3), 90, np.uint8))
    assert shm_video(monkeypatch, "in.mp4", "out.mp4", "--bg", tmp_path / "beach.png", "--resume") == 2
    assert Path("out.mp4.unfinished/00000.mp4").exists()
    capsys.readouterr()
    return tmp_path


@pytest.mark.parametrize("option", ["--resume", "--shard"])
@pytest.mark.parametrize(("more", "differ"), [(["--smooth", "0.3"], "options"), (["--model", "base"], "engine, weights")])
def test_segments_of_another_run_lie_in_the_way(
    interrupted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    more: list[str],
    differ: str,
) -> None:
    words = ["in.mp4", "out.mp4", "--bg", interrupted / "beach.png", option, *(["1/1"] if option == "--shard" else [])]
    told = []
    for dry in ([], ["--dry-run"]):
        assert shm_video(monkeypatch, *words, *more, *dry) == 2
        told.append(capsys.readouterr().err.splitlines()[-1])
    assert told[0] == told[1]
    assert f"out.mp4.unfinished: holds the segments of another run ({differ} differ)" in told[0]
    assert shm_video(monkeypatch, *words, "--dry-run") == 0
    monkeypatch.setattr(engines, "load", None, raising=False)
    shutil.rmtree("out.mp4.unfinished")
    assert shm_video(monkeypatch, *words, *more, "--dry-run") == 0  # an engine is loaded only where it has to be compared


def test_videos_of_a_folder_and_of_a_cluster_are_looked_at_likewise(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("clips").mkdir()
    Path("done").mkdir()
    Path("in.mp4").rename("clips/out.mp4")
    Path("out.mp4.unfinished").rename("done/out.mp4.unfinished")
    words = ["--bg", interrupted / "beach.png", "--resume", "--dry-run"]
    assert shm_video(monkeypatch, "clips", "done", *words) == 0
    assert shm_video(monkeypatch, "clips", "done", *words, "--smooth", "0.3") == 1
    assert "(options differ)" in capsys.readouterr().err
    monkeypatch.setattr(engines, "load", None, raising=False)  # which the machines of a cluster choose
    words = ["--bg", "beach.png", "--ray", "auto", "--dry-run"]
    assert shm_video(monkeypatch, "clips/out.mp4", "done/out.mp4", *words) == 0
    assert shm_video(monkeypatch, "clips/out.mp4", "done/out.mp4", *words, "--smooth", "0.3") == 2
    assert "(options differ)" in capsys.readouterr().err


def test_a_video_of_unknown_length_cannot_be_sharded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(Path("in.mp4"), even_times(3))
    describe = VideoSource._describe

    def of_unknown_length(source: VideoSource, first: VideoFrame) -> None:
        describe(source, first)
        source.frames = None

    monkeypatch.setattr(VideoSource, "_describe", of_unknown_length)
    told = []
    for dry in ([], ["--dry-run"]):
        assert shm_video(monkeypatch, "in.mp4", "out.mp4", "--shard", "1/2", *dry) == 2
        told.append(capsys.readouterr().err)
    assert told[0] == told[1]
    assert "does not say how many frames it has" in told[0]
