"""Light or dark: told by what is behind the view, wherever and whenever that is."""

import pytest
from playwright.sync_api import expect


@pytest.mark.parametrize(("behind", "theme"), [("rgb(20, 20, 20)", "dark"), ("oklch(98% 0 0)", "light")])
@pytest.mark.parametrize("preferred", ["light", "dark"])
def test_a_view_drawn_before_it_is_in_the_page_takes_the_theme_of_where_it_is_put(
    open_page, board, behind, theme, preferred
):
    page = open_page(board(), color_scheme=preferred)
    drawn = page.evaluate(
        """async (behind) => {
            close_view();
            document.body.style.background = behind;
            const el = document.createElement("div");
            window.close_view = await open_view(el);
            const before = el.firstChild.dataset.theme;
            document.getElementById("here").replaceChildren(el);
            return before;
        }""",
        behind,
    )
    assert drawn == preferred
    expect(page.locator(".appsentry")).to_have_attribute("data-theme", theme)
