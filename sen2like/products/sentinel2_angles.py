"""The 28 angle fields of a Sentinel-2 product from its tile metadata (spec 04 sections 6, 7, 10 and 11.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from sen2like.errors import MetadataError, ProductError
from sen2like.products.model import Angles
from sen2like.products.sentinel2_metadata import BAND_NAMES, AngleGrid, TileMetadata
from sen2like.science import angles as science

NAMES = (*(f"VAA_{b}" for b in BAND_NAMES), *(f"VZA_{b}" for b in BAND_NAMES), "SAA", "SZA")
METHODS = ("reference", "accurate")


def angles_of(tile: TileMetadata, method: str, name: str) -> Angles:
    """View angles of every band and sun angles, on the 5 km nodes of the tile metadata; `name`: the file, for messages.

    ``reference``: the values of the reference implementation, 0 where no detector looks. ``accurate``: mean directions, no gaps.
    A band without any angle takes the mean of its neighbours in the order of ids, else its mean viewing angle, else the
    nearest band's, each with a notice; `ProductError` if no band has angles.
    """
    if method not in METHODS:
        raise ValueError(f"angle method {method!r} is not one of {', '.join(METHODS)}")
    shape, step = _grid(tile, name)
    notices: list[str] = []
    views = _views(tile, shape, method, name, notices)
    sun = _sun(tile, shape, method, name, notices)
    fields = [views[i][1] for i in range(len(BAND_NAMES))] + [views[i][0] for i in range(len(BAND_NAMES))] + [sun[1], sun[0]]
    if method == "reference":
        degrees = np.stack([science.reference_degrees(f) for f in fields])
    else:
        degrees = np.stack(fields).astype(np.float32)
    geobox = GeoBox(shape, Affine(step[0], 0, tile.ulx, 0, -step[1], tile.uly), f"EPSG:{tile.epsg}")
    return Angles(degrees, NAMES, geobox, nodes=method == "accurate", notices=tuple(notices))


def _grid(tile: TileMetadata, name: str) -> tuple[tuple[int, int], tuple[float, float]]:
    """Shape and step that all grids share."""
    grids = [g for found in tile.view_grids.values() for g in found] + ([tile.sun_grid] if tile.sun_grid else [])
    if not grids:
        raise ProductError(f"{name}: no viewing angle grid in the metadata; the product cannot be corrected for angles")
    if len({(g.zenith.shape, g.step) for g in grids}) > 1:
        raise MetadataError(f"{name}: angle grids differ in size or step")
    rows, columns = grids[0].zenith.shape
    return (rows, columns), grids[0].step


def _sun(tile: TileMetadata, shape: tuple[int, int], method: str, name: str, notices: list[str]) -> tuple[np.ndarray, np.ndarray]:
    grid = tile.sun_grid
    if grid is None or not np.isfinite(grid.zenith + grid.azimuth).any():
        notices.append(f"{name}: no sun angle grid; the mean sun angle is used everywhere")
        return np.full(shape, tile.sun_zenith), np.full(shape, tile.sun_azimuth)
    return _merged([grid], method)


def _views(
    tile: TileMetadata, shape: tuple[int, int], method: str, name: str, notices: list[str]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """(zenith, azimuth) by band id, for all 13."""
    ids = range(len(BAND_NAMES))
    own = {i: _merged(tile.view_grids[i], method) for i in ids if _has_values(tile.view_grids.get(i, ()))}
    if not own and not tile.mean_view:
        raise ProductError(f"{name}: no viewing angle grid in the metadata; the product cannot be corrected for angles")
    views = dict(own)
    for i in ids:
        if i in own:
            continue
        neighbours = [own[j] for j in (i - 1, i + 1) if j in own]
        if neighbours:
            views[i] = _mean(neighbours, method)
            source = "the mean of its neighbours"
        elif i in tile.mean_view:
            views[i] = np.full(shape, tile.mean_view[i][0]), np.full(shape, tile.mean_view[i][1])
            source = "its mean viewing angle"
        else:
            known = own or {j: (np.full(shape, z), np.full(shape, a)) for j, (z, a) in tile.mean_view.items()}
            nearest = min(known, key=lambda j: (abs(j - i), j))
            views[i] = known[nearest]
            source = f"the angles of {BAND_NAMES[nearest]}"
        notices.append(f"{name}: band {BAND_NAMES[i]} has no viewing angle grid; {source} used")
    return views


def _has_values(grids: Sequence[AngleGrid]) -> bool:
    return any(np.isfinite(g.zenith + g.azimuth).any() for g in grids)


def _merged(grids: Sequence[AngleGrid], method: str) -> tuple[np.ndarray, np.ndarray]:
    return _mean([(g.zenith, g.azimuth) for g in grids], method)


def _mean(pairs: Sequence[tuple[np.ndarray, np.ndarray]], method: str) -> tuple[np.ndarray, np.ndarray]:
    zenith, azimuth = (np.stack(part) for part in zip(*pairs, strict=True))
    if method == "reference":
        return science.reference_mean(zenith), science.reference_mean(azimuth)
    filled = science.fill_nearest(*science.mean_direction(zenith, azimuth))
    return filled[0], filled[1]
