"""What messages from the kernel do to a view, and what a view leaves when it closes."""

import pytest
from playwright.sync_api import expect

NAMES = ".as-card .as-name"


@pytest.mark.parametrize("module", ["joined", "dashboard"])
def test_a_late_view_shows_the_whole_board(open_page, module, card, run, entry, board):
    page = open_page(
        board(card("Payment API"), card("Shop", "down"), runs={"r1": run()}, feed=[entry(1), entry(2)]), module
    )
    assert page.locator(NAMES).all_inner_texts() == ["Shop", "Payment API"]
    expect(page.get_by_text("Testing payment-api…")).to_be_visible()
    assert page.locator(".as-entry .as-name").all_inner_texts() == ["App 2", "App 1"]
    expect(page.locator(".as-card").first).to_contain_text("42 ms")
    expect(page.locator(".as-card").first).to_contain_text("✅ SLA 99.9 % met")


def test_deltas_change_only_what_they_name(open_page, card, board, hear):
    page = open_page(board(card("Payment API"), card("Shop")))
    hear(page, 1, cards={"payment-api": {"status": "down"}}, beats={"payment-api": [3, None, 2]})
    expect(page.locator(".as-card").first).to_contain_text("Payment API")
    expect(page.locator(".as-card").first).to_contain_text("down")
    expect(page.locator(".as-card[data-id=payment-api] .as-strip")).to_have_attribute("data-beats", "3")
    expect(page.locator(".as-card[data-id=shop] .as-strip")).to_have_attribute("data-beats", "2")
    hear(page, 2, cardsGone=["shop"])
    expect(page.locator(".as-card")).to_have_count(1)
    assert page.evaluate("sent") == []


def test_a_delta_that_repeats_beats_and_entries_changes_nothing(open_page, card, entry, board, hear):
    page = open_page(board(card("Shop"), feed=[entry(1)]))
    for number in (1, 2):
        hear(page, number, beats={"shop": [3, None, 2], "ghost": [1, 5, 0]}, feed=[entry(1), entry(2)])
    expect(page.locator(".as-entry")).to_have_count(2)
    expect(page.locator(".as-strip")).to_have_attribute("data-beats", "3")


def test_a_view_that_missed_a_message_asks_for_everything(open_page, card, board, hear):
    page = open_page(board(card("Shop"), number=4))
    hear(page, 6, cards={"ghost": {"status": "down"}, "shop": {"status": "degraded"}})
    assert page.evaluate("sent") == [{"command": "look"}]
    expect(page.locator(".as-card")).to_have_count(1)
    expect(page.locator(".as-card")).to_contain_text("degraded")
    message = board(card("Ghost", "down"))
    hear(page, 7, **message["delta"])
    expect(page.locator(".as-card")).to_contain_text("Ghost")
    hear(page, 8)
    assert page.evaluate("sent") == [{"command": "look"}]


HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def test_nothing_that_a_server_says_becomes_markup(open_page, card, check, run, entry, board, hear):
    hostile = card("Shop", HOSTILE, group=HOSTILE, tags=[HOSTILE], types=[HOSTILE])
    hostile["checks"] = [check(HOSTILE, "down", HOSTILE)]
    hostile["name"] = HOSTILE
    line = run("cancelled", reason=HOSTILE)
    said = entry(1, name=HOSTILE, message=HOSTILE, type=HOSTILE, status=HOSTILE)
    page = open_page(
        board(hostile, runs={"r1": line}, feed=[said], problem={"number": 1, "message": HOSTILE}, counts={HOSTILE: 2})
    )
    hear(page, 1, feed=[{**said, "number": 2}], connection={"state": "disconnected", "detail": HOSTILE})
    expect(page.locator(".as-entry")).to_have_count(2)
    page.get_by_role("button", name="By group").click()
    page.get_by_role("button", name="Choose what to test").click()
    page.get_by_role("checkbox").first.check()
    hear(page, 2, feed=[{**said, "number": 3, "what": "notice"}])
    expect(page.locator(".as-toast")).to_contain_text(HOSTILE)
    expect(page.locator(".as-group")).to_contain_text(HOSTILE)
    assert page.locator("#here img, #here script").count() == 0
    assert page.title() == ""
    assert page.locator(NAMES).all_inner_texts() == [HOSTILE]


def test_words_that_javascript_knows_are_words_like_others(open_page, card, check, entry, board):
    word = "constructor"
    odd = card(
        word, word, checks=[check(word, word)], sla={"status": word, "target": 1, "actual": None, "budget": None}
    )
    page = open_page(board(odd, feed=[entry(1, type=word, status=word, what=word)]))
    assert page.locator(NAMES).all_inner_texts() == [word]
    expect(page.locator(".as-card .as-mark").first).to_have_text("?")
    expect(page.locator(".as-entry .as-mark")).to_have_text("?")


def test_two_views_show_one_board_and_close_one_by_one(open_page, card, board, hear):
    page = open_page(board(card("Shop")))
    page.evaluate("""async () => {
        const el = document.body.appendChild(document.createElement("div"));
        window.close_second = await open_view(el);
    }""")
    hear(page, 1, cards={"shop": {"status": "down"}})
    expect(page.locator(".as-card .as-status")).to_have_text(["down", "down"])
    page.evaluate("close_second()")
    hear(page, 2, cards={"shop": {"status": "degraded"}})
    expect(page.locator(".as-card .as-status")).to_have_text(["degraded"])
    assert page.evaluate("sent") == []


COUNT = """() => {
    window.held = 0;
    const count = (object, add, remove) => {
        const [was_add, was_remove] = [object[add], object[remove]];
        object[add] = function (...rest) { held += 1; return was_add.apply(this, rest); };
        object[remove] = function (...rest) { held -= 1; return was_remove.apply(this, rest); };
    };
    count(window, "setInterval", "clearInterval");
    count(ResizeObserver.prototype, "observe", "disconnect");
    count(MediaQueryList.prototype, "addEventListener", "removeEventListener");
    count(document.head, "addEventListener", "removeEventListener");
}"""


def test_a_closed_view_leaves_nothing_behind(open_page, card, run, entry, board, hear):
    page = open_page(board(card("Shop"), runs={"r1": run()}))
    page.evaluate("close_view()")
    page.evaluate(COUNT)
    page.evaluate("async () => { window.close_view = await open_view(document.getElementById('here')) }")
    assert page.evaluate("held") == 5
    hear(page, 1, feed=[entry(1)])
    page.evaluate("close_view()")
    assert page.evaluate("held") == 0
    assert page.locator("#here *").count() == 0
    hear(page, 2, feed=[entry(2)])
    page.evaluate("forget()")
    assert page.evaluate("listeners.size") == 0
