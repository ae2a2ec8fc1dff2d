"""The widget's browser side: what each message draws, what nothing can inject, and what is left when a view closes."""

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def card(name: str, status: str = "healthy", **fields: Any) -> dict[str, Any]:
    return {
        "id": name.lower().replace(" ", "-"), "name": name, "group": None, "tags": [], "types": ["health"],
        "status": status, "response": 42.0, "uptime": 99.95, "checked": 0, "simulated": False, "heard": 2,
        "sla": {"status": "met", "target": 99.9, "actual": 99.95, "budget": 0.5},
        "checks": [check("health")], "beats": [[40, 0], [None, 2]], **fields,
    }  # fmt: skip


def check(kind: str, status: str = "up", message: str | None = None) -> dict[str, Any]:
    return {"check": kind, "type": kind, "status": status, "response": 42.0, "message": message}


def run(state: str = "running", completed: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "run": "r1", "state": state, "simulated": False, "applications": 2, "total": 4, "completed": completed,
        "current": "payment-api", "passed": completed, "degraded": 0, "failed": 0, "unknown": 0, "started": 0,
        "duration": None, "paused": None, "idle": 0, "reason": None, **fields,
    }  # fmt: skip


def entry(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "number": number, "at": 1_795_420_800_000 + number, "what": "test", "status": "passed", "application": "a",
        "name": f"App {number}", "type": "health", "message": None, "duration": 12.0, "simulated": False, **fields,
    }  # fmt: skip


def board(*cards: dict[str, Any], number: int = 0, **fields: Any) -> dict[str, Any]:
    live = {"state": "live", "detail": None, "retry": None}
    delta = {
        "whole": True, "asOf": 1_795_420_800_000, "connection": live, "counts": {}, "problem": None, "runs": {},
        "feed": [], "cards": {one["id"]: one for one in cards}, **fields,
    }  # fmt: skip
    return {"number": number, "delta": delta}


def lost(state: str, *, attempt: int | None, wait: int) -> dict[str, Any]:
    return {"state": state, "detail": "refused", "retry": {"attempt": attempt, "of": 5, "wait": wait}}


def hear(page: Any, number: int, **delta: Any) -> None:
    page.evaluate("([number, delta]) => hear(number, delta)", [number, delta])


def hold_the_clock(page: Any) -> None:
    """Let time pass in a new view only when a test says so, however busy the machine is."""
    page.clock.install()
    page.clock.pause_at(4_000_000_000)
    page.evaluate("async () => { close_view(); window.close_view = await open_view(document.getElementById('here')) }")


def names(page: Any) -> list[str]:
    return page.locator(".as-card .as-name").all_inner_texts()


@pytest.mark.parametrize("module", ["joined", "dashboard"])
def test_a_late_view_shows_the_whole_board(open_page, module):
    page = open_page(
        board(card("Payment API"), card("Shop", "down"), runs={"r1": run()}, feed=[entry(1), entry(2)]), module
    )
    assert names(page) == ["Shop", "Payment API"]
    expect(page.get_by_text("Testing payment-api…")).to_be_visible()
    assert page.locator(".as-entry .as-name").all_inner_texts() == ["App 2", "App 1"]
    expect(page.locator(".as-card").first).to_contain_text("42 ms")
    expect(page.locator(".as-card").first).to_contain_text("✅ SLA 99.9 % met")


def test_deltas_change_only_what_they_name(open_page):
    page = open_page(board(card("Payment API"), card("Shop")))
    hear(page, 1, cards={"payment-api": {"status": "down"}}, beats={"payment-api": [3, None, 2]})
    expect(page.locator(".as-card").first).to_contain_text("Payment API")
    expect(page.locator(".as-card").first).to_contain_text("down")
    expect(page.locator(".as-card[data-id=payment-api] .as-strip")).to_have_attribute("data-beats", "3")
    expect(page.locator(".as-card[data-id=shop] .as-strip")).to_have_attribute("data-beats", "2")
    hear(page, 2, cardsGone=["shop"])
    expect(page.locator(".as-card")).to_have_count(1)
    assert page.evaluate("sent") == []


def test_a_delta_that_repeats_beats_and_entries_changes_nothing(open_page):
    page = open_page(board(card("Shop"), feed=[entry(1)]))
    for number in (1, 2):
        hear(page, number, beats={"shop": [3, None, 2], "ghost": [1, 5, 0]}, feed=[entry(1), entry(2)])
    expect(page.locator(".as-entry")).to_have_count(2)
    expect(page.locator(".as-strip")).to_have_attribute("data-beats", "3")


def test_a_view_that_missed_a_message_asks_for_everything(open_page):
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


def test_nothing_that_a_server_says_becomes_markup(open_page):
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
    assert names(page) == [HOSTILE]


def test_words_that_javascript_knows_are_words_like_others(open_page):
    word = "constructor"
    odd = card(
        word, word, checks=[check(word, word)], sla={"status": word, "target": 1, "actual": None, "budget": None}
    )
    page = open_page(board(odd, feed=[entry(1, type=word, status=word, what=word)]))
    assert names(page) == [word]
    expect(page.locator(".as-card .as-mark").first).to_have_text("?")
    expect(page.locator(".as-entry .as-mark")).to_have_text("?")


def test_the_bar_follows_the_run_to_its_end(open_page):
    page = open_page(board(runs={"r1": run(completed=1)}))
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "1")
    expect(bar).to_have_attribute("aria-valuemax", "4")
    expect(page.get_by_text("1 of 4 tests")).to_be_visible()
    hear(page, 1, runs={"r1": run("completed", 4, passed=3, failed=1, duration=2_500.0)})
    expect(bar).to_have_attribute("aria-valuenow", "4")
    expect(page.get_by_text("Run completed")).to_be_visible()
    expect(page.get_by_text("4 of 4 tests · 2.5 s")).to_be_visible()
    expect(page.locator(".as-run")).to_contain_text("✔ 3 passed")
    expect(page.locator(".as-run")).to_contain_text("✖ 1 failed")


def test_several_runs_are_shown_newest_first_and_the_rest_are_counted(open_page):
    runs = {f"r{n}": run(run=f"r{n}", started=n, current=f"app-{n}") for n in range(5)}
    page = open_page(board(runs=runs))
    assert page.locator(".as-run .as-headline").all_inner_texts() == [f"Testing app-{n}…" for n in (4, 3, 2)]
    expect(page.get_by_text("and 2 more runs")).to_be_visible()


def test_buttons_send_commands_and_show_what_can_be_done(open_page):
    page = open_page(board(card("Payment API")))
    page.get_by_role("button", name="Run Tests").click()
    expect(page.get_by_role("button", name="Starting…")).to_be_disabled()
    hear(page, 1, runs={"r1": run()})
    expect(page.get_by_role("button", name="Run Tests")).to_be_enabled()
    page.get_by_role("button", name="Pause").click()
    hear(page, 2, runs={"r1": run("paused")})
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Test Payment API now").click()
    assert page.evaluate("sent") == [
        {"command": "run"},
        {"command": "pause", "testRunId": "r1"},
        {"command": "resume", "testRunId": "r1"},
        {"command": "cancel", "testRunId": "r1"},
        {"command": "run", "applicationIds": ["payment-api"]},
    ]


def test_a_refused_command_is_shown_until_it_is_dismissed(open_page):
    page = open_page(board())
    page.get_by_role("button", name="Run Tests").click()
    hear(page, 1, problem={"number": 1, "message": "no application is called 'x'"})
    expect(page.get_by_role("alert")).to_contain_text("no application is called 'x'")
    expect(page.get_by_role("button", name="Run Tests")).to_be_enabled()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    hear(page, 2, problem={"number": 2, "message": "again"})
    expect(page.get_by_role("alert")).to_contain_text("again")


def test_the_connection_is_told_and_can_be_taken_up_again(open_page):
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


def test_a_kernel_that_falls_silent_is_not_called_live(open_page):
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


def test_up_but_nobody_can_log_in_is_seen_as_such(open_page):
    locked = card("Portal", "down", checks=[check("health"), check("login", "down", "step submit: no Dashboard")])
    page = open_page(board(locked, card("Shop", checks=[check("health"), check("login")])))
    expect(page.locator(".as-card[data-id=portal]")).to_contain_text("Up, but nobody can log in")
    expect(page.locator(".as-card[data-id=portal]")).to_contain_text("step submit: no Dashboard")
    expect(page.locator(".as-card[data-id=shop]")).not_to_contain_text("nobody")


def test_the_feed_keeps_twenty_and_speaks_at_most_every_two_seconds(open_page):
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


def test_only_the_cards_that_can_be_seen_are_in_the_document(open_page):
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


def test_a_card_that_moves_keeps_the_focus(open_page):
    page = open_page(board(card("Aaa"), card("Bbb")))
    button = page.get_by_role("button", name="Test Bbb now")
    button.focus()
    hear(page, 1, cards={"bbb": {"status": "down"}})
    expect(page.locator(".as-card").first).to_contain_text("Bbb")
    expect(button).to_be_focused()


def test_two_views_show_one_board_and_close_one_by_one(open_page):
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


def test_a_closed_view_leaves_nothing_behind(open_page):
    page = open_page(board(card("Shop"), runs={"r1": run()}))
    page.evaluate("close_view()")
    page.evaluate(COUNT)
    page.evaluate("async () => { window.close_view = await open_view(document.getElementById('here')) }")
    assert page.evaluate("held") == 4
    hear(page, 1, feed=[entry(1)])
    page.evaluate("close_view()")
    assert page.evaluate("held") == 0
    assert page.locator("#here *").count() == 0
    hear(page, 2, feed=[entry(2)])
    page.evaluate("forget()")
    assert page.evaluate("listeners.size") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(open_page, theme):
    states = ["healthy", "degraded", "down", "unknown", "maintenance", "paused"]
    cards = [
        card(f"App {state}", state, checks=[check("health", "down", "refused"), check("login")]) for state in states
    ]
    feed = [entry(n, status=word) for n, word in enumerate(["passed", "degraded", "failed", "unknown", "running"])]
    page = open_page(
        board(*cards, feed=feed, runs={"r1": run()}, counts={"malformed": 1}, problem={"number": 1, "message": "m"})
    )
    page.evaluate("(dark) => (document.body.style.background = dark ? '#111111' : '#ffffff')", theme == "dark")
    hear(page, 1)
    expect(page.locator(".appsentry")).to_have_attribute("data-theme", theme)
    assert page.evaluate(CONTRAST) == []


# WCAG 2: every element with text of its own against the colours painted behind it, composed from the page up.
CONTRAST = """() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const behind = (element) => {
        const layers = [];
        for (let node = element; node; node = node.parentElement)
            layers.unshift(getComputedStyle(node).backgroundColor);
        return layers;
    };
    const paint = (layers) => {
        context.fillStyle = "#fff";
        context.fillRect(0, 0, 1, 1);
        for (const layer of layers) {
            context.fillStyle = layer;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (channels) => {
        const [red, green, blue] = channels.map((value) => {
            const share = value / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const faint = [];
    for (const element of document.querySelectorAll("#here *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        if (!own || !element.checkVisibility()) continue;
        const layers = behind(element);
        const [text, back] = [[...layers, getComputedStyle(element).color], layers].map(paint).map(luminance);
        const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
        if (ratio < 4.5) faint.push(`${element.textContent}: ${ratio.toFixed(2)}`);
    }
    return faint;
}"""


def test_a_narrow_view_has_one_column_and_no_sideways_scrolling(open_page):
    page = open_page(
        board(card("A rather long name of an application"), card("Shop")), viewport={"width": 380, "height": 800}
    )
    left = page.locator(".as-card").evaluate_all("(cards) => cards.map((card) => card.getBoundingClientRect().left)")
    assert left[0] == left[1]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_nothing_moves_for_those_who_ask_for_it(open_page):
    page = open_page(board(card("Shop"), runs={"r1": run()}, feed=[entry(1)]), reduced_motion="reduce")
    hear(page, 1)
    assert page.evaluate("document.getAnimations().length") == 0


def test_everything_can_be_reached_and_pressed_by_keyboard(open_page):
    page = open_page(board(card("Shop", tags=["web"]), runs={"r1": run()}))
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
        )
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == [
        "Choose what to test", "Run Tests", "Pause", "Cancel", "✔ 1 healthy", "Tag", "Filter applications",
        "Applications, worst first", "Test Shop now", "Activity, newest first",
    ]  # fmt: skip
    page.get_by_role("button", name="Cancel").press("Enter")
    assert page.evaluate("sent") == [{"command": "cancel", "testRunId": "r1"}]


@pytest.mark.parametrize(
    ("part", "shown", "others"),
    [
        ("connection", ".as-pill", [".as-run", ".as-card", ".as-entry"]),
        ("progress", ".as-run", [".as-pill", ".as-card", ".as-entry"]),
        ("cards", ".as-card", [".as-pill", ".as-run", ".as-entry"]),
        ("feed", ".as-entry", [".as-pill", ".as-run", ".as-card"]),
    ],
)
def test_each_part_stands_alone_and_says_when_it_is_not_fed(open_page, part, shown, others):
    page = open_page(board(card("Shop"), runs={"r1": run()}, feed=[entry(1)], dev=True), parts=[part])
    hear(page, 1)
    expect(page.locator(shown)).to_be_visible()
    for other in (*others, ".as-brand", ".as-simulator", ".as-toasts"):
        expect(page.locator(other)).to_have_count(0)
    expect(page.get_by_text("Disconnected")).to_be_hidden()
    hear(page, 2, connection=lost("disconnected", attempt=None, wait=9))
    expect(page.get_by_text("Disconnected")).to_be_visible()
    expect(page.get_by_text(re.compile(r"as of \d\d:\d\d:\d\d, .* ago"))).to_be_visible()


def test_a_run_tests_what_was_chosen_by_keyboard(open_page):
    page = open_page(board(card("Shop", tags=["web"], types=["health", "login"]), card("Search", tags=["api"])))
    toggle = page.get_by_role("button", name="Choose what to test")
    toggle.press("Enter")
    expect(toggle).to_have_attribute("aria-expanded", "true")
    panel = page.get_by_role("group", name="What to test")
    for box in ("login", "web", "Shop"):
        panel.get_by_role("checkbox", name=box).press("Space")
    expect(panel.get_by_text("Run Tests tests Shop, tagged web, login only.")).to_be_visible()
    page.get_by_role("button", name="Run Tests").click()
    panel.get_by_role("checkbox", name="web").press("Escape")
    expect(panel).to_be_hidden()
    expect(toggle).to_be_focused()
    toggle.press("Enter")
    expect(panel.get_by_role("checkbox", name="Shop")).to_be_checked()
    panel.get_by_role("button", name="Clear choice").click()
    expect(panel.get_by_text("Nothing chosen: Run Tests tests everything.")).to_be_visible()
    hear(page, 1, runs={"r1": run()})
    page.get_by_role("button", name="Run Tests").click()
    assert page.evaluate("sent") == [
        {"command": "run", "applicationIds": ["shop"], "tags": ["web"], "testTypes": ["login"]},
        {"command": "run"},
    ]


def test_what_is_gone_cannot_stay_chosen(open_page):
    page = open_page(board(card("Shop", tags=["web"]), card("Search")))
    page.get_by_role("button", name="Choose what to test").click()
    page.get_by_role("checkbox", name="web").check()
    page.get_by_role("checkbox", name="Shop").check()
    hear(page, 1, cardsGone=["shop"])
    expect(page.get_by_role("checkbox", name="Shop")).to_have_count(0)
    page.get_by_role("button", name="Run Tests").click()
    assert page.evaluate("sent") == [{"command": "run"}]


def test_among_thousands_an_application_is_chosen_by_its_name(open_page):
    page = open_page(board(*(card(f"App {number:04}") for number in range(1_000))), parts=["progress"])
    page.get_by_role("button", name="Choose what to test").click()
    expect(page.get_by_text("and 900 more: find them by name")).to_be_visible()
    page.get_by_role("searchbox", name="Find an application").fill("0777")
    page.get_by_role("checkbox", name="App 0777").check()
    page.get_by_role("searchbox", name="Find an application").fill("0001")
    expect(page.get_by_role("checkbox")).to_have_count(3)
    expect(page.get_by_role("checkbox", name="App 0777")).to_be_checked()


@pytest.mark.parametrize(
    ("line", "before", "words"),
    [
        (run(completed=2, started=0), {}, "2 of 4 tests · 10.0 s · about 10 s left"),
        (run(completed=2, started=0, idle=4_000), {}, "about 6 s left"),
        (run(completed=0, started=0), {}, "0 of 4 tests · 10.0 s"),
        (run(completed=0, started=0), {"duration": 25_000.0}, "about 15 s left"),
        (run(completed=0, started=0), {"duration": 25_000.0, "total": 5}, "0 of 4 tests · 10.0 s"),
        (run(completed=0, started=0), {"duration": 8_000.0}, "longer than the 8.0 s of last time"),
        (run(completed=4, started=0), {}, "4 of 4 tests · 10.0 s"),
        (run("paused", completed=2, started=0), {}, "2 of 4 tests · 10.0 s"),
    ],
)
def test_the_expected_time_comes_from_the_pace_or_from_the_last_run_of_this_size(open_page, line, before, words):
    runs = {"r1": line}
    if before:
        runs["r0"] = run("completed", 4, run="r0", started=-60_000, **before)
    page = open_page()
    hold_the_clock(page)
    message = board(runs=runs, asOf=10_000)
    hear(page, 1, **message["delta"])
    hear(page, 2, asOf=10_000)
    page.clock.run_for(20)
    said = page.locator(".as-run").first.locator(".as-figures").inner_text()
    assert said.endswith(words)


def test_a_board_that_is_not_fed_stands_still(open_page):
    page = open_page(board(runs={"r1": run(started=1_795_420_800_000 - 5_000)}))
    hold_the_clock(page)
    hear(page, 1, connection=lost("disconnected", attempt=None, wait=30))
    page.clock.run_for(5_000)
    expect(page.locator(".as-figures")).to_have_text("1 of 4 tests · 5.0 s")
    states = "document.getAnimations().filter((one) => one.animationName !== 'as-breathe').map((one) => one.playState)"
    assert set(page.evaluate(states)) == {"paused"}


def test_applications_are_filtered_by_text_tag_and_status(open_page):
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


def test_groups_come_by_their_worst_application(open_page):
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


def test_thousands_in_groups_are_as_cheap(open_page):
    page = open_page(board(*(card(f"App {n:04}", group=f"Group {n % 50:02}") for n in range(5_000))))
    page.get_by_role("button", name="By group").click()
    page.locator(".as-viewport").evaluate("(viewport) => (viewport.scrollTop = viewport.scrollHeight)")
    expect(page.get_by_text("App 4999", exact=True)).to_be_visible()
    assert 0 < page.locator(".as-cards > li").count() < 40


def test_what_is_simulated_is_marked_and_counts_nowhere(open_page):
    page = open_page(
        board(
            card("Shop", "down", simulated=True), card("Mail"),
            runs={"r1": run(simulated=True)}, feed=[entry(1, simulated=True), entry(2)],
        )
    )  # fmt: skip
    expect(page.get_by_role("button", name="1 healthy")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("down"))).to_have_count(0)
    expect(page.get_by_text("1 simulated, not counted")).to_be_visible()
    for place in (".as-card[data-id=shop]", ".as-run", ".as-entry:nth-child(2)"):
        expect(page.locator(place).get_by_text("simulated", exact=True)).to_be_visible()
    expect(page.locator(".as-entry").first.get_by_text("simulated")).to_have_count(0)


def test_the_simulator_is_there_in_development_mode_only(open_page):
    page = open_page(board())
    expect(page.get_by_role("group", name="Simulator")).to_be_hidden()
    hear(page, 1, dev=True)
    page.get_by_role("button", name="Simulate Test Run").click()
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("button", name="Status Update").click()
    page.get_by_role("spinbutton", name="Seed").fill("1.5")
    page.get_by_role("button", name="Add Activity").click()
    assert page.evaluate("sent") == [
        {"command": "simulate", "kind": "testRun"},
        {"command": "simulate", "kind": "statusUpdate", "seed": 7},
        {"command": "simulate", "kind": "activity"},
    ]
    hear(page, 2, dev=False)
    expect(page.get_by_role("group", name="Simulator")).to_be_hidden()


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


def notice(number: int, status: str = "info", **fields: Any) -> dict[str, Any]:
    return entry(number, what="notice", status=status, type=None, duration=None, message=f"note {number}", **fields)


def test_notifications_go_by_themselves_errors_later_and_not_while_pointed_at(open_page):
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


def test_a_storm_of_notifications_is_three_at_once_and_closing_stops_their_timers(open_page):
    page = open_page(board())
    page.evaluate(TIMEOUTS)
    for number in range(1, 40):
        hear(page, number, feed=[notice(number)])
    expect(page.get_by_text("note 39").first).to_be_visible()
    expect(page.locator(".as-toast")).to_have_count(3)
    assert page.evaluate("waiting.size") >= 3
    page.evaluate("close_view()")
    assert page.evaluate("waiting.size") == 0
