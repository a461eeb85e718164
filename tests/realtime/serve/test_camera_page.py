"""The camera's part of the page, in a real browser whose camera shows the sample clip, with the released weights."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import engines
import realtime
from engines.engine import Engine
from realtime.serve.limits import Limits

pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.sync_api import expect

from tests.realtime.serve.test_page import OpenPage

SAMPLE = Path(realtime.__file__).parent / "samples" / "sample.mp4"
RATES = re.compile(r"^[1-9]\d* frames/s, \d{1,4} ms delay, \d+ skipped$")
GREEN = np.array((0, 0xB1, 0x40))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engines.load("openvino") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Arguments of Chromium for a camera that shows the first frames of the sample clip, over and over."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w", format="mjpeg") as target:
        stream = target.add_stream("mjpeg", rate=30, width=640, height=480, pix_fmt="yuvj420p")
        for frame, _ in zip(source.decode(video=0), range(30), strict=False):
            target.mux(stream.encode(frame.reformat(format="yuvj420p", src_color_range="MPEG", dst_color_range="JPEG")))
        target.mux(stream.encode(None))
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={path}",
    )


def test_the_background_is_replaced_and_switched_while_the_camera_runs(
    open_page: OpenPage, engine: Engine, camera: tuple[str, ...]
) -> None:
    with open_page(engine, arguments=camera) as shown:
        shown.click("nav a >> nth=1")
        shown.select_option("#live-bg", "colour")
        shown.click("#live-start")
        expect(shown.locator("#rates")).to_contain_text(RATES, timeout=60_000)
        first = picture(shown.locator("#live-shown").screenshot())
        green = np.abs(first.astype(int) - GREEN).max(axis=2) < 24
        assert green[: len(green) // 4].mean() > 0.5  # above the person
        assert 0.1 < green.mean() < 0.9
        shown.select_option("#live-bg", "none")
        for _ in range(60):
            second = picture(shown.locator("#live-shown").screenshot())
            switched = (np.abs(second.astype(int) - GREEN).max(axis=2) < 24).mean() < 0.05
            if switched:
                break
            shown.wait_for_timeout(500)
        assert switched
        assert np.abs(second.astype(int) - first)[~green].mean() < 40  # the person is the same
        expect(shown.locator("#rates")).to_contain_text(RATES)
        shown.click("#live-stop")
        assert shown.is_visible("#live-start")


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_camera_too_many_is_told_so(open_page: OpenPage, engine: Engine, camera: tuple[str, ...]) -> None:
    with open_page(engine, arguments=camera, limits=Limits(cameras=0)) as shown:
        shown.click("nav a >> nth=1")
        shown.click("#live-start")
        expect(shown.locator("#live-status")).to_have_text("0 cameras are served at a time; try again later", timeout=30_000)
        assert shown.is_visible("#live-start")
