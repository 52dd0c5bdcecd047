"""STAC items: valid offline, true to the product (spec 11 section 10)."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import packaging_cases as cases
import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from products.landsat_scene import Scene
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from shapely.geometry import GeometryCollection, LineString, MultiPolygon, Polygon, shape

from sen2like.grid import mgrs
from sen2like.packaging import stac
from sen2like.packaging.documents import MeanAngles, WrittenFile, write_documents
from sen2like.products.landsat import open_landsat

LANDSAT = {"C2 L1TP": (2, "L1TP"), "C2 L2SP": (2, "L2SP"), "C1": (1, "L1TP"), "before": (0, "L1T")}
"""Landsat inputs of every kind: collection and level."""
EXTENSION_SCHEMAS = Path(__file__).parents[3] / "shared" / "schemas" / "stac"
CORE = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"


def item(product, folder) -> dict:
    write_documents(folder, product)
    return json.loads((folder / product.names.stac_item).read_bytes())


def problems(content: dict, schema: dict) -> list[str]:
    registry = Registry().with_resources([(uri, Resource.from_contents(s)) for uri, s in get_local_schema_cache().items()])
    return [error.message for error in Draft7Validator(schema, registry=registry).iter_errors(content)]


def every_kind(tmp_path, source, tile="31TFJ"):
    """A product with all kinds of assets and properties."""
    product = cases.output_product(source, "L2F", tile=tile)
    names = product.names
    more = [WrittenFile(names.fusion_check, "FCM"), WrittenFile(names.quality_file("NODATA"), "NODATA"),
            WrittenFile(names.quality_file("THUMBNAIL", "jpg"), "THUMBNAIL", "JPEG", {}, (343, 343)),
            WrittenFile(names.quicklook("B12118A"), "QL_B12118A", "JPEG"),
            WrittenFile(names.quality_file("CORREL", "csv"), "CORREL", "CSV")]  # fmt: skip
    product = replace(product, files=(*product.files, *more), derived_from=("S2B_other.SAFE",))
    product.record.set_quality(VALID_PIX_PERCENTAGE="95.869061", NODATA_PIX_PERCENTAGE="0.000000", RMSE=0.6)
    product.record.applied("Atmcor", method="SMAC", aot550=0.12)
    product.record.applied("Nbar", coefficients=(1, 2))
    return product


def source(tmp_path, mission):
    """An input of that mission, or of that kind of Landsat."""
    if mission in LANDSAT:
        collection, level = LANDSAT[mission]
        return open_landsat(Scene(collection, level).write(tmp_path))
    if mission == "LS8":
        return cases.landsat_product(tmp_path)
    return cases.fake_product(tmp_path, satellite=mission[-1], baseline="05.11" if mission == "S2C" else "05.10")


@pytest.mark.parametrize("mission", ["S2A", "S2C", "LS8", *LANDSAT])
def test_items_are_valid_stac(tmp_path, mission):
    content = item(every_kind(tmp_path, source(tmp_path, mission)), tmp_path)
    assert content["stac_version"] == "1.1.0"
    assert problems(content, get_local_schema_cache()[CORE]) == []


@pytest.mark.parametrize("mission", ["S2A", "S2C", "LS8", "C2 L1TP"])
@pytest.mark.parametrize("extension", sorted(stac.EXTENSIONS))
def test_items_obey_the_extensions_they_declare(tmp_path, mission, extension):
    version = stac.EXTENSIONS[extension]
    file = EXTENSION_SCHEMAS / f"{extension}-{version}.json"
    if not file.is_file():
        pytest.skip(f"schema of {extension} {version} not present")
    content = item(every_kind(tmp_path, source(tmp_path, mission)), tmp_path)
    assert f"https://stac-extensions.github.io/{extension}/{version}/schema.json" in content["stac_extensions"]
    assert problems(content, json.loads(file.read_text())) == []


@pytest.mark.parametrize("mission", LANDSAT)
def test_landsat_fields_are_those_of_the_extension(tmp_path, mission):
    file = EXTENSION_SCHEMAS / "landsat-v2.0.0.json"
    if not file.is_file():
        pytest.skip("schema of landsat 2.0.0 not present")
    known = json.loads(file.read_text())["definitions"]["fields"]
    got = item(cases.output_product(source(tmp_path, mission)), tmp_path)["properties"]
    fields = {name: value for name, value in got.items() if name.startswith("landsat:")}
    assert {"landsat:scene_id", "landsat:wrs_path", "landsat:wrs_row", "landsat:wrs_type"} <= fields.keys() <= known.keys()
    assert [p for name, value in fields.items() for p in problems(value, known[name])] == []
    assert fields.get("landsat:correction") == {"C2 L1TP": "L1TP", "C2 L2SP": "L2SP", "C1": "L1TP"}.get(mission)


def test_items_without_masks_do_not_declare_classification(tmp_path):
    content = item(cases.output_product(cases.fake_product(tmp_path), files=False), tmp_path)
    assert not [uri for uri in content["stac_extensions"] if "classification" in uri]


def test_items_are_read_by_pystac(tmp_path, s2):
    item(s2, tmp_path)
    read = pystac.Item.from_file(str(tmp_path / s2.names.stac_item))
    assert read.id == s2.names.stem and read.collection_id == "sen2like-l2h" and read.datetime == s2.source.acquisition


def test_properties_of_sentinel2(tmp_path, s2):
    got = item(s2, tmp_path)["properties"]
    expected = {
        "datetime": "2017-10-30T10:47:54.590000Z", "created": "2026-03-12T10:15:00.123456Z", "platform": "sentinel-2a",
        "constellation": "sentinel-2", "instruments": ["msi"], "gsd": 300, "eo:cloud_cover": 3.14, "view:sun_azimuth": 168.9,
        "view:sun_elevation": 31.75, "view:off_nadir": 3.5, "sat:relative_orbit": 8, "sat:absolute_orbit": 12303,
        "sat:orbit_state": "descending", "proj:code": "EPSG:32631", "grid:code": "MGRS-31TFJ", "s2l:partial": False,
    }  # fmt: skip
    assert expected.items() <= got.items()


def test_properties_of_landsat(tmp_path, landsat):
    product = replace(landsat, mean_angles=MeanAngles(35.28, 148.15))
    got = item(product, tmp_path)["properties"]
    # numbers of spec 11 section 10
    assert got["view:sun_elevation"] == pytest.approx(54.72) and got["eo:cloud_cover"] == 1.53
    assert got["platform"] == "landsat-8" and got["constellation"] == "landsat" and got["instruments"] == ["oli", "tirs"]
    assert got["landsat:wrs_path"] == "196" and "sat:relative_orbit" not in got and "sat:absolute_orbit" not in got


def test_lineage_is_told_as_text_and_as_data(tmp_path):
    got = item(every_kind(tmp_path, cases.fake_product(tmp_path)), tmp_path)["properties"]
    assert got["processing:lineage"] == "Atmcor(method=SMAC, aot550=0.12); Nbar(coefficients=(1, 2))"
    assert got["s2l:lineage"][0] == {"block": "Atmcor", "method": "SMAC", "aot550": 0.12}


def test_unknown_values_are_left_out(tmp_path):
    source = cases.fake_product(tmp_path, cloud_cover=None, sun_zenith=float("nan"))
    got = item(cases.output_product(source, mean_angles=MeanAngles()), tmp_path)["properties"]
    assert not {"eo:cloud_cover", "view:sun_elevation", "view:off_nadir", "s2l:coregistration_rmse"} & got.keys()


def test_every_image_of_landsat_has_a_key_of_its_own(tmp_path, landsat):
    assets = item(landsat, tmp_path)["assets"]
    assert {"B01", "B02", "B03", "B04", "B8A", "B11", "B12", "pan", "lwir11", "lwir12"} <= assets.keys()
    assert "/IMG_DATA/L2H_" in assets["B11"]["href"] and "/NATIVE/" in assets["lwir12"]["href"]
    assert assets["B11"]["bands"][0]["eo:common_name"] == "swir16"
    assert assets["lwir12"]["roles"] == ["data", "radiance"]


def test_image_assets_tell_grid_scale_and_checksum(tmp_path, s2):
    asset = item(s2, tmp_path)["assets"]["B8A"]
    assert asset["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert asset["roles"] == ["data", "reflectance"] and asset["proj:shape"] == [183, 183]
    assert asset["proj:transform"] == [600, 0, 600000, 0, -600, 4900020]
    assert asset["file:checksum"] == "1220" + "0" * 64
    band = asset["bands"][0]
    assert band == {"name": "B8A", "eo:common_name": "nir08", "eo:center_wavelength": 0.8647, "data_type": "uint16", "nodata": 0,
                    "raster:scale": 0.0001, "raster:offset": -0.1}  # fmt: skip


def test_wavelengths_are_those_of_the_input_where_it_tells_them(tmp_path, s2):
    assert item(s2, tmp_path)["assets"]["B01"]["bands"][0]["eo:center_wavelength"] == 0.4439


def test_no_link_leads_to_a_place_of_this_machine(tmp_path):
    content = item(every_kind(tmp_path, cases.fake_product(tmp_path)), tmp_path)
    assert str(tmp_path) not in json.dumps(content)
    for asset in content["assets"].values():
        assert asset["href"].startswith("./") and not PurePosixPath(asset["href"]).is_absolute()
    links = {link["rel"]: link["href"] for link in content["links"]}
    assert links["collection"] == "../../collection-l2f.json" and links["root"] == "../../catalog.json"
    assert [link["href"] for link in content["links"] if link["rel"] == "derived_from"][1] == "S2B_other.SAFE"


def test_a_picture_too_large_is_no_thumbnail(tmp_path, s2):
    large = WrittenFile("a.jpg", "THUMBNAIL", "JPEG", {}, (3660, 3660))
    with pytest.raises(ValueError, match="1024"):
        item(replace(s2, files=(large,)), tmp_path)


def test_the_fallback_footprint_is_the_tile(tmp_path, s2):
    # spec 11 section 10
    assert item(s2, tmp_path)["bbox"] == pytest.approx([4.232033, 43.235601, 5.626646, 44.246551], abs=1e-6)


def test_a_data_footprint_is_used(tmp_path, s2):
    outline = Polygon([(4.3, 43.3), (4.3, 44.2), (5.5, 44.2), (5.5, 43.3)])
    content = item(replace(s2, footprint=outline), tmp_path)
    assert content["bbox"] == [4.3, 43.3, 5.5, 44.2]
    assert shape(content["geometry"]).exterior.is_ccw


@pytest.mark.parametrize("tile", ["01WCP", "60CWS", "01LAC"])
def test_tiles_at_the_antimeridian_keep_their_area(tile):
    square = mgrs.tile(tile)
    whole = stac.tile_outline(square)
    got = stac.split_at_antimeridian(whole)
    assert got.is_valid and max(part.bounds[2] - part.bounds[0] for part in getattr(got, "geoms", [got])) < 20
    lon = [x + 360 if x < 0 else x for x, _ in whole.exterior.coords]
    there = Polygon([(x, y) for x, (_, y) in zip(lon, whole.exterior.coords, strict=True)])
    assert got.area == pytest.approx(there.area)


@given(st.floats(170, 179.9), st.floats(-179.9, -170), st.floats(-80, 70), st.floats(0.1, 5))
def test_an_outline_across_the_antimeridian_becomes_two_parts(west, east, south, height):
    ring = [(west, south), (east, south), (east, south + height), (west, south + height)]
    got = stac.split_at_antimeridian(Polygon(ring))
    assert isinstance(got, MultiPolygon) and len(got.geoms) == 2
    assert got.area == pytest.approx((east + 360 - west) * height)
    assert all(part.exterior.is_ccw for part in got.geoms)
    assert stac.bounding_box(got) == pytest.approx([west, south, east, south + height], abs=1e-6)


@given(st.floats(-180, 150), st.floats(0.1, 20))
def test_an_outline_that_stays_on_one_side_is_left_as_it_is(west, width):
    outline = Polygon([(west, 0), (west + width, 0), (west + width, 1), (west, 1)])
    assert stac.split_at_antimeridian(outline).equals(outline)


def test_parts_without_area_are_no_footprint():
    square = Polygon([(4, 43), (5, 43), (5, 44), (4, 44)])
    got = stac.split_at_antimeridian(GeometryCollection([square, LineString([(0, 0), (1, 1)])]))
    assert got.equals(square)


def test_an_empty_footprint_gives_the_tile(tmp_path, s2):
    assert item(replace(s2, footprint=Polygon()), tmp_path)["bbox"][0] == pytest.approx(4.232033, abs=1e-6)
