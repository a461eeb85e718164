"""Two processes that share each batch, through gloo, beside one that has it all."""

import io
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing import ProcessContext, start_processes

from engines.errors import DataError
from tests.train.conftest import TINY, scenery, wait_for_step, write
from train.commands import train as command
from train.learning import distributed, trainer
from train.learning.checkpoints import load_checkpoint
from train.learning.losses import mrn_loss

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
HALVES = (slice(0, 2), slice(2, 4))


def train_here(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of shm-train, in this process."""
    monkeypatch.setattr(sys, "argv", ["shm-train", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        command.main()
    return int(caught.value.code or 0)


def join(rank: int, port: int, work: Callable[..., None], folder: Path, arguments: Sequence[object]) -> None:
    """In a process of its own, as torchrun would start it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    work(folder, *arguments)


def in_two(work: Callable[..., None], folder: Path, *arguments: object, wait: bool = True) -> ProcessContext:
    """Start two ranks, forked from a server that has imported PyTorch once for all tests."""
    multiprocessing.set_forkserver_preload([__name__, "torch._dynamo"])
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    ranks: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
        join, (port, work, folder, arguments), nprocs=2, join=False, start_method="forkserver"
    )
    while wait and not ranks.join():
        pass
    return ranks


def train(folder: Path, *arguments: object) -> None:
    """shm-train on one rank; its exit code and standard error go into a file."""
    command.EXIT_DELAY = 0.0  # nothing ends one rank because of the other
    sys.argv = ["shm-train", *map(str, arguments)]
    errors, code = io.StringIO(), None
    try:
        with redirect_stderr(errors):
            command.main()
    except SystemExit as end:
        code = end.code
    (folder / os.environ["RANK"]).write_text(json.dumps([code or 0, errors.getvalue()]))


def train_in_double(folder: Path, *arguments: object) -> None:
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    train(folder, *arguments)


def train_saving_each_step(folder: Path, *arguments: object) -> None:
    trainer.SAVE_EVERY = 0
    train(folder, *arguments)


def outcomes(folder: Path) -> tuple[list[int], list[str]]:
    """Exit codes and errors of both ranks."""
    codes, errors = zip(*(json.loads((folder / rank).read_text()) for rank in "01"), strict=True)
    return list(codes), list(errors)


def small_network() -> nn.Module:
    torch.manual_seed(3)
    layers = (
        nn.Conv2d(3, 5, 3),
        nn.BatchNorm2d(5, momentum=0.2),
        nn.ReLU(),
        nn.Conv2d(5, 4, 1),
        nn.BatchNorm2d(4),
        nn.Sigmoid(),
    )
    return nn.Sequential(*layers).double()


def batch_of_four() -> tuple[Tensor, Tensor, Tensor]:
    """Pictures; true foregrounds and alphas, in one half more of it seen than in the other."""
    generator = torch.Generator().manual_seed(5)
    pictures, foreground, alpha = (torch.rand(4, c, s, s, generator=generator).double() for c, s in ((3, 8), (3, 6), (1, 6)))
    alpha[0] = 0
    alpha[2, :, :3] = 0
    return 3 * pictures - 1, foreground, alpha


def gradients_and_statistics(network: nn.Module, samples: slice) -> dict[str, Tensor]:
    """Gradients and statistics after two passes; the loss is one whose denominator depends on the whole batch."""
    pictures, foreground, alpha = (part[samples] for part in batch_of_four())
    for _ in range(2):
        mrn_loss(network(pictures), foreground, alpha).backward()  # type: ignore[no-untyped-call]
    computed = {name: value.grad for name, value in network.named_parameters() if value.grad is not None}
    return computed | dict(network.named_buffers())


def check_two_ranks(folder: Path) -> None:
    with distributed.process_group():
        check_rank(folder)


def check_rank(folder: Path) -> None:
    rank = torch.distributed.get_rank()
    assert (distributed.world_size(), distributed.is_rank0()) == (2, rank == 0)
    assert distributed.shard(4, "[mpn]") == HALVES[rank]
    with pytest.raises(DataError, match=r"\[mpn\]: 'batch' is 5, which does not divide among 2 processes"):
        distributed.shard(5, "[mpn]")
    assert distributed.mean_over_ranks(torch.tensor([1.0, rank])).tolist() == [1.0, 0.5]
    assert distributed.max_over_ranks(torch.tensor([2.0 - rank, rank])).tolist() == [2.0, 1.0]
    assert [distributed.any_process(rank == one) for one in (0, 1, 2)] == [True, True, False]
    assert distributed.broadcast_from_rank0(lambda: f"of {rank}") == "of 0"
    with pytest.raises(DataError, match=r"^of 0$"):
        distributed.broadcast_from_rank0(lambda: refuse_if(True, f"of {rank}"))
    distributed.check_same_on_all_ranks(1, "differs")
    with pytest.raises(DataError, match=r"^differs$"):
        distributed.check_same_on_all_ranks(rank, "differs")
    with distributed.raise_on_all_ranks():
        pass
    for guilty in (0, 1):
        with pytest.raises(DataError, match=f"^of {guilty}$"), distributed.raise_on_all_ranks():
            refuse_if(rank == guilty, f"of {rank}")
    network = distributed.synchronise_batch_norm(small_network(), torch.device("cpu"))
    assert sum(isinstance(module, distributed.SyncBatchNorm2d) for module in network) == 2  # type: ignore[attr-defined]
    computed = gradients_and_statistics(distributed.data_parallel(network), HALVES[rank])
    torch.save(computed | {"output": network.eval()(batch_of_four()[0]).detach()}, folder / f"{rank}.pt")


def refuse_if(wrong: bool, message: str) -> None:
    if wrong:
        raise DataError(message)


def test_halves_of_a_batch_give_the_gradients_of_the_whole(tmp_path: Path) -> None:
    in_two(check_two_ranks, tmp_path)
    network = small_network()
    expected = gradients_and_statistics(network, slice(4))
    expected["output"] = network.eval()(batch_of_four()[0]).detach()
    for rank in (0, 1):
        computed = {name.removeprefix("module."): value for name, value in torch.load(tmp_path / f"{rank}.pt").items()}
        assert computed.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(computed[name], value, rtol=1e-6, atol=1e-9)


def test_alone_nothing_is_shared() -> None:
    network = small_network()
    assert distributed.synchronise_batch_norm(network, torch.device("cpu")) is network is distributed.data_parallel(network)
    assert type(network[1]) is nn.BatchNorm2d  # type: ignore[index]
    assert (distributed.world_size(), distributed.is_rank0(), distributed.shard(5, "")) == (1, True, slice(0, 5))
    assert distributed.any_process(True)
    distributed.check_same_on_all_ranks(1, "differs")
    with pytest.raises(DataError, match="mine"), distributed.process_group(), distributed.raise_on_all_ranks():
        refuse_if(True, "mine")


def test_other_ranks_are_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "EXIT_DELAY", 0.0)

    def say(rank: str) -> None:
        with command.only_local_rank0_reports():
            print(f"of {rank}", file=sys.stderr)
            sys.exit(2)

    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        with pytest.raises(SystemExit):
            say(rank)
    assert capsys.readouterr().err == "of 0\n"


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(steps=2).replace("batch = 2", "batch = 4"))
    return path


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Double precision, which leaves nothing to what a CPU does with floats: Adam turns the least of them into steps."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.slow
@pytest.mark.usefixtures("in_double")
def test_two_processes_equal_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], data: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """Behind the same earlier networks, so that each task is alone."""
    options = ["all", "--data", data, "--recipe", recipe_file, "--workers", 0, "--precision", "fp32", "--on", tmp_path / "one"]
    assert train_here(monkeypatch, *options, "--out", tmp_path / "one") == 0
    assert capfd.readouterr().err.count("done: ") == 1
    in_two(train_in_double, tmp_path, *options, "--out", tmp_path / "two")
    codes, errors = outcomes(tmp_path)
    assert codes == [0, 0], errors
    assert [each.count("done: ") for each in errors] == [1, 0]
    for out in ("one", "two"):
        assert {p.name for p in (tmp_path / out).iterdir()} == {".lock", "mpn.pt", "qun.pt", "mrn.pt", "logs"}
    for name in ("mpn", "qun", "mrn"):
        one, two = (load_checkpoint(tmp_path / out / f"{name}.pt") for out in ("one", "two"))
        assert (two["step"], two["recipe"]) == (2, one["recipe"])
        moments = [torch.cat([s["exp_avg"].flatten() for s in each["optimizer"]["state"].values()]) for each in (one, two)]
        assert moments[0].dtype == torch.float64
        assert off(*moments) < 1e-9, name
        for kind in ("network", "average"):
            weights = [torch.cat([v.flatten() for v in each[kind].values()]) for each in (one, two)]
            assert off(*weights) < 1e-9, name


def off(one: Tensor, two: Tensor) -> float:
    return float((one - two).norm() / one.norm())


def test_a_picture_that_one_process_cannot_read_ends_all(recipe_file: Path, tmp_path: Path) -> None:
    write(tmp_path / "data/backgrounds/rooms/0.png", scenery(60, 80, 1))
    (tmp_path / "data/fine/cutouts").mkdir(parents=True)
    (tmp_path / "data/fine/cutouts/broken.png").write_text("no picture")
    options = ["mpn", "--data", tmp_path / "data", "--out", tmp_path / "run", "--recipe", recipe_file, "--workers", 0]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    words = [sys.executable, *TORCHRUN, "-m", "train.commands.train", *map(str, options)]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert done.returncode == 1  # torchrun's
    reported = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(reported) == 1
    assert "broken.png: cannot be read as a picture" in reported[0]


@pytest.mark.slow
def test_ctrl_c_on_one_process_stops_all_and_one_goes_on_alone(
    monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    endless, out = tmp_path / "endless.toml", tmp_path / "run"
    endless.write_text(TINY.format(steps=10**6))
    options = ["mpn", "--data", data, "--out", out, "--recipe", endless, "--workers", 0]
    ranks = in_two(train_saving_each_step, tmp_path, *options, wait=False)
    try:
        wait_for_step(out / "mpn.pt", lambda: all(rank.is_alive() for rank in ranks.processes))
        os.kill(ranks.pids()[1], signal.SIGINT)
        while not ranks.join():
            pass
    finally:
        for rank in ranks.processes:
            rank.kill()
    codes, errors = outcomes(tmp_path)
    assert codes == [130, 130], errors
    assert [each.count("the same command resumes") for each in errors] == [1, 0]
    assert not any("error: " in each for each in errors)
    step = load_checkpoint(out / "mpn.pt")["step"]
    assert step >= 1
    assert {p.name for p in out.iterdir()} == {"mpn.pt", "logs", ".lock"}

    done = tmp_path / "done.toml"  # the same recipe, but for how long
    done.write_text(TINY.format(steps=step + 1))
    assert train_here(monkeypatch, "mpn", "--data", data, "--out", out, "--recipe", done, "--workers", 0) == 0
    assert load_checkpoint(out / "mpn.pt")["step"] == step + 1
