"""DN to reflectance against the tabulated cases, and the arithmetic of a whole pixel (spec 07 sections 2.4 and 4.5)."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from sen2like.data import roy_coefficients, smac_coefficients
from sen2like.science import brdf, intercalibration, smac
from sen2like.science.encode import encode
from sen2like.science.toa import Radiometry

# The thermal rows (B10) hold what the reference makes of bands without reflectance coefficients: DN / output gain - output
# offset, a constant image after packaging. It is not a conversion to reflectance, so `Radiometry` has no part in it.
CASES = [row for row in csv.DictReader((Path(__file__).parents[1] / "data" / "toa_cases.csv").open()) if row["band"] != "B10"]


def radiometry(row):
    if row["product"].startswith("S2"):
        return Radiometry(add=float(row["add_offset"] or 0), divisor=float(row["quantification_value"]))
    level2 = "L2" in row["product"]
    sine = 1.0 if level2 else math.sin(math.radians(float(row["sun_elevation"])))
    return Radiometry(float(row["reflectance_mult"]), float(row["reflectance_add"]), sine, dark_is_zero=True)


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['case']}-{row['product']}")
def test_tabulated_case(row):
    rho = radiometry(row).reflectance(np.array([[float(row["dn"])]], np.float32))
    assert rho.dtype == np.float32
    assert rho[0, 0] == pytest.approx(float(row["expected_rho"]), abs=1e-6)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32, np.float64])
def test_dn_of_any_type_give_float32_and_are_left_alone(dtype):
    dn = np.array([[0, 2000]], dtype)
    rho = Radiometry(add=-1000, divisor=10000).reflectance(dn)
    assert rho.dtype == np.float32
    np.testing.assert_allclose(rho, [[-0.1, 0.1]], rtol=1e-6)
    np.testing.assert_array_equal(dn, [[0, 2000]])


def test_conversion_in_place_keeps_unknown_pixels():
    dn = np.array([[np.nan, -3, 9876]], np.float32)
    rho = Radiometry(2e-5, -0.1, 1.0, dark_is_zero=True).reflectance(dn, out=dn)
    assert rho is dn
    np.testing.assert_allclose(rho, [[np.nan, 0, 0.09752]], rtol=1e-5)


@pytest.mark.parametrize("divisor", [0.0, -1.0, math.sin(math.radians(-5))])
def test_quantification_or_sun_below_the_horizon_is_refused(divisor):
    with pytest.raises(ValueError, match="divisor is"):
        Radiometry(divisor=divisor)


def test_figures_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="mult is nan"):
        Radiometry(mult=math.nan)


def pixel(value):
    return np.array([[value]], np.float32)


def test_sentinel2_pixel_from_dn_to_dn():
    """First end-to-end example of spec 07 section 4.5."""
    toa = Radiometry(add=-1000, divisor=10000).reflectance(pixel(2500))
    c = smac.parabola(smac_coefficients("S2A", "B04"), 30.12, 151.3, 0.2, 2.0, 0.331, 1013.095)
    assert c == pytest.approx((-0.03054695, 1.19281765, -0.10026718), abs=1e-8)
    surface = smac.apply_parabola(toa, c)
    assert surface[0, 0] == pytest.approx(0.14611969, abs=1e-6)
    factor = brdf.c_factor(roy_coefficients("B04"), 30.12, 8.2, 151.3 - 104.2, brdf.theta_norm(43.8))
    assert factor == pytest.approx(0.90888166, abs=2e-6)
    nadir = brdf.apply(surface, factor)
    assert nadir[0, 0] == pytest.approx(0.13280551, abs=1e-6)
    assert encode(nadir, 10000, 1000)[0, 0] == 2328


def test_landsat_pixel_from_dn_to_dn():
    """Second end-to-end example of spec 07 section 4.5; slope and offset of SBAF from spec 09 section 3.1, B05 to B8A."""
    toa = Radiometry(2e-5, -0.1, math.sin(math.radians(90 - 35.7)), dark_is_zero=True).reflectance(pixel(17000))
    assert toa[0, 0] == pytest.approx(0.29553611, abs=1e-6)
    c = smac.parabola(smac_coefficients("LS8", "B05"), 35.7, 142.4, 0.2, 2.0, 0.331, 1013.095)
    assert c == pytest.approx((-0.01367311, 1.09365837, -0.05220711), abs=1e-8)
    surface = smac.apply_parabola(toa, c)
    assert surface[0, 0] == pytest.approx(0.30498256, abs=1e-6)
    factor = brdf.c_factor(roy_coefficients("B8A"), 35.7, 5.1, 142.4 + 78, brdf.theta_norm(44.6))
    assert factor == pytest.approx(0.97403071, abs=2e-6)
    nadir = brdf.apply(surface, factor)
    assert nadir[0, 0] == pytest.approx(0.29706240, abs=1e-6)
    adjusted = intercalibration.apply(nadir, 1.0017028949, 0.0001001703)
    assert adjusted[0, 0] == pytest.approx(0.29766843, abs=1e-6)
    assert encode(adjusted, 10000, 1000)[0, 0] == 3976
