"""The released files are verified: a damaged or missing one is refused by name."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import onnx
import pytest
from safetensors import safe_open

from engines import load
from engines.atomic import write_text
from engines.backends.openvino import OpenVINOEngine
from engines.backends.torch import TorchEngine
from engines.errors import WeightsError
from engines.geometry import BASE, MODELS
from engines.store.keys import openvino_key
from engines.weights import FOLDER, INT8, MANIFEST, SAFETENSORS, verified

ROOT = Path(__file__).parents[2]
FILES = (
    SAFETENSORS,
    "mpn.onnx",
    "qun.onnx",
    "mrn.onnx",
    "mpn-low.onnx",
    "mrn-features.onnx",
    "mrn-details.onnx",
    *(f"{name}-int8.onnx" for name in INT8),
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "released"
    shutil.copytree(FOLDER, folder)
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_the_manifest_names_every_file(model: str) -> None:
    assert set(verified(model)["sha256"]) == set(FILES)
    assert {path.name for path in (FOLDER / model).iterdir()} == {*FILES, MANIFEST}


@pytest.mark.skipif(not (ROOT / ".git").exists() or shutil.which("git") is None, reason="not a checkout of Git's")
def test_git_changes_no_line_ends_in_them() -> None:
    files = [str(FOLDER / BASE / name) for name in FILES]
    done = subprocess.run(["git", "check-attr", "text", *files], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()] == ["unset"] * len(FILES)


def test_a_folder_with_one_model_says_which(copy: Path) -> None:
    """As `shm-train release` makes it: shm-image asks for the large model."""
    shutil.rmtree(copy / "large")
    with pytest.raises(
        WeightsError, match=r"released: has only the base model, --model base; shm-train release --model large --out"
    ):
        verified("large", copy)
    assert verified("base", copy)["sha256"]


def test_weights_that_are_released_meanwhile_are_seen(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an engine of the same process would load the graphs that were compiled of the weights before."""
    monkeypatch.setattr("engines.store.keys.verified", partial(verified, folder=copy))
    before = openvino_key(320, 256, precision="fp32", processor="p", compiler="c")
    shutil.copy(copy / "large" / SAFETENSORS, copy / BASE)
    manifest = dict(verified(BASE, copy))
    manifest["sha256"] = manifest["sha256"] | {SAFETENSORS: verified("large", copy)["sha256"][SAFETENSORS]}
    write_text(copy / BASE / MANIFEST, json.dumps(manifest))
    assert openvino_key(320, 256, precision="fp32", processor="p", compiler="c").weights != before.weights


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("engine", [OpenVINOEngine, TorchEngine])
def test_a_flipped_byte_is_found(copy: Path, name: str, engine: type) -> None:
    path = copy / BASE / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name}: is damaged"):
        engine(folder=copy)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / BASE / "qun.onnx").unlink()
    with pytest.raises(WeightsError, match=r"qun\.onnx: is missing"):
        OpenVINOEngine(folder=copy)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "\0", '{"sha256": []}', '{"sha256": "abc"}', '{"sha256": null}', 100_000 * "["]
)
def test_a_broken_manifest_is_named(copy: Path, text: str) -> None:
    (copy / BASE / MANIFEST).write_text(text)
    with pytest.raises(WeightsError, match=MANIFEST):
        OpenVINOEngine(folder=copy)


@pytest.mark.parametrize("model", MODELS)
def test_the_weights_carry_their_dimensions(model: str) -> None:
    with safe_open(FOLDER / model / SAFETENSORS, "pt") as file:
        assert json.loads(file.metadata()["dimensions"]) == verified(model)["dimensions"]


@pytest.mark.parametrize("name", ["mpn", "qun", "mrn"])
def test_the_graphs_hold_no_weights_of_their_own(name: str) -> None:
    path = FOLDER / BASE / f"{name}.onnx"
    model = onnx.load(path, load_external_data=False)
    inside = sum(len(i.raw_data) for i in model.graph.initializer if i.data_location != onnx.TensorProto.EXTERNAL)
    assert inside < 4096
    assert any(i.data_location == onnx.TensorProto.EXTERNAL for i in model.graph.initializer)
    onnx.checker.check_model(str(path))


def test_load_logs_what_it_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "engines")
    engine = load("openvino", precision="fp32", threads=1)
    assert (engine.name, engine.precision) == ("openvino", "fp32")
    assert "openvino, fp32" in caplog.text


def test_auto_logs_what_it_took_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "engines")
    engine = load()
    assert engine.name in caplog.text
    assert "GPU" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backend": "abacus"}, "backend 'abacus'"),
        ({"backend": "openvino", "precision": "fp16"}, "precision 'fp16'"),
        ({"threads": 0}, "threads 0"),
    ],
)
def test_load_refuses_unknown_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(**arguments)  # type: ignore[arg-type]
