"""Differences between sensors and geometries that harmonisation has to undo: BRDF (Roy et al., 2016) and spectral response."""

import numpy as np

ROY = {
    "B02": (0.0774, 0.0079, 0.0372),
    "B03": (0.1306, 0.0178, 0.0580),
    "B04": (0.1690, 0.0227, 0.0574),
    "B08": (0.3093, 0.0330, 0.1535),
    "B8A": (0.3093, 0.0330, 0.1535),
    "B11": (0.3430, 0.0453, 0.1154),
    "B12": (0.2658, 0.0387, 0.0639),
}
"""(isotropic, geometric, volumetric) weights by Sentinel-2 band."""

NEAREST = {"B01": "B02", "B05": "B04", "B06": "B08", "B07": "B08", "B09": "B8A", "B10": "B11"}
"""Bands without figures of their own take those of the nearest wavelength."""

OLI_FROM_S2A = {
    "B01": (0.9959, -0.0002),
    "B02": (0.9778, -0.004),
    "B03": (1.0053, -0.0009),
    "B04": (0.9765, 0.0009),
    "B8A": (0.9983, -0.0001),
    "B11": (0.9987, -0.0011),
    "B12": (1.003, -0.0012),
}
"""(slope, offset): OLI reflectance = slope * S2A reflectance + offset, by Sentinel-2 band."""


def c_factor(band, sza, saa, vza, vaa, latitude):
    """Reflectance under this sun and view / reflectance at nadir under ``theta_norm(latitude)``; degrees."""
    isotropic, geometric, volumetric = ROY[NEAREST.get(band, band)]
    dphi = np.asarray(saa) - vaa
    norm = theta_norm(latitude)
    here = isotropic + geometric * li_sparse(sza, vza, dphi) + volumetric * ross_thick(sza, vza, dphi)
    nadir = isotropic + geometric * li_sparse(norm, 0.0, 0.0) + volumetric * ross_thick(norm, 0.0, 0.0)
    return here / nadir


def theta_norm(latitude):
    """Sun zenith (degrees) that stands for a latitude: polynomial of Claverie et al. (2018)."""
    k = (31.0076, -0.1272, 0.01187, 2.40e-05, -9.48e-07, -1.95e-09, 6.15e-11)
    return sum(v * latitude**i for i, v in enumerate(k))


def li_sparse(sza, vza, dphi):
    """Li-Sparse reciprocal kernel, h/b = 2, b/r = 1 (Lucht et al., 2000); degrees."""
    ts, tv, phi = np.radians(sza), np.radians(vza), np.radians(dphi)
    cos_xi = np.cos(ts) * np.cos(tv) + np.sin(ts) * np.sin(tv) * np.cos(phi)
    d2 = np.maximum(np.tan(ts) ** 2 + np.tan(tv) ** 2 - 2 * np.tan(ts) * np.tan(tv) * np.cos(phi), 0)
    ss, sv = 1 / np.cos(ts), 1 / np.cos(tv)
    cos_t = np.clip(2 * np.sqrt(d2 + (np.tan(ts) * np.tan(tv) * np.sin(phi)) ** 2) / (ss + sv), -1, 1)
    t = np.arccos(cos_t)
    overlap = (t - np.sqrt(1 - cos_t * cos_t) * cos_t) * (ss + sv) / np.pi
    return overlap - ss - sv + 0.5 * (1 + cos_xi) * ss * sv


def ross_thick(sza, vza, dphi):
    """Ross-Thick kernel (Roujean et al., 1992) divided as in Roy et al.: 4 / (3 pi) (...) - 1 / 3; degrees."""
    ts, tv, phi = np.radians(sza), np.radians(vza), np.radians(dphi)
    cos_xi = np.clip(np.cos(ts) * np.cos(tv) + np.sin(ts) * np.sin(tv) * np.cos(phi), -1, 1)
    xi = np.arccos(cos_xi)
    return 4 / (3 * np.pi) * ((np.pi / 2 - xi) * cos_xi + np.sin(xi)) / (np.cos(ts) + np.cos(tv)) - 1 / 3
