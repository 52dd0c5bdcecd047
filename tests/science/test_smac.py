"""SMAC against the tabulated cases (spec 07 section 8), its own laws, and the files of coefficients users bring."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.data import smac_coefficients
from sen2like.errors import BlockError
from sen2like.science import smac

DEFAULT = {"aot": 0.2, "h2o": 2.0, "o3": 0.331, "pressure": 1013.095}
CASES = list(csv.DictReader((Path(__file__).parents[1] / "data" / "smac_cases.csv").open()))
BAND_FILE_LINES = (2, 2, 3, 3, 3, 3, 3, 4, 4, 2, 2, 2, 3, 2, 2, 2, 3, 2, 2)
PLATFORM_BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]


def inputs(row, *names):
    columns = {"aot": "aot550", "h2o": "h2o_g_cm2", "o3": "o3_cm_atm", "pressure": "pressure_hpa"}
    return [float(row[columns.get(name, name)]) for name in names]


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['case']}-{row['sensor']}-{row['band']}")
def test_tabulated_case(row):
    coefficients = smac_coefficients(row["sensor"], row["band"])
    atmosphere = smac.terms(coefficients, *inputs(row, "sza", "saa", "vza", "vaa", "aot", "h2o", "o3", "pressure"))
    rho = float(row["rho_toa"])
    # columns hold 9 decimals; absorption bands (B10) run into thousands, where the last written digit is relative
    assert smac.inverse(rho, atmosphere) == pytest.approx(float(row["rho_s_exact"]), abs=1e-8, rel=1e-8)
    assert smac.forward(0.25, atmosphere) == pytest.approx(float(row["rho_toa_for_rho_s_0p25"]), abs=1e-8)
    c = smac.parabola(coefficients, *inputs(row, "sza", "saa", "aot", "h2o", "o3", "pressure"))
    assert c == pytest.approx([float(row[f"quad_c{i}"]) for i in range(3)], abs=1e-7, rel=1e-7)
    pixel = smac.apply_parabola(np.array([[rho]], np.float32), c)
    assert pixel[0, 0] == pytest.approx(float(row["rho_s_reference"]), abs=1e-6, rel=1e-6)


def test_terms_broadcast_over_a_grid_of_angles_and_pressures():
    coefficients = smac_coefficients("S2A", "B02")
    sza, pressure = np.array([[20.0], [50.0]]), np.array([850.0, 930.0, 1013.0])
    grid = smac.terms(coefficients, sza, 150.0, 8.0, 104.0, 0.1, 1.5, 0.3, pressure)
    one = smac.terms(coefficients, 50.0, 150.0, 8.0, 104.0, 0.1, 1.5, 0.3, 930.0)
    assert grid.a.shape == grid.b.shape == grid.s.shape == (2, 3)
    assert (grid.a[1, 1], grid.b[1, 1], grid.s[1, 1]) == pytest.approx((one.a, one.b, one.s), rel=1e-14)


@given(
    st.sampled_from([("S2A", "B01"), ("S2B", "B8A"), ("S2C", "B12"), ("LS8", "B02")]),
    st.floats(0, 80), st.floats(-180, 180), st.floats(0, 12), st.floats(0, 1), st.floats(600, 1050), st.floats(-0.1, 1.2),
)  # fmt: skip
def test_inverse_undoes_forward(sensor_band, sza, saa, vza, aot, pressure, rho_s):
    atmosphere = smac.terms(smac_coefficients(*sensor_band), sza, saa, vza, 0.0, aot, 2.0, 0.331, pressure)
    assert smac.inverse(smac.forward(rho_s, atmosphere), atmosphere) == pytest.approx(rho_s, abs=1e-10)


def test_pixels_of_exact_inverse_agree_with_the_model():
    atmosphere = smac.terms(smac_coefficients("LS8", "B02"), 60.0, 150.0, 5.0, 80.0, **DEFAULT)
    rho = np.linspace(0.01, 1.1, 200, dtype=np.float32).reshape(10, 20)
    pixels = smac.apply_inverse(rho, atmosphere)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, smac.inverse(rho, atmosphere), atol=3e-7)


def test_exact_inverse_takes_terms_per_pixel():
    rho = np.full((1, 2), 0.3, np.float32)
    a, b, s = (np.array([[v, v / 2]], np.float32) for v in (0.1, 0.8, 0.2))
    np.testing.assert_allclose(smac.apply_inverse(rho, smac.Terms(a, b, s)), [[0.2 / 0.84, 0.25 / 0.425]], rtol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
def test_dark_pixels_become_zero_and_unknown_ones_stay_unknown(in_place):
    for correct, atmosphere in ((smac.apply_parabola, (-0.15, 1.5, -0.3)), (smac.apply_inverse, smac.Terms(0.05, 0.8, 0.1))):
        rho = np.array([[-0.1, 0.0, np.nan, 0.01]], np.float32)
        surface = correct(rho, atmosphere, out=rho if in_place else None)
        np.testing.assert_array_equal(surface[0, :2], 0)
        assert np.isnan(surface[0, 2])
        assert surface[0, 3] < 0, "negative surface reflectance of a lit pixel is kept"
        assert (surface is rho) is in_place


def test_surface_reflectance_of_dark_targets_falls_as_aerosol_rises():
    coefficients = smac_coefficients("S2A", "B02")
    atmosphere = smac.terms(coefficients, 45.0, 150.0, 0.0, 0.0, np.array([0.05, 0.2, 0.4]), 2.0, 0.331, 1013.25)
    assert np.all(np.diff(smac.inverse(0.12, atmosphere)) < 0)


@pytest.mark.parametrize(
    ("quantity", "value", "words"),
    [
        ("sza", 85.0, "sun zenith of 85"),
        ("sza", float("nan"), "sun zenith of nan"),
        ("aot", -966.0, "aerosol optical thickness of -966"),
        ("h2o", 20.0, "water vapour of 20"),
        ("o3", 300.0, "ozone of 300"),
        ("pressure", 101325.0, "pressure of 101325"),
    ],
)
def test_impossible_atmosphere_is_refused_by_name_and_value(quantity, value, words):
    good = {"sza": 40.0, **DEFAULT}
    smac.check_inputs(**good)
    with pytest.raises(ValueError, match=words):
        smac.check_inputs(**{**good, quantity: value})


def test_one_bad_node_of_a_grid_is_enough_to_refuse():
    with pytest.raises(ValueError, match="sun zenith of 86"):
        smac.check_inputs(np.array([[40.0, 86.0]]), **DEFAULT)


def band_file(coefficients):
    values = iter(coefficients.values())
    return "\n".join(" ".join(repr(next(values)) for _ in range(count)) for count in BAND_FILE_LINES) + "\n"


def platform_file():
    columns = [smac_coefficients("S2B", band).values() for band in PLATFORM_BANDS]
    return "# " + " ".join(PLATFORM_BANDS) + "\n" + "\n".join(" ".join(map(repr, row)) for row in zip(*columns, strict=True))


def test_file_of_one_band_is_read():
    expected = smac_coefficients("LS8", "B04")
    assert smac.parse_band_file(band_file(expected), "Coef_LANDSAT8_660_1.dat") == expected


def test_file_of_one_platform_is_read():
    table = smac.parse_platform_file(platform_file(), "Coef_S2B_CONTINENTAL.dat")
    assert list(table) == PLATFORM_BANDS
    assert table["B8A"] == smac_coefficients("S2B", "B8A")
    assert table["B09"] == smac_coefficients("S2B", "B09")


def test_truncated_files_tell_what_was_found_and_expected():
    short = "\n".join(band_file(smac_coefficients("LS8", "B04")).splitlines()[:11])
    with pytest.raises(ValueError, match=r"Coef.dat: 11 lines .* 19 expected"):
        smac.parse_band_file(short, "Coef.dat")
    with pytest.raises(ValueError, match=r"Coef.dat: 29 rows .* 49 expected"):
        smac.parse_platform_file("\n".join(platform_file().splitlines()[:30]), "Coef.dat")


def test_wrong_lines_of_files_are_named():
    text = band_file(smac_coefficients("LS8", "B04"))
    with pytest.raises(ValueError, match=r"Coef.dat, line 1: 1 .* found, 2 expected"):
        smac.parse_band_file(text.replace(" ", "", 1), "Coef.dat")
    lines = text.splitlines()
    with pytest.raises(ValueError, match=r"Coef.dat, line 2: .* not a number"):
        smac.parse_band_file("\n".join([lines[0], "a b", *lines[2:]]), "Coef.dat")
    with pytest.raises(ValueError, match=r"line 5: 12 .* 13 expected"):
        rows = platform_file().splitlines()
        smac.parse_platform_file("\n".join([*rows[:4], rows[4].rsplit(" ", 1)[0], *rows[5:]]), "Coef.dat")
    with pytest.raises(ValueError, match="must start with '#'"):
        smac.parse_platform_file(text, "Coef.dat")
    with pytest.raises(ValueError, match="finite"):
        smac.parse_band_file("\n".join(["nan 0", *lines[1:]]), "Coef.dat")


@pytest.mark.parametrize(("sensor", "rows_of"), [("S2D", "S2A"), ("PRS", "S2A"), ("LS9", "LS8"), ("S2C", "S2C")])
def test_platform_without_own_coefficients_uses_its_stand_in(sensor, rows_of):
    assert smac_coefficients(sensor, "B04") is smac_coefficients(rows_of, "B04")


def test_landsat_9_rows_are_copies_of_landsat_8():
    rows = list(csv.DictReader((Path(smac_coefficients.__code__.co_filename).parent / "smac_coefficients.csv").open()))
    by_sensor = {s: [{k: v for k, v in r.items() if k != "sensor"} for r in rows if r["sensor"] == s] for s in ("LS8", "LS9")}
    assert by_sensor["LS8"] == by_sensor["LS9"]


def test_missing_coefficients_name_sensor_and_band():
    with pytest.raises(BlockError, match=r"'B10' of LS8"):
        smac_coefficients("LS8", "B10")
    with pytest.raises(BlockError, match="'LS5'"):
        smac_coefficients("LS5", "B04")


def test_pressure_of_the_ground_matters_as_6s_says():
    """Target at 1500 m (844 hPa): sea-level pressure costs about -0.017 in S2A B01 at AOT 0.1 (spec 07 section 4.6)."""
    coefficients = smac_coefficients("S2A", "B01")
    true, low = (smac.terms(coefficients, 45.0, 150.0, 0.0, 0.0, 0.1, 2.0, 0.331, p) for p in (844.0, 1013.25))
    error = smac.inverse(smac.forward(0.05, true), low) - 0.05
    assert error == pytest.approx(-0.0174 - 0.0030, abs=0.002)


def test_the_second_rayleigh_figure_is_not_used():
    coefficients = smac_coefficients("S2A", "B02")
    other = replace(coefficients, rayleigh_depth=(coefficients.rayleigh_depth[0], 99.0))
    geometry = (40.0, 150.0, 0.0, 0.0)
    assert smac.terms(other, *geometry, **DEFAULT).a == smac.terms(coefficients, *geometry, **DEFAULT).a
