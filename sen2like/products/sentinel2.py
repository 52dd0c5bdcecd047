"""Sentinel-2 SAFE products, Level-1C and Level-2A, of every processing baseline (spec 03 section 3)."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from sen2like.errors import MetadataError, ProductError, RasterError, TileError, UsageError
from sen2like.grid import mgrs
from sen2like.grid.mgrs import MGRSTile
from sen2like.products import sentinel2_masks
from sen2like.products.container import Container, open_container
from sen2like.products.model import Angles, Band, Masks, Product, SourceFile
from sen2like.products.sentinel2_angles import angles_of
from sen2like.products.sentinel2_masks import MaskSource, find_mask
from sen2like.products.sentinel2_metadata import (
    DatastripMetadata,
    GranuleImages,
    ProductMetadata,
    TileMetadata,
    absolute_orbit_of,
    parse_datastrip_metadata,
    parse_product_metadata,
    parse_tile_metadata,
    tile_of,
)
from sen2like.raster.image import Image
from sen2like.raster.read import check_grid, read_image
from sen2like.science.toa import Radiometry

FAMILY = "Sentinel-2 SAFE"
PRODUCT_METADATA = re.compile(r"MTD_MSI(L1C|L2A)\.xml|S2[A-D]_(OPER|USER)_MTD_.*\.xml", re.IGNORECASE)
"""Names of the product metadata file in the root: compact and long form."""
_EXTENSIONS = (".jp2", ".tif", ".tiff")
_SATELLITE = re.compile(r"S2[A-D]")
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class BandInfo:
    """A row of the table of MSI bands (``data/sentinel2_bands.csv``)."""

    name: str
    id: int
    resolution: float
    processed: bool
    native: bool


@cache
def band_table() -> dict[str, BandInfo]:
    """MSI bands by name, in the order of ids."""
    with (files("sen2like") / "data" / "sentinel2_bands.csv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return {
            r["band"]: BandInfo(r["band"], int(r["id"]), float(r["resolution"]), r["processed"] == "1", r["native"] == "1")
            for r in rows
        }


@dataclass(frozen=True)
class Sentinel2Product(Product):
    """A tile of a Sentinel-2 product. `threads`: threads that decode one image."""

    psd: int
    """Version of the product specification, 14 or 15."""
    granule: str
    """Name of the granule folder."""
    metadata: ProductMetadata = field(repr=False, compare=False)
    tile_metadata: TileMetadata = field(repr=False, compare=False)
    documents: dict[str, str] = field(repr=False, compare=False)
    """Names of the metadata files by kind: product, tile, datastrip, quality."""
    images: dict[str, Band] = field(repr=False, compare=False)
    """All MSI bands whose file exists, also those that are not processed."""
    scl: str | None = field(repr=False)
    """Scene classification of a Level-2A product, name in the container."""
    threads: int = field(default=_THREADS, repr=False, compare=False)

    def read(self, band: str, threads: int | None = None) -> Image:
        if band not in self.images:
            raise RasterError(f"{self.name}: band {band} is not in the product; its file is missing from {self.container.path}")
        what = f"band {band} of {self.name}"
        image = read_image(self.images[band].path, what, threads or self.threads, nodata=0)
        tile = self.tile_metadata
        check_grid(image.geobox, tile.epsg, tile.ulx, tile.uly, tile.extent, what)
        return image

    def radiometry(self, band: str) -> Radiometry:
        offsets = self.metadata.offsets
        if offsets and band not in offsets:
            raise MetadataError(f"{self.container.label(self.documents['product'])}: no radiometric offset for band {band}")
        return Radiometry(mult=1.0, add=offsets.get(band, 0.0), divisor=self.metadata.quantification)

    def read_angles(self, method: str) -> Angles:
        return angles_of(self.tile_metadata, method, self.container.label(self.documents["tile"]))

    def read_masks(self, scl: str | None = None, quality: str = "reference") -> Masks:
        return sentinel2_masks.read_masks(self._mask_source(), scl)

    def document(self, kind: str) -> bytes | None:
        name = self.documents.get(kind)
        return None if name is None else self.container.read(name)

    def mask_files(self) -> tuple[SourceFile, ...]:
        found = []
        for mask in self.tile_metadata.masks:
            stem = mask.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
            name = find_mask(self.container, self.granule, mask.path, stem)
            if name is not None:
                band = {} if mask.band_id is None else {"bandId": str(mask.band_id)}
                found.append(SourceFile(name, {**band, "type": mask.type}))
        return tuple(found)

    def read_detectors(self, band: str) -> Image | None:
        if band not in self.images:
            raise RasterError(f"{self.name}: band {band} is not in the product; its file is missing from {self.container.path}")
        return sentinel2_masks.detectors(self._mask_source(), band, band_table()[band].id)

    def _mask_source(self) -> MaskSource:
        scl = None if self.scl is None else self.container.gdal_path(self.scl)
        return MaskSource(
            self.container, self.images, self.tile_metadata, self.granule, scl, self.is_level2, self.name, self.threads
        )


def open_sentinel2(path: str, tile: MGRSTile | None = None) -> Sentinel2Product:
    """Open the product at `path` (folder or zip); `tile` picks the granule and is checked, None: the only one.

    Raises `ProductError` if it has no granule of that tile, `MetadataError` if its metadata cannot be used.
    """
    container = open_container(path)
    product_file = find_product_metadata(container)
    if product_file is None:
        raise MetadataError(f"{container.path}: no product metadata (MTD_MSIL1C.xml, MTD_MSIL2A.xml); the product is incomplete")
    meta = parse_product_metadata(container.read(product_file), container.label(product_file))
    granule = _choose_granule(container, tile)
    tile_file = _one(container, f"GRANULE/{granule}/*MTD*.xml")
    if tile_file is None:
        raise MetadataError(f"{container.path}: no tile metadata (MTD_TL.xml) in GRANULE/{granule}; the product is incomplete")
    tile_meta = parse_tile_metadata(container.read(tile_file), container.label(tile_file))
    named = tile_of(granule) or tile_meta.tile
    if tile is not None and named not in (tile.id, None):
        raise TileError(f"{container.path}: the product is of tile {named}, not of {tile.id} that was asked for")
    area = tile or _tile(named, container)
    datastrip_file, datastrip = _datastrip(container)
    images, missing = _band_files(container, meta, granule)
    documents = {
        "product": product_file,
        "tile": tile_file,
        "datastrip": datastrip_file,
        "quality": _one(container, f"GRANULE/{granule}/QI_DATA/L2A_QUALITY.xml"),
    }
    notices = [*meta.notices, *tile_meta.notices]
    if missing:
        notices.append(f"{meta.uri}: no file for band {', '.join(missing)}")
    return Sentinel2Product(
        name=meta.uri,
        container=container,
        family=FAMILY,
        sensor="S2",
        sensor_name=_sensor_name(meta),
        mission=meta.mission,
        instrument=meta.instrument,
        level=meta.level,
        tile=area.id,
        acquisition=tile_meta.sensing_time,
        datatake_start=datastrip.datatake_start or meta.start_time,
        datastrip_start=datastrip.datastrip_start or tile_meta.sensing_time,
        generation_time=meta.generation_time,
        relative_orbit=meta.relative_orbit,
        absolute_orbit=absolute_orbit_of(granule),
        baseline=meta.baseline,
        cloud_cover=meta.cloud_cover,
        sun_zenith=tile_meta.sun_zenith,
        sun_azimuth=tile_meta.sun_azimuth,
        centre=area.centre,
        refined=meta.refined,
        epsg=tile_meta.epsg,
        bands={name: band for name, band in images.items() if band_table()[name].processed},
        missing_bands=missing,
        notices=tuple(notices),
        psd=meta.psd,
        granule=granule,
        metadata=meta,
        tile_metadata=tile_meta,
        documents={kind: name for kind, name in documents.items() if name is not None},
        images=images,
        scl=_scl_file(container, meta, granule),
    )


def find_product_metadata(container: Container) -> str | None:
    """Name of the product metadata file in the root, None if there is none."""
    return next((name for name in container.root() if PRODUCT_METADATA.fullmatch(name)), None)


def _choose_granule(container: Container, tile: MGRSTile | None) -> str:
    granules = sorted({n.split("/")[1] for n in container.list() if n.startswith("GRANULE/") and n.count("/") > 1})
    if not granules:
        raise ProductError(f"{container.path}: no granule in GRANULE; the product is incomplete")
    wanted = granules if tile is None else [g for g in granules if tile_of(g) in (tile.id, None)]
    if len(wanted) == 1:
        return wanted[0]
    tiles = ", ".join(sorted(tile_of(g) or g for g in granules))
    if tile is None:
        raise ProductError(f"{container.path}: the product has {len(granules)} granules ({tiles}); say which tile is wanted")
    if not wanted:
        raise TileError(f"{container.path}: the product is of tile {tiles}, not of {tile.id} that was asked for")
    raise ProductError(f"{container.path}: several granules may be of tile {tile.id}: {', '.join(wanted)}")


def _tile(name: str | None, container: Container) -> MGRSTile:
    if name is None:
        raise MetadataError(f"{container.path}: neither the granule folder nor TILE_ID tells the tile")
    try:
        return mgrs.tile(name)
    except UsageError as error:
        raise ProductError(f"{container.path}: {error}") from error


def _datastrip(container: Container) -> tuple[str | None, DatastripMetadata]:
    name = _one(container, "DATASTRIP/*/*MTD*.xml")
    if name is None:
        return None, DatastripMetadata(None, None)
    with container.open(name) as stream:
        return name, parse_datastrip_metadata(stream, container.label(name))


def _sensor_name(meta: ProductMetadata) -> str:
    for text in (meta.uri[:3], f"S2{meta.mission[-1:].upper()}"):
        if _SATELLITE.fullmatch(text):
            return text
    raise MetadataError(f"{meta.uri}: SPACECRAFT_NAME {meta.mission!r} is not one of Sentinel-2A to Sentinel-2D")


def _band_files(container: Container, meta: ProductMetadata, granule: str) -> tuple[dict[str, Band], tuple[str, ...]]:
    images, missing = {}, []
    for info in band_table().values():
        level2 = meta.level == "Level-2A"
        suffix = f"{info.name}_{info.resolution:.0f}m" if level2 else info.name
        name = _image_file(container, meta, granule, suffix)
        if name is not None:
            images[info.name] = Band(info.name, info.name, container.gdal_path(name), info.resolution, info.native)
        elif info.processed:
            missing.append(info.name)
    return images, tuple(missing)


def _scl_file(container: Container, meta: ProductMetadata, granule: str) -> str | None:
    if meta.level != "Level-2A":
        return None
    return next((name for r in (20, 60) if (name := _image_file(container, meta, granule, f"SCL_{r}m"))), None)


def _image_file(container: Container, meta: ProductMetadata, granule: str, suffix: str) -> str | None:
    """The file of an image whose name ends in ``_<suffix>``: as the metadata list it, else by the pattern of its folder."""
    images = _granule_images(meta, granule)
    extensions = _EXTENSIONS if not images.is_geotiff else (*_EXTENSIONS[1:], _EXTENSIONS[0])
    listed = [f for f in images.files if f.endswith(f"_{suffix}")]
    resolution = suffix.partition("_")[2]
    folder = f"GRANULE/{granule}/IMG_DATA" + (f"/R{resolution}" if resolution else "")
    stems = [*listed, *(f"GRANULE/{granule}/IMG_DATA/{f}" for f in listed if "/" not in f), f"{folder}/*_{suffix}"]
    for stem in stems:
        for extension in extensions:
            found = container.find(stem + extension)
            if found:
                return found[-1]
    return None


def _granule_images(meta: ProductMetadata, granule: str) -> GranuleImages:
    tile = tile_of(granule)
    mine = [g for g in meta.granules if tile_of(g.identifier) == tile]
    image_format = next((g.image_format for g in mine or meta.granules), "JPEG2000")
    return GranuleImages(granule, image_format, tuple(f for g in mine for f in g.files))


def _one(container: Container, pattern: str) -> str | None:
    return next(iter(container.find(pattern)), None)
