"""The page in a real browser: a photo goes in, and the PNG that is downloaded has its alpha."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from realtime.serve.limits import Limits
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
pytest.importorskip("playwright", reason="Playwright is not installed")
import uvicorn
from playwright.sync_api import sync_playwright

from realtime.serve.app import create_app
from realtime.serve.server import listen

CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_photo_comes_back_as_a_png_with_alpha(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), 255, np.uint8)
    pixels[:, :32] = 0  # which the engine takes for a person
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    opened = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(PlainEngine(), limits=Limits()), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{opened.getsockname()[1]}/")
            page.set_input_files("#file", tmp_path / "photo.png")
            with page.expect_download() as download:
                page.click("#download")
            alpha = np.asarray(Image.open(download.value.path()))[..., 3]
            assert (alpha[:, :32] == 255).all()
            assert (alpha[:, 32:] == 0).all()
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
        opened.close()
