"""Graphs with casts moved to their boundaries compute what the released ones do."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from engines.geometry import BASE
from engines.graphs.casts import cast_at_boundaries
from engines.weights import FOLDER, graph


@pytest.mark.parametrize("size", [(97, 51), (64, 96)])
@pytest.mark.parametrize("name", ["mpn", "mrn"])
def test_bytes_are_floats_inside_and_nothing_else_changes(name: str, size: tuple[int, int]) -> None:
    model = onnx.load(graph(name), load_external_data=False)
    cast_at_boundaries(model)
    of_pixels = [node for node in model.graph.node if not node.name.startswith(("rows/", "columns/"))]  # these are of sizes
    casts = [node for node in of_pixels if node.op_type == "Cast" and not node.name.endswith(".cast")]
    assert casts[0].input[0] == "frame"
    assert [node.input[0] for node in model.graph.node if "frame" in node.input] == ["frame"]
    assert len(casts) == 1 if name == "mpn" else casts[-1].attribute[0].i == TensorProto.UINT8
    onnx.load_external_data_for_model(model, str(FOLDER / BASE))
    rng = np.random.default_rng(1)
    values = {
        "frame": rng.integers(0, 255, (*size, 3), np.uint8),
        "doubled": rng.random((1, 3, 512, 384), np.float32),
        "unified": rng.random((256, 192), np.float32),
    }
    given = {value.name: values[value.name] for value in model.graph.input}
    provider = ["CPUExecutionProvider"]
    released = onnxruntime.InferenceSession(graph(name), providers=provider).run(None, given)
    moved = onnxruntime.InferenceSession(model.SerializeToString(), providers=provider).run(None, given)
    for one, other in zip(released, moved, strict=True):
        np.testing.assert_allclose(one.astype(np.float32), other.astype(np.float32), atol=1e-5)
