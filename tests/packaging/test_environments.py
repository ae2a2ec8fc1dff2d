"""The two lists of what has to be installed say the same."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"duckdb": "python-duckdb", "playwright": "playwright-python", "prometheus-client": "prometheus_client"}
CONDA_ONLY = {"pip", "nodejs"}


def requirements_of_pyproject() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    found: dict[str, str] = {"python": project["requires-python"]}
    for requirement in (Requirement(text) for one in lists for text in one):
        if requirement.name == "appsentry":
            continue
        # conda-forge has no extras: what an extra brings along has to be listed by itself.
        assert not requirement.extras, f"name what {requirement} brings along instead"
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        assert found.setdefault(name, str(requirement.specifier)) == str(requirement.specifier)
    return found


def requirements_of_conda() -> dict[str, str]:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    found = [Requirement(text) for text in listed]
    assert len({one.name for one in found}) == len(found)
    return {one.name: str(one.specifier) for one in found if one.name not in CONDA_ONLY}


def test_conda_gets_what_pip_gets_in_the_same_versions() -> None:
    assert requirements_of_conda() == requirements_of_pyproject()


def test_the_javascript_lock_names_no_registry() -> None:
    text = (ROOT / "tests/javascript/package-lock.json").read_text()
    assert '"integrity"' in text
    assert '"resolved"' not in text
