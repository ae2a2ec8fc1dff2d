"""Either side imports without what only the other needs, and nothing of the tree is importable by accident."""

import subprocess
import sys
from pathlib import Path

import pytest

SERVER_ONLY = (
    "aiodns", "click", "cryptography", "duckdb", "orjson", "prometheus_client", "pycurl", "jsonpath", "yaml", "rich",
    "selectolax", "tornado", "uvloop",
)  # fmt: skip
KERNEL_ONLY = ("aiohttp", "anywidget", "ipykernel", "IPython", "ipywidgets", "pandas", "plotly")
TESTS_ONLY = ("hypothesis", "jupyterlab", "papermill", "playwright", "psutil", "pytest")

IMPORT_ALL = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

package, *blocked = sys.argv[1:]
sys.meta_path.insert(0, Absent())
imported = [package]
root = importlib.import_module(package)
for module in pkgutil.walk_packages(root.__path__, package + ".", onerror=lambda name: None):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        imported.append(module.name)
print(len(imported))
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(blocked)))
"""


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("appsentry_server", (*KERNEL_ONLY, *TESTS_ONLY)),
        ("appsentry_kernel", (*SERVER_ONLY, *TESTS_ONLY, "appsentry_server")),
        (
            "appsentry_sources",
            (*SERVER_ONLY, *KERNEL_ONLY, *TESTS_ONLY, "appsentry_server", "appsentry_kernel"),
        ),
        ("appsentry_contract", (*SERVER_ONLY, *KERNEL_ONLY, *TESTS_ONLY, "appsentry_server", "appsentry_kernel")),
    ],
)
def test_every_module_of_a_side_imports_without_what_only_the_others_need(
    package: str, absent: tuple[str, ...], tmp_path: Path
) -> None:
    ended = python("-c", IMPORT_ALL, package, *absent, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    count, loaded = ended.stdout.splitlines()
    assert int(count) > 4
    assert loaded == ""


@pytest.mark.parametrize("name", ["server", "tests", "benchmarks", "docs", "notebooks"])
def test_no_folder_of_the_repository_is_a_module_elsewhere(name: str, tmp_path: Path) -> None:
    ended = python("-c", f"import {name}", cwd=tmp_path)
    assert ended.stderr.splitlines()[-1] == f"ModuleNotFoundError: No module named '{name}'"


def test_looking_at_the_command_line_loads_no_server(tmp_path: Path) -> None:
    code = "import sys, appsentry_server.cli; print(*{'duckdb', 'pycurl', 'socketio', 'pyarrow'} & set(sys.modules))"
    ended = python("-c", code, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "\n"), ended.stderr
