"""Longitudes that run on across the ±180° meridian, so that areas there can be compared as anywhere else.

Geometries are in longitude and latitude, degrees. An edge of more than 180° of longitude is one that crosses the meridian:
it is taken the short way round.
"""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

HALF_TURN = 180.0
FULL_TURNS = (0.0, 360.0, -360.0)
"""Turns, degrees, at which two areas whose longitudes run on may meet."""


def turned(geometries, degrees: float):
    """A geometry, or an array of them, moved eastwards by `degrees`."""
    return shapely.transform(geometries, lambda lonlat: np.add(lonlat, (degrees, 0.0))) if degrees else geometries


def polygons(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons of a geometry, nested collections opened; lines and points have no area and are left out."""
    parts = list(shapely.get_parts(geometry))
    if any(hasattr(part, "geoms") for part in parts):
        return [polygon for part in parts for polygon in polygons(part)]
    return [part for part in parts if isinstance(part, Polygon) and not part.is_empty]


def has_long_edge(geometry: BaseGeometry) -> bool:
    """Whether an edge spans more than 180° of longitude."""
    return any(_jumps(ring) for polygon in polygons(geometry) for ring in (polygon.exterior, *polygon.interiors))


def continuous(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of `geometry` with every ring running on across the ±180° meridian; longitudes may leave [-180, 180].

    A polygon all round the globe, whose long edges have no short way, stays as it is.
    """
    parts = []
    for polygon in polygons(shapely.force_2d(geometry)):
        if not has_long_edge(polygon):
            parts.append(polygon)
            continue
        whole = Polygon(_unwrapped(polygon.exterior), [_unwrapped(ring) for ring in polygon.interiors])
        parts.append(whole if whole.area > 0 else polygon)
    if len(parts) == 1:
        return parts[0]
    return shapely.union_all([part if part.is_valid else shapely.make_valid(part) for part in parts])


def seen_from(geometry: BaseGeometry, longitude: float) -> BaseGeometry:
    """The polygons of `geometry` with longitudes in `longitude` ± 180°, each piece turned by the full turns it needs."""
    west, east = longitude - HALF_TURN, longitude + HALF_TURN
    if isinstance(geometry, Polygon) and not geometry.has_z and geometry.is_valid:
        bounds = geometry.bounds
        if bounds[0] >= west and bounds[2] <= east and bounds[2] - bounds[0] <= HALF_TURN:
            return geometry
    whole = continuous(geometry)
    if whole.is_empty:
        return whole
    whole = whole if whole.is_valid else shapely.make_valid(whole)
    first, last = np.floor((west - whole.bounds[2]) / 360), np.ceil((east - whole.bounds[0]) / 360)
    pieces = []
    for turns in np.arange(first, last + 1):
        copy = turned(whole, 360 * turns)
        if copy.bounds[0] >= west and copy.bounds[2] <= east:
            pieces.append(copy)
        elif copy.bounds[0] < east and copy.bounds[2] > west:
            pieces.append(copy.intersection(box(west, copy.bounds[1], east, copy.bounds[3])))
    return pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)


def _jumps(ring) -> bool:
    return bool(np.abs(np.diff(np.asarray(ring.coords)[:, 0])).max(initial=0) > HALF_TURN)


def _unwrapped(ring) -> list[tuple[float, float]]:
    lon, lat = np.asarray(ring.coords)[:, :2].T
    return list(zip(np.unwrap(lon, period=360), lat, strict=True))
