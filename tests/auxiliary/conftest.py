"""Fixtures of the tests of auxiliary data."""

import numpy as np
import pytest
from auxiliary.cams_data import DAILY_NAME, GLOBE, MONTHLY_NAME, write, write_hours


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """Directories of every database named in the cases."""
    root = tmp_path_factory.mktemp("cams")
    west = GLOBE - 180
    write(root / "monthly" / MONTHLY_NAME)
    write(root / "daily CF-1.6" / DAILY_NAME)
    write(root / "daily CF-1.7" / DAILY_NAME, layout="CF-1.7")
    coarse = 50.25 - 0.75 * np.arange(15), 0.75 * np.arange(15)
    write(root / "daily 0.75deg" / DAILY_NAME, latitude=coarse[0], longitude=coarse[1])
    write(root / "daily valid_time only" / DAILY_NAME, layout="valid_time")
    write(root / "daily no Conventions" / DAILY_NAME, layout="no Conventions")
    write_hours(root / "hourly")
    write(root / "west longitudes, 0..360 grid" / DAILY_NAME, longitude=GLOBE)
    write(root / "west longitudes, -180..180 grid" / DAILY_NAME, longitude=west)
    write(root / "tile across Greenwich, 0..360 grid" / DAILY_NAME, longitude=GLOBE)
    return root
