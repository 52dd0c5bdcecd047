"""Scenes of one pass as one image: each pixel from the scene that a map of sources names (spec 05 sections 8, 12.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.raster.image import RowImage
from sen2like.science.resample import mask_rows


@dataclass(frozen=True)
class StitchedImage(RowImage):
    """`images` of one grid, 0 = no data, seen as one: float32.

    `sources` (uint8, any pixel size over the same ground) tells which image a pixel comes from. Where that one has no data
    in this band the first that has some gives the pixel.
    """

    images: Sequence[RowImage]
    sources: np.ndarray
    geobox: GeoBox
    nodata: float | None = 0

    def rows(self, start: int, stop: int) -> np.ndarray:
        out = self.images[0].rows(start, stop).astype(np.float32)
        wanted = mask_rows(self.sources, self.shape, start, stop, "nearest")
        for k, image in enumerate(self.images[1:], start=1):
            use = (wanted == k) | (out == 0)
            if use.any():
                rows = image.rows(start, stop)
                use &= rows != 0
                np.copyto(out, rows, where=use)
        return out
