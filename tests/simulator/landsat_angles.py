"""Angle coefficient file (ANG.txt) of Landsat products."""

import math

import numpy as np

from . import geometry
from .scene import Scene


def _vals(v, fmt="%13.6e"):
    """parenthesised list, five values a line"""
    v = [fmt % x for x in v]
    return "(" + ", \n                            ".join(", ".join(v[i : i + 5]) for i in range(0, len(v), 5)) + ")"


def angle_coefficients(scene: Scene, path: int, row: int, nl: int, ns: int) -> str:
    """Polynomial fit (denominators 1) of the simulated geometry, the same for all reflective 30 m bands.

    `nl`, `ns`: lines and samples of the 30 m grid. The fit is in the terms of the file: offsets in lines and samples of the
    projected (L1T) and the sensor (L1R) image.
    """
    q, im, g = scene.acq, scene.imager, scene.track
    P = 30 * q.coarse
    x0, y0 = scene.ulx + P / 2, scene.uly - P / 2
    x1, y1 = x0 + (ns - 1) * P, y0 - (nl - 1) * P
    lo, hi = g[8], g[9]
    off = 100.0  # lines between odd and even SCAs
    num = math.ceil(im.width / P) + 1
    lines = int((hi - lo) / P + 2 * off) + 2
    ul, us = np.meshgrid(np.linspace(0, nl - 1, 60), np.linspace(0, ns - 1, 60), indexing="ij")
    X, Y = x0 + us * P, y0 - ul * P
    mean_t = ((nl - 1) / 2, (ns - 1) / 2)
    mean_r = (lines / 2, 14 * num / 2)
    M, V, U, sca = [], [], [], []
    for k in range(im.ndet):
        sgn = 1 if k % 2 == 0 else -1
        lam = (im.along(X, Y) - lo) / P + off + sgn * off
        left = -im.swath / 2 + k * im.width
        sig = (im.across(X, Y) - left) / P
        ok = (sig >= -1) & (sig <= num) & (np.abs(im.across(X, Y)) < g[10] + 2000)
        # the SCA centre, on the raster
        d, a = left + im.width / 2, (lo + hi) / 2
        cx, cy = im.x0 + d * im.c[0] + a * im.a[0], im.y0 + d * im.c[1] + a * im.a[1]
        mt = ((y0 - cy) / P, (cx - x0) / P)
        sca.append((k, mt, ((a - lo) / P + off + sgn * off, (d - left) / P)))
        if ok.any():
            dl, ds = ul[ok] - mean_t[0], us[ok] - mean_t[1]
            L, S = lam[ok] - mean_r[0], sig[ok] + k * num - mean_r[1]
            M.append(np.stack([np.ones(dl.size), dl, ds, 0 * dl, L, dl * dl, dl * ds, ds * ds, S * L * L, L**3], 1))
            z, az = im.view(X[ok], Y[ok], k, 3)
            z, az = np.radians(z), np.radians(az + scene.convergence)
            V.append(np.stack([np.sin(z) * np.sin(az), np.sin(z) * np.cos(az), np.cos(z)], 1))
            z, az = (np.radians(v) for v in geometry.sun(*geometry.lonlat(scene.epsg, X[ok], Y[ok]), q.when))
            U.append(np.stack([np.sin(z) * np.sin(az), np.sin(z) * np.cos(az), np.cos(z)], 1))
    M, V, U = (np.concatenate(v) for v in (M, V, U))
    sc = np.abs(M).max(0)
    sc[sc == 0] = 1
    poly = im.rectangle(g[10], lo, hi)
    o = [
        f"""GROUP = FILE_HEADER
  LANDSAT_SCENE_ID = "LC{q.sensor[-1]}{path:03d}{row:03d}{q.when:%Y%j}LGN00"
  SPACECRAFT_ID = "LANDSAT_{q.sensor[-1]}"
  NUMBER_OF_BANDS = 8
  BAND_LIST = (1, 2, 3, 4, 5, 6, 7, 9)
END_GROUP = FILE_HEADER
GROUP = PROJECTION
  ELLIPSOID_AXES = (6378137.000000, 6356752.314200)
  MAP_PROJECTION = "UTM"
  PROJECTION_UNITS = "METERS"
  DATUM = "WGS84"
  ELLIPSOID = "WGS84"
  UTM_ZONE = {scene.epsg % 100}
  PROJECTION_PARAMETERS = (0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 
                           0.000000, 0.000000, 0.000000, 0.000000, 0.000000, 
                           0.000000, 0.000000, 0.000000, 0.000000, 0.000000)
  UL_CORNER = ({x0:11.3f}, {y0:12.3f})
  UR_CORNER = ({x1:11.3f}, {y0:12.3f})
  LL_CORNER = ({x0:11.3f}, {y1:12.3f})
  LR_CORNER = ({x1:11.3f}, {y1:12.3f})
END_GROUP = PROJECTION
"""
    ]
    for band in (1, 2, 3, 4, 5, 6, 7, 9):
        b = f"BAND{band:02d}"
        o.append(
            f"GROUP = RPC_{b}\n  {b}_NUMBER_OF_SCAS = 14\n  {b}_NUM_L1T_LINES = {nl}\n  {b}_NUM_L1T_SAMPS = {ns}\n"
            f"  {b}_L1T_IMAGE_CORNER_LINES = {_vals([(y0 - y) / P for _, y in poly], '%12.6f')}\n"
            f"  {b}_L1T_IMAGE_CORNER_SAMPS = {_vals([(x - x0) / P for x, _ in poly], '%12.6f')}\n"
            f"  {b}_NUM_L1R_LINES = {lines}\n  {b}_NUM_L1R_SAMPS = {num}\n  {b}_PIXEL_SIZE = {P:.3f}\n  {b}_START_TIME =  10.589185\n"
            f"  {b}_LINE_TIME = 0.004236000\n  {b}_MEAN_HEIGHT = 0.000\n  {b}_MEAN_L1R_LINE_SAMP = ({mean_r[0]:.3f}, {mean_r[1]:.3f})\n"
            f"  {b}_MEAN_L1T_LINE_SAMP = ({mean_t[0]:.3f}, {mean_t[1]:.3f})\n"
        )
        for name, W in (("SAT", V), ("SUN", U)):
            m = W.mean(0)
            o.append(f"  {b}_MEAN_{name}_VECTOR = {_vals(m, '%12.9f')}\n")
            for i, ax in enumerate("XYZ"):
                c = np.linalg.lstsq(M / sc, W[:, i] - m[i], rcond=None)[0] / sc
                o.append(f"  {b}_{name}_{ax}_NUM_COEF = {_vals(c)}\n  {b}_{name}_{ax}_DEN_COEF = {_vals([0.0] * 9)}\n")
        o.append(f"  {b}_SCA_LIST = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)\n")
        for k, mt, mr in sca:
            t = f"{b}_SCA{k + 1:02d}"
            o.append(
                f"  {t}_MEAN_HEIGHT = 0.000\n  {t}_MEAN_L1R_LINE_SAMP = ({mr[0]:.3f}, {mr[1]:.3f})\n  {t}_MEAN_L1T_LINE_SAMP = ({mt[0]:.3f}, {mt[1]:.3f})\n"
                f"  {t}_LINE_NUM_COEF = {_vals([0, -im.a[1], im.a[0], 0, 0])}\n  {t}_LINE_DEN_COEF = {_vals([0.0] * 4)}\n"
                f"  {t}_SAMP_NUM_COEF = {_vals([0, -im.c[1], im.c[0], 0, 0])}\n  {t}_SAMP_DEN_COEF = {_vals([0.0] * 4)}\n"
            )
        o.append(f"END_GROUP = RPC_{b}\n")
    return "".join(o) + "END\n"
