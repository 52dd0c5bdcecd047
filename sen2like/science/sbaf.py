"""Spectral band adjustment: reflectance of one sensor as another one's band would have seen it (spec 09 section 3).

Which sensors and bands are adjusted, and by how much, is a table: ``data/sbaf.csv``.
"""

from dataclasses import dataclass

import numpy as np

NDVI_OF_VEGETATION = 0.1
"""Pixels with an NDVI above it get the factor that depends on NDVI, the others the static one."""


@dataclass(frozen=True)
class BandAdjustment:
    """How one band of a sensor is brought to its Sentinel-2A counterpart.

    The figures are those published: Sentinel-2A to `sensor`, rho_sensor = published_slope * rho_S2A + published_offset
    (HLS v1.4, Claverie et al., Remote Sensing of Environment 219, 2018); `slope` and `offset` are its inverse.
    With NDVI the factor is ndvi_slope * NDVI + ndvi_offset instead.
    """

    sensor: str
    s2_band: str
    published_slope: float
    published_offset: float
    ndvi_slope: float
    ndvi_offset: float
    source: str = ""

    @property
    def slope(self) -> float:
        return 1 / self.published_slope

    @property
    def offset(self) -> float:
        """reflectance"""
        return -self.published_offset / self.published_slope


def apply(rho: np.ndarray, slope: float, offset: float, out: np.ndarray | None = None) -> np.ndarray:
    """slope * rho + offset, float32, 0 where rho is 0, not clipped; NaN stays NaN. `out` may be `rho`."""
    zero = rho == 0
    adjusted = np.multiply(rho, np.float32(slope), out=out, dtype=np.float32)
    adjusted += np.float32(offset)
    np.copyto(adjusted, 0, where=zero)
    return adjusted


def apply_adaptive(
    rho: np.ndarray, ndvi: np.ndarray, adjustment: BandAdjustment, out: np.ndarray | None = None
) -> np.ndarray:
    """As :func:`apply`, but vegetation (NDVI above 0.1) gets rho * (ndvi_slope * NDVI + ndvi_offset).

    `ndvi` has the shape of `rho`, else `ValueError`; pixels of unknown NDVI (NaN) get the static adjustment.
    """
    if ndvi.shape != rho.shape:
        raise ValueError(f"NDVI of shape {ndvi.shape} does not fit reflectance of shape {rho.shape}")
    vegetation = ndvi > NDVI_OF_VEGETATION
    factor = ndvi[vegetation] * np.float32(adjustment.ndvi_slope) + np.float32(adjustment.ndvi_offset)
    factor *= rho[vegetation]
    adjusted = apply(rho, adjustment.slope, adjustment.offset, out=out)
    adjusted[vegetation] = factor
    return adjusted
