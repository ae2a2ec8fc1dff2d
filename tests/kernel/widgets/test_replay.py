"""A replay in a browser: it says that it is one, and of when."""

from playwright.sync_api import expect


def test_a_replay_is_never_called_live(open_page, board, hear):
    page = open_page(board())
    shown = {"state": "replay", "detail": "Replay of 2026-06-05 23:32", "retry": None}
    hear(page, 1, connection=shown, asOf=1_780_702_320_000)
    expect(page.get_by_text("Replay of 2026-06-05 23:32", exact=True)).to_be_visible()
    expect(page.get_by_text("Live Updates")).to_be_hidden()
    expect(page.get_by_role("button", name="Reconnect")).to_be_hidden()
    expect(page.get_by_text(" ago")).to_be_hidden()
    expect(page.locator(".as-stale")).to_have_count(0)
    hear(page, 2, connection=shown | {"detail": "Replay of 2026-06-05 23:33, paused"})
    expect(page.get_by_text("Replay of 2026-06-05 23:33, paused", exact=True)).to_be_visible()
