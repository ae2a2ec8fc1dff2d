"""The report on service levels: the month it ships with, with its known truth, and other sources by parameters."""

import importlib.util
import re
from pathlib import Path

import papermill
import pyarrow.parquet as pq
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MOST_BYTES = 300_000

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def report(tmp_path, monkeypatch):
    """Runs the notebook with these parameters and nobody to ask, and gives what its cells say as text."""

    def run(**parameters):
        monkeypatch.setenv("APPSENTRY_URL", "http://127.0.0.1:1")
        done = papermill.execute_notebook(
            str(NOTEBOOKS / "02_sla_report.ipynb"),
            str(tmp_path / "report.ipynb"),
            parameters=parameters,
            cwd=str(NOTEBOOKS),
            progress_bar=False,
        )
        outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
        assert not [output for output in outputs if output.get("name") == "stderr"]
        return "\n".join(output.get("text") or output["data"].get("text/plain", "") for output in outputs)

    return run


def test_the_month_that_ships_has_one_promise_kept_one_broken_and_two_open(report):
    text = report()
    verdicts = dict(
        re.findall(r"^(account|payment-api|search|storefront) .*([✓✗?]) (?:kept|broken|open)", text, re.MULTILINE)
    )
    assert verdicts == {"account": "✓", "payment-api": "✗", "search": "?", "storefront": "?"}
    # The month in which the clocks go back has 31 days and an hour.
    assert len(re.findall(r" 745\.0 *$", text, re.MULTILINE)) == 4
    assert len(re.findall(r"^[0-9a-f]{64}  ", text, re.MULTILINE)) == 4


def test_the_report_takes_another_source_stretch_and_policy(report):
    source = str(NOTEBOOKS / "data" / "october_2026.parquet")
    text = report(
        source=source,
        since="2026-10-21T00:00:00+02:00",
        until="2026-10-24T00:00:00+02:00",
        policy="uptime_kuma",
        targets={"search": 90.0},
    )
    assert "under uptime_kuma 1" in text
    assert "nothing promised" in text


def test_the_report_takes_a_server(report, demo_url):
    assert re.search(r"results of \d applications from http://", report(source=demo_url, targets={"checkout": 99.0}))


def test_the_month_is_what_its_script_makes(tmp_path):
    script = NOTEBOOKS / "data" / "october_2026.py"
    spec = importlib.util.spec_from_file_location("october_2026", script)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    kept = script.with_suffix(".parquet")
    assert pq.read_table(kept).equals(made.history())
    assert kept.stat().st_size < MOST_BYTES
