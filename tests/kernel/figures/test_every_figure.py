"""What holds of every figure that is made from a frame alone, whatever is in it."""

import json
import re

import pandas as pd
import pytest

import appsentry_kernel as sentry
from appsentry_kernel.errors import AppSentryError
from appsentry_kernel.figures.theme import DARK, LIGHT

PHASES = ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms", "transfer_ms")
STATUSES = ("daily", "heartbeats", "timeline")
RESPONSES = ("latency", "latency_heatmap", "phases")
FIGURES = (*STATUSES, *RESPONSES, "rhythm")
MOST_BYTES = 200_000


@pytest.fixture(params=FIGURES)
def draw(request):
    """Each figure in turn."""
    return getattr(sentry.fig, request.param)


@pytest.fixture
def frame(beats):
    made = beats(search="+++--+" * 20, shop="+~+?m+" * 20)
    return made.assign(**dict.fromkeys(PHASES, 2.0))


def _texts(value):
    """Every text of a drawn figure."""
    if isinstance(value, dict):
        # Templates are ours, and hold markup of ours.
        value = [one for key, one in value.items() if key not in ("hovertemplate", "bdata", "template")]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def test_a_figure_says_of_what_it_is(draw, frame):
    figure = draw(frame, zone="Europe/Berlin")
    said = figure.layout.title.subtitle.text
    assert said.startswith("n = 240 · covers ")
    assert "policy default 1" in said
    assert said.endswith("2026-11-02 01:00 to 2026-11-02 03:00 Europe/Berlin")
    assert "2 applications" in figure.layout.title.text
    assert len(figure.table)


def test_a_figure_is_drawn_in_both_looks(draw, frame):
    light, dark = (draw(frame, look=look) for look in ("light", "dark"))
    assert light.layout.paper_bgcolor == LIGHT.back
    assert dark.layout.paper_bgcolor == DARK.back
    pd.testing.assert_frame_equal(light.table, dark.table)
    with pytest.raises(ValueError, match="theme='pink' is not one of light, dark"):
        draw(frame, look="pink")


@pytest.mark.parametrize(
    "name", ["<b>bold</b>", "<a href='javascript:1'>x</a>", "a & b", "$x^2$", "x" * 300, "a\n<br>b"]
)
def test_a_name_is_text_whatever_it_contains(draw, frame, name):
    figure = draw(frame[frame["application"] == "search"].assign(application=name))
    texts = _texts(json.loads(figure.to_json()))
    assert not [text for text in texts if re.search(r"<[a-z/]|\$", text)]
    assert max(len(text) for text in texts) < 300
    if "application" in figure.table:
        assert set(figure.table["application"]) == {name}


def test_hover_templates_hold_no_name(draw, frame):
    other = frame.assign(application=frame["application"] + "%{x}<b>")
    templates = [re.findall(r'"hovertemplate":("(?:[^"\\]|\\.)*")', draw(rows).to_json()) for rows in (frame, other)]
    assert templates[0] == templates[1]
    # Plotly formats only what lies on a date axis as a date: a number elsewhere would be read as a year.
    assert not [template for template in templates[0] if re.search(r"(customdata|base)[^}]*\|", template)]


def test_an_empty_frame_is_refused_in_words(draw, frame):
    with pytest.raises(AppSentryError, match="this frame holds no result to draw"):
        draw(frame.iloc[:0])
    with pytest.raises(AppSentryError, match="this frame holds no result to draw"):
        draw(frame.assign(simulated=True))
    with pytest.raises(AppSentryError, match="has no ts and no application"):
        draw(pd.DataFrame())


def test_a_single_result_is_drawn(draw, frame):
    figure = draw(frame.iloc[:1])
    assert "n = 1 · covers 100.0%" in figure.layout.title.subtitle.text
    assert len(figure.table)


def test_the_order_of_the_rows_does_not_matter(draw, frame):
    shuffled = frame.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(draw(shuffled).table, draw(frame).table)


def test_simulated_results_are_left_out(draw, frame):
    simulated = frame.assign(simulated=True, response_ms=9e6, status="down")
    both = pd.concat([frame.assign(simulated=False), simulated])
    pd.testing.assert_frame_equal(draw(both).table, draw(frame).table)


def test_an_unknown_zone_or_application_is_named(draw, frame):
    with pytest.raises(AppSentryError, match="zone='Mars' is no time zone"):
        draw(frame, zone="Mars")
    with pytest.raises(AppSentryError, match="has no application 'x'; it has search, shop"):
        draw(frame, application="x")


@pytest.mark.parametrize("name", STATUSES)
def test_figures_of_states_need_statuses(name, frame):
    draw = getattr(sentry.fig, name)
    with pytest.raises(AppSentryError, match="this one lacks status"):
        draw(frame.drop(columns="status"))
    with pytest.raises(AppSentryError, match="1 of 240 rows have no status"):
        draw(frame.assign(status=frame["status"].where(frame.index != 3)))


@pytest.mark.parametrize("name", RESPONSES)
def test_figures_of_response_times_need_no_statuses(name, frame):
    figure = getattr(sentry.fig, name)(frame.drop(columns="status"))
    assert "no statuses: coverage and policy do not apply" in figure.layout.title.subtitle.text
    assert figure.table["n"].sum() == 240


def test_figures_of_response_times_say_when_there_are_none(frame):
    for draw in (sentry.fig.latency, sentry.fig.latency_heatmap):
        with pytest.raises(AppSentryError, match="no result of this frame has a response time"):
            draw(frame.drop(columns="response_ms"))
        with pytest.raises(AppSentryError, match="no result that passed has a response time"):
            draw(frame.assign(status="down"))
    with pytest.raises(AppSentryError, match="has phases: not every source measures them"):
        sentry.fig.phases(frame.drop(columns=list(PHASES)))


def test_two_hundred_applications_fit_as_well_as_one(draw, beats):
    signs = {f"app-{number:03}": "+-~?" * 10 for number in range(200)}
    frame = beats.named(signs, "2026-08-01T00:00:00Z", 3_600).assign(**dict.fromkeys(PHASES, 1.0))
    many = draw(frame)
    one = draw(frame, application="app-007")
    assert "200 applications" in many.layout.title.text
    assert "app-007" in one.layout.title.text
    assert len(many.to_json()) < MOST_BYTES


def test_a_million_results_weigh_little_in_a_notebook(draw, million):
    figure = draw(million)
    assert "n = 1,000,000" in figure.layout.title.subtitle.text
    assert len(figure.to_json()) < MOST_BYTES
