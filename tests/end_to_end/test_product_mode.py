"""One good product through the whole program: names, tree, pixels, metadata, truth."""

import csv
import json
import re
from pathlib import Path
from urllib.parse import urlparse

import demo
import numpy as np
import pytest
import rasterio
from end_to_end.running import ALL_BANDS, REPOSITORY, RUN_FILES, images, item, lineage, quality, step
from jsonschema import Draft7Validator
from lxml import etree
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

NATIVE = ("B05", "B06", "B07", "B08")
NOMINAL = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B08": 10}
"""Pixel size in metres where it is not 20 (spec 10 section 4)."""
COARSE = 30
"""The simulated products have so many times larger pixels."""
CORE = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
EXTENSION_SCHEMAS = REPOSITORY.parent / "shared" / "schemas" / "stac"
MASKS = [
    "MSK_CLASSI_B00.jp2",
    *(f"MSK_{kind}_{band}.jp2" for kind in ("DETFOO", "QUALIT") for band in (*ALL_BANDS, "B09", "B10")),
]
"""Masks of an L1C product from baseline 04.00 on (spec 10 section 15)."""


def expected_files(level: str, product: str, time: str = "20210602T104605") -> set[str]:
    """Every file of a product of S2A, 31TFJ (spec 10 sections 2, 3, 7), and what docs and spec 10 section 10 add to them."""
    granule = f"GRANULE/{level}_T31TFJ_A031036_{time}_S2A_R008"
    root = f"{level}_T31TFJ_20210602T104155_S2A_R008"
    bands = {band: f"{root}_{band}_{NOMINAL.get(band, 20) * COARSE}m.TIF" for band in ALL_BANDS}
    pictures = [f"{root}_QL_B432.jpg", f"{root}_QL_B12118A.jpg"]
    added = [f"{root}_THUMBNAIL.jpg", f"{root}_THUMBNAIL.jpg.aux.xml", f"{root}_CORREL.csv", f"{level}_QUALITY.json"]
    of_quality = [
        f"{level}_QUALITY.xml",
        *(f"{root}_{kind}.TIF" for kind in ("MSK", "ANG", "PVI")),
        *pictures,
        *(f"{name}.aux.xml" for name in pictures),
        *MASKS,
        *added,
    ]
    digit = level[1:]
    return {
        f"MTD_MSI{level}.xml",
        f"MTD_MSI{level}.json",
        f"{product}.json",
        f"{granule}/MTD_TL_{level}.xml",
        f"{granule}/MTD_TL_{level}.json",
        *(f"{granule}/IMG_DATA/{'NATIVE/' if band in NATIVE else ''}{name}" for band, name in bands.items()),
        *(f"{granule}/QI_DATA/{name}" for name in of_quality),
        f"rep_info/User_Product_Level-{digit}.xsd",
        f"rep_info/PDI_Level-{digit}_Tile_Metadata.xsd",
        f"rep_info/{level}_QUALITY.xsd",
    }


# ------------------------------------------------------------------------------------------------ names and tree


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_a_product_has_exactly_the_files_of_the_specification(run, level):
    product = run.product(level)
    assert re.fullmatch(rf"S2A_MSI{level}_20210602T104155_N\d{{4}}_R008_T31TFJ_\d{{8}}T\d{{6}}\.SAFE", product.name)
    found = {str(path.relative_to(product)) for path in product.rglob("*") if path.is_file()}
    assert found == expected_files(level, product.stem)


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_a_product_has_exactly_the_folders_of_the_specification(run, level):
    product = run.product(level)
    granule = f"GRANULE/{level}_T31TFJ_A031036_20210602T104605_S2A_R008"
    found = {str(path.relative_to(product)) for path in product.rglob("*") if path.is_dir()}
    inside = ("AUX_DATA", "IMG_DATA", "IMG_DATA/NATIVE", "QI_DATA")
    assert found == {"AUX_DATA", "DATASTRIP", "HTML", "rep_info", "GRANULE", granule, *(f"{granule}/{name}" for name in inside)}


def test_the_archive_of_the_tile_holds_the_two_products_and_their_correlation_tables(run):
    names = {f"{product.name}_CORREL.csv" for product in run.products()}
    assert {path.name for path in (run.tile / "QI").iterdir()} == names
    assert {path.name for path in run.tile.iterdir()} == {"QI", *(product.name for product in run.products())}
    assert [path.name for path in run.archive.iterdir()] == ["31TFJ"]
    assert len(run.products()) == 2


def test_both_levels_have_one_production_time(run):
    assert run.product("L2H").stem[-15:] == run.product("L2F").stem[-15:]


def test_the_working_directory_keeps_log_and_report_only(run):
    assert run.kept() == RUN_FILES


def test_the_summary_names_the_products(run):
    header, row = run.out.splitlines()[0], " ".join(run.out.splitlines()[1:])
    assert header.split() == ["tile", "product", "status", "seconds", "outputs", "reason"]
    assert " done " in row and all(product.name in row for product in run.products())


# ------------------------------------------------------------------------------------------------ rasters


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_every_image_opens_on_the_tiles_grid_and_gives_reflectance_by_its_tags(run, level):
    found = images(run.product(level))
    assert set(found) == set(ALL_BANDS)
    for band, path in found.items():
        with rasterio.open(path) as source:
            metres = NOMINAL.get(band, 20) * COARSE
            assert source.crs.to_epsg() == 32631 and source.dtypes == ("uint16",) and source.nodata == 0
            assert source.transform[:6] == (metres, 0, 600000, 0, -metres, 4900020)
            assert source.shape == (109800 // metres,) * 2
            assert source.scales[0] == pytest.approx(1e-4) and source.offsets[0] == pytest.approx(-0.1)
            dn = source.read(1)
            assert (dn != 0).mean() > 0.9 and dn[dn != 0].min() > 1000  # negative reflectance is clipped to DN 1001


def test_every_raster_of_the_quality_folder_opens_with_the_form_of_the_specification(run):
    forms = {"MSK": (1, "uint8"), "ANG": (28, "int16"), "PVI": (3, "uint8")}
    for kind, (count, dtype) in forms.items():
        (path,) = run.product().glob(f"GRANULE/*/QI_DATA/*_{kind}.TIF")
        with rasterio.open(path) as source:
            assert (source.count, source.dtypes[0], source.crs.to_epsg()) == (count, dtype, 32631)
            values = source.read()
            if kind == "MSK":
                assert source.shape == (183, 183) and source.nodata is None and set(np.unique(values)) == {0, 1}
            if kind == "ANG":
                assert source.shape == (23, 23) and source.transform.a == 5000
    for path in run.product().glob("GRANULE/*/QI_DATA/*.jpg"):
        with rasterio.open(path) as source:
            assert source.count == 3 and source.read().max() > 50


def test_cogs_are_valid_in_strict_mode(run):
    cog_validate = pytest.importorskip("rio_cogeo", reason="install rio-cogeo").cog_validate
    paths = [*images(run.product()).values(), next(run.product().glob("GRANULE/*/QI_DATA/*_MSK.TIF"))]
    for path in paths:
        assert cog_validate(str(path), strict=True) == (True, [], []), path.name


def test_the_images_of_sentinel2_l2f_are_the_files_of_l2h(run):
    ours, twins = images(run.product("L2F")), images(run.product("L2H"))
    assert {band: path.stat().st_ino for band, path in ours.items()} == {b: p.stat().st_ino for b, p in twins.items()}


# ------------------------------------------------------------------------------------------------ metadata


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_the_stac_item_is_valid(run, level):
    content = item(run.product(level))
    cache = get_local_schema_cache()
    registry = Registry().with_resources([(uri, Resource.from_contents(schema)) for uri, schema in cache.items()])
    schemas = [cache[CORE]]
    for uri in content["stac_extensions"]:
        name, version = uri.split("/")[-3:-1]
        file = EXTENSION_SCHEMAS / f"{name}-{version}.json"
        if file.exists():
            schemas.append(json.loads(file.read_text()))
    problems = [e.message for schema in schemas for e in Draft7Validator(schema, registry=registry).iter_errors(content)]
    assert problems == []


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_the_stac_item_leads_to_files_of_the_product_by_relative_links(run, level):
    product = run.product(level)
    assets = item(product)["assets"]
    for asset in assets.values():
        assert not urlparse(asset["href"]).scheme and not asset["href"].startswith("/")
        assert (product / asset["href"]).stat().st_size == asset["file:size"]
    shown = {Path(asset["href"]).name for asset in assets.values() if "data" in asset["roles"]}
    assert shown == {path.name for path in images(product).values()}


def test_the_stac_item_tells_the_acquisition(run, s2_product):
    content = item(run.product())
    facts = content["properties"]
    assert content["id"] == run.product().stem
    assert facts["datetime"].startswith("2021-06-02T10:46:25")
    assert (facts["platform"], facts["proj:code"], facts["grid:code"]) == ("sentinel-2a", "EPSG:32631", "MGRS-31TFJ")
    assert facts["sat:relative_orbit"] == 8 and facts["sat:absolute_orbit"] == 31036 and facts["s2l:partial"] is False
    (source,) = (link["href"] for link in content["links"] if link["rel"] == "derived_from")
    assert source == s2_product.path.name
    west, south, east, north = content["bbox"]
    assert west < 4.9 < east and south < 43.7 < north  # the middle of 31TFJ


@pytest.mark.parametrize("level", ["L2H", "L2F"])
@pytest.mark.parametrize(
    ("document", "schema"),
    [
        ("MTD_MSI{level}.xml", "User_Product_Level-{digit}.xsd"),
        ("GRANULE/*/MTD_TL_{level}.xml", "PDI_Level-{digit}_Tile_Metadata.xsd"),
        ("GRANULE/*/QI_DATA/{level}_QUALITY.xml", "{level}_QUALITY.xsd"),
    ],
)
def test_every_document_obeys_the_schema_that_is_shipped_with_it(run, level, document, schema):
    product, names = run.product(level), {"level": level, "digit": level[1:]}
    (path,) = product.glob(document.format(**names))
    xsd = etree.XMLSchema(etree.parse(product / "rep_info" / schema.format(**names)))
    assert xsd.validate(etree.parse(path)), xsd.error_log


def test_the_metadata_list_every_image(run):
    product = run.product()
    listed = etree.parse(product / "MTD_MSIL2H.xml").iterfind(".//{*}IMAGE_FILE_2HF")
    stems = {str(path.relative_to(product).with_suffix("")) for path in images(product).values()}
    assert {str(Path(element.text).with_suffix("")) if "." in element.text else element.text for element in listed} == stems


def test_the_quality_report_tells_the_atmosphere_of_cams(run):
    values = quality(run.product())
    assert values["AC_PROCESSOR"] == "SMAC" and values["AOT_RETRIEVAL_METHOD"] == "CAMS"
    assert float(values["GRANULE_MEAN_AOT"]) == pytest.approx(0.12, abs=1e-4)
    assert float(values["GRANULE_MEAN_WV"]) == pytest.approx(1.8, abs=1e-3)
    assert float(values["OZONE_VALUE"]) == pytest.approx(0.335, abs=1e-4)
    assert float(values["PRESSURE"]) == pytest.approx(1016.5, abs=0.1)


def test_the_image_is_put_where_the_reference_is(run):
    """The content was simulated 30 m too far east and 45 m too far south; a pixel has 300 m."""
    geometry = step(run.product(), "Geometry")
    assert geometry["dx"] == pytest.approx(30, abs=10) and geometry["dy"] == pytest.approx(45, abs=10)
    values = quality(run.product())
    assert values["REF_IMAGE"] == "31TFJ_B04.tif"
    assert float(values["MEAN"]) < 30 < float(values["COREGISTRATION_BEFORE_CORRECTION"])


def test_the_correlation_table_has_a_line_before_and_one_after_the_correction(run):
    with open(run.tile / "QI" / f"{run.product().name}_CORREL.csv") as file:
        before, after = csv.DictReader(file)
    assert float(before["mean_x"]) == pytest.approx(30, abs=10) and float(before["mean_y"]) == pytest.approx(45, abs=10)
    assert abs(float(after["mean_x"])) < 10 and abs(float(after["mean_y"])) < 10


def test_the_lineage_lists_the_blocks_in_the_order_of_the_specification(run):
    order = list(dict.fromkeys(lineage(run.product())))
    assert order == sorted(order, key=["Geometry", "Toa", "Atmcor", "Nbar", "Packager"].index)
    assert set(order) == {"Geometry", "Toa", "Atmcor", "Nbar", "Packager"}


# ------------------------------------------------------------------------------------------------ truth


def true_error(product: Path, truth: Path, band: str) -> tuple[float, float]:
    """(bias, RMSE) in DN."""
    (error,) = demo.compare(product, truth, (band,))
    return error.bias * 1e4, error.rmse * 1e4


@pytest.mark.parametrize("band", ["B02", "B04", "B8A", "B12"])
def test_the_exact_methods_give_the_truth_but_for_quantisation(band, exact_run):
    """What is left is rounding on the way in and out: a deviation of sqrt(1/12 + 1/12) = 0.41 DN, no bias."""
    bias, rmse = true_error(*exact_run, band)
    assert abs(bias) < 0.1 and rmse < 0.6


@pytest.fixture(scope="module")
def exact_run(module_bench, simulate, cams):
    """A product without noise, cloud and BRDF whose atmosphere is that of the scene's mean geometry, and its truth."""
    clear = simulate(noise=0.0, physics="mean", aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5)
    changes = {"smac": "exact", "rounding": "nearest", "doNbar": False, "cams_interpolation": "accurate"}
    run = module_bench()(clear.path, cams_dir=cams, **changes)
    assert run.code == 0, run.err
    return run.product(), clear.truth


def test_the_default_methods_give_red_to_a_dn_on_average(module_bench, simulate, cams):
    """Per-pixel geometry and BRDF in the input; the reference's parabola costs up to 5 DN in red (docs/differences.md)."""
    clear = simulate(noise=0.0, brdf=True, aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5)
    run = module_bench()(clear.path, "--bands", "B04", cams_dir=cams)
    assert run.code == 0, run.err
    bias, rmse = true_error(run.product(), clear.truth, "B04")
    assert abs(bias) < 1 and rmse < 5
