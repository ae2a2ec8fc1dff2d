"""Test runs on the board: bars, buttons, the choice of what to test, and how long it will take."""

import re

import pytest
from playwright.sync_api import expect


def test_the_bar_follows_the_run_to_its_end(open_page, run, board, hear):
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


def test_several_runs_are_shown_newest_first_and_the_rest_are_counted(open_page, run, board):
    runs = {f"r{n}": run(run=f"r{n}", started=n, current=f"app-{n}") for n in range(5)}
    page = open_page(board(runs=runs))
    assert page.locator(".as-run .as-headline").all_inner_texts() == [f"Testing app-{n}…" for n in (4, 3, 2)]
    expect(page.get_by_text("and 2 more runs")).to_be_visible()


def test_buttons_send_commands_and_show_what_can_be_done(open_page, card, run, board, hear):
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


def test_a_refused_command_is_shown_until_it_is_dismissed(open_page, board, hear):
    page = open_page(board())
    page.get_by_role("button", name="Run Tests").click()
    hear(page, 1, problem={"number": 1, "message": "no application is called 'x'"})
    expect(page.get_by_role("alert")).to_contain_text("no application is called 'x'")
    expect(page.get_by_role("button", name="Run Tests")).to_be_enabled()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    hear(page, 2, problem={"number": 2, "message": "again"})
    expect(page.get_by_role("alert")).to_contain_text("again")


def test_a_run_tests_what_was_chosen_by_keyboard(open_page, card, run, board, hear):
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


def test_what_is_gone_cannot_stay_chosen(open_page, card, board, hear):
    page = open_page(board(card("Shop", tags=["web"]), card("Search")))
    page.get_by_role("button", name="Choose what to test").click()
    page.get_by_role("checkbox", name="web").check()
    page.get_by_role("checkbox", name="Shop").check()
    hear(page, 1, cardsGone=["shop"])
    expect(page.get_by_role("checkbox", name="Shop")).to_have_count(0)
    page.get_by_role("button", name="Run Tests").click()
    assert page.evaluate("sent") == [{"command": "run"}]


def test_among_thousands_an_application_is_chosen_by_its_name(open_page, card, board):
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
        ({"completed": 2, "started": 0}, {}, "2 of 4 tests · 10.0 s · about 10 s left"),
        ({"completed": 2, "started": 0, "idle": 4_000}, {}, "about 6 s left"),
        ({"completed": 0, "started": 0}, {}, "0 of 4 tests · 10.0 s"),
        ({"completed": 0, "started": 0}, {"duration": 25_000.0}, "about 15 s left"),
        ({"completed": 0, "started": 0}, {"duration": 25_000.0, "total": 5}, "0 of 4 tests · 10.0 s"),
        ({"completed": 0, "started": 0}, {"duration": 8_000.0}, "longer than the 8.0 s of last time"),
        ({"completed": 4, "started": 0}, {}, "4 of 4 tests · 10.0 s"),
        ({"state": "paused", "completed": 2, "started": 0}, {}, "2 of 4 tests · 10.0 s"),
    ],
)
def test_the_expected_time_comes_from_the_pace_or_from_the_last_run_of_this_size(
    open_page, line, before, words, run, board, hear, hold_the_clock
):
    runs = {"r1": run(**line)}
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


def test_a_press_that_the_kernel_does_not_answer_is_owned_up_to_with_the_age_of_the_picture(
    open_page, hold_the_clock, card, board, hear
):
    page = open_page(board(card("Shop"), asOf=4_000_000_000_000 - 180_000))
    hold_the_clock(page)
    hear(page, 1)
    page.get_by_role("button", name="Run Tests").click()
    page.clock.run_for(1_000)
    expect(page.get_by_role("button", name="Starting…")).to_be_disabled()
    expect(page.get_by_role("alert")).to_have_count(0)
    page.clock.run_for(1_000)
    expect(page.get_by_role("alert")).to_contain_text("The kernel does not answer")
    expect(page.get_by_text(re.compile(r"This picture is as of \S+, 3 min ago"))).to_be_visible()
    expect(page.get_by_text("No word from the kernel")).to_be_visible()
    expect(page.get_by_role("button", name="Run Tests")).to_be_enabled()
    hear(page, 2)
    page.clock.run_for(500)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("Live Updates")).to_be_visible()


def test_every_button_says_that_the_kernel_does_not_answer(open_page, hold_the_clock, card, board, hear):
    page = open_page(board(card("Shop")))
    hold_the_clock(page)
    hear(page, 1)
    page.get_by_role("button", name="Test Shop now").click()
    page.clock.run_for(2_000)
    expect(page.get_by_role("alert")).to_contain_text("The kernel does not answer")


def test_a_start_that_takes_long_says_so_until_it_is_answered(open_page, hold_the_clock, card, run, board, hear):
    page = open_page(board(card("Shop")))
    hold_the_clock(page)
    page.get_by_role("button", name="Run Tests").click()
    for number in range(1, 7):
        hear(page, number)
        page.clock.run_for(1_000)
    expect(page.get_by_text("No answer yet: the kernel or the server is busy.")).to_be_visible()
    expect(page.get_by_role("button", name="Run Tests")).to_be_enabled()
    hear(page, 7, runs={"r1": run()})
    page.clock.run_for(500)
    expect(page.get_by_text("No answer yet")).to_have_count(0)


def test_the_bar_of_a_run_that_ended_shows_each_outcome_s_share(open_page, run, board, hear):
    page = open_page(board(runs={"r1": run("completed", 4, passed=3, failed=1, duration=2_500.0)}))
    drawn = page.locator(".as-fill").evaluate("(fill) => getComputedStyle(fill).backgroundImage")
    assert "75%" in drawn
    hear(page, 1, runs={"r1": run(completed=1)})
    expect(page.locator(".as-fill")).to_have_css("background-image", "none")
