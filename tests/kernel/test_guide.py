"""The notebook guide is true: its blocks run in a real kernel, its tables are the code's."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from appsentry_contract.columns import RESULT_COLUMNS, ROLLUP_COLUMNS, Column
from appsentry_kernel.frames import DTYPES, applications_frame

GUIDE = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text()


def test_every_block_runs_in_a_kernel(kernel: Any, server: Any, target: Any) -> None:
    blocks = re.findall(r"^```(?:python|ipython)\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 10
    kernel.run(f"import os; os.environ['APPSENTRY_URL'] = {server.url!r}")
    with target.held():  # so that the run that is paused and cancelled is still there to be
        for block in blocks:
            kernel.run(block)
    assert kernel.run("print(s.state, run.state)") == "closed cancelled"


@pytest.mark.parametrize("columns", [RESULT_COLUMNS, ROLLUP_COLUMNS])
def test_the_tables_of_columns_are_the_code_s(columns: Mapping[str, Column]) -> None:
    rows = [f"| `{name}` | `{DTYPES[column.kind]}` | {column.meaning} |" for name, column in columns.items()]
    assert "\n".join(rows) in GUIDE


def test_every_column_of_the_applications_is_explained_with_its_dtype() -> None:
    for name, dtype in applications_frame([]).dtypes.items():
        assert re.search(rf"^\|.*`{name}`.*\| `{re.escape(str(dtype))}` \|", GUIDE, flags=re.MULTILINE), name
