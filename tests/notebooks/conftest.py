"""The product's notebooks, and a demonstration for them to look at."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    """Each notebook in turn."""
    path: Path = request.param
    return path


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demonstration's server."""
    words = ["demo", "--no-lab", "--port", "0", "--data-dir", str(tmp_path_factory.mktemp("demo"))]
    process = subprocess.Popen([sys.executable, "-m", "appsentry_server", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, f"instead of an address came {line!r}"
    yield found[0]
    process.terminate()
    process.wait(30)
    process.stdout.close()
