"""Which bands of which platform and baseline are inter-calibrated, and how (spec 07 section 3)."""

import numpy as np
import pytest

from sen2like.data import intercalibration as adjustment
from sen2like.errors import BlockError
from sen2like.science import intercalibration


@pytest.mark.parametrize("band", ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A"])
def test_old_sentinel_2b_is_raised_to_2a(band):
    found = adjustment("Sentinel-2B", band, "02.09")
    assert (found.slope, found.offset) == (1.011, 0.0)


@pytest.mark.parametrize(
    ("mission", "band", "baseline"),
    [
        ("Sentinel-2B", "B04", "05.00"),
        ("Sentinel-2B", "B04", "04.00"),
        ("Sentinel-2B", "B09", "02.09"),
        ("Sentinel-2B", "B11", "02.09"),
        ("Sentinel-2A", "B04", "02.09"),
        ("Sentinel-2C", "B04", "02.09"),
        ("LANDSAT_8", "B04", "02"),
    ],
)
def test_everything_else_is_left_alone(mission, band, baseline):
    assert adjustment(mission, band, baseline) is None


def test_baseline_that_is_not_a_number_is_refused():
    with pytest.raises(BlockError, match=r"'N5' of Sentinel-2B"):
        adjustment("Sentinel-2B", "B04", "N5")


def test_linear_change_keeps_zero_and_unknown_pixels_and_its_input():
    rho = np.array([[0.0, 0.2, np.nan]], np.float32)
    adjusted = intercalibration.apply(rho, 1.011, 0.0)
    assert adjusted.dtype == np.float32
    np.testing.assert_allclose(adjusted, [[0, 0.2022, np.nan]], rtol=1e-6)
    np.testing.assert_array_equal(rho, np.array([[0.0, 0.2, np.nan]], np.float32))


def test_linear_change_in_place():
    rho = np.array([[0.5]], np.float32)
    assert intercalibration.apply(rho, 2.0, 0.25, out=rho) is rho
    assert rho[0, 0] == 1.25
