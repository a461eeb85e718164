"""What is over a limit of the service is not sent by its page: the answer would come when all of it has been sent."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image

from realtime.serve.limits import Limits
from tests.realtime.clips import make_clip
from tests.realtime.plain_engine import PlainEngine

pytest.importorskip("fastapi_offline", reason="the extra web is not installed")
pytest.importorskip("playwright", reason="Playwright is not installed")
from playwright.sync_api import Page, expect

OpenPage = Callable[..., AbstractContextManager[Page]]
TOLD = "2.5 MB are more than the 2 MB"


def lengthen(path: Path, size: int) -> Path:
    """Bytes behind its end, which readers take no notice of."""
    path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    return path


def photo(path: Path, size: int = 0) -> Path:
    Image.new("RGB", (64, 48)).save(path)
    return lengthen(path, size)


def sent(shown: Page) -> list[str]:
    """The paths of what is posted from now on."""
    paths: list[str] = []
    shown.on("request", lambda request: paths.append(request.url.split("/v1/")[1]) if request.method == "POST" else None)
    return paths


def test_a_photo_over_the_limit_is_told_and_not_sent(open_page: OpenPage, tmp_path: Path) -> None:
    files = photo(tmp_path / "small.png"), photo(tmp_path / "large.png", 2_500_000)
    with open_page(PlainEngine(), Limits(bytes=2_000_000, video_bytes=4_000_000)) as shown:
        paths = sent(shown)
        shown.set_input_files("#file", files[1])
        expect(shown.get_by_role("status")).to_have_text(f"{TOLD} that the service takes; make it smaller")
        assert paths == []
        shown.set_input_files("#file", files)
        expect(shown.get_by_role("status")).to_contain_text(f"large.png: {TOLD}")
        assert len(paths) == 1
        assert shown.get_attribute("#download", "download") == "small-matte.png"


def test_a_photo_and_its_background_count_together(open_page: OpenPage, tmp_path: Path) -> None:
    with open_page(PlainEngine(), Limits(bytes=2_000_000)) as shown:
        paths = sent(shown)
        shown.select_option("#bg", "picture")
        shown.set_input_files("#picture", photo(tmp_path / "background.png", 1_500_000))
        shown.set_input_files("#file", photo(tmp_path / "photo.png", 1_000_000))
        expect(shown.get_by_role("status")).to_contain_text(TOLD)
        assert paths == []


def test_a_video_has_a_limit_of_its_own(open_page: OpenPage, tmp_path: Path) -> None:
    clip, longer = (make_clip(tmp_path / f"{name}.mp4") for name in ("clip", "longer"))
    with open_page(PlainEngine(), Limits(bytes=2_000_000, video_bytes=4_000_000)) as shown:
        paths = sent(shown)
        shown.set_input_files("#file", lengthen(clip, 3_000_000))
        expect(shown.locator("#make")).to_be_visible(timeout=60_000)
        assert len(paths) == 1
        shown.set_input_files("#file", lengthen(longer, 5_000_000))
        expect(shown.get_by_role("status")).to_contain_text("5 MB are more than the 4 MB")
        assert len(paths) == 1
        assert shown.is_hidden("#make")


def test_a_photo_over_the_limit_gets_no_mask(open_page: OpenPage, tmp_path: Path) -> None:
    with open_page(PlainEngine(), Limits(bytes=2_000_000)) as shown:
        paths = sent(shown)
        shown.set_input_files("#mask-photo", photo(tmp_path / "large.png", 2_500_000))
        expect(shown.locator("#mask-status")).to_contain_text(TOLD)
        assert paths == []
