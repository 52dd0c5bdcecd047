"""WRS-2 scenes on tiles: figures of spec 02 sections 5.3, 5.4 and 6."""

import csv
from importlib.resources import files

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from sen2like.errors import UsageError
from sen2like.grid import mgrs, wrs2
from sen2like.grid.outlines import outline, tile_index

GEOD = Geod(ellps="WGS84")


def places(found):
    return [(place.scene.path, place.scene.row) for place in found]


def test_scene_as_tabulated():
    scene = wrs2.scene(1, 1)
    assert scene.utm_zone == 31
    assert scene.corners == ((5.2861, 81.8555), (-3.6745, 81.0918), (1.55606, 79.6888), (9.56671, 80.342))


@pytest.mark.parametrize(("path", "row"), [(0, 30), (234, 30), (196, 0), (196, 123), (196, 246), (196, 249)])
def test_scene_that_is_not_descending_or_does_not_exist(path, row):
    with pytest.raises(UsageError, match=f"path {path} row {row} is no descending scene"):
        wrs2.scene(path, row)


def test_every_path_is_the_first_one_turned():
    """Longitudes of path p: those of path 1 less (p - 1) 360/233 degrees, within the rounding of the source."""
    with (files("sen2like") / "data" / "wrs2_row_base.csv").open() as f:
        base = {int(row.pop("row")): [float(v) for v in row.values()] for row in csv.DictReader(f)}
    assert len(base) == 124
    for path in (1, 2, 117, 233):
        for row, values in base.items():
            corners = np.array(wrs2.scene(path, row).corners)
            lon = np.array(values[::2]) - (path - 1) * 360 / 233
            assert np.abs((corners[:, 0] - lon + 180) % 360 - 180).max() <= 0.00054
            np.testing.assert_allclose(corners[:, 1], values[1::2], atol=1e-9)


def test_scaled_outline_is_longer_across_and_along_about_the_same_centre():
    scene = wrs2.scene(196, 30)
    shipped, scaled = np.array(scene.corners), np.array(scene.outline().exterior.coords)[:-1]
    np.testing.assert_allclose(scaled.mean(axis=0), shipped.mean(axis=0), atol=1e-12)
    sides = {(3, 0): 1.049, (2, 1): 1.049, (0, 1): 1.062, (3, 2): 1.062}
    for (a, b), ratio in sides.items():
        # the quadrilateral is nearly a parallelogram: opposite sides are averaged by the scaling
        assert np.linalg.norm(scaled[a] - scaled[b]) / np.linalg.norm(shipped[a] - shipped[b]) == pytest.approx(ratio, rel=0.02)
    assert shapely.equals(scene.outline(scaled=False), shapely.Polygon(scene.corners))


def test_scenes_of_31TFJ():
    """Order and coverage of the reference, within 0.007 (scaled outlines)."""
    found = wrs2.scenes_of(mgrs.tile("31TFJ"), 0.1)
    assert places(found) == [(196, 30), (196, 29), (197, 29), (197, 30)]
    assert [place.coverage for place in found] == pytest.approx([0.76000, 0.41728, 0.23638, 0.17748], abs=0.007)


@pytest.mark.parametrize(
    ("tile", "path", "row", "shipped", "scaled"),
    [("31TFJ", 196, 30, 0.7168, 0.7661), ("31TFJ", 196, 29, 0.3618, 0.4111), ("31TFJ", 197, 29, 0.1937, 0.2381),
     ("31TFJ", 197, 30, 0.1399, 0.1755), ("31TFJ", 195, 30, 0.1496, 0.1877), ("12SYH", 35, 33, 0.6578, 0.7067),
     ("12SYH", 35, 34, 0.4202, 0.4692), ("33TTG", 191, 31, 1.0, 1.0), ("33TTG", 190, 31, 0.1268, 0.1693),
     ("33TTG", 192, 31, 0.2556, 0.3016)],
)  # fmt: skip
def test_coverage_by_both_outlines(tile, path, row, shipped, scaled):
    assert wrs2.coverage_of(mgrs.tile(tile), path, row, scaled=False) == pytest.approx(shipped, abs=5e-5)
    assert wrs2.coverage_of(mgrs.tile(tile), path, row) == pytest.approx(scaled, abs=5e-5)


def test_coverage_of_a_scene_elsewhere_is_none_and_of_no_scene_an_error():
    assert wrs2.coverage_of(mgrs.tile("31TFJ"), 1, 1) == 0
    with pytest.raises(UsageError, match="path 196 row 200"):
        wrs2.coverage_of(mgrs.tile("31TFJ"), 196, 200)


def test_zone_decides_which_scenes_count():
    tile = mgrs.tile("33TTG")
    assert set(places(wrs2.scenes_of(tile, 0.1))) == {(191, 31), (190, 31)}
    assert set(places(wrs2.scenes_of(tile, 0.1, same_zone=False))) == {(191, 31), (190, 31), (192, 31)}
    # 12SYH: its best scene is nominally in zone 13
    other = mgrs.tile("12SYH")
    assert (35, 33) not in places(wrs2.scenes_of(other, 0.1))
    assert places(wrs2.scenes_of(other, 0.1, same_zone=False))[:2] == [(35, 33), (35, 34)]


def test_threshold_is_included():
    tile = mgrs.tile("31TFJ")
    least = wrs2.coverage_of(tile, 197, 29)
    assert (197, 29) in places(wrs2.scenes_of(tile, least))
    assert (197, 29) not in places(wrs2.scenes_of(tile, least + 1e-9))


@pytest.mark.parametrize("scaled", [True, False])
def test_tiles_of_a_scene_in_order(scaled):
    found = wrs2.tiles_of(1, 9, 0.1, scaled=scaled)
    assert [under.tile.id for under in found] == ["25XDA", "25XEA", "25WEV", "25WDV", "25XDB"]


@pytest.mark.parametrize("tile", ["31TFJ", "12SYH", "01CDL", "60WWE", "01WCP", "60KXF"])
def test_tiles_of_a_scene_are_the_tiles_that_have_it(tile):
    for place in wrs2.scenes_of(mgrs.tile(tile), 0.1, same_zone=False)[:4]:
        under = {u.tile.id: u.coverage for u in wrs2.tiles_of(place.scene.path, place.scene.row, 0.1, same_zone=False)}
        assert under[tile] == pytest.approx(place.coverage, abs=1e-9)


@pytest.mark.parametrize("tile", ["01CDL", "60WWE", "01WCP", "60KXF"])
def test_tiles_at_the_antimeridian_have_scenes_on_both_sides(tile):
    """The scene whose centre is nearest on the ground covers most: no side is cut off."""
    square = mgrs.tile(tile)
    found = wrs2.scenes_of(square, 0.1, same_zone=False)
    assert any(place.scene.utm_zone in (1, 2) for place in found) or tile == "60KXF"
    assert any(place.scene.utm_zone in (60, 59) for place in found)
    middle = outline(square).centroid
    for place in found:
        centre = place.scene.outline().centroid
        distance = GEOD.inv(middle.x, middle.y, centre.x, centre.y)[2]
        assert distance < 155e3 + 110e3  # half diagonals of scene and tile at most
    assert 0.1 <= found[-1].coverage <= found[0].coverage <= 1 + 1e-9


def test_scene_over_the_antimeridian_has_continuous_longitudes():
    crossing = [wrs2.scene(*wrs2.path_row(n)) for n in range(28892)]
    assert sum(any(abs(lon) > 180 for lon, _ in scene.corners) for scene in crossing) == 353
    for scene in crossing:
        lons = [lon for lon, _ in scene.corners]
        assert max(lons) - min(lons) < 60
        assert -180 <= sum(lons) / 4 < 180


@pytest.mark.parametrize(
    ("scene", "following"),
    [((196, 29), (196, 30)), ((196, 247), (196, 248)), ((1, 248), (17, 1)), ((217, 248), (233, 1)), ((218, 248), (1, 1)),
     ((233, 248), (16, 1))],
)  # fmt: skip
def test_neighbours_along_the_path_and_over_its_end(scene, following):
    assert wrs2.after(*scene) == following
    assert wrs2.before(*following) == scene


def test_centres_over_the_end_of_the_path_are_as_far_apart_as_any():
    """161.9 km (spec 02 section 6)."""
    for path in (1, 100, 220):
        a, b = (wrs2.scene(*key).outline().centroid for key in ((path, 248), wrs2.after(path, 248)))
        assert GEOD.inv(a.x, a.y, b.x, b.y)[2] == pytest.approx(161.9e3, abs=1.5e3)


@given(st.integers(1, 233), st.integers(1, 248))
def test_before_undoes_after(path, row):
    assert wrs2.before(*wrs2.after(path, row)) == (path, row)
    assert wrs2.after(*wrs2.before(path, row)) == (path, row)


@given(st.integers(1, 233), st.sampled_from([*range(1, 121), 247, 248]))
def test_a_descending_pass_keeps_its_path_from_one_scene_to_the_next(path, row):
    assert wrs2.descending_path(*wrs2.after(path, row)) == wrs2.descending_path(path, row)


@pytest.mark.parametrize(
    ("scaled", "pairs", "same_zone_pairs", "tiles", "same_zone_tiles"),
    [(False, 93872, 73523, 54737, 50206), (True, 106018, 82674, 55984, 52003)],
)
def test_counts_of_the_whole_world(scaled, pairs, same_zone_pairs, tiles, same_zone_tiles):
    """Pairs of tile and scene at 0.5 or more; pairs at 0.1 or more (spec 02 section 9); rows of one path together."""
    index = tile_index()
    numbers, scenes, parts = wrs2.coverages(index.outlines, scaled)
    zones = np.array([wrs2.scene(*wrs2.path_row(n)).utm_zone for n in range(28892)])
    half = parts >= 0.5
    same = half & (zones[scenes] == index.zones[numbers])
    found = (half.sum(), same.sum(), len(np.unique(numbers[half])), len(np.unique(numbers[same])))
    assert found == (pairs, same_zone_pairs, tiles, same_zone_tiles)
    if not scaled:
        assert (parts >= 0.1).sum() == 217968
