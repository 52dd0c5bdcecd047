"""Sentinel-2 angle grids: one field per band from the grids of its detectors (spec 04 sections 7 and 11.2).

`reference_*` follow the reference implementation (arithmetic mean, truncation to 1/100 degree, 0 where unknown);
`accurate_*` average directions and fill every node. Degrees; azimuth clockwise from north. Grids are (y, x), NaN = unknown.
"""

import numpy as np
import scipy

STORED_PER_DEGREE = 100
"""Angle images are int16 in 1/100 degree."""
MAX_STORED = np.iinfo(np.int16).max
_UNDEFINED_AZIMUTH = 1e-6
"""Horizontal part of a mean direction below which it points at the zenith and has no azimuth."""


def reference_mean(grids: np.ndarray) -> np.ndarray:
    """Arithmetic mean over detectors (n, y, x) -> (y, x) of the values that are not NaN; NaN where there is none."""
    count = np.isfinite(grids).sum(axis=0)
    total = np.where(np.isfinite(grids), grids, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def reference_stored(grid: np.ndarray) -> np.ndarray:
    """Degrees -> int16 in 1/100 degree as the reference stores them: wrapped, truncated toward zero, NaN -> 0.

    The whole grid is wrapped to -180..180 if its maximum exceeds 180, which a single NaN prevents. Values that then do
    not fit 16 bits (327.68 degrees and more, where the reference overflows) are wrapped one by one.
    """
    grid = np.array(grid, float)
    if not np.isnan(grid).any() and grid.max() > 180:
        grid[grid > 180] -= 360
    grid[np.trunc(grid * STORED_PER_DEGREE) > MAX_STORED] -= 360
    return np.trunc(np.nan_to_num(grid * STORED_PER_DEGREE)).astype(np.int16)


def reference_degrees(grid: np.ndarray) -> np.ndarray:
    """The same as degrees, float32: what a reader of the reference's angle image gets."""
    return reference_stored(grid).astype(np.float32) / np.float32(STORED_PER_DEGREE)


def mean_direction(zenith: np.ndarray, azimuth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis as directions: (zenith, azimuth in -180..180), NaN where all are NaN.

    Unit vectors (sin z sin a, sin z cos a, cos z) are added and converted back; a vertical mean gets azimuth 0.
    """
    z, a = np.radians(zenith), np.radians(azimuth)
    known = np.isfinite(z + a)
    parts = np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)
    east, north, up = (np.where(known, part, 0.0).sum(axis=0) for part in parts)
    horizontal = np.hypot(east, north)
    vertical = horizontal <= _UNDEFINED_AZIMUTH * np.abs(up)
    mean_zenith = np.degrees(np.arctan2(horizontal, up))
    mean_azimuth = np.where(vertical, 0.0, np.degrees(np.arctan2(east, north)))
    none = ~known.any(axis=0)
    return np.where(none, np.nan, mean_zenith), np.where(none, np.nan, mean_azimuth)


def fill_nearest(*grids: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give every node unknown in any of the grids the values of the nearest node known in all; all unknown: unchanged."""
    unknown = ~np.isfinite(np.sum(grids, axis=0))
    if unknown.all() or not unknown.any():
        return grids
    rows, columns = scipy.ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return tuple(grid[rows, columns] for grid in grids)


def to_stored(degrees: np.ndarray, nodata: int = 0) -> np.ndarray:
    """Degrees of any shape -> int16 in 1/100 degree, rounded; above 327.67 minus 360; NaN -> `nodata`."""
    stored = np.rint(np.asarray(degrees, float) * STORED_PER_DEGREE)
    stored = np.where(stored > MAX_STORED, stored - 360 * STORED_PER_DEGREE, stored)
    return np.where(np.isnan(stored), nodata, stored).astype(np.int16)
