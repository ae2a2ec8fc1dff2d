"""The dashboard in JupyterLab: a real browser, a real kernel, a real server."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(240)

LATE = 60_000
"""Milliseconds that anything may take; it is waited for, not slept through."""


DASHBOARD = "import appsentry_kernel as sentry\ns = sentry.connect(url='{url}')\ns.dashboard()"


def until(page: Any, truth: Callable[[], bool], what: str) -> None:
    """Wait for something outside the browser."""
    for _ in range(LATE // 100):
        if truth():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"waited in vain until {what}")


def test_the_demo_notebook_runs_and_a_press_of_run_fills_the_board(open_notebook):
    notebook = open_notebook("01_live_dashboard.ipynb")
    page = notebook.page
    notebook.run_all()
    expect(page.locator(".jp-Notebook .appsentry").first).to_be_attached(timeout=LATE)
    notebook.seek(".js-plotly-plot")
    notebook.to_top()
    board = notebook.board
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    expect(board.locator(".as-card")).to_have_count(6, timeout=LATE)
    strip = board.locator(".as-card[data-id=storefront] .as-strip")
    before = strip.get_attribute("data-beats")

    ended = board.locator(".as-entry[data-what=run]", has_text="completed").count()
    board.get_by_role("button", name="Run Tests").click()
    expect(board.locator(".as-entry[data-what=run]", has_text="completed")).not_to_have_count(ended, timeout=LATE)
    bar = board.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", bar.get_attribute("aria-valuemax"))
    expect(board.get_by_text("Run completed")).to_be_visible()
    expect(board.locator(".as-entry", has_text="login").first).to_be_visible()
    assert board.locator(".as-entry").count() >= 8
    if before != "30":
        expect(strip).not_to_have_attribute("data-beats", before, timeout=LATE)
    assert (
        page.locator(".jp-OutputArea-output [data-mime-type*=stderr], .jp-RenderedText[data-mime-type*=error]").count()
        == 0
    )
    notebook.picture("dashboard-in-lab")

    expect(board).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(board).to_have_attribute("data-theme", "dark")
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=LATE)
    notebook.picture("dashboard-in-lab-dark")


PARTS = ("s.connection()", "s.progress()", "s.feed()", "s.cards()")


def test_each_part_lives_in_a_cell_of_its_own_and_all_show_the_same(open_notebook, demo):
    connect = f"import appsentry_kernel as sentry\ns = sentry.connect(url='{demo.server}')"
    demo.write("parts.ipynb", connect, *PARTS)
    notebook = open_notebook("parts.ipynb")
    page = notebook.page
    notebook.run_all()
    expect(page.locator(".jp-Notebook .appsentry")).to_have_count(4, timeout=LATE)
    expect(page.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    page.get_by_role("button", name="Choose what to test").click()
    page.get_by_role("checkbox", name="Accounts").check()
    page.get_by_role("checkbox", name="login").check()
    page.get_by_role("button", name="Run Tests").click()
    expect(page.get_by_text(re.compile("1 of 1 test · "))).to_be_visible(timeout=LATE)
    expect(page.locator(".as-entry[data-what=run]", has_text="completed").first).to_be_visible(timeout=LATE)
    expect(page.locator(".as-entry[data-what=run]", has_text="1 test of 1 application").first).to_be_visible()
    notebook.picture("dashboard-parts-in-lab")


def test_after_a_restart_of_the_kernel_the_old_picture_says_so_and_running_again_replaces_it(open_notebook, demo):
    demo.write("restart.ipynb", DASHBOARD.format(url=demo.server))
    notebook = open_notebook("restart.ipynb")
    page, board = notebook.page, notebook.board
    notebook.run_all()
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(board.get_by_text("No word from the kernel")).to_be_visible(timeout=LATE)
    expect(board.locator(".as-card").first).to_be_visible()
    expect(board.locator(".as-asof")).to_have_text(re.compile("ago"))
    board.get_by_role("button", name="Run Tests").click()
    expect(board.get_by_role("alert")).to_contain_text("The kernel does not answer")
    expect(board.get_by_role("button", name="Run Tests")).to_be_enabled()
    notebook.picture("dashboard-after-restart")
    notebook.run_all()
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    expect(page.locator(".jp-Notebook .appsentry")).to_have_count(1)


def test_in_development_mode_a_test_run_is_simulated_and_marked_everywhere(open_notebook, demo, slow_server):
    demo.write("simulator.ipynb", DASHBOARD.format(url=demo.server))
    notebook = open_notebook("simulator.ipynb")
    board = notebook.board
    notebook.run_all()
    board.get_by_role("spinbutton", name="Seed").fill("1")
    board.get_by_role("button", name="Simulate Test Run").click()
    run = board.locator(".as-run", has_text="simulated")
    expect(run).to_be_visible(timeout=LATE)
    expect(run).to_have_attribute("data-state", "completed", timeout=LATE)
    entries = board.locator(".as-entry", has_text="simulated")
    until(notebook.page, lambda: entries.count() >= 9, "eight tests and the run are told")
    notebook.picture("dashboard-simulated")
    demo.write("production.ipynb", DASHBOARD.format(url=slow_server.url))
    other = open_notebook("production.ipynb")
    other.run_all()
    expect(other.board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    expect(other.board.get_by_role("group", name="Simulator")).to_be_hidden()


def test_a_reloaded_page_shows_the_board_again_and_it_is_live(open_notebook, demo):
    demo.write("reload.ipynb", DASHBOARD.format(url=demo.server))
    notebook = open_notebook("reload.ipynb")
    notebook.run_all()
    expect(notebook.board.locator(".as-card").first).to_be_attached(timeout=LATE)
    notebook.save()
    notebook.page.reload()
    notebook.to_top()
    board = notebook.board
    expect(board.locator(".as-card")).to_have_count(6, timeout=LATE)
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    shown = board.locator(".as-asof").inner_text()
    expect(board.locator(".as-asof")).not_to_have_text(shown, timeout=LATE)
    notebook.picture("dashboard-after-reload")


BUSY = """
from pathlib import Path
import time
give_up = time.monotonic() + 120
while not Path("go-on").exists() and time.monotonic() < give_up:
    time.sleep(0.05)
"""


def test_while_a_cell_is_busy_a_run_is_started_watched_and_cancelled(open_notebook, demo, slow_server):
    connect = DASHBOARD.format(url=slow_server.url)
    demo.write("busy.ipynb", connect, BUSY, "'the cell went on'")
    notebook = open_notebook("busy.ipynb")
    page, board = notebook.page, notebook.board
    notebook.run_all()
    expect(board.locator(".as-card")).to_have_count(4, timeout=LATE)
    busy = page.locator(".jp-Notebook-ExecutionIndicator[data-status='busy']")
    expect(busy).to_be_attached(timeout=LATE)

    board.get_by_role("button", name="Run Tests").click()
    expect(board.get_by_text(re.compile(r"Testing slow-\d…"))).to_be_visible(timeout=LATE)
    expect(board.get_by_text("0 of 4 tests")).to_be_visible()
    notebook.picture("dashboard-busy-cell")
    board.get_by_role("button", name="Cancel").click()
    until(page, lambda: slow_server.runs()[0]["state"] == "cancelled", "the server has cancelled the run")
    expect(board.get_by_text(re.compile("Run cancelled"))).to_be_visible(timeout=LATE)
    expect(busy).to_be_attached()

    (demo.notebooks / "go-on").touch()
    expect(page.get_by_text("'the cell went on'").last).to_be_visible(timeout=LATE)


def test_a_server_that_dies_is_told_at_once_and_found_again(open_notebook, demo, slow_server):
    slow_server.release()
    demo.write("outage.ipynb", DASHBOARD.format(url=slow_server.url))
    notebook = open_notebook("outage.ipynb")
    board = notebook.board
    notebook.run_all()
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    slow_server.kill()
    expect(board.get_by_text("Live Updates")).to_be_hidden(timeout=LATE)
    expect(board.locator(".as-card")).to_have_count(4)
    expect(board.get_by_role("button", name="Reconnect")).to_be_visible(timeout=LATE)
    expect(board.locator(".as-asof")).to_have_text(re.compile("ago"))
    notebook.picture("dashboard-disconnected")
    slow_server.start()
    board.get_by_role("button", name="Reconnect").click()
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
