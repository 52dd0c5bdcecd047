"""Opening Landsat products of every kind, and refusing broken ones (spec 03 sections 4 and 10, 04 section 3, 07 section 2.2)."""

import pickle
import shutil
import tarfile
from datetime import datetime

import numpy as np
import pytest
import rasterio
from products.landsat_scene import COLUMNS, ROWS, Scene

from sen2like.errors import MetadataError, ProductError, RasterError
from sen2like.grid import mgrs
from sen2like.products.landsat import NAMES, LandsatProduct, band_table, open_landsat

LEVEL1_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B10", "B11")
S2_NAMES = {"B01": "B01", "B02": "B02", "B03": "B03", "B04": "B04", "B05": "B8A", "B06": "B11", "B07": "B12",
            "B08": None, "B10": None, "B11": None}  # fmt: skip
KINDS = [Scene(2), Scene(2, "L1GT"), Scene(2, "L2SP"), Scene(2, "L2SR"), Scene(1), Scene(0, "L1T"), Scene(0, "L1T", nested=True)]


@pytest.fixture
def folder(tmp_path):
    return Scene().write(tmp_path)


def edit(folder, change):
    (mtl,) = folder.glob("*_MTL.txt")
    mtl.write_text(change(mtl.read_text()))


def test_metadata_of_a_level_1_product(folder):
    product = open_landsat(folder, mgrs.tile("31TDJ"))
    assert product.name == folder.name
    assert (product.sensor, product.sensor_name, product.mission, product.instrument) == ("L8", "LS8", "LANDSAT_8", "OLI_TIRS")
    assert (product.level, product.is_level2, product.baseline) == ("L1TP", False, "LPGS_15.4.0")
    assert (product.tile, product.epsg, product.refined) == ("31TDJ", 32631, False)
    assert product.acquisition == product.datatake_start == product.datastrip_start == datetime(2017, 11, 30, 15, 28, 34, 390000)
    assert product.generation_time == datetime(2017, 12, 7, 1, 2, 3)
    assert (product.relative_orbit, product.absolute_orbit, product.path, product.row) == (196, "000000", 196, 30)
    assert product.sun_zenith == pytest.approx(90 - 57.84396063)
    assert (product.sun_azimuth, product.cloud_cover) == (160.5, 12.34)
    assert product.centre == pytest.approx((44.15, 3.0))
    assert product.notices == product.missing_bands == ()
    assert open_landsat(folder).tile is None


def test_a_scene_that_does_not_touch_the_tile_is_refused(folder):
    with pytest.raises(ProductError, match=r"the scene does not touch tile 31TFJ; choose a tile that it covers"):
        open_landsat(folder, mgrs.tile("31TFJ"))


def test_landsat_9_is_told_by_the_metadata(tmp_path):
    product = open_landsat(Scene(changes={"SPACECRAFT_ID": '"LANDSAT_9"'}).write(tmp_path))
    assert (product.sensor, product.sensor_name, product.mission) == ("L9", "LS9", "LANDSAT_9")


@pytest.mark.parametrize("scene", KINDS, ids=lambda s: f"{s.collection} {s.level} {s.nested}")
def test_every_kind_has_its_bands_masks_and_reflectance(tmp_path, scene):
    product = open_landsat(scene.write(tmp_path))
    expected = {"L2SP": (*LEVEL1_BANDS[:7], "B10"), "L2SR": LEVEL1_BANDS[:7]}.get(scene.level, LEVEL1_BANDS)
    assert tuple(product.bands) == expected
    assert {b.name: b.s2_name for b in product.bands.values()} == {name: S2_NAMES[name] for name in expected}
    assert {b.name for b in product.bands.values() if b.native} == {"B08", "B10", "B11"} & set(expected)
    assert product.is_level2 == scene.level.startswith("L2")
    assert product.missing_bands == product.notices == ()
    for band in expected:
        image = product.read(band)
        pan = band == "B08"
        assert image.shape == ((2 * ROWS - 1, 2 * COLUMNS - 1) if pan else (ROWS, COLUMNS))
        assert image.resolution == product.bands[band].resolution == (15 if pan else 30)
        assert (image.dtype, image.nodata) == (np.uint16, 0)
        assert image.geobox.transform.c == (491992.5 if pan else 491985)
    for method in ("reference", "bits"):
        masks = product.read_masks(quality=method)
        assert masks.percentages() == (100.0, 0.0)
        assert masks.valid.geobox == product.read("B04").geobox


@pytest.mark.parametrize(("level", "dn", "expected"), [
    ("L1TP", [0, 1, 5000, 10000, 65535], [0, -0.1180957, -8.8e-09, 0.1181193, 1.4300702]),  # spec 03 section 4.4
    ("L2SP", [0, 5000, 10000, 12000], [0, -0.0625, 0.0750, 0.1300]),
])  # fmt: skip
def test_reflectance_of_the_worked_examples(tmp_path, level, dn, expected):
    radiometry = open_landsat(Scene(level=level).write(tmp_path)).radiometry("B04")
    np.testing.assert_allclose(radiometry.reflectance(np.array(dn, np.uint16)), expected, atol=1.5e-7)


def test_thermal_bands_keep_their_dn_and_have_their_scale(tmp_path):
    product = open_landsat(Scene().write(tmp_path))
    for band in ("B10", "B11"):
        np.testing.assert_array_equal(product.radiometry(band).reflectance(np.array([0, 22000, 28000])), [0, 22000, 28000])
    assert product.thermal("B11").k1 == 480.8883
    assert product.radiometry("B08").mult == 2e-5
    surface = open_landsat(Scene(level="L2SP").write(tmp_path))
    assert surface.thermal("B10").mult * 44000 + surface.thermal("B10").add == pytest.approx(299.393, abs=1e-3)  # kelvin
    with pytest.raises(MetadataError, match="no thermal constants for band B11"):
        surface.thermal("B11")
    with pytest.raises(MetadataError, match="no REFLECTANCE_MULT for band B08"):
        surface.radiometry("B08")


def test_masks_of_quality_values_and_of_data(tmp_path):
    quality = np.full((ROWS, COLUMNS), 21824, np.uint16)
    quality[0, :6] = [1, 21762, 21952, 22280, 30048, 0]
    dn = np.full((ROWS, COLUMNS), 900, np.uint16)
    dn[10, 10] = 0
    product = open_landsat(Scene(pixels={"QA_PIXEL": quality, "B1": dn}).write(tmp_path))
    masks = product.read_masks()
    assert masks.valid.data[0, :7].tolist() == [0, 1, 0, 0, 0, 1, 1]
    assert masks.data.data.sum() == ROWS * COLUMNS - 25
    assert not masks.data.data[8:13, 8:13].any()
    assert "1 pixels of the quality band" in masks.notices[0]
    assert product.read_masks(quality="bits").valid.data[0, :7].tolist() == [0, 0, 0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match="mask method 'other'"):
        product.read_masks(quality="other")
    with pytest.raises(ProductError, match="Sentinel-2 products only"):
        product.read_masks("scl.tif")


def test_xml_alone_is_enough(tmp_path):
    scene = Scene(level="L2SP")
    folder = scene.write(tmp_path)
    text = open_landsat(folder)
    (folder / f"{scene.name}_MTL.xml").write_text(scene.xml())
    (folder / f"{scene.name}_MTL.txt").unlink()
    product = open_landsat(folder)
    assert product.metadata == text.metadata
    assert product.document("product") == scene.xml().encode()
    assert product.document("tile") is None


def test_an_archive_gives_the_same_product(tmp_path, folder):
    known = open_landsat(folder)
    for name, mode in (("x.tar", "w"), (f"{folder.name}.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            for file in sorted(folder.iterdir()):
                archive.add(file, file.name)
        product = open_landsat(tmp_path / name, None, tmp_path / "work")
        assert (product.name, tuple(product.bands)) == (known.name, tuple(known.bands))
        np.testing.assert_array_equal(product.read("B08").data, known.read("B08").data)
        assert product.read_masks().percentages() == (100.0, 0.0)


def test_a_renamed_folder_with_renamed_or_lower_case_files_is_read(tmp_path, folder):
    renamed = folder.rename(tmp_path / "my scene")
    for file in list(renamed.glob("*.TIF")):
        file.rename(file.with_suffix(".tif"))
    assert open_landsat(renamed).missing_bands == ()
    (b4,) = renamed.glob("*_B4.tif")
    b4.rename(renamed / "other_B4.tif")
    product = open_landsat(renamed)
    assert product.read("B04").shape == (ROWS, COLUMNS)
    assert "B04 is other_B4.tif, which the metadata do not list" in product.notices[0]


def test_opening_and_reading_write_nothing_into_the_input(folder):
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    product = open_landsat(folder)
    product.read("B04")
    product.read_masks()
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_a_product_survives_pickling(folder):
    assert pickle.loads(pickle.dumps(open_landsat(folder))).read("B04").shape == (ROWS, COLUMNS)


def test_southern_scenes_stay_on_the_northern_grid(tmp_path, monkeypatch):
    monkeypatch.setattr("products.landsat_scene.UL", (492000.0, -3714600.0))
    product = open_landsat(Scene().write(tmp_path))
    assert product.epsg == 32631
    assert product.read("B04").geobox.transform.f == -3714585.0


def test_names_of_products():
    found = {
        name: next(((m["level"], datetime.strptime(m["date"], form)) for p, form in NAMES if (m := p.fullmatch(name))), None)
        for name in (
            "LC08_L2SP_017036_20130419_20200913_02_T2", "LC09_L1TP_112081_20220209_20220209_02_T1",
            "LO08_L1GT_196030_20171130_20171207_01_RT", "LC81960292017318MTI00", "LE07_L1TP_196030_20171130_20171207_01_T1",
            "LC08_L2TP_196030_20171130_20171207_02_T1", "LC080170362013041901T1-SC20200913",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ("L2SP", datetime(2013, 4, 19)), ("L1TP", datetime(2022, 2, 9)), ("L1GT", datetime(2017, 11, 30)),
        ("", datetime(2017, 11, 14)), None, None, None,
    ]  # fmt: skip


def test_a_product_of_oli_alone_has_no_thermal_bands(tmp_path):
    product = open_landsat(Scene(instrument="OLI").write(tmp_path))
    assert tuple(product.bands) == LEVEL1_BANDS[:8]
    assert product.missing_bands == ()


def test_a_missing_band_is_told_and_the_others_are_read(folder):
    next(folder.glob("*_B4.TIF")).unlink()
    next(folder.glob("*_B1.TIF")).unlink()
    product = open_landsat(folder)
    assert product.missing_bands == ("B01", "B04")
    assert "no file for band B01, B04" in product.notices[0]
    with pytest.raises(RasterError, match="band B04 is not in the product"):
        product.read("B04")
    assert "no-data mask made from B02" in product.read_masks().notices[0]


@pytest.mark.parametrize(("names", "error", "message"), [
    ("*_MTL.txt", MetadataError, "no metadata"),
    ("*_B*.TIF", ProductError, "none of its band files"),
])  # fmt: skip
def test_a_product_without_metadata_or_bands_is_an_error(folder, names, error, message):
    for file in folder.glob(names):
        file.unlink()
    with pytest.raises(error, match=message):
        open_landsat(folder)


def test_a_missing_quality_band_is_an_error_of_the_masks(folder):
    next(folder.glob("*_QA_PIXEL.TIF")).unlink()
    with pytest.raises(ProductError, match=r"quality band .*QA_PIXEL\.TIF is missing"):
        open_landsat(folder).read_masks()


def test_a_product_that_names_no_quality_band_is_an_error_of_the_masks(folder):
    edit(folder, lambda text: text.replace("FILE_NAME_QUALITY_L1_PIXEL", "FILE_NAME_OTHER"))
    with pytest.raises(ProductError, match="name no quality band"):
        open_landsat(folder).read_masks()


def test_a_quality_band_of_another_type_is_an_error(tmp_path):
    product = open_landsat(Scene(pixels={"QA_PIXEL": np.ones((ROWS, COLUMNS), np.uint8)}).write(tmp_path))
    with pytest.raises(RasterError, match="uint8, not uint16"):
        product.read_masks()


def test_metadata_of_another_scene_are_an_error(tmp_path, folder):
    other = folder.name.replace("196030", "196029")
    edit(folder, lambda text: text.replace(folder.name, other))
    with pytest.raises(MetadataError, match=rf"metadata are of {other}, but the file is named {folder.name}"):
        open_landsat(folder)
    (mtl,) = folder.glob("*_MTL.txt")
    mtl.rename(folder / f"{other}_MTL.txt")
    with pytest.raises(MetadataError, match=rf"metadata are of {other}, but the product is named {folder.name}"):
        open_landsat(folder)


def test_a_folder_of_several_scenes_is_an_error(tmp_path, folder):
    shutil.copy(next(folder.glob("*_MTL.txt")), folder / "LC08_other_MTL.txt")
    assert open_landsat(folder).name == folder.name  # its own metadata count
    with pytest.raises(ProductError, match="metadata of 2 scenes"):
        open_landsat(folder.rename(tmp_path / "scenes"))


def test_a_folder_of_product_folders_is_not_a_product(tmp_path):
    Scene().write(tmp_path / "30")
    with pytest.raises(MetadataError, match="no metadata"):
        open_landsat(tmp_path / "30")


@pytest.mark.parametrize("band", ["B04", "B08", "quality"])
def test_a_truncated_image_is_an_error_that_names_it(tmp_path, band):
    ending = {"B04": "B4", "B08": "B8", "quality": "QA_PIXEL"}[band]
    folder = Scene().write(tmp_path)
    (file,) = folder.glob(f"*_{ending}.TIF")
    file.write_bytes(file.read_bytes()[:-200])
    product = open_landsat(folder)
    with pytest.raises(RasterError, match=f"{'quality band' if band == 'quality' else band}.*truncated"):
        product.read_masks() if band == "quality" else product.read(band)


@pytest.mark.parametrize(("change", "message"), [
    ({"CORNER_UL_PROJECTION_X_PRODUCT": "492030.0", "CORNER_LR_PROJECTION_X_PRODUCT": "492720.0"}, "upper-left x"),
    ({"CORNER_LR_PROJECTION_Y_PRODUCT": "4899000.0"}, "height"),
    ({"UTM_ZONE": "32"}, "projection"),
])  # fmt: skip
def test_an_image_that_is_not_where_the_metadata_say_is_an_error(tmp_path, change, message):
    product = open_landsat(Scene(changes=change).write(tmp_path))
    with pytest.raises(RasterError, match=f"band B04 .*{message}"):
        product.read("B04")


def test_an_antarctic_scene_is_refused(tmp_path):
    with pytest.raises(ProductError, match="polar stereographic projection"):
        open_landsat(Scene(changes={"MAP_PROJECTION": '"PS"', "UTM_ZONE": None}).write(tmp_path))


def test_the_table_of_bands():
    assert [(b.name, b.number, b.resolution) for b in band_table().values()] == [
        (f"B{n:02d}", n, 15 if n == 8 else 30) for n in range(1, 12)
    ]


def test_the_grid_is_pixel_is_point(folder):
    with rasterio.open(next(folder.glob("*_B4.TIF"))) as source:
        assert source.tags()["AREA_OR_POINT"] == "Point"
    with rasterio.Env(GTIFF_POINT_GEO_IGNORE=True), rasterio.open(next(folder.glob("*_B4.TIF"))) as source:
        assert source.transform.c == 492000  # what stands in the file is the CORNER value
    assert open_landsat(folder).read("B04").geobox.transform.c == 492000 - 15


def test_the_band_that_masks_are_made_from_is_decoded_once(folder, monkeypatch):
    product = open_landsat(str(folder))
    alone = product.read("B01").data
    decoded = []
    whole = LandsatProduct._read
    monkeypatch.setattr(LandsatProduct, "_read", lambda self, path, *rest: decoded.append(path) or whole(self, path, *rest))
    product.read_masks()
    np.testing.assert_array_equal(product.read("B01").data, alone)
    assert sum(path.endswith("_B1.TIF") for path in decoded) == 1
    np.testing.assert_array_equal(product.read("B01").data, alone)  # once more: it is not kept for ever
    assert sum(path.endswith("_B1.TIF") for path in decoded) == 2
