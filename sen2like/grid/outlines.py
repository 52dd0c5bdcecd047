"""Outlines of tiles in longitude and latitude: quadrilaterals of their four corners (spec 02 section 5.2), one or all.

Longitudes run on around the central meridian of the tile's UTM zone: tiles of zones 01 and 60 may leave [-180, 180].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import shapely
from pyproj import Transformer
from shapely import STRtree
from shapely.geometry import Polygon

from sen2like.grid.mgrs import TILE_SIZE_M, MGRSTile, table

_MODEL_ZONE = 31
"""UTM zones are turned copies of each other: everything is projected in this one (central meridian 3°) and turned."""
_FALSE_NORTHING = 10_000_000


@dataclass(frozen=True)
class TileIndex:
    """Every tile of the shipped table: ids, outlines and zones in the same order, and a spatial index of the outlines."""

    ids: tuple[str, ...]
    outlines: np.ndarray
    zones: np.ndarray
    tree: STRtree


def zone(tile: MGRSTile) -> int:
    """UTM zone, 1..60, north and south alike."""
    return tile.epsg % 100


def central_meridian(tile: MGRSTile) -> float:
    """Longitude of the middle of the tile's UTM zone, degrees."""
    return 6.0 * zone(tile) - 183


@lru_cache(maxsize=4096)
def outline(tile: MGRSTile) -> Polygon:
    """Outline of one tile; corners UL, LL, LR, UR."""
    return _outlines(np.array([tile.epsg]), np.array([tile.ulx]), np.array([tile.uly]))[0]


@cache
def tile_index() -> TileIndex:
    """All tiles, read and projected once per process."""
    epsg, ulx, uly = (np.array(column) for column in zip(*table().values(), strict=True))
    outlines = _outlines(epsg, ulx, uly)
    return TileIndex(tuple(table()), outlines, epsg.astype(int) % 100, STRtree(outlines))


@cache
def _to_lonlat() -> Transformer:
    return Transformer.from_crs(32600 + _MODEL_ZONE, 4326, always_xy=True)


def _outlines(epsg: np.ndarray, ulx: np.ndarray, uly: np.ndarray) -> np.ndarray:
    """Polygons, one per tile, of EPSG codes and upper-left corners (metres)."""
    x = ulx[:, None] + np.array([0.0, 0, TILE_SIZE_M, TILE_SIZE_M])
    y = uly[:, None] - np.array([0.0, TILE_SIZE_M, TILE_SIZE_M, 0])
    y = y - np.where(epsg > 32700, _FALSE_NORTHING, 0)[:, None]
    lon, lat = _to_lonlat().transform(x, y)
    lon = lon + 6.0 * (epsg % 100 - _MODEL_ZONE)[:, None]
    return shapely.polygons(np.stack([lon, lat], axis=-1))
