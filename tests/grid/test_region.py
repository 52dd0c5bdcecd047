"""Reading a region of interest, and saying what is wrong with one (spec 01 section 1.5)."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shapely.geometry import Point, Polygon, box, mapping

from sen2like.errors import ConfigurationError
from sen2like.grid.region import Region, read_region

AVIGNON = box(4.75, 43.90, 4.90, 44.00)


def write(folder: Path, content, name: str = "area.geojson") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def collection(*geometries, **members) -> dict:
    features = [{"type": "Feature", "properties": {}, "geometry": g if g is None else mapping(g)} for g in geometries]
    return {"type": "FeatureCollection", "features": features, **members}


@pytest.mark.parametrize(
    "document",
    [
        mapping(AVIGNON),
        {"type": "Feature", "properties": None, "geometry": mapping(AVIGNON)},
        collection(AVIGNON),
        {"type": "GeometryCollection", "geometries": [mapping(AVIGNON)]},
        collection(AVIGNON, crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}),
        collection(AVIGNON, crs={"type": "name", "properties": {"name": "EPSG:4326"}}),
    ],
)
def test_geojson_in_every_form(tmp_path, document):
    region = read_region(write(tmp_path, document))
    assert shapely.equals(region.geometry, AVIGNON)
    assert region.notices == ()


def test_all_features_are_united_and_heights_are_dropped(tmp_path):
    flat, high = box(4, 43, 4.5, 44), Polygon([(4.4, 43, 90), (5, 43, 80), (5, 44, 70), (4.4, 44, 60)])
    region = read_region(write(tmp_path, collection(flat, high)))
    assert shapely.equals(region.geometry, box(4, 43, 5, 44))
    assert not region.geometry.has_z


def test_hole_stays_a_hole(tmp_path):
    ring = box(4, 43, 5, 44).difference(box(4.4, 43.4, 4.6, 43.6))
    assert read_region(write(tmp_path, collection(ring))).geometry.area == pytest.approx(0.96)


def test_other_coordinate_system_is_reprojected(tmp_path):
    to_utm = Transformer.from_crs(4326, 32631, always_xy=True)
    corners = [to_utm.transform(*corner) for corner in AVIGNON.exterior.coords]
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    region = read_region(write(tmp_path, collection(Polygon(corners), crs=named)))
    assert shapely.hausdorff_distance(region.geometry, AVIGNON) < 1e-8


def test_points_beside_polygons_are_left_out_with_a_notice(tmp_path):
    region = read_region(write(tmp_path, collection(Point(4, 43), AVIGNON, None)))
    assert shapely.equals(region.geometry, AVIGNON)
    assert [notice for notice in region.notices if "feature 1 is a Point" in notice] == list(region.notices)


@pytest.mark.parametrize(
    "polygon",
    [
        box(179, -18, 181, -16),
        Polygon([(179, -18), (-179, -18), (-179, -16), (179, -16)]),
        shapely.MultiPolygon([box(179, -18, 180, -16), box(-180, -18, -179, -16)]),
        box(-181, -18, -179, -16),
    ],
)
def test_area_over_the_antimeridian_however_it_is_written(tmp_path, polygon):
    region = read_region(write(tmp_path, collection(polygon)))
    assert region.geometry.area == pytest.approx(4)
    assert region.geometry.geom_type == "Polygon"
    west, _, east, _ = region.geometry.bounds
    assert (east - west, abs(west + east) / 2) == (pytest.approx(2), pytest.approx(180))
    assert bool(region.notices) == (polygon.bounds[2] - polygon.bounds[0] == 358 and polygon.geom_type == "Polygon")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not JSON"),
        ('{"type": "Polygon", "coordinates": [', "is not JSON: Expecting value in line 1"),
        ("[1, 2]", "is not GeoJSON"),
        ({"type": "Topology"}, "its type is 'Topology'"),
        ({"type": "FeatureCollection"}, "has no list of features"),
        (collection(), "has no polygon among its 0 features"),
        (collection(Point(4, 43)), "has no polygon among its 1 features"),
        (
            {"type": "Polygon", "coordinates": [[[4, 43], [5, 43], [4, 43]]]},
            "feature 1: no valid geometry (a ring has 3 positions",
        ),
        (
            {"type": "Polygon", "coordinates": [[[4, 43], [5, 43], [5, 44], [4, 44]]]},
            "a ring begins at [4, 43] but ends at [4, 44]",
        ),
        ({"type": "Polygon", "coordinates": [[["a", 43], [5, 43], [5, 44], ["a", 43]]]}, "feature 1: no valid geometry"),
        ({"type": "Polygon"}, "feature 1: no valid geometry"),
        ({"type": "FeatureCollection", "features": [7]}, "feature 1: no valid geometry (7 is not an object)"),
        (collection(Polygon([(4, 43), (5, 44), (5, 43), (4, 44)])), "feature 1: invalid polygon (Self-intersection"),
        (collection(Polygon([(4, 43), (5, 43), (6, 43)])), "feature 1: "),
        ('{"type": "Polygon", "coordinates": [[[4, 43], [NaN, 43], [5, 44], [4, 43]]]}', "not a finite number"),
        (collection(box(600000, 4790220, 709800, 4900020)), "are not degrees"),
        (collection(box(4, 80, 5, 95)), "latitude 95 are not degrees"),
        (
            collection(AVIGNON, crs={"type": "name", "properties": {"name": "EPSG:99999"}}),
            "coordinate system 'EPSG:99999' is unknown",
        ),
        (collection(AVIGNON, crs={"type": "link", "properties": {"href": "x"}}), "does not name a coordinate system"),
        (
            collection(box(1e9, 0, 2e9, 1e9), crs={"type": "name", "properties": {"name": "EPSG:32631"}}),
            "feature 1: it lies where",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, problem):
    path = write(tmp_path, content)
    with pytest.raises(ConfigurationError) as error:
        read_region(path)
    assert problem in str(error.value)
    assert str(path) in str(error.value)


def test_every_bad_feature_is_listed(tmp_path):
    bow_tie = Polygon([(4, 43), (5, 44), (5, 43), (4, 44)])
    with pytest.raises(ConfigurationError) as error:
        read_region(write(tmp_path, collection(bow_tie, AVIGNON, box(600000, 0, 700000, 9))))
    assert [problem.split(": ")[1] for problem in error.value.problems] == ["feature 1", "feature 3"]


def test_missing_file(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere\.geojson not found"):
        read_region(tmp_path / "nowhere.geojson")


def test_binary_file_with_the_name_of_a_geojson(tmp_path):
    path = tmp_path / "area.geojson"
    path.write_bytes(b"\x00\xff\xfe\x80")
    with pytest.raises(ConfigurationError, match="cannot be read as UTF-8"):
        read_region(path)


@pytest.mark.parametrize(
    ("suffix", "driver"), [(".shp", "ESRI Shapefile"), (".gpkg", "GPKG"), (".kml", "KML"), (".fgb", "FlatGeobuf")]
)
def test_other_formats(tmp_path, suffix, driver):
    pyogrio = pytest.importorskip("pyogrio")
    path = tmp_path / f"area{suffix}"
    parts = [box(4, 43, 4.6, 44), box(4.5, 43, 5, 44)]
    geometry = np.array([shapely.to_wkb(part) for part in parts], dtype=object)
    pyogrio.raw.write(path, geometry, [], [], driver=driver, geometry_type="Polygon", crs="EPSG:4326")
    region = read_region(path)
    assert shapely.hausdorff_distance(region.geometry, box(4, 43, 5, 44)) < 1e-9
    assert region.notices == ()


def test_shapefile_in_another_coordinate_system_and_without_any(tmp_path):
    pyogrio = pytest.importorskip("pyogrio")
    to_utm = Transformer.from_crs(4326, 32631, always_xy=True)
    corners = Polygon([to_utm.transform(*corner) for corner in AVIGNON.exterior.coords])
    path = tmp_path / "area.shp"
    pyogrio.raw.write(path, np.array([shapely.to_wkb(corners)], dtype=object), [], [], driver="ESRI Shapefile",
                      geometry_type="Polygon", crs="EPSG:32631")  # fmt: skip
    assert shapely.hausdorff_distance(read_region(path).geometry, AVIGNON) < 1e-8
    path.with_suffix(".prj").unlink()
    with pytest.raises(ConfigurationError, match="are not degrees"):
        read_region(path)


@pytest.mark.parametrize("content", [b"", b"not a vector file", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_vector_file(tmp_path, content):
    pytest.importorskip("pyogrio")
    path = tmp_path / "area.shp"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"area\.shp is not a readable vector file"):
        read_region(path)


def test_region_of_geometries_needs_an_area():
    with pytest.raises(ValueError, match=r"here: a region needs polygons"):
        Region.of(Point(4, 43), "here")
