import pytest

from realtime.jobs.shards import Shard, parse_shard

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
