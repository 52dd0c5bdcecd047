"""Sums, means and modes of whole blocks of pixels."""

from __future__ import annotations

from collections.abc import Iterable
from math import lcm

import numpy as np

from sen2like.science.scratch import Arrays, NamedEmpty

STRIP_BYTES = 1 << 20
"""Of the image that `block_means` sums at once."""


def block_means(dn: np.ndarray, factors: Iterable[int], empty: NamedEmpty | None = None) -> dict[int, np.ndarray]:
    """Means of blocks of factor x factor pixels with data (not 0), uint16, by factor; the numbers of GDAL's AVERAGE overviews.

    `dn` is uint16 (y, x). Rounded to nearest, halves up; 0 where no pixel has data. Results have ceil(n / factor) pixels a
    side; blocks that the edge cuts are means of what they have. One pass over the image gives all of them. `empty` gives
    the arrays for them.
    """
    if dn.dtype != np.uint16 or dn.ndim != 2 or dn.size == 0:
        raise ValueError(f"means are made of uint16 in rows and columns, not of {dn.dtype} of shape {dn.shape}")
    empty = empty or Arrays().array
    shapes = {factor: (-(-dn.shape[0] // factor), -(-dn.shape[1] // factor)) for factor in sorted(set(factors))}
    means = {factor: empty(f"means {factor}", shape, np.uint16) for factor, shape in shapes.items()}
    if not means:
        return {}
    multiple = lcm(*means)
    step = multiple * max(1, STRIP_BYTES // (dn.itemsize * dn.shape[1] * multiple))
    for start in range(0, dn.shape[0], step):
        strip = dn[start : start + step]
        # sums of sums are exact, so each level is made of the coarsest one before that fits into it
        totals = {1: strip}
        counts = {1: (strip != 0).view(np.uint8)} if not strip.min() else None
        for factor, mean in means.items():
            last = max(f for f in totals if factor % f == 0)
            totals[factor] = block_sums(totals[last], factor // last, _dtype(factor))
            if counts is not None:
                counts[factor] = block_sums(counts[last], factor // last, _dtype(factor))
            count = counts[factor] if counts is not None else _pixels(strip.shape, factor)
            out = mean[start // factor : -(-(start + strip.shape[0]) // factor)]
            np.floor_divide(totals[factor] + (count >> 1), np.maximum(count, 1), out=out, casting="unsafe")
    return means


def block_modes(mask: np.ndarray, block: int) -> np.ndarray:
    """The more frequent value of each block of block x block pixels; the numbers of a MODE overview of GDAL.

    `mask` is uint8 (y, x) of 0 and 1, its sides are multiples of `block` (else `ValueError`). Where both are equally frequent
    it is the one that the last pixel of the block does not have: GDAL takes the value that first came so often.
    """
    if any(n % block for n in mask.shape):
        raise ValueError(f"a mask of shape {mask.shape} has no whole blocks of {block} x {block} pixels")
    modes = np.empty([n // block for n in mask.shape], np.uint8)
    half, rest = divmod(block * block, 2)
    step = max(1, STRIP_BYTES // (mask.shape[1] * block))
    for start in range(0, len(modes), step):
        strip, out = mask[start * block : (start + step) * block], modes[start : start + step]
        total = block_sums(strip, block, np.uint16 if block < 256 else np.uint32)
        np.greater(total, half, out=out, casting="unsafe")
        if not rest:
            out |= (total == half) & (strip[block - 1 :: block, block - 1 :: block] == 0)
    return modes


def block_sums(values: np.ndarray, block: int, dtype: type | None = None) -> np.ndarray:
    """Sums of block x block values as `dtype`, by default the one that uint16 need; what is missing at the edge is 0."""
    dtype = dtype or _dtype(block)
    rows: np.ndarray = values[0::block].astype(dtype)
    for y in range(1, block):
        part = values[y::block]
        rows[: len(part)] += part
    total = rows[:, 0::block].copy()
    for x in range(1, block):
        part = rows[:, x::block]
        total[:, : part.shape[1]] += part
    return total


def _dtype(block: int) -> type:
    """Holds the sum of block x block uint16."""
    return np.uint32 if block <= 256 else np.uint64


def _pixels(shape: tuple[int, int], factor: int) -> np.ndarray:
    """How many pixels each block of an array has; one number, of no dimension, when all have the same."""
    if all(n % factor == 0 for n in shape):
        return np.asarray(factor * factor, np.uint32)
    rows, columns = (np.minimum(factor, n - np.arange(0, n, factor)).astype(np.uint32) for n in shape)
    return np.multiply.outer(rows, columns)
