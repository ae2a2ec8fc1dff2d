"""Notebooks that are closed, opened again, run again, and opened beside one another, in JupyterLab."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(240)

LATE = 60_000
"""Milliseconds that anything may take; it is waited for, not slept through."""

CONNECT = "import appsentry_kernel as sentry\ns = sentry.connect(url={url!r})"
SHOW = "s.dashboard()"

# What a kernel has of its sessions: their threads, and the sockets to the server.
COUNT = """
import gc, threading, psutil
gc.collect()
threads = [thread for thread in threading.enumerate() if thread.name == "appsentry-io"]
for thread in threads[:-1]:
    thread.join(30)  # forgotten, it ends soon
threads = [thread for thread in threads if thread.is_alive()]
port = int(s.url.rsplit(":", 1)[1])
lines = [one for one in psutil.Process().net_connections() if one.raddr and one.raddr.port == port]
print(f"{len(threads)} thread, {len(lines)} lines")
"""


def expect_moving(board):
    """Wait until the board is live and its picture gets newer."""
    expect(board.get_by_text("Live Updates")).to_be_visible(timeout=LATE)
    expect(board.locator(".as-card")).to_have_count(6, timeout=LATE)
    shown = board.locator(".as-asof").inner_text()
    expect(board.locator(".as-asof")).not_to_have_text(shown, timeout=LATE)


def test_a_notebook_that_is_closed_and_opened_again_shows_its_board_live(open_notebook, demo):
    demo.write("closed.ipynb", CONNECT.format(url=demo.server), SHOW)
    notebook = open_notebook("closed.ipynb")
    page = notebook.page
    notebook.run_all()
    expect_moving(notebook.board)
    notebook.save()
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("^Close Tab")).click()
    expect(page.locator(".appsentry")).to_have_count(0, timeout=LATE)
    page.get_by_role("listitem", name=re.compile("closed.ipynb")).dblclick()
    expect_moving(notebook.board)
    notebook.board.get_by_role("button", name="Run Tests").click()
    expect(notebook.board.locator(".as-entry[data-what=run]", has_text="completed").first).to_be_visible(timeout=LATE)
    expect(page.locator(".jp-Notebook .appsentry")).to_have_count(1)


def test_a_closed_browser_tab_ends_nothing_and_two_tabs_show_one_session(open_notebook, demo):
    demo.write("tab.ipynb", CONNECT.format(url=demo.server), SHOW)
    first = open_notebook("tab.ipynb")
    first.run_all()
    expect_moving(first.board)
    first.save()
    first.page.close()
    second, third = open_notebook("tab.ipynb"), open_notebook("tab.ipynb")
    for notebook in (second, third):
        expect_moving(notebook.board)
    second.board.get_by_role("button", name="Test Accounts now").click()
    for notebook in (second, third):
        told = notebook.board.locator(".as-entry[data-what=run]", has_text="completed")
        expect(told.first).to_be_visible(timeout=LATE)


def test_cells_that_are_run_again_show_one_new_board_and_leave_nothing_of_the_old_session(open_notebook, demo):
    demo.write("again.ipynb", CONNECT.format(url=demo.server), SHOW, COUNT)
    notebook = open_notebook("again.ipynb")
    for _ in range(3):
        notebook.run_all()
        expect_moving(notebook.board)
    expect(notebook.page.locator(".jp-Notebook .appsentry")).to_have_count(1)
    # One is the socket; what was asked over HTTP leaves up to two open for a while.
    expect(notebook.page.get_by_text(re.compile("^1 thread, [123] lines"))).to_be_visible(timeout=LATE)


def test_two_notebooks_on_one_server_show_each_other_s_runs(open_notebook, demo):
    for name in ("one.ipynb", "other.ipynb"):
        demo.write(name, CONNECT.format(url=demo.server), SHOW)
    one, other = open_notebook("one.ipynb"), open_notebook("other.ipynb")
    for notebook in (one, other):
        notebook.run_all()
        expect_moving(notebook.board)
    one.board.get_by_role("button", name="Test Accounts now").click()
    for notebook in (one, other):
        told = notebook.board.locator(".as-entry[data-what=run]", has_text="2 passed")
        expect(told.first).to_be_visible(timeout=LATE)
