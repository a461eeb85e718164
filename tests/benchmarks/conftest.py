import sys

import pytest

from benchmarks import cli
from benchmarks.measuring import machine


@pytest.fixture
def bench(monkeypatch, capsys):
    """Run `bench` with some words: its exit code, output and errors."""
    monkeypatch.setattr(machine, "SAMPLE", 0.01)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            cli.main()
        output = capsys.readouterr()
        return end.value.code or 0, output.out, output.err

    return run
