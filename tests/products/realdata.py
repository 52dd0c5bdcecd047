"""Where genuine products are, if they are: beside the repository, never in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "shared" / "realdata"


def genuine(*parts: str) -> Path:
    """Path of a genuine file or folder; skips the test when it is not there."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip("genuine products are not at hand")
    return path
