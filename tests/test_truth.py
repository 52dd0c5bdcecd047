"""The chain from Level-1C to L2H against the truth of the simulator: the errors are those that theory predicts, and no others.

The predictions are those of `benchmarks.accuracy` (docs/accuracy.md): forward model of the simulator and formulas of the
specifications, not the code of the chain. The same command judges a product of true size.
"""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import accuracy
from benchmarks.accuracy import Part
from simulator import scenarios

COARSE = 15
"""732 pixels of 10 m a side: enough for statistics to about 1 %, and quick."""
ROY = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
WITHOUT_ROY = ("B01", "B05", "B06", "B07")


@pytest.fixture(scope="module")
def assessed(simulate, tmp_path_factory):
    """``assessed(brdf, kernel)`` -> results by band, and error of the displacement in pixels; made once."""
    made = {}
    work = tmp_path_factory.mktemp("truth")
    reference = work / "31TFJ_B04.tif"

    def make(brdf, kernel):
        if (brdf, kernel) not in made:
            if not reference.exists():
                scenarios.write_reference(reference, "31TFJ", COARSE)
            east, north = (pixels * 10 * COARSE for pixels in accuracy.SHIFT_PIXELS)
            simulated = simulate(coarse=COARSE, dx=east, dy=north, physics="mean", brdf=brdf, **accuracy.ATMOSPHERE)
            l2h = accuracy.processed(simulated.path, reference, work / f"brdf_{brdf}", kernel)
            results, shift = accuracy.assess(l2h, simulated.truth, simulated.path)
            made[brdf, kernel] = {r.band: r for r in results}, shift
        return made[brdf, kernel]

    return make


@pytest.fixture(scope="module")
def lambertian(assessed):
    return assessed(False, None)


def test_the_displacement_is_found_within_a_fiftieth_of_a_pixel(lambertian):
    _, (east, south) = lambertian
    assert abs(east) < 0.02 and abs(south) < 0.02


@pytest.mark.parametrize("band", accuracy.BANDS)
def test_a_band_differs_from_the_truth_by_its_predicted_errors(lambertian, band):
    result = lambertian[0][band]
    assert result.missing == 0
    # noise that interpolation correlates: the mean of 5e5 pixels (3e4 in B01) is known to about 0.02 DN (0.05)
    assert result.measured.bias == pytest.approx(result.predicted_bias, abs=0.2)
    assert result.rmse == pytest.approx(result.predicted_rmse, rel=0.03)
    assert result.rmse == pytest.approx(result.quadrature, rel=0.10)


@pytest.mark.parametrize("band", accuracy.BANDS)
def test_nothing_but_noise_and_rounding_is_left_when_computable_errors_are_taken_off(lambertian, band):
    result = lambertian[0][band]
    assert result.rest.bias == pytest.approx(-0.5, abs=0.2)  # truncation
    assert result.rest.sigma == pytest.approx(result.random.sigma, rel=0.02)


@pytest.mark.parametrize("band", ROY)
def test_nbar_takes_off_a_brdf_of_the_reference_kernels(assessed, band):
    result = assessed(True, "reference")[0][band]
    assert result.failures() == []
    assert abs(result.parts["BRDF"].bias) < 0.5
    assert abs(result.measured.bias - result.parts["parabola"].bias + 0.5) < 0.7  # and so in the output itself


@pytest.mark.parametrize("band", ROY)
def test_modis_kernels_leave_the_predicted_difference_of_the_kernels(assessed, band):
    (modis, _), (reference, _) = assessed(True, "modis"), assessed(True, "reference")
    assert modis[band].failures() == []
    # spec 09 section 2.8: sun higher than theta and view near nadir: c is smaller with the MODIS kernel
    difference = modis[band].measured.bias - reference[band].measured.bias
    assert difference < -4
    assert difference == pytest.approx(modis[band].parts["BRDF"].bias - reference[band].parts["BRDF"].bias, abs=0.2)


@pytest.mark.parametrize("band", WITHOUT_ROY)
def test_bands_without_coefficients_keep_the_brdf(assessed, band):
    result = assessed(True, "reference")[0][band]
    assert result.failures() == []
    assert result.parts["BRDF"].bias > 30  # under a higher sun than the truth's everything is brighter
    assert result.measured.bias > 25


def test_what_is_not_predicted_is_told(lambertian):
    good = lambertian[0]["B04"]
    wrong = Part(good.measured.bias + 0.5, good.measured.sigma)  # as if rounded to the nearest DN
    assert replace(good, measured=wrong).failures() == ["bias"]
    blurred = replace(good, rest=Part(good.rest.bias, good.rest.sigma * 0.95))
    assert blurred.failures() == ["rest"]
    assert replace(good, measured=Part(good.measured.bias, good.measured.sigma * 1.05)).failures() == ["RMSE"]
    assert replace(good, missing=1).failures() == ["1 pixels missing"]


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5, 0.9, -0.3, 1.4])
def test_interpolation_weights_reproduce_a_parabola(offset):
    # Catmull-Rom is exact for polynomials of the second degree (Keys, 1981)
    n, weights = accuracy.catmull_rom(offset)
    places = np.arange(n - 1, n + 3)
    for power in (0, 1, 2):
        assert weights @ places.astype(float) ** power == pytest.approx(offset**power, abs=1e-12)


def test_products_that_cannot_be_predicted_are_refused(simulate):
    with pytest.raises(ValueError, match="physics mean"):
        accuracy.scene_of(simulate(dx=30.0, dy=-45.0, cover=0.04, physics="mean").truth)
