"""The .webm of a cut-out as a browser shows it: Chromium without a window, over a coloured page."""

import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.realtime.outputs.test_formats import PATCHES, WIDTH, write

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
PAGE = (255, 0, 255)
HTML = '<body style="margin:0; background:#ff00ff"><video src="out.webm" muted autoplay style="display:block"></video>'


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_shows_where_alpha_is_0_and_the_person_where_it_is_1(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    write(tmp_path / "out.webm", kind="cutout", crf=4)
    (tmp_path / "page.html").write_text(HTML)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]
    playing = ["--autoplay-policy=no-user-gesture-required", "--virtual-time-budget=3000", "--window-size=200,200"]
    shot = [f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'shot.png'}", f"file://{tmp_path}/page.html"]
    subprocess.run([CHROMIUM, *options, *playing, *shot], capture_output=True, check=True, timeout=120)
    picture = cv2.imread(str(tmp_path / "shot.png"))
    assert picture is not None
    shown = picture[..., ::-1].astype(int)
    assert np.abs(shown[:2, :WIDTH] - PAGE).max() <= 4
    for index, colour in enumerate(PATCHES):
        middle = index * WIDTH // 4 + 8
        assert np.abs(shown[47, middle] - colour).max() <= 6
        assert np.abs(shown[24, middle] - (np.array(colour) + PAGE) / 2).max() < 60  # half of each, more or less
