"""What tests of several parts share: a real browser."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The system's Chromium when there is one, else Playwright's own.

    It lives no longer than a module: while Playwright's loop is there, no other test of the process can run its own.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_QUIET))
        yield browser
        browser.close()
