"""Masks of a Sentinel-2 product: which files they come from, and on which grid they are made (spec 04 section 2).

The mask grid is that of the 20 m bands as found in the files, so a decimated product gets decimated masks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from lxml import etree
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from sen2like.errors import MetadataError, ProductError, RasterError
from sen2like.products.container import Container
from sen2like.products.model import Band, Masks
from sen2like.products.sentinel2_metadata import TileMetadata
from sen2like.raster.image import Image
from sen2like.raster.read import check_grid, read_geobox, read_image, read_layers
from sen2like.science import masks as science

MASK_RESOLUTION = 20.0
"""Nominal pixel size of the masks, metres."""
GRID_BANDS = ("B8A", "B05", "B06", "B07", "B11", "B12")
"""Bands whose grid the masks take, in order of preference."""
NODATA_BANDS = ("B01", "B09", *GRID_BANDS[1:4], "B8A", *GRID_BANDS[4:], "B02", "B03", "B04", "B08")
"""Bands that tell where data are, coarsest first. B10 is not among them: outside clouds it is about as dark as no data."""
_DETECTOR = re.compile(r"-(\d{2})-\d+$")


@dataclass(frozen=True)
class MaskSource:
    """What masks are made from: the product's image files by band (also unprocessed ones), tile metadata, and its name."""

    container: Container
    images: dict[str, Band]
    tile: TileMetadata
    granule: str
    scl: str | None
    """SCL raster of the product, GDAL path."""
    level2: bool
    name: str
    threads: int


@dataclass(frozen=True)
class Polygon:
    """One feature of a GML mask: type (``OPAQUE``, ``CIRRUS``, ``DETECTOR_FOOTPRINT`` ...), id, rings as (n, 2) metres."""

    type: str
    id: str
    exterior: np.ndarray
    interiors: tuple[np.ndarray, ...]

    @property
    def geometry(self) -> dict:
        return {"type": "Polygon", "coordinates": [ring.tolist() for ring in (self.exterior, *self.interiors)]}


def read_masks(source: MaskSource, scl: str | None = None) -> Masks:
    """Masks from the scene classification (`scl` if given, else the product's own), else from B01 and the cloud mask."""
    notices: list[str] = []
    geobox = mask_geobox(source)
    if scl or source.scl:
        path = scl or source.scl
        valid, data = _from_scl(source, str(path), geobox, notices)
    else:
        if source.level2:
            notices.append(f"{source.name}: Level-2A without scene classification; masks are made as for Level-1C")
        data = _data(source, geobox, notices)
        clear = _clear(source, geobox, notices)
        valid = data.copy() if clear is None else np.minimum(clear, data)
    if not valid.any():
        notices.append(f"{source.name}: the mask has no valid pixel")
    return Masks(Image(valid, geobox), Image(data, geobox), tuple(notices))


def mask_geobox(source: MaskSource) -> GeoBox:
    """Grid of the 20 m bands as found in the files, else derived from that of another band."""
    for band in (*GRID_BANDS, "B02", "B03", "B04", "B08", "B01", "B09", "B10"):
        if band not in source.images:
            continue
        image = source.images[band]
        found = read_geobox(image.path, _what(source, band))
        _check(source, found, _what(source, band))
        scale = MASK_RESOLUTION / image.resolution
        if scale == 1:
            return found
        rows, columns = (math.ceil(round(n / scale, 6)) for n in found.shape)
        t = found.transform
        return GeoBox((rows, columns), Affine(t.a * scale, 0, t.c, 0, t.e * scale, t.f), found.crs)
    raise ProductError(f"{source.name}: no band file at all in {source.container.path}; the product is incomplete")


def detectors(source: MaskSource, band: str, band_id: int) -> Image | None:
    """Detector number of each pixel of a band (0 = none); None if there is no footprint file. Overlapping polygons: the later."""
    listed = next((m.path for m in source.tile.masks if m.type == "MSK_DETFOO" and m.band_id == band_id), "")
    name = find_mask(source.container, source.granule, listed, f"MSK_DETFOO_{band}")
    if name is None:
        return None
    image = source.images[band]
    geobox = read_geobox(image.path, _what(source, band))
    what = f"detector footprint of {_what(source, band)}"
    if not name.lower().endswith(".gml"):
        footprint = read_image(source.container.gdal_path(name), what, source.threads)
        _check(source, footprint.geobox, what)
        return Image(_resized(footprint.data, footprint.geobox, geobox).astype(np.uint8, copy=False), geobox, 0)
    shapes = []
    for polygon in parse_gml(source.container.read(name), source.container.label(name)):
        number = _DETECTOR.search(polygon.id)
        if number is None:
            raise MetadataError(f"{source.container.label(name)}: feature {polygon.id!r} does not tell its detector")
        shapes.append((polygon.geometry, int(number[1])))
    return Image(_burn(shapes, geobox, fill=0), geobox, 0)


def find_mask(container: Container, granule: str, listed: str, stem: str) -> str | None:
    """Name of a mask file: as listed (a path, or a bare name of the old format), any raster extension, else by its stem."""
    folder = f"GRANULE/{granule}/QI_DATA"
    base = listed.rsplit("/", 1)[-1].rsplit(".", 1)[0] or stem
    for candidate in (listed, f"{folder}/{listed}"):
        if listed and container.exists(candidate):
            return candidate
    for extension in (".jp2", ".tif", ".tiff", ".gml"):
        found = container.find(f"{folder}/{base}{extension}")
        if found:
            return found[0]
    return None


def parse_gml(data: bytes, name: str) -> list[Polygon]:
    """Polygons of a GML mask (``eop:MaskFeature``); heights are dropped. `MetadataError` if it is not well formed."""
    try:
        root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise MetadataError(f"{name}, line {line}, column {column}: not well-formed XML ({error.msg})") from error
    polygons = []
    for feature in root.iter("{*}MaskFeature"):
        kind = (feature.findtext("{*}maskType") or "").strip()
        identifier = next((v for k, v in feature.attrib.items() if k.rpartition("}")[2] == "id"), "")
        for polygon in feature.iter("{*}Polygon"):
            outer = [_ring(e, name) for ring in polygon.iter("{*}exterior") for e in ring.iter("{*}posList")]
            inner = [_ring(e, name) for ring in polygon.iter("{*}interior") for e in ring.iter("{*}posList")]
            if len(outer) != 1:
                raise MetadataError(f"{name}, line {polygon.sourceline}: polygon without exactly one exterior ring")
            polygons.append(Polygon(kind, identifier, outer[0], tuple(inner)))
    return polygons


def _ring(element: etree._Element, name: str) -> np.ndarray:
    dimension = int(element.get("srsDimension", "2"))
    try:
        values = np.array((element.text or "").split(), float).reshape(-1, dimension)
    except ValueError as error:
        raise MetadataError(f"{name}, line {element.sourceline}: posList is not {dimension} numbers per point") from error
    if len(values) < 4:
        raise MetadataError(f"{name}, line {element.sourceline}: a ring of {len(values)} points is not closed")
    return values[:, :2]


def _from_scl(source: MaskSource, path: str, geobox: GeoBox, notices: list[str]) -> tuple[np.ndarray, np.ndarray]:
    what = f"scene classification of {source.name}"
    scl = read_image(path, what, source.threads)
    _check(source, scl.geobox, f"{what} ({path})")
    unknown = science.count_unknown_classes(scl.data)
    if unknown:
        notices.append(f"{what}: {unknown} pixels of a class above 11 are taken as not valid")
    valid, data = science.scl_masks(_resized(scl.data, scl.geobox, geobox))
    return valid, data


def _data(source: MaskSource, geobox: GeoBox, notices: list[str]) -> np.ndarray:
    band = next((b for b in NODATA_BANDS if b in source.images), None)
    if band is None:
        raise ProductError(f"{source.name}: no band to tell where data are in {source.container.path}; the product is incomplete")
    if band != "B01":
        notices.append(f"{source.name}: B01 is missing; no-data mask made from {band}")
    image = read_image(source.images[band].path, _what(source, band), source.threads)
    _check(source, image.geobox, _what(source, band))
    margin = round(science.NODATA_MARGIN_M / source.images[band].resolution)
    return _resized(science.data_mask(image.data, margin), image.geobox, geobox)


def _clear(source: MaskSource, geobox: GeoBox, notices: list[str]) -> np.ndarray | None:
    """Cloud mask on the mask grid, 1 = clear; None when there is none or it names no cloud."""
    listed = {m.type: m.path for m in source.tile.masks if m.type in ("MSK_CLASSI", "MSK_CLOUDS")}
    for kind in ("MSK_CLASSI", "MSK_CLOUDS"):
        name = find_mask(source.container, source.granule, listed.get(kind, ""), f"{kind}_B00")
        if name is None:
            continue
        if name.lower().endswith(".gml"):
            polygons = parse_gml(source.container.read(name), source.container.label(name))
            return _burn([(p.geometry, 0) for p in polygons], geobox, fill=1) if polygons else None
        return _from_classification(source, name, geobox, notices)
    cause = f"{next(iter(listed.values()))} is missing" if listed else "the product has no cloud mask"
    notices.append(f"{source.name}: {cause}; all pixels with data are taken as valid")
    return None


def _from_classification(source: MaskSource, name: str, geobox: GeoBox, notices: list[str]) -> np.ndarray | None:
    what = f"cloud mask of {source.name}"
    try:
        layers, found = read_layers(source.container.gdal_path(name), what, source.threads)
    except RasterError as error:
        notices.append(f"{error}; all pixels with data are taken as valid")
        return None
    _check(source, found, f"{what} ({name})")
    if len(layers) < 3:
        notices.append(f"{what}: {len(layers)} layers instead of 3 (opaque, cirrus, snow); those present are used")
    return _resized(science.clear_mask(layers), found, geobox)


def _burn(shapes: Sequence[tuple[dict, int]], geobox: GeoBox, fill: int) -> np.ndarray:
    """Polygons burnt over `fill`: a pixel belongs to a polygon that holds its centre; later ones win."""
    if not shapes:
        return np.full(geobox.shape, fill, np.uint8)
    return rasterize(shapes, geobox.shape, fill=fill, transform=geobox.transform, all_touched=False, dtype="uint8")


def _resized(values: np.ndarray, found: GeoBox, wanted: GeoBox) -> np.ndarray:
    ratio = abs(wanted.transform.e / found.transform.e), abs(wanted.transform.a / found.transform.a)
    return science.resize_nearest(values, (wanted.height, wanted.width), ratio)


def _check(source: MaskSource, geobox: GeoBox, what: str) -> None:
    tile = source.tile
    check_grid(geobox, tile.epsg, tile.ulx, tile.uly, tile.extent, what)


def _what(source: MaskSource, band: str) -> str:
    return f"band {band} of {source.name}"
