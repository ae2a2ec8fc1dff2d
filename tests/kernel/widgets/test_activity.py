"""What happened, as the board tells it: the feed of activity, and notifications that go by themselves."""

import re

from playwright.sync_api import expect


def test_the_feed_keeps_twenty_and_speaks_at_most_every_two_seconds(open_page, entry, board, hear, hold_the_clock):
    page = open_page(board())
    hold_the_clock(page)
    for number in range(1, 31):
        hear(page, number, feed=[entry(number, message=f"news {number}")])
        page.clock.run_for(50)
    expect(page.locator(".as-entry")).to_have_count(20)
    assert page.locator(".as-entry .as-message").first.inner_text() == "news 30"
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    assert log.locator("p").count() == 1
    page.clock.run_for(2_000)
    assert log.locator("p").all_text_contents()[-1].endswith("news 30")
    assert log.locator("p").count() == 2


def test_notifications_go_by_themselves_errors_later_and_not_while_pointed_at(
    open_page, entry, notice, board, hear, hold_the_clock
):
    page = open_page(board(feed=[notice(1)]))
    hold_the_clock(page)
    toasts = page.locator(".as-toast")
    expect(toasts).to_have_count(0)
    hear(page, 1, feed=[notice(2), notice(3, "error"), entry(4)])
    page.clock.run_for(100)
    expect(page.get_by_role("status", name="Notifications")).to_have_attribute("aria-live", "polite")
    expect(toasts).to_have_count(2)
    page.clock.run_for(7_000)
    expect(toasts).to_have_text([re.compile("note 3")])
    toasts.hover()
    page.clock.run_for(60_000)
    expect(toasts).to_have_count(1)
    page.mouse.move(0, 0)
    page.clock.run_for(16_000)
    expect(toasts).to_have_count(0)
    hear(page, 2, feed=[notice(5, "error")])
    page.clock.run_for(100)
    page.get_by_role("button", name="Dismiss notification").click()
    expect(toasts).to_have_count(0)


TIMEOUTS = """() => {
    window.waiting = new Set();
    const [set, clear] = [window.setTimeout, window.clearTimeout];
    window.setTimeout = (call, ...rest) => {
        const id = set(() => { waiting.delete(id); call(); }, ...rest);
        waiting.add(id);
        return id;
    };
    window.clearTimeout = (id) => { waiting.delete(id); clear(id); };
}"""


def test_a_storm_of_notifications_is_three_at_once_and_closing_stops_their_timers(open_page, notice, board, hear):
    page = open_page(board())
    page.evaluate(TIMEOUTS)
    for number in range(1, 40):
        hear(page, number, feed=[notice(number)])
    expect(page.get_by_text("note 39").first).to_be_visible()
    expect(page.locator(".as-toast")).to_have_count(3)
    assert page.evaluate("waiting.size") >= 3
    page.evaluate("close_view()")
    assert page.evaluate("waiting.size") == 0
