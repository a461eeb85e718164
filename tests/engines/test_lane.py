"""The way of a frame through the FP16 graphs: the lines that run on a GPU, on the CPU, with ONNX Runtime for TensorRT."""

import numpy as np
import onnxruntime
import pytest
import torch

from engines import Engine, Frame, Matte
from engines.half import half_graph
from engines.lane import TENSORS, Lane, Network, buffer_kinds
from engines.weights import NETWORKS
from tests.engines.test_half import frame_of

KINDS = {torch.uint8: np.uint8, torch.float16: np.float16}


class OnnxRuntimeNetwork:
    """A `Network` whose inputs and outputs lie at the addresses of tensors."""

    def __init__(self, name: str, height: int, width: int) -> None:
        model = half_graph(name, height, width).SerializeToString()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.inputs = {value.name for value in self.session.get_inputs()}
        self.bound: list[str] = []

    def bind(self, name: str, tensor: torch.Tensor) -> None:
        bind = self.binding.bind_input if name in self.inputs else self.binding.bind_output
        bind(name, "cpu", 0, KINDS[tensor.dtype], list(tensor.shape), tensor.data_ptr())
        self.bound.append(name)

    def enqueue(self, stream: int) -> None:
        self.session.run_with_iobinding(self.binding)


def lane_of(height: int, width: int) -> tuple[Lane, dict[str, OnnxRuntimeNetwork]]:
    on_cpu = {name: OnnxRuntimeNetwork(name, height, width) for name in NETWORKS}
    networks: dict[str, Network] = {**on_cpu}
    return Lane(networks, height, width, torch.device("cpu")), on_cpu


def through(lane: Lane, frame: Frame, mask: np.ndarray | None = None) -> Matte:
    lane.put(frame, mask)
    lane.enqueue(0, mask is not None)
    return lane.matte()


@pytest.mark.parametrize(("height", "width"), [(301, 211), (200, 320)])
def test_a_lane_gives_what_pytorch_gives(torch_engine: Engine, portrait: Frame, height: int, width: int) -> None:
    lane, _ = lane_of(height, width)
    for kind in ("real", "dark", "bright"):  # one after the other in the same buffers
        frame = frame_of(kind, portrait, height, width)
        ours, oracle = through(lane, frame), torch_engine(frame)
        for name in ("alpha", "coarse", "unified"):
            error = np.abs(getattr(ours, name) - getattr(oracle, name)) * 255
            assert getattr(ours, name).dtype == np.float32
            assert error.mean() < 0.5, (kind, name)
            assert error.max() < 4, (kind, name)
        assert np.abs(ours.foreground.astype(int) - oracle.foreground).max() <= 4


def test_a_mask_of_ones_own_takes_the_place_of_mpn_for_its_frame_only(torch_engine: Engine, portrait: Frame) -> None:
    frame = frame_of("real", portrait, 301, 211)
    mask = np.zeros((90, 75), np.float32)
    mask[20:, 20:55] = 1
    lane, _ = lane_of(301, 211)
    before = through(lane, frame)
    ours, oracle = through(lane, frame, mask), torch_engine(frame, mask)
    assert np.abs(ours.coarse - oracle.coarse).max() * 255 < 1
    assert np.abs(ours.alpha - oracle.alpha).mean() * 255 < 0.5
    assert np.abs(ours.coarse - before.coarse).max() > 0.5
    np.testing.assert_array_equal(through(lane, frame).alpha, before.alpha)


def test_the_arrays_are_the_callers_own(portrait: Frame) -> None:
    lane, _ = lane_of(64, 96)
    first = through(lane, frame_of("real", portrait, 64, 96))
    kept = {name: getattr(first, name).copy() for name in ("alpha", "foreground", "coarse", "unified")}
    through(lane, np.zeros((64, 96, 3), np.uint8))
    for name, array in kept.items():
        np.testing.assert_array_equal(getattr(first, name), array)


def test_the_networks_share_their_buffers_and_each_address_is_bound_once() -> None:
    lane, networks = lane_of(64, 96)
    for name, network in networks.items():
        assert sorted(network.bound) == sorted(TENSORS[name])
        ends = [*network.session.get_inputs(), *network.session.get_outputs()]
        assert {end.name: tuple(end.shape) for end in ends} == {each: buffer_kinds(64, 96)[each][0] for each in TENSORS[name]}
    through(lane, np.zeros((64, 96, 3), np.uint8))
    through(lane, np.zeros((64, 96, 3), np.uint8))
    assert all(len(network.bound) == len(set(network.bound)) for network in networks.values())
