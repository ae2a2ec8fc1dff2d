"""Takes the pictures of the dashboard that the documentation shows: the demonstration, in JupyterLab, light and dark.

Run it as `python docs/images/take.py`; it needs the `dev` extra and takes about two minutes.
"""

import os
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


def take(page: Any, lab: str) -> None:
    """Run the demonstration's notebook until its sparklines are full, press Run, and keep what is seen."""
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
        board.locator(f".as-card[data-id=storefront] rect:nth-child({BEATS})").wait_for(state="attached")
        ended = board.locator(".as-entry[data-what=run]", has_text="completed")
        before = ended.first.inner_text()
        board.get_by_role("button", name="Run Tests").click()
        expect(ended.first).not_to_have_text(before, timeout=PATIENCE_MS, use_inner_text=True)
        page.mouse.move(0, 0)
        board.screenshot(path=HERE / f"dashboard-{theme}.png", animations="disabled")


def settings(folder: Path) -> dict[str, str]:
    """An environment in which JupyterLab's settings are here: its theme follows the browser's, and it asks nothing."""
    chosen = folder / "@jupyterlab" / "apputils-extension"
    chosen.mkdir(parents=True)
    (chosen / "themes.jupyterlab-settings").write_text('{"adaptive-theme": true}', "utf-8")
    (chosen / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}', "utf-8")
    return {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(folder),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }


def main() -> None:
    """Start the demonstration, take the pictures, end it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "appsentry_server", "demo", "--port", "0", "--data-dir", folder]
        environment = settings(Path(folder) / "settings")
        demo = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - our own words
        try:
            assert demo.stdout is not None
            addresses = [re.findall(r"http://\S+", demo.stdout.readline()) for _ in range(2)]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                take(browser.new_page(viewport={"width": 1500, "height": 1300}), addresses[1][0])
                browser.close()
        finally:
            demo.terminate()
            demo.wait(30)


if __name__ == "__main__":
    main()
