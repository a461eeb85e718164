import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import MediaError, TooManyPixels
from engines.geometry import Size
from realtime.inputs import reconnecting
from realtime.inputs.network.connection import is_address
from realtime.inputs.network_stream import NetworkStream
from realtime.inputs.paced_video import PacedVideo
from realtime.packet import Packet
from realtime.pixels.resize import resize_to_fit
from tests.realtime.clips import even_times, make_clip, picture
from tests.realtime.inputs.test_opacity import clear_clip
from tests.realtime.pixels.test_deinterlacing import COUNT, clip, combed
from tests.realtime.pixels.test_matrices import write_yuv


@contextmanager
def server(data: bytes, *, seconds: float, video: bool = False, later: bytes | int | None = None) -> Iterator[str]:
    """An HTTP server that sends its data over so many seconds, as a camera does, or at once with its length, as a video.

    With `later`, all connections but the first get that instead: other data, or an error of that number.
    """
    queue: list[bytes | int] = [data, data if later is None else later]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = queue.pop(0) if len(queue) > 1 else queue[0]
            if isinstance(data, int):
                self.send_error(data)
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4" if video else "video/mp2t")
            if video:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            parts = 1 if video else 40
            step = -(-len(data) // parts)
            try:
                for begin in range(0, len(data), step):
                    self.wfile.write(data[begin : begin + step])
                    time.sleep(seconds / parts)
            except OSError:
                pass  # the reader has gone

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/live"
        http.shutdown()
        thread.join()


def transport_stream(path: Path, count: int = 25) -> bytes:
    return make_clip(path, even_times(count), size=(160, 96), options={"g": "5", "tune": "zerolatency"}).read_bytes()


def test_a_stream_of_huge_pictures_is_refused(tmp_path: Path) -> None:
    with server(transport_stream(tmp_path / "a.ts"), seconds=1) as address:
        with pytest.raises(TooManyPixels, match="160x96 is 1 megapixels, over the limit"):
            NetworkStream(address, max_pixels=160 * 96 - 1)
        with NetworkStream(address, max_pixels=160 * 96) as source:
            assert (source.width, source.height) == (160, 96)


def test_a_stream_of_rare_colours_is_refused(tmp_path: Path) -> None:
    clip = write_yuv(tmp_path / "a.mkv", 14, 9, "yuv420p10le")
    with server(clip.read_bytes(), seconds=0, video=True) as address, pytest.raises(MediaError, match="are coded as ICtCp"):
        NetworkStream(address)


def test_what_is_an_address() -> None:
    assert is_address("rtsp://192.168.1.20/stream")
    assert is_address("HTTPS://host/a.m3u8")
    assert not is_address("talk.mp4")
    assert not is_address("folder/http/talk.mp4")
    assert not is_address("file:///talk.mp4")


def test_a_stream_that_breaks_off_is_reconnected_and_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "SILENT", 0)
    notices: list[str] = []
    with (
        server(transport_stream(tmp_path / "a.ts"), seconds=0.5) as address,
        NetworkStream(address, notify=notices.append) as stream,
    ):
        assert (stream.width, stream.height) == (160, 96)
        packets = []
        for packet in stream:
            packets.append(packet)
            if len(packets) == 60:  # more than twice as many as one connection gives
                stream.stop()
    assert [packet.index for packet in packets] == list(range(60))
    times = [packet.time for packet in packets]
    assert times == sorted(times)
    assert np.abs(packets[0].frame.astype(int) - picture(1, 160, 96)).mean() < 6
    assert any("waiting for it" in line for line in notices)
    assert any("pictures again" in line for line in notices)


def test_fields_of_a_stream_become_whole_pictures(tmp_path: Path) -> None:
    """As they do in files: neighbouring rows of a moving bar agree."""
    fields = clip(tmp_path / "fields.mp4", range(COUNT)).read_bytes()
    with server(fields, seconds=0, video=True) as address, NetworkStream(address) as stream:
        assert stream.interlaced
        packets = list(stream)
    assert len(packets) == COUNT - 1  # the first gave the size
    assert all(combed(packet.frame) < 1 for packet in packets)
    whole = make_clip(tmp_path / "whole.mp4").read_bytes()
    with server(whole, seconds=0, video=True) as address, NetworkStream(address) as stream:
        assert not stream.interlaced


@pytest.mark.parametrize(
    ("rotation", "aspect"), [(0, Fraction(1)), (90, Fraction(1)), (180, Fraction(1)), (0, Fraction(4, 3)), (90, Fraction(8, 9))]
)
def test_a_video_on_a_server_looks_as_it_does_in_a_file(tmp_path: Path, rotation: int, aspect: Fraction) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(3), size=(160, 96), rotation=rotation, pixel_aspect=aspect)
    with PacedVideo(clip) as file:
        expected = [packet.frame for packet in file]
    with server(clip.read_bytes(), seconds=0, video=True) as address, NetworkStream(address) as stream:
        assert (stream.height, stream.width) == expected[0].shape[:2]
        packets = list(stream)
    assert len(packets) == 2  # the first gave the size
    for packet, frame in zip(packets, expected[1:], strict=True):
        np.testing.assert_array_equal(packet.frame, frame)


def test_what_is_clear_in_a_video_on_a_server_is_known(tmp_path: Path) -> None:
    clip = clear_clip(tmp_path / "a.mov", rotation=180)
    with server(clip.read_bytes(), seconds=0, video=True) as address, NetworkStream(address, size=Size(128, 192)) as stream:
        packets = list(stream)
    assert len(packets) == 2  # the first gave the size
    for packet in packets:
        assert packet.opacity is not None
        assert packet.opacity.shape == (128, 192)
        assert (packet.opacity[-30:] == 0).all()
        assert (packet.frame[-30:] == 255).all()
        assert (packet.opacity[:90] == 255).all()


def test_pictures_of_another_size_after_a_reconnection_are_cropped_to_the_first_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "RETRY", 0.05)
    wide = transport_stream(tmp_path / "wide.ts", 5)
    tall = make_clip(tmp_path / "tall.ts", even_times(5), size=(96, 160), options={"tune": "zerolatency"})
    notices: list[str] = []
    last = None
    with server(wide, seconds=0.1, later=tall.read_bytes()) as address, NetworkStream(address, notify=notices.append) as stream:
        for packet in stream:
            if any("96x160" in line for line in notices):
                last = packet.frame
                stream.stop()
    assert [line for line in notices if "96x160" in line] == [f"{stream.name} now gives 96x160; it is resized to 160x96"]
    assert last is not None
    expected = resize_to_fit(picture(0, 96, 160), 96, 160, "cover")
    assert np.abs(last.astype(int) - expected).mean() < 6


def test_a_damaged_part_of_a_video_on_a_server_is_skipped(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", even_times(50), options={"g": "1", "bf": "0"})
    content = bytearray(clip.read_bytes())
    with av.open(str(clip)) as container:
        damaged = [packet for packet in container.demux(video=0) if packet.size][20]
    assert damaged.pos is not None
    content[damaged.pos : damaged.pos + damaged.size] = bytes(damaged.size)
    notices: list[str] = []
    with (
        server(bytes(content), seconds=0, video=True) as address,
        NetworkStream(address, notify=notices.append) as stream,
    ):
        assert len(list(stream)) == 48  # the first gave the size
    assert notices == []


def test_a_video_of_an_unknown_codec_is_refused(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "a.mp4", even_times(3)).read_bytes().replace(b"avc1", b"none")
    with (
        server(content, seconds=0, video=True) as address,
        pytest.raises(MediaError, match=r"^http://.*: has no video that can be decoded"),
    ):
        NetworkStream(address)


def test_a_video_on_a_server_plays_at_its_own_pace_and_ends(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "a.mp4", even_times(20, 20), size=(96, 64), options={"g": "5"}, rate=Fraction(20))
    with server(video.read_bytes(), seconds=0, video=True) as address, NetworkStream(address, size=Size(32, 48)) as stream:
        start = time.monotonic()
        packets = list(stream)
        assert time.monotonic() - start > 0.8
    assert len(packets) >= 19  # the first gave the size
    assert packets[0].frame.shape == (32, 48, 3)


@pytest.mark.parametrize("password", ["secret", "s@cret", "s@@cret:@", "[secret", "s\u2100cret"])
def test_what_cannot_be_reached_is_reported_in_one_line_without_the_password(password: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for scheme in ("rtsp", "http"):
            with pytest.raises(MediaError, match="refused") as caught:
                NetworkStream(f"{scheme}://me:{password}@127.0.0.1:{port}/x")
            assert str(caught.value).startswith(f"{scheme}://127.0.0.1:{port}/x: ")
            assert "cret" not in str(caught.value)
            assert "\n" not in str(caught.value)


def test_a_slash_in_a_password_is_not_shown_and_has_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("realtime.inputs.network.connection.av.open", unknown)
    with pytest.raises(MediaError) as caught:
        NetworkStream("rtsp://me:s/cret@camera/x")
    assert str(caught.value).startswith("rtsp://...@camera/x: cannot be read (Input/output error); check the address")
    assert str(caught.value).endswith("write a / in a password as %2F, an @ behind the server as %40")


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.inputs.network.connection.OPENING", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        with pytest.raises(MediaError, match=r"cannot be read \(nothing came for 0\.5 s\)"):
            NetworkStream(f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        assert time.monotonic() - start < 20


def test_what_has_no_video_is_refused() -> None:
    with server(b"no video " * 1000, seconds=0, video=True) as address, pytest.raises(MediaError, match=r"^http://"):
        NetworkStream(address)


@contextmanager
def falls_silent(data: bytes) -> Iterator[str]:
    """A server that sends its data once, and then keeps its connections open, accepts others, and says nothing."""
    kept: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                if not kept:
                    connection.recv(10_000)
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + data)
                kept.append(connection)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/live"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in kept:
        connection.close()


def ends(work: Callable[[], object]) -> bool:
    """Whether some work ends at all; the time is generous, as the machine may be busy."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(60)
    return not thread.is_alive()


def test_a_server_that_accepts_and_says_nothing_holds_up_neither_the_background_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.inputs.network.connection.OPENING", 600.0)
    monkeypatch.setattr("realtime.inputs.network.connection.READING", 0.5)
    monkeypatch.setattr("realtime.inputs.network.connection.PATIENCE", 0.1)
    monkeypatch.setattr(reconnecting, "RETRY", 0.05)
    packets: list[Packet] = []
    with falls_silent(transport_stream(tmp_path / "a.ts")) as address:
        stream = NetworkStream(address, hold=0, notify=lambda line: None)

        def watch() -> None:
            for packet in stream:
                packets.append(packet)
                if sum(each.absent for each in packets) == 20:  # well after the next attempt began, which takes ten minutes
                    stream.stop()

        assert ends(watch)
        assert ends(stream.close)
    assert not packets[0].absent
    assert packets[-1].absent


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_the_first_attempt_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.inputs.network.connection.OPENING", 600.0)
    monkeypatch.setattr("realtime.inputs.network.connection.PATIENCE", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ctrl_c = threading.Timer(0.5, signal.raise_signal, (signal.SIGINT,))
        ctrl_c.start()
        with pytest.raises(KeyboardInterrupt):
            NetworkStream(f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        ctrl_c.join()


def test_a_film_on_a_server_that_breaks_off_is_reported(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "clip.mkv", even_times(75), size=(160, 96)).read_bytes()
    notices: list[str] = []
    with (
        server(content[: len(content) * 2 // 3], seconds=0, video=True) as address,
        NetworkStream(address, notify=notices.append) as source,
    ):
        assert 0 < len(list(source)) < 75
    assert len(notices) == 1
    assert "ends at " in notices[0]
    assert " of 3.0" in notices[0]


@pytest.mark.parametrize(
    ("address", "shown"), [("a.mp4", "a.mp4"), (Path("a.mp4"), "a.mp4"), ("rstp://me:secret@camera/x", "rstp://camera/x")]
)
def test_what_is_no_address_is_named(address: str | Path, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^{shown}: is not the address of a stream, which begins with rtsp://, "):
        NetworkStream(address)  # type: ignore[arg-type]
