"""`appsentry validate`: is a file good, and if not, where."""

import pytest

GOOD = """\
applications:
  - id: shop
    checks:
      - {type: health, url: "https://shop.example.org/health"}
      - {type: health, url: "https://shop.example.org/"}
"""

BAD = """\
server: {port: 70000}
applications:
  - id: shop
    colour: red
    checks:
      - {type: health, url: "ftp://shop.example.org/", interval: 5 parsecs}
      - {type: login, url: "https://shop.example.org/", username: env:NOT_SET_ANYWHERE, password: correct-horse}
  - id: shop
    checks: [{type: telepathy}]
"""


def test_a_good_file_is_counted(place):
    place.configuration.write_text(GOOD)
    process = place.start("validate", "appsentry.yaml")

    assert process.ended() == 0
    assert process.out == "appsentry.yaml is good: 1 application, 2 checks\n"
    assert process.err == ""


def test_every_mistake_of_a_bad_file_is_shown_with_its_place(place):
    place.configuration.write_text(BAD)
    process = place.start("validate", "appsentry.yaml")

    assert process.ended() == 2
    assert process.out == ""
    *problems, last = process.err.splitlines()
    assert last == f"appsentry: {len(problems)} problems in appsentry.yaml"
    lines = [int(problem.split(":")[1]) for problem in problems]
    assert all(problem.startswith("appsentry.yaml:") for problem in problems)
    assert lines == sorted(lines)
    assert set(lines) == {1, 4, 6, 7, 8, 9}
    assert lines.count(6) == lines.count(7) == 2
    assert "NOT_SET_ANYWHERE" in process.err
    assert "correct-horse" not in process.err


@pytest.mark.parametrize("name", ["nothing.yaml", "."])
def test_what_is_no_file_is_one_problem(place, name):
    process = place.start("validate", name)

    assert process.ended() == 2
    assert process.err.count("\n") == 2
    assert process.err.endswith(f"appsentry: 1 problem in {name}\n")
