"""The applications on the board: which cards are drawn, in which order, and which are found."""

from itertools import pairwise

from playwright.sync_api import expect


def test_up_but_nobody_can_log_in_is_seen_as_such(open_page, card, check, board):
    locked = card("Portal", "down", checks=[check("health"), check("login", "down", "step submit: no Dashboard")])
    page = open_page(board(locked, card("Shop", checks=[check("health"), check("login")])))
    expect(page.locator(".as-card[data-id=portal]")).to_contain_text("Up, but nobody can log in")
    expect(page.locator(".as-card[data-id=portal]")).to_contain_text("step submit: no Dashboard")
    expect(page.locator(".as-card[data-id=shop]")).not_to_contain_text("nobody")


def test_only_the_cards_that_can_be_seen_are_in_the_document(open_page, card, board, hear):
    page = open_page(
        board(*(card(f"App {number:04}") for number in range(5_000))), viewport={"width": 1200, "height": 900}
    )
    expect(page.get_by_text("5,000 applications")).to_be_visible()
    assert 0 < page.locator(".as-card").count() < 40
    page.locator(".as-viewport").evaluate("(viewport) => (viewport.scrollTop = viewport.scrollHeight)")
    expect(page.get_by_text("App 4999", exact=True)).to_be_visible()
    assert 0 < page.locator(".as-card").count() < 40
    hear(page, 1, cards={"app-4999": {"status": "down"}})
    page.locator(".as-viewport").evaluate("(viewport) => (viewport.scrollTop = 0)")
    expect(page.locator(".as-card").first).to_contain_text("App 4999")


def test_a_card_that_moves_keeps_the_focus(open_page, card, board, hear):
    page = open_page(board(card("Aaa"), card("Bbb")))
    button = page.get_by_role("button", name="Test Bbb now")
    button.focus()
    hear(page, 1, cards={"bbb": {"status": "down"}})
    expect(page.locator(".as-card").first).to_contain_text("Bbb")
    expect(button).to_be_focused()


def test_applications_are_filtered_by_text_tag_and_status(open_page, card, board, hear):
    page = open_page(
        board(card("Shop", "down", tags=["web"]), card("Search", tags=["web", "tier-1"]), card("Mail", group="Office"))
    )
    search = page.get_by_role("searchbox", name="Filter applications")
    for text, found in {"off": ["Mail"], "TIER-1 sea": ["Search"], "": ["Shop", "Mail", "Search"]}.items():
        search.fill(text)
        expect(page.locator(".as-card .as-name")).to_have_text(found)
    page.get_by_role("combobox", name="Tag").select_option("web")
    expect(page.get_by_text("2 of 3 applications")).to_be_visible()
    down = page.get_by_role("button", name="1 down")
    down.click()
    expect(page.locator(".as-card .as-name")).to_have_text(["Shop"])
    hear(page, 1, cards={"shop": {"status": "healthy"}})
    expect(page.get_by_text("No application is as you asked.")).to_be_visible()
    page.get_by_role("button", name="0 down").click()
    expect(page.locator(".as-card .as-name")).to_have_text(["Search", "Shop"])


def test_groups_come_by_their_worst_application(open_page, card, board, hear):
    page = open_page(
        board(
            card("Ads"), card("Mail", group="Office"), card("Search", "down", group="Shop"), card("Cart", group="Shop")
        ),
        viewport={"width": 500, "height": 1400},
    )
    page.get_by_role("button", name="By group").click()
    expect(page.locator(".as-cards h4, .as-card .as-name")).to_have_text(
        ["Shop", "Search", "Cart", "No group", "Ads", "Office", "Mail"]
    )
    hear(page, 1, cards={"mail": {"status": "down"}, "search": {"status": "healthy"}})
    expect(page.locator(".as-cards h4, .as-card .as-name")).to_have_text(
        ["Office", "Mail", "No group", "Ads", "Shop", "Cart", "Search"]
    )
    tops = page.locator(".as-cards > li").evaluate_all("(items) => items.map((item) => item.getBoundingClientRect())")
    assert all(one["bottom"] <= other["top"] + 1 for one, other in pairwise(tops))


def test_thousands_in_groups_are_as_cheap(open_page, card, board):
    page = open_page(board(*(card(f"App {n:04}", group=f"Group {n % 50:02}") for n in range(5_000))))
    page.get_by_role("button", name="By group").click()
    page.locator(".as-viewport").evaluate("(viewport) => (viewport.scrollTop = viewport.scrollHeight)")
    expect(page.get_by_text("App 4999", exact=True)).to_be_visible()
    assert 0 < page.locator(".as-cards > li").count() < 40
