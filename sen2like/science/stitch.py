"""Which scene of a pass each pixel of the tile comes from (spec 05 sections 8, 12.10)."""

from collections.abc import Sequence

import cv2
import numpy as np

EDGE = 3
"""Pixels along the edge of a scene that another one gives if it can: interpolation reaches over them, and bands end at
slightly different places."""


def source_map(data: Sequence[np.ndarray]) -> np.ndarray:
    """Index, uint8, of the scene that each pixel comes from; `data`: masks (y, x) of one shape, 1 = data, the main scene first.

    The first scene with data more than `EDGE` pixels inside wins, then the first with data at all; 0 where none has any.
    """
    if not 1 <= len(data) <= 255:
        raise ValueError(f"{len(data)} scenes: 1 to 255 can be stitched")
    sources = np.zeros(data[0].shape, np.uint8)
    free = np.ones(data[0].shape, bool)
    square = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    inner = [cv2.erode((mask != 0).astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=255) for mask in data]
    for masks in (inner, data):
        for k, mask in enumerate(masks):
            take = free & (mask != 0)
            sources[take] = k
            free &= ~take
    return sources


def choose(layers: Sequence[np.ndarray], sources: np.ndarray) -> np.ndarray:
    """One layer (y, x) from those of all scenes: each pixel from the scene that `sources` names."""
    out = layers[0].copy()
    for k, layer in enumerate(layers[1:], start=1):
        np.copyto(out, layer, where=sources == k)
    return out
