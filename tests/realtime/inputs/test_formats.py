import re
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image, features

from engines.commands.running import UsageError
from engines.errors import MediaError
from realtime.commands.live import open_source
from realtime.compositing.backgrounds import open_background
from realtime.inputs.video_file import VideoSource
from tests.realtime.clips import even_times, make_clip, picture
from tests.realtime.inputs.test_network_stream import server

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"
DASH = (
    '<?xml version="1.0" encoding="utf-8"?>\n<!-- made by hand -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<Period><AdaptationSet><Representation><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"


@pytest.mark.parametrize("text", [HLS, "\ufeff" + HLS, CONCAT, DASH, SDP], ids=["hls", "marked", "concat", "dash", "sdp"])
@pytest.mark.parametrize("name", ["list.m3u8", "list.ts", "list.mp4", "list.sdp", "list.ffconcat"])
@pytest.mark.parametrize("absolute", [False, True])
def test_no_playlist_is_followed(tmp_path: Path, text: str, name: str, absolute: bool) -> None:
    secret = make_clip(tmp_path / "secret.ts")
    playlist = tmp_path / name
    playlist.write_text(text.format(secret if absolute else secret.name))
    with pytest.raises(MediaError, match="is a playlist, not a video"):
        VideoSource(playlist)
    with pytest.raises(MediaError, match="is a playlist, not a video"):
        open_background(str(playlist))
    with pytest.raises(UsageError, match=r"^--input .* is a playlist, not a video"):
        open_source(None, str(playlist), loop=False, size=None, rate=None, hold=1)


def test_a_damaged_video_is_not_called_a_playlist(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(make_clip(tmp_path / "whole.mp4").read_bytes()[:200])
    with pytest.raises(MediaError, match="is not a video that can be read"):
        VideoSource(broken)


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (slice(-2000), "recording never ended: its index is missing"),
        (slice(0), "Invalid data"),
        (slice(100, None), "Invalid data"),
    ],
)
def test_an_mp4_whose_recording_never_ended_is_told_from_what_is_none(tmp_path: Path, kept: slice, says: str) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(make_clip(tmp_path / "whole.mp4").read_bytes()[kept])
    with pytest.raises(MediaError, match=says):
        VideoSource(broken)


@pytest.mark.parametrize("text", [HLS, CONCAT], ids=["hls", "concat"])
def test_the_playlist_of_a_server_names_no_file_of_this_machine(tmp_path: Path, text: str) -> None:
    secret = make_clip(tmp_path / "secret.ts")
    for name in (secret, f"file:{secret}", f"file://{secret}"):
        with (
            server(text.format(name).encode(), seconds=0, video=True) as address,
            pytest.raises(UsageError, match=r"^--input http"),
        ):
            open_source(None, f"{address}.m3u8", loop=False, size=None, rate=None, hold=1)


@pytest.mark.skipif(not features.check("avif"), reason="Pillow writes no AVIF")
def test_an_animated_avif_moves(tmp_path: Path) -> None:
    """Its first picture, which it has a second time, was taken for the video."""
    first, *others = (Image.fromarray(picture(index)) for index in range(5))
    first.save(tmp_path / "a.avif", save_all=True, append_images=others, duration=100)
    with VideoSource(tmp_path / "a.avif") as source:
        assert [packet.time for packet in source] == [Fraction(index, 10) for index in range(5)]
        assert source.left_out == "a cover picture"


@pytest.fixture(scope="module")
def fragments(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of 30 frames, each in a fragment of its own, as recorders write one that a power cut may end."""
    folder = tmp_path_factory.mktemp("fragments")
    clip, whole = make_clip(folder / "in.mp4", even_times(30)), folder / "whole.mp4"
    with av.open(str(clip)) as source, av.open(str(whole), "w", options={"movflags": "frag_every_frame+empty_moov"}) as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return whole.read_bytes()


def begin_of(fragment: int, data: bytes) -> int:
    """Where the head of a fragment begins, counted from 0."""
    place = -1
    for _ in range(fragment + 1):
        place = data.index(b"moof", place + 1)
    return place - 4


def test_a_fragmented_file_that_was_cut_off_before_its_first_frame_is_said_to_be(tmp_path: Path, fragments: bytes) -> None:
    """It was said to be no video."""
    (tmp_path / "cut.mp4").write_bytes(fragments[: begin_of(0, fragments) + 44])
    with pytest.raises(MediaError, match=r"cut.mp4: is not a video that can be read \(it was cut off\); copy it again"):
        VideoSource(tmp_path / "cut.mp4")


@pytest.mark.parametrize(("of_head", "length"), [(0, 4), (0, 8), (0, 40), (0, 80), (1, -4), (1, 0), (1, 28)])
@pytest.mark.parametrize("whole", [1, 2, 20])
def test_a_fragmented_file_that_was_cut_off_gives_its_whole_frames(
    tmp_path: Path, fragments: bytes, whole: int, of_head: int, length: int
) -> None:
    """Within the head of a fragment it was refused as no video; elsewhere nothing was said, and a single frame was lost."""
    begin = begin_of(whole, fragments)
    begin += of_head * int.from_bytes(fragments[begin : begin + 4])
    file = tmp_path / "cut,,:é.mp4"
    file.write_bytes(fragments[: begin + length])
    with VideoSource(file, threads=4) as source:
        assert len(list(source)) == whole
        assert source.shortfall is not None
        assert re.search(r"cut,,:é.mp4: was cut off after \d\.\d\d s; the rest is missing", source.shortfall)


def test_a_whole_fragmented_file_is_not_said_to_be_cut_off(tmp_path: Path, fragments: bytes) -> None:
    last = begin_of(29, fragments)
    head = int.from_bytes(fragments[last : last + 4])
    end = last + head + int.from_bytes(fragments[last + head : last + head + 4])
    for data in (fragments, fragments[:end]):  # with the table at the end, and without
        (tmp_path / "whole.mp4").write_bytes(data)
        with VideoSource(tmp_path / "whole.mp4") as source:
            assert (len(list(source)), source.shortfall) == (30, None)
