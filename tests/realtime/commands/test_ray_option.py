"""What `shm-video --ray` refuses, and which engine, CPUs and GPUs the parts of a video get."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from engines.backends import BACKENDS, Backend
from engines.commands.running import UsageError
from realtime.commands.cluster_jobs import resources
from realtime.jobs.spreading import EngineChoice
from tests.realtime.clips import make_clip
from tests.realtime.commands.test_video import shm_video


class Machine(NamedTuple):
    cpus: int
    gpus: int


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--shard", "1/2"], "--shard: does not go with --ray; leave one of them out"),
        (["--nvenc"], "--nvenc: does not go with --ray"),
        (["--alpha-out", "matte.mkv"], "--alpha-out: does not go with --ray"),
        (["--backend", "tensorrt", "--precision", "fp32"], "--precision fp32: tensorrt has auto, fp16"),
        (["--rate", "24"], "is no sequence of pictures"),
        (["--start", "60"], "in.mp4: has no frame from 60 s"),
        (["--ray", "nonsense"], "--ray nonsense: is no address; give HOST:PORT"),
        (["--ray", "host:70000"], "--ray host:70000: is no address"),
        (["--ray", "127.0.0.1:1"], "--ray 127.0.0.1:1: does not answer ("),
        (["--ray", "ray://host.invalid:10001"], "--ray ray://host.invalid:10001: does not answer ("),
    ],
)
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'")
def test_what_does_not_go_with_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", "--ray", "auto", *options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("place", [0, 1])
def test_pipes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    names = [make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"]
    assert shm_video(monkeypatch, *names[:place], "-", *names[place + 1 :], "--ray", "auto") == 2
    assert capsys.readouterr().err.startswith("error: --ray: other machines cannot reach a pipe")


def test_ray_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "realtime.jobs.ray_cluster", raising=False)
    clip = make_clip(tmp_path / "in.mp4")
    assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", "--ray", "auto") == 2
    assert capsys.readouterr().err.endswith("ray is not installed; type: pip install 'semantic-human-matting[ray]'\n")
    assert shm_video(monkeypatch, clip, tmp_path / "out.mp4", "--ray", "auto", "--dry-run") == 0


def ask(machines: list[Machine], **options: object) -> tuple[str, int, int]:
    """The backend, CPUs and GPUs of a part."""
    settings = {"backend": "auto", "threads": None, "precision": "auto", "model": "base", "weights": "", **options}
    engine, cpus, gpus = resources(machines, EngineChoice(**settings))  # type: ignore[arg-type]
    assert engine.threads == cpus
    return engine.backend, cpus, gpus


def test_a_part_gets_what_its_engine_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large, gpu = Machine(2, 0), Machine(16, 0), Machine(8, 2)
    assert ask([small]) == ("openvino", 2, 0)
    assert ask([Machine(0, 0), small, large]) == ("openvino", 4, 0)
    assert ask([large], threads=8) == ("openvino", 8, 0)
    assert ask([large, gpu], backend="openvino") == ("openvino", 4, 0)
    assert ask([large, gpu], backend="tensorrt") == ("tensorrt", 4, 1)
    assert ask([large], backend="torch") == ("torch", 4, 0)
    for missing, backend in ((["tensorrt"], "openvino"), ([], "tensorrt")):
        monkeypatch.setattr(Backend, "missing_packages", lambda self, missing=missing: missing)
        assert ask([large, gpu]) == (backend, 4, int("gpu" in BACKENDS[backend].devices))


@pytest.mark.parametrize(
    ("machines", "options", "says"),
    [
        ([Machine(4, 0)], {"backend": "tensorrt"}, "--backend tensorrt: no machine of the cluster has a GPU"),
        ([Machine(4, 0)], {"threads": 5}, "--threads 5: no machine of the cluster has so many CPUs; the most are 4"),
        ([Machine(16, 0), Machine(4, 1)], {"backend": "tensorrt", "threads": 8}, "the most are 4"),
        ([Machine(0, 0)], {}, "--ray: the cluster has no CPUs"),
    ],
)
def test_what_no_machine_has(machines: list[Machine], options: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ask(machines, **options)
