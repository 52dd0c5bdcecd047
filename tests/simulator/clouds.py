"""Opaque share of clouds, their shadows and cirrus, on a regular grid (60 m times the coarse factor)."""

import math

import numpy as np
from scipy import ndimage

BASE_HEIGHT = 1500.0
"""Cloud base, metres."""
_PAD = 60


def make(seed, width, height, cell, cover, sza, saa, scale, cirrus=0.0):
    """(opaque, shadow, cirrus): float32 grids of 0..1 with ceil(size / cell) cells a side, `cell` metres.

    `cover`, `cirrus`: wanted share of cells; `scale` stretches lengths with the coarse factor; sun angles in degrees.
    """
    shape = math.ceil(height / cell), math.ceil(width / cell)
    opaque = shadow = thin = np.zeros(shape, np.float32)
    rng = np.random.default_rng(seed)
    if cover > 0:
        field = _field(rng, shape, (30, 9, 3), (1.0, 0.6, 0.22))
        threshold = np.quantile(_unpadded(field), 1 - cover)
        share = np.clip((field - threshold) / 0.35 + 0.1, 0, 1)
        share[share <= 0.02] = 0
        share = ndimage.gaussian_filter(share, 0.7)
        length = BASE_HEIGHT * scale * math.tan(math.radians(sza)) / cell
        rows, columns = length * math.cos(math.radians(saa)), -length * math.sin(math.radians(saa))  # away from the sun
        moved = ndimage.gaussian_filter(ndimage.shift(share, (rows, columns), order=1, mode="nearest"), 0.7)
        opaque, shadow = _unpadded(share), _unpadded(moved)
    if cirrus > 0:
        field = _field(rng, shape, (45, 16), (1.0, 0.4))
        threshold = np.quantile(_unpadded(field), 1 - cirrus)
        thin = _unpadded(np.clip((field - threshold) / 0.8 + 0.1, 0, 1)).copy()
        thin[thin <= 0.1] = 0
    return tuple(np.ascontiguousarray(grid, np.float32) for grid in (opaque, shadow, thin))


def _field(rng, shape, sizes, weights):
    field = np.zeros((shape[0] + 2 * _PAD, shape[1] + 2 * _PAD), np.float32)
    for size, weight in zip(sizes, weights, strict=True):
        smooth = ndimage.gaussian_filter(rng.standard_normal(field.shape, np.float32), size)
        field += weight * smooth / smooth.std()
    return field


def _unpadded(field):
    return field[_PAD:-_PAD, _PAD:-_PAD]
