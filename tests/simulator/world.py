"""Procedural land surface: end-member abundances on a lattice, defined for any integer index.

The continuous surface is S(x, y) = sum c[i, j] * B3(x/L - i - .5) * B3(y/L - j - .5) with B3 the cubic B-spline
and c the values of this module (see simulator.optics).  L = 10 m * coarse factor.  Rows grow southwards: j = -N/L.
"""

import math

import numpy as np
from numba import njit

from .threads import by_rows

NAMES = ["green_veg", "bright_soil", "dark_soil", "dry_veg", "forest", "water", "roof", "asphalt"]
BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
SPECTRA = np.array(
    [
        [0.025, 0.030, 0.070, 0.035, 0.110, 0.350, 0.450, 0.470, 0.490, 0.480, 0.300, 0.220, 0.100],
        [0.100, 0.130, 0.180, 0.240, 0.270, 0.290, 0.310, 0.330, 0.350, 0.360, 0.380, 0.420, 0.360],
        [0.050, 0.065, 0.090, 0.120, 0.140, 0.150, 0.165, 0.175, 0.185, 0.190, 0.200, 0.230, 0.200],
        [0.090, 0.120, 0.170, 0.230, 0.270, 0.300, 0.330, 0.350, 0.370, 0.380, 0.400, 0.420, 0.320],
        [0.015, 0.018, 0.035, 0.020, 0.055, 0.190, 0.250, 0.270, 0.285, 0.280, 0.180, 0.120, 0.055],
        [0.045, 0.045, 0.045, 0.028, 0.020, 0.014, 0.012, 0.010, 0.008, 0.008, 0.005, 0.004, 0.003],
        [0.200, 0.230, 0.270, 0.310, 0.330, 0.340, 0.350, 0.360, 0.370, 0.370, 0.370, 0.380, 0.350],
        [0.070, 0.080, 0.090, 0.100, 0.105, 0.110, 0.115, 0.120, 0.125, 0.125, 0.130, 0.140, 0.130],
    ],
    np.float32,
)
TEMPERATURE = np.array([299.0, 309.0, 311.0, 310.0, 296.0, 293.0, 312.0, 314.0], np.float32)  # K, noon summer
WATER = 5

_JIT = dict(cache=True, fastmath=True, nogil=True)


@njit(inline="always", **_JIT)
def _h(ix, iy, s):
    """hash of two integers and a salt -> [0, 1)"""
    h = (
        np.uint64(ix) * np.uint64(0x9E3779B97F4A7C15)
        + np.uint64(iy) * np.uint64(0xC2B2AE3D27D4EB4F)
        + np.uint64(s) * np.uint64(0x165667B19E3779F9)
    )
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xD6E8FEB86659FD93)
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xA0761D6478BD642F)
    h ^= h >> np.uint64(32)
    return np.float64(h >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(inline="always", **_JIT)
def _vn(x, y, s):
    """smooth value noise, unit cell, [0, 1]"""
    fx = math.floor(x)
    fy = math.floor(y)
    ix = np.int64(fx)
    iy = np.int64(fy)
    a = x - fx
    b = y - fy
    a = a * a * (3 - 2 * a)
    b = b * b * (3 - 2 * b)
    v0 = _h(ix, iy, s) * (1 - a) + _h(ix + 1, iy, s) * a
    v1 = _h(ix, iy + 1, s) * (1 - a) + _h(ix + 1, iy + 1, s) * a
    return v0 * (1 - b) + v1 * b


@njit(inline="always", **_JIT)
def _vnc(x, y, s, st, k):
    """_vn with the four corner values kept in st[k]"""
    fx = math.floor(x)
    fy = math.floor(y)
    if fx != st[k, 0] or fy != st[k, 1]:
        ix = np.int64(fx)
        iy = np.int64(fy)
        st[k, 0] = fx
        st[k, 1] = fy
        st[k, 2] = _h(ix, iy, s)
        st[k, 3] = _h(ix + 1, iy, s)
        st[k, 4] = _h(ix, iy + 1, s)
        st[k, 5] = _h(ix + 1, iy + 1, s)
    a = x - fx
    b = y - fy
    a = a * a * (3 - 2 * a)
    b = b * b * (3 - 2 * b)
    v0 = st[k, 2] * (1 - a) + st[k, 3] * a
    v1 = st[k, 4] * (1 - a) + st[k, 5] * a
    return v0 * (1 - b) + v1 * b


@njit(inline="always", **_JIT)
def _clip01(v):
    return 0.0 if v < 0.0 else (1.0 if v > 1.0 else v)


@njit(**_JIT)
def _cell(cx, cy, seed, doy, out):
    """attributes of one field: 0 seed x, 1 seed y, 2 kind, 3 green, 4 bright-soil share, 5 brightness, 6 row angle, 7 id"""
    out[0] = cx + 0.5 + 0.84 * (_h(cx, cy, seed + 1) - 0.5)
    out[1] = cy + 0.5 + 0.84 * (_h(cx, cy, seed + 2) - 0.5)
    mx, my = cx, cy  # a quarter of the fields is merged with the eastern neighbour
    if _h(cx, cy, seed + 3) < 0.25:
        mx = cx + 1
    out[7] = float(mx) * 65536.0 + float(my)
    # large-scale share of forest
    f = 0.6 * _vn(mx / 14.0, my / 20.0, seed + 4) + 0.4 * _vn(mx / 5.0, my / 7.0, seed + 5)
    r = _h(mx, my, seed + 6)
    p = _h(mx, my, seed + 7)
    if f > 0.60:
        kind = 5.0 if r < 0.7 else 6.0  # deciduous, evergreen
    elif r < 0.30:
        kind = 0.0  # winter crop
    elif r < 0.56:
        kind = 1.0  # summer crop
    elif r < 0.76:
        kind = 2.0  # meadow
    elif r < 0.90:
        kind = 3.0  # vine, orchard
    else:
        kind = 4.0  # fallow
    d = float(doy)
    if kind == 0.0:
        pk = 128 + 26 * (p - 0.5)
        w = 46.0 if d < pk else 26.0
        g = 0.08 + 0.85 * math.exp(-(((d - pk) / w) ** 2) / 2)
    elif kind == 1.0:
        pk = 202 + 40 * (p - 0.5)
        w = 32.0 if d < pk else 38.0
        g = 0.05 + 0.90 * math.exp(-(((d - pk) / w) ** 2) / 2)
    elif kind == 2.0:
        cut = 150 + 40 * p  # mowing
        g = 0.35 + 0.45 * math.exp(-(((d - 155) / 70) ** 2) / 2)
        if d > cut:
            g *= 0.55 + 0.45 * _clip01((d - cut) / 30.0)
    elif kind == 3.0:
        g = 0.12 + (0.25 + 0.25 * p) * math.exp(-(((d - 205) / 55) ** 2) / 2)
    elif kind == 4.0:
        g = 0.05 + 0.15 * p
    elif kind == 5.0:
        g = 0.25 + 0.70 / (1 + math.exp(-(d - 105 - 10 * p) / 8)) / (1 + math.exp((d - 300) / 9))
    else:
        g = 0.82 + 0.06 * math.sin(2 * math.pi * (d - 110) / 365)
    out[2] = kind
    out[3] = g
    out[4] = _h(mx, my, seed + 8)
    out[5] = 0.82 + 0.36 * _h(mx, my, seed + 9)
    out[6] = math.pi * _h(mx, my, seed + 10)


@njit(**_JIT)
def _xf(u, v):
    """lattice -> field space: slow warp, rotation, stretch"""
    wu = u + 7.0 * math.sin(v / 97.0) + 11.0 * math.sin(v / 411.0 + 1.3)
    wv = v + 7.0 * math.sin(u / 113.0 + 0.7) + 9.0 * math.sin(u / 377.0)
    c = math.cos(0.30)
    s = math.sin(0.30)
    return (c * wu - s * wv) / 24.0, (s * wu + c * wv) / 33.0


@njit(**_JIT)
def _fill(first, last, j0, i0, seed, cells, cx0, cy0, out):
    """abundances of the lattice rows [first, last)"""
    ni = out.shape[2]
    sin_u = np.empty((3, ni))
    for ii in range(ni):
        u = i0 + ii + 0.5
        sin_u[0, ii] = 7.0 * math.sin(u / 113.0 + 0.7)
        sin_u[1, ii] = 9.0 * math.sin(u / 377.0)
        sin_u[2, ii] = math.sin(u / 290.0 + 2.0)
    for jj in range(first, last):
        v = j0 + jj + 0.5
        st = np.full((9, 6), 1e99)
        sv0 = 7.0 * math.sin(v / 97.0)
        sv1 = 11.0 * math.sin(v / 411.0 + 1.3)
        sv2 = math.sin(v / 330.0)
        ct = math.cos(0.30)
        sn = math.sin(0.30)
        for ii in range(ni):
            u = i0 + ii + 0.5
            wu = u + sv0 + sv1
            wv = v + sin_u[0, ii] + sin_u[1, ii]
            x = (ct * wu - sn * wv) / 24.0
            y = (sn * wu + ct * wv) / 33.0
            ix = math.floor(x) - cx0
            iy = math.floor(y) - cy0
            f1 = 1e9
            f2 = 1e9
            k1y = 0
            k1x = 0
            k2y = 0
            k2x = 0
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    c0 = cells[iy + dy, ix + dx, 0] - x
                    c1 = cells[iy + dy, ix + dx, 1] - y
                    d = c0 * c0 * 576.0 + c1 * c1 * 1089.0
                    if d < f1:
                        f2 = f1
                        k2y = k1y
                        k2x = k1x
                        f1 = d
                        k1y = iy + dy
                        k1x = ix + dx
                    elif d < f2:
                        f2 = d
                        k2y = iy + dy
                        k2x = ix + dx
            a = cells[k1y, k1x]
            kind = a[2]
            g = a[3]
            sb = a[4]
            br = a[5]
            px = np.int64(i0 + ii)
            py = np.int64(j0 + jj)
            wn = _h(px, py, seed + 50) - 0.5
            t3 = _vnc(u / 3.0, v / 3.0, seed + 51, st, 0) - 0.5
            t12 = _vnc(u / 13.0, v / 13.0, seed + 52, st, 1) - 0.5
            gv = 0.0
            s1 = 0.0
            s2 = 0.0
            npv = 0.0
            fo = 0.0
            wa = 0.0
            ro = 0.0
            aspt = 0.0
            if kind >= 5.0:
                fo = g * (1 + 0.45 * t3 + 0.30 * wn + 0.20 * t12)
                s2 = 0.55 * (1 - g) * (1 + 0.3 * t3)
                if t3 + wn * 0.6 > 0.52:  # gaps
                    fo *= 0.5
                    s2 += 0.3
            else:
                gg = g * (1 + 0.18 * t12 + 0.08 * wn)
                if kind == 3.0:
                    q = (u * math.cos(a[6]) + v * math.sin(a[6])) / 5.0
                    gg *= 1 + 0.5 * math.sin(2 * math.pi * q)
                gg = _clip01(gg)
                rest = (1 - gg) * br * (1 + 0.16 * t12 + 0.10 * wn)
                gv = gg
                if kind == 2.0:
                    npv = 0.7 * rest
                    s2 = 0.3 * rest
                else:
                    s1 = sb * rest * 0.8
                    s2 = (1 - sb) * rest * 0.9
                    npv = 0.12 * rest
            # boundaries between different fields: track or hedge
            e = (f2 - f1) / (2.0 * math.sqrt((math.sqrt(f1) + math.sqrt(f2)) ** 2 + 1e-6)) * 2.0
            if cells[k2y, k2x, 7] != a[7] and e < 0.9 and kind < 5.0:
                if sb < 0.5:
                    gv *= 0.35
                    s2 *= 0.35
                    npv *= 0.35
                    s1 = s1 * 0.35 + 0.65
                else:
                    gv *= 0.3
                    s1 *= 0.3
                    s2 *= 0.3
                    npv *= 0.3
                    fo = 0.75
            # towns
            tw = 0.7 * _vnc(u / 520.0, v / 480.0, seed + 60, st, 2) + 0.3 * _vnc(u / 120.0, v / 120.0, seed + 61, st, 3)
            if tw > 0.735:
                cu = math.cos(0.5)
                su = math.sin(0.5)
                bu = (cu * u - su * v) / 11.0
                bv = (su * u + cu * v) / 15.0
                fu = (bu - math.floor(bu)) * 11.0
                fv = (bv - math.floor(bv)) * 15.0
                if fu < 1.6 or fv < 1.6:
                    gv = s1 = s2 = npv = fo = 0.0
                    aspt = 1.0 + 0.1 * wn
                else:
                    sx = math.floor(bu) * 3 + int(fu / 3.7)
                    sy = math.floor(bv) * 4 + int(fv / 3.8)
                    hb = _h(sx, sy, seed + 62)
                    if hb < 0.55:
                        gv = s1 = s2 = npv = fo = 0.0
                        ro = (0.35 + 1.0 * _h(sx, sy, seed + 63)) * (1 + 0.1 * wn)
                        aspt = 0.1
                    elif hb < 0.8:
                        gv = 0.45 * (1 + 0.4 * t3)
                        s1 = 0.0
                        s2 = 0.3
                        npv = 0.1
                        fo = 0.25
            # main roads
            r1 = u / 260.0 + 0.35 * sv2 + 0.08 * v / 260.0
            r2 = v / 330.0 + 0.30 * sin_u[2, ii] - 0.11 * u / 330.0
            d1 = abs(r1 - math.floor(r1) - 0.5) * 260.0
            d2 = abs(r2 - math.floor(r2) - 0.5) * 330.0
            if d1 < 0.8 or d2 < 0.8:
                gv *= 0.1
                s1 *= 0.1
                s2 *= 0.1
                npv *= 0.1
                fo *= 0.1
                ro *= 0.1
                aspt = 0.9 + 0.1 * wn
            # water
            lk = 0.75 * _vnc(u / 430.0, v / 430.0, seed + 70, st, 4) + 0.25 * _vnc(u / 90.0, v / 90.0, seed + 71, st, 5)
            rv = abs(
                0.7 * _vnc(u / 1900.0, v / 1500.0, seed + 72, st, 6) + 0.3 * _vnc(u / 400.0, v / 400.0, seed + 73, st, 7) - 0.47
            )
            if lk < 0.155 or rv < 0.0045:
                gv = s1 = s2 = npv = fo = ro = aspt = 0.0
                wa = 0.85 + 0.3 * _vnc(u / 160.0, v / 160.0, seed + 74, st, 8) + 0.04 * wn
            out[0, jj, ii] = gv
            out[1, jj, ii] = s1
            out[2, jj, ii] = s2
            out[3, jj, ii] = npv
            out[4, jj, ii] = fo
            out[5, jj, ii] = wa
            out[6, jj, ii] = ro
            out[7, jj, ii] = aspt


@njit(**_JIT)
def _make_cells(cx0, cy0, ncx, ncy, seed, doy):
    cells = np.empty((ncy, ncx, 8))
    for a in range(ncy):
        for b in range(ncx):
            _cell(cx0 + b, cy0 + a, seed, doy, cells[a, b])
    return cells


def fractions(j0, i0, nj, ni, doy, seed, out=None):
    """Abundances (8, nj, ni), float32, of lattice rows j0 ..., columns i0 ... on a day of the year; `out`: buffer to use."""
    us = np.linspace(i0, i0 + ni, 65)
    vs = np.linspace(j0, j0 + nj, 65)
    uu = np.concatenate([us, us, np.full(65, i0), np.full(65, i0 + ni)])
    vv = np.concatenate([np.full(65, j0), np.full(65, j0 + nj), vs, vs])
    xy = np.array([_xf(a, b) for a, b in zip(uu, vv, strict=True)])
    cx0, cy0 = np.floor(xy.min(0)).astype(int) - 4
    cx1, cy1 = np.ceil(xy.max(0)).astype(int) + 4
    cells = _make_cells(cx0, cy0, cx1 - cx0, cy1 - cy0, seed, float(doy))
    if out is None:
        out = np.empty((8, nj, ni), np.float32)
    by_rows(_fill, nj, j0, i0, seed, cells, cx0, cy0, out)
    return out
