"""A Landsat band with the detail of past products, fused some rows at a time: neither they nor it are whole in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.auxiliary.past_bands import PastBand
from sen2like.raster.image import RowImage, Timer
from sen2like.science.fusion import AutoCheck, Fusion
from sen2like.science.scratch import NamedEmpty, Scratch

CHAPTER_ROWS = 1024
"""Rows that are fused, of whose past products pixels are in memory at a time: a row of blocks of our own images."""


class FusedImage(RowImage):
    """Reflectance on the grid of the past products, NaN = no data; its rows are fused when asked for, chapter by chapter.

    `landsat`: reflectance (y, x); `data`: its mask, 0 = no data; `pasts`: the band of past products, oldest first, with their
    validity masks in `valid`; `gain`, `offset`: of their DN; `w`: of predict, None for composite. `check` sees the rows as
    they are made. `done` is called when nobody will ask for rows any more. ``empty(name, shape, dtype)`` gives arrays.
    """

    nodata: float | None = None

    def __init__(
        self,
        landsat: np.ndarray,
        data: np.ndarray,
        pasts: Sequence[PastBand],
        valid: Sequence[np.ndarray],
        geobox: GeoBox,
        *,
        gain: float,
        offset: float,
        w: float | None,
        empty: NamedEmpty,
        check: AutoCheck | None = None,
        timers: tuple[Timer, Timer] | None = None,
        done: Callable[[], None] = lambda: None,
    ):
        for past in pasts:
            if past.shape != tuple(geobox.shape) or past.low_shape != landsat.shape:
                raise ValueError(
                    f"past product of shape {past.shape}, low-pass image {past.low_shape}, does not suit Landsat of shape "
                    f"{landsat.shape} on a grid of {tuple(geobox.shape)}"
                )
        self.geobox = geobox
        self._landsat, self._data, self._pasts, self._valid = landsat, data, pasts, valid
        self._gain, self._offset, self._w = gain, offset, w
        self._empty, self._scratch = empty, Scratch()
        self._check, self._done = check, done
        self._timer, self._check_timer = timers or (Timer(), Timer())
        self._fusion: Fusion | None = None
        self._top = 0
        """Where the rows of `_fusion` begin."""

    @property
    def rows_multiple(self) -> int:
        return self._check.rows_multiple if self._check else 1

    def release(self) -> None:
        self._fusion = None
        for past in self._pasts:
            past.close()
        self._done()

    def chapters(self) -> Iterator[slice]:
        height = self.shape[0]
        # rows of all images have a common edge after so many
        unit = height // math.gcd(height, *(len(image) for image in (self._landsat, self._data, *self._valid)))
        start = known = 0
        while start < height:
            known = min(height, known + CHAPTER_ROWS)
            stop = height if known == height else (known // unit - 1) * unit  # what lies beside counts too
            if stop <= start:
                continue
            top, bottom = max(0, start - unit), min(height, stop + unit)
            for past in self._pasts:
                past.reach(bottom, keep=top)
            with self._timer:
                self._top, self._fusion = top, self._of_rows(top, bottom)
            yield slice(start, stop)
            start = stop

    def rows(self, start: int, stop: int) -> np.ndarray:
        if self._fusion is None:
            raise RuntimeError("rows of a fused image are there while its chapters are gone through")
        with self._timer:
            rows = self._fusion.rows(start - self._top, stop - self._top)
        if self._check:
            with self._check_timer:
                self._check.add(start, rows)
        return rows

    def _of_rows(self, top: int, bottom: int) -> Fusion:
        """Fusion of rows [top, bottom), where all images have an edge."""
        details = [
            past.detail(top, bottom, self._part(valid, top, bottom), self._gain, self._offset)
            for past, valid in zip(self._pasts, self._valid, strict=True)
        ]
        landsat, data = (self._part(image, top, bottom) for image in (self._landsat, self._data))
        return Fusion(landsat, data, details, self._w, nodata=np.nan, empty=self._empty, scratch=self._scratch)

    def _part(self, image: np.ndarray, top: int, bottom: int) -> np.ndarray:
        """Rows of an image of the same ground."""
        return image[slice(*(row * len(image) // self.shape[0] for row in (top, bottom)))]
