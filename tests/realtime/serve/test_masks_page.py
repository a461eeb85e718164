"""The part of the page that makes mattes of masks, in a real browser: a mask is painted, erased, or opened from a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.sync_api import Page, expect

from tests.realtime.serve.test_page import OpenPage
from tests.realtime.serve.test_refine import Following


def matte(shown: Page) -> np.ndarray:
    """The matte that is offered, when it is done."""
    expect(shown.locator("#mask-status")).to_have_text("", timeout=30_000)
    with shown.expect_download() as download:
        shown.click("#get-alpha")
    return np.asarray(Image.open(download.value.path()))


def test_a_painted_mask_becomes_a_matte(open_page: OpenPage, tmp_path: Path) -> None:
    Image.new("RGB", (640, 480), "white").save(tmp_path / "photo.png")
    Image.new("L", (64, 48), 255).save(tmp_path / "mask.png")
    with open_page(Following()) as shown:
        shown.click("nav a >> nth=2")
        shown.set_input_files("#mask-photo", tmp_path / "photo.png")
        assert (matte(shown) == 0).all()  # nobody, says the first network
        assert shown.inner_text("#of-coarse").startswith("1. MPN")
        box = shown.locator("#paint").bounding_box()
        assert box is not None
        left, top, width, height = box["x"], box["y"], box["width"], box["height"]

        shown.mouse.move(left - 50, top + 0.5 * height)  # no stroke: it begins beside the photo
        shown.mouse.down()
        shown.mouse.move(left + 0.5 * width, top + 0.5 * height, steps=3)
        shown.mouse.up()
        assert (matte(shown) == 0).all()
        assert shown.inner_text("#of-coarse").startswith("1. MPN")

        def stroke() -> None:
            shown.mouse.move(left + 0.25 * width, top + 0.25 * height)
            shown.mouse.down()
            shown.mouse.move(left + 0.25 * width, top + 0.75 * height, steps=3)
            shown.mouse.up()

        stroke()
        alpha = matte(shown)
        assert alpha.shape == (480, 640)
        assert alpha[120:360, 150:170].min() == 255
        assert alpha[:, 320:].max() == 0
        assert shown.inner_text("#of-coarse").startswith("Your mask")
        with shown.expect_download() as download:
            shown.click("#get-cutout")
        assert (np.asarray(Image.open(download.value.path()))[..., 3] == alpha).all()

        shown.set_input_files("#mask-file", tmp_path / "mask.png")
        assert (matte(shown) == 255).all()
        shown.select_option("#brush", "erase")
        stroke()
        alpha = matte(shown)
        assert alpha[120:360, 150:170].max() == 0
        assert alpha[:, 320:].min() == 255
