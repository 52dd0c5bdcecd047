"""Tiles of a region: the checks of spec 02 section 5.5, the antimeridian, and the laws of a cover."""

import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from sen2like.grid import mgrs
from sen2like.grid.area import covering_tiles, nearest_centre, tiles_containing, tiles_intersecting
from sen2like.grid.longitudes import FULL_TURNS, turned
from sen2like.grid.outlines import outline
from sen2like.grid.region import Region

AVIGNON = Region.of(box(4.75, 43.90, 4.90, 44.00), "avignon")
ROME = Region.of(box(12.44, 41.85, 12.55, 41.95), "rome")


def footprint(tile: str) -> Region:
    return Region.of(outline(mgrs.tile(tile)), tile)


def ids(tiles) -> list[str]:
    return [tile.id for tile in tiles]


def test_footprint_of_31TFJ_touches_nine_tiles():
    nine = ["31TEH", "31TEJ", "31TEK", "31TFH", "31TFJ", "31TFK", "31TGH", "31TGJ", "31TGK"]
    assert ids(tiles_intersecting(footprint("31TFJ"))) == nine


def test_contact_counts():
    corner_lon, corner_lat = outline(mgrs.tile("31TFJ")).exterior.coords[0]  # upper left
    touching = Region.of(box(corner_lon - 0.01, corner_lat, corner_lon, corner_lat + 0.01), "touching")
    assert "31TFJ" in ids(tiles_intersecting(touching))
    apart = Region.of(box(corner_lon - 0.01, corner_lat + 1e-9, corner_lon, corner_lat + 0.01), "apart")
    assert "31TFJ" not in ids(tiles_intersecting(apart))


def test_avignon_is_in_one_tile_and_rome_in_two():
    assert ids(tiles_containing(AVIGNON)) == ["31TFJ"]
    assert ids(tiles_containing(ROME)) == ["32TQM", "33TTG"]


def test_tile_contains_its_own_footprint_within_the_tolerance():
    """1e-6 degrees (spec 02 section 5.5)."""
    assert ids(tiles_containing(footprint("31TFJ"))) == ["31TFJ"]
    own = outline(mgrs.tile("31TFJ"))
    assert ids(tiles_containing(Region.of(own.buffer(0.9e-6, join_style="mitre"), "within"))) == ["31TFJ"]
    assert tiles_containing(Region.of(own.buffer(1.1e-6, join_style="mitre"), "beyond")) == []


def test_nearest_centre():
    for name in ("32TQM", "33TTG"):
        lon, lat = outline(mgrs.tile(name)).centroid.coords[0]
        near = Region.of(box(lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01), "near")
        assert nearest_centre(near, map(mgrs.tile, ("33TTG", "32TQM"))).id == name
    with pytest.raises(ValueError, match="rome: no tiles"):
        nearest_centre(ROME, [])


@pytest.mark.parametrize("tile", ["01CDL", "60WWE", "01WCP", "60KXF"])
@pytest.mark.parametrize("turn", [0, 360, -360])
def test_tiles_at_the_antimeridian_are_found_and_contain_their_footprint(tile, turn):
    region = Region.of(turned(outline(mgrs.tile(tile)), turn), tile)
    assert tile in ids(tiles_intersecting(region))
    assert tile in ids(tiles_containing(region))


def test_region_over_the_antimeridian_has_tiles_of_both_zones():
    fiji = Region.of(box(179.5, -17.5, 180.5, -16.5), "Fiji")
    found = ids(tiles_intersecting(fiji))
    assert {name[:2] for name in found} == {"01", "60"}
    cover = covering_tiles(fiji)
    assert cover.uncovered == 0


def test_one_tile_covers_what_it_contains():
    assert ids(covering_tiles(AVIGNON).tiles) == ["31TFJ"]
    assert len(covering_tiles(ROME).tiles) == 1
    assert covering_tiles(ROME).tiles[0] == nearest_centre(ROME, tiles_containing(ROME))
    assert ids(covering_tiles(footprint("31TFJ")).tiles) == ["31TFJ"]


def test_two_neighbours_cover_their_union():
    pair = Region.of(shapely.union(footprint("31TFJ").geometry, footprint("31TEJ").geometry), "pair")
    cover = covering_tiles(pair)
    assert (sorted(ids(cover.tiles)), cover.uncovered) == (["31TEJ", "31TFJ"], 0)


def test_part_without_tiles_is_told():
    """There are no tiles at the north pole: bands end at 84 degrees."""
    polar = Region.of(box(20, 83, 21, 87), "polar")
    cover = covering_tiles(polar)
    assert cover.tiles
    assert 0.4 < cover.uncovered < 0.8
    assert covering_tiles(Region.of(box(20, 86, 21, 87), "pole")).tiles == ()


@settings(max_examples=12, deadline=None)
@given(st.floats(-180, 180), st.floats(-55, 70), st.floats(0.05, 2.0), st.floats(0.05, 1.5))
@example(0.0, 2.225073858507203e-309, 0.5, 1.0)  # so near to the equator that overlays lose parts
def test_cover_is_complete_and_has_no_needless_tile(lon, lat, width, height):
    region = Region.of(box(lon, lat, lon + width, lat + height), "box")
    cover = covering_tiles(region)
    touching = tiles_intersecting(region)
    assert set(cover.tiles) <= set(touching)

    def part_of_region(tiles) -> float:
        pieces = [turned(outline(tile), turn) for tile in tiles for turn in FULL_TURNS]
        return shapely.union_all(pieces).intersection(region.geometry).area / region.geometry.area

    shown = part_of_region(cover.tiles)
    assert shown == pytest.approx(1 - cover.uncovered, abs=1e-6)
    assert shown == pytest.approx(part_of_region(touching), abs=1e-6)
    for left_out in cover.tiles:
        assert part_of_region(tile for tile in cover.tiles if tile != left_out) < shown
