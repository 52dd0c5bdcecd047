"""Transverse Mercator by the series of Krüger (1912) to the fourth order of n, within a millimetre of the exact projection."""

import math

import numpy as np

A, F = 6378137.0, 1 / 298.257223563
"""Ellipsoid WGS 84."""
K0, FALSE_EASTING, FALSE_NORTHING = 0.9996, 500000.0, 10_000_000.0
N = F / (2 - F)
RADIUS = A / (1 + N) * (1 + N**2 / 4 + N**4 / 64)
ALPHA = (
    N / 2 - 2 / 3 * N**2 + 5 / 16 * N**3 + 41 / 180 * N**4,
    13 / 48 * N**2 - 3 / 5 * N**3 + 557 / 1440 * N**4,
    61 / 240 * N**3 - 103 / 140 * N**4,
    49561 / 161280 * N**4,
)


def project(lon, lat, zone: int, south: bool = False):
    """Easting, northing (metres) of WGS 84 longitude, latitude (degrees) in a UTM zone."""
    phi, lam = np.radians(lat), np.radians(np.asarray(lon) - (6 * zone - 183))
    e = 2 * math.sqrt(N) / (1 + N)
    t = np.sinh(np.arctanh(np.sin(phi)) - e * np.arctanh(e * np.sin(phi)))
    xi, eta = np.arctan2(t, np.cos(lam)), np.arctanh(np.sin(lam) / np.hypot(1, t))
    x, y = eta.copy(), xi.copy()
    for j, alpha in enumerate(ALPHA, 1):
        x += alpha * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
        y += alpha * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
    return K0 * RADIUS * x + FALSE_EASTING, K0 * RADIUS * y + (FALSE_NORTHING if south else 0)
