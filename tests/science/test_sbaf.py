"""Spectral band adjustment against the tabulated cases and figures of spec 09 section 3."""

import csv
from pathlib import Path

import numpy as np
import pytest

from sen2like.data import band_adjustment
from sen2like.science import sbaf

CASES = list(csv.DictReader((Path(__file__).parents[1] / "data" / "sbaf_cases.csv").open()))
ADAPTED = ("B04", "B11", "B12")
"""Candidates of the adaptive cases."""
TABLE = {
    "B01": (1.0041168792, 0.0002008234),
    "B02": (1.0227040295, 0.0040908161),
    "B03": (0.9947279419, 0.0008952551),
    "B04": (1.0240655402, -0.0009216590),
    "B8A": (1.0017028949, 0.0001001703),
    "B11": (1.0013016922, 0.0011014319),
    "B12": (0.9970089731, 0.0011964108),
}


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['case']}-{row['s2_band']}-{row['mode'][:8]}")
def test_tabulated_case(row):
    adjustment = band_adjustment("LS8", row["s2_band"])
    assert adjustment.slope == pytest.approx(float(row["static_slope"]), abs=1e-11)
    assert adjustment.offset == pytest.approx(float(row["static_offset"]), abs=1e-11)
    rho = np.array([[row["rho_in"]]], np.float32)
    if row["mode"].startswith("adaptive") and row["s2_band"] in ADAPTED:
        adjusted = sbaf.apply_adaptive(rho, np.array([[row["ndvi"]]], np.float32), adjustment)
    else:
        adjusted = sbaf.apply(rho, adjustment.slope, adjustment.offset)
    assert adjusted.dtype == np.float32
    assert adjusted[0, 0] == pytest.approx(float(row["rho_out"]), abs=1e-7)


@pytest.mark.parametrize("sensor", ["LS8", "LS9"])
@pytest.mark.parametrize("band", TABLE)
def test_both_landsats_have_the_published_figures(sensor, band):
    adjustment = band_adjustment(sensor, band)
    assert (adjustment.slope, adjustment.offset) == pytest.approx(TABLE[band], abs=6e-11)
    assert "Claverie" in adjustment.source


@pytest.mark.parametrize(("sensor", "band"), [("S2A", "B04"), ("S2B", "B04"), ("S2C", "B12"), ("LS8", "B08"), ("PRS", "B04")])
def test_other_sensors_and_bands_are_not_adjusted(sensor, band):
    assert band_adjustment(sensor, band) is None


def test_zero_and_unknown_pixels_stay_and_the_input_too():
    rho = np.array([[0, np.nan, 0.2, -0.1]], np.float32)
    before = rho.copy()
    np.testing.assert_allclose(sbaf.apply(rho, 2.0, 0.25), [[0, np.nan, 0.65, 0.05]], rtol=1e-6)
    np.testing.assert_array_equal(rho, before)


def test_adjustment_in_place():
    rho = np.array([[0, 0.5]], np.float32)
    assert sbaf.apply(rho, 2.0, 0.25, out=rho) is rho
    np.testing.assert_array_equal(rho, np.array([[0, 1.25]], np.float32))


def test_adaptive_adjustment_in_place_takes_the_static_one_where_ndvi_is_low_or_unknown():
    adjustment = sbaf.BandAdjustment("LS8", "B04", 0.5, -0.1, ndvi_slope=1.0, ndvi_offset=0.5)
    rho = np.array([[0.3, 0.3, 0.3, 0.3, 0, np.nan]], np.float32)
    ndvi = np.array([[0.5, 0.1, -1, np.nan, 0.5, 0.5]], np.float32)
    assert sbaf.apply_adaptive(rho, ndvi, adjustment, out=rho) is rho
    np.testing.assert_allclose(rho, [[0.3, 0.8, 0.8, 0.8, 0, np.nan]], rtol=1e-6)


def test_ndvi_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="NDVI"):
        sbaf.apply_adaptive(np.zeros((2, 2), np.float32), np.zeros((1, 2), np.float32), band_adjustment("LS8", "B04"))
