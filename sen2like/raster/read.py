"""Reading rasters: band 1 (or all bands) of a file or a part of it as it is, and checks that the file is where its metadata say.

A file is decoded block by block in threads of our own. GDAL's own threads are as fast, but lose the errors of the codec: a
truncated JPEG 2000 file would come back with zeros or rubbish in its last tiles and no error at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from sen2like.errors import RasterError
from sen2like.raster.image import Image
from sen2like.science.scratch import Empty

_MIN_WINDOW = 512
"""Blocks smaller than this (strips of a GeoTIFF) are read several at once."""
_ORIGIN_TOLERANCE = 0.01
"""pixels"""


def read_image(
    path: str,
    what: str = "",
    threads: int = 1,
    nodata: float | None = None,
    part: tuple[slice, slice] | None = None,
    empty: Empty = np.empty,
) -> Image:
    """Band 1 of a raster in its native type, on the file's own grid; whole, or `part` (rows, columns) of it.

    `path` is what GDAL opens; `what` says in messages what it is (``band B04 of S2A_...``); `nodata` replaces the file's own
    no-data value; ``empty(shape, dtype)`` gives the array for the pixels. Raises `RasterError` if the file is missing,
    unreadable, truncated, rotated or without position.
    """
    with _opened(path, what) as dataset:
        geobox = _geobox(dataset, path, what)
        nodata = dataset.nodata if nodata is None else nodata
        data = _read(dataset, [1], threads, path, what, part, empty)[0]
        return Image(data, geobox if part is None else geobox[part], nodata)


def read_layers(path: str, what: str = "", threads: int = 1) -> tuple[np.ndarray, GeoBox]:
    """All bands of a raster, (n, y, x) in the native type, and its grid. Errors as for :func:`read_image`."""
    with _opened(path, what) as dataset:
        return _read(dataset, list(dataset.indexes), threads, path, what), _geobox(dataset, path, what)


def read_geobox(path: str, what: str = "") -> GeoBox:
    """Grid of a raster; reads the header only. Errors as for :func:`read_image`."""
    with _opened(path, what) as dataset:
        return _geobox(dataset, path, what)


def check_grid(
    geobox: GeoBox, epsg: int, ulx: float, uly: float, extent: tuple[float, float] | None = None, what: str = ""
) -> None:
    """Raise `RasterError` unless a file's grid is where the metadata say.

    CRS and upper-left corner (metres) must agree; the pixel size is free, since decimated products exist. `extent` (width,
    height in metres) may be missed by less than one pixel.
    """
    found = geobox.crs.epsg if geobox.crs is not None else None
    if found != epsg and (geobox.crs is None or geobox.crs != f"EPSG:{epsg}"):
        raise RasterError(f"{what}: projection is {geobox.crs}, but the metadata say EPSG:{epsg}; the product is inconsistent")
    transform = geobox.transform
    pixel = abs(transform.a), abs(transform.e)
    for axis, at, wanted, size in (("x", transform.c, ulx, pixel[0]), ("y", transform.f, uly, pixel[1])):
        if abs(at - wanted) > _ORIGIN_TOLERANCE * size:
            raise RasterError(f"{what}: upper-left {axis} is {at:.10g} m, but the metadata say {wanted:.10g} m")
    if extent is not None:
        rows, columns = geobox.shape
        for axis, metres, wanted, size in (
            ("width", columns * pixel[0], extent[0], pixel[0]),
            ("height", rows * pixel[1], extent[1], pixel[1]),
        ):
            if abs(metres - wanted) >= size:
                raise RasterError(f"{what}: {axis} is {metres:.10g} m, but the metadata say {wanted:.10g} m")


@contextmanager
def _opened(path: str, what: str) -> Iterator[DatasetReader]:
    # Worker threads stay off (see above); side files are neither looked for nor written beside inputs.
    options = {"GDAL_NUM_THREADS": "1", "GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    try:
        with rasterio.Env(**options), rasterio.open(path) as dataset:
            yield dataset
    except (RasterioError, OSError) as error:
        cause = error.__cause__ or error
        raise RasterError(f"{_label(path, what)}: missing, truncated or unreadable ({cause}); fetch the product again") from error


def _read(
    dataset: DatasetReader,
    indexes: list[int],
    threads: int,
    path: str,
    what: str,
    part: tuple[slice, slice] | None = None,
    empty: Empty = np.empty,
) -> np.ndarray:
    part = part or (slice(0, dataset.height), slice(0, dataset.width))
    top, left = part[0].start, part[1].start
    out = empty((len(indexes), part[0].stop - top, part[1].stop - left), dataset.dtypes[0])
    windows = list(_windows(dataset.block_shapes[0], *part))
    pending = iter(windows)
    lock = threading.Lock()

    def work(source: DatasetReader) -> None:
        while True:
            with lock:
                window = next(pending, None)
            if window is None:
                return
            rows, columns = window.toslices()
            here = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            source.read(indexes, window=window, out=out[:, *here])

    def helper() -> None:
        # A dataset serves one thread only, and rasterio's options belong to the thread that sets them.
        with _opened(path, what) as source:
            work(source)

    threads = min(threads, len(windows))
    if threads <= 1:
        work(dataset)
        return out
    with ThreadPoolExecutor(threads - 1) as pool:
        helpers = [pool.submit(helper) for _ in range(threads - 1)]
        work(dataset)
        for future in helpers:
            future.result()
    return out


def _windows(block: tuple[int, int], rows: slice, columns: slice) -> Iterator[Window]:
    """Whole blocks of the file, several at once where they are small, cut to the part that is wanted."""
    height, width = (size * -(-_MIN_WINDOW // size) for size in block)
    for row in range(rows.start // height * height, rows.stop, height):
        for column in range(columns.start // width * width, columns.stop, width):
            across = slice(max(row, rows.start), min(row + height, rows.stop))
            along = slice(max(column, columns.start), min(column + width, columns.stop))
            yield Window.from_slices(across, along)


def _geobox(dataset: DatasetReader, path: str, what: str) -> GeoBox:
    transform, crs = dataset.transform, dataset.crs
    if crs is None or transform.is_identity:
        raise RasterError(f"{_label(path, what)}: the file has no projection or position on the ground")
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise RasterError(f"{_label(path, what)}: the image is rotated or not north-up ({tuple(transform)[:6]}); reproject it")
    epsg = crs.to_epsg()
    return GeoBox(dataset.shape, transform, crs.to_wkt() if epsg is None else f"EPSG:{epsg}")


def _label(path: str, what: str) -> str:
    return f"{what}: {path}" if what else path
