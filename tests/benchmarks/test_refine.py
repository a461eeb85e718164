"""`bench refine`: the ways to make masks worse, and what is measured before and after."""

import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import engines
from benchmarks import cli
from benchmarks.refine import degraded, refine_set
from engines import Engine, Frame, Mask, Matte
from train.evaluation.scores import open_set

CENTRE, RADIUS = 100, 60
NAMES = ("binarised", "grown", "shrunk", "shifted", "polygons", "blocks")
ADAPTER = "import numpy as np\ndef load():\n    return lambda rgb: np.full(rgb.shape[:2], 0.25, 'f4')\n"


def disc_alpha() -> Mask:
    """A disc of one with a soft edge, in a square of 200."""
    y, x = np.mgrid[:200, :200]
    return np.clip(RADIUS + 0.5 - np.hypot(x - CENTRE, y - CENTRE), 0, 1).astype(np.float32)


class Halver(Engine):
    """An engine that goes half of the way from the mask it is given to the disc."""

    name, device, precision, model = "halver", "a test", "fp32", "base"

    def __call__(self, frame: Frame, mask: Mask | None = None) -> Matte:
        assert mask is not None
        alpha = (mask + disc_alpha()) / 2
        return Matte(alpha, frame, mask, mask)

    def close(self) -> None:
        pass


@pytest.fixture
def mattes(tmp_path: Path) -> Path:
    for folder, pixels in (("images", np.zeros((200, 200, 3), np.uint8)), ("alphas", np.rint(disc_alpha() * 255))):
        (tmp_path / "mattes" / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "mattes" / folder / "a.png"), pixels.astype(np.uint8))
    return tmp_path / "mattes"


@pytest.mark.parametrize("kind", NAMES)
def test_a_worse_mask_is_hard_and_off_by_a_few_pixels_at_the_edge(kind: str) -> None:
    truth = disc_alpha()
    worse = degraded(truth)[kind]
    assert worse.dtype == np.float32
    assert worse.shape == truth.shape
    assert set(np.unique(worse)) == {0.0, 1.0}
    y, x = np.nonzero(worse != (truth > 0.5))
    furthest = np.abs(np.hypot(x - CENTRE, y - CENTRE) - RADIUS).max() if len(x) else 0
    assert furthest <= {"binarised": 0, "blocks": 7}.get(kind, 4)  # 2 pixels are 1 % of 200; a shift goes both ways
    assert (len(x) == 0) == (kind == "binarised")


def test_areas() -> None:
    truth = disc_alpha()
    area = {kind: degraded(truth)[kind].sum() for kind in NAMES}
    assert area["grown"] == pytest.approx(np.pi * (RADIUS + 2) ** 2, rel=0.02)
    assert area["shrunk"] == pytest.approx(np.pi * (RADIUS - 2) ** 2, rel=0.02)
    assert area["shifted"] == area["binarised"] == pytest.approx(np.pi * RADIUS**2, rel=0.01)
    assert area["polygons"] < area["binarised"]  # corners on the circle, lines within it


def test_polygons_keep_holes() -> None:
    ring = disc_alpha()
    ring[80:120, 80:120] = 0
    assert degraded(ring)["polygons"][85:115, 85:115].max() == 0


def test_half_the_way_is_half_the_error(mattes: Path) -> None:
    for kind, (before, after) in refine_set(open_set(mattes), Halver(), []).items():
        assert after.mean("sad") == pytest.approx(before.mean("sad") / 2, rel=0.02), kind
        assert after.mean("mse") == pytest.approx(before.mean("mse") / 4, rel=0.03), kind


def test_the_command(mattes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "quarter.py").write_text(ADAPTER)
    monkeypatch.setattr(engines, "load", lambda *_, **__: Halver())
    options = ["--adapters", str(tmp_path), "--peer", "quarter", "--json", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", ["bench", "refine", str(mattes), *options])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    report = json.loads((tmp_path / "out.json").read_text())
    assert list(report["masks"]) == [*NAMES, "quarter"]
    quarter = report["masks"]["quarter"]
    assert quarter["before"]["sad"] == pytest.approx(np.abs(disc_alpha() - 0.25).mean(), abs=1e-3)
    assert quarter["after"]["sad"] == pytest.approx(quarter["before"]["sad"] / 2, rel=0.01)
    assert re.search(r"^quarter +[\d.]+ to [\d.]+ ", capsys.readouterr().out, re.MULTILINE)


def test_a_set_with_hard_edges_has_no_error_at_edges(mattes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(mattes / "alphas/a.png"), np.uint8(255) * (disc_alpha() > 0.5))
    monkeypatch.setattr(engines, "load", lambda *_, **__: Halver())
    monkeypatch.setattr(sys, "argv", ["bench", "refine", str(mattes), "--json", str(tmp_path / "out.json")])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert json.loads((tmp_path / "out.json").read_text())["masks"]["grown"]["after"]["band"] is None


def test_bad_input(mattes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (mattes / "alphas").rename(mattes / "masks")
    for arguments, message in (
        ([str(mattes)], "the edges that are measured need alphas/"),
        ([str(mattes / "nowhere")], "no such folder"),
    ):
        monkeypatch.setattr(sys, "argv", ["bench", "refine", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 2
        assert message in capsys.readouterr().err


def test_the_kinds_of_masks() -> None:
    assert tuple(degraded(disc_alpha())) == NAMES
