"""The simulator keeps its promises: genuine structure, and pixels that follow from the truth."""

import hashlib
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

from simulator import sentinel2
from simulator.acquisition import Acquisition
from simulator.atmosphere import smac
from simulator.figures import smac_coefficients


def read(path):
    with rasterio.open(path) as source:
        return source.read(1)


def image(product, band):
    (path,) = product.path.glob(f"GRANULE/*/IMG_DATA/*_{band}.*")
    return path


def tile_metadata(product):
    (path,) = product.path.glob("GRANULE/*/*MTD*_TL*.xml")
    return ElementTree.parse(path)


def product_metadata(product):
    (path,) = product.path.glob("*MTD*.xml")
    return ElementTree.parse(path)


@pytest.fixture(scope="module")
def noiseless(simulate):
    return simulate(noise=0.0, physics="mean")


def test_dn_follow_from_truth_through_the_atmosphere(noiseless):
    """No cloud, shift or noise and one geometry: toa = a + t * truth / (1 - s * truth) with constants; quantised to 1 DN."""
    truth = read(noiseless.truth / "B04.tif").astype(float)
    toa = (read(image(noiseless, "B04")) - 1000.0) / 10000
    facts = noiseless.facts
    a, t, s = smac(smac_coefficients("S2A", "B04"), facts["mean_sun_zenith"], facts["mean_sun_azimuth"], 0.0, 0.0,
                   facts["aot"], facts["h2o"], facts["o3"], facts["pressure"])  # fmt: skip
    expected = a + t * truth / (1 - s * truth)
    assert np.abs(toa - expected).max() < 0.7e-4


def test_whole_pixel_shift_moves_the_image_south_east(simulate, noiseless):
    moved = simulate(noise=0.0, physics="mean", dx=300.0, dy=-600.0)
    here, there = read(image(noiseless, "B04")), read(image(moved, "B04"))
    assert np.array_equal(there[2:, 1:], here[:-2, :-1])


def test_same_options_give_the_same_pixels(simulate, s2_product, tmp_path):
    facts = s2_product.facts
    again = sentinel2.render(
        Acquisition(coarse=30, cover=0.04, **{k: facts[k] for k in ("dx", "dy", "aot", "h2o", "o3", "pressure")}), tmp_path
    )
    (path,) = again.glob("GRANULE/*/IMG_DATA/*_B8A.jp2")
    assert np.array_equal(read(path), read(image(s2_product, "B8A")))


@pytest.mark.parametrize(("band", "size"), [("B04", 366), ("B8A", 183), ("B01", 61)])
def test_images_lie_on_the_tile(s2_product, band, size):
    with rasterio.open(image(s2_product, band)) as source:
        assert source.shape == (size, size)
        assert tuple(source.bounds) == (600000, 4790220, 709800, 4900020)
        assert source.crs.to_epsg() == 32631


def test_baseline_0510_has_offsets_and_raster_masks(s2_product):
    offsets = product_metadata(s2_product).findall(".//RADIO_ADD_OFFSET")
    assert [o.text for o in offsets] == ["-1000"] * 13
    types = {m.get("type") for m in tile_metadata(s2_product).iter("MASK_FILENAME")}
    assert types == {"MSK_DETFOO", "MSK_QUALIT", "MSK_CLASSI"}


@pytest.mark.parametrize("baseline", ["02.09", "03.01"])
def test_old_baselines_have_no_offset_and_vector_masks(simulate, baseline):
    product = simulate(baseline=baseline, cover=0.1, cirrus=0.05)
    assert product_metadata(product).find(".//RADIO_ADD_OFFSET") is None
    masks = list(tile_metadata(product).iter("MASK_FILENAME"))
    assert {m.get("type") for m in masks} == {
        "MSK_CLOUDS", "MSK_DETFOO", "MSK_NODATA", "MSK_DEFECT", "MSK_SATURA", "MSK_TECQUA"}  # fmt: skip
    assert all((product.path / m.text).is_file() and m.text.endswith(".gml") for m in masks)
    new, old = simulate(cover=0.1, cirrus=0.05), product
    difference = read(image(new, "B03")).astype(int) - read(image(old, "B03"))
    assert (difference == 1000).mean() > 0.999


def test_cloud_polygons_cover_the_cloud_pixels(simulate):
    old, new = simulate(baseline="02.09", cover=0.1, cirrus=0.05), simulate(cover=0.1, cirrus=0.05)
    (gml,) = old.path.glob("GRANULE/*/QI_DATA/MSK_CLOUDS_B00.gml")
    ns = {"gml": "http://www.opengis.net/gml/3.2", "eop": "http://www.opengis.net/eop/2.0"}
    shapes = []
    for polygon in ElementTree.parse(gml).iterfind(".//gml:Polygon", ns):
        rings = [np.array(p.text.split(), float).reshape(-1, 2) for p in polygon.iterfind(".//gml:posList", ns)]
        shapes.append({"type": "Polygon", "coordinates": [ring.tolist() for ring in rings]})
    with rasterio.open(next(new.path.glob("GRANULE/*/QI_DATA/MSK_CLASSI_B00.jp2"))) as source:
        expected = source.read([1, 2]).max(0)
        burnt = rasterize(shapes, source.shape, transform=source.transform, dtype="uint8")
    assert expected.any()
    assert np.array_equal(burnt, expected)


def test_detector_polygons_are_those_of_the_raster_footprints(simulate, s2_product):
    old = simulate(baseline="02.09")
    (gml,) = old.path.glob("GRANULE/*/QI_DATA/MSK_DETFOO_B04.gml")
    feature = "{http://www.opengis.net/eop/2.0}MaskFeature"
    ids = [f.get("{http://www.opengis.net/gml/3.2}id") for f in ElementTree.parse(gml).iter(feature)]
    (footprint,) = s2_product.path.glob("GRANULE/*/QI_DATA/MSK_DETFOO_B04.jp2")
    assert {int(i.split("-")[2]) for i in ids} == set(np.unique(read(footprint)).tolist()) - {0}


def test_baseline_0511_uses_psd_15(simulate):
    product = simulate(baseline="05.11", sensor="S2C")
    assert "psd-15" in product_metadata(product).getroot().tag
    assert product_metadata(product).find(".//SPACECRAFT_NAME").text == "Sentinel-2C"


def test_long_names_have_the_lengths_of_2016(simulate):
    product = simulate(baseline="02.04", long_names=True)
    assert len(product.path.name) == 83
    (granule,) = (product.path / "GRANULE").iterdir()
    assert len(granule.name) == 62
    masks = [m.text for m in tile_metadata(product).iter("MASK_FILENAME")]
    assert masks and all((granule / "QI_DATA" / m).is_file() for m in masks)


def test_long_names_with_a_new_baseline_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"before 04\.00"):
        sentinel2.render(Acquisition(coarse=30), tmp_path, baseline="05.10", long_names=True)


def test_unknown_satellite_is_refused(tmp_path):
    with pytest.raises(ValueError, match="S2X"):
        sentinel2.render(Acquisition(coarse=30, sensor="S2X"), tmp_path)


def test_refined_products_say_so_twice(simulate):
    product = simulate(refined=True)
    assert product_metadata(product).find(".//GRI_FILENAME") is not None
    (datastrip,) = product.path.glob("DATASTRIP/*/MTD_DS.xml")
    assert ElementTree.parse(datastrip).find(".//Image_Refining").get("flag") == "REFINED"


def test_geotiff_products_declare_and_hold_tiff(simulate):
    product = simulate(geotiff=True)
    assert product_metadata(product).find(".//Granule").get("imageFormat") == "GeoTIFF"
    for name in product_metadata(product).iter("IMAGE_FILE"):
        assert (product.path / f"{name.text}.tif").is_file()


def test_zip_holds_the_safe_folder(simulate):
    product = simulate(zipped=True, sensor="S2D")
    with zipfile.ZipFile(product.path) as archive:
        assert f"{product.path.stem}.SAFE/MTD_MSIL1C.xml" in archive.namelist()


def test_l2a_has_classes_and_a_quality_report(simulate):
    product = simulate(level="L2A", cover=0.1)
    (scl,) = product.path.glob("GRANULE/*/IMG_DATA/R20m/*_SCL_20m.jp2")
    classes = set(np.unique(read(scl)).tolist())
    assert {3, 4, 5, 9} <= classes
    (report,) = product.path.glob("GRANULE/*/QI_DATA/L2A_QUALITY.xml")
    values = {v.get("name"): v.text for v in ElementTree.parse(report).iterfind(".//{*}value")}
    cloudy = tile_metadata(product).find(".//CLOUDY_PIXEL_PERCENTAGE").text
    assert values["CLOUDY_PIXEL_PERCENTAGE"] == cloudy


def test_manifest_names_every_file_with_its_checksum(s2_product):
    manifest = ElementTree.parse(s2_product.path / "manifest.safe")
    listed = {}
    for data_object in manifest.iter("dataObject"):
        href = data_object.find(".//fileLocation").get("href")
        listed[href] = data_object.find(".//checksum").text
    files = {f"./{p.relative_to(s2_product.path).as_posix()}": p for p in s2_product.path.rglob("*") if p.is_file()}
    del files["./manifest.safe"]
    assert listed.keys() == files.keys()
    assert all(hashlib.sha3_256(p.read_bytes()).hexdigest() == listed[href] for href, p in files.items())


def test_clouds_have_about_the_wanted_cover(simulate):
    product = simulate(cover=0.2)
    mask = read(product.truth / "mask.tif")
    assert (mask == 1).mean() == pytest.approx(0.2, abs=0.06)


def test_brdf_truth_says_for_which_sun(simulate):
    facts = simulate(brdf=True).facts
    lat = facts["centre_lat"]
    k = (31.0076, -0.1272, 0.01187, 2.40e-05, -9.48e-07, -1.95e-09, 6.15e-11)
    assert facts["theta_norm"] == pytest.approx(sum(c * lat**i for i, c in enumerate(k)))
