"""Blind comparison: sheets that do not tell, a key that does, votes counted and refused."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from train.commands.blind import app
from train.evaluation.blind import Votes

ADAPTER = "def load():\n    return lambda rgb: (rgb.mean(2) / 255).astype('f4')\n"


def blind(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, an adapter that takes brightness for a person, and four pairs drawn of ours against it."""
    place = tmp_path_factory.mktemp("place")
    (place / "adapters").mkdir()
    (place / "adapters/bright.py").write_text(ADAPTER)
    (place / "photos").mkdir()
    for number in range(5):
        picture = np.full((48, 64, 3), 50 * number, np.uint8)
        assert cv2.imwrite(str(place / f"photos/{number}.png"), picture)
    options = ("--adapters", place / "adapters", "--peer", "bright", "--count", 4)
    result = blind("draw", place / "photos", "--out", place / "blind", *options)
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def drawn(place: Path, tmp_path: Path) -> Path:
    """The pairs, in a copy of the place."""
    return shutil.copytree(place, tmp_path, dirs_exist_ok=True) / "blind"


def test_sheets_key_and_ballot(drawn: Path) -> None:
    assert [path.name for path in sorted(drawn.glob("*.jpg"))] == ["sheet-01.jpg", "sheet-02.jpg"]
    key = json.loads((drawn / "key.json").read_text())
    assert list(key["ours"]) == ["1", "2", "3", "4"]
    assert set(key["ours"].values()) <= {"left", "right"}
    assert len(set(key["pictures"].values())) == 4
    assert (drawn / "votes.txt").read_text().split() == ["1", "2", "3", "4"]
    # The side that the key does not name ours has the adapter's alpha: the picture's own grey.
    one = cv2.imread(str(drawn / "sheet-01.jpg"))
    assert one is not None
    wide, high = one.shape[1] // 5, 480
    grey = 50 * int(Path(key["pictures"]["1"]).stem)
    panels = {side: one[26 + high // 2, (3 + place) * wide + wide // 2].mean() for place, side in enumerate(("left", "right"))}
    peers = "right" if key["ours"]["1"] == "left" else "left"
    assert panels[peers] == pytest.approx(grey, abs=4)


def test_votes_are_counted_against_the_key(drawn: Path) -> None:
    key = json.loads((drawn / "key.json").read_text())
    other = {"left": "right", "right": "left"}
    votes = [key["ours"]["1"], other[key["ours"]["2"]], "same", key["ours"]["4"]]
    (drawn / "votes.txt").write_text("".join(f"{number} {vote}\n" for number, vote in enumerate(votes, 1)))
    result = blind("count", drawn)
    assert result.exit_code == 0
    assert "ours against bright: better 2, same 1, worse 1, of 4" in result.output
    assert "at least as good: 75%" in result.output
    assert f"worse: 2 ({key['pictures']['2']})" in result.output


def test_votes_that_cannot_be_counted(drawn: Path, tmp_path: Path) -> None:
    assert "no vote for 1, 2, 3, 4" in str(blind("count", drawn).exception)
    (drawn / "votes.txt").write_text("1 left\n2 middle\n")
    assert "'2 middle' is not a vote" in str(blind("count", drawn).exception)
    assert "has no key.json" in str(blind("count", tmp_path).exception)
    for text in (100_000 * "[", '{"ours": 1, "peer": "bright", "pictures": {}}', "[]"):
        (drawn / "key.json").write_text(text)
        assert "has no key.json" in str(blind("count", drawn).exception)


def test_a_draw_overwrites_nothing(drawn: Path, tmp_path: Path) -> None:
    again = blind("draw", tmp_path / "photos", "--out", drawn, "--adapters", tmp_path / "adapters", "--peer", "bright")
    assert "exists; name a new folder" in str(again.exception)
    empty = tmp_path / "empty"
    empty.mkdir()
    nothing = blind("draw", empty, "--out", tmp_path / "new", "--adapters", tmp_path / "adapters", "--peer", "bright")
    assert "has no pictures" in str(nothing.exception)
    assert not (tmp_path / "new").exists()


def test_the_interval_is_the_published_one() -> None:
    # Wilson's interval for 15 of 25, as R's prop.test(15, 25, correct = FALSE) gives it: .4074 to .7660.
    numbers = [str(number) for number in range(25)]
    votes = Votes("bright", numbers[:9], numbers[9:15], numbers[15:], dict.fromkeys(numbers, "photo.jpg"))
    assert "at least as good: 60% (95 %: 41% to 77%)" in str(votes)
