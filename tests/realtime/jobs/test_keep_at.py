"""--keep X,Y@TIME: the person at a point of a later frame is kept from the first frame on."""

from pathlib import Path
from typing import Any

import pytest

from realtime.jobs import segments
from realtime.packet import Packet
from tests.realtime.clips import frames
from tests.realtime.jobs.walking import COUNT, check_shards, place, run, write_walk


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_walk(tmp_path / "in.mkv")


def check(path: Path, first: int = 0, count: int = COUNT) -> None:
    mattes = frames(path)
    assert len(mattes) == count
    for index, matte in enumerate(mattes, first):
        her, him = place(index)
        assert matte[him[1], him[0]].max() < 8, f"he is in frame {index}"
        assert her is None or matte[her[1], her[0]].min() > 247, f"she is not in frame {index}"


@pytest.mark.parametrize("keep", ["60,100@0.8", "57%,84%@1.6"])  # where she is at those times, in frames 20 and 40
def test_who_is_at_a_point_later_is_kept_from_the_first_frame_on(tmp_path: Path, clip: Path, keep: str) -> None:
    assert run(clip, tmp_path / "out.mkv", "--keep", keep) == 0
    check(tmp_path / "out.mkv")


def test_times_are_those_of_the_source_also_in_an_excerpt(tmp_path: Path, clip: Path) -> None:
    assert run(clip, tmp_path / "out.mkv", "--keep", "60,100@0.8", "--start", "0.4", "--end", "1.2") == 0
    check(tmp_path / "out.mkv", first=10, count=20)


def test_an_interrupted_run_goes_on_with_her(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FRAMES", 10)
    write = segments.SegmentedSink.write
    for last in (15, 35):  # in the frames before that time, and behind it

        def interrupted(self: Any, packet: Packet, last: int = last) -> None:
            if packet.index == last:
                raise KeyboardInterrupt
            write(self, packet)

        with monkeypatch.context() as patched:
            patched.setattr(segments.SegmentedSink, "write", interrupted)
            assert run(clip, tmp_path / "out.mkv", "--keep", "60,100@0.8", "--resume") != 0
        assert not (tmp_path / "out.mkv").exists()
    assert run(clip, tmp_path / "out.mkv", "--keep", "60,100@0.8", "--resume") == 0
    check(tmp_path / "out.mkv")


def test_shards_keep_whom_one_process_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of larger frames, which are searched in a smaller size: before, in and behind the frame in which it is told."""
    clip = write_walk(tmp_path / "in.mkv", 5)
    monkeypatch.setattr(segments, "FRAMES", 10)
    for name, keep in (("her", "300,500@0.8"), ("him", "85%,33%")):
        check_shards(clip, tmp_path / name, "--keep", keep)


def test_a_shard_searches_only_between_its_frames_and_where_it_was_told(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 10)
    for shard, searched in (("3/3", 10), ("1/3", 21), ("2/3", 12)):  # from frame 20 to 29; from 0, and from 9, to 20
        assert run(clip, tmp_path / "out.mkv", "--keep", "60,100@0.8", "--shard", shard) == 0
        assert f"{clip}: {searched} frames were searched first for whom to keep\n" in capsys.readouterr().err
    check(tmp_path / "out.mkv")


def test_nobody_there_is_told_by_each_shard_that_looks(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 10)
    cases = (
        (["1,1"], "nobody is at 1,1; name"),
        (["60,100@9"], "60,100@9: no frame is shown at that time"),
        (["60,100@0.1", "--start", "0.4"], "60,100@0.1: no frame is shown at that time"),
    )
    for keep, says in cases:
        for shard in ("1/2", "2/2"):
            assert run(clip, tmp_path / "out.mkv", "--keep", *keep, "--shard", shard) == 2
            assert says in capsys.readouterr().err
            assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        ("60,100@9", "60,100@9: no frame is shown at that time; name one"),
        ("60,100@0.04", "nobody is at 60,100@0.04; name a point on a person"),
        ("60,100@soon", "--keep 60,100@soon: has no time behind the @; write"),
        ("60,100@", "--keep 60,100@: has no time"),
    ],
)
def test_a_wrong_time_or_point_is_named_and_nothing_is_left(
    tmp_path: Path, clip: Path, keep: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, tmp_path / "out.mkv", "--keep", keep) == 2
    assert says in capsys.readouterr().err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]


@pytest.mark.parametrize("fault", ["missing", "full"])
def test_a_folder_for_temporary_files_that_takes_none_is_named(
    tmp_path: Path, clip: Path, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full one had a traceback, and of a missing one a file in it was named that nobody knows."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    if fault == "full":
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        monkeypatch.setattr("tempfile.TemporaryFile", lambda: Path("/dev/full").open("w+b", buffering=0))  # noqa: SIM115
    assert run(clip, tmp_path / "out.mkv", "--keep", "60,100@0.8") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {tmp_path / 'none'}: temporary files cannot be written there (No s")
    assert error.endswith("; make room, or name another folder in TMPDIR")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv"]
