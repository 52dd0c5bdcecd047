"""Pixels of a past product for fusion, from the first row down: DN and low-pass image of a band (spec 06, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np

from sen2like.auxiliary.detail_cache import DetailCache
from sen2like.auxiliary.past_files import pixels
from sen2like.auxiliary.past_products import REMEDY, PastProduct
from sen2like.errors import AuxiliaryError, RasterError
from sen2like.raster.image import Timer
from sen2like.raster.read import RasterReader
from sen2like.science.fusion import Detail, low_pass
from sen2like.science.resample import resampled_shape, whole_ratio
from sen2like.science.scratch import Arrays, NamedEmpty, RowWindow

STEP_ROWS = 1024
"""Rows of an image that are decoded at a time, or a few more: whole blocks of the file."""


class PastBand:
    """Rows of one band of a past product and of its low-pass image at `landsat_resolution` metres.

    Only some rows are in memory. Where blocks of pixels become one in the low-pass image (10 m to 30 m), rows are decoded
    when they are asked for; else all at once, since the image must stay in the range of the whole band. A low-pass image
    that the product itself brought is taken as it is. `cache` keeps what was decoded for other Landsat products. `threads`
    decode; those of `pool` make the low-pass image; ``empty(name, shape, dtype)`` gives arrays; `reading` and `reducing`
    add up the time of both. `AuxiliaryError`: the file cannot be read any more.
    """

    def __init__(
        self,
        product: PastProduct,
        s2_name: str,
        landsat_resolution: float,
        threads: int = 1,
        pool: Executor | None = None,
        cache: DetailCache | None = None,
        empty: NamedEmpty | None = None,
        reading: Timer | None = None,
        reducing: Timer | None = None,
    ):
        empty = empty or Arrays().array
        self.resolution = product.resolution(s2_name)
        self._landsat_resolution = landsat_resolution
        self._product, self._path = product, product.image(s2_name)
        self._pool, self._cache = pool, cache
        self._reading, self._reducing = reading or nullcontext(), reducing or nullcontext()
        with self._errors():
            own = product.low(s2_name)
            brought = None if own is None else pixels(own, threads)
            self._reader = RasterReader(str(self._path), threads=threads)
        self.shape = self._reader.shape
        self.low_shape = resampled_shape(self.shape, self.resolution, landsat_resolution) if brought is None else brought.shape
        self._protect = brought is None
        self._block = whole_ratio(self.resolution, landsat_resolution)
        if self._block or brought is not None:
            self._step = -(-STEP_ROWS // self._reader.block_rows) * self._reader.block_rows
        else:
            self._step = self.shape[0]
        place = f"{product.name} {{}}".format
        held = min(self.shape[0], self._step + STEP_ROWS)
        self._dn = RowWindow(self.shape[1], np.uint16, held, partial(empty, place("dn")))
        low_rows = self.low_shape[0] if brought is not None else self._low_rows(held)
        self._low = RowWindow(self.low_shape[1], np.uint16, low_rows, partial(empty, place("low")))
        self._brought = brought
        self._begin()

    def close(self) -> None:
        """Nothing more will be asked for."""
        self._reader.close()

    def reach(self, row: int, keep: int) -> None:
        """Have at least rows [keep, row). It is quick when both grow from call to call."""
        if keep < self._dn.start:
            self._begin()
        while self._dn.stop < row:
            self._next(keep)

    def detail(self, start: int, stop: int, valid: np.ndarray, gain: float, offset: float) -> Detail:
        """Of rows [start, stop), which must be at hand and begin and end with a row of the low-pass image.

        `valid`: mask of the same ground; `gain`, `offset`: DN = reflectance * gain + offset.
        """
        low = self._low.rows(*(row * self.low_shape[0] // self.shape[0] for row in (start, stop)))
        return Detail(self._dn.rows(start, stop), low, valid, self._protect, gain, offset)

    def _begin(self) -> None:
        """At the first row (again)."""
        self._dn.clear()
        self._low.clear()
        if self._brought is not None:
            self._low.more(len(self._brought), 0)[:] = self._brought

    def _low_rows(self, row: int) -> int:
        """Rows of the low-pass image that the rows before `row` tell all of; without blocks of pixels they are all."""
        return self.low_shape[0] if self._block is None or row == self.shape[0] else row // self._block

    def _next(self, keep: int) -> None:
        start, stop = self._dn.stop, min(self.shape[0], self._dn.stop + self._step)
        first, last = self._low.stop, max(self._low.stop, self._low_rows(stop))
        top, bottom = (min(self.shape[0], row * (self._block or self.shape[0])) for row in (first, last))
        dn = self._dn.more(stop - start, min(keep, top) if last > first else keep)
        low = self._low.more(last - first, keep * self.low_shape[0] // self.shape[0])
        with self._reading:
            if self._cache and self._cache.read(self._path, self._landsat_resolution, start, dn, low):
                return
            with self._errors():
                self._reader.read(dn[None], slice(start, stop))
        with self._reducing:
            if last > first:
                source = self._dn.rows(top, bottom)
                low_pass(source, self.resolution, self._landsat_resolution, self._pool, lambda shape, dtype: low)
        if self._cache:
            self._cache.keep(self._path, self._landsat_resolution, start, dn, low)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except RasterError as error:
            cause = error.__cause__ or error
            raise AuxiliaryError(
                f"past product {self._product.name}: {self._path} is missing, truncated or unreadable ({cause}); {REMEDY}"
            ) from error
        except AuxiliaryError as error:
            raise AuxiliaryError(f"past product {self._product.name}: {error}; {REMEDY}") from error
