"""SMAC atmospheric correction: top of atmosphere to surface reflectance and back.

Rahman, H. and Dedieu, G. (1994), "SMAC: a simplified method for the atmospheric correction of satellite measurements in
the solar spectrum", Int. J. Remote Sensing 15(1), 123-143; equations as in spec 07 section 4.3. The atmosphere enters a
pixel through three numbers only (`Terms`), smooth in angles and atmosphere: they are evaluated where these vary, on a
coarse grid or once per band, and the pixel functions take them from there.

Units everywhere: angles in degrees, `aot` at 550 nm, `h2o` in g/cm2, `o3` in cm-atm, `pressure` in hPa.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

STANDARD_PRESSURE = 1013.25
"""Sea-level pressure the coefficients refer to, hPa."""

INPUT_LIMITS = {
    "sun zenith": ("degrees", 0.0, 85.0),
    "aerosol optical thickness": ("at 550 nm", 0.0, 5.0),
    "water vapour": ("g/cm2", 0.0, 10.0),
    "ozone": ("cm-atm", 0.05, 0.8),
    "pressure": ("hPa", 300.0, 1100.0),
}
"""What the model accepts (spec 07 section 4.7 item 10); the sun must stand strictly below its limit."""

GROUP_SIZES = (2, 2, 3, 3, 3, 3, 3, 4, 4, 2, 2, 2, 5, 4, 3, 4)
"""Figures per field of `Coefficients`, in the order of the published files and of ``data/smac_coefficients.csv``."""
COEFFICIENT_COUNT = sum(GROUP_SIZES)

BAND_FILE_LINES = (2, 2, 3, 3, 3, 3, 3, 4, 4, 2, 2, 2, 3, 2, 2, 2, 3, 2, 2)
"""Figures on each line of a coefficient file of one band."""
PLATFORM_FILE_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Columns of a coefficient file of one Sentinel-2 platform."""

PARABOLA_RHO = np.linspace(0.0, 1.0, 101)
"""Top of atmosphere reflectances the reference fits its parabola to (spec 07 section 4.4)."""


@dataclass(frozen=True)
class Coefficients:
    """SMAC coefficients of one band for one aerosol model (published by CESBIO/CNES); names as in spec 07 section 4.2."""

    h2o: tuple[float, ...]
    """Gas transmission exp(a * (U m)^n): (a, n)."""
    o3: tuple[float, ...]
    o2: tuple[float, ...]
    """Same with the amount U = q^p from pressure: (a, n, p)."""
    co2: tuple[float, ...]
    ch4: tuple[float, ...]
    no2: tuple[float, ...]
    co: tuple[float, ...]
    spherical_albedo: tuple[float, ...]
    """s0..s3"""
    transmission: tuple[float, ...]
    """t0..t3"""
    rayleigh_depth: tuple[float, ...]
    """(tau_r, second figure of the published line, not used by the model)"""
    aerosol_depth: tuple[float, ...]
    """(ta0, ta1): band optical thickness from that at 550 nm."""
    scattering: tuple[float, ...]
    """(omega, g): single scattering albedo and asymmetry."""
    phase: tuple[float, ...]
    """p0..p4: aerosol phase polynomial in degrees of scattering angle."""
    coupling_residual: tuple[float, ...]
    """rt1..rt4"""
    rayleigh_residual: tuple[float, ...]
    """rr1..rr3"""
    aerosol_residual: tuple[float, ...]
    """ra1..ra4"""

    @classmethod
    def from_values(cls, values: Sequence[float]) -> Coefficients:
        """From the 49 figures in published order; `ValueError` for another count or a figure that is not finite."""
        if len(values) != COEFFICIENT_COUNT:
            raise ValueError(f"{len(values)} SMAC coefficients found, {COEFFICIENT_COUNT} expected")
        if not np.all(np.isfinite(values)):
            raise ValueError("SMAC coefficients must be finite numbers")
        bounds = pairwise(np.cumsum((0, *GROUP_SIZES)))
        return cls(*(tuple(float(v) for v in values[start:stop]) for start, stop in bounds))

    def values(self) -> tuple[float, ...]:
        """The 49 figures in published order."""
        return tuple(v for f in fields(self) for v in getattr(self, f.name))


@dataclass(frozen=True)
class Terms:
    """What the atmosphere does to a pixel: rho_toa = a + b * rho_s / (1 - s * rho_s). Scalars or arrays of one shape.

    `a`: path reflectance times gas transmission; `b`: gas times scattering transmission down and up; `s`: spherical albedo.
    """

    a: Any
    b: Any
    s: Any


def check_inputs(sza: ArrayLike, aot: ArrayLike, h2o: ArrayLike, o3: ArrayLike, pressure: ArrayLike) -> None:
    """Refuse what no atmosphere can be (`INPUT_LIMITS`): `ValueError` with the quantity and the value. NaN is refused too."""
    for (name, (unit, low, high)), given in zip(INPUT_LIMITS.items(), (sza, aot, h2o, o3, pressure), strict=True):
        values = np.asarray(given, np.float64)
        good = (values >= low) & ((values < high) if name == "sun zenith" else (values <= high))
        if not np.all(good):
            worst = values[~good].flat[0]
            upper = "below" if name == "sun zenith" else "to"
            raise ValueError(f"{name} of {worst:g} {unit} cannot be corrected by SMAC: it must be from {low:g} {upper} {high:g}")


def terms(
    coefficients: Coefficients,
    sza: ArrayLike,
    saa: ArrayLike,
    vza: ArrayLike,
    vaa: ArrayLike,
    aot: ArrayLike,
    h2o: ArrayLike,
    o3: ArrayLike,
    pressure: ArrayLike,
) -> Terms:
    """The three numbers of a pixel, float64, of the broadcast shape of the arguments (spec 07 section 4.3).

    Values are not checked (see `check_inputs`); NaN gives NaN.
    """
    c = coefficients
    us, uv = np.cos(np.radians(sza)), np.cos(np.radians(vza))
    q = np.asarray(pressure, np.float64) / STANDARD_PRESSURE
    aot, h2o, o3 = (np.asarray(v, np.float64) for v in (aot, h2o, o3))
    air_mass = 1 / us + 1 / uv
    tau = c.aerosol_depth[0] + c.aerosol_depth[1] * aot
    x = np.clip(-(us * uv + np.sqrt(1 - us**2) * np.sqrt(1 - uv**2) * np.cos(np.radians(np.subtract(saa, vaa)))), -1, 1)

    gas = _gas_transmission(c, air_mass, h2o, o3, q)
    scattering = _scattering_transmission(c, us, aot, q) * _scattering_transmission(c, uv, aot, q)
    s0, s1, s2, s3 = c.spherical_albedo
    albedo = s0 * q + s3 + s1 * aot + s2 * aot**2

    rayleigh_depth = c.rayleigh_depth[0]
    w = rayleigh_depth * (0.7190443 * (1 + x**2) + 0.0412742) / (us * uv)
    rayleigh = q * w / 4 - _polynomial(c.rayleigh_residual, w)
    aerosol = _aerosol_reflectance(c, us, uv, x, tau) - _polynomial(c.aerosol_residual, tau * air_mass * x)
    coupling = _polynomial(c.coupling_residual, (tau + rayleigh_depth * q) * air_mass * x)
    parts = np.broadcast_arrays((rayleigh + aerosol + coupling) * gas, gas * scattering, albedo)
    return Terms(*(part[()] for part in parts))  # numbers, not arrays without dimensions


def inverse(rho_toa: ArrayLike, atmosphere: Terms) -> np.ndarray:
    """Surface reflectance of top of atmosphere reflectance, float64 (step 12)."""
    v = np.asarray(rho_toa, np.float64) - atmosphere.a
    return v / (atmosphere.b + v * atmosphere.s)


def forward(rho_s: ArrayLike, atmosphere: Terms) -> np.ndarray:
    """Top of atmosphere reflectance of surface reflectance, float64 (step 13)."""
    rho_s = np.asarray(rho_s, np.float64)
    return rho_s * atmosphere.b / (1 - rho_s * atmosphere.s) + atmosphere.a


def parabola(
    coefficients: Coefficients,
    sza: float,
    saa: float,
    aot: float,
    h2o: float,
    o3: float,
    pressure: float,
    vza: float = 0.0,
    vaa: float = 0.0,
) -> tuple[float, float, float]:
    """(c0, c1, c2): least-squares parabola through the inverse for reflectances 0 to 1 (spec 07 section 4.4).

    The reference software always looks from nadir, the default.
    """
    surface = inverse(PARABOLA_RHO, terms(coefficients, sza, saa, vza, vaa, aot, h2o, o3, pressure))
    c0, c1, c2 = np.polynomial.polynomial.polyfit(PARABOLA_RHO, surface, 2)
    return float(c0), float(c1), float(c2)


def apply_parabola(rho: np.ndarray, c: Sequence[float] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Surface reflectance c0 + c1 rho + c2 rho^2 of float32 `rho`; 0 where rho <= 0, NaN stays NaN; `out` may be `rho`."""
    c0, c1, c2 = (np.float32(v) for v in c)
    dark = rho <= 0
    surface = rho * c2
    surface += c1
    surface *= rho
    surface = np.add(surface, c0, out=out)
    np.copyto(surface, 0, where=dark)
    return surface


def apply_inverse(rho: np.ndarray, atmosphere: Terms, out: np.ndarray | None = None) -> np.ndarray:
    """Surface reflectance by the exact inverse of float32 `rho`; 0 where rho <= 0, NaN stays NaN; `out` may be `rho`.

    The terms are numbers or float32 arrays that broadcast to `rho`.
    """
    a, b, s = (v if isinstance(v, np.ndarray) and v.ndim else np.float32(v) for v in (atmosphere.a, atmosphere.b, atmosphere.s))
    dark = rho <= 0
    surface = np.subtract(rho, a, out=out)
    divisor = surface * s
    divisor += b
    surface /= divisor
    np.copyto(surface, 0, where=dark)
    return surface


def parse_band_file(text: str, name: str) -> Coefficients:
    """Coefficients from the CNES file of one band (19 lines); `name` of the file is for the error.

    `ValueError`: lines missing or too many, wrong count of figures on a line, or text that is not a number.
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) != len(BAND_FILE_LINES):
        raise ValueError(f"{name}: {len(lines)} lines of SMAC coefficients found, {len(BAND_FILE_LINES)} expected")
    values: list[float] = []
    for number, (words, expected) in enumerate(zip(lines, BAND_FILE_LINES, strict=True), 1):
        values += _numbers(words, expected, f"{name}, line {number}")
    return _named(values, name)


def parse_platform_file(text: str, name: str) -> Mapping[str, Coefficients]:
    """Coefficients by band from the CNES file of one Sentinel-2 platform: a ``#`` line, then 49 rows of 13 columns.

    `ValueError` as for `parse_band_file`.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].lstrip().startswith("#"):
        raise ValueError(f"{name}: the first line of a SMAC file of all bands must start with '#'; is it the file of one band?")
    rows = lines[1:]
    if len(rows) != COEFFICIENT_COUNT:
        raise ValueError(f"{name}: {len(rows)} rows of SMAC coefficients found, {COEFFICIENT_COUNT} expected")
    table = [_numbers(row.split(), len(PLATFORM_FILE_BANDS), f"{name}, line {number}") for number, row in enumerate(rows, 2)]
    return {band: _named(column, name) for band, column in zip(PLATFORM_FILE_BANDS, zip(*table, strict=True), strict=True)}


def _gas_transmission(c: Coefficients, air_mass, h2o, o3, q):
    """Of all seven gases on the way down and up (step 2)."""
    exponent = sum(a * (u * air_mass) ** n for (a, n), u in ((c.h2o, h2o), (c.o3, o3)))
    for a, n, p in (c.o2, c.co2, c.ch4, c.no2, c.co):
        exponent = exponent + a * (q**p * air_mass) ** n
    return np.exp(exponent)


def _scattering_transmission(c: Coefficients, u, aot, q):
    """Along a path of zenith cosine `u` (step 3)."""
    t0, t1, t2, t3 = c.transmission
    return t0 + t1 * aot / u + (t2 * q + t3) / (1 + u)


def _aerosol_reflectance(c: Coefficients, us, uv, x, tau):
    """Aerosol path reflectance by the two-stream solution (steps 7, 8); `x`: cosine of the scattering angle."""
    omega, g = c.scattering
    phase = _polynomial(c.phase, np.degrees(np.arccos(x)))
    absorbed = 1 - omega
    diffusion = 3 - 3 * omega * g
    k = np.sqrt(absorbed * diffusion)
    n = 1 - k**2 * us**2
    e = -3 * us**2 * omega / (4 * n)
    f = -3 * absorbed * g * us**2 * omega / (4 * n)
    d, d_slope = e + f, e / (3 * us) + us * f
    b = 2 * k / diffusion
    up, down = np.exp(k * tau), np.exp(-k * tau)
    h = (omega / 4) * (us / n) / (up * (1 + b) ** 2 - down * (1 - b) ** 2)
    q1 = 2 + 3 * us + 3 * absorbed * g * us * (1 + 2 * us)
    q2 = 2 - 3 * us - 3 * absorbed * g * us * (1 - 2 * us)
    q3 = q2 * np.exp(-tau / us)
    c1 = h * (q1 * up * (1 + b) + q3 * (1 - b))
    c2 = -h * (q1 * down * (1 - b) + q3 * (1 + b))
    asymmetry = 3 * omega * g * uv
    factors = (
        (c1 - asymmetry * c1 * k / diffusion, uv / (1 + k * uv)),
        (c2 + asymmetry * c2 * k / diffusion, uv / (1 - k * uv)),
        (d - asymmetry * d_slope + omega * phase / 4, us * uv / (us + uv)),
    )
    return sum(factor * path * (1 - np.exp(-tau / path)) for factor, path in factors) / (us * uv)


def _polynomial(coefficients: Sequence[float], x):
    """c0 + c1 x + c2 x^2 ... by Horner's rule."""
    result = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        result = result * x + c
    return result


def _numbers(words: Sequence[str], expected: int, where: str) -> list[float]:
    if len(words) != expected:
        raise ValueError(f"{where}: {len(words)} SMAC coefficients found, {expected} expected")
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise ValueError(f"{where}: a SMAC coefficient is not a number ({error})") from error


def _named(values: Sequence[float], name: str) -> Coefficients:
    try:
        return Coefficients.from_values(values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
