"""Takes the pictures of the dashboard that the documentation shows: the demonstration, in JupyterLab, light and dark.

Run it as `python docs/images/take.py`; it needs the `dev` extra and takes about two minutes.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).parent
BEATS = 30
PATIENCE_MS = 120_000
SIZE = {"width": 1500, "height": 1300}


def take(page: Any, lab: str) -> None:
    """Run the demonstration's notebook until its lines are full, press Run, and keep what is seen."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(lab)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    for name in ("Run", "Run All Cells"):
        page.get_by_role("menuitem", name=name, exact=True).click()
    page.locator(".jp-Notebook .appsentry").first.wait_for(state="attached")
    panel = page.locator(".jp-WindowedPanel-outer")
    board = page.locator(".jp-Notebook .appsentry").first
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.locator(f".appsentry[data-theme={theme}]").first.wait_for(state="attached")
        panel.evaluate("(panel) => (panel.scrollTop = 300)")
        board.locator(f".as-card[data-id=storefront] .as-strip[data-beats='{BEATS}']").wait_for(state="attached")
        ended = board.locator(".as-entry[data-what=run]", has_text="completed")
        before = ended.first.inner_text()
        board.get_by_role("button", name="Run Tests").click()
        expect(ended.first).not_to_have_text(before, timeout=PATIENCE_MS, use_inner_text=True)
        page.mouse.move(0, 0)
        board.screenshot(path=HERE / f"dashboard-{theme}.png", animations="disabled")
        if theme == "light":
            expect(board.locator(".as-toast")).to_have_count(0, timeout=PATIENCE_MS)
            page.set_viewport_size({"width": 800, "height": 2600})
            board.screenshot(path=HERE / "dashboard-narrow.png", animations="disabled")
            page.set_viewport_size(SIZE)


def follow_the_browser_s_theme(folder: Path) -> None:
    """Settings for the demonstration's JupyterLab, where it keeps them."""
    chosen = folder / "jupyterlab-settings" / "@jupyterlab" / "apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text('{"adaptive-theme": true}', "utf-8")


def main() -> None:
    """Start the demonstration, take the pictures, end it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "appsentry_server", "demo", "--port", "0", "--data-dir", folder]
        follow_the_browser_s_theme(Path(folder))
        demo = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own words
        try:
            assert demo.stdout is not None
            addresses = [re.findall(r"http://\S+", demo.stdout.readline()) for _ in range(2)]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                take(browser.new_page(viewport=SIZE), addresses[1][0])
                browser.close()
        finally:
            demo.terminate()
            demo.wait(30)


if __name__ == "__main__":
    main()
