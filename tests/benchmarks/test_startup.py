import sys

import pytest

from benchmarks.startup import main, start
from engines import InputError


def test_a_first_and_a_later_start_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["startup", "--size", "96x64", "--runs", "1", "--backend", "openvino"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    told = capsys.readouterr().out
    assert "96x64 first start: " in told
    assert "96x64 later starts: " in told
    assert "openvino" in told


def test_what_an_engine_says_when_it_cannot_start_is_passed_on(tmp_path: object) -> None:
    with pytest.raises(InputError, match="--precision fp16: openvino has"):
        start(["64", "96", "openvino", "fp16"], str(tmp_path))
