"""What tests of sources share: the real histories that lie beside the project."""

from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def upptime_log() -> Path:
    """Thirteen weeks of a real Upptime monitor."""
    path = _SHARED / "upptime-curc.log.gz"
    if not path.exists():
        pytest.skip(f"not run: {path.name} does not lie beside the project")
    return path
