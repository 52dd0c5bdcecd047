"""Landsat through the packager: every image has its own meaning and place (spec 10 sections 4, 5; 11 sections 2 to 10)."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from lxml import etree
from products.landsat_scene import Scene

from sen2like.blocks.base import FusionPlan, Job
from sen2like.blocks.packager import S2L_PackagerL2F, S2L_PackagerL2H
from sen2like.config import load
from sen2like.config.load import default_configuration
from sen2like.errors import MetadataError
from sen2like.grid.mgrs import tile
from sen2like.packaging import schemas
from sen2like.packaging.writer import bands_of, made_before
from sen2like.products.landsat import open_landsat
from sen2like.products.model import Angles, Masks
from sen2like.raster.image import Image, LazyImage

FRAME = tile("31TFJ")
PIXEL = {True: 300.0, False: 600.0}
"""Metres, of the panchromatic band and of all others: a twentieth of the resolution."""
_COLLECTION_2 = [Scene(2), Scene(2, "L2SP"), Scene(2, "L2SR"), Scene(2, instrument="OLI")]
KINDS = [("8", Scene(1)), ("8", Scene(0, "L1T")), *((satellite, scene) for satellite in "89" for scene in _COLLECTION_2)]
SOUTH_OF_HERE = 100
"""Rows of the mask from here on are no data."""
HARMONISED = {"B01", "B02", "B03", "B04", "B8A", "B11", "B12"}


def job_of(scene, folder, *overrides, bands=None) -> Job:
    product = open_landsat(scene.write(folder / "in"))
    grid = FRAME.geobox(PIXEL[False])
    valid, data = (np.ones(grid.shape, np.uint8) for _ in range(2))
    data[SOUTH_OF_HERE:] = 0
    valid[:10] = valid[SOUTH_OF_HERE:] = 0
    degrees = np.empty((4, 37, 37), np.float32)
    degrees[:] = np.array([100, 4, 350, 60], np.float32)[:, None, None]
    degrees[:, :, 20:] = np.array([100, 4, 20, 64], np.float32)[:, None, None]
    degrees[:, :, 30:] = np.nan
    degrees[:, :, :10] = 0  # as stored outside the scene
    angles = Angles(degrees, ("VAA", "VZA", "SAA", "SZA"), FRAME.geobox(3000), source="angle bands")
    config = load(default_configuration(), [f"archive_dir={folder / 'out'}", "doFusion=True", *overrides], searching=False)
    bands = tuple(product.bands) if bands is None else bands
    return Job(product, FRAME, config, bands, folder, None, Masks(Image(valid, grid), Image(data, grid)), angles)


def image_of(job, band, values=0.2) -> Image:
    """What the blocks before the packager hand on: reflectance, or the DN of a thermal band; `values` fill its first row."""
    kind = job.product.bands[band].kind
    grid = FRAME.geobox(PIXEL[kind == "panchromatic"])
    usual = 25000 if kind == "thermal" else 0.2
    data = np.full(grid.shape, usual, np.float32)
    data[0, : np.size(values)] = values
    return Image(data, grid, 0 if kind == "thermal" else None)


def package(job, *levels, values=None):
    """Product folders by level."""
    blocks = [{"L2H": S2L_PackagerL2H, "L2F": S2L_PackagerL2F}[level]() for level in levels or ("L2H",)]
    for block in blocks:
        block.preprocess(job)
    for band in job.bands:
        given = image_of(job, band, (values or {}).get(band, ()))
        for block in blocks:
            assert block.process(job, given, band) is given
    for block in blocks:
        block.postprocess(job)
    return {level: writer.publish() for level, writer in job.writers.items()}


def written(product, name, native=False):
    """(DN, scale, offset, what else the file tells) of an image."""
    where = "NATIVE" if native else "."
    (path,) = product.glob(f"GRANULE/*/IMG_DATA/{where}/*_{name}_*m.TIF")
    with rasterio.open(path) as source:
        about = SimpleNamespace(nodata=source.nodata, res=source.res, unit=source.units[0], tags=source.tags())
        return source.read(1), source.scales[0], source.offsets[0], about


def document(product, pattern):
    (path,) = product.glob(pattern)
    return etree.parse(path).getroot()


def values_of(product):
    return {v.get("name"): v.text for v in document(product, "GRANULE/*/QI_DATA/*_QUALITY.xml").iterfind(".//{*}value")}


def item_of(product):
    return json.loads((product / f"{product.stem}.json").read_bytes())


def inputs_of(product):
    return [link["href"] for link in item_of(product)["links"] if link["rel"] == "derived_from"]


@pytest.fixture(scope="module")
def level1(tmp_path_factory):
    job = job_of(Scene(), tmp_path_factory.mktemp("level1"))
    raw = [22000, 28000, 0, 22000.4, 22000.6, 65535, np.nan]
    values = {"B10": raw, "B11": raw[::-1], "B06": [0.1], "B08": [0.1, 0.3]}
    return package(job, values=values)["L2H"], job


def test_thermal_dn_are_written_as_they_came(level1):
    # spec 10 section 5: the reference makes both 1001
    dn, _, _, source = written(level1[0], "B10", native=True)
    assert dn[0, :8].tolist() == [22000, 28000, 0, 22000, 22001, 65535, 0, 25000]
    assert (dn.dtype, source.nodata) == (np.uint16, 0)
    assert not dn[SOUTH_OF_HERE:].any() and dn[:SOUTH_OF_HERE, 8:].all()


def test_thermal_scale_gives_radiance_and_with_the_constants_temperature(level1):
    product, _ = level1
    dn, scale, offset, _ = written(product, "B10", native=True)
    radiance = dn[0, 0] * scale + offset
    assert radiance == pytest.approx(22000 * 3.342e-4 + 0.1)
    (described,) = item_of(product)["assets"]["lwir11"]["bands"]
    kelvin = described["s2l:k2"] / math.log(described["s2l:k1"] / radiance + 1)
    assert kelvin == pytest.approx(1321.0789 / math.log(774.8853 / 7.4524 + 1)) and 270 < kelvin < 300


def test_the_file_of_a_thermal_band_tells_unit_and_constants(level1):
    _, _, _, thermal = written(level1[0], "B11", native=True)
    assert thermal.unit == "W m-2 sr-1 um-1"
    assert {name: float(thermal.tags[name]) for name in ("K1", "K2")} == {"K1": 480.8883, "K2": 1201.1442}
    _, _, _, swir = written(level1[0], "B11")
    assert swir.unit is None and "K1" not in swir.tags


def test_both_bands_named_b11_are_there_and_differ(level1):
    product, _ = level1
    swir, scale, offset, _ = written(product, "B11")
    thermal, own_scale, own_offset, _ = written(product, "B11", native=True)
    # 0.1 is DN 2000 with the default gain and offset
    assert swir[0, 0] in (1999, 2000) and (scale, offset) == (1e-4, -0.1)
    assert thermal[0, 6] == 22000 and (own_scale, own_offset) == (3.342e-4, 0.1)
    assets = item_of(product)["assets"]
    assert "/NATIVE/" not in assets["B11"]["href"] and "/NATIVE/" in assets["lwir12"]["href"]
    assert assets["B11"]["file:checksum"] != assets["lwir12"]["file:checksum"]


def test_pan_is_reflectance_at_half_the_pixel_under_the_mask_enlarged_to_nearest(level1):
    dn, scale, offset, source = written(level1[0], "B08", native=True)
    assert source.res == (300, 300) and (scale, offset) == (1e-4, -0.1)
    np.testing.assert_allclose(dn[0, :2] * scale + offset, [0.1, 0.3], atol=1.01e-4)
    assert not dn[2 * SOUTH_OF_HERE :].any() and dn[: 2 * SOUTH_OF_HERE].all()


def test_keys_and_roles_in_stac(level1):
    assets = item_of(level1[0])["assets"]
    roles = {key: assets[key]["roles"] for key in ("B11", "pan", "lwir11", "lwir12")}
    assert roles == {"B11": ["data", "reflectance"], "pan": ["data", "reflectance"],
                     "lwir11": ["data", "radiance"], "lwir12": ["data", "radiance"]}  # fmt: skip
    assert assets["lwir12"]["bands"][0]["unit"] == "W m-2 sr-1 um-1" and "unit" not in assets["pan"]["bands"][0]
    assert assets["pan"]["gsd"] == 300 and assets["lwir12"]["bands"][0]["eo:common_name"] == "lwir12"


def test_spectral_information_tells_bands_of_one_name_apart(level1):
    spectra = document(level1[0], "MTD_OLIL2H.xml").findall(".//Spectral_Information")
    told = [(s.get("bandId"), s.get("physicalBand"), s.findtext("Wavelength/CENTRAL")) for s in spectra]
    assert told[5] == ("11", "B11", "1613.7") and told[-1] == (None, "B11", "12005")
    scaled = {s.findtext("Wavelength/CENTRAL"): s.find("Radiometric_Scale") for s in spectra}
    assert [central for central, scale in scaled.items() if scale is not None] == ["10895", "12005"]
    scale = scaled["12005"]
    assert scale.get("quantity") == "radiance" and scale.find("MULT").get("unit") == "W m-2 sr-1 um-1"
    assert [float(scale.findtext(name)) for name in ("MULT", "ADD", "K1", "K2")] == [3.342e-4, 0.1, 480.8883, 1201.1442]


def test_missing_pixels_of_thermal_bands_are_no_fault_of_the_run(level1):
    product, job = level1
    assert "NON_FINITE_PIXELS" not in values_of(product) and job.record.warnings == []


def test_tile_metadata_name_the_scene_and_its_angles(level1):
    root = document(level1[0], "GRANULE/*/MTD_TL_L2H.xml")
    assert root.findtext(".//L1_TILE_ID") == "LC81960302017334LGN00"
    assert root.findtext(".//TILE_ID") == f"LS8_OPER_OLI_TL_L2H_ZZZ__20171130T152834_A000000_T31TFJ_N{baseline(level1[0])}"
    # half of the known cells have (350, 60), half (20, 64): zeros and NaN outside take no part, azimuths turn round
    sun = root.find(".//Mean_Sun_Angle")
    assert float(sun.findtext("ZENITH_ANGLE")) == pytest.approx(62, abs=1e-4)
    assert float(sun.findtext("AZIMUTH_ANGLE")) == pytest.approx(5, abs=1e-4)
    views = root.findall(".//Mean_Viewing_Incidence_Angle")
    assert len(views) == 13 and {float(v.findtext("ZENITH_ANGLE")) for v in views} == {4}
    assert root.findtext(".//CLOUDY_PIXEL_PERCENTAGE") == "12.34"


def baseline(product):
    digits = product.name.split("_")[3][1:]
    return f"{digits[:2]}.{digits[2:]}"


def test_product_metadata_and_item_tell_the_acquisition(level1):
    product, _ = level1
    root, content = document(product, "MTD_OLIL2H.xml"), item_of(product)["properties"]
    assert root.findtext(".//PRODUCT_TYPE") == "L8OLI2H" and root.findtext(".//Cloud_Coverage_Assessment") == "12.34"
    # spec 11 section 5 at 2017-11-30T15:28: the Sun is 0.9862 astronomical units away
    assert float(root.findtext(".//U")) == pytest.approx(0.9862**-2, abs=1e-3)
    assert len(root.findall(".//SOLAR_IRRADIANCE")) == 7
    assert (content["landsat:scene_id"], content["landsat:correction"]) == ("LC81960302017334LGN00", "L1TP")
    assert (content["landsat:wrs_path"], content["landsat:wrs_row"]) == ("196", "030")
    assert content["view:sun_azimuth"] == pytest.approx(5, abs=1e-4)


def test_source_of_the_angles_is_in_the_quality_report(level1):
    assert values_of(level1[0])["ANGLES_SOURCE"] == "angle bands"


def test_level_2_has_surface_temperature_in_kelvin(tmp_path):
    product = package(job_of(Scene(level="L2SP"), tmp_path), values={"B10": [44000]})["L2H"]
    dn, scale, offset, _ = written(product, "B10", native=True)
    assert dn[0, 0] == 44000 and dn[0, 0] * scale + offset == pytest.approx(299.393, abs=1e-3)
    asset = item_of(product)["assets"]["lwir11"]
    assert asset["roles"] == ["data", "temperature"]
    assert asset["bands"][0]["unit"] == "K" and "s2l:k1" not in asset["bands"][0]
    scale = document(product, "MTD_OLIL2H.xml").find(".//Radiometric_Scale")
    assert scale.get("quantity") == "temperature" and scale.find("K1") is None


@pytest.mark.parametrize(("satellite", "scene"), KINDS, ids=lambda s: str(getattr(s, "name", s)))
def test_every_kind_of_landsat_gives_a_valid_product(tmp_path, scene, satellite):
    scene = Scene(scene.collection, scene.level, instrument=scene.instrument, changes={"SPACECRAFT_ID": f'"LANDSAT_{satellite}"'})
    job = job_of(scene, tmp_path)
    product = package(job)["L2H"]
    assert product.name.startswith(f"LS{satellite}_OLIL2H_20171130T152834_")
    for pattern in ("MTD_OLIL2H.xml", "GRANULE/*/MTD_TL_L2H.xml", "GRANULE/*/QI_DATA/L2H_QUALITY.xml"):
        (path,) = product.glob(pattern)
        assert schemas.validate(path.read_bytes()) == []
    native = {"B08", "B10", "B11"} & set(job.product.bands)
    keys = {"B08": "pan", "B10": "lwir11", "B11": "lwir12"}
    expected = HARMONISED | {keys[band] for band in native}
    assert bands_of(product) == expected <= item_of(product)["assets"].keys()
    listed = [e.text for e in document(product, "MTD_OLIL2H.xml").iterfind(".//IMAGE_FILE_2HF")]
    assert len(listed) == len(expected) and item_of(product)["properties"]["platform"] == f"landsat-{satellite}"
    assert job.record.warnings == []


def test_a_thermal_band_whose_scale_is_not_in_the_metadata_is_an_error(tmp_path):
    job = job_of(Scene(changes={"K1_CONSTANT_BAND_11": None}), tmp_path)
    with pytest.raises(MetadataError, match="no thermal constants for band B11"):
        package(job)


def test_thermal_bands_come_out_of_lazy_images_too(tmp_path):
    job = job_of(Scene(), tmp_path, bands=("B10",))
    block = S2L_PackagerL2H()
    block.preprocess(job)
    given = image_of(job, "B10", [22000, 28000, np.nan])
    block.process(job, LazyImage(given, ((lambda dn, rows: dn, None),)), "B10")
    (image,) = job.writers["L2H"].images.values()
    with rasterio.open(job.writers["L2H"].folder / image.path) as source:
        assert source.read(1)[0, :4].tolist() == [22000, 28000, 0, 25000]


@pytest.mark.parametrize(("output_format", "extension"), [("GTIFF", "TIF"), ("JPEG2000", "jp2")])
def test_other_formats_keep_thermal_dn_and_scale(tmp_path, output_format, extension):
    job = job_of(Scene(), tmp_path, f"output_format={output_format}", bands=("B11",))
    (product,) = package(job, values={"B11": [22000, 28000]}).values()
    (path,) = product.glob(f"GRANULE/*/IMG_DATA/NATIVE/*_B11_600m.{extension}")
    with rasterio.open(path) as source:
        assert source.read(1)[0, :3].tolist() == [22000, 28000, 25000]
        assert (source.scales[0], source.offsets[0], source.nodata) == (3.342e-4, 0.1, 0)
        assert source.units == ("W m-2 sr-1 um-1",) and source.tags()["K1"] == "480.8883"


def test_a_quicklook_of_a_thermal_band_alone_shows_its_range(tmp_path):
    ramp = np.linspace(22000, 28000, FRAME.geobox(PIXEL[False]).shape[1])
    product = package(job_of(Scene(), tmp_path, bands=("B10",)), values={"B10": ramp})["L2H"]
    (path,) = product.glob("GRANULE/*/QI_DATA/*_QL_B10.jpg")
    with rasterio.open(path) as picture:
        assert picture.scales == (1.0,)
        row = picture.read(1)[0].astype(int)
    assert row[0] < 30 and row[-1] > 200


def test_the_fused_product_shares_what_fusion_left_alone(tmp_path):
    job = job_of(Scene(), tmp_path)
    job.record.add_reference("S2A_MSIL2F_20171128T104151_N0406_R008_T31TFJ_20260312T101500")
    job.record.set_quality(PREDICTED_METHOD="composite", FUSION_AUTO_CHECK_THRESHOLD=0.1, PREDICTED_PIXELS_STATISTICS=100.0)
    harmonised, fused = S2L_PackagerL2H(), S2L_PackagerL2F()
    for block in (harmonised, fused):
        block.preprocess(job)
    check = Image(np.ones(FRAME.geobox(600).shape, np.uint8), FRAME.geobox(600))
    job.writers["L2F"].add_mask("FCM", check)  # before the pictures are made
    for band in job.bands:
        given = image_of(job, band)
        harmonised.process(job, given, band)
        finer = FRAME.geobox(200)
        is_fused = band == "B04"
        fused.process(job, Image(np.full(finer.shape, 0.2, np.float32), finer) if is_fused else given, band)
    for block in (harmonised, fused):
        block.postprocess(job)
    products = {level: writer.publish() for level, writer in job.writers.items()}
    for name, native, linked in (("B11", False, True), ("B11", True, True), ("B10", True, True), ("B04", False, False)):
        where = "NATIVE" if native else "."
        files = [next(products[level].glob(f"GRANULE/*/IMG_DATA/{where}/*_{name}_*")) for level in ("L2H", "L2F")]
        assert files[0].samefile(files[1]) is linked
    tile_document = document(products["L2F"], "GRANULE/*/MTD_TL_L2F.xml")
    assert [e.tag for e in tile_document[-1]][-1] == "FCM_FILENAME"
    assert tile_document.findtext(".//FCM_FILENAME").endswith("_FCM.TIF")
    assert "fusion_check" in item_of(products["L2F"])["assets"] and "fusion_check" not in item_of(products["L2H"])["assets"]
    report = values_of(products["L2F"])
    assert (report["PREDICTED_METHOD"], report["FUSION_AUTO_CHECK_THRESHOLD"]) == ("composite", "0.1")
    assert report["FUSION_REFERENCES"] == job.record.fused_from[0] and "PREDICTED_METHOD" not in values_of(products["L2H"])
    inputs = {level: inputs_of(product) for level, product in products.items()}
    assert inputs == {"L2H": [job.product.name], "L2F": [job.product.name, job.record.fused_from[0]]}
    assert job.record.warnings == []


def test_a_stitched_neighbour_is_told_in_both_metadata(tmp_path):
    job = job_of(Scene(), tmp_path)
    for _ in range(2):
        job.record.add_input("LC08_L1TP_196029_20171130_20171207_02_T1")
    for product in package(job, "L2H", "L2F").values():
        both = ["LC08_L1TP_196030_20171130_20171207_02_T1", "LC08_L1TP_196029_20171130_20171207_02_T1"]
        assert inputs_of(product) == values_of(product)["SOURCE_PRODUCTS"].split() == both


def test_a_product_without_the_thermal_b11_does_not_stand_for_one_with_it(tmp_path):
    job = job_of(Scene(), tmp_path, bands=("B06",))
    (product,) = package(job).values()
    names, source = job.writers["L2H"].names, job.product.name
    digest = job.writers["L2H"].settings.configuration_hash
    assert bands_of(product) == {"B11"}
    assert made_before(product.parent, names, source, digest, ["B11"]) == product
    assert made_before(product.parent, names, source, digest, ["B11", "lwir12"]) is None


def test_a_grid_of_angles_without_any_known_cell_has_no_mean(tmp_path):
    job = job_of(Scene(), tmp_path)
    job.angles = Angles(np.zeros((4, 2, 2), np.float32), ("VAA", "VZA", "SAA", "SZA"), FRAME.geobox(54900))
    root = document(package(job)["L2H"], "GRANULE/*/MTD_TL_L2H.xml")
    assert root.find(".//Mean_Sun_Angle") is None and "mean sun angle" in job.record.warnings[0]


@pytest.mark.parametrize(("band", "times"), [("B04", 1), ("B01", 2)])
def test_a_band_that_gets_fused_is_held_for_fusion_so_that_it_is_computed_once(tmp_path, band, times):
    job = job_of(Scene(2), tmp_path, bands=(band, "B03"))
    job.fusion = FusionPlan((), "composite", None)
    computed = []

    def seen(values, rows):
        computed.extend(range(rows.start, rows.stop))
        return values

    packager = S2L_PackagerL2H()
    packager.preprocess(job)
    given = image_of(job, band)
    after = packager.process(job, given.map(seen), band)
    np.testing.assert_array_equal(after.rows(0, 50), given.data[:50])
    assert [computed.count(row) for row in (0, 49)] == [times] * 2
