"""Images of one pass over a tile: what each covers, and which of them are put together (spec 02 section 6).

A pass is a Sentinel-2 datatake, or the scenes of one Landsat path on one day (or the next: a pass may go over midnight UTC).
Coverage is planar area in longitude and latitude.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from sen2like.archive.criteria import Criteria, Inspect, Inspection, catalogued, refused_by_name
from sen2like.archive.model import Found
from sen2like.archive.ranking import rank, same_view
from sen2like.errors import ProductError
from sen2like.grid import wrs2
from sen2like.grid.longitudes import seen_from
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.outlines import central_meridian, outline
from sen2like.products.registry import Identity

ADDS_NOTHING = 0.001
"""Part of the tile below which another image is not worth stitching."""
SAME_OVERLAP = 0.5
"""Sentinel-2 images of one datatake that share this part of the smaller one are versions of one image, not neighbours."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A product with what its metadata tell of it."""

    found: Found
    cloud_cover: float | None
    area: BaseGeometry | None = field(repr=False)
    """What it shows of the tile, longitudes around the tile's; None: unknown."""
    coverage: float | None
    """Part of the tile, 0..1; None: unknown."""
    datastrip: str | None = None
    unreadable: str = ""
    """Why its metadata cannot be read; empty: they can."""


@dataclass(frozen=True)
class Part:
    """An image stitched to others, and the part of the tile (0..1) that it adds."""

    candidate: Candidate
    adds: float


def examine(found: Found, tile: MGRSTile, inspect: Inspect) -> Candidate:
    """The candidate with its cloud cover, footprint and coverage: of the catalogue where it tells them, else of its metadata."""
    told, unreadable = Inspection(), ""
    try:
        told = Inspection(*inspect(found))
    except ProductError as error:
        unreadable = str(error)
    cloud_cover = found.cloud_cover if found.cloud_cover is not None else told.cloud_cover
    area = area_on_tile(found.identity, tile, found.footprint if found.footprint is not None else told.footprint)
    coverage = found.tile_coverage if area is None else area.area / outline(tile).area
    return Candidate(found, cloud_cover, area, coverage, told.datastrip, unreadable)


def area_on_tile(identity: Identity, tile: MGRSTile, footprint: BaseGeometry | None) -> BaseGeometry | None:
    """What a product shows of the tile; without a footprint a Landsat product is where its nominal scene is, others unknown."""
    shown = None if footprint is None else seen_from(footprint, central_meridian(tile))
    if identity.path is None or identity.row is None or not wrs2.is_descending(identity.path, identity.row):
        return None if shown is None else shown.intersection(outline(tile))
    if shown is None or shown.is_empty:
        return _nominal_on_tile(tile, identity.path, identity.row)
    return _within_scene(shown, _nominal(tile, identity.path, identity.row)).intersection(outline(tile))


@lru_cache(maxsize=1024)
def _nominal(tile: MGRSTile, path: int, row: int) -> BaseGeometry:
    return seen_from(wrs2.scene(path, row).outline(), central_meridian(tile))


@lru_cache(maxsize=1024)
def _nominal_on_tile(tile: MGRSTile, path: int, row: int) -> BaseGeometry:
    return _nominal(tile, path, row).intersection(outline(tile))


def same_pass(a: Identity, b: Identity) -> bool:
    """Whether two products may show parts of one pass: same satellite and datatake, or same path within a day."""
    if a.satellite != b.satellite:
        return False
    if a.is_landsat:
        return _landsat_path(a) == _landsat_path(b) and abs(a.date - b.date) <= timedelta(days=1)
    return a.date == b.date and a.orbit == b.orbit


def passes(founds: Iterable[Found]) -> list[list[Found]]:
    """Products grouped by pass, in order of first appearance."""
    groups: dict[Hashable, list[Found]] = {}
    for found in founds:
        identity = found.identity
        key: Hashable = (identity.satellite, identity.date, identity.orbit)
        if identity.is_landsat:
            path, day = _landsat_path(identity), identity.date.date()
            near = [(identity.satellite, path, day + timedelta(days=d)) for d in (0, -1, 1)]
            key = next((k for k in near if k in groups), near[0])
        groups.setdefault(key, []).append(found)
    return list(groups.values())


def same_image(a: Candidate, b: Candidate) -> bool:
    """Whether two products are versions of one image; Sentinel-2 images of different datastrips of a datatake are not."""
    if not same_view(a.found.identity, b.found.identity):
        return False
    if a.found.identity.is_landsat:
        return True
    if a.datastrip and b.datastrip:
        return a.datastrip == b.datastrip
    if a.area is None or b.area is None:
        return True
    return a.area.intersection(b.area).area >= SAME_OVERLAP * min(a.area.area, b.area.area)


def best_versions(candidates: Sequence[Candidate], criteria: Criteria) -> list[tuple[Candidate, Candidate | None]]:
    """Every candidate with the better version of the same image; None: it is the best.

    Versions that cannot be read or are too cloudy come last.
    """

    def preference(candidate: Candidate) -> tuple:
        return (not candidate.unreadable, not is_cloudy(candidate, criteria), rank(candidate.found.identity, criteria.level))

    best: list[Candidate] = []
    better: dict[int, Candidate] = {}
    for candidate in sorted(candidates, key=preference, reverse=True):
        winner = next((other for other in best if same_image(candidate, other)), None)
        if winner is None:
            best.append(candidate)
        else:
            better[id(candidate)] = winner
    return [(candidate, better.get(id(candidate))) for candidate in candidates]


def is_cloudy(candidate: Candidate, criteria: Criteria) -> bool:
    """Whether its cloud cover is known and above the limit."""
    return candidate.cloud_cover is not None and candidate.cloud_cover > criteria.cloud_cover


def refused_by_area(candidate: Candidate, criteria: Criteria) -> str | None:
    """Why what it shows is refused; None: it is not, or is unknown."""
    if candidate.area is None:
        return None
    if candidate.area.area == 0:
        return f"outside tile {criteria.tile.id}"
    if criteria.roi is not None:
        region = seen_from(criteria.roi.geometry, central_meridian(criteria.tile))
        if candidate.area.intersection(region).area == 0:
            return f"shows nothing of the region {criteria.roi.source}"
    return None


def add_parts(main: Candidate, others: Iterable[Candidate], tile: MGRSTile) -> list[Part]:
    """Those of `others` that complete `main`: what covers most first, until the tile is complete or no one adds any more.

    Images that cannot be read, or whose footprint is unknown, are left out: nothing tells what they add.
    """
    if main.area is None:
        return []
    whole = outline(tile).area
    shown, parts = main.area, []
    for other in sorted(others, key=lambda o: -(o.coverage or 0)):
        if shown.area / whole > 1 - ADDS_NOTHING:
            break
        if other.area is None or other.unreadable:
            continue
        united = shapely.union(shown, other.area)
        adds = (united.area - shown.area) / whole
        if adds >= ADDS_NOTHING:
            parts.append(Part(other, adds))
            shown = united
    return parts


def partners(main: Found, candidates: Iterable[Found], criteria: Criteria, inspect: Inspect = catalogued) -> list[Part]:
    """What is stitched to `main`: other images of its pass, most coverage first, never another version of `main` itself.

    Dates and cloud cover do not matter. Sentinel-2: another datastrip of the datatake at the same level. Landsat: other
    rows of the path, with ``same_zone`` only those whose nominal zone is the tile's.
    """
    own = examine(main, criteria.tile, inspect)
    others = []
    for found in candidates:
        identity = found.identity
        if not same_pass(main.identity, identity) or refused_by_name(found, criteria):
            continue
        if not identity.is_landsat and identity.level != main.identity.level:
            continue
        other = examine(found, criteria.tile, inspect)
        if not same_image(own, other) and not refused_by_area(other, criteria):
            others.append(other)
    return add_parts(own, [other for other, better in best_versions(others, criteria) if better is None], criteria.tile)


def covered(parts: Sequence[Candidate], whole: BaseGeometry) -> float | None:
    """Part of `whole` that the images show together, 0..1; None if the footprint of one is unknown."""
    areas = [part.area for part in parts]
    if any(area is None for area in areas):
        return None
    return float(shapely.union_all(areas).intersection(whole).area / whole.area)


def _landsat_path(identity: Identity) -> int | None:
    """Path of the descending pass: rows 247 and 248 go on into row 1 of another path."""
    if identity.path is None or identity.row is None:
        return identity.path
    return wrs2.descending_path(identity.path, identity.row)


def _within_scene(shown: BaseGeometry, nominal: BaseGeometry) -> BaseGeometry:
    """Corners in Landsat metadata are those of the raster, which surrounds the tilted scene: what the moved scene has of it."""
    here, there = nominal.centroid, shown.centroid
    return shown.intersection(affinity.translate(nominal, there.x - here.x, there.y - here.y))
