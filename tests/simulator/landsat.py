"""Landsat 8/9 Collection-2 L1TP and L2SP scenes with their truth."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from . import brdf, geometry, world
from .acquisition import Acquisition
from .figures import TILE_SIZE, tile
from .landsat_angles import angle_coefficients
from .landsat_mtl import K1, K2, mtl_groups, odl, xml
from .rasters import STRIP_ROWS, GeoTiff, quantised, write_json
from .scene import S2_BAND, Scene
from .sentinel2_bands import RESOLUTION
from .world import BANDS

MULT, ADD = 2e-5, -0.1
"""Level-1 DN to reflectance * sine of the sun elevation."""
SURFACE_MULT, SURFACE_ADD = 2.75e-5, -0.2
NOISE = 3e-4
SURFACE_CIRRUS = 0.03
THERMAL_SIGMA = 1.2
CLOUD_TEMPERATURE = 268.0
EMISSIVITY = 0.96
WINDOWS = {"full": (92500.0, -90000.0, 90000.0), "tile": (68000.0, -68000.0, 68000.0)}
"""Half width across track, first and last along track, metres."""
ROW_OVERLAP = 8000.0
"""Half of what the rows of a split coverage have in common, metres."""
CLEAR, WATER, SHADOW, WATER_SHADOW, CIRRUS, CLOUD, FILL = 21824, 21952, 23888, 23952, 54596, 22280, 1
"""Values of QA_PIXEL."""


def render(
    acq: Acquisition,
    out: Path | str,
    truth: Path | str | None = None,
    level: str = "L1TP",
    path: int = 196,
    row: int = 30,
    part: str = "all",
    window: str = "tile",
    made: datetime | None = None,
    log: Callable[[str], None] | None = None,
) -> Path:
    """Write one scene folder below `out` and its truth below ``truth/<scene>``; returns the folder.

    `part`: ``all``, or ``north`` / ``south`` for the two rows of a split coverage; `window`: ``tile`` cuts the scene to 136 km
    around the tile, ``full`` is 185 x 180 km.
    """
    epsg, tile_x, tile_y = tile(acq.tile)
    if epsg > 32700:
        raise ValueError(f"tile {acq.tile}: Landsat scenes of southern tiles are not simulated")
    pixel = 30 * acq.coarse
    centre = tile_x + TILE_SIZE / 2, tile_y - TILE_SIZE / 2
    imager = geometry.Imager("LS", epsg, *centre, offset=acq.track)
    half, first, last = WINDOWS[window]
    first, last = (-ROW_OVERLAP if part == "south" else first), (ROW_OVERLAP if part == "north" else last)
    acq = replace(acq, half_swath=half, along_min=first, along_max=last)
    corners = imager.rectangle(half, first, last)
    xs, ys = zip(*corners, strict=True)
    ulx = math.floor(min(xs) / pixel) * pixel - pixel / 2
    uly = math.ceil(max(ys) / pixel) * pixel + pixel / 2
    samples, lines = math.ceil((max(xs) - ulx) / pixel) + 1, math.ceil((uly - min(ys)) / pixel) + 1
    scene = Scene(acq, ulx, uly, samples * pixel, lines * pixel, epsg, centre, (sum(xs) / 4, sum(ys) / 4))
    made = made or acq.when + timedelta(days=7)
    product = f"LC0{acq.sensor[-1]}_{level}_{path:03d}{row:03d}_{acq.when:%Y%m%d}_{made:%Y%m%d}_02_T1"
    root = Path(out) / product
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    truth_folder = Path(truth) / product if truth else None

    pixels = _Pixels(scene, level, product, root, truth_folder, lines, samples)
    pixels.render()
    groups = mtl_groups(product, level, scene, lines, samples, path, row, pixels.cloud, made)
    (root / f"{product}_MTL.txt").write_text(odl(groups))
    (root / f"{product}_MTL.xml").write_text(xml(groups))
    (root / f"{product}_ANG.txt").write_text(angle_coefficients(scene, path, row, lines, samples))
    if truth_folder:
        files = _write_tile_truth(acq, truth_folder, epsg, tile_x, tile_y)
        write_json(truth_folder / "truth.json", scene.truth() | {
            "product": product, "level": level, "path": path, "row": row, "part": part, "cloud_percent": pixels.cloud,
            "lines": lines, "samples": samples, "swath_corners_ul_ur_lr_ll": corners,
            "mask": "mask_scene.tif: 0 clear 1 cloud 2 shadow 3 cirrus 255 nodata (scene frame)",
            "files": "B*.tif unshifted nadir surface reflectance of S2A bands on the MGRS grid at S2 pixels, "
                     "B*_30m.tif seen by a 30 m pixel (OLI PSF), float32",
            "truth_files": files,
        })  # fmt: skip
    if log:
        log(f"{product}  {samples} x {lines}  cloud {pixels.cloud:.2f} %")
    return root


class _Pixels:
    """The rasters of a scene while it is rendered."""

    def __init__(self, scene: Scene, level: str, product: str, root: Path, truth: Path | None, lines: int, samples: int):
        self.scene, self.level1, self.lines, self.samples = scene, level == "L1TP", lines, samples
        self.pixel = 30 * scene.acq.coarse
        self.bands = [f"B{i}" for i in (range(1, 12) if self.level1 else range(1, 8))]

        def new(path, pan=False, **options):
            edge, pixel = (self.pixel / 4, self.pixel / 2) if pan else (0, self.pixel)
            width, height = (2 * samples - 1, 2 * lines - 1) if pan else (samples, lines)
            return GeoTiff(path, scene.ulx + edge, scene.uly - edge, pixel, width, height, scene.epsg, compress=True, tiled=True,
                           **options)  # fmt: skip

        prefix = "" if self.level1 else "SR_"
        self.rasters = {
            b: new(root / f"{product}_{prefix}{b}.TIF", pan=b == "B8", dtype="uint16", nodata=0)
            for b in self.bands if b != "B9"
        }  # fmt: skip
        if self.level1:
            self.rasters["B9"] = new(root / f"{product}_B9.TIF", dtype="uint16", nodata=0)
            self.rasters |= {a: new(root / f"{product}_{a}.TIF", dtype="int16") for a in ("VAA", "VZA", "SAA", "SZA")}
        self.rasters["QA_PIXEL"] = new(root / f"{product}_QA_PIXEL.TIF", dtype="uint16", nodata=FILL)
        self.rasters["QA_RADSAT"] = new(root / f"{product}_QA_RADSAT.TIF", dtype="uint16")
        self.truth_mask = new(truth / "mask_scene.tif", dtype="uint8", nodata=255) if truth else None
        if scene.acq.physics == "pixel":
            self.cosine = np.cos(np.radians(scene.sza))[None]
        else:
            self.cosine = np.full((1, *scene.sza.shape), math.cos(math.radians(scene.mean_sza)))
        detectors = range(scene.detector_first, scene.detector_last + 1)
        self.views = {k + 1: scene.view(k, 3) for k in detectors}
        self._cloud = self._imaged = 0

    @property
    def cloud(self) -> float:
        """Percent of the imaged area."""
        return 100.0 * self._cloud / max(self._imaged, 1)

    def render(self) -> None:
        for first, rows in self.scene.blocks(480):
            self.scene.open_block(first, rows, self.pixel * 3.3)
            detectors = self.scene.detectors(first, rows, self.pixel)
            for band in self.bands:
                dn = self._thermal(band, first, rows, detectors) if band in K1 else self._reflective(band, first, rows)
                self.rasters[band].put(first // 3 * (2 if band == "B8" else 1), dn)
            self._quality(first, rows, detectors)
            if self.level1:
                self._angles(first, rows, detectors)
        for raster in self.rasters.values():
            raster.close()
        if self.truth_mask:
            self.truth_mask.close()

    def _reflective(self, band, first, rows):
        scene = self.scene
        lattice = scene.mixed(scene.spectrum(band))
        corner, shape, pixel = (scene.ulx, scene.uly - first * scene.cell), (rows // 3, self.samples), self.pixel
        if band == "B8":
            corner = corner[0] + self.pixel / 4, corner[1] - self.pixel / 4
            shape = min(2 * shape[0], 2 * self.lines - 1 - 2 * (first // 3)), 2 * self.samples - 1
            pixel = self.pixel / 2
        rho = scene.see(lattice, first, rows, pixel, corner=corner, shape=shape)
        if scene.acq.sbaf and band in S2_BAND:
            slope, offset = brdf.OLI_FROM_S2A[S2_BAND[band]]
            rho = rho * np.float32(slope) + np.float32(offset)
        if self.level1:
            return scene.digital_numbers(band, rho, first, pixel, 1 / MULT, -ADD / MULT, sigma=NOISE, cosine=self.cosine,
                                         corner=corner)  # fmt: skip
        return scene.digital_numbers(band, rho, first, pixel, 1 / SURFACE_MULT, 0.2 / SURFACE_MULT, sigma=NOISE,
                                     cirrus=SURFACE_CIRRUS, tables=scene.surface_tables(band))  # fmt: skip

    def _thermal(self, band, first, rows, detectors):
        scene = self.scene
        kelvin = scene.mixed(world.TEMPERATURE) + np.float32(0.3)
        kelvin /= scene.fractions.sum(0) + 1e-3
        seen = scene.see(kelvin, first, rows, self.pixel, sigma=THERMAL_SIGMA)
        opaque, _, _ = scene.cloud_classes(first, rows, self.pixel)
        seen = np.where(opaque, CLOUD_TEMPERATURE, seen)
        radiance = EMISSIVITY * K1[band] / (np.exp(K2[band] / seen) - 1)
        dn = np.clip(np.rint((radiance - 0.1) / 3.342e-4), 1, 65535).astype(np.uint16)
        dn[detectors == 0] = 0
        return dn

    def _quality(self, first, rows, detectors):
        scene, top = self.scene, first // 3
        water = scene.see(scene.fractions[world.WATER], first, rows, self.pixel) > 0.5
        opaque, cirrus, shadow = scene.cloud_classes(first, rows, self.pixel)
        imaged = detectors > 0
        qa = np.where(water, WATER, CLEAR).astype(np.uint16)
        qa[shadow] = np.where(water, WATER_SHADOW, SHADOW)[shadow]
        qa[cirrus], qa[opaque] = CIRRUS, CLOUD
        qa[~imaged] = FILL
        self.rasters["QA_PIXEL"].put(top, qa)
        self.rasters["QA_RADSAT"].put(top, np.zeros_like(qa))
        self._cloud += int((opaque & imaged).sum())
        self._imaged += int(imaged.sum())
        if self.truth_mask:
            mask = (opaque * 1 + (shadow & ~opaque) * 2 + (cirrus & ~opaque & ~shadow) * 3).astype(np.uint8)
            mask[~imaged] = 255
            self.truth_mask.put(top, mask)

    def _angles(self, first, rows, detectors):
        """1/100 degree, interpolated as vectors between the nodes"""
        scene, nodes, top = self.scene, self.scene.nodes, first // 3
        y = (nodes.uly - (scene.uly - (top + np.arange(rows // 3) + 0.5) * self.pixel)) / nodes.step
        x = (scene.ulx + (np.arange(self.samples) + 0.5) * self.pixel - nodes.ulx) / nodes.step

        def put(zenith_name, azimuth_name, views):
            zenith, azimuth = np.zeros(detectors.shape, np.int16), np.zeros(detectors.shape, np.int16)
            for (z, a), selected in views:
                if selected.any():
                    sin_z = np.sin(np.radians(z))
                    a = np.radians(a)
                    east, north, up = (_bilinear(v, x, y) for v in (sin_z * np.sin(a), sin_z * np.cos(a), np.cos(np.radians(z))))
                    zenith[selected] = np.rint(np.degrees(np.arctan2(np.hypot(east, north), up)) * 100)[selected]
                    azimuth[selected] = np.rint(np.degrees(np.arctan2(east, north)) * 100)[selected]
            self.rasters[zenith_name].put(top, zenith)
            self.rasters[azimuth_name].put(top, azimuth)

        put("VZA", "VAA", [(view, detectors == k) for k, view in self.views.items()])
        put("SZA", "SAA", [((scene.sza, scene.saa), detectors > 0)])


def _bilinear(grid, x, y):
    """float32 values of a grid of nodes at columns x, rows y"""
    grid = grid.astype(np.float32)
    j, i = np.minimum(y.astype(int), grid.shape[0] - 2), np.minimum(x.astype(int), grid.shape[1] - 2)
    fy, fx = (y - j)[:, None].astype(np.float32), (x - i)[None].astype(np.float32)
    north = grid[np.ix_(j, i)] * (1 - fx) + grid[np.ix_(j, i + 1)] * fx
    south = grid[np.ix_(j + 1, i)] * (1 - fx) + grid[np.ix_(j + 1, i + 1)] * fx
    return north * (1 - fy) + south * fy


def _write_tile_truth(acq, folder, epsg, ulx, uly):
    """Unshifted truth of the date on the MGRS grid: at S2 pixels and, with the OLI pixel (S2A bands), at 30 m; file stems."""
    scene = Scene(acq, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, (ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2))
    bands = [b for b in BANDS if b != "B10"]
    rasters = {}

    def new(stem, resolution, strip):
        pixel = resolution * acq.coarse
        size = int(TILE_SIZE / resolution / acq.coarse)
        path = folder / f"{stem}.tif"
        rasters[stem] = GeoTiff(path, ulx, uly, pixel, size, size, epsg, "float32", strip=strip, compress=True)

    for band in bands:
        new(band, RESOLUTION[band], STRIP_ROWS[RESOLUTION[band]])
    for band in S2_BAND.values():
        new(f"{band}_30m", 30, 8)
    for first, rows in scene.blocks():
        scene.open_block(first, rows, 60 * acq.coarse)
        for band in bands:
            lattice = scene.mixed(np.ascontiguousarray(world.SPECTRA[:, BANDS.index(band)]))
            for stem, resolution in ((band, RESOLUTION[band]), (f"{band}_30m", 30)):
                if stem in rasters:
                    seen = scene.see(lattice, first, rows, resolution * acq.coarse, shifted=False)
                    rasters[stem].put(first * 10 // resolution, quantised(seen))
    for raster in rasters.values():
        raster.close()
    return list(rasters)
