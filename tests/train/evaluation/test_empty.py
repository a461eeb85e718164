"""Pictures with nobody in them: what is counted, and that only held-out ones are seen."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.commands.test_evaluate import shm_eval
from train.evaluation.empty import EmptyScore

BRIGHT = "def load():\n    return lambda rgb: (rgb.mean(2) / 255).astype('f4')\n"


def test_a_score_counts_pictures_by_set() -> None:
    score = EmptyScore({"rooms/a": 0.0, "rooms/b": 0.004, "streets/a": 0.1})
    assert score.mean == pytest.approx(0.104 / 3)
    assert (score.worst, score.mistaken) == (0.1, pytest.approx(2 / 3))
    assert score.sets() == {"rooms": EmptyScore({"rooms/a": 0.0, "rooms/b": 0.004}), "streets": EmptyScore({"streets/a": 0.1})}


def test_empty_pictures_held_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for i in range(40):
        folder = tmp_path / f"data/backgrounds/{('rooms', 'streets')[i % 2]}"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{i}.png"), np.full((32, 48, 3), i, np.uint8))
    (tmp_path / "data/fine/people").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "data/fine/people/0.png"), np.full((32, 48, 4), 255, np.uint8))
    (tmp_path / "bright.py").write_text(BRIGHT)
    peer = ("--backend", "none", "--adapters", tmp_path, "--peer", "bright", "--peer-python", sys.executable)
    report = tmp_path / "empty.json"
    code, out, _ = shm_eval(monkeypatch, capsys, "empty", tmp_path / "data", "--share", "0.3", *peer, "--json", report)
    assert code == 0
    assert [word in out for word in ("rooms", "streets", "all")] == [True] * 3
    found = json.loads(report.read_text())["models"][0]["mean alpha"]
    assert 2 < len(found) < 30
    assert all(alpha == pytest.approx(int(Path(name).stem) / 255, abs=1e-4) for name, alpha in found.items())
