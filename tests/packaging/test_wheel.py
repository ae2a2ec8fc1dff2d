"""The wheel holds the four packages, whole, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "appsentry_kernel": ROOT / "appsentry_kernel",
    "appsentry_server": ROOT / "server/appsentry_server",
    "appsentry_sources": ROOT / "server/appsentry_sources",
    "appsentry_contract": ROOT / "server/appsentry_contract",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("appsentry-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_four_packages_and_nothing_else(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == set(PACKAGES)


def test_the_wheel_brings_the_notebooks_that_the_demo_opens(names: set[str]) -> None:
    brought = {name.partition("/share/appsentry/notebooks/")[2] for name in names if ".data/" in name}
    assert {path.name for path in (ROOT / "notebooks").glob("*.ipynb")} <= brought


def test_every_file_of_the_packages_is_in_the_wheel(names: set[str]) -> None:
    for package, folder in PACKAGES.items():
        listed = subprocess.run(["git", "ls-files", "."], cwd=folder, check=True, capture_output=True, text=True)
        tracked = {f"{package}/{name}" for name in listed.stdout.splitlines() if (folder / name).exists()}
        assert tracked
        assert tracked <= names


def test_the_wheel_says_that_it_is_typed_and_brings_the_widgets_along(names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    suffixes = {Path(name).suffix for name in names if name.startswith("appsentry_kernel/widgets/")}
    assert suffixes >= {".py", ".js", ".css"}
