"""How the board says whether it is fed, as a whole and part by part."""

import re

import pytest
from playwright.sync_api import expect


def test_the_connection_is_told_and_can_be_taken_up_again(open_page, board, lost, hear):
    page = open_page(board())
    hear(page, 1)
    expect(page.get_by_text("Live Updates")).to_be_visible()
    expect(page.get_by_role("button", name="Reconnect")).to_be_hidden()
    hear(page, 2, connection=lost("connecting", attempt=3, wait=4))
    expect(page.get_by_text("Connecting…")).to_be_visible()
    expect(page.get_by_text("attempt 3 of 5, next in 4 s")).to_be_visible()
    hear(page, 3, connection=lost("connecting", attempt=3, wait=0))
    expect(page.get_by_text("attempt 3 of 5, now")).to_be_visible()
    hear(page, 4, connection=lost("disconnected", attempt=None, wait=30))
    expect(page.get_by_text("Disconnected", exact=True)).to_be_visible()
    expect(page.get_by_text("next try in 30 s")).to_be_visible()
    expect(page.get_by_text(re.compile(r"as of \d\d:\d\d:\d\d, .* ago"))).to_be_visible()
    page.get_by_role("button", name="Reconnect").click()
    assert page.evaluate("sent") == [{"command": "reconnect"}]
    hear(page, 5, connection={"state": "disconnected", "detail": "the session is closed", "retry": None})
    expect(page.get_by_text("the session is closed")).to_be_visible()
    expect(page.get_by_role("button", name="Reconnect")).to_be_hidden()


def test_a_kernel_that_falls_silent_is_not_called_live(open_page, hear, hold_the_clock):
    page = open_page()
    hold_the_clock(page)
    hear(page, 1, connection={"state": "live", "detail": None}, asOf=1_795_420_800_000)
    page.clock.run_for(1_000)
    expect(page.get_by_text("Live Updates")).to_be_visible()
    page.clock.run_for(12_000)
    expect(page.get_by_text("No word from the kernel")).to_be_visible()
    expect(page.get_by_text("Live Updates")).to_be_hidden()
    hear(page, 2)
    page.clock.run_for(1_000)
    expect(page.get_by_text("Live Updates")).to_be_visible()


def test_a_board_that_is_not_fed_stands_still(open_page, run, board, lost, hear, hold_the_clock):
    page = open_page(board(runs={"r1": run(started=1_795_420_800_000 - 5_000)}))
    hold_the_clock(page)
    hear(page, 1, connection=lost("disconnected", attempt=None, wait=30))
    page.clock.run_for(5_000)
    expect(page.locator(".as-figures")).to_have_text("1 of 4 tests · 5.0 s")
    states = "document.getAnimations().filter((one) => one.animationName !== 'as-breathe').map((one) => one.playState)"
    assert set(page.evaluate(states)) == {"paused"}


@pytest.mark.parametrize(
    ("part", "shown", "others"),
    [
        ("connection", ".as-pill", [".as-run", ".as-card", ".as-entry"]),
        ("progress", ".as-run", [".as-pill", ".as-card", ".as-entry"]),
        ("cards", ".as-card", [".as-pill", ".as-run", ".as-entry"]),
        ("feed", ".as-entry", [".as-pill", ".as-run", ".as-card"]),
    ],
)
def test_each_part_stands_alone_and_says_when_it_is_not_fed(
    open_page, part, shown, others, card, run, entry, board, lost, hear
):
    page = open_page(board(card("Shop"), runs={"r1": run()}, feed=[entry(1)], dev=True), parts=[part])
    hear(page, 1)
    expect(page.locator(shown)).to_be_visible()
    for other in (*others, ".as-brand", ".as-simulator", ".as-toasts"):
        expect(page.locator(other)).to_have_count(0)
    expect(page.get_by_text("Disconnected")).to_be_hidden()
    hear(page, 2, connection=lost("disconnected", attempt=None, wait=9))
    expect(page.get_by_text("Disconnected")).to_be_visible()
    expect(page.get_by_text(re.compile(r"as of \d\d:\d\d:\d\d, .* ago"))).to_be_visible()
