"""A band on the frame of the tile, its displacement removed; rows are interpolated when asked for (spec 05 section 6).

Zone change, framing and shift are one interpolation. Where frame and image differ by a constant offset it is two 4-tap
filters (`Framing`), elsewhere (another zone, pixels that are not square) the same kernel at positions of its own (`Warp`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.grid.mapping import node_positions, node_step
from sen2like.raster.image import Image, RowImage, Timer
from sen2like.science.shift import Framing, nearest, offsets, same_raster
from sen2like.science.warp import Warp


@dataclass(frozen=True)
class FramedImage(RowImage):
    """`source` seen through `framing` on the grid `geobox`: float32 DN, not rounded, 0 = no data."""

    source: Image
    framing: Framing | Warp
    geobox: GeoBox
    timer: Timer
    nodata: float | None = 0

    @classmethod
    def of(cls, source: Image, frame: GeoBox, dx: float, dy: float, timer: Timer) -> FramedImage:
        """`source` on `frame` with the displacement dx, dy (metres) removed."""
        constant = same_raster(source.geobox, frame)
        framing = Framing.between(source.geobox, frame, dx, dy) if constant else _warp(source.geobox, frame, dx, dy)
        return cls(source, framing, frame, timer)

    def rows(self, start: int, stop: int) -> np.ndarray:
        with self.timer:
            return self.framing.rows(self.source.data, start, stop)


def frame_mask(mask: Image, frame: GeoBox, dx: float, dy: float) -> Image:
    """A mask on `frame`, nearest pixel, 0 outside; its type is kept."""
    (data,) = frame_nearest([mask.data], mask.geobox, frame, dx, dy)
    return Image(data, frame, mask.nodata)


def frame_nearest(
    layers: Iterable[np.ndarray], grid: GeoBox, frame: GeoBox, dx: float = 0.0, dy: float = 0.0
) -> list[np.ndarray]:
    """Layers (y, x) of `grid` on `frame`, nearest pixel, 0 outside; their types are kept."""
    if same_raster(grid, frame):
        offset_y, offset_x = offsets(grid, frame, dx, dy)
        return [nearest(layer, offset_y, offset_x, (frame.shape.y, frame.shape.x)) for layer in layers]
    warp = _warp(grid, frame, dx, dy)
    return [warp.nearest(layer) for layer in layers]


def _warp(grid: GeoBox, frame: GeoBox, dx: float, dy: float) -> Warp:
    return Warp(node_positions(grid, frame, dx, dy), node_step(frame), (frame.shape.y, frame.shape.x))
