"""Opening Sentinel-2 products of every layout, and refusing broken ones (spec 03 sections 3, 10 and 14)."""

import pickle
from datetime import datetime

import numpy as np
import pytest
from products.builder import BANDS, Safe, gml

from sen2like.errors import MetadataError, ProductError, RasterError
from sen2like.grid import mgrs
from sen2like.products.sentinel2 import band_table, open_sentinel2

PROCESSED = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
NATIVE = ("B05", "B06", "B07", "B08")


def files_of(folder):
    return {p.relative_to(folder): p.stat().st_mtime_ns for p in folder.rglob("*")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    dn = np.arange(72 * 72, dtype=np.uint16).reshape(72, 72)
    return Safe(pixels={"B04": dn}).write(tmp_path_factory.mktemp("safe"))


@pytest.fixture(scope="module")
def product(folder):
    return open_sentinel2(folder)


def test_metadata_of_a_level_1c_product(product):
    assert product.name == "S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231014T203907.SAFE"
    assert (product.sensor, product.sensor_name, product.mission, product.instrument) == ("S2", "S2A", "Sentinel-2A", "MSI")
    assert (product.level, product.is_level2, product.baseline, product.psd) == ("Level-1C", False, "05.00", 14)
    assert (product.tile, product.epsg) == ("31TFJ", 32631)
    assert (product.relative_orbit, product.absolute_orbit) == (8, "012345")
    assert (product.sun_zenith, product.sun_azimuth) == (42.895, 174.7)
    assert product.cloud_cover == 12.5
    assert product.refined
    assert product.centre == pytest.approx((43.7427577, 4.9237426), abs=1e-7)
    assert product.notices == ()


def test_times_come_from_tile_datastrip_and_product(product):
    assert product.acquisition == datetime(2017, 10, 30, 10, 45, 8, 461234)
    assert product.datatake_start == datetime(2017, 10, 30, 10, 41, 51, 26000)
    assert product.datastrip_start == datetime(2017, 10, 30, 10, 45, 8)
    assert product.generation_time == datetime(2023, 10, 14, 20, 39, 7)


def test_without_datastrip_the_times_come_from_product_and_tile(tmp_path):
    product = open_sentinel2(Safe(bands=("B01",), datastrip=False).write(tmp_path))
    assert product.datatake_start == datetime(2017, 10, 30, 10, 41, 51, 26000)
    assert product.datastrip_start == product.acquisition


def test_processed_bands_are_in_order_with_size_and_nature(product):
    assert tuple(product.bands) == PROCESSED
    assert tuple(b for b, band in product.bands.items() if band.native) == NATIVE
    assert {b: band.resolution for b, band in product.bands.items()} == {b: band_table()[b].resolution for b in PROCESSED}
    assert product.missing_bands == ()


def test_the_band_table_has_the_ids_of_the_specification():
    assert [info.id for info in band_table().values()] == list(range(13))
    assert tuple(band_table()) == BANDS


def test_a_band_is_read_as_it_is_on_the_grid_of_its_file(product):
    image = product.read("B04")
    np.testing.assert_array_equal(image.data, np.arange(72 * 72).reshape(72, 72))
    assert (image.dtype, image.nodata, image.resolution) == (np.uint16, 0, 10)
    assert image.geobox.crs.epsg == 32631
    assert (image.geobox.transform.c, image.geobox.transform.f) == (600000, 4900020)


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("05.00", [-0.1, -0.0999, 0, 0.05, 6.4535]), ("02.09", [0, 0.0001, 0.1, 0.15, 6.5535])],
)
def test_reflectance_is_dn_plus_offset_over_quantification(tmp_path, baseline, expected):
    product = open_sentinel2(Safe(bands=("B01",), baseline=baseline).write(tmp_path))
    dn = np.array([0, 1, 1000, 1500, 65535], np.uint16)
    np.testing.assert_allclose(product.radiometry("B8A").reflectance(dn), expected, atol=1e-6)


def test_a_band_without_offset_among_others_is_an_error(tmp_path):
    offset = '<RADIO_ADD_OFFSET band_id="3">-1000</RADIO_ADD_OFFSET>'
    safe = Safe(bands=("B01",), edit_product=lambda xml: xml.replace(offset, ""))
    with pytest.raises(MetadataError, match="no radiometric offset for band B04"):
        open_sentinel2(safe.write(tmp_path)).radiometry("B04")


def test_newest_specification_of_sentinel_2c(tmp_path):
    product = open_sentinel2(Safe(satellite="C", baseline="05.11", psd=15, bands=("B01", "B04")).write(tmp_path))
    assert (product.sensor_name, product.mission, product.psd, product.notices[1:]) == ("S2C", "Sentinel-2C", 15, ())
    assert product.missing_bands == tuple(b for b in PROCESSED if b not in ("B01", "B04"))


def test_zipped_products_read_like_folders(tmp_path):
    product = open_sentinel2(Safe(bands=("B01", "B04")).zip(tmp_path))
    assert product.read("B04").data.mean() == 1500
    assert product.bands["B04"].path.startswith("/vsizip/")
    assert product.document("datastrip").startswith(b"<?xml")


def test_level_2a_bands_come_from_the_folder_of_their_resolution(tmp_path):
    safe = Safe(level="2A", baseline="05.09", scl=np.full((36, 36), 4, np.uint8))
    product = open_sentinel2(safe.write(tmp_path))
    assert (product.level, product.is_level2) == ("Level-2A", True)
    assert tuple(product.bands) == PROCESSED
    assert "/R60m/" in product.bands["B01"].path and product.bands["B01"].path.endswith("_B01_60m.jp2")
    assert product.bands["B8A"].path.endswith("R20m/T31TFJ_20171030T104151_B8A_20m.jp2")
    assert product.radiometry("B04").add == -1000


def test_an_unknown_baseline_of_the_sen2cor_toolbox_is_the_newest_specification(tmp_path):
    product = open_sentinel2(Safe(level="2A", baseline="99.99", bands=("B01",)).write(tmp_path))
    assert product.psd == 15
    assert "baseline 99.99 is not known" in product.notices[0]


@pytest.mark.parametrize(("image_format", "extension"), [("GeoTIFF", ".tif"), ("GEOTIFF", ".TIF"), ("JPEG2000", ".TIF")])
def test_geotiff_products_in_any_spelling(tmp_path, image_format, extension):
    safe = Safe(level="2A", baseline="05.00", image_format=image_format, extension=extension, scl=np.full((36, 36), 4, np.uint8))
    product = open_sentinel2(safe.write(tmp_path))
    assert product.missing_bands == ()
    assert product.read("B02").data.mean() == 1500
    assert product.read_masks().valid.data.all()


def test_images_are_found_by_pattern_when_the_metadata_list_none(tmp_path):
    safe = Safe(bands=("B01", "B8A"), edit_product=lambda xml: xml.replace("IMAGE_FILE", "OTHER"))
    assert tuple(open_sentinel2(safe.write(tmp_path)).bands) == ("B01", "B8A")


class TestLongNames:
    """Products up to 2016: 83 characters, several granules of 62 characters."""

    @pytest.fixture
    def folder(self, tmp_path):
        return Safe(long_names=True, baseline="02.04", gri=False, other_tiles=("31TFK",), bands=("B01", "B04")).write(tmp_path)

    def test_names_have_the_lengths_of_the_specification(self, folder):
        assert len(folder.name) == 83
        assert {len(p.name) for p in (folder / "GRANULE").iterdir()} == {62}

    @pytest.mark.parametrize("tile", ["31TFJ", "31TFK"])
    def test_the_granule_of_the_tile_is_taken(self, folder, tile):
        product = open_sentinel2(folder, mgrs.tile(tile))
        assert (product.tile, product.absolute_orbit, product.psd) == (tile, "012345", 14)
        assert f"_T{tile}_B04.jp2" in product.bands["B04"].path
        assert product.read("B04").data.mean() == 1500

    def test_without_a_tile_the_choice_is_an_error(self, folder):
        with pytest.raises(ProductError, match=r"2 granules \(31TFJ, 31TFK\); say which tile"):
            open_sentinel2(folder)

    def test_masks_listed_by_bare_name_are_found(self, tmp_path):
        safe = Safe(long_names=True, baseline="02.04", bands=("B01", "B8A"), clouds_gml=gml())
        product = open_sentinel2(safe.write(tmp_path))
        assert [f.name.rsplit("/", 1)[1] for f in product.mask_files()] == ["MSK_CLOUDS_B00.gml"]


def test_another_tile_than_asked_for_is_an_error(folder):
    with pytest.raises(ProductError, match="of tile 31TFJ, not of 31TFK"):
        open_sentinel2(folder, mgrs.tile("31TFK"))


def test_a_product_without_granule_is_an_error(tmp_path):
    root = Safe(bands=()).write(tmp_path)
    (root / "GRANULE").rename(tmp_path / "elsewhere")
    (root / "GRANULE").mkdir()
    with pytest.raises(ProductError, match="no granule in GRANULE"):
        open_sentinel2(root)


@pytest.mark.parametrize(
    ("file", "message"), [("MTD_MSIL1C.xml", "no product metadata"), ("GRANULE/*/MTD_TL.xml", "no tile metadata")]
)
def test_absent_metadata_are_an_error(tmp_path, file, message):
    root = Safe(bands=("B01",)).write(tmp_path)
    next(root.glob(file)).unlink()
    with pytest.raises(MetadataError, match=message):
        open_sentinel2(root)


def test_malformed_metadata_are_an_error_that_names_file_and_line(tmp_path):
    root = Safe(bands=("B01",)).write(tmp_path)
    path = next(root.glob("GRANULE/*/MTD_TL.xml"))
    path.write_text(path.read_text()[:700])
    with pytest.raises(MetadataError, match=r"MTD_TL\.xml, line \d+, column \d+: not well-formed"):
        open_sentinel2(root)


def test_a_missing_band_is_listed_and_the_others_are_usable(tmp_path):
    product = open_sentinel2(Safe(bands=tuple(b for b in BANDS if b != "B03")).write(tmp_path))
    assert product.missing_bands == ("B03",)
    assert "B03" not in product.bands
    assert product.notices == (f"{product.name}: no file for band B03",)
    with pytest.raises(RasterError, match="band B03 is not in the product"):
        product.read("B03")


def test_a_truncated_band_is_an_error_that_names_it(tmp_path):
    root = Safe(bands=("B04",)).write(tmp_path)
    path = next(root.glob("GRANULE/*/IMG_DATA/*_B04.jp2"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RasterError, match=r"band B04 of S2A_MSIL1C.*truncated"):
        open_sentinel2(root).read("B04")


def test_a_band_elsewhere_than_the_metadata_say_is_an_error(tmp_path):
    safe = Safe(bands=("B04",), edit_tile=lambda xml: xml.replace("<ULX>600000", "<ULX>600010"))
    with pytest.raises(RasterError, match=r"band B04 of .*upper-left x is 600000 m, but the metadata say 600010 m"):
        open_sentinel2(safe.write(tmp_path)).read("B04")


def test_documents_are_the_metadata_files(product, folder):
    assert product.document("product") == (folder / "MTD_MSIL1C.xml").read_bytes()
    assert product.document("tile").startswith(b"<?xml")
    assert product.document("quality") is None


def test_a_product_survives_pickling_and_compares_equal(product):
    assert pickle.loads(pickle.dumps(product)) == product


def test_reading_leaves_no_trace_in_the_input(tmp_path):
    root = Safe(classi=np.zeros((3, 12, 12), np.uint8), detfoo={"B04": np.ones((72, 72), np.uint8)}).write(tmp_path)
    before = files_of(root)
    product = open_sentinel2(root)
    product.read("B04"), product.read_masks(), product.read_angles("reference"), product.read_detectors("B04")
    assert files_of(root) == before


def test_the_genuine_zip_of_baseline_02_09(genuine):
    path = genuine("sentinel2_l1c/S2A_MSIL1C_20201031T004711_N0209_R102_T53JQJ_20201031T022859.zip")
    product = open_sentinel2(path, mgrs.tile("53JQJ"))
    assert tuple(product.bands) == PROCESSED
    assert product.datatake_start == datetime(2020, 10, 31, 0, 47, 11, 24000)
    assert product.datastrip_start == datetime(2020, 10, 31, 0, 47, 11, 462000)
    assert product.read("B04").shape == (20, 20)
    assert product.radiometry("B04").add == 0
    assert len(product.mask_files()) == 66


def test_the_genuine_decimated_zip_whose_bands_reach_beyond_the_tile(genuine):
    path = genuine("sentinel2_l1c/S2A_MSIL1C_20171207T002051_N0206_R116_T55JEJ_20171207T032513.zip")
    product = open_sentinel2(path)
    assert {b: product.read(b).shape[0] for b in ("B01", "B02", "B8A")} == {"B01": 29, "B02": 172, "B8A": 86}
    assert product.read_masks().valid.geobox == product.read("B8A").geobox
