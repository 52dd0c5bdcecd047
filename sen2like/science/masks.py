"""Validity and no-data masks from classifications and DN (spec 04 section 2).

Masks are uint8: `valid` 1 = usable clear land, `data` 1 = image data present. Everything here works on plain arrays (y, x).
"""

import cv2
import numpy as np

SCL_NODATA = 0
SCL_LAST_CLASS = 11
SCL_VALID = (4, 5, 7)
"""Scene classes that count as clear land: vegetation, not vegetated, unclassified (spec 04 section 2.1)."""
NODATA_DN = 4
"""Largest DN that is no data in a Level-1C band: compression leaves small numbers at the edge of the swath (section 2.2)."""
NODATA_MARGIN_M = 120.0
"""How far no data grow into the image: 2 pixels of the 60 m band B01 (section 2.2)."""


def scl_masks(scl: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(valid, data) of a Sen2Cor scene classification of any integer type; classes above 11 are data, but not valid."""
    valid = np.zeros(256, np.uint8)
    valid[list(SCL_VALID)] = 1
    classes = np.clip(scl, 0, 255).astype(np.uint8, copy=False)
    return valid[classes], (classes != SCL_NODATA).astype(np.uint8)


def count_unknown_classes(scl: np.ndarray) -> int:
    """Number of pixels whose class is not one of 0..11."""
    return int(np.count_nonzero((scl < 0) | (scl > SCL_LAST_CLASS)))


def data_mask(dn: np.ndarray, margin: int) -> np.ndarray:
    """Where a band has data: DN > 4, eroded by a square of 2 * margin + 1 pixels; outside the image does not count."""
    present = (dn > NODATA_DN).astype(np.uint8)
    if margin == 0:
        return present
    side = 2 * margin + 1
    return np.asarray(cv2.erode(present, np.ones((side, side), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=255))


def clear_mask(layers: np.ndarray) -> np.ndarray:
    """1 where none of the layers (n, y, x) of MSK_CLASSI (opaque cloud, cirrus, snow) is set."""
    return (~np.any(layers != 0, axis=0)).astype(np.uint8)


def resize_nearest(values: np.ndarray, shape: tuple[int, int], ratio: tuple[float, float] | None = None) -> np.ndarray:
    """`values` (y, x) on another grid of the same origin by nearest neighbour.

    `ratio` is the size of an output pixel in input pixels (y, x); default: both grids cover the same ground, i.e. input
    size / output size. Output pixel i takes the input pixel that holds its centre, floor((i + 0.5) * ratio), or the last.
    """
    if ratio is None:
        ratio = values.shape[0] / shape[0], values.shape[1] / shape[1]
    if tuple(values.shape) == tuple(shape) and ratio == (1.0, 1.0):
        return values
    repeats = [round(1 / r) for r in ratio]
    whole = np.allclose(1 / np.array(ratio), repeats, rtol=1e-9)
    if whole and all(n * k == m for n, k, m in zip(values.shape, repeats, shape, strict=True)):
        return values.repeat(repeats[0], axis=0).repeat(repeats[1], axis=1)
    # Rounded first: a centre on the edge of two pixels must not fall back by the last bit of the ratio.
    rows, columns = (
        np.minimum(np.floor(np.round((np.arange(m) + 0.5) * r, 9)).astype(np.intp), n - 1)
        for m, r, n in zip(shape, ratio, values.shape, strict=True)
    )
    if shape[0] < values.shape[0]:
        return np.take(np.take(values, rows, axis=0), columns, axis=1)
    return np.take(np.take(values, columns, axis=1), rows, axis=0)
