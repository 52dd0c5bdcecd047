"""WRS-2 scenes of descending passes, as Landsat takes them, and which of them lie on which tiles (spec 02 sections 5.3, 5.4, 6).

The shipped table (``data/wrs2_descending.csv.gz``, source in ``data/README.md``) holds paths 1-233 and rows 1-122, 247, 248.
Scenes as flown are larger than its quadrilaterals: `scaled` outlines (the default) are stretched about their centre.
Coverage is the part of a tile, 0..1, by planar area in longitude and latitude.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry import Polygon

from sen2like.errors import UsageError
from sen2like.grid import mgrs
from sen2like.grid.longitudes import FULL_TURNS, turned
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.outlines import outline, tile_index, zone

PATHS = 233
ROWS = 248
"""Rows of a whole turn, ascending ones included."""
ACROSS, ALONG = 1.049, 1.062
"""Size of scenes as flown over that of the table's quadrilaterals (spec 02 section 5.3)."""
MIN_COVERAGE = 0.1
"""Least coverage of a tile that makes a scene worth a search."""
_PATHS_PER_TURN = 16
"""The pass that follows one by 98.9 minutes is 16 paths further west."""


@dataclass(frozen=True)
class Scene:
    """Nominal place of a scene."""

    path: int
    row: int
    utm_zone: int
    """Zone its products are projected in, 1..60 (table of USGS)."""
    corners: tuple[tuple[float, float], ...]
    """(lon, lat) upper left, lower left, lower right, upper right of the descending pass; longitudes run on across ±180°."""

    def outline(self, scaled: bool = True) -> Polygon:
        return Polygon(stretched(np.array([self.corners]))[0] if scaled else self.corners)


@dataclass(frozen=True)
class SceneOnTile:
    """A scene and the part of the tile it covers."""

    scene: Scene
    coverage: float


@dataclass(frozen=True)
class TileUnderScene:
    """A tile and the part of it that the scene covers."""

    tile: MGRSTile
    coverage: float


def scene(path: int, row: int) -> Scene:
    """The descending scene; an unknown path or row is a `UsageError`."""
    table = _table()
    number = table.numbers.get((path, row))
    if number is None:
        raise UsageError(
            f"WRS-2 path {path} row {row} is no descending scene: paths are 1-{PATHS}, rows 1-122, 247 and 248; correct it"
        )
    return table.scene(number)


def is_descending(path: int, row: int) -> bool:
    """Whether the table has the scene: night images are of ascending rows, which it has not."""
    return (path, row) in _table().numbers


def scenes_of(
    tile: MGRSTile, coverage: float = MIN_COVERAGE, *, same_zone: bool = True, scaled: bool = True
) -> list[SceneOnTile]:
    """Scenes that cover at least `coverage` of the tile, the largest first; `same_zone`: only those of the tile's UTM zone."""
    _, scenes, parts = coverages([outline(tile)], scaled)
    table = _table()
    order = np.lexsort((scenes, -parts))
    return [
        SceneOnTile(table.scene(n), part)
        for n, part in zip(scenes[order].tolist(), parts[order].tolist(), strict=True)
        if part >= coverage and (not same_zone or table.zones[n] == zone(tile))
    ]


def tiles_of(
    path: int, row: int, coverage: float = MIN_COVERAGE, *, same_zone: bool = True, scaled: bool = True
) -> list[TileUnderScene]:
    """Tiles of which the scene covers at least `coverage`, the most covered first; `same_zone`: only those of its UTM zone."""
    found = scene(path, row)
    tiles = tile_index()
    _, numbers, areas = _shared(np.array([found.outline(scaled)]), tiles.outlines, tiles.tree)
    parts = areas / shapely.area(tiles.outlines[numbers])
    enough = parts >= coverage
    if same_zone:
        enough &= tiles.zones[numbers] == found.utm_zone
    under = sorted((-part, tiles.ids[n]) for n, part in zip(numbers[enough], parts[enough].tolist(), strict=True))
    return [TileUnderScene(mgrs.tile(name), -part) for part, name in under]


def coverage_of(tile: MGRSTile, path: int, row: int, scaled: bool = True) -> float:
    """Part of the tile that the scene covers, 0..1."""
    scene(path, row)
    _, scenes, parts = coverages([outline(tile)], scaled)
    return float(parts[scenes == _table().numbers[path, row]].sum())


def coverages(outlines: Sequence[Polygon] | np.ndarray, scaled: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of an outline and a scene that share area: (number of the outline, number of the scene, coverage).

    Numbers count from 0, scenes in the order of the table (`path_row`). Outlines may be turned by 360° against the scenes.
    """
    outlines = np.asarray(outlines, dtype=object)
    index = _index(scaled)
    numbers, scenes, areas = _shared(outlines, index.outlines, index.tree)
    return numbers, scenes, areas / shapely.area(outlines[numbers])


def path_row(number: int) -> tuple[int, int]:
    """Path and row of the scene of that number (see `coverages`)."""
    return _table().keys[number]


def before(path: int, row: int) -> tuple[int, int]:
    """The scene taken just before on the same pass; before row 1 comes row 248 of the path counted 16 lower."""
    return (path, row - 1) if row > 1 else (_turned(path - _PATHS_PER_TURN), ROWS)


def after(path: int, row: int) -> tuple[int, int]:
    """The scene taken just after on the same pass; after row 248 comes row 1 of the path counted 16 higher."""
    return (path, row + 1) if row < ROWS else (_turned(path + _PATHS_PER_TURN), 1)


def descending_path(path: int, row: int) -> int:
    """Path of row 1 of the descending pass a scene belongs to: rows 247 and 248 come just before row 1 of another path."""
    return _turned(path + _PATHS_PER_TURN) if row >= ROWS - 1 else path


def stretched(corners: np.ndarray) -> np.ndarray:
    """Corners (n, 4, 2) of the table, stretched about their centre to the size of scenes as flown."""
    c1, c2, c3, c4 = (corners[:, k] for k in range(4))
    centre = corners.mean(axis=1)
    u = ((c3 - c2) + (c4 - c1)) / 4 * ACROSS
    v = ((c1 - c2) + (c4 - c3)) / 4 * ALONG
    return np.stack([centre - u + v, centre - u - v, centre + u - v, centre + u + v], axis=1)


def _turned(path: int) -> int:
    return (path - 1) % PATHS + 1


@dataclass(frozen=True)
class _Table:
    keys: list[tuple[int, int]]
    numbers: dict[tuple[int, int], int]
    zones: np.ndarray
    corners: np.ndarray
    """(n, 4, 2) longitude and latitude."""

    def scene(self, number: int) -> Scene:
        corners = tuple((lon, lat) for lon, lat in self.corners[number].tolist())
        return Scene(*self.keys[number], int(self.zones[number]), corners)


@dataclass(frozen=True)
class _Index:
    outlines: np.ndarray
    tree: STRtree


@cache
def _table() -> _Table:
    packed = (files("sen2like") / "data" / "wrs2_descending.csv.gz").read_bytes()
    with io.StringIO(gzip.decompress(packed).decode()) as f:
        rows = list(csv.reader(f))[1:]
    keys = [(int(row[0]), int(row[1])) for row in rows]
    figures = np.array([row[2:] for row in rows], dtype=float)
    numbers = {key: number for number, key in enumerate(keys)}
    return _Table(keys, numbers, figures[:, 0].astype(int), figures[:, 1:].reshape(-1, 4, 2))


@cache
def _index(scaled: bool) -> _Index:
    corners = _table().corners
    outlines = shapely.polygons(stretched(corners) if scaled else corners)
    return _Index(outlines, STRtree(outlines))


def _shared(polygons: np.ndarray, others: np.ndarray, tree: STRtree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs that share area: (number of the polygon, number of the other, area in square degrees), at any full turn."""
    found = []
    for turn in FULL_TURNS:
        copies = turned(polygons, turn)
        mine, theirs = tree.query(copies)
        area = shapely.area(shapely.intersection(copies[mine], others[theirs]))
        found.append((mine[area > 0], theirs[area > 0], area[area > 0]))
    numbers, theirs, areas = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return numbers, theirs, areas
