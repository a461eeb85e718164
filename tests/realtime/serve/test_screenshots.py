"""The pictures in docs/serve.md: each part of the page in a real browser, with the released weights.

SHM_SCREENSHOTS=docs pytest tests/realtime/serve/test_screenshots.py makes them anew, after a change of the page or the weights.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import realtime
from engines.engine import Engine

pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.sync_api import Page, expect

from tests.realtime.serve.test_camera_page import camera, engine  # noqa: F401
from tests.realtime.serve.test_page import OpenPage

SAMPLES = Path(realtime.__file__).parent / "samples"
BACKGROUND, PORTRAIT = SAMPLES / "background.jpg", SAMPLES / "portrait.jpg"
DOCS = Path(__file__).parents[3] / "docs"
TAKEN_INTO = os.environ.get("SHM_SCREENSHOTS")
SIZE = (1000, 760)


def check_screenshot(shown: Page, name: str) -> None:
    """What a page shows is what the picture in the docs shows, but for fonts and the edges of mattes."""
    taken = shown.screenshot(type="jpeg", quality=80)
    if TAKEN_INTO:
        (Path(TAKEN_INTO) / name).write_bytes(taken)
    ours, kept = (np.asarray(Image.open(io.BytesIO(data)).resize((100, 76))) for data in (taken, (DOCS / name).read_bytes()))
    assert np.abs(ours.astype(int) - kept).mean() < 12


def test_photos(open_page: OpenPage, engine: Engine) -> None:  # noqa: F811
    with open_page(engine) as shown:
        shown.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        shown.select_option("#bg", "picture")
        shown.set_input_files("#picture", BACKGROUND)
        shown.set_input_files("#file", PORTRAIT)
        shown.wait_for_selector("#download:not(.hidden)")
        check_screenshot(shown, "page-photos.jpg")


def test_video(open_page: OpenPage, engine: Engine) -> None:  # noqa: F811
    with open_page(engine) as shown:
        shown.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        shown.select_option("#bg", "picture")
        shown.set_input_files("#picture", BACKGROUND)
        shown.set_input_files("#file", SAMPLES / "sample.mp4")
        expect(shown.locator("#make")).to_be_visible(timeout=60_000)
        shown.locator("#preview").scroll_into_view_if_needed()
        check_screenshot(shown, "page-video.jpg")


def test_masks(open_page: OpenPage, engine: Engine) -> None:  # noqa: F811
    with open_page(engine) as shown:
        shown.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        shown.click("nav a >> nth=2")
        shown.set_input_files("#mask-photo", PORTRAIT)
        shown.wait_for_selector("#mask-results:not(.hidden)")
        shown.locator("#steps").scroll_into_view_if_needed()
        check_screenshot(shown, "page-masks.jpg")


def test_camera(open_page: OpenPage, engine: Engine, camera: tuple[str, ...]) -> None:  # noqa: F811
    with open_page(engine, arguments=camera) as shown:
        shown.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        shown.click("nav a >> nth=1")
        shown.select_option("#live-bg", "own")
        shown.set_input_files("#live-picture", BACKGROUND)
        shown.click("#live-start")
        expect(shown.locator("#rates")).to_contain_text("frames/s", timeout=60_000)
        shown.wait_for_timeout(3000)
        check_screenshot(shown, "page-camera.jpg")
