"""Nadir BRDF adjustment: reflectance as if seen from nadir under a sun that depends on latitude only.

Kernels: Li-sparse reciprocal (Wanner, Li and Strahler 1995; h/b = 2, b/r = 1) and Ross-thick (Roujean et al. 1992), in
three forms (`Kernel`). Coefficients: Roy et al. (2016), "A general method to normalize Landsat reflectance data to nadir
BRDF adjusted reflectance", Remote Sensing of Environment 176, 255-271. Spec 09 section 2.

Angles are degrees; phi is the relative azimuth, sun minus view. Kernels and c-factor are smooth: evaluate them on the
grid of angles and enlarge the c-factor.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

Kernel = Literal["reference", "modis", "vjb"]
"""Form of the volume kernel, N being the Ross-thick function:

``reference``: 4/(3 pi) N - 1/3, what the reference software uses with Roy's coefficients;
``modis``: N - pi/4, the kernel those coefficients were fitted with;
``vjb``: 4/(3 pi) N (1 + 1/(1 + xi/1.5 deg)) - 1/3, with hot spot (Maignan et al. 2004; Vermote, Justice and Breon 2009).
"""
HOT_SPOT_WIDTH = 1.5
"""xi0 of the ``vjb`` kernel, degrees."""

THETA_POLYNOMIAL = (31.0076, -0.1272, 0.01187, 2.40e-5, -9.48e-7, -1.95e-9, 6.15e-11)
"""Sun zenith (degrees) by powers of latitude (degrees): Zhang et al. (2016), HLS v1.4 user guide."""

LARGEST_CORRECTION = 0.2
"""A pixel is changed by at most this share (spec 09 section 2.3)."""


@dataclass(frozen=True)
class Coefficients:
    """Weights of the isotropic, geometric and volume kernels: numbers, or arrays that broadcast with the angles."""

    iso: Any
    geo: Any
    vol: Any


def theta_norm(latitude: float) -> float:
    """Sun zenith to normalise to, degrees, at a latitude in degrees; `ValueError` outside [-90, 90]."""
    if not -90 <= latitude <= 90:
        raise ValueError(f"latitude {latitude:g} is not within -90 to 90 degrees")
    return float(np.polynomial.polynomial.polyval(latitude, THETA_POLYNOMIAL))


def geometric_kernel(sza: ArrayLike, vza: ArrayLike, phi: ArrayLike) -> np.ndarray:
    """Li-sparse reciprocal kernel, float64, of the broadcast shape of the angles."""
    ts, tv, phi = _radians(sza, vza, phi)
    tan_s, tan_v, sec_s, sec_v = np.tan(ts), np.tan(tv), 1 / np.cos(ts), 1 / np.cos(tv)
    distance_squared = tan_s**2 + tan_v**2 - 2 * tan_s * tan_v * np.cos(phi)
    # rounding may leave the squared distance a hair below 0 in the hot spot
    across = np.maximum(distance_squared, 0) + (tan_s * tan_v * np.sin(phi)) ** 2
    cos_t = np.clip(2 * np.sqrt(across) / (sec_s + sec_v), -1, 1)
    overlap = (np.arccos(cos_t) - np.sqrt(1 - cos_t**2) * cos_t) * (sec_s + sec_v) / np.pi
    return overlap - sec_s - sec_v + 0.5 * (1 + _cos_phase(ts, tv, phi)) * sec_s * sec_v


def volume_kernel(sza: ArrayLike, vza: ArrayLike, phi: ArrayLike, kernel: Kernel = "reference") -> np.ndarray:
    """Ross-thick kernel in one of the forms of `Kernel`, float64; `ValueError` for another name."""
    ts, tv, phi = _radians(sza, vza, phi)
    cos_xi = np.clip(_cos_phase(ts, tv, phi), -1, 1)
    xi = np.arccos(cos_xi)
    n = ((np.pi / 2 - xi) * cos_xi + np.sin(xi)) / (np.cos(ts) + np.cos(tv))
    if kernel == "modis":
        return n - np.pi / 4
    if kernel == "reference":
        return 4 / (3 * np.pi) * n - 1 / 3
    if kernel == "vjb":
        return 4 / (3 * np.pi) * n * (1 + 1 / (1 + xi / np.radians(HOT_SPOT_WIDTH))) - 1 / 3
    raise ValueError(f"volume kernel {kernel!r} is unknown; known are reference, modis and vjb")


def c_factor(
    coefficients: Coefficients, sza: ArrayLike, vza: ArrayLike, phi: ArrayLike, theta: ArrayLike, kernel: Kernel = "reference"
) -> np.ndarray:
    """Nadir view under sun zenith `theta` over the geometry given, float64 of the broadcast shape; NaN where an angle is."""

    def reflectance(sza, vza, phi):
        geo, vol = geometric_kernel(sza, vza, phi), volume_kernel(sza, vza, phi, kernel)
        return coefficients.iso + coefficients.geo * geo + coefficients.vol * vol

    return reflectance(theta, 0.0, 0.0) / reflectance(sza, vza, phi)


def apply(rho: np.ndarray, c: np.ndarray | float, out: np.ndarray | None = None) -> np.ndarray:
    """rho times c, changed by at most 20 %; 0 where rho <= 0, NaN stays NaN. float32; `out` may be `rho` (not `c`)."""
    low, high = np.float32(1 - LARGEST_CORRECTION), np.float32(1 + LARGEST_CORRECTION)
    factor = np.clip(np.asarray(c, np.float32), low, high)
    adjusted = np.clip(rho, np.float32(0), np.float32(np.inf), out=out)  # NaN stays; np.maximum is three times slower
    adjusted *= factor
    return adjusted


def share_capped(c: np.ndarray) -> float:
    """Share (0..1) of the finite values of `c` that the cap of 20 % changes; 0 when there are none."""
    known = c[np.isfinite(c)]
    return float(np.mean(np.abs(known - 1) > LARGEST_CORRECTION)) if known.size else 0.0


def _radians(*angles: ArrayLike) -> list[np.ndarray]:
    return [np.radians(np.asarray(angle, np.float64)) for angle in angles]


def _cos_phase(ts: np.ndarray, tv: np.ndarray, phi: np.ndarray) -> np.ndarray:
    return np.cos(ts) * np.cos(tv) + np.sin(ts) * np.sin(tv) * np.cos(phi)
