"""Fields known on a coarse grid, angles or low-pass images, given as rows of a larger grid over the same ground.

Positions and the rule at the edge are those of `sen2like.science.resample`, interpolation is bilinear.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
import scipy

from sen2like.science.resample import GAUSSIAN_REACH, Shape, check_image, smoothing
from sen2like.science.scratch import Empty, Scratch

LARGEST_PERIOD = 8
"""Enlargement by p / q is done phase by phase up to this p."""


class CoarseField:
    """An array (y, x) seen as rows of the larger grid of `shape` it covers, interpolated bilinearly strip by strip.

    ``positions="cells"``: stretched over the whole grid as by `enlarge` of order 1. ``positions="nodes"``: values stand
    at the corner points of a mesh whose first node is the upper-left corner of the grid and whose nodes are `step`
    output pixels apart (a number, or (rows, columns)): Sentinel-2 angles have 5000 m / pixel size. The mesh must reach
    the centres of the last pixels.

    `cut`: values of cells are cut to -cut ... cut, and those that are not finite are 0, before anything else.
    ``empty(shape, dtype)`` gives arrays to keep the values in, `scratch` others for a moment. NaN spreads to the pixels whose
    stencil touches it.
    `ValueError`: empty input, unknown positions, no `step` for nodes, `step` for cells or `cut` for nodes, mesh too small.
    """

    def __init__(
        self,
        values: np.ndarray,
        shape: Shape,
        positions: Literal["cells", "nodes"] = "cells",
        step: float | tuple[float, float] | None = None,
        cut: float | None = None,
        empty: Empty = np.empty,
        scratch: Scratch | None = None,
    ):
        check_image(values, shape)
        self.shape = shape
        self._field: _Periodic | _Positions
        if positions == "cells":
            if step is not None:
                raise ValueError("a step is for nodes only; cells are stretched over the grid")
            sigma = smoothing(values.shape, shape)
            if any(sigma):
                values = _cut(np.array(values, np.float64), cut)
                values = scipy.ndimage.gaussian_filter(values, sigma, mode="mirror", truncate=GAUSSIAN_REACH)
            if _Periodic.suits(values.shape, shape):
                self._field = _Periodic.of(values, shape, cut, empty, scratch or Scratch())
            else:
                axes = (_stretched(*sizes) for sizes in zip(values.shape, shape, strict=True))
                self._field = _Positions(_cut(np.array(values, np.float32), cut), *axes)
        elif positions == "nodes":
            if cut is not None:
                raise ValueError("values are cut in cells only, not at nodes")
            axes = (_at_nodes(*sizes) for sizes in zip(values.shape, shape, _pair(step), strict=True))
            self._field = _Positions(np.asarray(values, np.float32), *axes)
        else:
            raise ValueError(f"positions {positions!r} are unknown; known are cells and nodes")

    @classmethod
    def cells(
        cls,
        values: np.ndarray,
        shape: Shape,
        cut: float | None = None,
        empty: Empty = np.empty,
        scratch: Scratch | None = None,
    ) -> CoarseField:
        """Values stretched over the grid."""
        return cls(values, shape, "cells", cut=cut, empty=empty, scratch=scratch)

    @classmethod
    def at_nodes(cls, values: np.ndarray, shape: Shape, step: float | tuple[float, float]) -> CoarseField:
        """Values at nodes `step` output pixels apart, from the upper-left corner of the grid on."""
        return cls(values, shape, "nodes", step)

    def minus(self, values: np.ndarray, factor: float, empty: Empty = np.empty) -> CoarseField:
        """The field of its values less `factor` times `values`, of the same shape and any type."""
        other = copy(self)
        other._field = self._field.minus(values, factor, empty)
        return other

    def rows(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """float32 (stop - start, columns) of the enlarged field, in an array of its own or in `out`."""
        out = np.empty((max(0, min(stop, self.shape[0]) - start), self.shape[1]), np.float32) if out is None else out
        if len(out):
            self._field.rows(start, start + len(out), out)
        return out


class _Positions:
    """Any position of output pixels between those of the field."""

    def __init__(self, values: np.ndarray, rows: _Axis, columns: _Axis):
        self._values, self._rows, self._columns = values, rows, columns

    def minus(self, values: np.ndarray, factor: float, empty: Empty) -> _Positions:
        less = np.multiply(values, np.float32(factor), dtype=np.float32, out=empty(self._values.shape, np.float32))
        return _Positions(np.subtract(self._values, less, out=less), self._rows, self._columns)

    def rows(self, start: int, stop: int, out: np.ndarray) -> None:
        low, high = self._rows.low[start:stop], self._rows.high[start:stop]
        first = min(low.min(), high.min())
        across = self._across(slice(first, max(low.max(), high.max()) + 1))
        weight = self._rows.weight[start:stop, None]
        # rows between the same two rows of the field are done at once
        ends = (np.flatnonzero((np.diff(low) != 0) | (np.diff(high) != 0)) + 1).tolist()
        for begin, end in pairwise([0, *ends, len(low)]):
            above, below = across[low[begin] - first], across[high[begin] - first]
            np.multiply(weight[begin:end], below - above, out=out[begin:end])
            out[begin:end] += above

    def _across(self, rows: slice) -> np.ndarray:
        """Rows of the field with their columns interpolated."""
        values, columns = self._values[rows], self._columns
        left = np.take(values, columns.low, axis=1)
        right = np.take(values, columns.high, axis=1)
        right -= left
        right *= columns.weight
        right += left
        return right


class _Periodic:
    """Enlargement by p / q, small whole numbers: output pixels p apart lie alike to field pixels q apart.

    So all of one phase have the same two weights, and whole planes are added instead of single pixels.
    """

    def __init__(self, planes: np.ndarray, down: _Phases, across: _Phases, scratch: Scratch):
        """`planes` (q, y, x): every qth column, from each of the first q on, of the field and one pixel more on each side."""
        self._planes, self._down, self._across, self._scratch = planes, down, across, scratch

    @classmethod
    def of(cls, values: np.ndarray, shape: Shape, cut: float | None, empty: Empty, scratch: Scratch) -> _Periodic:
        down, across = (_phases(*sizes) for sizes in zip(values.shape, shape, strict=True))
        rows, columns = (n + 2 for n in values.shape)  # stencils stick out by half a pixel at most
        made = cls(empty((across.q, rows, -(-columns // across.q)), np.float32), down, across, scratch)
        for plane, inner in made._inside(values):
            np.copyto(plane, inner, casting="same_kind")
            _cut(plane, cut)
        made._mirror(columns)
        return made

    @staticmethod
    def suits(shape_in: Shape, shape_out: Shape) -> bool:
        """Both sides grow by such a ratio, and there are pixels to mirror at the edges."""
        ratios = [Fraction(n_out, n_in) for n_in, n_out in zip(shape_in, shape_out, strict=True)]
        return min(shape_in) > 1 and all(ratio >= 1 and ratio.numerator <= LARGEST_PERIOD for ratio in ratios)

    def minus(self, values: np.ndarray, factor: float, empty: Empty) -> _Periodic:
        made = _Periodic(empty(self._planes.shape, np.float32), self._down, self._across, self._scratch)
        for (plane, inner), (own, _) in zip(made._inside(values), self._inside(values), strict=True):
            np.multiply(inner, np.float32(factor), dtype=np.float32, out=plane)
            np.subtract(own, plane, out=plane)
        made._mirror(values.shape[1] + 2)
        return made

    def _inside(self, values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Parts of the planes that are not outside the field, and what of `values` belongs there."""
        q = self._across.q
        for r in range(q):
            inner = values[:, (r - 1) % q :: q]
            first = 1 if r == 0 else 0
            yield self._planes[r, 1:-1, first : first + inner.shape[1]], inner

    def _mirror(self, columns: int) -> None:
        """Set the pixels outside the field; with them it has so many columns."""
        q, planes = self._across.q, self._planes
        for outside, inside in ((0, 2), (columns - 1, columns - 3)):
            planes[outside % q, :, outside // q] = planes[inside % q, :, inside // q]
        planes[:, 0], planes[:, -1] = planes[:, 2], planes[:, -3]

    def rows(self, start: int, stop: int, out: np.ndarray) -> None:
        p, q = self._down.p, self._down.q
        first = start // p * q
        across = self._rows_across(slice(first, ((stop - 1) // p + 1) * q + 2))
        for begin in range(start, min(start + p, stop)):
            low, weight = self._down.phases[begin % p]
            low += begin // p * q - first
            part = out[begin - start :: p]
            last = low + (len(part) - 1) * q + 1
            if weight == 0:
                np.copyto(part, across[low:last:q])
            else:
                cv2.addWeighted(across[low:last:q], 1 - weight, across[low + 1 : last + 1 : q], weight, 0, dst=part)

    def _rows_across(self, rows: slice) -> np.ndarray:
        """Rows of the field, of that with one more on each side, with their columns interpolated."""
        p, q = self._across.p, self._across.q
        height, count = rows.stop - rows.start, self._across.count
        parts = []
        for n, (low, weight) in enumerate(self._across.phases):
            left, right = (
                self._planes[at % q, rows, at // q : at // q + count] for at in (low, low + 1)
            )
            if weight:
                part = self._scratch.array(f"phase {n}", (height, count))
                left = cv2.addWeighted(left, 1 - weight, right, weight, 0, dst=part)
            parts.append(left)
        if p == 1:
            return parts[0]
        return cv2.merge(parts, dst=self._scratch.array("across", (height, count, p))).reshape(height, -1)


def _cut(values: np.ndarray, cut: float | None) -> np.ndarray:
    """`values`, cut in place."""
    if cut is not None:
        low, high = values.min(), values.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            values[~np.isfinite(values)] = 0
        if not (low >= -cut and high <= cut):
            np.clip(values, -cut, cut, out=values)
    return values


@dataclass(frozen=True)
class _Phases:
    """How output pixels i = p k + j of an axis lie to the field: (low, weight) of each phase j.

    Their value is that of field pixel q k + low - 1 times 1 - weight and that of the next one times weight.
    """

    p: int
    q: int
    count: int
    """Periods of the axis."""
    phases: tuple[tuple[int, float], ...]


def _phases(n_in: int, n_out: int) -> _Phases:
    ratio = Fraction(n_out, n_in)
    p, q = ratio.numerator, ratio.denominator
    at = [Fraction((2 * j + 1) * q, 2 * p) - Fraction(1, 2) for j in range(p)]
    return _Phases(p, q, n_out // p, tuple((u.__floor__() + 1, float(u - u.__floor__())) for u in at))


@dataclass(frozen=True)
class _Axis:
    """Where output pixels fall between two input pixels: low * (1 - weight) + high * weight."""

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray
    """float32"""


def _stretched(n_in: int, n_out: int) -> _Axis:
    u = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
    below = np.floor(u).astype(np.intp)
    low, high = (np.abs(index) for index in (below, below + 1))
    low, high = (np.maximum(np.minimum(index, 2 * (n_in - 1) - index), 0) for index in (low, high))
    return _Axis(low, high, (u - below).astype(np.float32))


def _at_nodes(n_in: int, n_out: int, step: float) -> _Axis:
    if (n_in - 1) * step < n_out - 0.5 - 1e-6:
        raise ValueError(f"{n_in} nodes {step:g} pixels apart do not cover {n_out} pixels")
    u = np.minimum((np.arange(n_out) + 0.5) / step, n_in - 1)
    low = np.floor(u).astype(np.intp)
    return _Axis(low, np.minimum(low + 1, n_in - 1), (u - low).astype(np.float32))


def _pair(step: float | tuple[float, float] | None) -> tuple[float, float]:
    if step is None:
        raise ValueError("nodes need a step: the distance between them in pixels")
    pair = step if isinstance(step, tuple) else (step, step)
    if min(pair) <= 0:
        raise ValueError(f"the step of nodes must be above 0 pixels, not {step}")
    return pair
