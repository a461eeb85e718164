"""`shm-eval` on small sets, with peers of three lines."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import engines
from engines import Matte
from engines.errors import DataError
from train.commands import evaluate
from train.evaluation import metrics
from train.evaluation.peers import Peer
from train.evaluation.scores import OwnCandidate, PeerCandidate, open_set, read_item, score_set

SHARED = Path(__file__).parents[4] / "shared"
PEERS_READY = Path.home() / ".cache/peers/ready"

ADAPTERS = {
    "bright": "def load():\n    print('noise')\n    return lambda rgb: (rgb.mean(2) / 255).astype('f4')\n",
    "beyond": "import numpy as np\ndef load():\n    return lambda rgb: 3 * (rgb[..., 0] / 255.0) - 1\n",
    "breaks": "def load():\n    raise RuntimeError('weights are\\nmissing')\n",
    "breaks_later": "def load():\n    return lambda rgb: rgb.nothing\n",
    "dies": "import os, sys\ndef load():\n    print('out of luck', file=sys.stderr)\n    sys.stderr.flush()\n    os._exit(3)\n",
    "small": "def load():\n    return lambda rgb: rgb[::2, ::2, 0] / 255\n",
    "not_a_number": "import numpy as np\ndef load():\n    return lambda rgb: np.full(rgb.shape[:2], np.nan)\n",
    "settings": (
        "import os, numpy as np\ndef load():\n    bf16 = os.environ['PEERS_PREC'] == 'bf16'\n"
        "    return lambda rgb: np.full(rgb.shape[:2], int(os.environ['PEERS_THREADS']) / 10 + 0.05 * bf16)\n"
    ),
}


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


@pytest.fixture
def adapters(tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    for name, text in ADAPTERS.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture
def mattes(tmp_path):
    """Three grey frames of two sizes, one odd; a frame's grey is its alpha, but for the second, which is half as bright."""
    x = np.clip(np.linspace(-100, 400, 65), 0, 255).astype(np.uint8)
    for stem, height, gain in (("a", 40, 1.0), ("b", 40, 0.5), ("ç", 33, 1.0)):
        truth = np.tile(x, (height, 1))
        picture(tmp_path / f"mattes/images/{stem}.png", cv2.cvtColor((truth * gain).astype(np.uint8), cv2.COLOR_GRAY2BGR))
        picture(tmp_path / f"mattes/alphas/{stem}.png", truth)
    return tmp_path / "mattes"


@pytest.fixture
def masks(tmp_path):
    truth = np.zeros((34, 48), np.uint8)
    truth[:, 20:] = 255
    picture(tmp_path / "masks_set/images/m.jpg", cv2.cvtColor(truth, cv2.COLOR_GRAY2BGR))
    picture(tmp_path / "masks_set/masks/m.png", truth)
    return tmp_path / "masks_set"


def shm_eval(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["shm-eval", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        evaluate.main()
    output = capsys.readouterr()
    return end.value.code or 0, output.out, output.err


class Oracle:
    """An engine that takes the frame's grey for its alpha."""

    name, device, precision, model = "oracle", "none", "fp32", "base"
    closed = False

    def __call__(self, frame, mask=None):
        alpha = frame[..., 0].astype(np.float32) / 255
        low = cv2.resize(alpha, (20, 16))
        return Matte(alpha, frame, low, low)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        Oracle.closed = True


def test_masks_of_mpn_and_qun_are_scored_alone(monkeypatch, capsys, mattes, tmp_path):
    monkeypatch.setattr(engines, "load", lambda *_, **__: Oracle())
    result = tmp_path / "result.json"
    assert shm_eval(monkeypatch, capsys, mattes, "--stages", "--json", result)[0] == 0
    models = json.loads(result.read_text())["sets"][0]["models"]
    assert [model["model"] for model in models] == ["ours, oracle", "ours, MPN alone", "ours, QUN alone"]
    frame, truth = read_item(open_set(mattes).items[0])
    coarse = cv2.resize(cv2.resize(frame[..., 0].astype(np.float32) / 255, (20, 16)), truth.shape[::-1])
    stem = open_set(mattes).items[0].stem
    assert models[1]["pictures"][stem]["sad"] == pytest.approx(np.abs(coarse - truth).mean(), abs=1e-6)
    assert models[0]["pictures"][stem]["sad"] < models[1]["pictures"][stem]["sad"]


def test_a_table_and_its_figures(monkeypatch, capsys, mattes, masks, adapters, tmp_path):
    result = tmp_path / "result.json"
    code, out, _ = shm_eval(
        monkeypatch, capsys, mattes, masks, "--backend", "none", "--adapters", adapters,
        "--peer", "bright", "--peer", "beyond", "--json", result,
    )  # fmt: skip
    assert code == 0
    assert "mattes: 3 pictures with true alphas" in out
    assert "masks_set: 1 pictures with true masks" in out
    sets = json.loads(result.read_text())["sets"]
    bright, beyond = sets[0]["models"]
    assert list(bright["pictures"]) == ["a", "b", "ç"]
    assert bright["pictures"]["a"]["mse"] == pytest.approx(0, abs=1e-10)
    frame, truth = read_item(open_set(mattes).items[1])
    alpha = frame[..., 0] / np.float32(255)
    for name, metric in metrics.MATTE_METRICS.items():
        assert bright["pictures"]["b"][name] == pytest.approx(metric(alpha, truth), rel=1e-5), name
        mean = np.mean([figures[name] for figures in bright["pictures"].values()])
        assert bright["mean"][name] == pytest.approx(mean), name
    assert f"{1e3 * bright['mean']['sad']:.2f}" in out
    assert beyond["pictures"]["a"]["sad"] > bright["pictures"]["a"]["sad"]
    assert set(sets[1]["models"][0]["mean"]) == set(metrics.MASK_METRICS)
    assert sets[1]["models"][0]["mean"]["iou"] == 1


def test_reports_and_pictures_are_not_replaced_unasked(monkeypatch, capsys, mattes, adapters, tmp_path):
    result, pictures = tmp_path / "result.json", tmp_path / "pictures"
    pictures.mkdir()
    for target, option in ((result, "--json"), (pictures / "mattes-01-a.jpg", "--pictures")):
        target.write_text("precious")
        words = [mattes, "--backend", "none", "--adapters", adapters, "--peer", "bright"]
        words += [option, *([result] if option == "--json" else [pictures, "--worst", 0, "--picture", "a"])]
        code, _, err = shm_eval(monkeypatch, capsys, *words)
        assert code == 2
        assert f"{option} " in err
        assert "--overwrite" in err
        assert target.read_text() == "precious"
        assert shm_eval(monkeypatch, capsys, *words, "-y")[0] == 0
        assert b"precious" not in target.read_bytes()


def test_ours_and_the_pictures(monkeypatch, capsys, mattes, adapters, tmp_path):
    monkeypatch.setattr(engines, "load", lambda backend, **_: Oracle(), raising=False)
    folder = tmp_path / "new/pictures"
    code, out, err = shm_eval(
        monkeypatch, capsys, mattes, "--adapters", adapters, "--peer", "bright",
        "--pictures", folder, "--worst", "1", "--picture", "ç",
    )  # fmt: skip
    assert code == 0, err
    assert "ours, oracle fp32" in out
    assert Oracle.closed
    assert sorted(path.name for path in folder.iterdir()) == ["mattes-01-b.jpg", "mattes-02-ç.jpg"]
    side_by_side = cv2.imdecode(np.fromfile(folder / "mattes-01-b.jpg", np.uint8), cv2.IMREAD_COLOR)
    panels = 8  # frame; coarse, unified, alpha, on green; alpha, on green; truth
    assert side_by_side.shape == (480 + 26, panels * (round(65 * 480 / 40) + 4), 3)


def test_times_leave_out_the_first_frame_of_a_size(mattes):
    [score] = score_set(open_set(mattes), [OwnCandidate(Oracle())])
    assert len(score.milliseconds) == 1
    assert len(score.first_milliseconds) == 2
    assert score.median_milliseconds() == score.milliseconds[0]
    assert score.worst(2) == ["b", "a"]


def test_a_sixteen_bit_truth(tmp_path):
    truth = np.full((32, 40), 13107, np.uint16)
    picture(tmp_path / "s/alphas/x.png", truth)
    picture(tmp_path / "s/images/x.png", np.zeros((32, 40, 3), np.uint8))
    _, read = read_item(open_set(tmp_path / "s").items[0])
    assert read.dtype == np.float32
    assert np.allclose(read, 0.2)


def test_a_peer_gets_its_settings(adapters):
    frame = np.zeros((33, 47, 3), np.uint8)
    with Peer(adapters, "settings", threads=3, precision="bf16") as peer:
        alpha = peer(frame)
        assert peer.last_ms >= 0
    assert alpha.dtype == np.float32
    assert alpha.shape == (33, 47)
    assert np.allclose(alpha, 0.35)


def test_a_peer_is_held_to_the_range(adapters):
    with Peer(adapters, "beyond") as peer:
        alpha = peer(np.array([[[0, 0, 0], [127, 0, 0], [255, 0, 0]]] * 32, np.uint8))
    assert (alpha[0] == np.array([0, 3 * 127 / 255 - 1, 1], np.float32)).all()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "has no absent.py; it has beyond, breaks"),
        ("breaks", "peer breaks: RuntimeError: weights are missing"),
        ("breaks_later", "peer breaks_later: AttributeError"),
        ("dies", r"its process ended \(code 3\): out of luck"),
        ("small", "does not have the frame's size, 40x32"),
        ("not_a_number", "values that are not numbers"),
    ],
)
def test_a_peer_that_fails_says_so(adapters, name, message):
    with pytest.raises(DataError, match=message) as error, Peer(adapters, name) as peer:
        peer(np.zeros((32, 40, 3), np.uint8))
    assert "\n" not in str(error.value)


def test_a_peer_with_no_interpreter(adapters, tmp_path):
    with pytest.raises(DataError, match="cannot run"):
        Peer(adapters, "bright", python=tmp_path / "python")


def broken_sets(tmp_path, mattes):
    (tmp_path / "bare").mkdir()
    yield [tmp_path / "nowhere"], "no such folder"
    yield [tmp_path / "bare"], "images/ and alphas/ or masks/"
    yield [mattes, "--peer", "bright"], "--peer needs --adapters"
    yield [mattes, "--backend", "none"], "leaves nothing to run"
    yield [mattes, "--picture", "a"], "needs --pictures"
    yield [mattes, "--pictures", tmp_path / "out", "--picture", "zz"], "no set has"
    yield [mattes, "--pictures", mattes / "images/a.png"], "cannot make this folder"
    yield [mattes, mattes], "the same name"
    yield [mattes, "--json", tmp_path], "--json"
    yield [mattes, "--json", tmp_path / "nowhere/x.json"], "--json"


def test_bad_input_is_one_line(monkeypatch, capsys, tmp_path, mattes):
    for arguments, message in broken_sets(tmp_path, mattes):
        code, _, err = shm_eval(monkeypatch, capsys, *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err


@pytest.mark.parametrize("case", ["unreadable", "other size", "no truth", "too small", "cut-out", "colours", "twins", "empty"])
def test_a_broken_set_names_the_file(mattes, adapters, case):
    if case == "unreadable":
        (mattes / "images/a.png").write_text("no picture")
    elif case == "other size":
        picture(mattes / "alphas/a.png", np.zeros((32, 32), np.uint8))
    elif case == "no truth":
        (mattes / "alphas/a.png").unlink()
    elif case == "too small":
        picture(mattes / "images/a.png", np.zeros((20, 40, 3), np.uint8))
        picture(mattes / "alphas/a.png", np.zeros((20, 40), np.uint8))
    elif case == "cut-out":
        height, width = cv2.imread(str(mattes / "images/a.png")).shape[:2]
        picture(mattes / "alphas/a.png", np.zeros((height, width, 4), np.uint8))
    elif case == "colours":
        height, width = cv2.imread(str(mattes / "images/a.png")).shape[:2]
        picture(mattes / "alphas/a.png", np.full((height, width, 3), (0, 0, 128), np.uint8))
    elif case == "twins":
        (mattes / "images/a.bmp").write_bytes((mattes / "images/a.png").read_bytes())
    else:
        for path in (mattes / "images").iterdir():
            path.unlink()
    with pytest.raises(DataError, match="images" if case == "empty" else r"a\.png"):
        score_set(open_set(mattes), [OwnCandidate(Oracle())])


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data/eval").is_dir(), reason="needs the shared evaluation data")
@pytest.mark.skipif(not PEERS_READY.is_file(), reason="needs the peers' models set up")
def test_known_figures_of_mediapipe_selfie():
    """Figures known from elsewhere, x1e-3: they settle the gradient's normalisation, the edge band, and how means are taken."""
    with Peer(SHARED / "peers/adapters", "mp_selfie", threads=1) as peer:
        [composites] = score_set(open_set(SHARED / "data/eval/composites"), [PeerCandidate(peer)])
        [portraits] = score_set(open_set(SHARED / "data/eval/portraits"), [PeerCandidate(peer)])
    known = {"mse": 8.4, "sad": 13.8, "gradient": 20.0, "connectivity": 13.7, "band": 102}
    for name, figure in known.items():
        assert 1e3 * composites.mean(name) == pytest.approx(figure, rel=0.01), name
    assert portraits.mean("iou") == pytest.approx(0.970, abs=0.001)
    assert 1e3 * portraits.mean("mse") == pytest.approx(15.1, rel=0.01)
