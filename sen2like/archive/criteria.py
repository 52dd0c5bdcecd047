"""What a candidate must be like to be chosen for a tile, and what its name alone decides."""

from __future__ import annotations

import os
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import NamedTuple

from shapely.geometry.base import BaseGeometry

from sen2like.archive.model import Found
from sen2like.grid import wrs2
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.outlines import zone
from sen2like.grid.region import Region
from sen2like.products.registry import Identity

LEVELS = {"LEVEL1C": "L1C", "LEVEL2A": "L2A"}
"""Levels of Sentinel-2, as the configuration says them, and as names do."""

Acquisition = tuple[str, date | datetime, int | None]
"""What one output product is made of: (satellite, datatake start, relative orbit) or (satellite, day, WRS-2 path)."""


class Inspection(NamedTuple):
    """What the metadata of a product tell; None: they do not."""

    cloud_cover: float | None = None
    """Percent."""
    footprint: BaseGeometry | None = None
    """Longitude and latitude, degrees."""
    datastrip: str | None = None
    """Sentinel-2: what tells datastrips of one datatake apart, such as the sensing start in the datastrip's id."""


Inspect = Callable[[Found], tuple]
"""Opens the metadata of a candidate: an `Inspection`, or only its first members. `ProductError`: it cannot be read."""


def catalogued(found: Found) -> Inspection:
    """What the archive said, without opening the product."""
    return Inspection(found.cloud_cover, found.footprint)


@dataclass(frozen=True)
class Criteria:
    """What is asked of the products of a tile."""

    tile: MGRSTile
    start: date | None = None
    """First day; a `datetime` with its time, which Landsat names do not tell: their products count by the day."""
    end: date | None = None
    """Last day, included."""
    level: str | None = None
    """Of Sentinel-2: ``LEVEL1C``, ``LEVEL2A``; None: any. Level-1 or Level-2 Landsat products are preferred alike."""
    coverage: float = 0.1
    """Least part of the tile, 0..1."""
    cloud_cover: float = 100.0
    """Greatest cloud cover of the product, percent."""
    excluded: frozenset[str] = frozenset()
    """Paths that are no candidates."""
    known: frozenset[Acquisition] = frozenset()
    """Acquisitions (`acquisition`) whose outputs are there already."""
    roi: Region | None = None
    """Area that the images must show a part of."""
    stitching: bool = True
    """Whether images of one pass are put together; else each stands alone."""
    same_zone: bool = True
    """Only Landsat scenes whose nominal UTM zone is that of the tile."""
    partners_same_zone: bool = True
    """The same for scenes that only complete another one; without effect unless `same_zone`."""

    def __post_init__(self) -> None:
        if self.level is not None and self.level not in LEVELS:
            raise ValueError(f"level {self.level!r} is none of {', '.join(LEVELS)}")
        if not 0 <= self.coverage <= 1:
            raise ValueError(f"coverage {self.coverage:g} is not a part of the tile from 0 to 1")


def acquisition(identity: Identity) -> Acquisition:
    """What outputs of a tile are told apart by."""
    if identity.is_landsat:
        return identity.satellite, identity.date.date(), identity.path
    return identity.satellite, identity.date, identity.orbit


def refused_by_date(identity: Identity, start: date | None, end: date | None, whole_days: bool) -> str | None:
    """Why the date is refused; None: it is not. `whole_days`: a day without time (Landsat) is not before a time on it."""
    taken = identity.date
    if start is not None:
        first = start if isinstance(start, datetime) else datetime.combine(start, time.min)
        if whole_days and identity.is_landsat:
            first = datetime.combine(first.date(), time.min)
        if taken < first:
            return f"before {start:%Y-%m-%d}"
    if end is not None and taken.date() > (end.date() if isinstance(end, datetime) else end):
        return f"after {end:%Y-%m-%d}"
    return None


def refused_by_level(identity: Identity, level: str | None) -> str | None:
    """Why the level of a Sentinel-2 product is refused; None: it is not."""
    if level is None or identity.is_landsat or identity.level == LEVELS[level]:
        return None
    return f"level {identity.level}, not {LEVELS[level]}"


def refused_by_path(found: Found, excluded: Set[str]) -> str | None:
    """Why the path is refused; None: it is not. Paths are compared without ``.``, ``..`` and trailing slashes."""
    return "excluded" if os.path.normpath(found.location) in {os.path.normpath(path) for path in excluded} else None


def refused_by_name(found: Found, criteria: Criteria) -> str | None:
    """Why the path, tile or scene that the name tells, or the level, is refused; None: it is not."""
    identity, tile = found.identity, criteria.tile
    refused = refused_by_path(found, criteria.excluded) or refused_by_level(identity, criteria.level)
    if refused:
        return refused
    if not identity.is_landsat:
        return None if identity.tile in (None, tile.id) else f"of tile {identity.tile}, not {tile.id}"
    if identity.path is None or identity.row is None:
        return None
    if not wrs2.is_descending(identity.path, identity.row):
        return f"path {identity.path} row {identity.row} is no scene of a descending (daytime) pass"
    return None if criteria.same_zone and not criteria.partners_same_zone else refused_by_zone(identity, criteria)


def refused_by_zone(identity: Identity, criteria: Criteria) -> str | None:
    """Why the nominal UTM zone of a Landsat scene is refused; None: it is not."""
    if not criteria.same_zone or identity.path is None or identity.row is None:
        return None
    nominal, own = wrs2.scene(identity.path, identity.row).utm_zone, zone(criteria.tile)
    return None if nominal == own else f"scene of UTM zone {nominal}, tile of zone {own}"
