"""Writing rasters: Cloud Optimized GeoTIFF, plain GeoTIFF, JPEG 2000 (spec 10 section 6).

Arrays are handed to GDAL by address (its MEM driver), so nothing is copied: overviews are made beside them, here or by GDAL,
and the file is written in one pass. Every file is complete or an error is raised; where it goes (a temporary folder, see
`sen2like.packaging.writer`) is the caller's business.
"""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from lxml import etree
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from sen2like.errors import PackagingError
from sen2like.science.means import block_modes

_GDAL_TYPES = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}
_MIN_OVERVIEW = 16
"""An overview smaller than this on its short side serves nobody."""
_JP2_TILES = {10: 1024, 20: 640, 60: 192}
"""Tile sizes of Sentinel-2 L1C images (PSD), by nominal pixel size; 1024 elsewhere."""


@dataclass(frozen=True)
class RasterFormat:
    """How image files are written. `name` is ``COG``, ``GTIFF`` or ``JPEG2000``."""

    name: str = "COG"
    compression: str = "DEFLATE"
    predictor: int = 2
    level: int | None = 1
    """Effort of DEFLATE (1..9) or ZSTD (1..22); None: GDAL's default. The pixels are the same."""
    blocksize: int = 1024
    interleave: str = "PIXEL"
    overviews: Mapping[int, Sequence[int]] = field(
        default_factory=lambda: {10: (2, 6, 12, 36), 15: (2, 4, 8, 24), 20: (3, 6, 18), 30: (2, 4, 12), 60: (2, 6)}
    )
    """Overview factors by pixel size in metres; a size that is not listed takes the 10 m list."""
    resampling: str = "AVERAGE"
    mask_resampling: str = "MODE"
    lossless: bool = True
    """JPEG 2000 only."""

    @property
    def extension(self) -> str:
        return ".jp2" if self.name == "JPEG2000" else ".TIF"

    def factors(self, geobox: GeoBox) -> list[int]:
        """Overview factors for a raster on that grid, of a format that has overviews."""
        if self.name != "COG":
            return []
        listed = self.overviews.get(round(abs(geobox.resolution.x)), self.overviews[10])
        return [f for f in listed if math.ceil(min(geobox.shape) / f) >= _MIN_OVERVIEW]


def write_image(
    path: Path,
    data: np.ndarray,
    geobox: GeoBox,
    fmt: RasterFormat,
    *,
    nodata: float | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    unit: str | None = None,
    tags: Mapping[str, object] | None = None,
    means: Mapping[int, np.ndarray] | None = None,
    threads: int = 1,
) -> None:
    """Write one band (y, x) with its scale and offset tags (value = DN * scale + offset) in the format of images.

    `unit`: of the value. `tags`: more that the file is to tell, by name. `means`: of blocks of pixels, by size
    (`sen2like.science.means`): overviews, if those are to be means and no block sticks out; else GDAL makes them.
    """
    if fmt.name == "JPEG2000":
        _write_jp2(path, data, geobox, fmt, nodata=nodata, scale=scale, offset=offset, unit=unit, tags=tags, threads=threads)
        return
    factors = fmt.factors(geobox)
    fit = all(n % factor == 0 for n in data.shape for factor in factors)  # GDAL stretches overviews over the whole extent
    overviews = None
    if means is not None and fit and fmt.resampling == "AVERAGE" and means.keys() >= set(factors):
        overviews = [means[factor] for factor in factors]
    _write_tiff(
        path,
        data[None],
        geobox,
        {"compress": "LZW"} if fmt.name == "GTIFF" else _cog_options(fmt, geobox),
        factors,
        Resampling[fmt.resampling.lower()],
        overviews=overviews,
        nodata=nodata,
        scale=scale,
        offset=offset,
        unit=unit,
        tags=tags,
        threads=threads,
    )


def write_mask(path: Path, data: np.ndarray, geobox: GeoBox, fmt: RasterFormat) -> None:
    """Write a mask (uint8, y, x): always a GeoTIFF, a COG with MODE overviews when images are COGs; no no-data tag."""
    if fmt.name == "COG":
        factors, options = fmt.factors(geobox), _cog_options(fmt, geobox)
        modes = _modes(data, factors) if fmt.mask_resampling == "MODE" else None
        _write_tiff(path, data[None], geobox, options, factors, Resampling[fmt.mask_resampling.lower()], overviews=modes)
    else:
        _write_tiff(path, data[None], geobox, {"compress": "LZW"}, [], Resampling.mode)


def _modes(mask: np.ndarray, factors: Sequence[int]) -> list[np.ndarray] | None:
    """Overviews as GDAL makes them, each of the one before, but without holding up other threads; None: GDAL has to."""
    ratios = [factor / before for before, factor in pairwise((1, *factors))]
    if mask.max(initial=0) > 1 or not all(ratio.is_integer() for ratio in ratios):
        return None
    modes = []
    for ratio in ratios:
        if any(n % ratio for n in mask.shape):
            return None
        mask = block_modes(mask, int(ratio))
        modes.append(mask)
    return modes


def write_layers(
    path: Path,
    data: np.ndarray,
    geobox: GeoBox,
    names: Sequence[str],
    *,
    scale: float = 1.0,
    unit: str | None = None,
    nodata: float | None = None,
) -> None:
    """Write a small stack (n, y, x) of named layers as one compressed GeoTIFF (angles)."""
    _write_tiff(
        path,
        data,
        geobox,
        {"compress": "DEFLATE", "predictor": 2 if data.dtype.kind in "iu" else 3},
        [],
        Resampling.nearest,
        nodata=nodata,
        scale=scale,
        names=names,
        unit=unit,
    )


def _cog_options(fmt: RasterFormat, geobox: GeoBox) -> dict[str, object]:
    side = min(fmt.blocksize, 16 * math.ceil(max(geobox.shape) / 16))
    compression = fmt.compression.upper()
    options: dict[str, object] = {
        "tiled": "YES",
        "blockxsize": side,
        "blockysize": side,
        "compress": compression,
        "interleave": fmt.interleave,
    }
    if compression in ("LZW", "DEFLATE", "ZSTD"):  # PACKBITS and NONE know no predictor
        options["predictor"] = fmt.predictor
    level = {"DEFLATE": "zlevel", "ZSTD": "zstd_level"}.get(compression)
    if level and fmt.level is not None:
        options[level] = fmt.level
    return options


def _write_tiff(
    path: Path,
    data: np.ndarray,
    geobox: GeoBox,
    options: dict,
    factors: list[int],
    resampling: Resampling,
    *,
    overviews: Sequence[np.ndarray] | None = None,
    nodata: float | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    names: Sequence[str] = (),
    unit: str | None = None,
    tags: Mapping[str, object] | None = None,
    threads: int = 1,
) -> None:
    size = data.nbytes * (1 + sum(1 / f**2 for f in factors))
    with _memory_dataset(data, geobox, threads, overviews=overviews or ()) as memory:
        _describe(memory, nodata, scale, offset, names, unit, tags)
        if factors and overviews is None:
            memory.build_overviews(factors, resampling)
        if size > 3e9:
            options = {**options, "bigtiff": "YES"}
        _copy(memory, path, driver="GTiff", copy_src_overviews="YES" if factors else "NO", **options)


def _write_jp2(
    path: Path,
    data: np.ndarray,
    geobox: GeoBox,
    fmt: RasterFormat,
    *,
    nodata: float | None,
    scale: float,
    offset: float,
    unit: str | None,
    tags: Mapping[str, object] | None,
    threads: int,
) -> None:
    tile = _JP2_TILES.get(round(abs(geobox.resolution.x)), 1024)
    options: dict[str, object] = {
        "blockxsize": tile,
        "blockysize": tile,
        "progression": "LRCP",
        "codeblock_width": 64,
        "codeblock_height": 64,
    }
    if fmt.lossless:
        options |= {"quality": 100, "reversible": "YES", "ycbcr420": "NO"}
    with _memory_dataset(data[None], geobox, threads, pam=True) as memory:
        _describe(memory, nodata, scale, offset, unit=unit, tags=tags)
        _copy(memory, path, driver="JP2OpenJPEG", **options)


class _memory_dataset:
    """The array (n, y, x) as a GDAL dataset at its own address, with `overviews` (y, x) if it has but one layer.

    Arrays must stay alive.
    """

    def __init__(
        self, data: np.ndarray, geobox: GeoBox, threads: int, overviews: Sequence[np.ndarray] = (), pam: bool = False
    ):
        self._data = np.ascontiguousarray(data)
        self._overviews = [np.ascontiguousarray(overview[None]) for overview in overviews]
        self._geobox = geobox
        self._env = rasterio.Env(
            GDAL_NUM_THREADS=str(threads), GDAL_PAM_ENABLED="YES" if pam else "NO", GDAL_MEM_ENABLE_OPEN="YES"
        )

    def __enter__(self):
        self._env.__enter__()
        transform = self._geobox.affine.to_gdal()
        name = _with_overviews(self._data, self._overviews, transform) if self._overviews else _address(self._data, transform)
        self._dataset = rasterio.open(name, "r+")
        self._dataset.crs = self._geobox.crs.to_wkt()
        return self._dataset

    def __exit__(self, *exc):
        self._dataset.close()
        self._env.__exit__(*exc)


def _address(data: np.ndarray, transform: Sequence[float] = ()) -> str:
    """An array (n, y, x), and where it lies, as a file name of GDAL."""
    n, height, width = data.shape
    kind = _GDAL_TYPES[data.dtype.name]
    place = ",GEOTRANSFORM=" + "/".join(map(repr, transform)) if transform else ""
    return f"MEM:::DATAPOINTER={data.ctypes.data},PIXELS={width},LINES={height},BANDS={n},DATATYPE={kind}{place}"


def _with_overviews(data: np.ndarray, overviews: Sequence[np.ndarray], transform: Sequence[float]) -> str:
    """A virtual dataset of arrays in memory: an array of one layer and its overviews."""
    _, height, width = data.shape
    root = etree.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    etree.SubElement(root, "GeoTransform").text = ",".join(map(repr, transform))
    band = etree.SubElement(root, "VRTRasterBand", dataType=_GDAL_TYPES[data.dtype.name], band="1")
    for kind, array in (("SimpleSource", data), *(("Overview", overview) for overview in overviews)):
        source = etree.SubElement(band, kind)
        etree.SubElement(source, "SourceFilename", relativeToVRT="0", shared="0").text = _address(array)
        etree.SubElement(source, "SourceBand").text = "1"
    return etree.tostring(root, encoding="unicode")


def _describe(
    dataset,
    nodata: float | None,
    scale: float,
    offset: float,
    names: Sequence[str] = (),
    unit: str | None = None,
    tags: Mapping[str, object] | None = None,
) -> None:
    if nodata is not None:
        dataset.nodata = nodata
    if (scale, offset) != (1.0, 0.0):
        dataset.scales = (scale,) * dataset.count
        dataset.offsets = (offset,) * dataset.count
    for i, name in enumerate(names, 1):
        dataset.set_band_description(i, name)
    if unit:
        dataset.units = (unit,) * dataset.count
    if tags:
        dataset.update_tags(**tags)


def _copy(dataset, path: Path, **options) -> None:
    try:
        rasterio.shutil.copy(dataset, path, **options)
    except Exception as e:  # rasterio passes on GDAL's errors as several unrelated classes, SystemError among them
        there = path.parent
        room = f"{shutil.disk_usage(there).free / 1e6:.0f} MB free there" if there.exists() else "its folder does not exist"
        raise PackagingError(f"cannot write {path}: {e} ({room})") from e
