"""Framing: a raster moved by a constant, generally fractional offset onto another frame (spec 05 section 6).

Bands are interpolated with the Catmull-Rom cubic, strip of rows by strip of rows, each strip being exactly the rows of
the whole result; masks take the nearest pixel, which for a constant offset is a slice.

The places of interpolation are float32 numbers, as in the reference software: index plus offset is rounded to
2**-11 pixel beyond 4096 and 2**-10 beyond 8192, which moves one pixel of fifty by 1 DN. So the kernel is
constant between powers of two, and an image is filtered in few rectangles.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

FALSE_NORTHING_M = 10_000_000.0
"""Difference of northing between the southern and the northern projection of one UTM zone, metres."""
TAPS = 4
"""Samples of the kernel along each axis: n-1, n, n+1, n+2 around the sampled position n + t."""
BLOCK = 32
"""Side, pixels, of the blocks whose extremes bound what the kernel can produce."""


def offsets(image: GeoBox, frame: GeoBox, dx: float = 0.0, dy: float = 0.0) -> tuple[float, float]:
    """(offset_y, offset_x) in pixels: frame pixel (r, c) lies at image pixel (r + offset_y, c + offset_x).

    `dx`, `dy` (metres) is the displacement of the image found by matching, removed here. One zone's northern and
    southern projections are the same but for the false northing. Any other difference of projection, or of pixel
    size, is a ValueError: such an image has to be warped first (spec 05 section 6.1).
    """
    res_x, res_y = frame.resolution.x, frame.resolution.y
    if not (math.isclose(image.resolution.x, res_x) and math.isclose(image.resolution.y, res_y)):
        found, wanted = (f"{r.x:g} x {abs(r.y):g} m" for r in (image.resolution, frame.resolution))
        raise ValueError(f"image has pixels of {found}, frame of {wanted}: resample the image first")
    false_northing = _false_northing(image, frame)
    offset_x = (frame.affine.c - image.affine.c + dx) / res_x
    offset_y = (frame.affine.f - false_northing - image.affine.f - dy) / res_y
    return offset_y, offset_x


def same_raster(image: GeoBox, frame: GeoBox) -> bool:
    """True when the two differ by an offset only: `offsets` and `Framing` serve; else the image has to be warped."""
    try:
        offsets(image, frame)
    except ValueError:
        return False
    return True


def nearest(source: np.ndarray, offset_y: float, offset_x: float, shape_out: tuple[int, int]) -> np.ndarray:
    """Mask or other categorical raster (y, x) on the frame: input index floor(index + offset + 0.5), 0 outside; type kept."""
    out = np.zeros(shape_out, source.dtype)
    top, left = math.floor(offset_y + 0.5), math.floor(offset_x + 0.5)
    to_rows, from_rows = _overlap(top, shape_out[0], source.shape[0])
    to_cols, from_cols = _overlap(left, shape_out[1], source.shape[1])
    out[to_rows, to_cols] = source[from_rows, from_cols]
    return out


class Framing:
    """The constant shift of bands: output pixel (r, c) is the input at (r + offset_y, c + offset_x), input pixels.

    Rules (spec 05 section 6.2): a pixel with an input 0 among its 16 samples is 0; outside the input counts as the value
    0 but not as missing; the result stays inside the range of the input that is not missing, or reaches down to 0 where
    the unlimited result does. Without offset and with equal sizes the input is copied.
    One object may serve many bands and threads.
    """

    def __init__(self, offset_y: float, offset_x: float, shape_out: tuple[int, int]):
        self.offset_y, self.offset_x = float(offset_y), float(offset_x)
        self.shape_out = (int(shape_out[0]), int(shape_out[1]))
        self._down, self._across = _runs(self.offset_y, self.shape_out[0]), _runs(self.offset_x, self.shape_out[1])
        self._limits: dict[int, tuple[weakref.ref, tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Framing(offset_y={self.offset_y}, offset_x={self.offset_x}, shape_out={self.shape_out})"

    @classmethod
    def between(cls, image: GeoBox, frame: GeoBox, dx: float = 0.0, dy: float = 0.0) -> Framing:
        """The framing of an image on the grid `image` to the grid `frame`, removing the displacement dx, dy (metres)."""
        return cls(*offsets(image, frame, dx, dy), (frame.shape.y, frame.shape.x))

    def is_copy(self, source: np.ndarray) -> bool:
        """True when the result is the input itself."""
        return self.offset_y == 0 and self.offset_x == 0 and source.shape == self.shape_out

    def rows(self, source: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Output rows [start, stop), float32 (stop - start, columns), not rounded, of the whole input `source` (y, x)."""
        if self.is_copy(source):
            return source[start:stop].astype(np.float32)
        out = np.empty((stop - start, self.shape_out[1]), np.float32)
        low, high = self.limits(source)
        for here, values, missing in self._interpolated(source, start, stop, 0, self.shape_out[1]):
            part = np.clip(values, low, high, out=out[here])
            if missing is not None:
                part[missing] = 0
        return out

    def whole(self, source: np.ndarray) -> np.ndarray:
        """All rows: float32 of `shape_out`."""
        return self.rows(source, 0, self.shape_out[0])

    def limits(self, source: np.ndarray) -> tuple[float, float]:
        """(lowest, highest) value of the result of this `source`; found once per source and kept while it lives."""
        key = id(source)
        with self._lock:
            if key in self._limits and self._limits[key][0]() is source:
                return self._limits[key][1]
            found = self._find_limits(source)
            self._limits[key] = (weakref.ref(source, lambda _: self._limits.pop(key, None)), found)
            return found

    def _find_limits(self, source: np.ndarray) -> tuple[float, float]:
        low, high = _block_range(source)
        lowest, highest = float(low.min()), float(high.max())
        if lowest > highest:  # nothing but missing pixels
            return 0.0, 0.0
        if lowest > 0 and self._reaches_zero(source, low, high):
            lowest = 0.0
        return lowest, highest

    def _reaches_zero(self, source: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
        """Whether some pixel of the unlimited result that is not missing is 0 or less.

        The extremes of the input blocks bound what the kernel can give, so only the doubtful parts are computed,
        the most promising first.
        """
        rows, cols = self.shape_out
        if self._exceeds(source.shape):
            return True
        for top in range(0, rows, BLOCK):
            for left, right in ((0, TAPS), (cols - TAPS, cols)):
                if self._has_zero(source, top, min(top + BLOCK, rows), max(left, 0), right):
                    return True
        if self._has_zero(source, 0, min(TAPS, rows), 0, cols) or self._has_zero(source, max(rows - TAPS, 0), rows, 0, cols):
            return True
        positive, negative = self._weight_sums()
        around = np.ones((3, 3), np.uint8)
        with np.errstate(invalid="ignore", over="ignore"):  # blocks without data are infinite
            lower_bound = positive * cv2.erode(low, around) - negative * cv2.dilate(high, around)
        doubtful = lower_bound <= np.float32(1e-3) * high
        order = np.argsort(np.where(doubtful, lower_bound, np.inf).min(axis=1))
        for block_row in order:
            columns = np.flatnonzero(doubtful[block_row])
            if columns.size == 0:
                break
            top, bottom = _reached(self._down, block_row * BLOCK, (block_row + 1) * BLOCK)
            for run in np.split(columns, np.flatnonzero(np.diff(columns) > 8) + 1):
                left, right = _reached(self._across, run[0] * BLOCK, (run[-1] + 1) * BLOCK)
                if self._has_zero(source, max(top, 0), min(bottom, rows), max(left, 0), min(right, cols)):
                    return True
        return False

    def _weight_sums(self) -> tuple[float, float]:
        """Bounds of the sums of the 16 weights: positive ones at least, negative ones at most (as a positive number)."""
        least, most = [], []
        for runs in (self._down, self._across):
            positive = [float(run.kernel[run.kernel > 0].sum()) for run in runs]
            negative = [float(-run.kernel[run.kernel < 0].sum()) for run in runs]
            least.append((min(positive), min(negative)))
            most.append((max(positive), max(negative)))
        (p, n), (q, m) = least
        (big_p, big_n), (big_q, big_m) = most
        return p * q + n * m, big_p * big_m + big_n * big_q

    def _exceeds(self, shape: tuple[int, int]) -> bool:
        """Whether some output pixel has all its samples outside an input of that shape."""
        return any(
            runs[0].move + TAPS - 2 < 0 or runs[-1].stop + runs[-1].move - 2 >= size
            for runs, size in zip((self._down, self._across), shape, strict=True)
        )

    def _has_zero(self, source: np.ndarray, start: int, stop: int, left: int, right: int) -> bool:
        for _, values, missing in self._interpolated(source, start, stop, left, right):
            if missing is not None:
                values = np.where(missing, np.float32(1), values)
            if values.min() <= 0:
                return True
        return False

    def _interpolated(
        self, source: np.ndarray, start: int, stop: int, left: int, right: int
    ) -> Iterator[tuple[tuple[slice, slice], np.ndarray, np.ndarray | None]]:
        """Rectangles that make up rows [start, stop), columns [left, right) of the unlimited result.

        Each with (where it is among these, values float32, which of them are missing (bool) or None).
        """
        for down in _within(self._down, start, stop):
            for across in _within(self._across, left, right):
                samples = _Samples(
                    source, down.start + down.move - 1, down.stop + down.move + 2,
                    across.start + across.move - 1, across.stop + across.move + 2,
                )  # fmt: skip
                filtered = cv2.sepFilter2D(
                    samples.values, cv2.CV_32F, across.kernel, down.kernel, anchor=(1, 1), borderType=cv2.BORDER_CONSTANT
                )
                here = (slice(down.start - start, down.stop - start), slice(across.start - left, across.stop - left))
                yield here, filtered[1:-2, 1:-2], _missing(samples)


@dataclass(frozen=True)
class _Run:
    """Indices [start, stop) along an axis of the result that lie equally between input pixels.

    Output index i is interpolated with `kernel` from the input pixels i + move - 1 ... i + move + 2.
    """

    start: int
    stop: int
    move: int
    kernel: np.ndarray


def _runs(offset: float, count: int) -> list[_Run]:
    """Output indices 0 ... count - 1 by their places, index + offset as float32 numbers (spec 05 section 6.2)."""
    index = np.arange(count)
    place = index.astype(np.float32) + np.float32(offset)
    before = np.floor(place)
    t, move = place - before, before.astype(np.int64) - index
    first = np.flatnonzero(np.r_[True, (np.diff(t) != 0) | (np.diff(move) != 0)])
    return [
        _Run(int(start), int(stop), int(move[start]), catmull_rom(float(t[start])))
        for start, stop in zip(first, np.r_[first[1:], count], strict=True)
    ]


def _within(runs: list[_Run], start: int, stop: int) -> Iterator[_Run]:
    """The parts of the runs in [start, stop)."""
    for run in runs:
        if run.start < stop and run.stop > start:
            yield replace(run, start=max(run.start, start), stop=min(run.stop, stop))


def _reached(runs: list[_Run], first: int, last: int) -> tuple[int, int]:
    """Output indices [start, stop) whose place is between the input pixels `first` and `last`."""
    moves = [run.move for run in runs]
    return first - max(moves), last - min(moves)


def catmull_rom(t: float) -> np.ndarray:
    """The four weights, float32, of samples n-1 ... n+2 for the position n + t, 0 <= t < 1.

    Keys, IEEE Trans. ASSP 29, 1981, with a = -0.5 (the kernel of Catmull and Rom 1974); spec 05 section 6.2.
    """
    return np.array(
        [
            -t / 2 + t**2 - t**3 / 2,
            1 - 5 * t**2 / 2 + 3 * t**3 / 2,
            t / 2 + 2 * t**2 - 3 * t**3 / 2,
            -(t**2) / 2 + t**3 / 2,
        ],
        np.float32,
    )


class _Samples:
    """Input pixels [top, bottom) x [left, right) as float32, 0 where that lies outside the input."""

    def __init__(self, source: np.ndarray, top: int, bottom: int, left: int, right: int):
        to_rows, from_rows = _overlap(top, bottom - top, source.shape[0])
        to_cols, from_cols = _overlap(left, right - left, source.shape[1])
        self.inside = source[from_rows, from_cols]
        self.window = (to_rows, to_cols)
        self.shape = (bottom - top, right - left)
        if self.inside.shape == self.shape:
            self.values = self.inside.astype(np.float32)
        else:
            self.values = np.zeros(self.shape, np.float32)
            self.values[self.window] = self.inside


def _missing(samples: _Samples) -> np.ndarray | None:
    """Which results have an input 0 among their samples (bool); None when there is no zero, the usual case."""
    inside = samples.inside
    if inside.size == 0 or (inside.min() > 0):
        return None
    zero = np.zeros(samples.shape, np.uint8)
    np.equal(inside, 0, out=zero[samples.window].view(np.bool_))
    return cv2.dilate(zero, np.ones((TAPS, TAPS), np.uint8), anchor=(1, 1))[1:-2, 1:-2].view(np.bool_)


def _overlap(first: int, count: int, size: int) -> tuple[slice, slice]:
    """(where in the output, where in the input) for output indices 0..count-1 that sample input `first` + index of 0..size-1."""
    start = min(max(0, -first), count)
    stop = max(start, min(count, size - first))
    if stop == start:
        return slice(0, 0), slice(0, 0)
    return slice(start, stop), slice(first + start, first + stop)


def _block_range(source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lowest, highest) value that is not 0 of each BLOCK x BLOCK block, float32; (+inf, -inf) where all is 0."""
    n_rows, n_cols = (-(-n // BLOCK) for n in source.shape)
    low, high = np.empty((n_rows, n_cols), np.float32), np.empty((n_rows, n_cols), np.float32)
    edges = np.arange(0, source.shape[1], BLOCK)
    for i in range(n_rows):
        rows = source[i * BLOCK : (i + 1) * BLOCK]
        if rows.min() > 0:
            lowest, highest = rows.min(axis=0).astype(np.float32), rows.max(axis=0).astype(np.float32)
        else:
            data = rows != 0
            lowest = np.where(data, rows, np.float32(np.inf)).min(axis=0)
            highest = np.where(data, rows, np.float32(-np.inf)).max(axis=0)
        low[i], high[i] = np.minimum.reduceat(lowest, edges), np.maximum.reduceat(highest, edges)
    return low, high


def _false_northing(image: GeoBox, frame: GeoBox) -> float:
    """Metres to take off the frame's northings to express them in the image's projection."""
    if image.crs is None or frame.crs is None:
        raise ValueError("image and frame need a projection")
    if image.crs == frame.crs:
        return 0.0
    (image_zone, image_south), (frame_zone, frame_south) = _utm(image.crs.to_epsg()), _utm(frame.crs.to_epsg())
    if image_zone is None or image_zone != frame_zone:
        raise ValueError(f"image is in {image.crs}, frame in {frame.crs}: warp the image first")
    return (frame_south - image_south) * FALSE_NORTHING_M


def _utm(epsg: int | None) -> tuple[int | None, int]:
    """(zone, 1 in the south and 0 in the north) of a WGS 84 UTM code; zone None for others."""
    if epsg is None or not (32601 <= epsg <= 32660 or 32701 <= epsg <= 32760):
        return None, 0
    return epsg % 100, epsg // 100 - 326
