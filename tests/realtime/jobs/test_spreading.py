"""How videos are cut into parts for a cluster, and what is put together of the reports on these."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from engines.errors import MediaError, TooManyPixels, WeightsError
from engines.weights import digest
from realtime.jobs import spreading
from realtime.jobs.report import VideoReport
from realtime.jobs.segments import FRAMES
from realtime.jobs.settings import VideoSettings
from realtime.jobs.spreading import Done, EngineChoice, Runner, Video, counts, edit_part, engine_of_process, on_any_machine

ENGINE = EngineChoice(backend="openvino", threads=1, precision="fp32", model="base", weights=digest())
RUNNER = Runner("openvino", "fp32", "a CPU", "base")


@pytest.mark.parametrize(
    ("segments", "slots", "parts"),
    [
        ([8], 4, [4]),
        ([3], 4, [3]),
        ([1], 4, [1]),
        ([9], 4, [3]),
        ([1, 1, 10], 4, [1, 1, 4]),
        ([2, 2, 2, 2], 2, [1, 1, 1, 1]),
        ([None, 6], 2, [1, 2]),
    ],
)
def test_videos_are_cut_into_shares(segments: list[int | None], slots: int, parts: list[int]) -> None:
    assert counts([None if each is None else each * FRAMES - 1 for each in segments], slots) == parts


def video(tmp_path: Path, count: int) -> Video:
    made = Video(Path("in.mp4"), tmp_path / "out.mp4", 600)
    made.cut(count, VideoSettings(), ENGINE, overwrite=True)
    return made


def report(frames: int, **facts: object) -> VideoReport:
    one = VideoReport(source=Path("/in.mp4"), target=Path("/out.mp4"), frames=frames, seconds=1, stage_ms={}, complete=False)
    return replace(one, **facts)  # type: ignore[arg-type]


def test_reports_on_parts_become_one(tmp_path: Path) -> None:
    made = video(tmp_path, 2)
    made.done = [
        Done(report(300, done_before=250, stage_ms={"matte": 3.0}, damaged=1), RUNNER),
        Done(report(300, complete=True, stage_ms={"matte": 2.0}, damaged=2, damaged_audio=4, shortfall="ends early"), RUNNER),
    ]
    result = made.result(10.0)
    assert result is not None
    whole = result.report
    assert (whole.source, whole.target) == (Path("in.mp4"), tmp_path / "out.mp4")
    assert (whole.frames, whole.done_before, whole.frames_a_second, whole.complete) == (600, 250, 35.0, True)
    assert (whole.damaged, whole.damaged_audio, whole.shortfall, whole.stage_ms) == (2, 4, "ends early", {"matte": 3.0})


def test_frames_of_a_part_that_found_the_video_complete_count_as_done_before(tmp_path: Path) -> None:
    made = video(tmp_path, 2)
    made.done = [Done(report(300, done_before=200, complete=True), RUNNER), None]
    result = made.result(10.0)
    assert result is not None
    assert (result.report.frames, result.report.done_before) == (600, 500)
    made.done = [None, None]
    assert made.complete
    assert made.result(10.0) is None


def test_a_part_of_a_video_that_has_been_joined_is_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"old")
    made = video(tmp_path, 2)
    (tmp_path / "new.mp4").write_bytes(b"new")
    (tmp_path / "new.mp4").replace(tmp_path / "out.mp4")
    assert edit_part(made.parts[0], lambda frames: None) is None  # although it may overwrite


def test_paths_are_those_of_any_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beach.jpg").touch()
    settings = on_any_machine(VideoSettings(bg="beach.jpg", masks=("mask.png@1:30",)))
    assert settings.bg == str(tmp_path / "beach.jpg")
    assert settings.masks == (f"{tmp_path / 'mask.png'}@1:30",)
    assert on_any_machine(VideoSettings(bg="blur")).bg == "blur"
    part = video(Path(), 1).parts[0]
    assert (part.source, part.target) == (tmp_path / "in.mp4", tmp_path / "out.mp4")


def test_a_machine_with_other_weights_takes_no_part() -> None:
    with pytest.raises(WeightsError, match="other weights than the command takes; name its folder in SHM_WEIGHTS there, too"):
        engine_of_process(replace(ENGINE, weights="0" * 64))


def test_an_error_may_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(TooManyPixels("too many", 7)))
    assert (str(error), error.megapixels) == ("too many", 7)


def test_an_error_of_a_part_counts_unless_another_has_completed_the_video_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = video(tmp_path, 2).parts[0]

    def fail(*_: object, **__: object) -> None:
        raise MediaError("out.mp4: exists already")

    def fail_late(*_: object, **__: object) -> None:
        part.target.touch()
        fail()

    monkeypatch.setattr(spreading, "VideoJob", fail)
    with pytest.raises(MediaError, match="exists already"):
        edit_part(part, lambda _: None)
    monkeypatch.setattr(spreading, "VideoJob", fail_late)
    assert edit_part(part, lambda _: None) is None
