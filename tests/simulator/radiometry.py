"""Compiled kernels of the sensor: surface reflectance to digital numbers, detector of each pixel."""

import math

import numpy as np
from numba import njit

_COMPILED = dict(cache=True, nogil=True)
_UNIFORM = 2.0**-53
"""The upper 53 of 64 bits to [0, 1)."""
_SECOND = 7919
"""From the salt of one uniform number of a place to that of the other."""


@njit(inline="always", **_COMPILED)
def _random_bits(ix, iy, salt):
    """64 random bits for a place: a mixing hash of two integers and a salt"""
    h = (
        np.uint64(ix) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(iy) * np.uint64(0xC2B2AE3D27D4EB4F)
        + np.uint64(salt) * np.uint64(0x165667B19E3779F9)
    )
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xD6E8FEB86659FD93)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xA0761D6478BD642F)
    h ^= h >> np.uint64(32)
    return h


@njit(inline="always", **_COMPILED)
def normal_deviate(ix, iy, salt):
    """normally distributed number of a place, mean 0 and standard deviation 1 (Box and Muller 1958)"""
    u = np.float64(_random_bits(ix, iy, salt) >> np.uint64(11)) * _UNIFORM
    v = np.float64(_random_bits(ix, iy, salt + _SECOND) >> np.uint64(11)) * _UNIFORM
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


@njit(inline="always", **_COMPILED)
def _bilinear(grid, x, y):
    """value of a cell-centred grid at fractional column x, row y"""
    ny, nx = grid.shape
    x = min(max(x - 0.5, 0.0), nx - 1.001)
    y = min(max(y - 0.5, 0.0), ny - 1.001)
    i = int(x)
    j = int(y)
    fx = x - i
    fy = y - j
    return (grid[j, i] * (1 - fx) + grid[j, i + 1] * fx) * (1 - fy) + (grid[j + 1, i] * (1 - fx) + grid[j + 1, i + 1] * fx) * fy


@njit(error_model="numpy", fastmath=True, **_COMPILED)
def digital_numbers(first, last, rho, origin, pixel, track, det0, tables, cosine, node_grid, clouds, cloudy, cloud_grid,
                    cloud_rho, cirrus_rho, sigma, seed, gain, offset, out):  # fmt: skip
    """Rows [first, last) of `out` (uint16; 0 = outside the swath) from nadir surface reflectance `rho` of one block.

    origin: (x, y) of the block's upper-left corner; track: see `simulator.scene.Scene.track`; tables: (a, t, s, BRDF factor)
    by detector and node; node_grid and cloud_grid: (x, y, step) of their upper-left corner; clouds: (opaque, shadow, cirrus);
    cloudy: 1 for the rows of the cloud grid that have any of them.
    """
    width = rho.shape[1]
    a_table, t_table, s_table, b_table = tables
    opaque, shadow, cirrus = clouds
    nd, ny, nx = a_table.shape
    step = node_grid[2]
    for r in range(first, last):
        y = origin[1] - (r + 0.5) * pixel
        jy = (node_grid[1] - y) / step
        j = min(max(int(jy), 0), ny - 2)
        fy = jy - j
        row = np.empty((nd, nx, 5))
        for k in range(nd):
            for i in range(nx):
                row[k, i, 0] = a_table[k, j, i] * (1 - fy) + a_table[k, j + 1, i] * fy
                row[k, i, 1] = t_table[k, j, i] * (1 - fy) + t_table[k, j + 1, i] * fy
                row[k, i, 2] = s_table[k, j, i] * (1 - fy) + s_table[k, j + 1, i] * fy
                row[k, i, 3] = b_table[k, j, i] * (1 - fy) + b_table[k, j + 1, i] * fy
                row[k, i, 4] = cosine[0, j, i] * (1 - fy) + cosine[0, j + 1, i] * fy
        gy = (cloud_grid[1] - y) / cloud_grid[2]
        g0 = min(max(int(gy - 0.5), 0), cloudy.size - 1)
        near_cloud = cloudy[g0] > 0 or cloudy[min(g0 + 1, cloudy.size - 1)] > 0
        iy = np.int64(math.floor(y))
        for c in range(width):
            x = origin[0] + (c + 0.5) * pixel
            across = (x - track[0]) * track[2] + (y - track[1]) * track[3]
            along = (x - track[0]) * track[4] + (y - track[1]) * track[5]
            if abs(across) >= track[10] or along < track[8] or along >= track[9]:
                out[r, c] = 0
                continue
            k = int((across + track[6]) / track[7]) - det0
            jx = (x - node_grid[0]) / step
            i = min(max(int(jx), 0), nx - 2)
            fx = jx - i
            e = 1 - fx
            p = row[k, i]
            n = row[k, i + 1]
            v = rho[r, c] * (p[3] * e + n[3] * fx)
            gx = (x - cloud_grid[0]) / cloud_grid[2]
            if near_cloud:
                w = _bilinear(shadow, gx, gy)
                if w > 0:
                    v *= 1 - 0.65 * w
            toa = p[0] * e + n[0] * fx + (p[1] * e + n[1] * fx) * v / (1 - (p[2] * e + n[2] * fx) * v)
            if near_cloud:
                w = _bilinear(opaque, gx, gy)
                if w > 0:
                    toa = toa * (1 - w) + w * cloud_rho
                w = _bilinear(cirrus, gx, gy)
                if w > 0:
                    toa = toa * (1 - 0.12 * w) + cirrus_rho * w
            if sigma > 0:
                toa += sigma * normal_deviate(np.int64(x), iy, seed)
            d = toa * (p[4] * e + n[4] * fx) * gain + offset + 0.5
            out[r, c] = 1 if d < 1 else (65535 if d > 65535 else np.uint16(d))


@njit(error_model="numpy", fastmath=True, **_COMPILED)
def detector_numbers(first, last, origin, pixel, track, out):
    """Rows [first, last) of `out`: detector of each pixel, 1-based; 0 = not imaged."""
    width = out.shape[1]
    for r in range(first, last):
        y = origin[1] - (r + 0.5) * pixel
        for c in range(width):
            x = origin[0] + (c + 0.5) * pixel
            across = (x - track[0]) * track[2] + (y - track[1]) * track[3]
            along = (x - track[0]) * track[4] + (y - track[1]) * track[5]
            if abs(across) >= track[10] or along < track[8] or along >= track[9]:
                out[r, c] = 0
            else:
                out[r, c] = int((across + track[6]) / track[7]) + 1
