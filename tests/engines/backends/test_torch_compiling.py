"""How the networks of the backend torch are compiled: in a process of its own, into the cache."""

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest
import torch
from torch import Tensor

from engines.backends.torch_lane import compiling
from engines.backends.torch_lane.compiling import (
    FOLDER_VARIABLES,
    code_kept_in,
    compile_all,
    compile_apart,
    compiler_missing,
    own_code,
)
from engines.backends.torch_lane.networks import Step
from engines.geometry import Size
from engines.weights import NETWORKS

SIZE = Size(64, 96)


def test_a_process_that_ends_early_says_why(tmp_path: Path) -> None:
    outcome = compile_apart(NETWORKS, 60, SIZE, "huge", torch.device("cpu"), tmp_path)
    assert set(outcome) == set(NETWORKS)
    (reason,) = set(outcome.values())
    assert reason is not None
    assert re.fullmatch(r"its compiler ended with .*WeightsError: .*huge.manifest\.json: cannot be read; .*", reason)


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_a_process_may_say_why_in_another_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the C compiler that PyTorch calls does under a locale of one byte a character."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nprintf 'fichier trouv\\351 deux fois' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    outcome = compile_apart(NETWORKS, 60, SIZE, "base", torch.device("cpu"), tmp_path)
    assert outcome == dict.fromkeys(NETWORKS, "its compiler ended with fichier trouv\N{REPLACEMENT CHARACTER} deux fois")


def test_no_triton_and_no_c_compiler_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    assert compiler_missing() == "Triton is not installed"
    monkeypatch.setattr(compiling, "find_spec", lambda name: name)
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    assert compiler_missing() == ("" if os.name == "nt" else "there is no C compiler")
    monkeypatch.setattr(compiling.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert compiler_missing() == ""


def test_code_goes_into_the_cache_unless_the_user_named_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_module("torch._inductor.runtime.cache_dir_utils")  # names a folder of its own
    for name in FOLDER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with code_kept_in(tmp_path / "code"):
        assert [os.environ[name] for name in FOLDER_VARIABLES] == [str(tmp_path / "code"), str(tmp_path / "code/triton")]
    assert not set(FOLDER_VARIABLES) & set(os.environ)
    monkeypatch.setenv(FOLDER_VARIABLES[0], "/mine")
    with code_kept_in(tmp_path / "code"):
        assert os.environ[FOLDER_VARIABLES[0]] == "/mine"


def test_a_folder_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    with code_kept_in(tmp_path / "file/code"):
        assert not str(os.environ.get(FOLDER_VARIABLES[0])).startswith(str(tmp_path))
    assert "compiled code is not kept" in caplog.text


def test_any_number_of_frame_sizes_can_be_compiled() -> None:
    def double(tensor: Tensor) -> Tensor:
        return 2 * tensor

    assert isinstance(double, FunctionType)
    with caught_compilations() as compiled:
        for length in range(1, 13):
            step = torch.compile(own_code(double), backend=compiled.backend, fullgraph=True, dynamic=False)
            assert step(torch.ones(length)).sum() == 2 * length
    assert compiled.count == 12


class caught_compilations:
    """A backend that compiles nothing, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "caught_compilations":
        torch._dynamo.reset()
        return self

    def __exit__(self, *_: object) -> None:
        torch._dynamo.reset()

    def backend(self, graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        self.count += 1
        return graph


def test_functions_are_compiled_on_tensors_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_(step: Step, tensors: list[Tensor]) -> Step:
        tensors[0].add_(1)
        return step

    monkeypatch.setattr(compiling, "compile_step", compile_)
    given = torch.full((3,), 7.0)
    done = compile_all({"mrn": print}, {"mrn": [given]}, tmp_path)
    assert (given == 7).all()
    assert done == ({"mrn": print}, {})
