"""Which tiles lie on a region: all that touch it, those that contain it, the fewest that cover it (spec 02 section 5.5).

Tiles are the quadrilaterals of their corners in longitude and latitude; no tile is left out at the ±180° meridian.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import shapely
from pyproj import Geod
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from sen2like.grid import mgrs
from sen2like.grid.longitudes import FULL_TURNS, seen_from, turned
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.outlines import central_meridian, outline, tile_index
from sen2like.grid.region import Region

TOLERANCE_DEG = 1e-6
"""How far a region may leave a tile that still contains it, degrees: 0.1 m."""
NEGLIGIBLE = 1e-9
"""Part of a region that is too small to need a tile of its own."""
_ELLIPSOID = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Cover:
    """Tiles that cover a region together."""

    tiles: tuple[MGRSTile, ...]
    """The one that covers most first."""
    uncovered: float
    """Part of the region (0..1, by planar area in degrees) that no tile of the table covers."""


def tiles_intersecting(region: Region) -> list[MGRSTile]:
    """Tiles that share at least a point with the region, by id."""
    index = tile_index()
    copies = [turned(region.geometry, turn) for turn in FULL_TURNS]
    numbers = {int(n) for n in index.tree.query(copies, predicate="intersects")[1]}
    return [mgrs.tile(name) for name in sorted(index.ids[n] for n in numbers)]


def tiles_containing(region: Region) -> list[MGRSTile]:
    """Tiles that the region leaves by no more than `TOLERANCE_DEG`, by id."""
    return [
        tile
        for tile in tiles_intersecting(region)
        if outline(tile).buffer(TOLERANCE_DEG, join_style="mitre").covers(_near(region, tile))
    ]


def nearest_centre(region: Region, tiles: Iterable[MGRSTile]) -> MGRSTile:
    """The tile whose centre is nearest to that of the region; the first id among equals. `ValueError` without tiles."""
    candidates = sorted(tiles, key=lambda tile: tile.id)
    if not candidates:
        raise ValueError(f"{region.source}: no tiles to choose from")
    return min(candidates, key=lambda tile: _distance(region, tile))


def covering_tiles(region: Region) -> Cover:
    """The fewest tiles that cover the region: always the one that covers most of what is left, the most central among equals.

    What the chosen tiles make needless in the end is left out.
    """
    area = region.geometry.area
    middle = (region.geometry.bounds[0] + region.geometry.bounds[2]) / 2
    pieces = {tile: seen_from(outline(tile), middle) for tile in tiles_intersecting(region)}
    left = {tile: region.geometry.intersection(piece) for tile, piece in pieces.items()}
    distances = {tile: _distance(region, tile) for tile in pieces}
    taken_off = dict.fromkeys(pieces, 0)
    chosen: list[MGRSTile] = []

    def entry(tile: MGRSTile) -> tuple[float, float, str]:
        return -round(left[tile].area / area, 9), distances[tile], tile.id

    waiting = [entry(tile) for tile in pieces]
    heapq.heapify(waiting)
    while waiting:
        tile = mgrs.tile(heapq.heappop(waiting)[2])
        for other in chosen[taken_off[tile] :]:
            if left[tile].intersects(pieces[other]):
                left[tile] = left[tile].difference(pieces[other])
        taken_off[tile] = len(chosen)
        if left[tile].area <= NEGLIGIBLE * area:
            continue
        if waiting and entry(tile) > waiting[0]:
            heapq.heappush(waiting, entry(tile))  # another may cover more of what is left: gains only shrink
        else:
            chosen.append(tile)
    kept = _without_needless(region, {tile: pieces[tile] for tile in chosen})
    uncovered = region.geometry.difference(shapely.union_all([pieces[tile] for tile in kept])).area / area
    return Cover(kept, uncovered if uncovered > NEGLIGIBLE else 0.0)


def _without_needless(region: Region, pieces: dict[MGRSTile, BaseGeometry]) -> tuple[MGRSTile, ...]:
    """The tiles without those whose part of the region the others cover, the last chosen looked at first."""
    tiles = list(pieces)
    tree = STRtree([pieces[tile] for tile in tiles])
    kept = set(tiles)
    for tile in reversed(tiles):
        near = [tiles[n] for n in tree.query(pieces[tile])]
        others = shapely.union_all([pieces[other] for other in near if other in kept and other != tile])
        if region.geometry.intersection(pieces[tile]).difference(others).area <= NEGLIGIBLE * region.geometry.area:
            kept.remove(tile)
    return tuple(tile for tile in tiles if tile in kept)


def _near(region: Region, tile: MGRSTile) -> BaseGeometry:
    """The region with longitudes around those of the tile."""
    return seen_from(region.geometry, central_meridian(tile))


def _distance(region: Region, tile: MGRSTile) -> float:
    """From the centre of the region to that of the tile, metres."""
    ours, theirs = region.geometry.centroid, outline(tile).centroid
    return float(_ELLIPSOID.inv(ours.x, ours.y, theirs.x, theirs.y)[2])
