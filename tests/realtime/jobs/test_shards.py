from pathlib import Path
from typing import Any

import pytest

from realtime.jobs import segments
from realtime.jobs.settings import VideoSettings
from realtime.jobs.shards import Shard, parse_shard
from realtime.jobs.video_job import VideoJob
from tests.realtime.clips import even_times, frame_times, make_clip
from tests.realtime.jobs.flickering import FlickeringEngine

SLURM = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_MAX": "8", "SLURM_ARRAY_TASK_COUNT": "4"}


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("3/16", SLURM, Shard(3, 16)),
        ("1/1", {}, Shard(1, 1)),
        ("auto", SLURM, Shard(3, 4)),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}, Shard(1, 2)),
        ("auto/9", {"AWS_BATCH_JOB_ARRAY_INDEX": "8"}, Shard(9, 9)),
        ("auto/16", {"JOB_COMPLETION_INDEX": "15"}, Shard(16, 16)),
    ],
)
def test_shards_are_named_or_found(text: str, environment: dict[str, str], shard: Shard) -> None:
    assert parse_shard(text, environment) == shard


@pytest.mark.parametrize(
    ("text", "environment", "says"),
    [
        ("3", {}, "is not a shard"),
        ("0/4", {}, "numbered from 1 to 4"),
        ("5/4", {}, "numbered from 1 to 4"),
        ("1/0", {}, "does not exist"),
        ("a/b", {}, "is not a shard"),
        ("auto", {}, "none of the variables SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX or JOB_COMPLETION_INDEX is set"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "such as auto/16"),
        ("auto", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX is 'x', not a number"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_MAX": "11"}, "leave numbers out"),
    ],
)
def test_wrong_shards(text: str, environment: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_shard(text, environment)


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_each_item_is_in_one_shard(count: int) -> None:
    items = list(range(10))
    parts = [Shard(index, count).of(items) for index in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_of_two_shards_that_join_a_file_that_is_there_the_later_finds_it_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FRAMES", 5)
    clip, out = make_clip(tmp_path / "in.mp4", even_times(10)), tmp_path / "out.mp4"
    out.write_bytes(b"of an earlier run")
    join = segments.join

    def run(index: int) -> bool:
        settings = VideoSettings(preset="ultrafast", smooth=0)
        with VideoJob(clip, out, settings, shard=Shard(index, 2), overwrite=True) as job:
            return job.run(FlickeringEngine()).complete

    def join_too_late(*arguments: Any, **options: Any) -> None:
        monkeypatch.setattr(segments, "join", join)
        assert run(1)  # another process, which joins the segments, and removes them
        join(*arguments, **options)

    assert not run(1)
    monkeypatch.setattr(segments, "join", join_too_late)
    assert not run(2)
    assert frame_times(out) == even_times(10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
