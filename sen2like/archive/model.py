"""What is asked of an archive, what it answers, and what becomes of each answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from shapely.geometry.base import BaseGeometry

from sen2like.grid.mgrs import MGRSTile
from sen2like.products.registry import Identity

MISSIONS = ("Sentinel2", "Landsat8", "Landsat9")
"""Missions as configuration keys and patterns name them."""


@dataclass(frozen=True)
class Query:
    """One search: a mission on a tile (and for Landsat a scene of it), in a period."""

    mission: str
    """One of `MISSIONS`."""
    tile: MGRSTile
    start: date | None = None
    end: date | None = None
    """Last day, included; None: open."""
    cloud_cover: float = 100.0
    """Greatest cloud cover, percent, that a remote archive is asked for."""
    level: str | None = None
    """Sentinel-2: ``LEVEL1C`` or ``LEVEL2A``; None: any."""
    path: int | None = None
    row: int | None = None
    """WRS-2 scene, for Landsat."""
    coverage: float = 1.0
    """Part of the tile, 0..1, that the nominal scene covers; 1 for Sentinel-2."""


@dataclass(frozen=True)
class Found:
    """One product that an archive has."""

    location: str
    """Path of the folder or archive file."""
    identity: Identity
    source: str
    """Folder or address it was listed by."""
    tile_coverage: float | None = None
    """0..1; None: unknown."""
    cloud_cover: float | None = None
    """Percent, of the catalogue or the index; None: unknown until the product is opened."""
    footprint: BaseGeometry | None = field(default=None, compare=False)
    """Longitude and latitude, where the archive tells it."""


@dataclass(frozen=True)
class Answer:
    """Answer of one source to one query."""

    source: str
    found: tuple[Found, ...] = ()
    ignored: int = 0
    """Entries that are no products of a known family."""
    error: str = ""
    """Not empty: the source could not be read (``unreachable ...``); what `found` holds may be incomplete."""
    notice: str = ""
    """What the user should be told although the search goes on: a folder that does not exist."""


@dataclass(frozen=True)
class Decision:
    """What happens to a candidate, and why."""

    found: Found
    decision: str
    """``selected``, ``partner`` (stitched to a selected one) or ``dropped``."""
    reason: str
    """``cloud 34 > 20``, ``superseded by ...``, ``partner of ...``"""
    tile_coverage: float | None = None
    cloud_cover: float | None = None
    partner_of: Found | None = None
    """The selected product that a partner is stitched to."""
