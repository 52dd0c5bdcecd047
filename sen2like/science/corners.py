"""Points worth tracking in a reference image: OpenCV's goodFeaturesToTrack in strips of rows (spec 05 section 7).

The corner measure is the smaller eigenvalue of the gradient matrix (Shi and Tomasi, CVPR 1994). OpenCV's own function
needs 4 GB for a 10 980 x 10 980 image; here its steps run on strips, on several threads, and give the same corners.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

import cv2
import numpy as np

MAX_CORNERS, QUALITY_LEVEL, MIN_DISTANCE, CORNER_BLOCK, CORNER_APERTURE = 20_000, 0.1, 10, 15, 3
_STRIP_ROWS = 128
_HALO = CORNER_BLOCK // 2 + CORNER_APERTURE // 2
_ADDRESS = np.uint64(0xFFFFFFFF)


class Rows(Protocol):
    """An image (y, x) that gives its rows on demand, from any thread."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop)."""


def feature_image(image: np.ndarray | Rows, pool: Executor | None = None) -> np.ndarray:
    """uint8 (y, x): sum of the two 5 x 5 second Sobel derivatives, rounded and cut to 0..255; border reflect-101.

    `image`: DN, uint16 or float32, in an array or given row by row.
    """
    height = image.shape[0]
    out = np.empty(image.shape, np.uint8)

    def one(rows: slice) -> None:
        first, last = max(0, rows.start - 2), min(height, rows.stop + 2)
        part = image[first:last] if isinstance(image, np.ndarray) else image.rows(first, last)
        out[rows] = cv2.Laplacian(part, cv2.CV_8U, ksize=5)[rows.start - first : rows.stop - first]

    in_strips(one, height, pool)
    return out


class Features:
    """A reference image (uint16, y x) ready for matching; corners are found once and then chosen for every mask."""

    def __init__(self, reference: np.ndarray, pool: Executor | None = None):
        self._reference: np.ndarray | None = reference
        self.image = feature_image(reference, pool)
        self._maxima: tuple[np.ndarray, np.ndarray] | None = None
        self._derived: dict[str, np.ndarray] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape

    def derived(self, name: str, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What `compute` makes of the reference image, kept under `name` for the next match.

        ValueError when it is not kept and the pixels were let go.
        """
        if name not in self._derived:
            if self._reference is None:
                raise ValueError(f"the pixels of the reference image are gone; {name} cannot be made any more")
            self._derived[name] = compute(self._reference)
        return self._derived[name]

    def forget_pixels(self) -> None:
        """Free the memory of the reference image itself; corners, and what was derived from it, stay."""
        self._reference = None

    def prepare(self, pool: Executor | None = None) -> Features:
        """Find what does not depend on the mask now (the slow part), so that :meth:`corners` is quick; returns itself."""
        if self._maxima is None:
            self._maxima = self._local_maxima(pool)
        return self

    def corners(self, mask: np.ndarray, pool: Executor | None = None) -> np.ndarray:
        """(n, 2) float32 x, y of at most 20 000 corners where `mask` (same shape) is not 0, strongest first."""
        self.prepare(pool)
        assert self._maxima is not None
        keys, tops = self._maxima
        keys = keys[mask.reshape(-1)[keys & _ADDRESS] != 0]
        if not len(keys):
            return np.empty((0, 2), np.float32)
        best = float(_strength(keys[:1])[0])
        threshold = np.float32(self._strongest(mask, tops, best) * QUALITY_LEVEL)
        keys = keys[: np.count_nonzero(_strength(keys) > threshold)]
        return _spaced((keys & _ADDRESS).astype(np.int64), self.shape)

    def _local_maxima(self, pool: Executor | None) -> tuple[np.ndarray, np.ndarray]:
        """All 3 x 3 maxima of the corner measure, strongest first, and the largest measure of each block.

        A maximum is one integer, its measure (the bits of a positive float32 sort like the number) above its place in
        the raster: sorting these is OpenCV's order, ties included.
        """
        height, width = self.shape
        found: dict[int, np.ndarray] = {}
        tops = np.zeros((-(-height // _STRIP_ROWS), -(-width // _STRIP_ROWS)), np.float32)
        edges = np.arange(0, width, _STRIP_ROWS)

        def one(rows: slice) -> None:
            first, last = max(0, rows.start - 1), min(height, rows.stop + 1)
            measure = self._measure(slice(first, last), slice(0, width))
            inner = slice(rows.start - first, rows.stop - first)
            tops[rows.start // _STRIP_ROWS] = np.maximum.reduceat(measure[inner].max(axis=0), edges)
            is_maximum = measure == cv2.dilate(measure, np.ones((3, 3), np.uint8))
            is_maximum &= measure > 0
            is_maximum[:, [0, -1]] = 0
            y, x = np.nonzero(is_maximum[inner])
            strength = measure[inner][y, x]
            y += rows.start
            keys = strength.view(np.uint32).astype(np.uint64) << np.uint64(32) | (y * width + x).astype(np.uint64)
            found[rows.start] = keys[(y > 0) & (y < height - 1)]

        in_strips(one, height, pool)
        keys = np.concatenate(list(found.values()))
        keys.sort()
        return keys[::-1].copy(), tops

    def _strongest(self, mask: np.ndarray, tops: np.ndarray, best: float) -> float:
        """Largest corner measure under the mask; `best` is that of the maxima under it.

        Only where the mask cuts a slope can the measure be larger than at every maximum, so few blocks are looked at.
        """
        for i, j in sorted(np.argwhere(tops > best), key=lambda ij: -tops[ij[0], ij[1]]):
            if tops[i, j] <= best:
                break
            rows, cols = (slice(k * _STRIP_ROWS, min((k + 1) * _STRIP_ROWS, n)) for k, n in zip((i, j), self.shape, strict=True))
            inside = mask[rows, cols] != 0
            if inside.any():
                best = max(best, float(self._measure(rows, cols)[inside].max()))
        return best

    def _measure(self, rows: slice, cols: slice) -> np.ndarray:
        """Smaller eigenvalue of the gradient matrix, float32, of a part of the image."""
        top, bottom = max(0, rows.start - _HALO), min(self.shape[0], rows.stop + _HALO)
        left, right = max(0, cols.start - _HALO), min(self.shape[1], cols.stop + _HALO)
        measure = cv2.cornerMinEigenVal(self.image[top:bottom, left:right], CORNER_BLOCK, ksize=CORNER_APERTURE)
        return measure[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]


def _strength(keys: np.ndarray) -> np.ndarray:
    return (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)


def _spaced(addresses: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The first `MAX_CORNERS` of the addresses that keep `MIN_DISTANCE` from all before, as (n, 2) float32 x, y."""
    reach = MIN_DISTANCE - 1
    disk = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1]) < MIN_DISTANCE
    taken = np.zeros((shape[0] + 2 * reach, shape[1] + 2 * reach), np.bool_)
    chosen: list[tuple[int, int]] = []
    for chunk in np.array_split(addresses, max(1, len(addresses) // 50_000)):
        y, x = np.divmod(chunk, shape[1])
        free = ~taken[y + reach, x + reach]
        for row, col in zip(y[free].tolist(), x[free].tolist(), strict=True):
            if taken[row + reach, col + reach]:
                continue
            chosen.append((col, row))
            if len(chosen) == MAX_CORNERS:
                return np.array(chosen, np.float32)
            taken[row : row + 2 * reach + 1, col : col + 2 * reach + 1] |= disk
    return np.array(chosen, np.float32).reshape(-1, 2)


def in_strips(work: Callable[[slice], None], height: int, pool: Executor | None = None) -> None:
    """`work` on every strip of the rows of an image, in the threads of `pool` when there is one."""
    slices = [slice(top, min(top + _STRIP_ROWS, height)) for top in range(0, height, _STRIP_ROWS)]
    if pool is None:
        for rows in slices:
            work(rows)
    else:
        for future in [pool.submit(work, rows) for rows in slices]:
            future.result()
