import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import packaging_cases as cases


@pytest.fixture
def s2(tmp_path):
    return cases.output_product(cases.fake_product(tmp_path))


@pytest.fixture
def landsat(tmp_path):
    return cases.output_product(cases.landsat_product(tmp_path))
