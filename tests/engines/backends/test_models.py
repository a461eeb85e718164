"""The large model beside the base one: weights of its own, a finer look at the frame, on every backend."""

import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines import Frame, load
from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine
from engines.commands.compile import main
from engines.geometry import BASE, MODELS, input_shapes
from engines.graphs.fp16 import fp16_graph, fp16_graph_for
from engines.graphs.profile import Profile, parse_range
from engines.store.cache import Cache
from engines.store.keys import model_of, openvino_key, tensorrt_key
from tests.engines.backends.lagging import LaggingEngine
from tests.engines.graphs.test_fp16 import cascade, frame_of, run, session, sessions

LARGE = "large"
HEIGHT, WIDTH = MODELS[LARGE]


@pytest.fixture(scope="module")
def oracle() -> TorchEngine:
    return TorchEngine(precision="fp32", device="cpu", model=LARGE)


@pytest.mark.parametrize(("height", "width"), [(397, 603), (640, 360)])
def test_openvino_gives_what_pytorch_gives(portrait: Frame, height: int, width: int) -> None:
    frame = np.ascontiguousarray(cv2.resize(portrait, (width, height), interpolation=cv2.INTER_AREA))
    tiled = TorchEngine(precision="fp32", device="cpu", model=LARGE, tiled=True)
    ours, expected = OpenVINOEngine(precision="fp32", model=LARGE)(frame), tiled(frame)
    assert ours.coarse.shape == ours.unified.shape == ((WIDTH, HEIGHT) if width > height else (HEIGHT, WIDTH))
    for name in ("coarse", "unified", "alpha"):
        np.testing.assert_allclose(getattr(ours, name), getattr(expected, name), atol=2e-3)


def test_it_is_not_the_base_model(oracle: TorchEngine, torch_engine: TorchEngine, portrait: Frame) -> None:
    assert (torch_engine.model, oracle.model) == (BASE, LARGE)
    assert np.abs(oracle(portrait).alpha - torch_engine(portrait).alpha).max() > 0.05


def test_a_given_mask_keeps_more_of_its_pixels(oracle: TorchEngine, portrait: Frame) -> None:
    mask = np.zeros((2 * HEIGHT, 2 * WIDTH), np.float32)
    mask[::2] = 1  # stripes that a smaller mask cannot hold
    mask[:, :WIDTH] = 1
    np.testing.assert_allclose(oracle(portrait, mask).coarse, cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def test_the_fp16_graphs_give_what_the_fp32_ones_give(oracle: TorchEngine, portrait: Frame) -> None:
    height, width = 301, 211
    fp16 = sessions(partial(fp16_graph, height=height, width=width, model=LARGE))
    for kind in ("real", "dark"):
        frame = frame_of(kind, portrait, height, width)
        ours, expected = cascade(fp16, frame), oracle(frame)
        assert ours["coarse"].shape == (HEIGHT, WIDTH)
        error = np.abs(ours["alpha"].astype(np.float32) - expected.alpha) * 255
        assert error.mean() < 0.5
        assert error.max() < 4


def test_a_lane_has_buffers_of_the_models_size(oracle: TorchEngine, portrait: Frame) -> None:
    frame, mask = frame_of("real", portrait, 200, 320), np.ones((20, 30), np.float32)
    with LaggingEngine(model=LARGE) as engine:
        for given in (None, mask):
            ours, expected = engine(frame, given), oracle(frame, given)
            assert np.abs(ours.alpha - expected.alpha).max() * 255 < 4
            assert np.abs(ours.coarse - expected.coarse).max() * 255 < 4


def test_a_range_of_sizes_keeps_its_model(portrait: Frame) -> None:
    profile = parse_range("320x240:640x480:1280x720", LARGE)
    assert profile.low_resolution == (WIDTH, HEIGHT)
    assert profile.covers(480, 640)
    assert not profile.covers(640, 480)
    assert profile.shapes("qun")["image"] == ((1, 3, WIDTH, HEIGHT),) * 3
    seen = run(session(fp16_graph_for("mpn", profile)), frame=frame_of("real", portrait, 300, 500))
    assert (seen["image"].shape, seen["coarse"].shape) == ((1, 3, WIDTH, HEIGHT), (WIDTH, HEIGHT))


def test_engines_of_the_two_models_have_different_keys() -> None:
    keys = {}
    for model in MODELS:
        keys[model] = [
            openvino_key(480, 640, precision="fp32", processor="p", compiler="c", model=model),
            tensorrt_key("tensorrt", Profile.of(480, 640, model), device="d", compiler="c"),
        ]
        assert [model_of(key) for key in keys[model]] == [model, model]
    assert not {key.file for key in keys[BASE]} & {key.file for key in keys[LARGE]}


@pytest.mark.parametrize("model", MODELS)
def test_shapes_are_multiples_of_the_networks_stride(model: str) -> None:
    for size in ((480, 640), (640, 480)):
        assert all(side % 32 == 0 for side in input_shapes(*size, model)["qun"]["coarse"])


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="model 'huge': unknown; take one of base, large"):
        load("openvino", model="huge")


def test_shm_compile_builds_it_beside_the_base_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHM_CACHE", str(tmp_path))
    for words in ("", "--model large --check", "--list", "--model huge"):
        sizes = [] if "list" in words else ["--backend", "openvino", "--size", "160x128"]
        monkeypatch.setattr(sys, "argv", ["shm-compile", *sizes, *words.split()])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == (2 if "huge" in words else 0)
    output = capsys.readouterr()
    assert "--model huge" in output.err
    assert len(Cache().entries()) == 2
    rows = [line for line in output.out.splitlines() if "ready" in line]
    assert sorted(model for row in rows for model in MODELS if model in row.split()) == [BASE, LARGE]
