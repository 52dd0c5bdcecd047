"""S2L_Sbaf: Landsat towards Sentinel-2A, everything else left alone but reported (spec 09 section 3, 11 section 6)."""

import dataclasses

import numpy as np
import pytest

from sen2like.blocks.base import Job
from sen2like.blocks.sbaf import S2L_Sbaf
from sen2like.config import load
from sen2like.config.load import default_configuration
from sen2like.errors import BlockError
from sen2like.grid.mgrs import tile
from sen2like.products.model import Band
from sen2like.products.registry import open_product
from sen2like.raster.image import Image

LANDSAT_BANDS = {"B02": "B02", "B05": "B8A", "B06": "B11", "B08": None, "B10": None}


@pytest.fixture
def make_job(s2_product, tmp_path):
    """A job on the simulated Sentinel-2 product, or, with `landsat`, on one that claims to be of that Landsat."""

    def make(*overrides, landsat=None) -> Job:
        frame = tile("31TFJ")
        product = open_product(s2_product.path, frame)
        masks, angles = product.read_masks(), product.read_angles("reference")
        if landsat:
            bands = {name: Band(name, s2_name, "", 30, native=s2_name is None) for name, s2_name in LANDSAT_BANDS.items()}
            product = dataclasses.replace(product, sensor=f"L{landsat}", sensor_name=f"LS{landsat}", bands=bands)
        config = load(default_configuration(), list(overrides), searching=False)
        return Job(product, frame, config, tuple(product.bands), tmp_path, None, masks, angles)

    return make


def image(job, values):
    geobox = job.tile.geobox(300)
    data = np.full(geobox.shape, 0.2, np.float32)
    data[0, : len(values)] = values
    return Image(data, geobox)


def run(job, band, values):
    block = S2L_Sbaf()
    assert block.declines(job) is None
    block.preprocess(job)
    given = image(job, values)
    return given, block.process(job, given, band)


@pytest.mark.parametrize("landsat", [8, 9])
def test_landsat_is_adjusted_by_the_sentinel_2_name_of_the_band(make_job, landsat):
    job = make_job(landsat=landsat)
    _, result = run(job, "B06", [0.2, -0.004, 0, np.nan])
    np.testing.assert_allclose(result.rows(0, 1)[0, :4], [0.20136176, -0.002903775, 0, np.nan], atol=1e-7)
    _, blue = run(job, "B02", [0.2])
    assert blue.rows(0, 1)[0, 0] == pytest.approx(0.20863162, abs=1e-7)


def test_landsat_figures_go_to_the_quality_report(make_job):
    """Texts of the reference's report (shared/parity, LS8 of 31TFJ)."""
    job = make_job(landsat=8)
    for band in job.bands:
        run(job, band, [])
    assert job.record.quality == {
        "SBAF_ADAPTATIVE": "False",
        "SBAF_COEFFICIENT_B02": "1.022704029453876",
        "SBAF_OFFSET_B02": "0.0040908161178155045",
        "SBAF_COEFFICIENT_B8A": "1.0017028949213664",
        "SBAF_OFFSET_B8A": "0.00010017028949213664",
        "SBAF_COEFFICIENT_B11": "1.0013016921998599",
        "SBAF_OFFSET_B11": "0.0011014318614198458",
    }
    assert [step["block"] for step in job.record.lineage] == ["Sbaf"]


@pytest.mark.parametrize("band", ["B08", "B10"])
def test_bands_without_counterpart_pass_unchanged(make_job, band):
    given, result = run(make_job(landsat=8), band, [0.2])
    assert result is given


@pytest.mark.parametrize("adaptative", [False, True])
def test_sentinel_2_stays_as_it_is_with_factor_1_and_offset_0(make_job, adaptative):
    job = make_job(f"adaptative={adaptative}")
    for band in job.bands:
        given, result = run(job, band, [0.2])
        assert result is given
        assert (job.record.quality[f"SBAF_COEFFICIENT_{band}"], job.record.quality[f"SBAF_OFFSET_{band}"]) == ("1", "0")
    assert job.record.quality["SBAF_ADAPTATIVE"] == "False"
    assert job.record.lineage == []


def test_adaptive_mode_is_refused_for_landsat(make_job):
    with pytest.raises(BlockError, match="adaptative = False"):
        S2L_Sbaf().preprocess(make_job("adaptative=True", landsat=9))
