"""Every notebook is kept without outputs and runs from top to bottom against a real server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import expect


def test_a_notebook_is_kept_without_outputs(notebook):
    content = json.loads(notebook.read_text("utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert code
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert [cell["execution_count"] for cell in code] == [None] * len(code)
    assert set(content["metadata"]) <= {"kernelspec", "language_info"}
    # Papermill knows by its tag which cell to replace; there is nothing else to know of a cell.
    tagged = [cell["metadata"] for cell in content["cells"] if cell["metadata"]]
    assert tagged in ([], [{"tags": ["parameters"]}])
    nbformat.validate(content)


@pytest.mark.timeout(240)
def test_a_notebook_runs_under_nbval(notebook, demo_url, tmp_path):
    copy = tmp_path / notebook.name
    copy.write_bytes(notebook.read_bytes())
    shutil.copytree(notebook.parent / "data", tmp_path / "data")
    words = ["-m", "pytest", "--nbval-lax", "--nbval-current-env", "-q", "-p", "no:cacheprovider", str(copy)]
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,  # away from the project's own settings for pytest
        env={**os.environ, "APPSENTRY_URL": demo_url},
        check=False,
        capture_output=True,
        text=True,
    )
    cells = sum(cell["cell_type"] == "code" for cell in json.loads(notebook.read_text("utf-8"))["cells"])
    assert f"{cells} passed" in ran.stdout, ran.stdout + ran.stderr


# nbconvert leaves charts out that only JupyterLab can draw, and says so.
@pytest.mark.filterwarnings("ignore:Your element with mimetype:UserWarning")
@pytest.mark.timeout(240)
def test_the_executed_dashboard_is_a_still_picture_for_those_who_read_it_later(
    demo_url, tmp_path, monkeypatch, chromium
):
    monkeypatch.setenv("APPSENTRY_URL", demo_url)
    source = Path(__file__).parents[2] / "notebooks" / "01_live_dashboard.ipynb"
    content = nbformat.read(source, as_version=4)
    NotebookClient(content, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    last: Any = content.cells[-1].outputs[0].data
    assert "Storefront" in last["text/html"]
    assert last["text/plain"].startswith("AppSentry, as of 20")
    page = tmp_path / "exported.html"
    content.metadata.pop("widgets", None)
    page.write_text(HTMLExporter().from_notebook_node(content)[0], "utf-8")
    offline = chromium.new_context(offline=True).new_page()
    offline.goto(page.as_uri(), wait_until="domcontentloaded")
    still = offline.locator(".appsentry-still").last
    expect(still.get_by_role("cell", name="Storefront", exact=True).first).to_be_visible()
    expect(still.get_by_text("Activity (UTC)")).to_be_visible()
    offline.context.close()
    assert "6 applications" in content.cells[1].outputs[0].data["text/plain"]
