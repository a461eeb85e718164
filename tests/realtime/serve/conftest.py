"""What tests of the service share."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service may put files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def open_page() -> "Iterator[Callable[..., AbstractContextManager[Page]]]":
    """Opens the page of a running service, with what `serving` takes, and command-line arguments of the browser.

    The tests of a file share a browser for the same arguments. Its start takes longer than most of them; each page has its
    own storage. No longer than a file: while Playwright runs, asyncio takes this thread for busy.
    """
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from tests.realtime.serve.serving import serving

    with api.sync_playwright() as started:
        browsers: dict[tuple[str, ...], Browser] = {}

        @contextmanager
        def opened(*served: Any, arguments: tuple[str, ...] = (), **options: Any) -> "Iterator[Page]":
            if arguments not in browsers:
                browsers[arguments] = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
            with serving(*served, **options) as address:
                shown = browsers[arguments].new_page()
                try:
                    shown.goto(address)
                    yield shown
                finally:
                    shown.close()

        yield opened
        for browser in browsers.values():
            browser.close()
