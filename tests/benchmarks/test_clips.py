"""`bench clips` on clips of a few frames, with an engine whose flicker is known, and a peer that remembers."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import engines
from benchmarks import cli
from benchmarks.clips import means_of, score_clip
from engines import Engine, Matte
from train.evaluation.metrics import dtssd, mse, sad
from train.evaluation.scores import open_set, read_item

# Its alpha is the number of frames it has seen, in tenths: of all clips if it were not begun anew.
COUNTS = (
    "import numpy as np\n"
    "def load(stream=False):\n"
    "    seen = []\n"
    "    def matte(rgb):\n"
    "        seen.append(0)\n"
    "        return np.full(rgb.shape[:2], len(seen) / 10 if stream else 0.5)\n"
    "    return matte\n"
)
PLAIN = "import numpy as np\ndef load():\n    return lambda rgb: np.full(rgb.shape[:2], 0.5)\n"
FRAMES = 6


class Flickering(Engine):
    """An engine whose alpha is the frame's, 0.2 less in every other frame."""

    name, device, precision, model = "flickering", "none", "fp32", "base"

    def __init__(self, model="base"):
        self.calls, self.model = 0, model

    def __call__(self, frame, mask=None):
        self.calls += 1
        alpha = np.clip(frame[..., 0] / np.float32(255) - 0.2 * (self.calls % 2), 0, 1).astype(np.float32)
        return Matte(alpha, frame, alpha, alpha)

    def close(self):
        """Nothing to give back."""


@pytest.fixture
def clips(tmp_path):
    """Two clips of a still scene whose grey is its alpha."""
    folder = tmp_path / "clips"
    for name in ("a", "b"):
        for part in ("images", "alphas"):
            (folder / name / part).mkdir(parents=True)
        truth = np.full((48, 64), 0, np.uint8)
        truth[:, 20:] = 200 if name == "a" else 255
        for index in range(FRAMES):
            cv2.imwrite(str(folder / name / f"images/{index:04d}.png"), cv2.cvtColor(truth, cv2.COLOR_GRAY2BGR))
            cv2.imwrite(str(folder / name / f"alphas/{index:04d}.png"), truth)
    return folder


@pytest.fixture
def adapters(tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "counts.py").write_text(COUNTS)
    (folder / "plain.py").write_text(PLAIN)
    return folder


def bench(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["bench", "clips", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    output = capsys.readouterr()
    return end.value.code or 0, output.out, output.err


def test_the_filter_and_streaming_peers_are_measured(monkeypatch, capsys, clips, adapters, tmp_path):
    monkeypatch.setattr(engines, "load", lambda *_, **__: Flickering())
    report = tmp_path / "clips.json"
    code, out, err = bench(
        monkeypatch, capsys, clips, "--smooth", "0", "--smooth", "0.8", "--adapters", adapters,
        "--peer", "counts", "--peer", "plain", "--json", report,
    )  # fmt: skip
    assert code == 0, err
    figures = json.loads(report.read_text())
    assert list(figures["clips"]) == ["a", "b"]
    raw, off, off_file, smooth, smooth_file, counts, plain = figures["clips"]["b"]
    assert (off, smooth) == ("ours, flickering, smooth 0", "ours, flickering, smooth 0.8")
    assert (off_file, smooth_file) == (f"{off}, file", f"{smooth}, file")
    assert (counts, plain) == ("counts, streaming", "plain")
    for clip in figures["clips"].values():
        assert clip[off] == clip[off_file] == clip[raw]
        assert clip[smooth_file]["dtssd"] < clip[smooth]["dtssd"]
        assert clip[smooth]["dtssd"] < 0.5 * clip[raw]["dtssd"]
        # It counts from 1 in each clip, so it was begun anew; the truth does not move.
        assert clip[counts]["dtssd"] == pytest.approx(0.1)
        assert clip[plain]["dtssd"] == pytest.approx(0)
    share = 44 / 64  # where there is somebody
    assert figures["clips"]["b"][raw]["dtssd"] == pytest.approx(0.2 * share**0.5)
    assert figures["clips"]["b"][raw]["mse"] == pytest.approx(0.2**2 * share / 2)
    for metric in ("dtssd", "mse", "sad"):
        mean = np.mean([clip[raw][metric] for clip in figures["clips"].values()])
        assert figures["means"]["mean"][raw][metric] == pytest.approx(mean)
    assert f"{1e2 * figures['means']['mean'][raw]['dtssd']:.2f}" in out


def test_both_models_are_measured_on_each_clip(monkeypatch, capsys, clips, tmp_path):
    monkeypatch.setattr(engines, "load", lambda *_, model, **__: Flickering(model))
    report = tmp_path / "clips.json"
    code, _, err = bench(monkeypatch, capsys, clips, "--model", "base", "--model", "large", "--smooth", "0", "--json", report)
    assert code == 0, err
    for clip in json.loads(report.read_text())["clips"].values():
        names = ["ours, flickering", "ours, flickering, large"]
        assert list(clip) == [each + more for each in names for more in ("", ", smooth 0", ", smooth 0, file")]
        assert clip[names[0]] == clip[names[1]]  # as each sees each frame, in order


def test_figures_frame_by_frame_are_those_of_the_whole_clip(clips):
    rng = np.random.default_rng(1)
    for path in sorted((clips / "a/alphas").iterdir()):
        cv2.imwrite(str(path), rng.integers(0, 256, (48, 64)).astype(np.uint8))
    clip = open_set(clips / "a")
    truths = [read_item(item)[1] for item in clip.items]
    alphas = [rng.random((48, 64), np.float32) for _ in truths]
    means = score_clip(clip, None, {"known": lambda packet, _: alphas[packet.index]})["known"]
    assert means["dtssd"] == pytest.approx(dtssd(alphas, truths))
    assert means["mse"] == pytest.approx(np.mean([mse(a, t) for a, t in zip(alphas, truths, strict=True)]))
    assert means["sad"] == pytest.approx(np.mean([sad(a, t) for a, t in zip(alphas, truths, strict=True)]))


def test_kinds_have_means_of_their_own():
    names = {"00-desk-a": 1.0, "01-talk-b": 3.0, "02-desk-b": 2.0}
    results = {name: {"ours": {"dtssd": figure, "mse": 0.0, "sad": 0.0}} for name, figure in names.items()}
    means = {name: models["ours"]["dtssd"] for name, models in means_of(results).items()}
    assert means == {"mean, desk": 1.5, "mean, talk": 3, "mean": 2}


def bad(tmp_path: Path, clips: Path):
    (tmp_path / "bare").mkdir()
    yield [tmp_path / "nowhere"], "no such folder"
    yield [tmp_path / "bare"], "holds no clips"
    yield [clips, "--smooth", "2"], "--smooth 2"
    yield [clips, "--peer", "counts"], "--peer needs --adapters"
    yield [clips, "--backend", "none"], "leaves nothing to run"
    yield [clips, "--json", tmp_path / "nowhere/x.json"], "--json"


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path, clips):
    for arguments, message in bad(tmp_path, clips):
        code, _, err = bench(monkeypatch, capsys, *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
