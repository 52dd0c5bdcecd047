"""Interpolation at positions that differ from pixel to pixel: other projections, pixels that are not square
(spec 05 section 12.6).

The kernel is that of `sen2like.science.shift`, Catmull-Rom cubic; a pixel is missing (0) when one of its 16 samples is, or
lies outside the image.
"""

from __future__ import annotations

import threading
import weakref

import numpy as np

from sen2like.science.coarse_field import CoarseField


class Warp:
    """A frame seen on an image through positions given at the nodes of a mesh.

    `nodes`: float64 (2, y, x), row and column of the image (from its corner; 0.5 = centre of the first pixel) at the nodes
    of a mesh that begins at the corner of the frame with `step` pixels between nodes; `shape_out`: rows, columns of the frame.
    """

    def __init__(self, nodes: np.ndarray, step: int, shape_out: tuple[int, int]):
        self.shape_out = (int(shape_out[0]), int(shape_out[1]))
        # Offsets from the first node, so that float32 keeps 1/1000 pixel on images of any size.
        self._origin = nodes[:, 0, 0].copy()
        self._fields = [
            CoarseField((grid - origin).astype(np.float32), self.shape_out, "nodes", step)
            for grid, origin in zip(nodes, self._origin, strict=True)
        ]
        self._limits: dict[int, tuple[weakref.ref, tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def is_copy(self, source: np.ndarray) -> bool:
        """False: an image that is only copied needs no warp."""
        return False

    def rows(self, source: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Output rows [start, stop), float32, of the image `source` (y, x), 0 = no data; within the range of its data."""
        (top, ty), (left, tx) = (self._split(axis, start, stop) for axis in (0, 1))
        weights_y, weights_x = _catmull_rom(ty), _catmull_rom(tx)
        height, width = source.shape
        out = np.zeros(top.shape, np.float32)
        missing = np.zeros(top.shape, bool)
        for i in range(4):
            r = top + (i - 1)
            outside = (r < 0) | (r >= height)
            missing |= outside
            r = np.clip(r, 0, height - 1)
            line = np.zeros_like(out)
            for j in range(4):
                c = left + (j - 1)
                beyond = (c < 0) | (c >= width)
                sample = source[r, np.clip(c, 0, width - 1)]
                missing |= beyond | (sample == 0)
                line += weights_x[j] * sample
            out += weights_y[i] * line
        low, high = self._range(source)
        np.clip(out, low, high, out=out)
        out[missing] = 0
        return out

    def nearest(self, source: np.ndarray) -> np.ndarray:
        """The whole frame from a mask or other categorical image (y, x): the pixel that holds the position, 0 outside."""
        out = np.zeros(self.shape_out, source.dtype)
        for start in range(0, self.shape_out[0], 256):
            stop = min(start + 256, self.shape_out[0])
            r, c = (np.floor(self._at(axis, start, stop)).astype(np.intp) for axis in (0, 1))
            inside = (r >= 0) & (r < source.shape[0]) & (c >= 0) & (c < source.shape[1])
            out[start:stop][inside] = source[r[inside], c[inside]]
        return out

    def _at(self, axis: int, start: int, stop: int) -> np.ndarray:
        return self._fields[axis].rows(start, stop) + self._origin[axis]

    def _split(self, axis: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """(index of the sample before the position, fraction) of pixel centres."""
        at = self._at(axis, start, stop) - 0.5
        first = np.floor(at)
        return first.astype(np.intp), (at - first).astype(np.float32)

    def _range(self, source: np.ndarray) -> tuple[float, float]:
        key = id(source)
        with self._lock:
            if key not in self._limits or self._limits[key][0]() is not source:
                data = source[source != 0]
                found = (float(data.min()), float(data.max())) if data.size else (0.0, 0.0)
                self._limits[key] = (weakref.ref(source, lambda _: self._limits.pop(key, None)), found)
            return self._limits[key][1]


def _catmull_rom(t: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weights of the samples n-1 ... n+2 at n + t (Keys, IEEE Trans. ASSP 29, 1981, a = -0.5)."""
    t2, t3 = t * t, t * t * t
    return (-t / 2 + t2 - t3 / 2, 1 - 2.5 * t2 + 1.5 * t3, t / 2 + 2 * t2 - 1.5 * t3, (t3 - t2) / 2)
