"""S2L_Fusion: which past products it takes, what it makes of them and what it tells (spec 06 sections 2, 6, 7, 8)."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
import rasterio
from blocks.scenes import GRID, MADE, TILE, Scene, job_of, past_product

from sen2like.auxiliary import past_bands
from sen2like.blocks import fused_image
from sen2like.blocks.base import Cancelled
from sen2like.blocks.fusion import WAIT, S2L_Fusion
from sen2like.errors import BlockError
from sen2like.grid import mgrs
from sen2like.raster import read
from sen2like.raster.image import Image
from sen2like.science.resample import enlarge, to_resolution

BANDS = ("B04", "B05", "B06")
"""Own names; B05 and B06 of Landsat are B8A and B11 of Sentinel-2."""
S2_NAME = {"B04": "B04", "B05": "B8A", "B06": "B11"}
SIDE = {"B04": 366, "B05": 183, "B06": 183}
W = 1.4
"""2021-06-01 and 2021-06-11 to 2021-06-15: the dates of spec 06 section 6.5 in another year of the same days."""


@pytest.fixture(scope="module")
def masks() -> list[np.ndarray]:
    """600 m: the older product is cloudy in the west, the newer in the north; both in a corner."""
    older, newer = np.ones((2, 183, 183), np.uint8)
    older[:, :50] = 0
    newer[:80] = 0
    return [older, newer]


@pytest.fixture(scope="module")
def archive(tmp_path_factory, masks):
    """Two past products of random pixels."""
    root = tmp_path_factory.mktemp("past") / "archive"
    past_product(root, "2021-06-01", 1, masks[0])
    past_product(root, "2021-06-11", 2, masks[1], satellite="S2B")
    return root


@pytest.fixture
def make_job(tmp_path):
    def make(*overrides, archive=None, bands=BANDS, **scene):
        if archive is not None and not (tmp_path / "archive").exists():
            shutil.copytree(archive, tmp_path / "archive")
        return job_of(Scene(folder=tmp_path / "in", **scene), tmp_path, bands=bands, overrides=overrides)

    return make


def planned(job):
    block = S2L_Fusion()
    return block, block.declines(job)


def names(job) -> list[str]:
    return [product.name[:26] for product in job.fusion.products]


def landsat(seed=9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.05, 0.4, GRID.shape).astype(np.float32)


def dn_of(archive, day, s2_name) -> np.ndarray:
    (path,) = (archive / TILE.id).glob(f"*L2F_{day}*/GRANULE/*/IMG_DATA/*_{s2_name}_*.TIF")
    with rasterio.open(path) as source:
        return source.read(1)


def directly(archive, band, reflectance, masks, w=None) -> np.ndarray:
    """F and H of all products first, then their difference (spec 06 sections 4 and 6), float64 on whole images."""
    side = SIDE[band]
    high, low = [], []
    for day in ("20210601", "20210611"):
        dn = dn_of(archive, day, S2_NAME[band])
        high.append(dn / 1e4)
        coarse = to_resolution(dn, 109_800 / side, 900)
        low.append(enlarge(np.clip(coarse / 1e4, -1, 1), (side, side), dtype=np.float64))
    older, newer = (np.repeat(np.repeat(m, side // 183, 0), side // 183, 1) != 0 for m in masks)
    cases = [newer & older, newer & ~older, older & ~newer]

    def together(x):
        both = x[1] if w is None else x[0] + w * (x[1] - x[0])
        return np.select(cases, [both, x[1], x[0]], 0.0)

    return enlarge(np.clip(reflectance, -1, 1), (side, side), dtype=np.float64) + together(high) - together(low)


def fused(job, reflectance, *bands) -> dict[str, np.ndarray]:
    block, reason = planned(job)
    assert reason is None
    block.preprocess(job)
    found = {}
    for band in bands:
        image = block.process(job, Image(reflectance, GRID), band)
        found[band] = image.computed().data
        image.release()
        assert image.geobox == TILE.geobox(109_800 / SIDE[band])
    block.postprocess(job)
    return found


# the plan ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["composite", "predict"])
@pytest.mark.parametrize(("days", "count", "taken"), [
    (["01"], 2, ["01"]), (["01", "11"], 2, ["01", "11"]), (["01", "06", "11"], 2, ["06", "11"]),
    (["01", "06", "11"], 3, ["01", "06", "11"]), (["01", "11", "20"], 2, ["01", "11"]), (["15"], 2, ["15"]),
])  # fmt: skip
def test_the_last_past_products_are_taken(make_job, tmp_path, days, count, taken, wanted):
    for n, day in enumerate(days):
        past_product(tmp_path / "archive", f"2021-06-{day}", n)
    job = make_job(f"predict_method={wanted}", f"predict_nb_products={count}", bands=("B04",))
    assert planned(job)[1] is None
    predicts = wanted == "predict" and len(taken) > 1
    assert job.fusion.method == ("predict" if predicts else "composite")
    expected = taken[-2:] if predicts else taken
    assert names(job) == [f"S2A_MSIL2F_202106{day}T000000" for day in expected]
    if predicts:
        first, second = (int(day) for day in expected)
        assert job.fusion.w == pytest.approx((15 - first) / (second - first), rel=1e-6)
    else:
        assert job.fusion.w is None
    warned = wanted == "predict" and len(taken) == 1
    assert ["composite instead of predict" in warning for warning in job.record.warnings] == [True] * warned


def test_without_past_products_there_is_no_fusion_and_the_reason_is_told(make_job, tmp_path):
    job = make_job()
    assert "no L2F product" in planned(job)[1] and job.fusion is None
    folder = tmp_path / "archive" / "31TFJ"
    assert job.record.warnings == [f"no Sentinel-2 L2F product on or before 2021-06-15 in {folder}: no L2F written"]


def test_two_products_of_a_date_are_no_trend(make_job, tmp_path):
    for satellite in ("S2A", "S2B"):
        past_product(tmp_path / "archive", "2021-06-11", 1, satellite=satellite)
    job = make_job("predict_method=predict", bands=("B04",))
    assert planned(job)[1] is None
    assert (job.fusion.method, job.fusion.w, len(job.fusion.products)) == ("composite", None, 2)
    assert "of one date" in job.record.warnings[0]


def test_of_two_productions_of_one_acquisition_the_newer_is_taken(make_job, tmp_path, archive):
    newer = past_product(tmp_path / "archive", "2021-06-11", 1, made=MADE + timedelta(days=1))
    past_product(tmp_path / "archive", "2021-06-11", 2, made=MADE)
    job = make_job(bands=("B04",))
    assert planned(job)[1] is None
    assert [product.folder for product in job.fusion.products] == [newer]


@pytest.mark.parametrize("damage", ["band", "cut band", "mask", "other grid"])
def test_an_unfit_product_makes_room_for_an_older_one(make_job, tmp_path, damage):
    past_product(tmp_path / "archive", "2021-06-01", 1)
    grid = mgrs.tile("31TFK") if damage == "other grid" else None
    bad = past_product(tmp_path / "archive", "2021-06-11", 2, grid=grid)
    (mask,), (band,) = bad.glob("GRANULE/*/QI_DATA/*_MSK.TIF"), bad.glob("GRANULE/*/IMG_DATA/*_B04_*.TIF")
    if damage == "cut band":
        band.write_bytes(band.read_bytes()[:-3000])
    elif damage != "other grid":
        (mask if damage == "mask" else band).unlink()
    job = make_job("predict_nb_products=1", bands=("B04",))
    assert planned(job)[1] is None
    assert names(job) == ["S2A_MSIL2F_20210601T000000"]
    (warning,) = job.record.warnings
    assert bad.name in warning and "is not used for fusion" in warning and "remove it from the archive" in warning


def test_only_the_bands_asked_for_have_to_be_there(make_job, tmp_path):
    product = past_product(tmp_path / "archive", "2021-06-11", 2)
    for path in product.glob("GRANULE/*/IMG_DATA/*_B11_*.TIF"):
        path.unlink()
    assert planned(make_job(bands=("B04", "B05")))[1] is None
    assert planned(make_job(bands=BANDS))[1] is not None


@pytest.mark.parametrize("bands", [("B01",), ("B08",), ("B10",), ("B01", "B08", "B10")])
def test_bands_without_counterpart_are_not_fused(make_job, archive, bands):
    job = make_job(archive=archive, bands=bands)
    assert "no L2F product" in planned(job)[1]


def test_without_an_l2f_to_write_nothing_is_planned(make_job, archive):
    job = make_job("doPackagerL2F=False", archive=archive)
    assert "doPackagerL2F is off" in planned(job)[1] and job.fusion is None


def test_past_products_of_another_encoding_are_left_out(make_job, archive):
    job = make_job("offset=0", archive=archive)
    assert planned(job)[1] is not None
    assert sum("is not used for fusion" in warning for warning in job.record.warnings) == 2


# pixels --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wanted", "w"), [("composite", None), ("predict", W)])
def test_the_result_is_that_of_the_direct_form(make_job, archive, masks, wanted, w):
    reflectance = landsat()
    job = make_job(f"predict_method={wanted}", archive=archive)
    for band, got in fused(job, reflectance, *BANDS).items():
        np.testing.assert_allclose(got, directly(archive, band, reflectance, masks, w), atol=3e-6)


def test_composite_and_predict_differ_where_both_products_are_clear_and_only_there(make_job, archive, masks):
    (composite,), (predict,) = (
        fused(make_job(f"predict_method={method}", archive=archive), landsat(), "B04").values()
        for method in ("composite", "predict")
    )
    both = np.repeat(np.repeat(masks[0] & masks[1], 2, 0), 2, 1) != 0
    np.testing.assert_array_equal(composite[~both], predict[~both])
    assert np.abs(composite - predict)[both].mean() > 0.01


def test_no_data_of_landsat_stay_no_data(make_job, archive):
    reflectance = landsat()
    reflectance[60, 60] = np.nan
    data = np.ones(GRID.shape, np.uint8)
    data[100:, 100:] = 0
    got = fused(make_job(archive=archive, data=data), reflectance, "B04", "B05")
    for band, factor in (("B04", 3.0), ("B05", 1.5)):
        centres = ((np.arange(SIDE[band]) + 0.5) / factor).astype(int)
        missing = (data == 0)[np.ix_(centres, centres)] | np.isnan(reflectance)[np.ix_(centres, centres)]
        np.testing.assert_array_equal(np.isnan(got[band]), missing)


@pytest.mark.parametrize("band", ["B01", "B08", "B10"])
def test_other_bands_pass(make_job, archive, band):
    job = make_job(archive=archive, bands=("B04", band))
    block, _ = planned(job)
    block.preprocess(job)
    image = Image(landsat(), GRID)
    assert block.process(job, image, band) is image


@pytest.mark.parametrize("chapter", [1, 6, 50, 100])
@pytest.mark.parametrize("band", ["B04", "B05"])
@pytest.mark.parametrize("method", ["composite", "predict"])
def test_chapters_give_the_pixels_of_the_whole(make_job, archive, monkeypatch, method, band, chapter):
    data = np.ones(GRID.shape, np.uint8)
    data[40:50, 60:] = 0
    found = []
    for rows in (1024, chapter):
        monkeypatch.setattr(fused_image, "CHAPTER_ROWS", rows)
        monkeypatch.setattr(past_bands, "STEP_ROWS", rows)
        monkeypatch.setattr(read, "_MIN_WINDOW", 1)
        job = make_job(f"predict_method={method}", f"fusion_auto_check_band={S2_NAME[band]}", archive=archive, data=data)
        block, _ = planned(job)
        block.preprocess(job)
        image = block.process(job, Image(landsat(), GRID), band)
        with ThreadPoolExecutor(2) as pool:
            found.append(image.computed(pool).data)
        parts = list(image.chapters())
        assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])] and parts[-1].stop == SIDE[band]
        assert max(part.stop - part.start for part in parts) <= max(rows, 6) + 6
        image.release()
        found.append(job.fusion_check.agrees)
    whole, check, fused_by_chapters, checked_by_chapters = found
    np.testing.assert_array_equal(fused_by_chapters, whole)
    np.testing.assert_array_equal(checked_by_chapters, check)


def test_rows_without_a_chapter_are_refused(make_job, archive):
    job = make_job(archive=archive)
    block, _ = planned(job)
    block.preprocess(job)
    with pytest.raises(RuntimeError, match="chapters"):
        block.process(job, Image(landsat(), GRID), "B05").rows(0, 10)


def test_a_fused_band_that_was_not_planned_is_an_error(make_job):
    with pytest.raises(BlockError, match="was not planned"):
        S2L_Fusion().preprocess(make_job())


# what is told --------------------------------------------------------------------------------------------------------------


def test_method_share_of_products_and_their_names_are_told(make_job, archive, masks):
    data = np.ones(GRID.shape, np.uint8)
    data[:, 90:] = 0
    job = make_job("predict_method=predict", archive=archive, data=data)
    fused(job, landsat(), "B04")
    centres = ((np.arange(122) + 0.5) * 1.5).astype(int)
    clear = sum(mask[np.ix_(centres, centres)].astype(int) for mask in masks)[:, :90]
    shares = [100 * np.mean(clear == n) for n in (2, 1, 0)]
    quality = job.record.quality
    assert quality["PREDICTED_METHOD"] == "predict" and quality["FUSION_AUTO_CHECK_THRESHOLD"] == "0.1"
    told = dict(part.split(":") for part in quality["PREDICTED_PIXELS_STATISTICS"].split())
    assert [float(told[n].rstrip("%")) for n in ("2", "1", "0")] == pytest.approx(shares, abs=0.006)
    folders = sorted(path.name for path in (archive / TILE.id).iterdir())
    assert job.record.fused_from == folders
    (step,) = job.record.lineage
    assert step["method"] == "predict" and step["w"] == pytest.approx(W) and step["products"] == ", ".join(folders)


@pytest.mark.parametrize(("wanted", "own"), [("B04", "B04"), ("B8A", "B05"), ("B11", "B06")])
def test_the_check_of_any_band_compares_means_of_the_fused_pixels(make_job, archive, masks, wanted, own):
    """Spec 06 section 7; bands of 20 m by area (in the reference they stop the run)."""
    reflectance = landsat()
    data = np.ones(GRID.shape, np.uint8)
    data[110:] = 0
    job = make_job(f"fusion_auto_check_band={wanted}", "fusion_auto_check_threshold=0.2", archive=archive, data=data)
    fused(job, reflectance, own)
    out = directly(archive, own, reflectance, masks)
    # sixths of a Landsat pixel are whole parts of pixels of both sizes
    fine = np.repeat(np.repeat(out, 6 * 122 // SIDE[own], 0), 6 * 122 // SIDE[own], 1)
    side = SIDE[own] * (6 * 122 // SIDE[own]) // 122
    mean = fine[: 110 * side].reshape(110, side, 122, side).mean(axis=(1, 3))
    before = np.clip(reflectance[:110], 1e-4, 1.5)
    difference = (before - np.clip(mean, 1e-4, 1.5)) / before
    check = job.fusion_check
    assert check.band == wanted and check.geobox == GRID and check.agrees.dtype == np.uint16
    assert not check.agrees[110:].any()
    sure = np.abs(np.abs(difference) - 0.2) > 1e-3
    np.testing.assert_array_equal(check.agrees[:110][sure], np.abs(difference)[sure] < 0.2)
    told = dict(part.split(":") for part in job.record.quality["OVERALL_STATISTICS"].split()[1:])
    assert job.record.quality["OVERALL_STATISTICS"].split()[0] == wanted
    figures = {"max": difference.max(), "mean": difference.mean(), "std": difference.std(), "min": difference.min()}
    assert {name: float(told[name]) for name in figures} == pytest.approx(figures, abs=2e-4)
    assert float(told["within_threshold"].rstrip("%")) == pytest.approx(100 * np.mean(np.abs(difference) < 0.2), abs=0.05)


def test_a_check_of_a_band_that_is_not_asked_for_is_not_made(make_job, archive):
    job = make_job("fusion_auto_check_band=B8A", archive=archive, bands=("B04",))
    fused(job, landsat(), "B04")
    assert job.fusion_check is None and "OVERALL_STATISTICS" not in job.record.quality


def test_masks_without_a_clear_pixel_give_interpolation_and_a_warning(make_job, tmp_path):
    past_product(tmp_path / "archive", "2021-06-11", 1, np.zeros((183, 183), np.uint8))
    reflectance = landsat()
    job = make_job()
    (got,) = fused(job, reflectance, "B04").values()
    np.testing.assert_allclose(got, enlarge(reflectance, (366, 366), dtype=np.float64), atol=1e-6)
    assert any("without detail" in warning for warning in job.record.warnings)
    assert job.record.quality["PREDICTED_PIXELS_STATISTICS"] == "1:0.00% 0:100.00%"


# memory of the past products ----------------------------------------------------------------------------------------------


def test_a_band_waits_until_the_one_before_is_fused(make_job, archive):
    job = make_job(archive=archive)
    block, _ = planned(job)
    block.preprocess(job)
    given = Image(landsat(), GRID)
    first = block.process(job, given, "B04")
    alone = first.computed().data
    with ThreadPoolExecutor(1) as other:
        second = other.submit(block.process, job, given, "B05")
        with pytest.raises(TimeoutError):
            second.result(timeout=3 * WAIT)
        np.testing.assert_array_equal(first.computed().data, alone)
        first.release()
        first.release()  # once more does no harm
        second.result(timeout=60)


def test_a_waiting_band_ends_with_its_job(make_job, archive):
    job = make_job(archive=archive)
    block, _ = planned(job)
    block.preprocess(job)
    block.process(job, Image(landsat(), GRID), "B04")
    with ThreadPoolExecutor(1) as other:
        second = other.submit(block.process, job, Image(landsat(), GRID), "B05")
        job.cancelled.set()
        with pytest.raises(Cancelled):
            second.result(timeout=60)
