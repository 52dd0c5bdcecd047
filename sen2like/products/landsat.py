"""Landsat 8/9 products of USGS: Collection 1 and 2, Level-1 and Level-2, and those made before collections (spec 03 section 4).

Rasters are pixel-is-point: GDAL's origin is half a pixel up-left of the CORNER values of the metadata, so that the 30 m grid lies
15 m beside that of Sentinel-2. Grids are in the northern form of the UTM zone, also south of the equator.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.errors import MetadataError, ProductError, RasterError
from sen2like.grid.mapping import window
from sen2like.grid.mgrs import MGRSTile
from sen2like.products.container import Container
from sen2like.products.landsat_mtl import LandsatMetadata, Thermal, parse_mtl
from sen2like.products.model import NATIVE_NAMES, Angles, Band, Masks, Product
from sen2like.products.tar import open_archive
from sen2like.raster.image import Image
from sen2like.raster.read import check_grid, read_geobox, read_image
from sen2like.science import landsat_qa
from sen2like.science.masks import resize_nearest
from sen2like.science.toa import Radiometry

FAMILY = "Landsat 8/9 USGS"
COLLECTION_NAME = re.compile(
    r"L[COT]0(?P<satellite>[89])_(?P<level>L1TP|L1GT|L1GS|L2SP|L2SR)_(?P<path>\d{3})(?P<row>\d{3})_(?P<date>\d{8})"
    r"_(?P<generated>\d{8})_(?P<collection>\d{2})_(?P<tier>T1|T2|RT)"
)
"""``LC08_L1TP_196030_20171130_20171207_02_T1``; date ``%Y%m%d``."""
SCENE_NAME = re.compile(r"(?P<level>)L[COT](?P<satellite>[89])(?P<path>\d{3})(?P<row>\d{3})(?P<date>\d{7})[A-Z]{3}\d{2}")
"""``LC81960302017318MTI00``, before collections; the name does not tell the level; date ``%Y%j``."""
NAMES = ((COLLECTION_NAME, "%Y%m%d"), (SCENE_NAME, "%Y%j"))
"""Patterns of product names and the form of their date, for the table of families."""
METHODS = ("reference", "bits")
"""How quality bands become validity masks."""
_MTL = ("_mtl.txt", "_mtl.xml")
"""Endings of metadata files, what counts first."""
_FOLDER = ".tiff"
"""Ending of the folder that holds the files of some products made before collections."""
_EXTENSIONS = (".TIF", ".TIFF")
_THREADS = min(4, os.cpu_count() or 1)
MARGIN = 48
"""Pixels read around the tile: room for a displacement, the samples of the cubic and the erosion of the mask."""
REACH = MARGIN - 4
"""Largest displacement, pixels, that still finds all its pixels within the margin."""


@dataclass(frozen=True)
class BandInfo:
    """A row of the table of bands (``data/landsat_bands.csv``)."""

    name: str
    s2_name: str | None
    number: int
    resolution: float
    kind: str
    """``reflective``, ``panchromatic`` or ``thermal``: which grid it is on."""
    instrument: str
    processed: bool
    native: bool
    level2: str | None
    """Name in file names of Level-2 products (``SR_B5``); None: not in them."""

    def suffix(self, level2: bool) -> str | None:
        """What the file name ends in before the extension, without ``_``; None: the level has no such band."""
        return self.level2 if level2 else f"B{self.number}"


@cache
def band_table() -> dict[str, BandInfo]:
    """Bands of OLI and TIRS by name, in the order of their numbers."""
    with (files("sen2like") / "data" / "landsat_bands.csv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        return {
            r["band"]: BandInfo(
                r["band"], r["s2_name"] or None, int(r["number"]), float(r["resolution"]), r["kind"], r["instrument"],
                r["processed"] == "1", r["native"] == "1", r["level2"] or None,
            )
            for r in rows
        }  # fmt: skip


@dataclass(frozen=True)
class LandsatProduct(Product):
    """One scene, or what a tile needs of it. `threads`: threads that decode one image."""

    wanted: MGRSTile | None = field(repr=False)
    """Bands and masks are read around this tile only; None: whole."""
    metadata: LandsatMetadata = field(repr=False, compare=False)
    documents: dict[str, str] = field(repr=False, compare=False)
    """Names of metadata files by kind: ``product`` (MTL) and ``angles`` (ANG.txt)."""
    images: dict[str, Band] = field(repr=False, compare=False)
    """All bands whose file exists, also those that are not processed."""
    files: dict[str, str] = field(repr=False, compare=False)
    """Names in the container, by band and by ``quality``, ``VAA``, ``VZA``, ``SAA``, ``SZA``; only files that exist."""
    threads: int = field(default=_THREADS, repr=False, compare=False)
    _held: dict[str, Image] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Bands that the masks were made from, for who will ask for them next."""

    @property
    def path(self) -> int:
        """WRS-2 path."""
        return self.metadata.path

    @property
    def row(self) -> int:
        """WRS-2 row."""
        return self.metadata.row

    @property
    def scene_id(self) -> str:
        """LANDSAT_SCENE_ID."""
        return self.metadata.scene_id

    @property
    def missing_names(self) -> tuple[str, ...]:
        return tuple(band_table()[name].s2_name or NATIVE_NAMES[name] for name in self.missing_bands)

    @property
    def reach(self) -> float:
        return REACH

    def read(self, band: str, threads: int | None = None) -> Image:
        if band in self._held:
            return self._held.pop(band)
        if band not in self.images:
            raise RasterError(f"{self.name}: band {band} is not in the product; its file is missing from {self.container.path}")
        return self._read(self.images[band].path, f"band {band} of {self.name}", band_table()[band].kind, threads)

    def radiometry(self, band: str) -> Radiometry:
        """DN -> reflectance (spec 07 section 2.2), with the factors of the product's own level. Thermal bands have none: their
        DN pass unchanged, and `thermal` gives their scale."""
        if band in band_table() and band_table()[band].kind == "thermal":
            return Radiometry(dark_is_zero=True)
        if band not in self.metadata.reflectance:
            raise MetadataError(f"{self.container.label(self.documents['product'])}: no REFLECTANCE_MULT for band {band}")
        mult, add = self.metadata.reflectance[band]
        divisor = 1.0 if self.is_level2 else float(np.sin(np.radians(self.metadata.sun_elevation)))
        return Radiometry(mult, add, divisor, dark_is_zero=True)

    def thermal(self, band: str) -> Thermal:
        """Scale of a thermal band: B10, B11."""
        if band not in self.metadata.thermal:
            raise MetadataError(f"{self.container.label(self.documents['product'])}: no thermal constants for band {band}")
        return self.metadata.thermal[band]

    def read_angles(self, method: str) -> Angles:
        from sen2like.products.landsat_angles import AngleFiles, read_angles

        bands = {name: self.files.get(name, listed) for name, listed in self.metadata.angle_files.items()}
        template = next(self.files[b.name] for b in band_table().values() if b.name in self.files and b.kind == "reflective")
        angle_files = AngleFiles(template, bands, self.documents.get("angles"))
        return read_angles(self.container, angle_files, self.metadata.centre_time, method, self.scene_id)

    def read_masks(self, scl: str | None = None, quality: str = "reference") -> Masks:
        """Validity from the quality band, no data from the first band; on the grid of the 30 m bands.

        `quality`: ``reference`` compares quality values with a threshold (spec 04 section 3.1), ``bits`` decodes them (section
        11.1). `ProductError` if there is no quality band, `RasterError` if it cannot be read; `scl` is for Sentinel-2 only.
        """
        if scl is not None:
            raise ProductError(f"{self.name}: a scene classification ({scl}) replaces the masks of Sentinel-2 products only")
        if quality not in METHODS:
            raise ValueError(f"mask method {quality!r} is not one of {', '.join(METHODS)}")
        notices: list[str] = []
        band = self._quality()
        collection = self.metadata.collection
        undefined = landsat_qa.count_undefined(band.data, collection)
        if undefined:
            notices.append(f"{self.name}: {undefined} pixels of the quality band have values that its collection does not define")
        rule = landsat_qa.reference_valid if quality == "reference" else landsat_qa.bits_valid
        valid = rule(band.data, collection)
        data = self._data(band.geobox, notices)
        if not valid.any():
            notices.append(f"{self.name}: the mask has no valid pixel")
        return Masks(Image(valid, band.geobox), Image(data, band.geobox), tuple(notices))

    def document(self, kind: str) -> bytes | None:
        name = self.documents.get(kind)
        return None if name is None else self.container.read(name)

    def _quality(self) -> Image:
        listed = self.metadata.quality_file
        if "quality" not in self.files:
            what = f"quality band {listed} is missing" if listed else "the metadata name no quality band"
            raise ProductError(f"{self.container.path}: {what}, so there is no mask; the product is incomplete")
        image = self._read(self.container.gdal_path(self.files["quality"]), f"quality band of {self.name}", "reflective")
        if image.dtype != np.uint16:
            raise RasterError(f"{self.container.label(self.files['quality'])}: values are {image.dtype}, not uint16")
        return image

    def _data(self, geobox: GeoBox, notices: list[str]) -> np.ndarray:
        band = next((b for b in self.images if band_table()[b].kind == "reflective"), None)
        if band is None:
            raise ProductError(f"{self.name}: no band to tell where data are in {self.container.path}; the product is incomplete")
        if band != "B01":
            notices.append(f"{self.name}: B01 is missing; no-data mask made from {band}")
        image = self._held[band] = self.read(band)
        return resize_nearest(landsat_qa.data_mask(image.data), (geobox.shape.y, geobox.shape.x))

    def _read(self, path: str, what: str, kind: str, threads: int | None = None) -> Image:
        geobox, meta = read_geobox(path, what), self.metadata
        check_grid(geobox, meta.epsg, *meta.origin(kind), meta.extent(kind), what)
        part = None if self.wanted is None else window(geobox, self.wanted.geobox(geobox.resolution.x), MARGIN)
        return read_image(path, what, threads or self.threads, nodata=0, part=part)


def open_landsat(path: str, tile: MGRSTile | None = None, extraction_folder: str | None = None) -> LandsatProduct:
    """Open the scene at `path` (folder, zip, tar; tar.gz is extracted below `extraction_folder`); `tile`: the tile asked for.

    Raises `MetadataError` if its MTL is missing, damaged or of another scene, `ProductError` if it cannot be processed.
    """
    container = open_archive(path, extraction_folder)
    mtl_file = find_mtl(container)
    if mtl_file is None:
        raise MetadataError(f"{container.path}: no metadata (*_MTL.txt, *_MTL.xml); the product is incomplete")
    meta = parse_mtl(container.read(mtl_file), container.label(mtl_file))
    _check_identity(container, mtl_file, meta)
    notices = list(meta.notices)
    found, missing = _band_files(container, mtl_file, meta, notices)
    images = {name: _band(container, name, file) for name, file in found.items()}
    if not images:
        raise ProductError(f"{container.path}: none of its band files exists; the product is incomplete")
    if missing:
        notices.append(f"{meta.product_id}: no file for band {', '.join(missing)}")
    others = {"quality": meta.quality_file, "angles": meta.angle_coefficients, **meta.angle_files}
    if tile is not None:
        _check_touches(container, meta.product_id, next(iter(images.values())).path, tile)
    listed = {kind: _listed(container, mtl_file, name) for kind, name in others.items() if name is not None}
    existing = {kind: name for kind, name in listed.items() if name is not None}
    angles = existing.pop("angles", None)
    return LandsatProduct(
        name=meta.product_id,
        container=container,
        family=FAMILY,
        sensor=f"L{meta.satellite}",
        sensor_name=f"LS{meta.satellite}",
        mission=meta.mission,
        instrument=meta.instrument,
        level=meta.level,
        tile=None if tile is None else tile.id,
        acquisition=meta.acquisition,
        datatake_start=meta.acquisition,
        datastrip_start=meta.acquisition,
        generation_time=meta.generation_time,
        relative_orbit=meta.path,
        absolute_orbit="000000",
        baseline=meta.software,
        cloud_cover=meta.cloud_cover,
        sun_zenith=90.0 - meta.sun_elevation,
        sun_azimuth=meta.sun_azimuth,
        centre=meta.centre,
        refined=False,
        epsg=meta.epsg,
        wanted=tile,
        bands={name: band for name, band in images.items() if band_table()[name].processed},
        missing_bands=missing,
        notices=tuple(notices),
        metadata=meta,
        documents={"product": mtl_file} | ({} if angles is None else {"angles": angles}),
        images=images,
        files=found | existing,
    )


def _check_touches(container: Container, name: str, image: str, tile: MGRSTile) -> None:
    if window(read_geobox(image, name), tile.geobox(30.0)) is None:
        raise ProductError(f"{container.path}: the scene does not touch tile {tile.id}; choose a tile that it covers")


def find_mtl(container: Container) -> str | None:
    """Name of the metadata file, text before XML; None if there is none. Several scenes in one folder are a `ProductError`."""
    # The root first and without walking the tree: the folder may turn out to be a whole archive.
    root = container.root()
    nested = any(name.lower().endswith(_FOLDER) for name in root)
    for names in (root, container.find(f"*{_FOLDER}/*") if nested else ()):
        for ending in _MTL:
            found = [n for n in names if n.lower().endswith(ending) and not n.rsplit("/", 1)[-1].startswith("._")]
            own = [name for name in found if _stem(name) == container.name]
            if own or len(found) == 1:
                return (own or found)[0]
            if found:
                raise ProductError(f"{container.path}: metadata of {len(found)} scenes: {', '.join(found[:5])}; give one scene")
    return None


def _stem(mtl_file: str) -> str:
    return mtl_file.rsplit("/", 1)[-1][: -len("_MTL.txt")]


def _check_identity(container: Container, mtl_file: str, meta: LandsatMetadata) -> None:
    """The names of the file and of the folder, where they are product names, must be those of the scene."""
    for what, name in (("the file", _stem(mtl_file)), ("the product", container.name)):
        known = any(pattern.fullmatch(name) for pattern, _ in NAMES)
        if known and name not in (meta.product_id, meta.scene_id):
            raise MetadataError(
                f"{container.label(mtl_file)}: the metadata are of {meta.product_id}, but {what} is named {name}; "
                "fetch the product again"
            )


def _band(container: Container, name: str, file: str) -> Band:
    info = band_table()[name]
    return Band(name, info.s2_name, container.gdal_path(file), info.resolution, info.native, info.kind)


def _band_files(
    container: Container, mtl_file: str, meta: LandsatMetadata, notices: list[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """File names by band, as the metadata list them or else by their ending, and the processed bands that have none."""
    found, missing = {}, []
    for info in band_table().values():
        suffix = info.suffix(meta.is_level2)
        if suffix is None or info.instrument not in meta.instrument or (meta.level == "L2SR" and info.kind == "thermal"):
            continue
        listed = meta.band_files.get(info.name)
        name = None if listed is None else _listed(container, mtl_file, listed)
        if name is None:
            name = _by_ending(container, mtl_file, suffix)
            if name is not None:
                notices.append(f"{meta.product_id}: band {info.name} is {name}, which the metadata do not list")
        if name is not None:
            found[info.name] = name
        elif info.processed:
            missing.append(info.name)
    return found, tuple(missing)


def _listed(container: Container, mtl_file: str, name: str) -> str | None:
    """A file that the metadata name, beside them; the case of its name does not matter."""
    folder = mtl_file.rpartition("/")[0]
    return next(iter(container.find(f"{folder}/{name}" if folder else name)), None)


def _by_ending(container: Container, mtl_file: str, suffix: str) -> str | None:
    folder = mtl_file.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    found = [name for extension in _EXTENSIONS for name in container.find(f"{prefix}*_{suffix}{extension}")]
    # B5 of a Level-1 product is neither SR_B5 nor a hidden file that packing tools left.
    other = re.compile(rf"(.*/)?(\._.*|.*_(SR|ST)_{suffix}\..*)", re.IGNORECASE)
    wanted = [name for name in found if not other.fullmatch(name)]
    return wanted[-1] if wanted else None
