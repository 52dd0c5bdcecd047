"""Past products for fusion: choice (spec 06 section 2), bad products (section 8) and method (section 6).
"""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from auxiliary.past_archive import BANDS, LANDSAT, MADE, TARGET, TILE, Archive, file, image_of
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from sen2like.auxiliary.past_products import Candidate, PastProduct, method
from sen2like.errors import AuxiliaryError
from sen2like.raster.write import RasterFormat, write_image


def folders(products) -> list[Path]:
    return [product.folder for product in products]


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


# choice --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there, count, taken", [(1, 2, [0]), (2, 2, [0, 1]), (5, 2, [3, 4]), (5, 3, [2, 3, 4]), (5, 1, [4])])
def test_the_last_products_are_taken_oldest_first(archive, there, count, taken):
    made = [archive.add(date(2020, 5, 1) + timedelta(days=5 * n), bands={"B04": 600}) for n in range(there)]
    products, notices = archive.choose(count, bands={"B04": LANDSAT})
    assert folders(products) == [made[n] for n in taken]
    assert notices == []


def test_what_the_name_tells_is_known(archive):
    archive.add("2020-06-11", "S2B", 51, datetime(2024, 3, 1, 2, 3, 4, tzinfo=UTC))
    (product,), _ = archive.choose()
    assert (product.date, product.satellite, product.relative_orbit) == (date(2020, 6, 11), "S2B", 51)
    assert product.production_time == datetime(2024, 3, 1, 2, 3, 4, tzinfo=UTC)


def test_the_same_day_counts_as_past_and_the_next_does_not(archive):
    same_day = archive.add(TARGET, time="235959")
    archive.add(TARGET + timedelta(days=1), time="000000")
    products, notices = archive.choose()
    assert folders(products) == [same_day]
    assert notices == []


@pytest.mark.parametrize("listed", [False, True])
def test_no_product_is_said_with_date_and_folder(archive, listed):
    if listed:
        archive.add("2020-06-16")
    products, notices = archive.choose()
    assert products == []
    assert notices == [f"no Sentinel-2 L2F product on or before 2020-06-15 in {archive.folder}: no L2F written"]


def test_an_archive_that_is_a_file_is_an_error(archive):
    archive.root.mkdir()
    archive.folder.write_text("")
    with pytest.raises(AuxiliaryError, match=r"31TFJ cannot be listed .*correct archive_dir"):
        archive.choose()


def test_of_one_acquisition_the_newest_production_counts(archive):
    older = archive.add("2020-06-01")
    # the sooner made has the higher baseline: the time of production decides, not the name
    first = archive.add("2020-06-11", made=MADE)
    first.rename(first.with_name(first.name.replace("_N0", "_N9")))
    second = archive.add("2020-06-11", made=MADE + timedelta(hours=1))
    products, notices = archive.choose()
    assert folders(products) == [older, second]
    assert notices == []


def test_other_satellites_and_orbits_of_a_day_are_other_acquisitions(archive):
    made = [
        archive.add("2020-06-11", "S2A", 8),
        archive.add("2020-06-11", "S2A", 51, time="121000"),
        archive.add("2020-06-11", "S2B", 8),
    ]
    products, _ = archive.choose(3)
    assert folders(products) == made  # in the order of names, as the reference sorts a day


def test_prisma_takes_no_slot(archive):
    sentinel = archive.add("2020-06-01")
    archive.add("2020-06-11", "S2P", 99)
    products, notices = archive.choose(1)
    assert folders(products) == [sentinel]
    assert notices == []


def test_partial_products_and_other_levels_are_not_seen(archive):
    good = archive.add("2020-06-01")
    shutil.copytree(good, good.with_name(f".{good.name.replace('20200601', '20200611')}.partial-host-1"))
    shutil.copytree(good, good.with_name(good.name.replace("20200601", "20200611").replace("L2F", "L2H")))
    (archive.folder / "LS8_OLIL2F_20200612T102253_N0406_R196_T31TFJ_20260312T101500.SAFE").mkdir()
    (archive.folder / "L2F_31TFJ_20200611_S2A_R008").mkdir()
    products, notices = archive.choose()
    assert folders(products) == [good]
    assert notices == []


@pytest.mark.parametrize(
    "name, cause",
    [
        ("S2A_MSIL2F_20201332T103421_N0406_R008_T31TFJ_20240101T000000.SAFE", "20201332T103421 .*no date"),
        ("S2A_MSIL2F_20200611T103421_N0406_R008_T31TFJ_20240101T250000.SAFE", "20240101T250000 .*no date"),
        ("S2A_MSIL2F_yesterday_N0406_R008_T31TFJ_20240101T000000.SAFE", "its name is not like S2A_"),
        ("S2A_MSIL2F_20200611T103421_N0406_R008_T31TFJ_20240101T000000.SAFE.bak", "its name is not like S2A_"),
        ("S2E_MSIL2F_20200611T103421_N0406_R008_T31TFJ_20240101T000000.SAFE", "its name is not like S2A_"),
        ("S2A_MSIL2F_20200611T103421_N0406_R008_T31TGJ_20240101T000000.SAFE", "of tile 31TGJ, its place is for 31TFJ"),
    ],
)
def test_odd_names_are_ignored_with_a_warning(archive, name, cause):
    good = archive.add("2020-06-01")
    shutil.copytree(good, archive.folder / name)
    products, (notice,) = archive.choose()
    assert folders(products) == [good]
    assert notice.startswith(f"{archive.folder / name} is not taken for a past product")
    assert re.search(cause, notice)


# products that do not fit --------------------------------------------------------------------------------------------------


def truncated(product: Path, pattern: str) -> Path:
    path = file(product, pattern)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def rewritten(product: Path, pattern: str, box: GeoBox, dtype="uint16", bands=1) -> Path:
    """The file again on another grid, with the encoding of the run."""
    path = file(product, pattern)
    profile = {"driver": "GTiff", "dtype": dtype, "count": bands, "height": box.shape.y, "width": box.shape.x}
    with rasterio.open(path, "w", **profile, crs=str(box.crs), transform=box.affine) as out:
        out.write(np.full((bands, *box.shape), 2000 if dtype != "uint8" else 1, dtype))
        out.scales, out.offsets = (1e-4,) * bands, (-0.1,) * bands
    return path


def moved(dx=0.0, dy=0.0, size=600.0, epsg=TILE.epsg, side=183, height=None) -> GeoBox:
    return GeoBox((side, side), Affine(size, 0, TILE.ulx + dx, 0, -(height or size), TILE.uly + dy), f"EPSG:{epsg}")


B04, MASK = "IMG_DATA/*_B04_*.TIF", "QI_DATA/*_MSK.TIF"
DAMAGE = {
    "missing band": (lambda p: file(p, B04).unlink(), "it has no image of B04"),
    "missing mask": (lambda p: file(p, MASK).unlink(), "it has no validity mask"),
    "empty folder": (lambda p: shutil.rmtree(p / "GRANULE"), "it has no image of B04"),
    "truncated band": (lambda p: truncated(p, B04), r"_B04_600m\.TIF is truncated or unreadable"),
    "truncated mask": (lambda p: file(p, MASK).write_bytes(file(p, MASK).read_bytes()[:400]), r"_MSK\.TIF is truncated"),
    "empty band": (lambda p: file(p, B04).write_bytes(b""), r"_B04_600m\.TIF is truncated or unreadable"),
    "other corner": (lambda p: rewritten(p, B04, moved(dx=600)), r"corner at \(600600, .* has \(600000, 4900020\)"),
    "corner off by a fifth": (lambda p: rewritten(p, B04, moved(dy=-120)), r"corner at \(600000, 4899900\)"),
    "other side": (lambda p: rewritten(p, B04, moved(side=182)), "182 x 182 pixels of 600 m, .* 183 x 183"),
    "other CRS": (lambda p: rewritten(p, B04, moved(epsg=32632)), "projection EPSG:32632, tile 31TFJ has EPSG:32631"),
    "flat pixels": (lambda p: rewritten(p, B04, moved(height=300)), "600 x 300 m, which are not square"),
    "other type": (lambda p: rewritten(p, B04, moved(), "int16"), "holds int16, an image holds uint16"),
    "two layers": (lambda p: rewritten(p, B04, moved(), bands=2), "has 2 bands instead of one"),
    "mask elsewhere": (lambda p: rewritten(p, MASK, moved(dx=600), "uint8"), r"_MSK\.TIF has its corner at \(600600"),
    "mask of 16 bits": (lambda p: rewritten(p, MASK, moved()), "holds uint16, a mask holds uint8"),
    "pixels of Landsat": (lambda p: rewritten(p, B04, moved(size=1800, side=61)), "1800 m hold no detail that Landsat"),
    "pixels unlike the newest": (lambda p: rewritten(p, B04, moved(size=900, side=122)), "900 m, those of S2A_.* 600 m"),
}  # fmt: skip


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    archive = Archive(tmp_path_factory.mktemp("three"))
    for day in ("2020-05-22", "2020-06-01", "2020-06-11"):
        archive.add(day)
    return archive.root


@pytest.fixture
def damageable(three, archive) -> tuple[Archive, list[Path]]:
    shutil.copytree(three, archive.root)
    return archive, sorted(archive.folder.iterdir())


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_broken_product_is_replaced_by_the_next_older_one(damageable, kind):
    archive, (oldest, broken, newest) = damageable
    damage, cause = DAMAGE[kind]
    damage(broken)
    products, (notice,) = archive.choose()
    assert folders(products) == [oldest, newest]
    assert notice.startswith(f"past product {broken.name} is not used for fusion: ")
    assert re.search(cause, notice)
    assert notice.endswith("; make it again, or remove it from the archive")


@pytest.mark.parametrize(
    "written, run", [((10000, 0), (10000, 1000)), ((5000, 500), (10000, 1000)), ((10000, 1000), (10000, 999))]
)
def test_another_encoding_is_refused_and_both_are_named(archive, written, run):
    gain, offset = written
    archive.add("2020-06-11", gain=gain, offset=offset)
    products, notices = archive.choose(gain=run[0], offset=run[1])
    assert products == []
    assert f"tells scale {1 / gain:g} and offset {0 - offset / gain:g}, products" in notices[0]
    assert f"have scale {1 / run[0]:g} and offset {-run[1] / run[0]:g} (gain {run[0]}, offset {run[1]})" in notices[0]
    assert notices[1].startswith("no usable Sentinel-2 L2F product on or before 2020-06-15")


@pytest.mark.parametrize("gain, offset", [(10000, 0), (3000, 700), (65535, 64534), (1, 0)])
def test_the_encoding_of_the_run_is_recognised_whatever_it_is(archive, gain, offset):
    made = archive.add("2020-06-11", gain=gain, offset=offset)
    assert folders(archive.choose(gain=gain, offset=offset)[0]) == [made]


def test_the_sooner_production_serves_when_the_newest_is_broken(archive):
    sooner = archive.add("2020-06-11")
    truncated(archive.add("2020-06-11", made=MADE + timedelta(hours=1)), B04)
    products, notices = archive.choose()
    assert folders(products) == [sooner]
    assert len(notices) == 1


def test_bands_that_are_not_fused_need_not_be_sound(damageable):
    archive, (_, middle, newest) = damageable
    truncated(newest, "IMG_DATA/*_B8A_*.TIF")
    products, notices = archive.choose(bands={"B04": LANDSAT})
    assert folders(products) == [middle, newest]
    assert notices == []


def test_products_older_than_needed_are_not_looked_at(damageable):
    archive, (oldest, middle, newest) = damageable
    shutil.rmtree(oldest / "GRANULE")
    products, notices = archive.choose()
    assert folders(products) == [middle, newest]
    assert notices == []


def test_a_product_without_a_clear_pixel_is_taken_with_a_warning(archive):
    cloudy = archive.add("2020-06-11", mask=np.zeros(TILE.geobox(1200).shape, np.uint8))
    products, (notice,) = archive.choose()
    assert folders(products) == [cloudy]
    assert notice.startswith(f"past product {cloudy.name} adds no detail") and "_MSK.TIF is clear" in notice


@pytest.mark.parametrize("count, bands", [(0, BANDS), (2, {})])
def test_nothing_to_choose_is_an_error_of_the_caller(archive, count, bands):
    with pytest.raises(ValueError, match="at least one product and one band"):
        archive.choose(count, bands=bands)


# files -------------------------------------------------------------------------------------------------------------------


def test_a_truncated_jpeg_2000_file_of_several_tiles_is_found(archive):
    path = file(archive.add("2020-06-11", fmt=RasterFormat(name="JPEG2000"), bands={"B04": 100.0}), "IMG_DATA/*_B04_100m.jp2")
    whole = path.read_bytes()
    assert archive.choose(bands={"B04": LANDSAT})[0]
    for cut in (1, 5000):
        path.write_bytes(whole[:-cut])
        products, notices = archive.choose(bands={"B04": LANDSAT})
        assert products == []
        assert f"{path} is truncated or unreadable" in notices[0]


def test_a_jpeg_2000_file_without_its_side_file_has_no_encoding(archive):
    product = archive.add("2020-06-11", fmt=RasterFormat(name="JPEG2000"))
    side = file(product, "IMG_DATA/*_B04_600m.jp2.aux.xml")
    side.unlink()
    products, notices = archive.choose()
    assert products == []
    assert f"tells no scale and offset (they are kept in {side.name})" in notices[0]


def test_a_file_of_landsat_size_is_the_low_pass_image(archive):
    product = archive.add("2020-06-11")
    low = image_of(TILE.geobox(1800), "low")
    path = file(product, B04).with_name(file(product, B04).name.replace("_600m", "_1800m"))
    write_image(path, low.data, low.geobox, RasterFormat(), nodata=0, scale=1e-4, offset=-0.1)
    (chosen,), _ = archive.choose()
    assert (chosen.low("B04"), chosen.low("B8A")) == (path, None)
    assert chosen.resolution("B04") == 600


def test_a_coarser_file_of_another_size_is_no_low_pass_image(archive):
    product = archive.add("2020-06-11")
    other = image_of(TILE.geobox(1200))
    path = file(product, B04).with_name(file(product, B04).name.replace("_600m", "_1200m"))
    write_image(path, other.data, other.geobox, RasterFormat(), nodata=0, scale=1e-4, offset=-0.1)
    (chosen,), notices = archive.choose()
    assert chosen.low("B04") is None and chosen.resolution("B04") == 600 and notices == []


def test_a_tif_goes_before_a_jpeg_2000_file_of_the_same_name(archive):
    tif = file(archive.add("2020-06-11"), B04)
    tif.with_suffix(".jp2").write_bytes(b"not looked at")
    (chosen,), notices = archive.choose()
    assert chosen.image("B04") == tif and notices == []


def test_hidden_files_are_not_looked_at(archive):
    product = archive.add("2020-06-11")
    mask = file(product, MASK)
    for path in (mask, file(product, B04)):
        path.with_name(f"._{path.name}").write_bytes(b"of another operating system")
    (chosen,), notices = archive.choose()
    assert chosen.mask == mask and notices == []


def test_bands_of_the_native_folder_are_found(archive):
    product = archive.add("2020-06-11")
    native = file(product, B04)
    native = native.rename(native.parent / "NATIVE" / native.name)
    (chosen,), _ = archive.choose()
    assert chosen.image("B04") == native


def test_a_band_the_product_was_not_checked_for_is_refused(archive):
    archive.add("2020-06-11")
    (product,), _ = archive.choose(bands={"B04": LANDSAT})
    with pytest.raises(ValueError, match="chosen for B04, not for B8A"):
        product.image("B8A")


# method --------------------------------------------------------------------------------------------------------------------


def past(*days: date) -> list[PastProduct]:
    return [
        PastProduct(
            **vars(Candidate(Path(f"S2A_{day:%Y%m%d}"), day, "S2A", 8, MADE)),
            mask=Path("m"),
            valid=np.ones((1, 1), np.uint8),
            images={},
        )
        for day in days
    ]


@pytest.mark.parametrize("wanted", ["composite", "predict"])
def test_without_past_products_nothing_is_fused(wanted):
    assert method([], wanted, TARGET) == (None, None, [])


def test_one_product_makes_a_composite():
    name, w, (notice,) = method(past(date(2020, 6, 11)), "predict", TARGET)
    assert (name, w) == ("composite", None)
    assert "only one past product (S2A_20200611)" in notice
    assert method(past(date(2020, 6, 11)), "composite", TARGET) == ("composite", None, [])


def test_predict_extrapolates_as_in_the_worked_example():
    name, w, notices = method(past(date(2020, 6, 1), date(2020, 6, 11)), "predict", date(2020, 6, 15))
    assert (name, notices) == ("predict", [])
    assert w == pytest.approx(1.4, abs=1e-9)  # spec 06 section 6.5


def test_predict_goes_by_the_last_two_and_is_not_limited():
    # section 6.2: 5 days apart and 20 days after gives 5
    found = method(past(date(2020, 1, 1), date(2020, 6, 1), date(2020, 6, 6)), "predict", date(2020, 6, 26))
    assert found.w == pytest.approx(5, abs=1e-9)


def test_two_products_of_one_date_make_a_composite():
    days = past(date(2020, 5, 1), date(2020, 6, 11), date(2020, 6, 11))
    name, w, (notice,) = method(days, "predict", TARGET)
    assert (name, w) == ("composite", None)
    assert "S2A_20200611 are of one date" in notice


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'regression' is neither"):
        method(past(TARGET), "regression", TARGET)


@given(st.lists(st.dates(date(2015, 6, 23), date(2040, 1, 1)), min_size=2, max_size=4, unique=True))
def test_at_the_dates_of_the_products_predict_gives_their_own_weights(days):
    products = past(*sorted(days))
    assert method(products, "predict", products[-1].date).w == pytest.approx(1, abs=1e-9)
    assert method(products, "predict", products[-2].date).w == pytest.approx(0, abs=1e-9)
