"""``stac``: catalogue and collections that are valid, complete, and the same when made again."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pystac
import pytest
from commands import archives
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from sen2like.commands import catalogue
from sen2like.commands.collection import collection, union_of_boxes
from sen2like.errors import NothingToDo, PackagingError, UsageError

CORE = "https://schemas.stacspec.org/v1.1.0/{0}-spec/json-schema/{0}.json"
EXTENSIONS = Path(__file__).parents[3] / "shared" / "schemas" / "stac"


@pytest.fixture
def archive(tmp_path):
    """Sentinel-2 as L2H and L2F, Landsat as L2H."""
    out = tmp_path / "archive"
    s2 = archives.cases.fake_product(tmp_path)
    archives.add(out, s2)
    archives.add(out, s2, "L2F")
    archives.add(out, archives.cases.landsat_product(tmp_path))
    return out


def read(path):
    return json.loads(path.read_text())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def hrefs(document, rel):
    return [link["href"] for link in document["links"] if link["rel"] == rel]


def problems(content, schema):
    registry = Registry().with_resources([(uri, Resource.from_contents(s)) for uri, s in get_local_schema_cache().items()])
    return [error.message for error in Draft7Validator(schema, registry=registry).iter_errors(content)]


def test_the_documents_are_valid_stac(archive):
    assert catalogue.run(archive) == (3, 0)
    schemas = get_local_schema_cache()
    assert problems(read(archive / "catalog.json"), schemas[CORE.format("catalog")]) == []
    for name in ("collection-l2h.json", "collection-l2f.json"):
        assert problems(read(archive / name), schemas[CORE.format("collection")]) == []


@pytest.mark.parametrize("extension", ["eo-v2.0.0", "projection-v2.0.0", "scientific-v1.0.0"])
def test_collections_obey_the_extensions_they_declare(archive, extension):
    file = EXTENSIONS / f"{extension}.json"
    if not file.is_file():
        pytest.skip(f"schema {extension} not present")
    catalogue.run(archive)
    content = read(archive / "collection-l2h.json")
    name, _, version = extension.partition("-")
    assert f"https://stac-extensions.github.io/{name}/{version}/schema.json" in content["stac_extensions"]
    assert problems(content, read(file)) == []


def test_pystac_walks_from_the_catalogue_to_every_product(archive):
    catalogue.run(archive)
    root = pystac.Catalog.from_file(str(archive / "catalog.json"))
    found = {item.id: item for item in root.get_items(recursive=True)}
    assert sorted(found) == sorted(path.stem for path in archive.glob("31TFJ/*.SAFE"))
    for item in found.values():
        assert item.get_collection().id == item.collection_id
        assert item.get_root().id == root.id


def test_links_are_relative_and_lead_to_files(archive):
    catalogue.run(archive)
    for document in (archive / "catalog.json", archive / "collection-l2h.json"):
        local = [link["href"] for link in read(document)["links"] if link["rel"] != "license"]
        assert local and all(href.startswith("./") and (archive / href).is_file() for href in local)
    for item in archive.glob("31TFJ/*.SAFE/*L2H*.json"):
        if item.stem == item.parent.stem:
            assert (item.parent / hrefs(read(item), "collection")[0]).resolve() == archive / "collection-l2h.json"


def test_a_published_archive_has_absolute_links(archive):
    catalogue.run(archive, "https://data.example.org/s2l/")
    root, child = read(archive / "catalog.json"), read(archive / "collection-l2f.json")
    assert hrefs(root, "self") == ["https://data.example.org/s2l/catalog.json"]
    (product,) = archive.glob("31TFJ/*L2F*.SAFE")
    assert hrefs(child, "item") == [f"https://data.example.org/s2l/31TFJ/{product.name}/{product.stem}.json"]


def test_the_collection_tells_what_its_items_have(archive):
    catalogue.run(archive)
    got = read(archive / "collection-l2h.json")
    summaries = got["summaries"]
    # of the two inputs in packaging_cases
    assert summaries["platform"] == ["landsat-8", "sentinel-2a"] and summaries["instruments"] == ["msi", "oli", "tirs"]
    assert summaries["eo:cloud_cover"] == {"minimum": 1.53, "maximum": 3.14}
    assert summaries["proj:code"] == ["EPSG:32631"] and summaries["grid:code"] == ["MGRS-31TFJ"]
    assert got["extent"]["temporal"]["interval"] == [["2017-04-20T10:22:53.650000Z", "2017-10-30T10:47:54.590000Z"]]
    west, south, east, north = got["extent"]["spatial"]["bbox"][0]
    assert (west, south, east, north) == pytest.approx((4.232, 43.2356, 5.6266, 44.2466), abs=1e-3)  # spec 11 section 10
    assert {provider["name"] for provider in got["providers"]} == {"sen2like", "ESA / Copernicus", "USGS"}
    assert len(hrefs(got, "license")) == 2 and got["license"] == "other"
    (band,) = got["item_assets"]["B11"]["bands"]
    assert band.pop("eo:center_wavelength") == pytest.approx(1.61, abs=0.01)  # spec 11 section 10
    assert band == {
        "name": "B11", "eo:common_name": "swir16", "data_type": "uint16", "nodata": 0, "raster:scale": 0.0001,
        "raster:offset": -0.1,
    }  # fmt: skip


def test_made_again_it_is_the_same_and_nothing_is_written(archive, capsys):
    catalogue.run(archive)
    before, stamp = contents(archive), 1_000_000_000
    for name in before:
        os.utime(archive / name, (stamp, stamp))
    capsys.readouterr()
    catalogue.run(archive)
    assert contents(archive) == before
    assert {path.stat().st_mtime for path in archive.iterdir() if path.is_file()} == {stamp}
    assert capsys.readouterr().out.count("unchanged") == 3


def test_a_new_product_comes_in_and_a_removed_one_goes(archive, tmp_path):
    catalogue.run(archive)
    archives.add(archive, archives.cases.fake_product(tmp_path, satellite="B"), tile="31TFK")
    for gone in archive.glob("31TFJ/LS8*.SAFE"):
        gone.rename(tmp_path / "gone")
    assert catalogue.run(archive) == (3, 0)
    items = hrefs(read(archive / "collection-l2h.json"), "item")
    assert len(items) == 2 and any("/31TFK/S2B" in f"/{href}" for href in items) and not any("LS8" in href for href in items)


def test_the_collection_of_a_level_without_products_is_removed(archive, tmp_path):
    catalogue.run(archive)
    for gone in archive.glob("31TFJ/*L2F*.SAFE"):
        gone.rename(tmp_path / "gone")
    catalogue.run(archive, dry_run=True)
    assert (archive / "collection-l2f.json").exists()
    catalogue.run(archive)
    assert not (archive / "collection-l2f.json").exists()
    assert [link["title"] for link in read(archive / "catalog.json")["links"] if link["rel"] == "child"] == [
        "Harmonised surface reflectance (Level-2H)"
    ]


def _no_item(product):
    (product / f"{product.stem}.json").unlink()


def _truncated(product):
    path = product / f"{product.stem}.json"
    path.write_text(path.read_text()[:200])


def _missing_image(product):
    next(product.glob("GRANULE/*/IMG_DATA/*B04*")).unlink()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_no_item, "has no STAC item"),
        (_truncated, "cannot be read"),
        (_missing_image, "B04"),
        (lambda product: archives.change_item(product, type="FeatureCollection"), "no STAC item"),
        (lambda product: archives.change_item(product, id="other"), "id other"),
        (lambda product: archives.change_item(product, collection="mine"), "collection mine"),
        (lambda product: archives.change_item(product, bbox=None), "bounding box"),
        (lambda product: archives.change_item(product, properties={"datetime": "yesterday"}), "no STAC item"),
    ],
)
def test_a_broken_item_is_told_and_left_out(archive, capsys, damage, told):
    product = next(archive.glob("31TFJ/S2A*L2H*.SAFE"))
    damage(product)
    assert catalogue.run(archive) == (2, 1)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out")]
    assert product.name in line and told in line
    assert product.name not in (archive / "collection-l2h.json").read_text()


def test_half_written_and_other_folders_are_no_products(archive):
    (archive / "31TFJ" / ".S2A_x.SAFE.partial-host-1").mkdir()
    (archive / "31TFJ" / ".old-S2A_x.SAFE").mkdir()
    (archive / "31TFJ" / "QI").mkdir()
    (archive / "notes").mkdir()
    assert catalogue.run(archive) == (3, 0)


def test_a_dry_run_writes_nothing(archive, capsys):
    assert catalogue.run(archive, dry_run=True) == (3, 0)
    assert contents(archive) == {} and capsys.readouterr().out.count("to write") == 3


def test_an_archive_without_products_is_nothing_to_do(tmp_path):
    with pytest.raises(NothingToDo, match="no product"):
        catalogue.run(tmp_path)
    assert contents(tmp_path) == {}


def test_when_every_product_is_broken_nothing_is_written(archive):
    for product in archive.glob("31TFJ/*.SAFE"):
        _no_item(product)
    assert catalogue.run(archive) == (0, 3)
    assert contents(archive) == {}


def test_an_archive_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PackagingError, match="absent does not exist"):
        catalogue.run(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(PackagingError, match="file is not a folder"):
        catalogue.run(tmp_path / "file")


def test_an_address_without_a_scheme_is_refused(archive):
    with pytest.raises(UsageError, match=r"data\.example\.org"):
        catalogue.run(archive, "data.example.org")


def test_a_collection_needs_items():
    with pytest.raises(ValueError, match="without items"):
        collection("L2H", [], [])


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([[4, 43, 5, 44]], [4, 43, 5, 44]),
        ([[4, 43, 5, 44], [-3, 50, 6, 51]], [-3, 43, 6, 51]),
        ([[179, -10, -179, -9]], [179, -10, -179, -9]),
        ([[177, 0, 178, 1], [-179, 0, -178, 1]], [177, 0, -178, 1]),
        ([[179, 0, -179, 1], [-179.5, 0, -178, 1], [170, 0, 171, 1]], [170, 0, -178, 1]),
        ([[0, 0, 100, 1], [90, 0, -160, 1], [-170, 0, 10, 1]], [-180, 0, 180, 1]),
    ],
)
def test_the_box_around_boxes_goes_the_short_way_round(boxes, expected):
    assert union_of_boxes(boxes) == expected


@given(st.lists(st.tuples(st.integers(-180, 179), st.integers(1, 120)), min_size=1, max_size=6))
def test_the_box_around_boxes_holds_them_all(spans):
    boxes = [[west, 0, west + width if west + width <= 180 else west + width - 360, 1] for west, width in spans]
    west, _, east, _ = union_of_boxes(boxes)
    width = east - west if east >= west else east - west + 360
    for start, extent in spans:
        assert (start - west) % 360 + extent <= width or width == 360


def test_times_are_utc(archive):
    catalogue.run(archive)
    extent = pystac.Collection.from_file(str(archive / "collection-l2h.json")).extent
    assert extent.temporal.intervals[0][0] == datetime(2017, 4, 20, 10, 22, 53, 650000, tzinfo=UTC)
