"""The noise that benchmarks.parity_noise says is in a product, against the simulator and the worked examples of the specs."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
import rasterio

from benchmarks import parity_noise
from benchmarks.accuracy import band_file, catmull_rom
from benchmarks.parity import TILE, process_one
from benchmarks.parity_compare import NoiseTest
from simulator import sentinel2
from simulator.acquisition import Acquisition
from simulator.figures import TILE_SIZE, tile
from simulator.scene import BAND_ID, Scene

COARSE = 30


def test_the_drawn_noise_is_the_simulators():
    acq = Acquisition(coarse=COARSE, when=datetime(2021, 6, 2, 10, 46))
    epsg, ulx, uly = tile(TILE)
    scene = Scene(acq, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, (ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2))
    rho = np.full((40, 366), 0.2, np.float32)
    with_noise, without = (scene.digital_numbers("B04", rho, 0, 300.0, 10000, 1000, sigma=sigma) for sigma in (0.1, 0.0))
    drawn = np.empty(rho.shape, np.float32)
    salt = 1000003 * acq.seed + 31 * acq.day_of_year + 977 * BAND_ID["B04"]
    parity_noise._draw(ulx + 150.0, uly - 150.0, 300.0, salt, drawn)
    assert abs(drawn.std() - 1) < 0.03
    np.testing.assert_allclose(with_noise.astype(float) - without, 1000 * drawn, atol=1.01)  # both are whole numbers


def test_interpolated_noise_has_the_weights_of_the_cubic():
    impulse = np.zeros((9, 9), np.float32)
    impulse[4, 4] = 1
    (_, weights_y), (_, weights_x) = catmull_rom(0.25), catmull_rom(0.6)
    out = np.empty((6, 6), np.float32)
    parity_noise._interpolate(impulse, weights_y, weights_x, out)
    expected = np.zeros((6, 6))
    expected[1:5, 1:5] = np.outer(weights_y[::-1], weights_x[::-1])
    np.testing.assert_allclose(out, expected, atol=1e-7)


def test_enlarging_is_that_of_the_specification():
    row = np.array([1010, 1040, 1070, 1100], np.float32)  # spec 06 section 6.5, ramp
    enlarged = parity_noise.enlarged(np.tile(row, (4, 1)), (12, 12))
    np.testing.assert_allclose(enlarged[5, :4], [1020, 1010, 1020, 1030], atol=1e-3)
    np.testing.assert_allclose(enlarged[5, -3:], [1090, 1100, 1090], atol=1e-3)


@pytest.mark.parametrize(("product", "year"), [("S2A_MSIL2F_20200101T1", 2020.00273), ("S2A_MSIL2F_20201231T1", 2021.0)])
def test_dates_in_years_are_those_of_the_specification(product, year):
    assert parity_noise._year(product) == pytest.approx(year, abs=5e-6)  # spec 06 section 6.2


@pytest.fixture(scope="module")
def noisy_and_clean(simulate_scenario, tmp_path_factory):
    """L2H of the standard scenario's first product, and of the same without noise, neither moved."""
    inputs, work = simulate_scenario("standard", coarse=COARSE), tmp_path_factory.mktemp("noise")
    (product,) = (inputs / "Sentinel2" / TILE).glob("S2A*_20210602*")
    acq = parity_noise.acquisition_of("S2A_MSIL2H_20210602T104155", inputs / "scenario.json")
    sentinel2.render(replace(acq, noise=0.0), work / "clean", None)
    (clean,) = (work / "clean").glob("*.SAFE")
    made = []
    for source, archive in ((product, work / "a"), (clean, work / "b")):
        process_one(source, inputs, archive, work, "composite", doMatchingCorrection=False)
        made += (archive / TILE).glob("S2A_MSIL2H_*.SAFE")
    return *made, inputs


@pytest.mark.parametrize("band", ["B01", "B04", "B07", "B8A", "B12"])
def test_the_known_noise_is_the_difference_to_a_product_without(noisy_and_clean, band):
    noisy, clean, inputs = noisy_and_clean
    images = []
    for product in (noisy, clean):
        with rasterio.open(band_file(product, band)) as src:
            images.append(src.read(1))
            resolution = src.transform.a
    everywhere = tuple(a.ravel() for a in np.indices(images[0].shape))
    noise = parity_noise.NoisyProduct(noisy, inputs).noise(f"L2H_{band}_20m", images[0], resolution, everywhere)
    difference = (images[0].astype(float) - images[1]).ravel()
    left = difference - noise.known
    assert difference.std() > 3
    # steps of the input and of the output, in both: 1/12 each, those of the input times the slope (at most 1.5)
    assert left.std() < np.sqrt((2 + 2 * 1.5**2) / 12)
    assert abs(left.mean()) < 0.1
    assert noise.expected.mean() == pytest.approx(difference.std(), rel=0.05)


def test_a_raster_that_is_no_band_has_no_known_noise(noisy_and_clean):
    noisy, _, inputs = noisy_and_clean
    with pytest.raises(ValueError, match="not a band"):
        parity_noise.NoisyProduct(noisy, inputs).noise("L2H_T31TFJ_MSK", np.zeros((3, 3), np.uint8), 20, (np.r_[0], np.r_[0]))


def test_a_product_of_another_day_is_refused(simulate_scenario):
    with pytest.raises(ValueError, match="no acquisition of S2A on 20210603"):
        parity_noise.acquisition_of("S2A_MSIL2H_20210603T104155", simulate_scenario("standard", coarse=COARSE) / "scenario.json")


GOOD = NoiseTest(3000, 0.02, 1.01, 0.046, 0.003, 3.6, "brightness", 0.03, 1.0, -1.2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"mean": 0.1}, ["mean"]),
        ({"deviation": 1.08}, ["spread"]),
        ({"deviation": 0.92}, ["spread"]),
        ({"beyond_2": 0.065}, ["tail beyond 2 sigma"]),
        ({"beyond_3": 0.008}, ["tail beyond 3 sigma"]),
        ({"correlation": -0.1}, ["depends on brightness"]),
        ({"whole": 5.0}, ["mean of the whole image"]),
    ],
)
def test_the_noise_test_tells_what_noise_cannot_explain(change, told):
    assert replace(GOOD, **change).failures() == told
