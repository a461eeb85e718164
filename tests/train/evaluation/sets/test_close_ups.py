"""Close-ups: where the window lies, what is left out, and that they are parts of the set."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.commands.test_evaluate import shm_eval
from train.evaluation.scores import open_set, read_item
from train.evaluation.sets.close_ups import LEAST, make_close_ups, window_of


def somebody(height: int = 600, width: int = 800, head: int = 160, x: int = 400, y: int = 150) -> np.ndarray:
    """Alpha of a head above shoulders that are two and a half heads wide, down to the frame's edge."""
    alpha = np.zeros((height, width), np.float32)
    cv2.rectangle(alpha, (x - 5 * head // 4, y + head), (x + 5 * head // 4 - 1, height), 1.0, -1)
    cv2.ellipse(alpha, ((x, y + head / 2), (0.75 * head, head), 0), 1.0, -1)
    return alpha


@pytest.mark.parametrize("share", [0.4, 0.5, 0.65])
@pytest.mark.parametrize("x", [250, 400, 550])
def test_the_head_has_its_share_and_is_seen_whole(share: float, x: int) -> None:
    alpha = somebody(x=x)
    cv2.circle(alpha, (760 if x < 400 else 40, 580), 15, 1.0, -1)  # somebody else, far away
    window = window_of(alpha, share)
    assert window is not None
    top, bottom, left, right = window
    assert (bottom - top) * share == pytest.approx(160, abs=2)
    assert right - left == pytest.approx((bottom - top) * 4 / 3, abs=1)
    assert 0 <= top <= 150
    assert 310 <= bottom <= 600
    assert left <= x - 60
    assert x + 60 <= right
    if left > 0 and right < 800:
        assert (left + right) / 2 == pytest.approx(x, abs=2)


def test_without_a_window() -> None:
    assert window_of(np.zeros((600, 800), np.float32), 0.5) is None  # nobody
    assert window_of(somebody(head=70), 0.5) is None  # too few pixels
    assert window_of(somebody(head=330, y=100), 0.5) is None  # the frame would have to be larger than the picture
    assert window_of(somebody(head=LEAST // 2), 0.5) is not None


@pytest.fixture
def people(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    for kind in ("images", "alphas"):
        (tmp_path / "people" / kind).mkdir(parents=True)
    for stem, alpha in (("near", somebody()), ("nobody", np.zeros((600, 800), np.float32))):
        cv2.imwrite(str(tmp_path / f"people/images/{stem}.png"), rng.integers(0, 256, (600, 800, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f"people/alphas/{stem}.png"), (255 * alpha).astype(np.uint8))
    return tmp_path / "people"


def test_a_set_of_parts_of_a_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], people: Path, tmp_path: Path
) -> None:
    code, _, err = shm_eval(monkeypatch, capsys, "close-ups", tmp_path / "near", "--people", people)
    assert code == 0
    assert "1 close-ups of 2 pictures" in err
    [item] = open_set(tmp_path / "near").items
    (whole, _), (frame, alpha) = read_item(next(i for i in open_set(people).items if i.stem == "near")), read_item(item)
    places = np.argwhere((whole[: -len(frame) + 1, : -frame.shape[1] + 1] == frame[0, 0]).all(axis=2))
    [place] = [(y, x) for y, x in places if np.array_equal(whole[y : y + len(frame), x : x + frame.shape[1]], frame)]
    assert np.array_equal(alpha, somebody()[place[0] :, place[1] :][: len(frame), : frame.shape[1]])
    assert cv2.imread(str(item.truth), cv2.IMREAD_UNCHANGED).ndim == 2


def test_nothing_is_overwritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], people: Path, tmp_path: Path
) -> None:
    (tmp_path / "near").mkdir()
    code, _, err = shm_eval(monkeypatch, capsys, "close-ups", tmp_path / "near", "--people", people)
    assert code == 2
    assert f"{tmp_path / 'near'}: exists; name another folder" in err
    (people / "images/near.png").unlink()
    code, _, err = shm_eval(monkeypatch, capsys, "close-ups", tmp_path / "far", "--people", people)
    assert code == 2
    assert "has no close-ups" in err
    assert [path.name for path in tmp_path.iterdir() if "far" in path.name] == []


def test_nothing_of_a_run_that_was_killed_is_in_the_next_one(people: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from train.evaluation.sets.close_ups import make_close_ups; "
        "from train.evaluation.scores import open_set; "
        "make_close_ups(open_set(Path(sys.argv[1])), Path(sys.argv[2]), lambda: os._exit(9))"
    )
    for kind in ("images", "alphas"):
        (people / kind / "near.png").rename(people / kind / "first.png")
    assert subprocess.run([sys.executable, "-c", code, people, tmp_path / "near"]).returncode == 9
    [left] = [path for path in tmp_path.iterdir() if path.name not in ("people", "near")]
    assert (left / "images/first.png").exists()
    for kind in ("images", "alphas"):
        (people / kind / "first.png").rename(people / kind / "second.png")
    assert make_close_ups(open_set(people), tmp_path / "near", lambda: None) == 1
    assert [path.name for path in (tmp_path / "near/images").iterdir()] == ["second.png"]
    assert not left.exists()
