"""The page in a real browser: a photo or a video goes in, and what is downloaded has its alpha."""

import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.realtime.clips import even_times, make_clip
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.sync_api import Page, expect

OpenPage = Callable[..., AbstractContextManager[Page]]


def test_a_photo_comes_back_as_a_png_with_alpha(open_page: OpenPage, tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), 255, np.uint8)
    pixels[:, :32] = 0  # which the engine takes for a person
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    with open_page(PlainEngine()) as shown:
        shown.set_input_files("#file", tmp_path / "photo.png")
        with shown.expect_download() as download:
            shown.click("#download")
        assert download.value.suggested_filename == "photo-matte.png"
        alpha = np.asarray(Image.open(download.value.path()))[..., 3]
        assert (alpha[:, :32] == 255).all()
        assert (alpha[:, 32:] == 0).all()


def test_several_photos_come_back_each_alone_and_in_one_zip(open_page: OpenPage, tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "a.png"]
    for path, level in zip(files, (0, 128, 255), strict=True):
        Image.new("RGB", (64, 48), (level, level, level)).save(path)
    (tmp_path / "notes.png").write_text("no picture")
    with open_page(PlainEngine()) as shown:
        shown.set_input_files("#file", [*files[:2], tmp_path / "notes.png", files[2]])
        with shown.expect_download() as download:
            shown.click("#all")
        with zipfile.ZipFile(download.value.path()) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == ["a-matte.png", "b-matte.png", "a-matte-2.png"]
            levels = [Image.open(archive.open(name)).getpixel((20, 20))[3] for name in archive.namelist()]
            assert levels == [255, 127, 0]
        assert shown.inner_text("#status").startswith("notes.png: the photo: is broken")
        with shown.expect_download() as download:
            shown.click("#gallery a >> nth=1")
        assert download.value.suggested_filename == "b-matte.png"
        shown.click("#gallery img >> nth=2")
        assert shown.get_attribute("#download", "download") == "a-matte-2.png"


def test_the_pictures_of_several_photos_are_reached_with_the_keyboard(open_page: OpenPage, tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (64, 48), "white").save(tmp_path / f"{name}.png")
    with open_page(PlainEngine()) as shown:
        shown.set_input_files("#file", [tmp_path / "a.png", tmp_path / "b.png"])
        expect(shown.locator("#all")).to_be_visible()
        shown.focus("#all")
        for _ in range(3):  # the first picture, its link, the second picture
            shown.keyboard.press("Tab")
        shown.keyboard.press("Enter")
        assert shown.get_attribute("#download", "download") == "b-matte.png"


def test_an_error_of_a_proxy_before_the_service_is_told(open_page: OpenPage, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "a.png")
    with open_page(PlainEngine()) as shown:
        shown.route(
            "**/v1/image*", lambda route: route.fulfill(status=413, content_type="text/html", body="<h1>Too large</h1>")
        )
        shown.set_input_files("#file", tmp_path / "a.png")
        expect(shown.locator("#status")).to_have_text("The service cannot be reached: 413 Payload Too Large")


def test_a_picture_goes_behind_a_photo(open_page: OpenPage, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "photo.png")
    Image.new("RGB", (10, 10), "red").save(tmp_path / "red.png")
    with open_page(PlainEngine()) as shown:
        shown.select_option("#bg", "picture")
        shown.set_input_files("#picture", tmp_path / "red.png")
        shown.set_input_files("#file", tmp_path / "photo.png")
        with shown.expect_download() as download:
            shown.click("#download")
        assert Image.open(download.value.path()).getpixel((20, 20)) == (255, 0, 0)


def test_a_photo_on_a_colour_comes_back_as_a_jpeg_of_the_large_model(open_page: OpenPage, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "photo.png")
    base, large = PlainEngine(), PlainEngine()
    with open_page(base, load=lambda _: large) as shown:
        expect(shown.locator("#model")).to_have_value("base")  # that of the service
        expect(shown.locator("#of-photo-format")).to_be_hidden()
        for name, value in (("bg", "colour"), ("photo-format", "jpg"), ("model", "large")):
            shown.select_option(f"#{name}", value)
        shown.set_input_files("#file", tmp_path / "photo.png")
        with shown.expect_download() as download:
            shown.click("#download")
        assert download.value.suggested_filename == "photo-matte.jpg"
        assert Image.open(download.value.path()).format == "JPEG"
    assert (base.calls, large.calls) == (0, 1)


CORNER = """async () => {
  await document.getElementById("preview").decode();
  const context = new OffscreenCanvas(96, 64).getContext("2d");
  context.drawImage(document.getElementById("preview"), 0, 0);
  return [...context.getImageData(2, 2, 1, 1).data];
}"""  # its colour in the preview: the clip is white there, which the engine takes for background


def test_a_preview_of_a_video_shows_the_chosen_background(open_page: OpenPage, tmp_path: Path) -> None:
    engine = PlainEngine()
    with open_page(engine) as shown:
        shown.set_input_files("#file", make_clip(tmp_path / "clip.mp4"))
        expect(shown.locator("#make")).to_be_visible()
        assert shown.evaluate(CORNER)[3] < 5
        before = shown.get_attribute("#preview", "src")
        shown.select_option("#bg", "colour")
        expect(shown.locator("#preview")).not_to_have_attribute("src", before or "")
        expect(shown.locator("#make")).to_be_visible()
        red, green, blue, alpha = shown.evaluate(CORNER)
        assert (red < 40, abs(green - 0xB1) < 30, abs(blue - 0x40) < 30, alpha) == (True, True, True, 255)
        assert engine.calls == 4  # two frames, a quarter of a second apart, each time
        shown.select_option("#bg", "picture")
        shown.click("#make")
        expect(shown.get_by_role("status")).to_have_text("Choose a picture first")


def test_what_is_no_video_is_told_and_not_offered(open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    with open_page(PlainEngine()) as shown:
        shown.set_input_files("#file", tmp_path / "clip.mp4")
        expect(shown.get_by_role("status")).to_contain_text("the video: is not a video that can be read")
        assert shown.is_hidden("#make")


def test_a_video_comes_back_as_a_webm_that_plays(open_page: OpenPage, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with open_page(PlainEngine()) as shown:
        shown.set_input_files("#file", clip)
        shown.click("#make")
        with shown.expect_download() as download:
            shown.click("#download", timeout=60_000)
        assert download.value.suggested_filename == "matte.webm"  # transparent, so MP4 is not offered
        with av.open(str(download.value.path())) as container:
            assert container.streams.video[0].metadata["ALPHA_MODE"] == "1"
            assert len(list(container.decode(video=0))) == 10
        shown.evaluate("document.getElementById('film').play()")
        for _ in range(600):
            if shown.evaluate("document.getElementById('film').currentTime") > 0.1:
                break
            shown.wait_for_timeout(100)
        assert shown.evaluate("document.getElementById('film').currentTime") > 0.1


def test_a_video_can_be_cancelled(open_page: OpenPage, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with open_page(PlainEngine(seconds=1)) as shown:
        shown.select_option("#bg", "blur")
        shown.set_input_files("#file", clip)
        shown.click("#make")
        expect(shown.get_by_role("status")).to_contain_text("frames", timeout=60_000)
        shown.click("#cancel")
        expect(shown.get_by_role("status")).to_have_text("Cancelled", timeout=60_000)
        assert shown.is_hidden("#job")
        assert shown.is_hidden("#download")
        assert shown.is_visible("#preview")
        shown.select_option("#format", "mov")  # of which the preview stays, and nothing is made before it is asked for
        assert shown.is_visible("#make")


def wait_until(holds: Callable[[], bool], shown: Page) -> None:
    for _ in range(200):
        if holds():
            return
        shown.wait_for_timeout(100)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("way", ["cancelled", "another video"])
def test_a_video_that_is_still_sent_is_sent_no_further(open_page: OpenPage, tmp_path: Path, temporary: Path, way: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    clip.write_bytes(clip.read_bytes() + (4_000_000).to_bytes(4, "big") + b"free" + bytes(4_000_000 - 8))
    engine = PlainEngine()
    with open_page(engine) as shown:
        shown.set_input_files("#file", clip)
        expect(shown.locator("#make")).to_be_visible()
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 40_000}  # a hundred seconds
        shown.context.new_cdp_session(shown).send("Network.emulateNetworkConditions", slow)
        shown.click("#make")
        expect(shown.locator("#status")).to_contain_text("Sending")
        wait_until(lambda: any(path.stat().st_size for path in temporary.rglob("video")), shown)
        if way == "cancelled":
            shown.click("#cancel")
            expect(shown.locator("#status")).to_have_text("Cancelled")
            assert shown.is_visible("#preview")
        else:
            shown.set_input_files("#file", make_clip(tmp_path / "other.mp4"))
            expect(shown.locator("#make")).to_be_visible()
        calls = engine.calls
        wait_until(lambda: not list(temporary.rglob("video")), shown)
        assert engine.calls == calls  # and no job was made of it


def test_a_page_that_is_left_leaves_no_job(open_page: OpenPage, tmp_path: Path, temporary: Path) -> None:
    engine = PlainEngine(seconds=0.5)
    with open_page(engine) as shown:
        shown.set_input_files("#file", make_clip(tmp_path / "clip.mp4", even_times(60, 2), rate=2))
        expect(shown.locator("#make")).to_be_visible(timeout=60_000)
        shown.click("#make")
        expect(shown.locator("#status")).to_contain_text("frames", timeout=60_000)
        assert list(temporary.rglob("video"))
        shown.goto("about:blank")
        wait_until(lambda: not list(temporary.rglob("video")), shown)
        assert engine.calls < 60  # not to its end
