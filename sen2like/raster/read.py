"""Reading rasters: band 1 (or all bands) of a file or a part of it as it is, and checks that the file is where its metadata say.

A file is decoded block by block in threads of our own. GDAL's own threads are as fast, but lose the errors of the codec: a
truncated JPEG 2000 file would come back with zeros or rubbish in its last tiles and no error at all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
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


class RasterReader:
    """A raster whose parts are decoded one after the other, each by several threads; ``with`` closes the file.

    `path` is what GDAL opens; `what` says in messages what it is (``band B04 of S2A_...``). `RasterError`: the file is
    missing or unreadable.
    """

    def __init__(self, path: str, what: str = "", threads: int = 1):
        self._path, self._what, self._threads = path, what, threads
        self._first = self._open()
        self._others: list[DatasetReader] = []
        """Of further threads: a dataset serves one at a time."""

    def __enter__(self) -> RasterReader:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more will be read; to close it again does nothing."""
        for dataset in (self._first, *self._others):
            dataset.close()

    @property
    def shape(self) -> tuple[int, int]:
        return self._first.shape

    @property
    def dtype(self) -> str:
        return self._first.dtypes[0]

    @property
    def nodata(self) -> float | None:
        return self._first.nodata

    @property
    def layers(self) -> int:
        return self._first.count

    @property
    def block_rows(self) -> int:
        """Rows that are decoded together: it is quick to read whole multiples, from a multiple on."""
        return _window_shape(self._first)[0]

    def geobox(self) -> GeoBox:
        """`RasterError`: rotated, or without position."""
        return geobox_of(self._first, self._path, self._what)

    def read(self, out: np.ndarray, rows: slice, columns: slice | None = None, layers: Sequence[int] = (1,)) -> None:
        """Decode a part into `out` (n, y, x). `RasterError`: truncated or unreadable."""
        columns = columns or slice(0, self.shape[1])
        windows = list(_windows(_window_shape(self._first), rows, columns))
        pending = iter(windows)
        lock = threading.Lock()

        def work(source: DatasetReader) -> None:
            with _gdal(self._path, self._what):
                while True:
                    with lock:
                        window = next(pending, None)
                    if window is None:
                        return
                    down, across = window.toslices()
                    here = slice(down.start - rows.start, down.stop - rows.start)
                    there = slice(across.start - columns.start, across.stop - columns.start)
                    source.read(list(layers), window=window, out=out[:, here, there])

        threads = min(self._threads, len(windows))
        if threads <= 1:
            work(self._first)
            return
        while len(self._others) < threads - 1:
            self._others.append(self._open())  # in this thread: a new one would take ten times as long for its first
        with ThreadPoolExecutor(threads - 1) as pool:
            helpers = [pool.submit(work, other) for other in self._others[: threads - 1]]
            work(self._first)
            for future in helpers:
                future.result()

    def _open(self) -> DatasetReader:
        with _gdal(self._path, self._what):
            return rasterio.open(self._path)


def read_image(
    path: str,
    what: str = "",
    threads: int = 1,
    nodata: float | None = None,
    part: tuple[slice, slice] | None = None,
    empty: Empty = np.empty,
) -> Image:
    """Band 1 of a raster in its native type, on the file's own grid; whole, or `part` (rows, columns) of it.

    `path`, `what`: see `RasterReader`; `nodata` replaces the file's own no-data value; ``empty(shape, dtype)`` gives the
    array for the pixels. Raises `RasterError` if the file is missing, unreadable, truncated, rotated or without position.
    """
    with RasterReader(path, what, threads) as reader:
        geobox = reader.geobox()
        rows, columns = part or (slice(0, reader.shape[0]), slice(0, reader.shape[1]))
        data = empty((rows.stop - rows.start, columns.stop - columns.start), reader.dtype)
        reader.read(data[None], rows, columns)
        return Image(data, geobox if part is None else geobox[part], reader.nodata if nodata is None else nodata)


def read_layers(path: str, what: str = "", threads: int = 1) -> tuple[np.ndarray, GeoBox]:
    """All bands of a raster, (n, y, x) in the native type, and its grid. Errors as for :func:`read_image`."""
    with RasterReader(path, what, threads) as reader:
        data = np.empty((reader.layers, *reader.shape), reader.dtype)
        reader.read(data, slice(0, reader.shape[0]), layers=range(1, reader.layers + 1))
        return data, reader.geobox()


def read_geobox(path: str, what: str = "") -> GeoBox:
    """Grid of a raster; reads the header only. Errors as for :func:`read_image`."""
    with RasterReader(path, what) as reader:
        return reader.geobox()


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
def _gdal(path: str, what: str) -> Iterator[None]:
    """GDAL's options for what is done in this thread, and its errors as `RasterError`."""
    # Worker threads stay off (see above); side files are neither looked for nor written beside inputs.
    options = {"GDAL_NUM_THREADS": "1", "GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    try:
        with rasterio.Env(**options):
            yield
    except (RasterioError, OSError) as error:
        cause = error.__cause__ or error
        raise RasterError(f"{_label(path, what)}: missing, truncated or unreadable ({cause}); fetch the product again") from error


def _window_shape(dataset: DatasetReader) -> tuple[int, int]:
    """Rows and columns read at once: blocks of the file, several where they are small."""
    height, width = (size * -(-_MIN_WINDOW // size) for size in dataset.block_shapes[0])
    return height, width


def _windows(shape: tuple[int, int], rows: slice, columns: slice) -> Iterator[Window]:
    """Windows of that shape that cover the part wanted, cut to it."""
    height, width = shape
    for row in range(rows.start // height * height, rows.stop, height):
        for column in range(columns.start // width * width, columns.stop, width):
            across = slice(max(row, rows.start), min(row + height, rows.stop))
            along = slice(max(column, columns.start), min(column + width, columns.stop))
            yield Window.from_slices(across, along)


def geobox_of(dataset: DatasetReader, path: str, what: str = "") -> GeoBox:
    """Grid of an opened raster. `RasterError`: rotated, or without position."""
    transform, crs = dataset.transform, dataset.crs
    if crs is None or transform.is_identity:
        raise RasterError(f"{_label(path, what)}: the file has no projection or position on the ground")
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise RasterError(f"{_label(path, what)}: the image is rotated or not north-up ({tuple(transform)[:6]}); reproject it")
    epsg = crs.to_epsg()
    return GeoBox(dataset.shape, transform, crs.to_wkt() if epsg is None else f"EPSG:{epsg}")


def _label(path: str, what: str) -> str:
    return f"{what}: {path}" if what else path
