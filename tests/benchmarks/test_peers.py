"""`bench peers`, with a model of a few operations that the test makes, whose alpha is known."""

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.onnx_model import Adapter, load_model, prepared, read_adapter, read_alpha
from benchmarks.peers import Field
from engines.errors import MattingError

ADAPTER = "import numpy as np\ndef load():\n    return lambda rgb: np.full(rgb.shape[:2], 0.5, 'f4')\n"


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """A TOML file of a model that gives the mean of the colours plus what is fed to its input `more`."""
    nodes = [
        helper.make_node("ReduceMean", ["picture", "axes"], ["mean"], keepdims=1),
        helper.make_node("Add", ["mean", "more"], ["alpha"]),
        helper.make_node("Identity", ["picture"], ["same"]),
    ]
    inputs = [
        helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, "h", "w"]),
        helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]),
    ]
    outputs = [
        helper.make_tensor_value_info("same", TensorProto.FLOAT, [1, 3, "h", "w"]),
        helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, "h", "w"]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "brightness", inputs, outputs, [axes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "model.onnx")
    path = tmp_path / "brightness.toml"
    text = 'model = "model.onnx"\nmultiple = 16\noutput = "alpha"\n'
    path.write_text(text + "[constants]\nmore = { shape = [1], value = 0.125 }\n")
    return path


def test_a_model_of_the_users_own_gives_its_alpha(brightness: Path) -> None:
    matte = load_model(brightness, 1, "f32")
    frame = np.full((64, 96, 3), 51, np.uint8)
    frame[:, 48:] = (255, 0, 0)
    for turned in (frame, np.ascontiguousarray(frame.transpose(1, 0, 2)), frame[:50].copy()):  # sizes may change
        alpha = matte(turned)
        assert alpha.shape == turned.shape[:2]
        assert alpha.dtype == np.float32
        assert np.allclose(alpha[:48, :40], 0.2 + 0.125, atol=1e-3)
        assert np.allclose(alpha[-2, -2], 1 / 3 + 0.125, atol=1e-3)


def test_a_picture_is_normalised_and_ordered_as_told() -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[:] = (255, 127, 0)
    adapter = Adapter(Path("x"), mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0), colours="bgr", layout="nhwc")
    tensor = prepared(frame, (4, 2), adapter)
    assert tensor.shape == (1, 2, 4, 3)
    assert np.allclose(tensor[0, 0, 0], [-1, 127 / 255 - 0.25, 0.5])
    assert prepared(frame, (4, 2), Adapter(Path("x"))).shape == (1, 3, 2, 4)


def test_outputs_of_every_shape() -> None:
    plane = np.array([[0.0, 1.0], [2.0, -3.0]], np.float32)
    for output in (plane, plane[None], plane[None, None], np.stack([0 * plane, plane])[None]):
        channel = output.shape[1] - 1 if output.ndim == 4 else 0
        assert np.array_equal(read_alpha(output, Adapter(Path("x"), channel=channel)), plane)
    two = np.stack([0 * plane, plane])
    by_two = read_alpha(two[None], Adapter(Path("x"), activation="softmax", channel=1))
    by_one = read_alpha(plane[None, None], Adapter(Path("x"), activation="sigmoid"))
    assert np.allclose(by_two, by_one)
    assert np.allclose(by_one, 1 / (1 + np.exp(-plane)))
    last = read_alpha(two.transpose(1, 2, 0)[None], Adapter(Path("x"), layout="nhwc", channel=1))
    assert np.array_equal(last, plane)
    spread = read_alpha(plane[None, None], Adapter(Path("x"), activation="range"))
    assert np.allclose(spread, (plane + 3) / 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("size = [1, 2]", "lacks model"),
        ('model = "none.onnx"', "there is no file"),
        ('model = "model.onnx"\nshape = 3', "shape: unknown; known are activation"),
        ('model = "model.onnx"\nsize = 512', "size: give 2 numbers"),
        ('model = "model.onnx"\nstd = [1, 1, 0]', "std: must be above 0"),
        ('model = "model.onnx"\nlayout = "hwc"', "layout: take one of nchw, nhwc"),
        ('model = "model.onnx"\n[constants]\nmore = 1', "constants: each is"),
        ("model =", "is no TOML"),
    ],
)
def test_what_is_wrong_in_such_a_file_is_named(brightness: Path, text: str, told: str) -> None:
    brightness.write_text(text)
    with pytest.raises(MattingError, match=r"brightness\.toml") as error:
        read_adapter(brightness)
    assert told in str(error.value)


def test_what_the_model_lacks_is_named(brightness: Path, tmp_path: Path) -> None:
    brightness.write_text('model = "model.onnx"\noutput = "matte"\n')
    with pytest.raises(MattingError, match="output matte: the model has alpha, same"):
        load_model(brightness, 1, "f32")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(MattingError, match="OpenVINO cannot read it"):
        load_model(brightness, 1, "f32")


def test_nobody_to_compare_with_or_two_of_a_name(brightness: Path, tmp_path: Path) -> None:
    with pytest.raises(MattingError, match="nobody to compare with"):
        Field().check()
    with pytest.raises(MattingError, match="two of the models have this name"):
        Field(onnx=(brightness, brightness)).check()


def test_times_ratios_and_quality_in_one_run(bench, brightness: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for folder in ("adapters", "set/images", "set/alphas"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "adapters/half.py").write_text(ADAPTER)
    picture = np.zeros((64, 80, 3), np.uint8)
    picture[20:50, 20:60] = 223
    cv2.imwrite(str(tmp_path / "set/images/a.png"), picture)
    cv2.imwrite(str(tmp_path / "set/alphas/a.png"), picture[..., 0])
    result, plot = tmp_path / "peers.json", tmp_path / "peers.png"
    code, out, err = bench(
        "peers", "--size", "96x64", "--runs", 3, "--warm-up", 1, "--threads", 1, "--backend", "openvino", "--precision", "fp32",
        "--model", "base", "--model", "large",
        "--adapters", tmp_path / "adapters", "--peer", "half", "--onnx", brightness, "--set", tmp_path / "set",
        "--json", result, "--plot", plot,
    )  # fmt: skip
    assert code == 0, err
    assert "ratio to ours" in out
    report = json.loads(result.read_text())
    assert [row["name"] for row in report["timings"]] == ["ours", "ours, large", "half", "brightness"]
    for row in report["timings"]:
        pairs = zip(row["stages"]["whole"], report["timings"][0]["stages"]["whole"], strict=True)
        assert row["ratio"]["value"] == pytest.approx(np.median([a / b for a, b in pairs]), rel=1e-3)
    models = {each["name"]: each["mean"] for each in report["quality"]["models"]}
    assert models["ours"] != models["ours, large"]
    assert models["half"]["mse"] == pytest.approx(np.square(picture[..., 0] / 255 - 0.5).mean(), rel=1e-4)
    assert models["brightness"]["sad"] == pytest.approx(0.125, abs=1e-3)
    assert cv2.imread(str(plot)) is not None


def test_bad_input_is_one_line(bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, message in [
        ([], "nobody to compare with"),
        (["--peer", "rvm"], "--peer needs --adapters"),
        (["--onnx", tmp_path / "none.toml"], "cannot be read"),
        (["--onnx", tmp_path / "none.toml", "--plot", tmp_path / "x.png"], "--plot needs --set"),
        (["--set", tmp_path], "a set is a folder"),
        (["--model", "huge"], "--model huge: unknown; take one of base, large"),
    ]:
        code, _, err = bench("peers", *arguments)
        assert code == 2, arguments
        assert err.count("\n") == 1, err
        assert message in err
