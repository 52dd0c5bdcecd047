"""Bringing an array to another number of pixels over the same ground, by the rules the reference software uses.

Everywhere the whole input is stretched over the whole output: output pixel i of n_out lies at input position
(i + 0.5) n_in / n_out - 0.5, and beyond the edge pixels are mirrored about the centre of the edge pixel
(d c b | a b c d | c b a). Spec 09 section 2.4 (`enlarge`), 05 section 3 item 4 (`to_resolution`), 10 section 5
(`mask_rows`). `sen2like.science.coarse_field` gives strips of rows of an enlarged field.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
import scipy  # its parts are imported when they are used: many runs never do
from numpy.typing import DTypeLike

from sen2like.science.means import block_sums
from sen2like.science.scratch import Empty, Scratch

Shape = tuple[int, int]

GAUSSIAN_REACH = 4.0
"""The smoothing before a reduction ends at this many sigma."""
SPLINE_REACH = 24
"""Pixels after which the cubic spline prefilter has forgotten an edge: its pole to this power is 2e-14."""
MATRIX_BLOCK, MATRIX_REACH = 32, 16
"""Outputs of one axis that `to_resolution` computes with one matrix, of all inputs so near: what lies beyond adds less than
5e-5 to DN, which are rounded then."""
MATRIX_ROWS = 4 * MATRIX_BLOCK
"""Rows of the output that go through the matrices of their columns together."""
LARGEST_REPEAT = 8
"""Mask pixels are repeated by OpenCV up to so many times; beyond, its positions may be a rounding error off."""
WORK_BYTES = 1 << 24
"""float64 held by one strip of `enlarge` and `to_resolution`."""


def enlarge(values: np.ndarray, shape: Shape, order: int = 1, dtype: DTypeLike = np.float32) -> np.ndarray:
    """`values` (y, x) stretched to `shape`; `order` 0 nearest, 1 bilinear, 3 cubic B-spline with prefilter.

    When a side gets smaller a Gaussian of sigma (n_in / n_out - 1) / 2 goes first (not for whole numbers of order 0).
    The result stays within the range of the input. NaN spreads to every pixel whose stencil touches it, and with order
    3 through whole strips: fill it first. `ValueError`: empty or not two-dimensional input, unknown order.
    """
    check_image(values, shape)
    if order not in (0, 1, 3):
        raise ValueError(f"interpolation order {order} is unknown; known are 0, 1 and 3")
    if order == 0 and np.issubdtype(values.dtype, np.integer):
        y, x = (_nearest(*sizes) for sizes in zip(values.shape, shape, strict=True))
        return values[y[:, None], x].astype(dtype)
    out = np.empty(shape, dtype)
    limits = _range(values)
    for rows in _work_strips(values.shape, shape):
        out[rows] = _enlarged_rows(values, shape, rows, order, limits)
    return out


def to_resolution(
    dn: np.ndarray, res_in: float, res_out: float, pool: Executor | None = None, empty: Empty = np.empty
) -> np.ndarray:
    """DN, uint16, of an image of pixel size `res_in` at `res_out` (same units); the rule of reference images and fusion.

    A whole multiple: mean of each block rounded half up, blocks cut by the lower or right edge completed with zeros.
    Any other: fraction cut off, Gaussian when reducing, cubic B-spline, range of the input, rounded half to even; the
    output has round(n_in res_in / res_out) pixels a side. Strips of rows are computed by the threads of `pool`;
    ``empty(shape, dtype)`` gives the array for the result.
    `ValueError`: pixel size not positive, image empty, not two-dimensional, or with DN outside 0 to 65535 or not finite.
    """
    if not (res_in > 0 and res_out > 0):
        raise ValueError(f"pixel sizes must be above 0, not {res_in:g} and {res_out:g}")
    block = whole_ratio(res_in, res_out)
    shape = resampled_shape(dn.shape if dn.ndim == 2 else (0, 0), res_in, res_out)
    check_image(dn, shape)
    dn = _as_uint16(dn)
    if block == 1:
        return dn.copy()
    out = empty(shape, np.uint16)
    low, high = (0, 0) if block else (int(dn.min()), int(dn.max()))
    scratch = Scratch()

    def one(strip: slice) -> None:
        if block:
            out[strip] = _block_means(dn[strip.start * block : strip.stop * block], block)
        else:
            rows = _spline_rows(dn, shape, strip, scratch)
            np.clip(rows, low, high, out=rows)
            np.rint(rows, out=out[strip], casting="unsafe")

    strips = _work_strips(dn.shape, shape) if block else blocks_of(slice(0, shape[0]), MATRIX_ROWS)
    if pool is None:
        for strip in strips:
            one(strip)
    else:
        for future in [pool.submit(one, strip) for strip in strips]:
            future.result()
    return out


def resampled_shape(shape: Shape, res_in: float, res_out: float) -> Shape:
    """Shape that `to_resolution` gives to an image of `shape`."""
    block, ratio = whole_ratio(res_in, res_out), res_out / res_in
    rows, columns = (-(-n // block) if block else round(n / ratio) for n in shape)
    return rows, columns


def whole_ratio(res_in: float, res_out: float) -> int | None:
    """How many pixels of `res_in` lie along one of `res_out`; None: no whole number."""
    block = round(res_out / res_in)
    return block if block >= 1 and abs(res_out / res_in - block) < 1e-6 else None


def mask_rows(
    mask: np.ndarray, shape: Shape, start: int, stop: int, rule_60m: Literal["reference", "nearest"] = "reference"
) -> np.ndarray:
    """Rows [start, stop) of `mask` (uint8, 0 = no data) on a grid of `shape` over the same ground; spec 10 section 5.

    Along a side that grows: the source pixel floor((i + 0.5) n_in / n_out). Along a side that shrinks (20 m to 60 m):
    ``nearest`` takes that pixel too, ``reference`` gives 0 as soon as any pixel within reach of the Gaussian around it
    is 0. A mask of that shape already is returned as a view; do not write into it.
    """
    check_image(mask, shape)
    if rule_60m not in ("reference", "nearest"):
        raise ValueError(f"mask rule {rule_60m!r} is unknown; known are reference and nearest")
    if mask.shape == tuple(shape):
        return mask[start:stop]
    times = [n_out // n_in for n_in, n_out in zip(mask.shape, shape, strict=True)]
    if all(n_in * k == n_out and 1 <= k <= LARGEST_REPEAT for n_in, n_out, k in zip(mask.shape, shape, times, strict=True)):
        first = start // times[0]
        block = mask[first : -(-stop // times[0])]
        size = (shape[1], len(block) * times[0])
        repeated = cv2.resize(block, size, interpolation=cv2.INTER_NEAREST) if block.size else block
        return np.asarray(repeated)[start - first * times[0] :][: stop - start]
    rows = _nearest(mask.shape[0], shape[0])[start:stop]
    columns = _nearest(mask.shape[1], shape[1])
    reach = [_reach(n_in, n_out) if rule_60m == "reference" else 0 for n_in, n_out in zip(mask.shape, shape, strict=True)]
    # what lies beyond the border mirrors pixels that are in the window anyway, so the border needs no care
    first, last = max(0, int(rows[0]) - reach[0]), min(mask.shape[0], int(rows[-1]) + reach[0] + 1)
    block = mask[first:last]
    if any(reach):
        block = cv2.erode(block, np.ones((2 * reach[0] + 1, 2 * reach[1] + 1), np.uint8))
    # columns once per source row: enlarging repeats rows
    used, again = np.unique(rows - first, return_inverse=True)
    return np.take(np.take(np.take(block, used, axis=0), columns, axis=1), again, axis=0)


def gaps(
    mask: np.ndarray, shape: Shape, start: int, stop: int, rule_60m: Literal["reference", "nearest"] = "reference"
) -> np.ndarray | None:
    """`mask_rows`; None: no pixel of them is 0. Quick where no pixel of the mask near those rows is 0."""
    check_image(mask, shape)
    reach = _reach(mask.shape[0], shape[0])
    near = mask[max(0, start * mask.shape[0] // shape[0] - reach) : -(-stop * mask.shape[0] // shape[0]) + reach]
    if near.min(initial=1):
        return None
    rows = mask_rows(mask, shape, start, stop, rule_60m)
    return None if rows.min(initial=1) else rows


def _nearest(n_in: int, n_out: int) -> np.ndarray:
    """floor((i + 0.5) n_in / n_out) for every output pixel i, free of rounding."""
    return (2 * np.arange(n_out) + 1) * n_in // (2 * n_out)


def smoothing(shape_in: Shape, shape_out: Shape) -> list[float]:
    """Sigma, per side, of the Gaussian that goes before a reduction; 0 for sides that do not get smaller."""
    return [max(0.0, (n_in / n_out - 1) / 2) for n_in, n_out in zip(shape_in, shape_out, strict=True)]


def _reach(n_in: int, n_out: int) -> int:
    """Pixels on either side that take part in the Gaussian before a reduction."""
    return int(GAUSSIAN_REACH * max(0.0, (n_in / n_out - 1) / 2) + 0.5)


def _enlarged_rows(values: np.ndarray, shape: Shape, rows: slice, order: int, limits: tuple[float, float] | None) -> np.ndarray:
    """Rows of the stretched array, float64, from the rows of the input that can tell in them."""
    scale = [n_in / n_out for n_in, n_out in zip(values.shape, shape, strict=True)]
    halo = _reach(values.shape[0], shape[0]) + 2 + (SPLINE_REACH if order == 3 else 0)
    first = max(0, int((rows.start + 0.5) * scale[0] - 0.5) - halo)
    last = min(values.shape[0], int((rows.stop - 0.5) * scale[0] - 0.5) + halo + 1)
    part = values[first:last].astype(np.float64)
    sigma = smoothing(values.shape, shape)
    if any(sigma):
        part = scipy.ndimage.gaussian_filter(part, sigma, mode="mirror", truncate=GAUSSIAN_REACH)
    offset = [(rows.start + 0.5) * scale[0] - 0.5 - first, 0.5 * scale[1] - 0.5]
    size = (rows.stop - rows.start, shape[1])
    result = scipy.ndimage.affine_transform(part, scale, offset, size, order=order, mode="mirror")
    return result if limits is None else np.clip(result, *limits, out=result)


def _spline_rows(values: np.ndarray, shape: Shape, rows: slice, scratch: Scratch) -> np.ndarray:
    """As `_enlarged_rows` of order 3, without limits: smoothing, prefilter and spline as one matrix per axis and block.

    A product of matrices takes a fifth of the time of the recursive filters.
    """
    blocks = [
        (block, *_spline_matrix(values.shape[0], shape[0], block.start, block.stop)) for block in blocks_of(rows, MATRIX_BLOCK)
    ]
    top, bottom = blocks[0][1], blocks[-1][1] + blocks[-1][2].shape[1]
    source = scratch.array("source", (bottom - top, values.shape[1]), np.float64)
    np.copyto(source, values[top:bottom])
    part = scratch.array("part", (rows.stop - rows.start, values.shape[1]), np.float64)
    for block, first, down in blocks:
        needed = source[first - top : first - top + down.shape[1]]
        np.matmul(down, needed, out=part[block.start - rows.start : block.stop - rows.start])
    out = scratch.array("rows", (len(part), shape[1]), np.float64)
    for block in blocks_of(slice(0, shape[1]), MATRIX_BLOCK):
        left, along = _spline_matrix(values.shape[1], shape[1], block.start, block.stop)
        np.matmul(part[:, left : left + along.shape[1]], along.T, out=out[:, block])
    return out


@lru_cache(maxsize=256)
def _spline_matrix(n_in: int, n_out: int, start: int, stop: int) -> tuple[int, np.ndarray]:
    """(first, W): outputs [start, stop) of an axis are W @ inputs[first : first + W.shape[1]]."""
    scale = n_in / n_out
    halo = _reach(n_in, n_out) + 2 + MATRIX_REACH
    first = max(0, int((start + 0.5) * scale - 0.5) - halo)
    last = min(n_in, int((stop - 0.5) * scale - 0.5) + halo + 1)
    units = np.eye(last - first)
    if n_in > n_out:
        units = scipy.ndimage.gaussian_filter1d(units, (scale - 1) / 2, axis=0, mode="mirror", truncate=GAUSSIAN_REACH)
    offset = (start + 0.5) * scale - 0.5 - first
    # the response to each unit impulse; across them nothing is moved
    size = (stop - start, last - first)
    return first, scipy.ndimage.affine_transform(units, [scale, 1.0], [offset, 0.0], size, order=3, mode="mirror")


def blocks_of(outputs: slice, size: int) -> Iterator[slice]:
    """`outputs` in parts of `size`, the last one smaller."""
    for start in range(outputs.start, outputs.stop, size):
        yield slice(start, min(start + size, outputs.stop))


def _block_means(dn: np.ndarray, block: int) -> np.ndarray:
    """Means of block x block pixels, rounded half up in whole numbers; missing pixels count as zeros."""
    total = block_sums(dn, block)
    # floor(mean + 1/2) = (sum + n/2) div n, also for odd n
    total += block * block // 2
    total //= block * block
    return total


def _as_uint16(dn: np.ndarray) -> np.ndarray:
    if dn.dtype == np.uint16:
        return dn
    low, high = float(dn.min()), float(dn.max())
    if not (low > -1 and high < 65536):
        raise ValueError(f"DN from {low:g} to {high:g} do not fit 0 to 65535")
    return dn.astype(np.uint16)


def _work_strips(shape_in: Shape, shape_out: Shape) -> Iterator[slice]:
    """Strips of output rows whose input or output, whichever is larger, stays near `WORK_BYTES` of float64."""
    per_row = 8 * max(shape_out[1], shape_in[1] * max(1.0, shape_in[0] / shape_out[0]))
    height = max(8, int(WORK_BYTES / per_row))
    for start in range(0, shape_out[0], height):
        yield slice(start, min(start + height, shape_out[0]))


def _range(values: np.ndarray) -> tuple[float, float] | None:
    """Least and largest known value; None when there is none."""
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return None if np.isnan(low) else (float(low), float(high))


def check_image(values: np.ndarray, shape: Shape) -> None:
    """`ValueError`: `values` is no image, or has no pixels, or cannot be brought to `shape`."""
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"an image of rows and columns is needed, not an array of shape {values.shape}")
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"cannot resample {values.shape[0]} x {values.shape[1]} pixels to shape {tuple(shape)}")
