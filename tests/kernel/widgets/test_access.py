"""The board for everyone: contrast in both themes, narrow views, less motion, the keyboard alone."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(open_page, theme, card, check, run, entry, board, hear):
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


def test_a_narrow_view_has_one_column_and_no_sideways_scrolling(open_page, card, board):
    page = open_page(
        board(card("A rather long name of an application"), card("Shop")), viewport={"width": 380, "height": 800}
    )
    left = page.locator(".as-card").evaluate_all("(cards) => cards.map((card) => card.getBoundingClientRect().left)")
    assert left[0] == left[1]
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_nothing_moves_for_those_who_ask_for_it(open_page, card, run, entry, board, hear):
    page = open_page(board(card("Shop"), runs={"r1": run()}, feed=[entry(1)]), reduced_motion="reduce")
    hear(page, 1)
    assert page.evaluate("document.getAnimations().length") == 0


def test_everything_can_be_reached_and_pressed_by_keyboard(open_page, card, run, board):
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
    ("behind", "theme"),
    [
        ("rgb(255 255 255)", "light"),
        ("color(srgb 1 1 1)", "light"),
        ("oklch(0.98 0.01 250)", "light"),
        ("#111", "dark"),
        ("color(srgb 0.1 0.1 0.1)", "dark"),
        ("oklch(0.2 0.01 250)", "dark"),
    ],
)
def test_the_theme_is_read_off_the_page_however_its_colour_is_written(open_page, board, behind, theme):
    page = open_page(board(), color_scheme="dark" if theme == "light" else "light")
    page.evaluate("(color) => (document.body.style.background = color)", behind)
    expect(page.locator(".appsentry")).to_have_attribute("data-theme", theme)
