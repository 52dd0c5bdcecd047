"""Landsat metadata of every collection, level and form give one record (spec 03 section 4)."""

from datetime import datetime

import pytest
from products.landsat_scene import Scene

from sen2like.errors import MetadataError, ProductError
from sen2like.products.landsat_mtl import Thermal, parse_mtl
from sen2like.products.odl import parse_odl

KINDS = [(2, "L1TP"), (2, "L1GT"), (2, "L1GS"), (2, "L2SP"), (2, "L2SR"), (1, "L1TP"), (1, "L1GT"), (0, "L1T")]


def parse(scene=None, **changes):
    scene = scene or Scene()
    scene.changes |= changes
    return parse_mtl(scene.odl().encode(), "x_MTL.txt")


@pytest.mark.parametrize(("collection", "level"), KINDS)
def test_every_kind_gives_the_same_scene(collection, level):
    scene = Scene(collection, level)
    mtl = parse(scene)
    assert (mtl.product_id, mtl.scene_id, mtl.level, mtl.collection) == (scene.name, scene.scene_id, level, collection)
    assert mtl.category == (None if collection == 0 else "T1")
    assert (mtl.mission, mtl.satellite, mtl.instrument, mtl.path, mtl.row) == ("LANDSAT_8", 8, "OLI_TIRS", 196, 30)
    assert mtl.generation_time == datetime(2017, 12, 7, 1, 2, 3)
    assert (mtl.cloud_cover, mtl.sun_azimuth, mtl.sun_elevation, mtl.epsg) == (12.34, 160.5, 57.84396063, 32631)
    assert mtl.corners == ((44.3, 2.9), (44.2, 3.1), (44.0, 3.2), (44.1, 2.8))
    assert mtl.centre == pytest.approx((44.15, 3.0))
    assert mtl.band_files["B04"] == f"{scene.name}_{'SR_' if mtl.is_level2 else ''}B4.TIF"
    assert mtl.quality_file == f"{scene.name}_{scene.quality}.TIF"
    assert mtl.notices == ()


def test_the_form_of_the_file_does_not_matter():
    scene = Scene(level="L2SP")
    assert parse_mtl(scene.xml().encode(), "x") == parse_mtl(scene.odl().encode(), "x")


@pytest.mark.parametrize("change", [
    lambda t: t.replace(" = ", "="), lambda t: t.replace(" = ", "   =  "), lambda t: t.replace("\n", "\r\n"),
    lambda t: "\n".join(line.strip() for line in t.splitlines()), lambda t: "\ufeff" + t, lambda t: t + "\0\0 junk",
])  # fmt: skip
def test_spacing_line_ends_and_what_follows_the_end_do_not_matter(change):
    text = Scene().odl()
    assert parse_mtl(change(text).encode(), "x") == parse_mtl(text.encode(), "x")


def test_the_time_is_cut_to_hundredths_and_kept_in_full():
    mtl = parse()  # worked example of spec 03 section 4.2: 15:28:34.3964289Z
    assert mtl.acquisition == datetime(2017, 11, 30, 15, 28, 34, 390000)
    assert mtl.centre_time == datetime(2017, 11, 30, 15, 28, 34, 396428)


@pytest.mark.parametrize("text", ['"15:28:34Z"', '"15:28:34"', "15:28:34.0Z"])
def test_a_time_without_fraction_or_zone_is_accepted(text):
    assert parse(SCENE_CENTER_TIME=text).acquisition == datetime(2017, 11, 30, 15, 28, 34)


def test_surface_reflectance_has_its_own_scale_and_not_that_of_level_1():
    mtl = parse(Scene(level="L2SP"))
    assert mtl.reflectance == {f"B0{n}": (2.75e-5, -0.2) for n in range(1, 8)}
    assert mtl.thermal == {"B10": Thermal(0.00341802, 149.0)}
    assert "B09" not in mtl.band_files  # named by the Level-1 record only


def test_level_1_scale_and_thermal_constants():
    for collection in (0, 1, 2):
        mtl = parse(Scene(collection))
        assert mtl.reflectance == {f"B0{n}": (2e-5, -0.1) for n in range(1, 10)}
        assert mtl.thermal["B10"] == Thermal(3.342e-4, 0.1, 774.8853, 1321.0789)
        assert mtl.thermal["B11"] == Thermal(3.342e-4, 0.1, 480.8883, 1201.1442)


def test_corner_values_are_pixel_centres():
    mtl = parse()
    assert mtl.origin() == (491985.0, 4900215.0)
    assert mtl.origin("panchromatic") == (491992.5, 4900207.5)
    assert mtl.extent() == (24 * 30, 20 * 30)
    assert mtl.extent("panchromatic") == (47 * 15, 39 * 15)


def test_the_centre_of_a_scene_across_the_antimeridian():
    longitudes = {"UL": "179.0", "UR": "-179.0", "LL": "178.5", "LR": "-179.5"}
    centre = parse(**{f"CORNER_{c}_LON_PRODUCT": lon for c, lon in longitudes.items()}).centre
    assert centre == pytest.approx((44.15, 179.75))


@pytest.mark.parametrize("value", ["-1", "-1.00", "NaN", None])
def test_unknown_cloud_cover_is_none_with_a_notice(value):
    mtl = parse(CLOUD_COVER=value)
    assert mtl.cloud_cover is None
    assert "cloud cover is not known" in mtl.notices[0]


@pytest.mark.parametrize(("changes", "error", "message"), [
    ({"MAP_PROJECTION": '"PS"'}, ProductError, "polar stereographic"),
    ({"MAP_PROJECTION": '"AEA"'}, ProductError, "AEA; only UTM"),
    ({"DATUM": '"NAD27"'}, ProductError, "NAD27"),
    ({"SPACECRAFT_ID": '"LANDSAT_7"'}, ProductError, "only Landsat 8 and 9"),
    ({"SENSOR_ID": '"TIRS"'}, ProductError, "without bands of OLI"),
    ({"PROCESSING_LEVEL": '"L2TP"'}, ProductError, "level L2TP cannot"),
    ({"COLLECTION_NUMBER": "03"}, ProductError, "Collection 3"),
    ({"SUN_ELEVATION": "-3.5"}, MetadataError, "SUN_ELEVATION = -3.5"),
    ({"SUN_ELEVATION": "abc"}, MetadataError, "SUN_ELEVATION = 'abc' is not a number"),
    ({"SUN_ELEVATION": None}, MetadataError, "SUN_ELEVATION is missing"),
    ({"CORNER_LL_LAT_PRODUCT": None}, MetadataError, "CORNER_LL_LAT_PRODUCT is missing"),
    ({"SCENE_CENTER_TIME": '"25:00:00Z"'}, MetadataError, "SCENE_CENTER_TIME"),
    ({"SCENE_CENTER_TIME": '"noon"'}, MetadataError, "not of the form"),
    ({"DATE_ACQUIRED": "2017-13-01"}, MetadataError, "DATE_ACQUIRED"),
    ({"DATE_PRODUCT_GENERATED": "yesterday"}, MetadataError, "is not a time"),
    ({"UTM_ZONE": "61"}, MetadataError, "UTM_ZONE"),
    ({"WRS_PATH": "1.5"}, MetadataError, "whole number"),
    ({"GRID_CELL_SIZE_REFLECTIVE": "0"}, MetadataError, "not above 0"),
    ({"GRID_CELL_SIZE_REFLECTIVE": None}, MetadataError, "GRID_CELL_SIZE_REFLECTIVE is missing"),
    ({"REFLECTANCE_ADD_BAND_4": None}, MetadataError, "without _ADD.*B04"),
])  # fmt: skip
def test_what_cannot_be_used_is_an_error_that_names_file_and_value(changes, error, message):
    with pytest.raises(error, match=rf"x_MTL\.txt.*{message}"):
        parse(**changes)


def test_a_level_2_file_without_its_own_scale_does_not_take_that_of_level_1():
    text = Scene(level="L2SP").odl().replace("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "OTHER")
    with pytest.raises(MetadataError, match="no REFLECTANCE_MULT_BAND_n in LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"):
        parse_mtl(text.encode(), "x")


@pytest.mark.parametrize(("text", "message"), [
    ("", "END is missing"),
    ("GROUP = A\n K = 1\n", "END is missing"),
    ("GROUP = A\n K = 1\nEND\n", "line 3: group A is not closed"),
    ("GROUP = A\n K = 1\nEND_GROUP = B\nEND\n", "line 3: END_GROUP = B closes"),
    ("GROUP = A\n what\nEND_GROUP = A\nEND\n", "line 2: not a line"),
    ("K = 1\nEND\n", "line 1: K stands outside"),
    ("GROUP = A\nEND_GROUP = A\nGROUP = A\nEND_GROUP = A\nEND\n", "line 3: group A stands twice"),
    ("<A><B></A>", "not well-formed"),
    ("<A/>", "root element is A"),
])  # fmt: skip
def test_a_damaged_file_is_an_error_with_its_line(text, message):
    with pytest.raises(MetadataError, match=message):
        parse_mtl(text.encode(), "x")


def test_a_binary_file_is_an_error():
    with pytest.raises(MetadataError, match="not a text file"):
        parse_mtl(b"GROUP = A\n \xff\xfe\n", "x")


def test_lists_over_several_lines_are_one_value():
    groups = parse_odl(b"GROUP = A\n  L = ( 1.0, 2.0,\n     3.0 )\n  T = \"x y\"\nEND_GROUP = A\nEND\n", "ANG.txt")
    assert groups == {"A": {"L": "( 1.0, 2.0, 3.0 )", "T": "x y"}}
