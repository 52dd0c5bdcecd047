"""Sentinel-2 MGRS tiles: their extent, grid at any pixel size, and outline.

The table of tiles is shipped (``data/s2_tiles.csv.gz``, source in ``data/README.md``); ids are five characters
without the leading ``T``, e.g. ``31TFJ``.
"""

import csv
import difflib
import gzip
import io
import math
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from sen2like.errors import UsageError

TILE_SIZE_M = 109_800
"""Side of every Sentinel-2 tile, metres (S2 PSD: 10 980 pixels of 10 m)."""
CENTRE_IN_SQUARE_M = (54_900.5, 45_100.5)
"""Centre of the 1 m MGRS square (54900 E, 45100 N) that stands for the product centre (spec 03 section 2), metres."""
FEW = 20
"""Tiles that are looked up one by one before the whole table is made."""
_ID = re.compile(r"(0[1-9]|[1-5]\d|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]")


@dataclass(frozen=True)
class MGRSTile:
    """One tile: id, EPSG code and upper-left corner (metres, UTM zone of the tile)."""

    id: str
    epsg: int
    ulx: float
    uly: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        return self.ulx, self.uly - TILE_SIZE_M, self.ulx + TILE_SIZE_M, self.uly

    def geobox(self, resolution: float) -> GeoBox:
        """Grid of the tile at `resolution` metres; side = ceil(109 800 / resolution) pixels, origin at the upper left."""
        side = math.ceil(round(TILE_SIZE_M / resolution, 6))
        return GeoBox((side, side), Affine(resolution, 0, self.ulx, 0, -resolution, self.uly), f"EPSG:{self.epsg}")

    def to_lonlat(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Longitude, latitude (WGS 84, degrees) of points in the tile's projection."""
        return Transformer.from_crs(self.epsg, 4326, always_xy=True).transform(x, y)

    @cached_property
    def corners(self) -> list[tuple[float, float]]:
        """(lon, lat) of the corners UL, UR, LR, LL, degrees."""
        west, south, east, north = self.bounds
        lon, lat = self.to_lonlat([west, east, east, west], [north, north, south, south])
        return list(zip(lon, lat, strict=True))

    @cached_property
    def centre(self) -> tuple[float, float]:
        """(latitude, longitude) of the MGRS point tile + 54900 E + 45100 N, degrees; 31TFJ -> 43.7427577, 4.9237426."""
        easting = 100_000 * math.floor((self.ulx + TILE_SIZE_M / 2) / 100_000)
        northing = 100_000 * math.floor((self.uly - TILE_SIZE_M / 2) / 100_000)
        lon, lat = self.to_lonlat(easting + CENTRE_IN_SQUARE_M[0], northing + CENTRE_IN_SQUARE_M[1])
        return float(lat), float(lon)


@cache
def _lines() -> str:
    """The table of tiles: lines of id, EPSG code, and upper-left corner after a line of titles."""
    packed = (files("sen2like") / "data" / "s2_tiles.csv.gz").read_bytes()
    return gzip.decompress(packed).decode()


@cache
def table() -> dict[str, tuple[int, float, float]]:
    """EPSG code and upper-left corner of every tile, by id."""
    return {r["tile"]: (int(r["epsg"]), float(r["ulx"]), float(r["uly"])) for r in csv.DictReader(io.StringIO(_lines()))}


@cache
def _row(name: str) -> tuple[int, float, float] | None:
    """The entry of one tile, without making the table: that takes longer than anything else a run of one tile does first."""
    at = _lines().find(f"\n{name},") + 1
    if at == 0:
        return None
    epsg, ulx, uly = _lines()[at : _lines().index("\n", at)].split(",")[1:4]
    return int(epsg), float(ulx), float(uly)


def normalise_id(text: str) -> str:
    """``T31TFJ``, lower case and surrounding blanks -> ``31TFJ``."""
    tile = text.strip().upper()
    return tile[1:] if len(tile) == 6 and tile[0] == "T" else tile


def tile(text: str) -> MGRSTile:
    """The tile of that id; an unknown id is a `UsageError` that proposes the nearest ones."""
    name = normalise_id(text)
    row = table().get(name) if _row.cache_info().currsize > FEW else _row(name)
    if row is not None:
        return MGRSTile(name, *row)
    neighbours = [known for known in table() if known[:3] == name[:3]] or table()
    near = difflib.get_close_matches(name, neighbours, n=4, cutoff=0.6)
    why = "not in the Sentinel-2 tile table" if _ID.fullmatch(name) else "not an MGRS tile id such as 31TFJ"
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise UsageError(f"tile {text!r} is {why}{hint}")
