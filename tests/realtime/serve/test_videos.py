"""Videos over HTTP with an engine for tests: what comes out, how far it is, and that nothing is left."""

import asyncio
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import pytest

from realtime.serve.limits import Limits
from tests.realtime.clips import even_times, make_clip
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
from fastapi.testclient import TestClient

from realtime.serve import video_queue
from realtime.serve.app import create_app
from realtime.serve.video_queue import ClientVideo, VideoOptions, VideoQueue
from realtime.serve.work_queue import SharedEngines

HOME = "http://127.0.0.1:8400"
LIMITS = Limits(video_bytes=1_000_000, video_seconds=2, videos=2, keep_for=3600)

pytestmark = pytest.mark.usefixtures("temporary")


def serving(seconds: float = 0, limits: Limits = LIMITS) -> TestClient:
    return TestClient(create_app(PlainEngine(seconds), limits=limits), base_url=HOME)


@pytest.fixture
def client(temporary: Path) -> Iterator[TestClient]:
    with serving() as ready:
        yield ready
    assert not list(temporary.iterdir())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clips") / "in.mp4", audio="aac").read_bytes()


def ended(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = client.get(f"/v1/video/{job['id']}").json()
        if answer["status"] in ("done", "failed", "cancelled"):
            return dict(answer)
        time.sleep(0.02)
    raise AssertionError(answer)


def test_a_video_is_taken_after_the_system_tidied_up_its_temporary_files(clip: bytes, temporary: Path) -> None:
    """As it does with what nobody has used for some days."""
    with serving() as client:
        for each in temporary.iterdir():
            each.rmdir()
        assert ended(client, client.post("/v1/video", content=clip).json())["status"] == "done"


@pytest.mark.parametrize(
    ("options", "codec", "media_type"),
    [
        ({}, "h264", "video/mp4"),
        ({"show": "cutout", "format": "webm"}, "vp9", "video/webm"),
        ({"show": "cutout", "format": "mov"}, "prores", "video/quicktime"),
        ({"bg": "blur", "light_wrap": "0.5", "keep": "largest"}, "h264", "video/mp4"),
        ({"show": "alpha", "format": "mkv"}, "h264", "video/matroska"),
    ],
)
def test_a_video_comes_back(client: TestClient, clip: bytes, options: dict[str, str], codec: str, media_type: str) -> None:
    answer = client.post("/v1/video", params=options, content=clip)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/video/{answer.json()['id']}"
    done = ended(client, answer.json())
    assert (done["status"], done["frames"], done["total"], done["detail"]) == ("done", 10, 10, "")
    result = client.get(f"/v1/video/{done['id']}/result")
    assert result.headers["content-type"] == media_type
    with av.open(io.BytesIO(result.content)) as container:
        assert container.streams.video[0].codec_context.name == codec
        assert len(list(container.decode(video=0))) == 10
    with av.open(io.BytesIO(result.content)) as container:
        assert len(container.streams.audio) == 1
    assert client.delete(f"/v1/video/{done['id']}").status_code == 204
    for address in (f"/v1/video/{done['id']}", f"/v1/video/{done['id']}/result"):
        assert client.get(address).status_code == 404


def test_a_range_that_is_wrong_is_refused_as_all_else_is(client: TestClient, clip: bytes) -> None:
    """It was answered in plain text."""
    address = f"/v1/video/{ended(client, client.post('/v1/video', content=clip).json())['id']}/result"
    whole = client.get(address).content
    part = client.get(address, headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, whole[4:10])
    for wanted, status in (("bytes=9-4", 400), ("frames=0-9", 400), ("all", 400), (f"bytes={len(whole)}-", 416)):
        refused = client.get(address, headers={"Range": wanted})
        told = {"detail": "Range: names no bytes of the file; write bytes=FIRST-LAST, or leave it out"}
        assert (refused.status_code, refused.json()) == (status, told)
    assert refused.headers["content-range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bg": "/etc/passwd"}, "bg"),
        ({"bg": "http://127.0.0.1/a.mp4"}, "bg"),
        ({"show": "cutout"}, "format: mp4 has no alpha; take webm, mov, mkv"),
        ({"format": "exe"}, "format"),
        ({"keep": "nobody"}, "largest"),
        ({"smooth": "2"}, "smooth"),
        ({"light_wrap": "nan"}, "light"),
    ],
)
def test_wrong_options_are_one_line(client: TestClient, clip: bytes, options: dict[str, str], says: str) -> None:
    answer = client.post("/v1/video", params=options, content=clip)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_what_is_no_video_fails_in_words_without_paths(client: TestClient) -> None:
    for data in (b"not a video", b"#EXTM3U\nhttp://127.0.0.1/a.ts\n"):
        job = ended(client, client.post("/v1/video", content=data).json())
        assert job["status"] == "failed"
        assert job["detail"].startswith("the video: is ")
        assert "/" not in job["detail"]
        assert client.get(f"/v1/video/{job['id']}/result").status_code == 409


def test_what_a_result_lacks_is_told_without_paths(client: TestClient, tmp_path: Path) -> None:
    """A client could not learn that its video had been cut off."""
    sent = make_clip(tmp_path / "in.mkv", audio="aac").read_bytes()
    whole = make_clip(tmp_path / "cut.mkv", even_times(50)).read_bytes()
    for data, notes in (
        (sent, ["the result.webm: its sound was converted, aac to Opus, which .webm can hold"]),
        (whole[: len(whole) * 2 // 3], None),
    ):
        job = ended(client, client.post("/v1/video", params={"format": "webm", "show": "cutout"}, content=data).json())
        assert job["status"] == "done"
        assert "/" not in "".join(job["notes"])
        assert job["notes"] == notes if notes else "ends at" in job["notes"][0]
    assert ended(client, client.post("/v1/video", content=sent).json())["notes"] == []


def test_limits(temporary: Path, clip: bytes) -> None:
    with serving(limits=replace(LIMITS, video_bytes=1000, video_seconds=0.2)) as client:
        assert client.post("/v1/video", content=clip).status_code == 413
        assert client.post("/v1/video", content=b"").status_code == 400
    with serving(limits=replace(LIMITS, video_seconds=0.2)) as client:
        job = ended(client, client.post("/v1/video", content=clip).json())
        assert "0.2 s are served at most" in job["detail"]
    with serving(limits=replace(LIMITS, pixels=1000)) as client:
        job = ended(client, client.post("/v1/video", content=clip).json())
        assert job["status"] == "failed"
        assert "megapixels" in job["detail"]


def test_a_full_queue_says_when_to_come_back_and_a_deleted_video_makes_room(clip: bytes) -> None:
    with serving(seconds=0.3) as client:
        jobs = [client.post("/v1/video", content=clip).json() for _ in range(2)]
        full = client.post("/v1/video", content=clip)
        assert full.status_code == 429
        assert int(full.headers["retry-after"]) > 0
        for job in jobs:
            assert client.delete(f"/v1/video/{job['id']}").status_code == 204
        assert client.post("/v1/video", content=clip).status_code == 202


def test_photos_are_served_beside_a_video(clip: bytes) -> None:
    with serving(seconds=0.5) as client:
        job = client.post("/v1/video", content=clip).json()
        picture = io.BytesIO()
        from PIL import Image

        Image.new("RGB", (64, 48)).save(picture, "PNG")
        assert client.post("/v1/image", content=picture.getvalue()).status_code == 200
        assert client.get(f"/v1/video/{job['id']}").json()["status"] in ("queued", "running")


def test_results_are_forgotten(clip: bytes, temporary: Path) -> None:
    with serving(limits=replace(LIMITS, keep_for=0.0)) as client:
        job = client.post("/v1/video", content=clip).json()
        end = time.monotonic() + 60
        while client.get(f"/v1/video/{job['id']}").status_code != 404 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.get(f"/v1/video/{job['id']}").status_code == 404
        [root] = temporary.iterdir()
        assert not list(root.iterdir())


def test_results_are_forgotten_while_another_video_is_worked_on(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_queue, "LOOK", 0.05)
    with serving(seconds=0.1, limits=replace(LIMITS, keep_for=0.2)) as client:
        first, other = (client.post("/v1/video", content=clip).json() for _ in range(2))
        end = time.monotonic() + 60
        while client.get(f"/v1/video/{first['id']}").status_code != 404 and time.monotonic() < end:
            time.sleep(0.02)
        assert client.get(f"/v1/video/{other['id']}").json()["status"] == "running"


def test_results_are_forgotten_while_videos_come_one_upon_another(temporary: Path) -> None:
    videos = VideoQueue(SharedEngines(PlainEngine()), replace(LIMITS, keep_for=0.2, videos=3))
    made: list[ClientVideo] = []

    def edit(video: ClientVideo) -> None:
        while len(made) < 8 and sum(each.status == "queued" for each in made) < 2:  # so that one always waits
            made.append(videos.place(VideoOptions()))
            videos.start(made[-1])
        time.sleep(0.1)
        video.target.touch()
        video.status = "done"

    with patch.object(videos, "_edit", edit):
        videos.open()
        made.append(videos.place(VideoOptions()))
        videos.start(made[0])
        end = time.monotonic() + 60
        while made[-1].status != "done" and time.monotonic() < end:
            time.sleep(0.01)
        kept = [each for each in made if each.target.exists()]
        videos.close()
    assert len(made) == 8
    assert 1 <= len(kept) <= 4


def test_a_file_that_cannot_be_removed_does_not_hold_up_the_next_video(clip: bytes) -> None:
    videos = VideoQueue(SharedEngines(PlainEngine()), LIMITS)
    videos.open()
    first, second = videos.place(VideoOptions()), videos.place(VideoOptions())
    first.source.mkdir()  # which `unlink` does not remove
    second.source.write_bytes(clip)
    for each in (first, second):
        videos.start(each)
    end = time.monotonic() + 60
    while second.status not in ("done", "failed") and time.monotonic() < end:
        time.sleep(0.01)
    videos.close()
    assert (first.status, second.status) == ("failed", "done")


def test_a_client_that_leaves_before_it_knows_the_name_leaves_no_video(clip: bytes, temporary: Path) -> None:
    came = [{"type": "http.request", "body": clip, "more_body": False}, {"type": "http.disconnect"}]
    scope = {
        **{"type": "http", "method": "POST", "path": "/v1/video", "raw_path": b"/v1/video", "query_string": b""},
        **{"http_version": "1.1", "scheme": "http", "headers": [(b"host", b"127.0.0.1")], "server": ("127.0.0.1", 80)},
    }

    async def receive() -> dict[str, Any]:
        return came.pop(0) if len(came) > 1 else came[0]

    async def send(message: Any) -> None:
        pass

    with serving(seconds=1) as client:
        asyncio.run(client.app(scope, receive, send))
        assert not list(temporary.rglob("video"))


def test_names_cannot_be_guessed_and_the_token_is_asked_for(clip: bytes) -> None:
    app = create_app(PlainEngine(), limits=LIMITS, token="secret")
    with TestClient(app, base_url=HOME) as client:
        assert client.post("/v1/video", content=clip).status_code == 401
        allowed = {"Authorization": "Bearer secret"}
        names = {client.post("/v1/video", content=clip, headers=allowed).json()["id"] for _ in range(2)}
        assert len(names) == 2
        assert all(len(name) >= 20 for name in names)
        for name in names:
            assert client.get(f"/v1/video/{name}").status_code == 401
            assert client.get(f"/v1/video/{name}", headers=allowed).status_code == 200
