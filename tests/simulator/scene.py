"""`Scene`: one acquisition over one rectangle of the map, rendered block by block from the lattice of the surface."""

import math
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from . import brdf, clouds, geometry, optics, radiometry, world
from .acquisition import Acquisition
from .atmosphere import smac
from .figures import smac_coefficients
from .threads import by_rows

PSF_SIGMA = 0.30
"""Gaussian sigma of the sensor, in its pixels, on top of the box of one pixel."""

S2_BAND = {"B1": "B01", "B2": "B02", "B3": "B03", "B4": "B04", "B5": "B8A", "B6": "B11", "B7": "B12"}
"""Landsat band -> Sentinel-2 counterpart."""

BAND_ID = {band: i for i, band in enumerate(world.BANDS)}

CLOUD_REFLECTANCE = {
    "B01": 0.68, "B02": 0.67, "B03": 0.66, "B04": 0.67, "B05": 0.68, "B06": 0.68, "B07": 0.69, "B08": 0.69, "B8A": 0.69,
    "B09": 0.35, "B10": 0.012, "B11": 0.50, "B12": 0.42,
}  # fmt: skip
CIRRUS_REFLECTANCE = {"B10": 0.06, "B11": 0.02, "B12": 0.02}
CIRRUS_ELSEWHERE = 0.05
CIRRUS_BAND_REFLECTANCE = 0.0015
"""Cirrus bands (S2 B10, Landsat B9) see no ground: a constant, plus cirrus."""


class Scene:
    """Upper-left corner (ulx, uly) and size in metres; `centre`: tile centre, where the track passes; `middle`: of the data."""

    def __init__(self, acq: Acquisition, ulx, uly, width, height, epsg, centre, middle=None):
        self.acq, self.ulx, self.uly, self.width, self.height, self.epsg = acq, ulx, uly, width, height, epsg
        self.cell = 10.0 * acq.coarse
        """Lattice spacing, metres."""
        self.imager = geometry.Imager("S2" if acq.is_sentinel2 else "LS", epsg, *centre, offset=acq.track)
        self.convergence = geometry.convergence(epsg, *centre)
        self.centre = centre
        self.nodes = geometry.Nodes(ulx, uly, width, height)
        self.lon, self.lat = geometry.lonlat(epsg, *centre)
        self.sza, self.saa = geometry.sun(*geometry.lonlat(epsg, self.nodes.x, self.nodes.y), acq.when)
        mean_sun = geometry.sun(*geometry.lonlat(epsg, *(middle or centre)), acq.when)
        self.mean_sza, self.mean_saa = (float(v) for v in mean_sun)
        self._set_track()
        gx, gy = (self.nodes.x - centre[0]) / 1e5, (self.nodes.y - centre[1]) / 1e5
        self.aot = acq.aot + acq.aot_gx * gx + acq.aot_gy * gy
        self.h2o = acq.h2o + acq.h2o_gx * gx + acq.h2o_gy * gy
        self.cloud_cell = 60.0 * acq.coarse
        self.clouds = clouds.make(acq.cloud_seed or acq.seed * 1000 + acq.day_of_year, width, height, self.cloud_cell, acq.cover,
                                  self.mean_sza, self.mean_saa, acq.coarse, acq.cirrus)  # fmt: skip
        self._cloudy_rows = np.maximum.reduce(self.clouds).max(1)
        self._tables: dict[str, tuple] = {}
        self._buffer = np.empty((0, 0, 0), np.float32)

    def _set_track(self):
        """`track`: x0, y0, across unit vector, along unit vector, half swath, detector width, along limits, half data width"""
        im, acq = self.imager, self.acq
        x, y = np.array([0, self.width, 0, self.width]) + self.ulx, self.uly - np.array([0, 0, self.height, self.height])
        detector = np.floor((im.across(x, y) + im.swath / 2) / im.width).astype(int)
        self.detector_first, self.detector_last = max(int(detector.min()), 0), min(int(detector.max()), im.ndet - 1)
        start = im.along(*self.centre)
        limits = acq.along_min + start, acq.along_max + start, min(im.swath / 2, acq.half_swath)
        self.track = np.array([im.x0, im.y0, *im.c, *im.a, im.swath / 2, im.width, *limits])

    def view(self, detector: int, band_id: int):
        """(zenith, azimuth) at the nodes, degrees from true north, of a 0-based detector."""
        zenith, azimuth = self.imager.view(self.nodes.x, self.nodes.y, detector, band_id)
        return zenith, (azimuth + self.convergence) % 360

    def counterpart(self, band: str) -> str | None:
        """Sentinel-2 name of a band of this sensor."""
        return band if self.acq.is_sentinel2 else S2_BAND.get(band)

    def tables(self, band: str):
        """Atmosphere (a, t, s) and BRDF factor, each (detector, node row, node column), of a band (``B04``; Landsat ``B4``)."""
        if band not in self._tables:
            self._tables[band] = self._make_tables(band)
        return self._tables[band]

    def _make_tables(self, band):
        acq = self.acq
        count = self.detector_last - self.detector_first + 1
        shape = (count, *self.nodes.x.shape)
        a, t, s, b = np.zeros(shape), np.ones(shape), np.zeros(shape), np.ones(shape)
        if band == ("B10" if acq.is_sentinel2 else "B9"):
            a[:] = CIRRUS_BAND_REFLECTANCE
            t[:] = 0
            return a, t, s, b
        s2_band = self.counterpart(band)
        if acq.is_sentinel2:
            coefficients = smac_coefficients(acq.sensor if acq.sensor in ("S2A", "S2B", "S2C") else "S2A", band)
        else:
            coefficients = smac_coefficients("LS8", f"B{int(band[1:]):02d}")
        if coefficients is None:
            return a, t, s, b
        for k in range(count):
            vza, vaa = self.view(self.detector_first + k, BAND_ID.get(s2_band, 3))
            angles = (self.sza, self.saa, vza, vaa) if acq.physics == "pixel" else (self.mean_sza, self.mean_saa, 0.0, 0.0)
            a[k], t[k], s[k] = smac(coefficients, *angles, self.aot, self.h2o, acq.o3, acq.pressure)
            if acq.brdf and s2_band:
                b[k] = brdf.c_factor(s2_band, self.sza, self.saa, vza, vaa, self.lat)
        return a, t, s, b

    def surface_tables(self, band: str):
        """`tables` of a product that is surface reflectance already: no atmosphere, the BRDF stays."""
        a, _, _, b = self.tables(band)
        return np.zeros_like(a), np.ones_like(a), np.zeros_like(a), b

    def spectrum(self, band: str) -> np.ndarray:
        """Reflectance of each end member in a band of this sensor."""
        if self.acq.is_sentinel2:
            return np.ascontiguousarray(world.SPECTRA[:, BAND_ID[band]])
        if band == "B8":
            return np.ascontiguousarray(world.SPECTRA[:, [1, 2, 2, 3, 3]].mean(1))
        if band == "B9":
            return np.ascontiguousarray(world.SPECTRA[:, BAND_ID["B10"]])
        return np.ascontiguousarray(world.SPECTRA[:, BAND_ID[S2_BAND[band]]])

    def blocks(self, rows: int = 720) -> Iterator[tuple[int, int]]:
        """(first lattice row, number of rows) from top to bottom."""
        total = round(self.height / self.cell)
        for first in range(0, total, rows):
            yield first, min(rows, total - first)

    def open_block(self, first: int, rows: int, largest_pixel: float) -> None:
        """Make the abundances under these lattice rows and the margins that pixels up to `largest_pixel` metres need."""
        shift = max(abs(self.acq.dx), abs(self.acq.dy))
        margin = math.ceil(3 + largest_pixel / self.cell * (0.5 + 5 * PSF_SIGMA) + shift / self.cell + 2)
        self._lattice_row = math.floor(-self.uly / self.cell) + first - margin
        self._lattice_column = math.floor(self.ulx / self.cell) - margin
        shape = 8, rows + 2 * margin + 1, round(self.width / self.cell) + 2 * margin + 1
        if self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.float32)
        self.fractions = world.fractions(self._lattice_row, self._lattice_column, *shape[1:], self.acq.day_of_year, self.acq.seed,
                                         self._buffer)  # fmt: skip

    def mixed(self, weights: np.ndarray) -> np.ndarray:
        """Lattice values of the open block: abundances times `weights` (one per end member)."""
        return optics.mix(self.fractions, weights)

    def see(self, lattice, first, rows, pixel, shifted=True, corner=None, shape=None, sigma=PSF_SIGMA):
        """The lattice values as seen with `pixel` metre pixels, float32.

        Default grid: lattice rows first ... over the width of the scene; else upper-left `corner` (x, y) and `shape`.
        """
        x0, y0 = corner or (self.ulx, self.uly - first * self.cell)
        ny, nx = shape or self.block_shape(rows, pixel)
        dx, dy = (self.acq.dx, self.acq.dy) if shifted else (0.0, 0.0)
        p = pixel / self.cell
        xi, xw = optics.taps((x0 - dx) / self.cell + p / 2, p, nx, p, sigma * p, self._lattice_column)
        yi, yw = optics.taps((-y0 + dy) / self.cell + p / 2, p, ny, p, sigma * p, self._lattice_row)
        inside = min(xi.min(), yi.min()) >= 0 and xi.max() + xw.shape[1] <= lattice.shape[1]
        if not inside or yi.max() + yw.shape[1] > lattice.shape[0]:
            raise ValueError("the open block is too small for this pixel size and shift")
        return optics.resample(lattice, xi, xw, yi, yw)

    def block_shape(self, rows: int, pixel: float) -> tuple[int, int]:
        return round(rows * self.cell / pixel), round(self.width / pixel)

    def digital_numbers(self, band, rho, first, pixel, gain, offset, *, sigma, cosine=None, cirrus=None, corner=None,
                        tables=None):  # fmt: skip
        """DN, uint16, of nadir surface reflectance: DN = toa * cosine * gain + offset; 0 outside the swath, else 1 at least."""
        s2_band = self.counterpart(band) or {"B9": "B10", "B8": "B03"}.get(band, "B11")
        if cirrus is None:
            cirrus = CIRRUS_REFLECTANCE.get(s2_band, CIRRUS_ELSEWHERE)
        if cosine is None:
            cosine = np.ones((1, *self.nodes.x.shape))
        out = np.empty(rho.shape, np.uint16)
        seed = 1000003 * self.acq.seed + 31 * self.acq.day_of_year + 977 * BAND_ID[s2_band]
        by_rows(radiometry.digital_numbers, rho.shape[0], rho, corner or (self.ulx, self.uly - first * self.cell), float(pixel),
                self.track, self.detector_first, tables or self.tables(band), cosine,
                (float(self.nodes.ulx), float(self.nodes.uly), self.nodes.step), self.clouds, self._cloudy_rows,
                (float(self.ulx), float(self.uly), self.cloud_cell), CLOUD_REFLECTANCE[s2_band], cirrus,
                sigma * self.acq.noise, seed, float(gain), float(offset), out)  # fmt: skip
        return out

    def detectors(self, first: int, rows: int, pixel: float) -> np.ndarray:
        """Detector of each pixel, uint8, 1-based; 0 = not imaged."""
        out = np.empty(self.block_shape(rows, pixel), np.uint8)
        origin = self.ulx, self.uly - first * self.cell
        by_rows(radiometry.detector_numbers, out.shape[0], origin, float(pixel), self.track, out)
        return out

    def cloud_classes(self, first: int, rows: int, pixel: float):
        """(opaque, cirrus, shadow), booleans, on a grid of `pixel` metres."""
        ny, nx = self.block_shape(rows, pixel)
        x = (np.arange(nx) + 0.5) * pixel / self.cloud_cell - 0.5
        y = (first * self.cell + (np.arange(ny) + 0.5) * pixel) / self.cloud_cell - 0.5
        sample = _nearest if pixel >= self.cloud_cell else _bilinear
        opaque, shadow, cirrus = (sample(grid, x, y) for grid in self.clouds)
        return opaque > 0.1, cirrus > 0.1, (shadow > 0.1) & (opaque <= 0.1)

    def truth(self) -> dict:
        """What truth.json says about every product."""
        from_acquisition = asdict(self.acq) | {"when": self.acq.when.isoformat() + "Z"}
        return from_acquisition | dict(
            epsg=self.epsg, ulx=self.ulx, uly=self.uly, width_m=self.width, height_m=self.height,
            mean_sun_zenith=self.mean_sza, mean_sun_azimuth=self.mean_saa, theta_norm=float(brdf.theta_norm(self.lat)),
            centre_lat=float(self.lat), centre_lon=float(self.lon), track_heading_grid=self.imager.heading,
            convergence=self.convergence, lattice_m=self.cell, psf_sigma_pixels=PSF_SIGMA,
            shift="a feature at E, N appears at E + dx, N + dy in the product (dy positive to the north)",
            brdf_truth="truth is at nadir and sun zenith theta_norm (Roy coefficients)" if self.acq.brdf else "Lambertian",
        )  # fmt: skip


def _nearest(grid, x, y):
    i = np.clip(np.rint(x).astype(int), 0, grid.shape[1] - 1)
    j = np.clip(np.rint(y).astype(int), 0, grid.shape[0] - 1)
    return grid[np.ix_(j, i)]


def _bilinear(grid, x, y):
    x, y = np.clip(x, 0, grid.shape[1] - 1.001), np.clip(y, 0, grid.shape[0] - 1.001)
    i, j = x.astype(int), y.astype(int)
    fx, fy = (x - i)[None], (y - j)[:, None]
    north = grid[np.ix_(j, i)] * (1 - fx) + grid[np.ix_(j, i + 1)] * fx
    south = grid[np.ix_(j + 1, i)] * (1 - fx) + grid[np.ix_(j + 1, i + 1)] * fx
    return north * (1 - fy) + south * fy
