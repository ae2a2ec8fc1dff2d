"""What is simulated, and the controls that simulate."""

import re

from playwright.sync_api import expect


def test_what_is_simulated_is_marked_and_counts_nowhere(open_page, card, run, entry, board):
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


def test_the_simulator_is_there_in_development_mode_only(open_page, board, hear):
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
