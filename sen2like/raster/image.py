"""`Image`: an array on a grid; `LazyImage`: the same, computed strip of rows by strip of rows when asked for.

Pixel-wise steps are chained with :meth:`Image.map` and cost nothing until somebody (the packager, fusion, an
intermediate file) asks for rows; then each strip goes through the whole chain while it is in the processor's cache, so
no full-size temporary exists.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, wait
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.science.scratch import Empty

STRIP_BYTES = 1 << 21
"""A strip of float32 should stay inside the second-level cache of one core, with its few temporaries near it."""

Kernel = Callable[[np.ndarray, slice], np.ndarray]
"""``kernel(values, rows) -> values``: float32 (rows, columns) of the rows named; may work in place on its argument."""


class RowImage(ABC):
    """Anything on a grid that gives its rows: held in memory, computed when asked for, or framed from another grid."""

    geobox: GeoBox
    nodata: float | None

    @abstractmethod
    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop). Do not write into them: they may be a view of the image."""

    @property
    def rows_multiple(self) -> int:
        """It serves the image when strips begin at multiples of so many rows."""
        return 1

    def chapters(self) -> Iterator[slice]:
        """Parts of its rows, from the first to the last one. `rows` is for the part at hand only: what it is made from is
        there until the next part is asked for. Most images are one part, always at hand."""
        yield slice(0, self.shape[0])

    def each_strip(self, work: Callable[[slice], None], pool: Executor | None = None) -> None:
        """Run `work` on strips of rows, chapter by chapter; see :func:`for_each_strip`."""
        for chapter in self.chapters():
            for_each_strip(work, self.shape, pool, self.rows_multiple, chapter)

    def release(self) -> None:  # noqa: B027 (most hold nothing)
        """Nobody will ask for rows any more: memory that they are made from may be used for something else."""

    @property
    def shape(self) -> tuple[int, int]:
        height, width = self.geobox.shape
        return height, width

    @property
    def resolution(self) -> float:
        """Pixel size, metres."""
        return abs(self.geobox.resolution.x)

    def map(self, kernel: Kernel, timer: Timer | None = None) -> LazyImage:
        """This image with `kernel` applied to every strip, as float32 with NaN where nothing is known."""
        return LazyImage(self, ((kernel, timer),))

    def computed(self, pool: Executor | None = None, empty: Empty = np.empty) -> Image:
        """The same image held in memory as float32, in an array from `empty`, its strips computed by the threads of `pool`."""
        out = empty(self.shape, np.float32)

        def one(rows: slice) -> None:
            out[rows] = self.rows(rows.start, rows.stop)

        self.each_strip(one, pool)
        return Image(out, self.geobox, self.nodata)


@dataclass(frozen=True)
class Image(RowImage):
    """One band in memory: `data` (y, x), the grid it is on, the value that means "no data" (None: there is none)."""

    data: np.ndarray
    geobox: GeoBox
    nodata: float | None = None

    def __post_init__(self):
        if self.data.shape != tuple(self.geobox.shape):
            raise ValueError(f"array {self.data.shape} does not fit its grid {tuple(self.geobox.shape)}")

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    def rows(self, start: int, stop: int) -> np.ndarray:
        return self.data[start:stop]

    def computed(self, pool: Executor | None = None, empty: Empty = np.empty) -> Image:
        return self if self.dtype == np.float32 else super().computed(pool, empty)


@dataclass(frozen=True)
class LazyImage(RowImage):
    """An image whose rows are computed on demand from `source` through `kernels`; float32."""

    source: RowImage
    kernels: tuple[tuple[Kernel, Timer | None], ...]

    @property
    def geobox(self) -> GeoBox:  # type: ignore[override]
        return self.source.geobox

    @property
    def nodata(self) -> float | None:  # type: ignore[override]
        return None

    def rows(self, start: int, stop: int) -> np.ndarray:
        values = self.source.rows(start, stop)
        if values.dtype != np.float32 or values.base is not None:  # kernels write into it: never into the source's own rows
            values = values.astype(np.float32)
        rows = slice(start, stop)
        for kernel, timer in self.kernels:
            with timer or nullcontext():
                values = kernel(values, rows)
        return values

    @property
    def rows_multiple(self) -> int:
        return self.source.rows_multiple

    def chapters(self) -> Iterator[slice]:
        return self.source.chapters()

    def release(self) -> None:
        self.source.release()

    def map(self, kernel: Kernel, timer: Timer | None = None) -> LazyImage:
        return LazyImage(self.source, (*self.kernels, (kernel, timer)))


def strips(shape: tuple[int, int], rows_multiple: int = 1, part: slice | None = None) -> Iterator[slice]:
    """Row slices that cover `shape` (or a `part` of its rows), each of about `STRIP_BYTES` of float32 and a multiple of
    `rows_multiple` rows."""
    start, stop = (0, shape[0]) if part is None else (part.start, part.stop)
    rows = max(1, STRIP_BYTES // (4 * max(1, shape[1])) // rows_multiple) * rows_multiple
    for first in range(start, stop, rows):
        yield slice(first, min(first + rows, stop))


def for_each_strip(
    work: Callable[[slice], None],
    shape: tuple[int, int],
    pool: Executor | None = None,
    rows_multiple: int = 1,
    part: slice | None = None,
) -> None:
    """Run `work` on each of `strips`, in the threads of `pool` when there is one; the first error is raised.

    No strip is being worked on any more when it returns or raises.
    """
    if pool is None:
        for rows in strips(shape, rows_multiple, part):
            work(rows)
    else:
        futures = [pool.submit(work, rows) for rows in strips(shape, rows_multiple, part)]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            wait(futures)
            raise


class Timer:
    """Adds up the seconds spent inside ``with timer:`` by all threads."""

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds
        self._lock = threading.Lock()
        self._here = threading.local()

    def __reduce__(self):
        return Timer, (self.seconds,)

    def __enter__(self) -> Timer:
        self._here.start = time.perf_counter()
        return self

    def __exit__(self, *_) -> None:
        spent = time.perf_counter() - self._here.start
        with self._lock:
            self.seconds += spent
