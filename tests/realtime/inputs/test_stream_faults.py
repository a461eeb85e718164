"""What the user is told of a network stream that gives no picture."""

import threading
from pathlib import Path
from typing import Any

import av
import pytest

from engines.errors import MediaError
from realtime.commands.checks import in_options
from realtime.inputs import reconnecting
from realtime.inputs.network.connection import Connection
from realtime.inputs.network.faults import fault_of
from realtime.inputs.network_stream import NetworkStream
from realtime.packet import Packet
from tests.realtime.clips import even_times, make_clip
from tests.realtime.inputs.test_network_stream import server, transport_stream
from tests.realtime.pixels.test_matrices import turns_to_ictcp


def told_of_outage(first: bytes, later: bytes | int, user: str = "", **options: Any) -> list[str]:
    """What the user is told of a stream that goes on in another way when it is reconnected, up to the first reason."""
    notices: list[str] = []
    with (
        server(first, seconds=0.5, later=later) as address,
        NetworkStream(address.replace("//", f"//{user}"), notify=notices.append, **options) as stream,
    ):
        ending = threading.Timer(20, stream.stop)
        ending.start()
        for packet in stream:
            if packet.absent and any("(" in line for line in notices):
                stream.stop()
        ending.cancel()
    return [line.replace(address, "ADDRESS") for line in notices]


@pytest.mark.parametrize(
    ("code", "user", "says"),
    [
        (404, "me:secret@", "the server has nothing there, 404; check what follows the server's name in the address"),
        (401, "me:secret@", "the server does not take the user or the password; check both in the address"),
        (401, "", "the server asks for a user and a password; write http://USER:PASSWORD@"),
        (403, "me:secret@", "the server forbids access, 403; check what this user may see there"),
        (503, "me:secret@", "the server fails, 5xx; start the server or the camera again"),
    ],
)
def test_why_a_stream_is_not_to_be_had_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, user: str, says: str
) -> None:
    monkeypatch.setattr(reconnecting, "SILENT", 0.2)
    monkeypatch.setattr(reconnecting, "RETRY", 0.05)
    told = told_of_outage(transport_stream(tmp_path / "a.ts", 5), code, user, hold=0)
    assert says in told[-1]
    assert told[-1].startswith("ADDRESS gives no picture (")
    assert told[-1].endswith("); waiting for it")
    assert "secret" not in str(told)
    assert len(told) <= 2  # once without a reason, and once with


def test_a_scheme_that_this_ffmpeg_lacks_is_named() -> None:
    error = av.error.ProtocolNotFoundError(0, "Protocol not found")
    assert fault_of(error, "srt://camera:9000?passphrase=secret", waited=1).reason == "this FFmpeg knows no srt://"


@pytest.mark.parametrize("size", [(176, 96), (960, 640)], ids=["a little", "more than FFmpeg may decode"])
@pytest.mark.parametrize("midway", [False, True])
def test_a_stream_that_has_grown_over_the_limit_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], midway: bool
) -> None:
    monkeypatch.setattr(reconnecting, "SILENT", 0.2)
    monkeypatch.setattr(reconnecting, "RETRY", 0.05)
    small = transport_stream(tmp_path / "a.ts", 60)
    large = make_clip(tmp_path / "b.ts", even_times(60), size=size, options={"tune": "zerolatency"}).read_bytes()
    first = small + large if midway else small
    told = told_of_outage(first, large, hold=0, max_pixels=160 * 96, explain=in_options)
    assert told[-1] == (
        f"ADDRESS gives no picture ({size[0]}x{size[1]} is 1 megapixels, over the limit of 0.01536; "
        "if you trust it, raise the limit with --max-megapixels 1); waiting for it"
    )


@pytest.mark.parametrize("pause", [10, 0])
def test_a_password_that_is_refused_is_not_tried_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause: float) -> None:
    """Many cameras lock out who does."""
    monkeypatch.setattr(reconnecting, "RETRY", 0.02)
    monkeypatch.setattr("realtime.inputs.network_stream.REFUSED", pause)
    opened: list[Connection] = []

    class Counted(Connection):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened.append(self)

    monkeypatch.setattr("realtime.inputs.network_stream.Connection", Counted)
    with (
        server(transport_stream(tmp_path / "a.ts", 5), seconds=0.1, later=401) as address,
        NetworkStream(address, hold=0, notify=lambda line: None) as stream,
    ):
        threading.Timer(2, stream.stop).start()
        assert [packet.absent for packet in stream][-1]
    assert len(opened) == 2 if pause else len(opened) > 2


@pytest.mark.parametrize("reconnected", [False, True])
def test_colours_that_turn_rare_midway_end_a_stream_in_a_line(tmp_path: Path, reconnected: bool) -> None:
    turning = turns_to_ictcp(tmp_path / "a.ts").read_bytes()
    plain = transport_stream(tmp_path / "b.ts", 5)
    packets: list[Packet] = []
    with (
        server(plain if reconnected else turning, seconds=0.2, later=turning) as address,
        NetworkStream(address) as stream,
        pytest.raises(MediaError, match=r"/live: now its colours are coded as ICtCp, which is not read; convert it to BT\.709"),
    ):
        packets.extend(stream)
    assert len(packets) >= 9
