"""Other tools' monitors become applications with ids of their names."""

import pytest

from appsentry_sources.identities import Monitor, id_of, identities


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Payment API", "payment-api"),
        ("  --Shop__(EU) / 2--  ", "shop-eu-2"),
        ("⛰️🚪 Alpine Login", "alpine-login"),
        ("Grüße an Łódź", "grüße-an-łódź"),
        ("支付 API", "支付-api"),
        ("🔥", "app"),
        ("", "app"),
    ],
)
def test_an_id_is_the_names_letters_and_digits(name: str, expected: str) -> None:
    assert id_of(name) == expected


def test_a_monitor_that_was_renamed_stays_one_application() -> None:
    before, after = Monitor(name="Shop", first=0, last=9), Monitor(name="🛒 Shop", first=10, last=20)
    assert identities([before, after]) == ["shop", "shop"]


def test_two_monitors_seen_at_once_are_two_applications_the_first_seen_named_plainly() -> None:
    late, early, third = (Monitor(name="Shop", first=first, last=9) for first in (5, 0, 7))
    assert identities([late, early, third]) == ["shop-2", "shop", "shop-3"]


def test_a_name_that_ends_like_a_second_one_is_not_taken_twice() -> None:
    names = [Monitor(name=name, first=first, last=9) for first, name in enumerate(("Shop 2", "Shop", "shop"))]
    assert identities(names) == ["shop-2", "shop", "shop-3"]
