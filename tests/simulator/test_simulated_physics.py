"""Forward SMAC and BRDF factor of the simulator against the tabulated results of the reference (specs 07 and 09)."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from scipy import stats

from simulator.atmosphere import smac
from simulator.brdf import c_factor
from simulator.figures import smac_coefficients, tile
from simulator.radiometry import normal_deviate

DATA = Path(__file__).resolve().parents[1] / "data"


def cases(name):
    with open(DATA / name) as table:
        return list(csv.DictReader(table))


def test_forward_smac_gives_the_tabulated_reflectance_of_a_quarter():
    for case in cases("smac_cases.csv"):
        angles = (float(case[k]) for k in ("sza", "saa", "vza", "vaa"))
        atmosphere = (float(case[k]) for k in ("aot550", "h2o_g_cm2", "o3_cm_atm", "pressure_hpa"))
        a, t, s = smac(smac_coefficients(case["sensor"], case["band"]), *angles, *atmosphere)
        toa = a + t * 0.25 / (1 - s * 0.25)
        assert toa == pytest.approx(float(case["rho_toa_for_rho_s_0p25"]), abs=2e-9), case["case"]


def test_brdf_factor_is_the_inverse_of_the_tabulated_c_factor():
    done = 0
    for case in cases("nbar_cases.csv"):
        if case["method"] != "ROY" or not case["sensor"].startswith("S2"):
            continue
        angles = (float(case[k]) for k in ("sza", "saa", "vza", "vaa"))
        factor = c_factor(case["band"], *angles, float(case["latitude"]))
        assert 1 / factor == pytest.approx(float(case["c_factor"]), abs=1e-7), case["case"]
        done += 1
    assert done > 10


def test_smac_takes_arrays():
    sza = np.array([[20.0, 40.0], [60.0, 30.0]])
    a, t, s = smac(smac_coefficients("S2A", "B04"), sza, 150.0, 5.0, 100.0, 0.1, 2.0, 0.3, 1013.0)
    assert a.shape == t.shape == s.shape == (2, 2)
    assert t[1, 0] < t[0, 0]


def test_unknown_tile_is_an_error():
    with pytest.raises(ValueError, match="99ZZZ"):
        tile("99ZZZ")


def drawn(side, salt):
    @njit
    def fill(out):
        for y in range(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] = normal_deviate(600005 + 10 * x, 4900015 - 10 * y, salt)

    out = np.empty((side, side))
    fill(out)
    return out


def test_noise_is_normally_distributed():
    """A bounded or otherwise shaped noise would give images other extremes, and so other limits of interpolation."""
    noise = drawn(1000, 2021000000 + 31 * 153 + 977 * 3).ravel()
    assert stats.kstest(noise, "norm").pvalue > 0.001
    assert abs(stats.kurtosis(noise)) < 5 * np.sqrt(24 / noise.size)
    assert 4.2 < abs(noise).max() < 6


@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (1, 0), (1, 1), (0, 7)])
def test_noise_of_neighbours_and_of_bands_is_independent(dy, dx):
    noise, other = drawn(1000, 5), drawn(1000, 5 + 977)
    here = noise[: 1000 - dy, : 1000 - dx].ravel()
    for beside in (noise[dy:, dx:].ravel(), other[dy:, dx:].ravel()):
        assert abs(np.corrcoef(here, beside)[0, 1]) < 5 / 1000
