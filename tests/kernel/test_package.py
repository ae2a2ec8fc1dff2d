"""The package itself: light to import, and nothing in it that was not promised."""

import subprocess
import sys

import pytest

import appsentry_contract
import appsentry_kernel as sentry

HEAVY = (
    "pandas",
    "pyarrow",
    "numpy",
    "socketio",
    "aiohttp",
    "IPython",
    "ipywidgets",
    "anywidget",
    "plotly",
    "pydantic",
)


def modules_after(code: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    return set(ended.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert modules_after("import appsentry_kernel").isdisjoint(HEAVY)


def test_connecting_needs_neither_pandas_nor_widgets_nor_ipython() -> None:
    assert modules_after("from appsentry_kernel import connect").isdisjoint(
        {"pandas", "IPython", "ipywidgets", "anywidget", "plotly"}
    )


def test_the_kernel_side_needs_nothing_of_the_server() -> None:
    code = "import appsentry_kernel.magic, appsentry_kernel.screen"
    assert modules_after(code).isdisjoint({"appsentry_server", "duckdb", "pycurl", "orjson"})


def test_what_is_promised_is_there() -> None:
    assert sentry.__version__ == appsentry_contract.__version__
    assert {"connect", "Session", "Run", "load_ipython_extension"} <= set(dir(sentry))
    assert all(getattr(sentry, name) is not None for name in dir(sentry))


def test_what_is_not_there_is_said_by_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'conect'"):
        _ = sentry.conect
