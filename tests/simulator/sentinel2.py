"""Sentinel-2 L1C and L2A products (SAFE) with their truth."""

import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio

from . import sentinel2_gml as gml
from . import sentinel2_metadata as metadata
from .acquisition import Acquisition
from .figures import TILE_SIZE, tile
from .jp2 import encode_all
from .rasters import STRIP_ROWS, GeoTiff, quantised, write_json
from .scene import BAND_ID, Scene
from .sentinel2_bands import JP2_BLOCK, L2A_BANDS, NOISE, RESOLUTION
from .sentinel2_names import Names
from .sentinel2_product_metadata import product_metadata
from .world import BANDS, WATER

RESOLUTIONS = (10, 20, 60)
SURFACE_CIRRUS = 0.03
"""What is left of cirrus in L2A products."""
QUANTIFICATION = 10000.0
TRUTH_BANDS = [band for band in BANDS if band != "B10"]
OLD_PIXEL_MASKS = ("MSK_DEFECT", "MSK_SATURA", "MSK_TECQUA")
"""Vector masks that are always empty here."""


def render(
    acq: Acquisition,
    out: Path | str,
    truth: Path | str | None = None,
    *,
    level: str = "L1C",
    baseline: str = "05.10",
    orbit: int = 8,
    refined: bool = False,
    tci: bool = False,
    quality_masks: bool = True,
    long_names: bool = False,
    geotiff: bool = False,
    zipped: bool = False,
    made: datetime | None = None,
    log: Callable[[str], None] | None = None,
) -> Path:
    """Write one product below `out` and its truth below ``truth/<product name>``; returns the SAFE folder (or the zip).

    Baselines before 04.00 have vector masks and no offset; `long_names` (before 2016) only with those. `zipped` replaces the
    folder by ``<product>.zip``. `refined`: list of reference images and REFINED flag. An existing product is replaced.
    """
    epsg, ulx, uly = tile(acq.tile)
    scene = Scene(acq, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, (ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2))
    made = made or (acq.when + timedelta(hours=6, minutes=acq.strip_shift)).replace(microsecond=0)
    names = Names(acq, level, baseline, orbit, made, long_names, "tif" if geotiff else "jp2")
    root = Path(out) / f"{names.product}.SAFE"
    scratch = Path(out) / f".tmp_{names.product}"
    for leftover in (root, scratch):
        shutil.rmtree(leftover, ignore_errors=True)
    for folder in ("AUX_DATA", "IMG_DATA", "QI_DATA"):
        (root / names.granule / folder).mkdir(parents=True)
    for folder in (f"{names.datastrip}/QI_DATA", "rep_info", "HTML"):
        (root / folder).mkdir(parents=True)
    truth_folder = Path(truth) / names.product if truth else None

    pixels = _Pixels(scene, names, scratch, truth_folder)
    pixels.render()
    if tci:
        pixels.true_colour()
    images = _write_images(pixels, root)
    masks = _write_masks(pixels, root, quality_masks)
    content = pixels.content()
    cloud = content["CLOUDY_PIXEL_PERCENTAGE"]
    documents = {
        names.tile_metadata: metadata.tile_metadata(scene, names, content, masks),
        names.product_metadata: product_metadata(scene, names, images, cloud, refined),
        names.datastrip_metadata: metadata.datastrip_metadata(names, refined),
        "INSPIRE.xml": '<?xml version="1.0" encoding="UTF-8"?>\n<gmd:MD_Metadata xmlns:gmd="http://www.isotc211.org/2005/gmd"/>\n',
    }
    if level == "L2A":
        documents[f"{names.granule}/QI_DATA/L2A_QUALITY.xml"] = metadata.quality_report(names, content)
    for path, text in documents.items():
        (root / path).write_text(text, encoding="utf-8")
    (root / "manifest.safe").write_text(metadata.manifest(root, names), encoding="utf-8")
    shutil.rmtree(scratch)
    if truth_folder:
        write_json(truth_folder / "truth.json", _truth(scene, names, cloud))
    if log:
        log(f"{names.product}.SAFE  cloud {cloud:.2f} %")
    return _zip(root) if zipped else root


class _Pixels:
    """The rasters of a product while it is rendered: uncompressed GeoTIFF in `scratch`, truth in its place."""

    def __init__(self, scene: Scene, names: Names, scratch: Path, truth: Path | None):
        self.scene, self.names, self.scratch = scene, names, scratch
        self.size = {r: int(TILE_SIZE / (r * scene.acq.coarse)) for r in RESOLUTIONS}
        l2a = names.level == "L2A"
        if l2a:
            self.images = {f"{b}_{r}m": (b, r) for r in RESOLUTIONS for b in L2A_BANDS[r]}
        else:
            self.images = {b: (b, RESOLUTION[b]) for b in BANDS}
        self.rasters = {key: self._new(key, r) for key, (_, r) in self.images.items()}
        if l2a:
            self.rasters |= {f"{k}_{r}m": self._new(f"{k}_{r}m", r) for r in RESOLUTIONS for k in ("AOT", "WVP")}
            classes = [f"{k}_{r}m" for r in (20, 60) for k in ("SCL", "CLDPRB", "SNWPRB")]
            self.rasters |= {key: self._new(key, int(key[-3:-1]), "uint8") for key in classes}
        self.rasters["CLASSI"] = self._new("CLASSI", 60, "uint8", count=3)
        self.rasters |= {f"DETFOO_{r}": self._new(f"DETFOO_{r}", r, "uint8") for r in RESOLUTIONS}
        self.truth = {b: self._new_truth(truth / f"{b}.tif", RESOLUTION[b]) for b in TRUTH_BANDS} if truth else {}
        if truth:
            self.truth["mask"] = self._new_truth(truth / "mask.tif", 20, "uint8", nodata=255)
            self.truth["class"] = self._new_truth(truth / "class.tif", 20, "uint8")
        self.class_counts = np.zeros(12)
        self.cloud_pixels = self.nodata_pixels = 0

    def _new(self, key, resolution, dtype="uint16", count=1):
        size, pixel = self.size[resolution], resolution * self.scene.acq.coarse
        return GeoTiff(self.scratch / f"{key}.tif", self.scene.ulx, self.scene.uly, pixel, size, size, self.scene.epsg, dtype,
                       strip=STRIP_ROWS[resolution], count=count)  # fmt: skip

    def _new_truth(self, path, resolution, dtype="float32", nodata=None):
        size, pixel = self.size[resolution], resolution * self.scene.acq.coarse
        strip = STRIP_ROWS[resolution] if dtype == "float32" else 60
        return GeoTiff(path, self.scene.ulx, self.scene.uly, pixel, size, size, self.scene.epsg, dtype, strip=strip,
                       compress=True, nodata=nodata)  # fmt: skip

    def render(self) -> None:
        """All pixels, block by block."""
        for first, rows in self.scene.blocks():
            self.scene.open_block(first, rows, 60 * self.scene.acq.coarse)
            detectors = {r: self.scene.detectors(first, rows, self._pixel(r)) for r in RESOLUTIONS}
            for r in RESOLUTIONS:
                self.rasters[f"DETFOO_{r}"].put(first * 10 // r, detectors[r])
            self._bands(first, rows, detectors)
            self._cloud_classes(first, rows, detectors[60])
            if self.truth or self.names.level == "L2A":
                self._scene_classes(first, rows, detectors)
            if self.names.level == "L2A":
                self._atmosphere_maps(first, detectors)
        for raster in [*self.rasters.values(), *self.truth.values()]:
            raster.close()

    def _pixel(self, resolution):
        return resolution * self.scene.acq.coarse

    def _bands(self, first, rows, detectors):
        scene, l1c = self.scene, self.names.level == "L1C"
        for band in BANDS:
            lattice = scene.mixed(scene.spectrum(band))
            if band in self.truth:
                r = RESOLUTION[band]
                unshifted = scene.see(lattice, first, rows, self._pixel(r), shifted=False)
                self.truth[band].put(first * 10 // r, quantised(unshifted))
            for key, (_, r) in ((k, image) for k, image in self.images.items() if image[0] == band):
                rho = scene.see(lattice, first, rows, self._pixel(r))
                dn = scene.digital_numbers(
                    band, rho, first, self._pixel(r), QUANTIFICATION, self.names.offset, sigma=NOISE[band],
                    cirrus=None if l1c else SURFACE_CIRRUS, tables=None if l1c else scene.surface_tables(band),
                )  # fmt: skip
                dn[detectors[r] == 0] = 0
                self.rasters[key].put(first * 10 // r, dn)

    def _cloud_classes(self, first, rows, detectors):
        opaque, cirrus, _ = self.scene.cloud_classes(first, rows, self._pixel(60))
        imaged = detectors != 0
        for band, selected in enumerate((opaque & imaged, cirrus & ~opaque & imaged, np.zeros_like(imaged)), 1):
            self.rasters["CLASSI"].put(first * 10 // 60, selected.astype(np.uint8), band)
        self.cloud_pixels += int(((opaque | cirrus) & imaged).sum())
        self.nodata_pixels += int((~imaged).sum())

    def _scene_classes(self, first, rows, detectors):
        for r in (20, 60) if self.names.level == "L2A" else (20,):
            opaque, cirrus, shadow = self.scene.cloud_classes(first, rows, self._pixel(r))
            nodata = detectors[r] == 0
            if r == 20 and self.truth:
                mask = (opaque * 1 + (shadow & ~opaque) * 2 + (cirrus & ~opaque & ~shadow) * 3).astype(np.uint8)
                mask[nodata] = 255
                self.truth["mask"].put(first * 10 // r, mask)
                self.truth["class"].put(first * 10 // r, self._land_cover(first, rows, r, shifted=False))
            classes = self._land_cover(first, rows, r)
            classes[shadow], classes[cirrus], classes[opaque] = 3, 10, 9
            classes[nodata] = 0
            if r == 20:
                self.class_counts += np.bincount(classes.ravel(), minlength=12)
            if self.names.level == "L2A":
                probability = np.where(classes == 9, 100, np.where(classes == 10, 30, 0)).astype(np.uint8)
                for key, values in (("SCL", classes), ("CLDPRB", probability), ("SNWPRB", np.zeros_like(classes))):
                    self.rasters[f"{key}_{r}m"].put(first * 10 // r, values)

    def _land_cover(self, first, rows, r, shifted=True):
        """scene class of the ground: 4 vegetation, 5 bare, 6 water"""
        scene = self.scene
        water = scene.see(scene.fractions[WATER], first, rows, self._pixel(r), shifted)
        green = scene.see(scene.fractions[0] + scene.fractions[4], first, rows, self._pixel(r), shifted)
        return np.where(water > 0.5, 6, np.where(green > 0.4, 4, 5)).astype(np.uint8)

    def _atmosphere_maps(self, first, detectors):
        scene, acq = self.scene, self.scene.acq
        for r in RESOLUTIONS:
            ny, nx = detectors[r].shape
            x = scene.ulx + (np.arange(nx) + 0.5) * self._pixel(r)
            y = scene.uly - scene.cell * first - (np.arange(ny) + 0.5) * self._pixel(r)
            gx, gy = ((x - scene.centre[0]) / 1e5)[None], ((y - scene.centre[1]) / 1e5)[:, None]
            aot = acq.aot + acq.aot_gx * gx + acq.aot_gy * gy
            h2o = acq.h2o + acq.h2o_gx * gx + acq.h2o_gy * gy
            for key, values in (("AOT", aot), ("WVP", h2o)):
                dn = np.rint(np.broadcast_to(values, (ny, nx)) * 1000).astype(np.uint16)
                dn[detectors[r] == 0] = 0
                self.rasters[f"{key}_{r}m"].put(first * 10 // r, dn)

    def true_colour(self) -> None:
        """Add the TCI."""
        suffix = "_10m" if self.names.level == "L2A" else ""
        tci = self.rasters[f"TCI{suffix}"] = self._new(f"TCI{suffix}", 10, "uint8", count=3)
        for channel, band in enumerate(("B04", "B03", "B02"), 1):
            for row, dn in self._read(f"{band}{suffix}"):
                stretched = np.clip((dn.astype(np.float32) - self.names.offset) / 3558 * 255, 1, 255)
                tci.put(row, np.where(dn == 0, 0, stretched).astype(np.uint8), channel)
        tci.close()

    def nodata_layers(self, resolution: int) -> Path:
        """Raster of MSK_QUALIT: 8 layers, of which only the sixth (no data) is not empty."""
        raster = self._new(f"QUALIT_{resolution}", resolution, "uint8", count=8)
        for row, detectors in self._read(f"DETFOO_{resolution}"):
            for layer in range(1, 9):
                raster.put(row, (detectors == 0).astype(np.uint8) * np.uint8(layer == 6), layer)
        raster.close()
        return raster.path

    def _read(self, key, rows=1024):
        with rasterio.open(self.rasters[key].path) as source:
            for row in range(0, source.height, rows):
                yield row, source.read(1, window=((row, min(row + rows, source.height)), (0, source.width)))

    def content(self) -> dict:
        """Image_Content_QI of the tile metadata."""
        acq, imaged = self.scene.acq, max(self.size[60] ** 2 - self.nodata_pixels, 1)
        if self.names.level == "L1C":
            cloud = 100.0 * self.cloud_pixels / imaged
            return {"CLOUDY_PIXEL_PERCENTAGE": cloud, "DEGRADED_MSI_DATA_PERCENTAGE": 0.0, "SNOW_PIXEL_PERCENTAGE": 0.0}
        p = 100 * self.class_counts / max(self.class_counts[1:].sum(), 1)
        cloud = p[8] + p[9] + p[10]
        dark = "CAST_SHADOW" if self.names.psd == "15" else "DARK_FEATURES"
        return {
            "CLOUDY_PIXEL_PERCENTAGE": cloud,
            "CLOUDY_PIXEL_OVER_LAND_PERCENTAGE": cloud,
            "DEGRADED_MSI_DATA_PERCENTAGE": 0.0,
            "NODATA_PIXEL_PERCENTAGE": 100 * self.class_counts[0] / self.class_counts.sum(),
            "SATURATED_DEFECTIVE_PIXEL_PERCENTAGE": 0.0,
            f"{dark}_PERCENTAGE": p[2],
            "CLOUD_SHADOW_PERCENTAGE": p[3],
            "VEGETATION_PERCENTAGE": p[4],
            "NOT_VEGETATED_PERCENTAGE": p[5],
            "WATER_PERCENTAGE": p[6],
            "UNCLASSIFIED_PERCENTAGE": p[7],
            "MEDIUM_PROBA_CLOUDS_PERCENTAGE": p[8],
            "HIGH_PROBA_CLOUDS_PERCENTAGE": p[9],
            "THIN_CIRRUS_PERCENTAGE": p[10],
            "SNOW_ICE_PERCENTAGE": p[11],
            "RADIATIVE_TRANSFER_ACCURACY": 0.0,
            "WATER_VAPOUR_RETRIEVAL_ACCURACY": 0.0,
            "AOT_RETRIEVAL_ACCURACY": 0.0,
            "AOT_RETRIEVAL_METHOD": "CAMS",
            "GRANULE_MEAN_AOT": acq.aot,
            "GRANULE_MEAN_WV": acq.h2o,
            "OZONE_SOURCE": "AUX_ECMWFT",
            "OZONE_VALUE": acq.o3 * 1000,
        }


def _write_images(pixels: _Pixels, root: Path) -> list[str]:
    """Encode the images; their paths without extension in the order of the metadata."""
    names = pixels.names
    masks = ("CLASSI", "DETFOO", "CLDPRB", "SNWPRB")
    keys = [key for key in pixels.rasters if not key.startswith(masks)]
    jobs, paths = [], []
    for key in keys:
        resolution = int(key[-3:-1]) if names.level == "L2A" else RESOLUTION.get(key, 10)
        paths.append(names.image(key))
        jobs.append((pixels.rasters[key].path, root / f"{paths[-1]}.{names.extension}", JP2_BLOCK[resolution]))
    _encode(jobs)
    if names.level == "L2A":
        paths.sort(key=lambda p: (p.endswith("TCI_10m"), p[-3:], p[-7] != "B", p[-7:]))
    return paths


def _write_masks(pixels: _Pixels, root: Path, quality_masks: bool) -> list[tuple[str, int | None, str]]:
    """Write the masks; (type, band id, path) as the tile metadata list them."""
    names, masks = pixels.names, []
    if names.gml_masks:
        masks += _write_vector_masks(pixels, root)
    else:
        masks += _write_band_masks(pixels, root, quality_masks)
        path = names.mask("MSK_CLASSI")
        _encode([(pixels.rasters["CLASSI"].path, root / path, JP2_BLOCK[60])])
        masks.append(("MSK_CLASSI", None, path))
    if names.level == "L2A":
        keys = [f"{k}_{r}m" for r in (20, 60) for k in ("CLDPRB", "SNWPRB")]
        _encode([(pixels.rasters[k].path, root / names.mask(f"MSK_{k}"), JP2_BLOCK[int(k[-3:-1])]) for k in keys])
        masks += [(f"MSK_{k[:-4]}", None, names.mask(f"MSK_{k}")) for k in keys]
    return masks


def _write_band_masks(pixels, root, quality_masks):
    """MSK_DETFOO and MSK_QUALIT: the same for all bands of one resolution, so encoded once and copied"""
    names, jobs = pixels.names, []
    kinds = ("MSK_DETFOO", "MSK_QUALIT") if quality_masks else ("MSK_DETFOO",)

    def encoded(kind, resolution):
        return pixels.scratch / f"{kind}_{resolution}.encoded.{names.extension}"

    for r in RESOLUTIONS:
        sources = {"MSK_DETFOO": pixels.rasters[f"DETFOO_{r}"].path}
        if quality_masks:
            sources["MSK_QUALIT"] = pixels.nodata_layers(r)
        jobs += [(source, encoded(kind, r), JP2_BLOCK[r]) for kind, source in sources.items()]
    _encode(jobs)
    masks = []
    for band in BANDS:
        for kind in kinds:
            path = names.mask(kind, band)
            shutil.copyfile(encoded(kind, RESOLUTION[band]), root / path)
            masks.append((kind, BAND_ID[band], path))
    return masks


def _write_vector_masks(pixels, root):
    scene, names, masks = pixels.scene, pixels.names, []

    def write(kind, band, features, dimension=2):
        path = names.mask(kind, band, gml=True)
        station_and_on = names.tile_id.split("_TL_")[1].rsplit("_N", 1)[0]
        identifier = f"{scene.acq.sensor}_OPER_{kind}_{station_and_on}_{band or 'B00'}_MSI{names.level}"
        (root / path).write_text(gml.mask_document(kind, identifier, features, scene.epsg, dimension))
        masks.append((kind, BAND_ID.get(band), path))

    corner = scene.ulx, scene.uly
    for band in BANDS:
        r = RESOLUTION[band]
        with rasterio.open(pixels.rasters[f"DETFOO_{r}"].path) as source:
            detectors = source.read(1)
        write("MSK_DETFOO", band, gml.detector_features(detectors, band, *corner, r * scene.acq.coarse), dimension=3)
        write("MSK_NODATA", band, gml.nodata_features(detectors, *corner, r * scene.acq.coarse))
        for kind in OLD_PIXEL_MASKS:
            write(kind, band, ())
    with rasterio.open(pixels.rasters["CLASSI"].path) as source:
        opaque, cirrus = source.read([1, 2]) > 0
    write("MSK_CLOUDS", None, gml.cloud_features(opaque, cirrus, *corner, 60 * scene.acq.coarse))
    return masks


def _encode(jobs: list[tuple[Path, Path, int]]) -> None:
    """(source, destination, block): JPEG 2000 or a copy, as the name of the destination says"""
    encode_all([job for job in jobs if job[1].suffix == ".jp2"])
    for source, destination, _ in jobs:
        if destination.suffix != ".jp2":
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)


def _truth(scene, names, cloud):
    return scene.truth() | {
        "product": names.product,
        "level": names.level,
        "baseline": names.baseline,
        "relative_orbit": names.relative_orbit,
        "cloud_percent": cloud,
        "mask": "mask.tif: 0 clear 1 cloud 2 shadow 3 cirrus 255 nodata (product frame, 20 m)",
        "class_": "class.tif: 4 vegetation 5 bare 6 water (unshifted, 20 m)",
        "files": "B*.tif: unshifted nadir surface reflectance of S2A bands, float32",
    }


def _zip(root: Path) -> Path:
    archive = root.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(root.rglob("*")):
            file.write(path, path.relative_to(root.parent))
    shutil.rmtree(root)
    return archive
