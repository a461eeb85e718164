"""Streams that come in pieces (HLS)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from realtime.inputs.network_stream import NetworkStream
from tests.realtime.clips import even_times, make_clip

PIECE = "#EXTINF:0.4,\n{}.ts\n"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of an HTTP server of the files of a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_stream_goes_on_where_its_clock_jumps_ahead(tmp_path: Path) -> None:
    """As where advertisements are put in: by their own clocks the pieces may be an hour apart."""
    for name, begin in (("a", 0), ("b", 3600)):
        make_clip(tmp_path / f"{name}.ts", [begin + time for time in even_times(10)])
    pieces = "#EXT-X-DISCONTINUITY\n".join(map(PIECE.format, "aba"))
    (tmp_path / "all.m3u8").write_text(f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{pieces}#EXT-X-ENDLIST\n")
    with served(tmp_path) as address, NetworkStream(f"{address}/all.m3u8") as stream:
        giving_up = threading.Timer(20, stream.stop)
        giving_up.start()
        packets = list(stream)
        giving_up.cancel()
    assert len(packets) == 29  # the first gave the size
    assert packets[-1].time < 20
