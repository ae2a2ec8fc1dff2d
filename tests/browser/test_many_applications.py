"""Thousands of applications on the board in JupyterLab: only the cards in sight are there, and every one is reached."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.timeout(300)

LATE = 120_000
"""Milliseconds that anything may take; it is waited for, not slept through."""

COUNT = 5_000
IN_SIGHT = 60
"""Cards that may be in the document at once: what can be seen in a large window, and a row on either side."""

CELL = "import appsentry_kernel as sentry\ns = sentry.connect({url!r})\ns.dashboard()"

# From the top to the bottom, not quite a viewport at a time; gives every card that was drawn, and the most at once.
SCROLL = """async (viewport) => {
    const seen = new Set();
    let most = 0;
    viewport.scrollTop = 0;
    for (;;) {
        await new Promise(requestAnimationFrame);
        const cards = document.querySelectorAll(".jp-Notebook .as-card");
        cards.forEach((card) => seen.add(card.dataset.id));
        most = Math.max(most, cards.length);
        const before = viewport.scrollTop;
        viewport.scrollTop += 0.9 * viewport.clientHeight;
        if (viewport.scrollTop === before) return { seen: [...seen], most };
    }
}"""


def test_five_thousand_cards_are_scrolled_through_and_filtered(open_notebook, demo, serve_many):
    server = serve_many(COUNT)
    server.release()
    demo.write("many.ipynb", CELL.format(url=server.url))
    notebook = open_notebook("many.ipynb")
    board = notebook.board
    notebook.run_all()
    expect(board.get_by_role("button", name="5,000 healthy")).to_be_visible(timeout=LATE)
    expect(board.get_by_text("5,000 applications", exact=True)).to_be_visible()
    viewport, cards = board.locator(".as-viewport"), board.locator(".as-card")
    assert 0 < cards.count() <= IN_SIGHT

    found = viewport.evaluate(SCROLL)
    assert found["most"] <= IN_SIGHT
    assert set(found["seen"]) == {f"slow-{n}" for n in range(COUNT)}
    last = board.locator(".as-card[data-id=slow-4999]")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    expect(last).to_have_attribute("aria-posinset", "5000")
    expect(board.get_by_text("Live Updates")).to_be_visible()
    notebook.picture("dashboard-five-thousand")

    search = board.get_by_role("searchbox", name="Filter applications")
    search.fill("slow 499")
    expect(board.get_by_text("15 of 5,000 applications")).to_be_visible(timeout=LATE)
    expect(cards.locator(".as-name").first).to_have_text("Slow 499")
    search.fill("slow 4999")
    expect(cards.locator(".as-name")).to_have_text("Slow 4999")
    last.get_by_role("button", name="Test Slow 4999 now").click()
    expect(board.get_by_text(re.compile("1 of 1 test · "))).to_be_visible(timeout=LATE)
    search.fill("")
    expect(board.get_by_text("5,000 applications", exact=True)).to_be_visible()
    assert 0 < cards.count() <= IN_SIGHT
