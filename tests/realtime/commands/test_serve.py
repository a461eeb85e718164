"""`shm-serve`: whom it serves, its mistakes in one line, and its end."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from PIL import Image

import realtime
from realtime.commands import serve
from tests.commands import answers
from tests.realtime.clips import make_clip
from tests.realtime.plain_engine import plain_engine

SAMPLE = Path(realtime.__file__).parent / "samples" / "portrait.jpg"
MISTAKES = [
    (["--host", "0.0.0.0"], "--token"),
    (["--host", "example.org"], "--token"),
    (["--host", "0.0.0.0", "--token", "a b"], "--token"),
    (["--token", "", "--host", "::"], "--token"),
    (["--token", "abc", "--no-token"], "--no-token"),
    (["--host", "192.0.2.1", "--no-token"], "192.0.2.1, port 8400"),
    (["--queue", "0"], "--queue"),
    (["--workers", "0"], "--workers"),
]


def curl_examples(address: str, folder: Path) -> list[list[str]]:
    """The calls of docs/serve.md, to a service at another address, with the files that they name."""
    shutil.copy(SAMPLE, folder)
    shutil.copy(SAMPLE.with_name("background.jpg"), folder)
    Image.new("L", Image.open(SAMPLE).size, 255).save(folder / "mask.png")
    make_clip(folder / "talk.mp4")
    page = (Path(__file__).parents[3] / "docs" / "serve.md").read_text(encoding="utf-8")
    calls = re.findall(r"^curl .*$", page, re.MULTILINE)
    assert len(calls) >= 4
    return [shlex.split(call.replace("http://127.0.0.1:8400", address)) for call in calls]


def test_mistakes_are_one_line() -> None:
    made = answers([("realtime.commands.serve", ["shm-serve", *words]) for words, _ in MISTAKES])
    for (words, told), answer in zip(MISTAKES, made, strict=True):
        assert answer.code == 2, words
        assert told in answer.errors, words
        assert answer.errors.count("\n") == 1, words


def test_a_missing_extra_is_named() -> None:
    program = "import sys; sys.modules['fastapi_offline'] = None; sys.argv = ['shm-serve', '--port', '0']\n"
    program += "import realtime.commands.serve as s; s.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "semantic-human-matting[web]" in done.stderr


def test_a_folder_for_temporary_files_that_is_missing_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It failed at its start, with a traceback, or with each request."""
    pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with plain_engine() as engine, patch("sys.argv", ["shm-serve", "--port", "0"]), pytest.raises(SystemExit) as exit_:
        serve.main()
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'none'}: temporary files cannot be written there (No such file")
    assert error.endswith("; make room, or name another folder in TMPDIR\n")
    assert not engine.asked


@contextmanager
def served(folder: Path, *, engine: str = "plain_engine()", before: str = "") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`shm-serve` with a plain engine and its temporary files in a folder, and its address. `before`: lines that run first."""
    program = f"{before}from tests.realtime.plain_engine import plain_engine\nfrom realtime.commands.serve import main\n"
    server = subprocess.Popen(
        [sys.executable, "-c", f"{program}with {engine}: main()", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        cwd=Path(__file__).parents[3],
    )
    try:
        assert server.stderr is not None
        found = re.search(r"serving on (http://\S+) ", server.stderr.readline())
        assert found
        yield server, found[1]
    finally:
        server.kill()
        server.communicate()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_it_ends_with_its_terminal(tmp_path: Path) -> None:
    pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
    # Under nohup, tests that run there have SIGHUP ignored, and so would the server.
    before = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    with served(tmp_path, before=before) as (server, address):
        urllib.request.urlopen(f"{address}/v1/health", timeout=60).close()
        server.send_signal(signal.SIGHUP)
        assert server.wait(30) == 128 + signal.SIGTERM
        assert server.stderr is not None
        assert server.stderr.read() == ""
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell whose folders are in use")
def test_what_a_killed_service_leaves_is_removed_when_the_next_one_starts(tmp_path: Path) -> None:
    pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
    clip = make_clip(tmp_path / "clip.mp4").read_bytes()
    (tmp_path / "clip.mp4").unlink()
    with ExitStack() as stack:

        def start() -> subprocess.Popen[str]:
            server, address = stack.enter_context(served(tmp_path, engine="plain_engine(seconds=1)"))
            with urllib.request.urlopen(f"{address}/v1/video", clip, timeout=60) as answer:
                assert answer.status == 202
            return server

        killed = start()
        left = set(tmp_path.iterdir())
        assert any(path.is_file() for path in tmp_path.rglob("*"))
        start()
        assert left < set(tmp_path.iterdir())  # nothing is removed while it is in use
        in_use = set(tmp_path.iterdir()) - left
        killed.kill()
        killed.wait()
        start()
        there = set(tmp_path.iterdir())
        assert (left & there, in_use & there) == (set(), in_use)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
    command = [sys.executable, "-m", "realtime.commands.serve", "--port", "0", "--open"]
    browser = tmp_path / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.opened"\n')
    browser.chmod(0o700)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BROWSER": str(browser)}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stderr is not None
        line = server.stderr.readline()
        found = re.search(r"serving on (http://127\.0\.0\.1:\d+) ", line)
        assert found, line
        with urllib.request.urlopen(f"{found[1]}/v1/health", timeout=60) as health:
            assert json.load(health)["model"] == "base"
        assert (tmp_path / "browser.opened").read_text() == f"{found[1]}\n"
        with urllib.request.urlopen(f"{found[1]}/v1/image", SAMPLE.read_bytes(), timeout=120) as answer:
            picture = Image.open(answer)
            assert picture.mode == "RGBA"
            assert picture.getchannel("A").getextrema() == (0, 255)
        for words in curl_examples(found[1], tmp_path) if shutil.which("curl") else ():
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, (words, done.stderr)
            if "-o" not in words:
                told = json.loads(done.stdout)
                assert told["status"] in ("queued", "running") if "/v1/video" in words[-1] else told["model"] == "base"
                continue
            written = tmp_path / words[words.index("-o") + 1]
            source = (96, 64) if "/v1/video" in words[-1] else Image.open(SAMPLE).size
            assert Image.open(written).size == source, words
            written.unlink()
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 128 + signal.SIGTERM
        assert server.stderr.read() == ""
        assert {path.name for path in tmp_path.iterdir()} <= {
            *(SAMPLE.name, "background.jpg", "mask.png", "talk.mp4"),
            *("browser", "browser.opened"),
        }
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_a_second_ctrl_c_cuts_off_what_is_still_sent(tmp_path: Path) -> None:
    """It printed a traceback, left its temporary files, and never ended: the videos' thread went on."""
    pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
    with served(tmp_path) as (server, address):
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=60) as client:
            client.sendall(b"POST /v1/image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\nthe rest never comes")
            while len(list(tmp_path.iterdir())) < 2:  # one for videos, and one for this request
                time.sleep(0.05)
            server.send_signal(signal.SIGINT)
            time.sleep(1)
            server.send_signal(signal.SIGINT)
            assert client.recv(100).startswith(b"HTTP/1.1 503 ")
        assert server.wait(60) == 128 + signal.SIGINT
        assert server.stderr is not None
        assert server.stderr.read() == "stopped\n"
        assert not list(tmp_path.iterdir())
