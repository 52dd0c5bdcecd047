"""Where the pixels of one grid lie on another, also across projections; see `sen2like.science.warp` for the interpolation."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer

NODE_DISTANCE_M = 2000.0
"""Most metres between the points that are projected exactly; between them positions are bilinear, off by less than 3 cm."""
LARGEST_STEP = 64
"""Most pixels between them."""
_OUTLINE_POINTS = 33
"""Points along each side of a frame when its outline is projected."""


def window(source: GeoBox, frame: GeoBox, margin: int = 0) -> tuple[slice, slice] | None:
    """(rows, columns) of `source` that cover `frame` and `margin` pixels around it; None when they do not touch."""
    rows, columns = frame.shape
    t = np.linspace(0, 1, _OUTLINE_POINTS)
    edge_r = np.concatenate([np.zeros_like(t), t, np.ones_like(t), t]) * rows
    edge_c = np.concatenate([t, np.ones_like(t), t, np.zeros_like(t)]) * columns
    r, c = positions(source, frame, edge_r, edge_c)
    if not (np.isfinite(r).all() and np.isfinite(c).all()):
        return None  # the frame is beyond what the projection of the source can show
    found = []
    for at, size in ((r, source.shape[0]), (c, source.shape[1])):
        start, stop = max(0, math.floor(at.min()) - margin), min(size, math.ceil(at.max()) + margin)
        if at.max() <= 0 or at.min() >= size:
            return None
        found.append(slice(start, stop))
    return found[0], found[1]


def positions(
    source: GeoBox, frame: GeoBox, rows: np.ndarray, columns: np.ndarray, dx: float = 0.0, dy: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) on `source` of points given in pixels of `frame`, both from the upper-left corner (0.5 = first centre).

    `dx`, `dy` (metres) is the displacement of the image on `source`, east and south positive, removed here. Infinite where
    the projection cannot show the point.
    """
    a = frame.affine
    x = a.a * columns + a.c + dx
    y = a.e * rows + a.f - dy
    if source.crs != frame.crs:
        x, y = _transformer(str(frame.crs), str(source.crs)).transform(x, y)
    b = source.affine
    return (np.asarray(y) - b.f) / b.e, (np.asarray(x) - b.c) / b.a


def node_step(frame: GeoBox) -> int:
    """Pixels of `frame` between the nodes of `node_positions`."""
    return max(1, min(LARGEST_STEP, int(NODE_DISTANCE_M / abs(frame.resolution.x))))


def node_positions(source: GeoBox, frame: GeoBox, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    """`positions` (2, y, x) of the nodes of `frame`, every `node_step` pixels from its corner to beyond its last pixel."""
    step = node_step(frame)
    rows, columns = (step * np.arange(math.ceil(n / step) + 1) for n in frame.shape)
    grid_r, grid_c = np.meshgrid(rows, columns, indexing="ij")
    return np.stack(positions(source, frame, grid_r.astype(float), grid_c.astype(float), dx, dy))


@cache
def _transformer(from_crs: str, to_crs: str) -> Transformer:
    return Transformer.from_crs(from_crs, to_crs, always_xy=True)
