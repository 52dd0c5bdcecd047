"""Files of a past Sentinel-2 L2F product that fusion needs: found, and checked before anything depends on them (spec 06)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.windows import Window

from sen2like.errors import AuxiliaryError, RasterError
from sen2like.grid.mgrs import MGRSTile
from sen2like.raster.read import geobox_of, read_image

_IMAGE = re.compile(r"[^.].*_\d+m\.(TIF|jp2)", re.ASCII)
_SAME_SIZE = 1e-6
"""Relative difference of pixel sizes that are the same."""
_ORIGIN_TOLERANCE = 0.01
"""Pixels that the corner may lie off that of the tile."""
_DN_TOLERANCE = 0.01
"""DN that two encodings of reflectance 1 may differ by: tags are decimal fractions."""


@dataclass(frozen=True)
class Needs:
    """What files must be like: `tile` is their ground, `bands` gives Landsat's pixel size (metres) by Sentinel-2 name.

    DN = reflectance * `gain` + `offset`.
    """

    tile: MGRSTile
    bands: Mapping[str, float]
    gain: float
    offset: float


@dataclass(frozen=True)
class PastImage:
    """A band of a past product. `resolution` in metres, from the file."""

    path: Path
    resolution: float
    low: Path | None
    """The same band at the pixel size of Landsat, where the product has one (old versions wrote it)."""


@dataclass(frozen=True)
class _Header:
    resolution: float
    dtype: str
    scale: float
    offset: float


def find_image(folder: Path, band: str, needs: Needs) -> PastImage:
    """The finest image of a band, and the one of Landsat's pixel size beside it.

    `AuxiliaryError` or `RasterError`, naming file and cause: there is none finer than Landsat, or a file of the band is
    truncated, not uint16, not exactly on the tile, or tells another scale and offset than those of `needs`.
    """
    files = _image_files(folder, band)
    if not files:
        raise AuxiliaryError(f"it has no image of {band} (GRANULE/*/IMG_DATA/*_{band}_<size>m.TIF or .jp2)")
    sizes = {path: _image_resolution(path, needs) for path in files}
    path, landsat = min(sizes, key=lambda file: sizes[file]), needs.bands[band]
    if sizes[path] >= landsat * (1 - _SAME_SIZE):
        raise AuxiliaryError(f"{path}: pixels of {sizes[path]:g} m hold no detail that Landsat of {landsat:g} m lacks")
    low = [file for file, size in sizes.items() if same_size(size, landsat)]
    return PastImage(path, sizes[path], low[0] if low else None)


def find_mask(folder: Path, tile: MGRSTile) -> Path:
    """The validity mask; `AuxiliaryError` or `RasterError` if there is none, or it is truncated, not uint8 or not on `tile`."""
    masks = sorted(path for path in folder.glob("GRANULE/*/QI_DATA/*_MSK.TIF") if path.name[0] != ".")
    if not masks:
        raise AuxiliaryError("it has no validity mask GRANULE/*/QI_DATA/*_MSK.TIF")
    header = _header(masks[0], tile)
    if header.dtype != "uint8":
        raise AuxiliaryError(f"{masks[0]} holds {header.dtype}, a mask holds uint8")
    return masks[0]


def same_size(one: float, other: float) -> bool:
    """Both pixel sizes are the same but for rounding."""
    return math.isclose(one, other, rel_tol=_SAME_SIZE)


def pixels(path: Path, threads: int = 1) -> np.ndarray:
    """All of a file. `AuxiliaryError`: it cannot be read."""
    try:
        return read_image(str(path), threads=threads).data
    except RasterError as error:
        raise AuxiliaryError(f"{path} is missing, truncated or unreadable ({error.__cause__ or error})") from error


def _image_files(folder: Path, band: str) -> list[Path]:
    """Images of a band of all pixel sizes; those of NATIVE only when there are no others, JPEG 2000 only without a TIF."""
    for place in ("GRANULE/*/IMG_DATA", "GRANULE/*/IMG_DATA/NATIVE"):
        found = sorted(path for path in folder.glob(f"{place}/*_{band}_*m.*") if _IMAGE.fullmatch(path.name))
        if found:
            return list({path.with_suffix(""): path for path in reversed(found)}.values())
    return []


def _image_resolution(path: Path, needs: Needs) -> float:
    header = _header(path, needs.tile)
    if header.dtype != "uint16":
        raise AuxiliaryError(f"{path} holds {header.dtype}, an image holds uint16")
    scale, offset = 1 / needs.gain, 0 - needs.offset / needs.gain
    tolerance = _DN_TOLERANCE / needs.gain
    if abs(header.offset - offset) <= tolerance and math.isclose(header.scale, scale, rel_tol=tolerance):
        return header.resolution
    found = f"scale {header.scale:g} and offset {header.offset + 0:g}"  # + 0: no "-0"
    if (header.scale, header.offset) == (1, 0):
        beside = f" (they are kept in {path.name}.aux.xml)" if path.suffix == ".jp2" else ""
        found = f"no scale and offset{beside}"
    wanted = f"scale {scale:g} and offset {offset:g} (gain {needs.gain:g}, offset {needs.offset:g})"
    raise AuxiliaryError(f"{path} tells {found}, products of this run have {wanted}")


def _header(path: Path, tile: MGRSTile) -> _Header:
    """What a file says about itself; it must have one band that covers the tile, and its last block must be readable."""
    # side files hold the tags of JPEG 2000; one thread, because those of GDAL lose the errors of the codec
    options = {"GDAL_NUM_THREADS": "1", "GDAL_PAM_ENABLED": "YES", "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}
    try:
        with rasterio.Env(**options), rasterio.open(path) as dataset:
            count, dtype, scale, offset = dataset.count, dataset.dtypes[0], dataset.scales[0], dataset.offsets[0]
            dataset.read(1, window=Window(dataset.width - 1, dataset.height - 1, 1, 1))
            geobox = geobox_of(dataset, str(path))
    except (RasterioError, OSError) as error:
        raise AuxiliaryError(f"{path} is truncated or unreadable ({error.__cause__ or error})") from error
    if count != 1:
        raise AuxiliaryError(f"{path} has {count} bands instead of one")
    _check_on_tile(path, geobox, tile)
    return _Header(geobox.resolution.x, dtype, scale, offset)


def _check_on_tile(path: Path, geobox: GeoBox, tile: MGRSTile) -> None:
    epsg = geobox.crs.epsg if geobox.crs else None
    if epsg != tile.epsg:
        raise AuxiliaryError(f"{path} has projection {geobox.crs}, tile {tile.id} has EPSG:{tile.epsg}")
    west, north, size = geobox.transform.c, geobox.transform.f, geobox.resolution.x
    if not same_size(size, -geobox.resolution.y):
        raise AuxiliaryError(f"{path} has pixels of {size:g} x {-geobox.resolution.y:g} m, which are not square")
    wanted = tile.geobox(size)
    off = max(abs(west - tile.ulx), abs(north - tile.uly))
    if off > _ORIGIN_TOLERANCE * size or geobox.shape != wanted.shape:
        raise AuxiliaryError(
            f"{path} has its corner at ({west:.10g}, {north:.10g}) and {geobox.shape.x} x {geobox.shape.y} pixels of {size:g} m, "
            f"tile {tile.id} has ({tile.ulx:.10g}, {tile.uly:.10g}) and {wanted.shape.x} x {wanted.shape.y}"
        )
