"""A band on the frame of the tile, its displacement removed; rows are interpolated when asked for (spec 05 section 6)."""

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.raster.image import Image, RowImage, Timer
from sen2like.science.shift import Framing, nearest, offsets


@dataclass(frozen=True)
class FramedImage(RowImage):
    """`source` seen through `framing` on the grid `geobox`: float32 DN, not rounded, 0 = no data."""

    source: Image
    framing: Framing
    geobox: GeoBox
    timer: Timer
    nodata: float | None = 0

    @classmethod
    def of(cls, source: Image, frame: GeoBox, dx: float, dy: float, timer: Timer) -> "FramedImage":
        """`source` on `frame` with the displacement dx, dy (metres) removed."""
        return cls(source, Framing.between(source.geobox, frame, dx, dy), frame, timer)

    def rows(self, start: int, stop: int) -> np.ndarray:
        with self.timer:
            return self.framing.rows(self.source.data, start, stop)


def frame_mask(mask: Image, frame: GeoBox, dx: float, dy: float) -> Image:
    """A mask on `frame`, nearest pixel, 0 outside; its type is kept."""
    data = nearest(mask.data, *offsets(mask.geobox, frame, dx, dy), (frame.shape.y, frame.shape.x))
    return Image(data, frame, mask.nodata)
