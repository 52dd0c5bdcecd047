"""Each block on a small product: what it does, when it declines, what it refuses."""

import dataclasses

import numpy as np
import pytest

from sen2like.blocks.atmcor import S2L_Atmcor
from sen2like.blocks.base import Job
from sen2like.blocks.geometry import S2L_GeometryKLT
from sen2like.blocks.geometry_check import S2L_GeometryCheck
from sen2like.blocks.intercalibration import S2L_InterCalibration
from sen2like.blocks.nbar import S2L_Nbar
from sen2like.blocks.toa import S2L_Toa
from sen2like.config import load
from sen2like.config.load import default_configuration
from sen2like.data import smac_coefficients
from sen2like.errors import BlockError
from sen2like.grid.mgrs import tile
from sen2like.products.model import Angles
from sen2like.products.registry import open_product
from sen2like.raster.framed import FramedImage
from sen2like.raster.image import Image
from sen2like.science import smac

NO_CAMS = [f"{key}=None" for key in ("cams_dir", "cams_daily_dir", "cams_hourly_dir", "cams_climatology_dir")]


@pytest.fixture
def make_job(s2_product, tmp_path):
    """A job on the simulated product; keyword arguments change fields of the product."""

    def make(*overrides, reference=None, **changes) -> Job:
        frame = tile("31TFJ")
        product = dataclasses.replace(open_product(s2_product.path, frame), **changes)
        return Job(
            product=product,
            tile=frame,
            config=load(default_configuration(), [*NO_CAMS, *overrides], searching=False),
            bands=tuple(product.bands),
            workdir=tmp_path,
            reference=reference,
            masks=product.read_masks(),
            angles=product.read_angles("reference"),
        )

    return make


def small(values, job) -> Image:
    """An image whose first row holds `values`."""
    geobox = job.tile.geobox(300)
    data = np.full(geobox.shape, 5000, np.float32)
    data[0, : len(values)] = values
    return Image(data, geobox, 0)


def first(image, n):
    return image.rows(0, 1)[0, :n]


def test_toa_gives_reflectance_and_no_value_where_there_is_no_data(make_job):
    job = make_job()
    rho = first(S2L_Toa().process(job, small([2500, 1000, 0], job), "B04"), 3)
    np.testing.assert_allclose(rho[:2], [0.15, 0.0], atol=1e-7)
    assert np.isnan(rho[2])


@pytest.mark.parametrize("block", [S2L_Atmcor, S2L_InterCalibration])
def test_surface_reflectance_is_not_corrected_again(make_job, block):
    assert "surface reflectance already" in block().declines(make_job(level="Level-2A"))
    assert block().declines(make_job()) is None


@pytest.mark.parametrize(
    ("mission", "baseline", "band", "factor"),
    [("Sentinel-2B", "02.09", "B04", 1.011), ("Sentinel-2B", "05.00", "B04", 1), ("Sentinel-2A", "02.09", "B04", 1),
     ("Sentinel-2B", "03.01", "B8A", 1.011), ("Sentinel-2B", "02.09", "B11", 1)],
)  # fmt: skip
def test_only_old_sentinel_2b_products_are_intercalibrated(make_job, mission, baseline, band, factor):
    """Spec 07 section 3."""
    job = make_job(mission=mission, baseline=baseline)
    image = small([0.2], job)
    np.testing.assert_allclose(first(S2L_InterCalibration().process(job, image, band), 1), [0.2 * factor], rtol=1e-6)
    assert image.data[0, 0] == np.float32(0.2)


@pytest.mark.parametrize(("variant", "tolerance"), [("reference", 2e-7), ("exact", 2e-7)])
def test_atmospheric_correction_is_smac_with_the_default_atmosphere_when_there_is_no_cams(make_job, variant, tolerance):
    job = make_job(f"smac={variant}")
    block = S2L_Atmcor()
    block.preprocess(job)
    got = first(block.process(job, small([0.15], job), "B04"), 1)[0]
    coefficients = smac_coefficients("S2A", "B04")
    where = {"sza": job.product.sun_zenith, "saa": job.product.sun_azimuth, "vza": 0.0, "vaa": 0.0}
    air = {"aot": 0.2, "h2o": 2.0, "o3": 0.331, "pressure": 1013.095}
    if variant == "exact":
        expected = smac.inverse(0.15, smac.terms(coefficients, **where, **air))
    else:
        c = smac.parabola(coefficients, **where, **air)
        expected = c[0] + c[1] * 0.15 + c[2] * 0.15**2
    assert got == pytest.approx(float(expected), abs=tolerance)
    assert job.record.quality["AOT_RETRIEVAL_METHOD"] == "DEFAULT"
    assert job.record.quality["OZONE_SOURCE"] == "CONFIG"
    assert any("default atmosphere" in w for w in job.record.warnings)


def test_sun_below_the_range_of_the_model_stops_the_product(make_job):
    job = make_job(sun_zenith=86.0)
    with pytest.raises(BlockError, match="86"):
        S2L_Atmcor().preprocess(job)


def test_nbar_leaves_bands_without_coefficients_alone(make_job):
    job = make_job()
    block = S2L_Nbar()
    block.preprocess(job)
    for band in ("B01", "B05", "B06", "B07"):
        image = small([0.2], job)
        assert block.process(job, image, band) is image
    assert first(block.process(job, small([0.2], job), "B04"), 1)[0] != pytest.approx(0.2, abs=1e-3)
    block.postprocess(job)
    assert job.record.quality["BRDF_METHOD"] == "Roy and al. 2016"
    # 43.74 degrees north, spec 09 section 2.3
    assert float(job.record.quality["CONSTANT_SOLAR_ZENITH_ANGLE"]) == pytest.approx(46.81, abs=0.05)


def test_nbar_refuses_a_sun_grid_without_angles(make_job):
    job = make_job()
    job.angles = Angles(np.zeros_like(job.angles.degrees), job.angles.names, job.angles.geobox)
    with pytest.raises(BlockError, match="sun zenith"):
        S2L_Nbar().preprocess(job)


def test_refined_product_is_moved_only_when_forced(make_job):
    assert S2L_GeometryKLT().declines(make_job(refined=True)) is None
    unforced = make_job("force_geometric_correction=False", refined=True)
    assert "refined" in S2L_GeometryKLT().declines(unforced)


def test_without_reference_image_the_product_stays_and_says_so(make_job):
    job = make_job()
    block = S2L_GeometryKLT()
    block.preprocess(job)
    assert not job.record.shift
    assert any("no reference image" in w for w in job.record.warnings)
    image = job.read("B04")
    assert block.process(job, image, "B04") is image
    assert "no reference image" in S2L_GeometryCheck().declines(job)


def test_shift_is_found_and_taken_out(make_job, reference_image, s2_product):
    job = make_job(reference=reference_image)
    block = S2L_GeometryKLT()
    block.preprocess(job)
    # the simulator counts dy to the north
    assert job.record.shift.dx == pytest.approx(s2_product.facts["dx"], abs=0.05 * job.read("B04", keep=True).resolution)
    assert job.record.shift.dy == pytest.approx(-s2_product.facts["dy"], abs=0.05 * job.read("B04", keep=True).resolution)
    assert isinstance(block.process(job, job.read("B04"), "B04"), FramedImage)


@pytest.mark.parametrize(("limit", "reason"), [("max_shift=10", "above the limit of 10 m"), ("min_points=1000000", "are needed")])
def test_doubtful_shift_is_rejected_with_the_reason(make_job, reference_image, limit, reason):
    job = make_job(limit, reference=reference_image)
    S2L_GeometryKLT().preprocess(job)
    assert not job.record.shift
    assert job.record.quality["SHIFT_REJECTED"] == "True"
    assert any(reason in w for w in job.record.warnings)


def test_small_shift_is_not_worth_resampling_when_the_option_says_so(make_job, reference_image):
    job = make_job("skip_small_shift=0.5", "max_shift=60", reference=reference_image)
    block = S2L_GeometryKLT()
    block.preprocess(job)
    # one decision for the product: no band is moved, and the lineage says so
    assert not job.record.shift
    assert job.record.lineage[0]["dx"] == job.record.lineage[0]["dy"] == 0
    for band in ("B04", "B01"):
        image = job.read(band)
        assert block.process(job, image, band) is image


def test_reference_band_that_the_product_lacks_is_named(make_job, reference_image):
    job = make_job("reference_band=B03", reference=reference_image)
    job.product = dataclasses.replace(job.product, bands={n: b for n, b in job.product.bands.items() if n != "B03"})
    with pytest.raises(BlockError, match="B03"):
        S2L_GeometryKLT().preprocess(job)


def test_check_after_correction_measures_what_is_left(make_job, reference_image):
    job = make_job(reference=reference_image)
    geometry, check = S2L_GeometryKLT(), S2L_GeometryCheck()
    geometry.preprocess(job)
    check.preprocess(job)
    framed = geometry.process(job, job.read("B04"), "B04")
    assert check.process(job, framed, "B04") is framed
    before, after = (float(job.record.quality[f"COREGISTRATION_{when}_CORRECTION"]) for when in ("BEFORE", "AFTER"))
    assert after < before
    # the matcher's own error is a few hundredths of a pixel (spec 05 section 7.1)
    assert max(abs(float(job.record.quality[name])) for name in ("MEAN_X", "MEAN_Y")) < 0.05 * framed.resolution
    assert job.record.quality["REF_IMAGE"] == reference_image.name
    assert len(job.record.correlation) == 2
