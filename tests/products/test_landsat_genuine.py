"""Every genuine Landsat product beside the repository opens and gives what its files say (read here by other means)."""

import re
import tarfile
from dataclasses import dataclass
from datetime import datetime
from math import radians, sin

import numpy as np
import pytest
import rasterio

from sen2like.products.landsat import open_landsat
from sen2like.products.landsat_mtl import parse_mtl

LEVEL1 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B10", "B11")
LEVEL2 = (*LEVEL1[:7], "B10")


@dataclass(frozen=True)
class Genuine:
    """A product; figures as in its MTL."""

    file: str
    satellite: int
    level: str
    collection: int
    acquisition: datetime
    epsg: int
    path: int
    row: int
    shape: tuple[int, int]
    bands: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.file.split(".")[0]

    @property
    def mtl(self) -> str:
        return f"{self.name}_MTL.txt"


SCENE = datetime(2016, 1, 21, 23, 50, 23, 50000)
PRODUCTS = [
    Genuine("LC08_L1TP_090084_20160121_20170405_01_T1", 8, "L1TP", 1, SCENE, 32655, 90, 84, (60, 60), LEVEL1),
    Genuine("LC08_L1TP_090084_20160121_20170405_01_T1.tar.gz", 8, "L1TP", 1, SCENE, 32655, 90, 84, (60, 60), LEVEL1),
    Genuine("LC08_L1TP_090084_20160121_20200907_02_T1", 8, "L1TP", 2, SCENE, 32655, 90, 84, (60, 60), LEVEL1),
    Genuine("LC08_L1GT_089074_20220506_20220512_02_T2", 8, "L1GT", 2, datetime(2022, 5, 6, 23, 39, 59, 280000), 32656, 89, 74,
            (60, 60), LEVEL1),
    Genuine("LC09_L1TP_112081_20220209_20220209_02_T1.tar", 9, "L1TP", 2, datetime(2022, 2, 9, 2, 5, 18, 730000), 32650, 112, 81,
            (60, 60), LEVEL1),
    Genuine("LC08_L2SP_098084_20210503_20210508_02_T1", 8, "L2SP", 2, datetime(2021, 5, 3, 0, 39, 15, 710000), 32653, 98, 84,
            (60, 60), LEVEL2),
    Genuine("LC08_L2SP_001062_20201031_20201106_02_T2", 8, "L2SP", 2, datetime(2020, 10, 31, 14, 31, 47, 800000), 32620, 1, 62,
            (386, 379), LEVEL2),
]  # fmt: skip
BY_NAME = {known.file: known for known in PRODUCTS}
FOLDERS = [known for known in PRODUCTS if known.file == known.name]
SURFACE = [known for known in FOLDERS if known.level == "L2SP"]


@pytest.fixture(scope="module")
def opened(genuine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extracted")
    return lambda known: open_landsat(str(genuine(f"landsat/{known.file}")), None, str(folder))


@pytest.fixture(scope="module")
def mtl_text(genuine):
    def read(known):
        path = genuine(f"landsat/{known.file}")
        if path.is_dir():
            return (path / known.mtl).read_text()
        with tarfile.open(path) as archive:
            return archive.extractfile(known.mtl).read().decode()

    return read


def first(text, key):
    return float(re.search(rf"\b{key} = (\S+)", text)[1])


def ids(known):
    return known.file


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
def test_metadata(opened, mtl_text, known):
    product, text = opened(known), mtl_text(known)
    assert product.name == known.name
    assert (product.sensor, product.sensor_name) == (f"L{known.satellite}", f"LS{known.satellite}")
    assert (product.mission, product.instrument) == (f"LANDSAT_{known.satellite}", "OLI_TIRS")
    assert (product.level, product.metadata.collection) == (known.level, known.collection)
    assert product.is_level2 == (known.level == "L2SP")
    assert (product.acquisition, product.epsg, product.path, product.row) == (
        known.acquisition, known.epsg, known.path, known.row,
    )  # fmt: skip
    assert tuple(product.bands) == known.bands
    assert product.missing_bands == product.notices == ()
    assert product.cloud_cover == first(text, "CLOUD_COVER")
    assert product.sun_zenith == 90 - first(text, "SUN_ELEVATION")
    corners = [[first(text, f"CORNER_{c}_{axis}_PRODUCT") for c in ("UL", "UR", "LR", "LL")] for axis in ("LAT", "LON")]
    assert product.centre == pytest.approx([sum(values) / 4 for values in corners])
    assert product.document("product") == text.encode()


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
def test_grids_begin_half_a_pixel_beside_the_corner_values(opened, mtl_text, known):
    product, text = opened(known), mtl_text(known)
    x, y = (first(text, f"CORNER_UL_PROJECTION_{axis}_PRODUCT") for axis in "XY")
    right = first(text, "CORNER_LR_PROJECTION_X_PRODUCT")
    for band in known.bands:
        geobox = product.read(band).geobox
        half = 7.5 if band == "B08" else 15.0
        assert (geobox.transform.c, geobox.transform.f) == pytest.approx((x - half, y + half), abs=1e-6)
        assert geobox.extent.boundingbox.right == pytest.approx(right + half, abs=1e-6)
        assert tuple(geobox.shape) == known.shape
        assert geobox.crs.epsg == known.epsg


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
def test_reflectance_follows_from_the_metadata(opened, mtl_text, known):
    product, text = opened(known), mtl_text(known)
    for band in known.bands[:7]:
        dn = product.read(band).data
        number = int(band[1:])
        if known.level == "L2SP":
            expected = dn * 2.75e-5 - 0.2  # USGS Landsat 8-9 Collection 2 Level 2 Science Product Guide
        else:
            mult, add = (first(text, f"REFLECTANCE_{key}_BAND_{number}") for key in ("MULT", "ADD"))
            expected = (dn * mult + add) / sin(radians(first(text, "SUN_ELEVATION")))
        np.testing.assert_allclose(product.radiometry(band).reflectance(dn), np.where(dn == 0, 0, expected), atol=5e-7)


def test_both_collections_of_one_scene_agree_in_reflectance(opened):
    old, new = (opened(BY_NAME[f"LC08_L1TP_090084_20160121_{made}_T1"]) for made in ("20170405_01", "20200907_02"))
    for band in LEVEL1[:8]:
        ours, theirs = (p.radiometry(band).reflectance(p.read(band).data) for p in (old, new))
        np.testing.assert_allclose(ours, theirs, atol=2e-5 / sin(radians(55.486483)))  # one DN


@pytest.mark.parametrize("band", [*LEVEL1, "quality"])
def test_the_archive_of_a_scene_reads_like_its_folder(opened, band):
    folder, archive = (opened(BY_NAME[f"LC08_L1TP_090084_20160121_20170405_01_T1{end}"]) for end in ("", ".tar.gz"))
    if band == "quality":
        np.testing.assert_array_equal(folder.read_masks().valid.data, archive.read_masks().valid.data)
    else:
        assert (folder.read(band).data != 0).mean() == pytest.approx((archive.read(band).data != 0).mean(), abs=0.02)
        assert folder.read(band).geobox == archive.read(band).geobox


@pytest.mark.parametrize("known", FOLDERS, ids=ids)
def test_masks_follow_from_quality_values_and_the_first_band(opened, genuine, known):
    product, folder = opened(known), genuine(f"landsat/{known.file}")
    (quality_file,) = [p for p in folder.glob("*.TIF") if p.name.endswith(("_QA_PIXEL.TIF", "_BQA.TIF"))]
    (first_file,) = folder.glob("*_B1.TIF")
    with rasterio.open(quality_file) as source:
        quality = source.read(1)
    with rasterio.open(first_file) as source:
        dn = source.read(1)
    masks = product.read_masks()
    limit = 21824 if known.collection == 2 else 2720
    np.testing.assert_array_equal(masks.valid.data, (quality != 1) & (quality <= limit))
    padded = np.pad(dn > 0, 2, constant_values=True)
    data = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).all(axis=(2, 3))
    np.testing.assert_array_equal(masks.data.data, data)
    bits = product.read_masks(quality="bits").valid.data
    assert set(np.unique(quality[bits == 1])) <= {21824, 2720}  # clear land, spec 04 section 3.1


def test_quality_values_of_another_collection_are_told(opened):
    """The owner of this product put the quality band of Collection 1 into it."""
    masks = opened(BY_NAME["LC08_L1TP_090084_20160121_20200907_02_T1"]).read_masks(quality="bits")
    assert any("its collection does not define" in notice for notice in masks.notices)
    assert not masks.valid.data.any()


@pytest.mark.parametrize("known", SURFACE, ids=ids)
def test_surface_temperature_is_that_of_the_earth(opened, mtl_text, known):
    """Few pixels are free of clouds: the warmest ones, of South Australia in autumn and of the Amazon basin."""
    product, text = opened(known), mtl_text(known)
    dn = product.read("B10").data
    scale = product.thermal("B10")
    kelvin = dn[dn > 0] * scale.mult + scale.add
    assert scale.k1 is None
    assert kelvin.min() >= first(text, "TEMPERATURE_MINIMUM_BAND_ST_B10")
    assert 280 < np.percentile(kelvin, 99.9) < 320


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
@pytest.mark.parametrize("method", ["reference", "accurate"])
def test_the_sun_stands_at_the_centre_where_the_metadata_say(opened, known, method):
    product = opened(known)
    angles = product.read_angles(method)
    assert angles.names == ("VAA", "VZA", "SAA", "SZA")
    zenith, _ = angles.sun()
    rows, columns = zenith.shape
    centre = zenith[rows // 2 - 1 : rows // 2 + 1, columns // 2 - 1 : columns // 2 + 1].mean()
    assert centre == pytest.approx(product.sun_zenith, abs=1)  # a cell of a decimated scene is 39 km


@pytest.mark.parametrize("known", [k for k in FOLDERS if k.level != "L1TP"], ids=ids)
def test_text_and_xml_say_the_same(genuine, known):
    folder = genuine(f"landsat/{known.file}")
    text, xml = ((folder / known.mtl).with_suffix(s).read_bytes() for s in (".txt", ".xml"))
    assert parse_mtl(text, "x") == parse_mtl(xml, "x")


def test_nothing_is_written_beside_an_archive(opened, genuine):
    folder = genuine("landsat")
    before = sorted(folder.rglob("*"))
    for known in PRODUCTS:
        opened(known).read_masks()
    assert sorted(folder.rglob("*")) == before
