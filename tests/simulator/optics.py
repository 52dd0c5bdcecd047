"""Exact resampling of the B-spline surface: box of one pixel x Gaussian, at any sub-pixel position."""

import functools
import math

import numpy as np
from numba import njit

from .threads import by_rows

STEP = 1.0 / 256.0


def _bspline3_primitive(t):
    """integral of the cubic B-spline from 0: its differences are the exact convolution with a box"""
    t = np.clip(t, -2, 2)
    a = np.abs(t)
    return np.sign(t) * np.where(a < 1, 2 / 3 * a - a**3 / 3 + a**4 / 8, 0.5 - (2 - a) ** 4 / 24)


@functools.lru_cache(64)
def kernel(pixel, sigma):
    """Table of cubic B-spline * box(pixel) * Gaussian(sigma), lattice units: abscissae and values."""
    half = 2 + pixel / 2 + 5 * sigma + 0.1
    n = math.ceil(half / STEP)
    x = np.arange(-n, n + 1) * STEP
    g = (_bspline3_primitive(x + pixel / 2) - _bspline3_primitive(x - pixel / 2)) / pixel
    if sigma > 0:
        m = math.ceil(5 * sigma / STEP)
        t = np.arange(-m, m + 1) * STEP
        w = np.exp(-t * t / (2 * sigma * sigma))
        g = np.convolve(g, w / w.sum(), mode="same")
    return x, g


def taps(start, step, n, pixel, sigma, first):
    """Taps of n output pixels with centres start + k * step, in lattice units (0 = outer edge of lattice cell 0).

    `first` is the index of the first lattice column at hand; returns (first tap relative to it, weights (n, taps)).
    """
    x, g = kernel(pixel, sigma)
    half = x[-1]
    nt = math.ceil(2 * half) + 1
    c = start + step * np.arange(n) - 0.5
    k0 = np.ceil(c - half).astype(np.int64)
    w = np.empty((n, nt))
    for t in range(nt):
        w[:, t] = np.interp(k0 + t - c, x, g, left=0, right=0)
    w /= w.sum(1, keepdims=True)
    return (k0 - first).astype(np.int64), w.astype(np.float32)


@njit(fastmath=True, cache=True, nogil=True)
def _mix(first, last, fractions, weights, out):
    count, _, width = fractions.shape
    for r in range(first, last):
        out[r] = weights[0] * fractions[0, r]
        for k in range(1, count):
            w = np.float32(weights[k])
            for c in range(width):
                out[r, c] += w * fractions[k, r, c]


@njit(fastmath=True, cache=True, nogil=True)
def _separable(first, last, src, xi, x_taps, yi, y_taps, consecutive, out):
    """rows [first, last) of the filtered image; `consecutive`: the output columns start at neighbouring lattice columns"""
    width = src.shape[1]
    n = xi.size
    for q in range(first, last):
        line = np.zeros(width, np.float32)
        b = yi[q]
        for t in range(y_taps.shape[1]):
            w = y_taps[q, t]
            for p in range(width):
                line[p] += src[b + t, p] * w
        if consecutive:
            x0 = xi[0]
            for t in range(x_taps.shape[0]):
                for p in range(n):
                    out[q, p] += line[x0 + t + p] * x_taps[t, p]
        else:
            for p in range(n):
                a = np.float32(0)
                x0 = xi[p]
                for t in range(x_taps.shape[0]):
                    a += line[x0 + t] * x_taps[t, p]
                out[q, p] = a


def mix(fractions, weights):
    """Sum over end members: (members, y, x) and one weight each -> (y, x), float32."""
    out = np.empty(fractions.shape[1:], np.float32)
    by_rows(_mix, out.shape[0], fractions, weights, out)
    return out


def resample(src, xi, x_weights, yi, y_weights):
    """Separable filter with the taps of `taps`: (y, x) of the lattice -> (len(yi), len(xi)), float32."""
    out = np.zeros((yi.size, xi.size), np.float32)
    consecutive = bool(np.all(np.diff(xi) == 1))
    by_rows(_separable, yi.size, src, xi, np.ascontiguousarray(x_weights.T), yi, y_weights, consecutive, out)
    return out
