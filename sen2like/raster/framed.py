"""A band on the frame of the tile, its displacement removed: rows are interpolated when they are asked for (spec 05 section 6)."""

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.raster.image import Image, Kernel, LazyImage, Timer
from sen2like.science.shift import Framing, nearest, offsets


@dataclass(frozen=True)
class FramedImage:
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

    @property
    def shape(self) -> tuple[int, int]:
        return tuple(self.geobox.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    @property
    def resolution(self) -> float:
        return abs(self.geobox.resolution.x)

    @property
    def data(self) -> np.ndarray:
        """The whole frame, float32. Large: prefer :meth:`rows`."""
        return self.rows(0, self.shape[0])

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop), float32, in an array of its own."""
        with self.timer:
            return self.framing.rows(self.source.data, start, stop)

    def map(self, kernel: Kernel, timer: Timer | None = None) -> LazyImage:
        return LazyImage(self, ((kernel, timer),))

    def computed(self, pool=None) -> Image:
        """The framed band held in memory."""
        return Image(LazyImage(self, ()).computed(pool).data, self.geobox, self.nodata)


def frame_mask(mask: Image, frame: GeoBox, dx: float, dy: float) -> Image:
    """A mask on `frame`, nearest pixel, 0 outside; its type is kept."""
    data = nearest(mask.data, *offsets(mask.geobox, frame, dx, dy), tuple(frame.shape))
    return Image(data, frame, mask.nodata)
