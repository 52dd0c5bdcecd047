"""Angle coefficient file (ANG.txt) of Landsat products: a polynomial fit of the simulated geometry."""

import math

import numpy as np

from . import geometry
from .scene import Scene

SCA_COUNT = 14
SCA_STAGGER = 100.0
"""Lines between the detector arrays (SCA) of odd and even number."""
VIEW_BAND_ID = 3
"""The view angles of all bands are those of this one."""
BANDS = (1, 2, 3, 4, 5, 6, 7, 9)


def angle_coefficients(scene: Scene, path: int, row: int, lines: int, samples: int) -> str:
    """Text of ANG.txt; `lines`, `samples`: size of the 30 m grid. The same fit serves all reflective 30 m bands.

    The fit is in the terms of the file: offsets in lines and samples of the projected (L1T) and the sensor (L1R) image;
    denominators 1, height 0.
    """
    text = [_header(scene, path, row, lines, samples)]
    fit = _Fit(scene, lines, samples)
    for band in BANDS:
        text.append(fit.group(f"BAND{band:02d}"))
    return "".join([*text, "END\n"])


class _Fit:
    """Directions to satellite and sun at points of every SCA, with the terms of the polynomial there."""

    def __init__(self, scene: Scene, lines: int, samples: int):
        self.im = im = scene.imager
        self.pixel = pixel = 30 * scene.acq.coarse
        self.lines, self.samples = lines, samples
        first, last, half = scene.track[8:11]
        self.x0, self.y0 = scene.ulx + pixel / 2, scene.uly - pixel / 2
        self.corners = im.rectangle(half, first, last)
        self.sensor_samples = math.ceil(im.width / pixel) + 1
        self.sensor_lines = int((last - first) / pixel + 2 * SCA_STAGGER) + 2
        self.mean_image = (lines - 1) / 2, (samples - 1) / 2
        self.mean_sensor = self.sensor_lines / 2, SCA_COUNT * self.sensor_samples / 2
        line, sample = np.meshgrid(np.linspace(0, lines - 1, 60), np.linspace(0, samples - 1, 60), indexing="ij")
        x, y = self.x0 + sample * pixel, self.y0 - line * pixel
        self.sca, terms, satellite, sun = [], [], [], []
        for k in range(im.ndet):
            stagger = SCA_STAGGER * (2 if k % 2 == 0 else 0)
            left = -im.swath / 2 + k * im.width
            sensor_line = (im.along(x, y) - first) / pixel + stagger
            sensor_sample = (im.across(x, y) - left) / pixel
            self.sca.append(self._centre(left, first, last, stagger))
            seen = (sensor_sample >= -1) & (sensor_sample <= self.sensor_samples) & (np.abs(im.across(x, y)) < half + 2000)
            if not seen.any():
                continue
            dl, ds = line[seen] - self.mean_image[0], sample[seen] - self.mean_image[1]
            rl = sensor_line[seen] - self.mean_sensor[0]
            rs = sensor_sample[seen] + k * self.sensor_samples - self.mean_sensor[1]
            polynomial = (np.ones(dl.size), dl, ds, 0 * dl, rl, dl * dl, dl * ds, ds * ds, rs * rl * rl, rl**3)
            terms.append(np.stack(polynomial, 1))
            vza, vaa = im.view(x[seen], y[seen], k, VIEW_BAND_ID)
            satellite.append(_unit_vectors(vza, vaa + scene.convergence))
            sun.append(_unit_vectors(*geometry.sun(*geometry.lonlat(scene.epsg, x[seen], y[seen]), scene.acq.when)))
        self.terms = np.concatenate(terms)
        self.vectors = {"SAT": np.concatenate(satellite), "SUN": np.concatenate(sun)}

    def _centre(self, left, first, last, stagger):
        """(line, sample) of the middle of an SCA in the image and in the sensor"""
        im, across, along = self.im, left + self.im.width / 2, (first + last) / 2
        x, y = im.x0 + across * im.c[0] + along * im.a[0], im.y0 + across * im.c[1] + along * im.a[1]
        image = (self.y0 - y) / self.pixel, (x - self.x0) / self.pixel
        return image, ((along - first) / self.pixel + stagger, (across - left) / self.pixel)

    def group(self, b: str) -> str:
        """RPC group of band name `b`."""
        corner_lines = _values([(self.y0 - y) / self.pixel for _, y in self.corners], "%12.6f")
        corner_samples = _values([(x - self.x0) / self.pixel for x, _ in self.corners], "%12.6f")
        entries = [
            ("NUMBER_OF_SCAS", SCA_COUNT),
            ("NUM_L1T_LINES", self.lines),
            ("NUM_L1T_SAMPS", self.samples),
            ("L1T_IMAGE_CORNER_LINES", corner_lines),
            ("L1T_IMAGE_CORNER_SAMPS", corner_samples),
            ("NUM_L1R_LINES", self.sensor_lines),
            ("NUM_L1R_SAMPS", self.sensor_samples),
            ("PIXEL_SIZE", f"{self.pixel:.3f}"),
            ("START_TIME", " 10.589185"),
            ("LINE_TIME", "0.004236000"),
            ("MEAN_HEIGHT", "0.000"),
            ("MEAN_L1R_LINE_SAMP", _pair(self.mean_sensor)),
            ("MEAN_L1T_LINE_SAMP", _pair(self.mean_image)),
        ]
        scale = np.abs(self.terms).max(0)
        scale[scale == 0] = 1
        for name, vectors in self.vectors.items():
            mean = vectors.mean(0)
            entries.append((f"MEAN_{name}_VECTOR", _values(mean, "%12.9f")))
            for i, axis in enumerate("XYZ"):
                coefficients = np.linalg.lstsq(self.terms / scale, vectors[:, i] - mean[i], rcond=None)[0] / scale
                entries.append((f"{name}_{axis}_NUM_COEF", _values(coefficients)))
                entries.append((f"{name}_{axis}_DEN_COEF", _values([0.0] * 9)))
        entries.append(("SCA_LIST", "(" + ", ".join(str(k) for k in range(1, SCA_COUNT + 1)) + ")"))
        for k, (image, sensor) in enumerate(self.sca, 1):
            entries += [
                (f"SCA{k:02d}_MEAN_HEIGHT", "0.000"),
                (f"SCA{k:02d}_MEAN_L1R_LINE_SAMP", _pair(sensor)),
                (f"SCA{k:02d}_MEAN_L1T_LINE_SAMP", _pair(image)),
                (f"SCA{k:02d}_LINE_NUM_COEF", _values([0, -self.im.a[1], self.im.a[0], 0, 0])),
                (f"SCA{k:02d}_LINE_DEN_COEF", _values([0.0] * 4)),
                (f"SCA{k:02d}_SAMP_NUM_COEF", _values([0, -self.im.c[1], self.im.c[0], 0, 0])),
                (f"SCA{k:02d}_SAMP_DEN_COEF", _values([0.0] * 4)),
            ]
        body = "".join(f"  {b}_{key} = {value}\n" for key, value in entries)
        return f"GROUP = RPC_{b}\n{body}END_GROUP = RPC_{b}\n"


def _header(scene, path, row, lines, samples):
    acq, pixel = scene.acq, 30 * scene.acq.coarse
    west, north = scene.ulx + pixel / 2, scene.uly - pixel / 2
    east, south = west + (samples - 1) * pixel, north - (lines - 1) * pixel
    return f"""GROUP = FILE_HEADER
  LANDSAT_SCENE_ID = "LC{acq.sensor[-1]}{path:03d}{row:03d}{acq.when:%Y%j}LGN00"
  SPACECRAFT_ID = "LANDSAT_{acq.sensor[-1]}"
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
  PROJECTION_PARAMETERS = (0.000000, 0.000000, 0.000000, 0.000000, 0.000000,\x20
                           0.000000, 0.000000, 0.000000, 0.000000, 0.000000,\x20
                           0.000000, 0.000000, 0.000000, 0.000000, 0.000000)
  UL_CORNER = ({west:11.3f}, {north:12.3f})
  UR_CORNER = ({east:11.3f}, {north:12.3f})
  LL_CORNER = ({west:11.3f}, {south:12.3f})
  LR_CORNER = ({east:11.3f}, {south:12.3f})
END_GROUP = PROJECTION
"""


def _unit_vectors(zenith, azimuth):
    """(east, north, up) of directions in degrees, (n, 3)"""
    z, a = np.radians(zenith), np.radians(azimuth)
    return np.stack([np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)], 1)


def _pair(values):
    return f"({values[0]:.3f}, {values[1]:.3f})"


def _values(values, pattern="%13.6e"):
    """parenthesised list, five values a line"""
    words = [pattern % v for v in values]
    lines = [", ".join(words[i : i + 5]) for i in range(0, len(words), 5)]
    return "(" + ", \n                            ".join(lines) + ")"
