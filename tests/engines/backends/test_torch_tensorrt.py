"""The second way to TensorRT engines, up to the compiler: torch-tensorrt itself needs a GPU to be imported."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engines import Engine, Frame
from engines.backends.tensorrt.torch_tensorrt import SETTINGS, build_from_torch, programs, require_torch_tensorrt
from engines.errors import BackendUnavailable
from engines.geometry import low_resolution
from engines.graphs.profile import Profile, parse_range
from tests.engines.graphs.test_fp16 import frame_of


def test_the_exported_programs_give_what_pytorch_gives(torch_engine: Engine, portrait: Frame) -> None:
    exported = {name: program.module() for name, (program, _) in programs(Profile.of(128, 160), "cpu").items()}
    frame = frame_of("real", portrait, 128, 160)
    doubled, image, coarse = exported["mpn"](torch.from_numpy(frame))
    alpha, foreground = exported["mrn"](torch.from_numpy(frame), doubled, exported["qun"](image, coarse))
    assert {doubled.dtype, image.dtype, coarse.dtype, alpha.dtype} == {torch.float16}
    oracle = torch_engine(frame)
    assert np.abs(alpha.float().numpy() - oracle.alpha).mean() * 255 < 0.5
    assert np.abs(foreground.numpy().astype(int) - oracle.foreground).max() <= 8


def test_each_program_is_compiled_with_its_inputs_and_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def convert(program: Any, **given: Any) -> bytes:
        assert isinstance(program, torch.export.ExportedProgram)
        calls.append(given)
        return bytes([len(calls)])

    compiler = SimpleNamespace(dynamo=SimpleNamespace(convert_exported_program_to_serialized_trt_engine=convert))
    monkeypatch.setitem(sys.modules, "torch_tensorrt", compiler)
    monkeypatch.setattr("engines.backends.tensorrt.torch_tensorrt.programs", lambda profile, device: programs(profile, "cpu"))
    shares: list[float] = []
    engines, timing = build_from_torch(Profile.of(64, 96), b"timing", lambda _, share: shares.append(share))
    assert engines == {"mpn": b"\1", "qun": b"\2", "mrn": b"\3"}
    assert timing == b"timing"
    assert shares == sorted(shares)
    assert shares[-1] == 1
    low, wide = low_resolution(64, 96)
    assert [[tuple(each.shape) for each in call.pop("arg_inputs")] for call in calls] == [
        [(64, 96, 3)],
        [(1, 3, low, wide), (low, wide)],
        [(64, 96, 3), (1, 3, 2 * low, 2 * wide), (low, wide)],
    ]
    assert calls == [SETTINGS] * 3


def test_a_range_and_a_missing_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="builds for one frame size, not for the range"):
        build_from_torch(parse_range("64x64:65x65:66x66"), b"", lambda name, share: None)
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'semantic-human-matting\[torch-tensorrt\]'"):
        require_torch_tensorrt()
