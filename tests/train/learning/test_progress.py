"""The progress of a training on a terminal."""

import errno
import io
from pathlib import Path

import pytest
from rich.console import Console

from train.learning import progress
from train.learning.progress import TaskProgress


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_time_left_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, width: int) -> None:
    """All columns were cut alike where the losses did not fit: 113/4… and 0:01:…"""
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    losses = {"loss": 0.0073, "identity": 0.0038, "consistence": 0.0127, "apart": 0.0139}
    with TaskProgress("qun", 1000, 0, tmp_path, active=True) as shown:
        for step in range(1, 113):
            shown.trained(step, 1000, step / 10, losses)
    line = [line for line in written.getvalue().replace("\r", "\n").splitlines() if "112/1000" in line][-1]
    assert "…" not in line
    assert ("loss 0.0073" in line) == (width >= 60)
    assert ("apart 0.0139" in line) == (width == 120)


@pytest.mark.parametrize("fails", ["opening", "writing", "closing"])
def test_a_full_disk_costs_the_curves_and_not_the_training(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, fails: str
) -> None:
    """It ended in a traceback, of TensorBoard's thread and of the command."""
    full = OSError(errno.ENOSPC, "No space left on device")

    def write(*_: object) -> None:
        raise full

    if fails == "opening":
        monkeypatch.setattr(progress, "SummaryWriter", write)
    else:  # as a full disk does, in a thread of TensorBoard
        writer = "tensorboard.summary.writer.record_writer.RecordWriter"
        monkeypatch.setattr(f"{writer}.{'write' if fails == 'writing' else 'flush'}", write)
    with TaskProgress("mpn", 3, 0, tmp_path, active=True) as shown:
        for step in range(1, 4):
            shown.trained(step, 3, step, {"loss": 0.5})
            shown.validated(step, {"loss": 0.5})
    told = capfd.readouterr().err.splitlines()
    assert told.count("mpn: the curves cannot be written (No space left on device); it goes on without them") == 1
    assert len(told) == 1 + 3
