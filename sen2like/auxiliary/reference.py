"""Geometric reference images: which one serves a tile, whether it fits, and its pixels at the wanted size (spec 05 section 3)."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import uuid
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from sen2like.errors import AuxiliaryError, RasterError
from sen2like.grid.mgrs import MGRSTile
from sen2like.raster.image import Image
from sen2like.raster.read import read_image
from sen2like.science.resample import to_resolution, whole_ratio
from sen2like.science.scratch import Arrays, Empty

log = logging.getLogger(__name__)

_ORIGIN_TOLERANCE = 0.01
"""Pixels that the corner may lie off that of the tile."""
_STRIP_ROWS = 1024
"""Rows of the result that are made at a time: of the file, whole rows of its blocks."""


def reference_path(tile_id: str, ref_image: Path | str | None, references_map: Path | str | None) -> Path | None:
    """Reference image of a tile: `ref_image` if given, else the tile's entry in the JSON file `references_map`, else None.

    `AuxiliaryError`: the image does not exist, or the map is missing, not JSON, or not an object of paths.
    """
    if ref_image:
        return _existing(Path(ref_image), "--refImage")
    if not references_map:
        return None
    entry = _read_map(Path(references_map)).get(tile_id)
    return None if entry is None else _existing(Path(entry), f"references_map {references_map}, tile {tile_id}")


def load_reference(
    path: Path | str,
    tile: MGRSTile,
    resolution: float,
    cache_dirs: Sequence[Path],
    threads: int = 1,
    pool: Executor | None = None,
) -> Image:
    """The reference image of `tile`, uint16, with pixels of `resolution` metres.

    An image of another pixel size is resampled once and kept in the first of `cache_dirs` that can be written to, until the
    source file changes. `threads` decode the file, those of `pool` resample it.

    `AuxiliaryError`: missing or unreadable file, more than one band, another projection or extent than the tile's, DN
    that do not fit uint16.
    """
    path = Path(path)
    native = check_reference(path, tile)
    source_resolution = native.resolution.x
    if math.isclose(source_resolution, resolution, rel_tol=1e-6):
        image = _read(path, threads)
        return Image(_resampled(path, image.data, resolution, resolution, None), native, image.nodata)
    wanted = tile.geobox(resolution)
    source, state = _source_and_state(path)
    kept = [Path(folder) / f"{source}_{state}_{resolution:g}m.tif" for folder in cache_dirs]
    dn = _read_cached(kept, wanted, threads)
    if dn is None:
        dn = _reduced(path, native, resolution, threads, pool)
        if dn.shape != tuple(wanted.shape):
            raise AuxiliaryError(
                f"reference image {path}: {source_resolution:g} m pixels cannot be brought to the {wanted.shape.x} pixels of "
                f"{resolution:g} m of tile {tile.id}; provide one of {resolution:g} m"
            )
        _write_cached(kept, dn, wanted)
        _forget_others(kept, f"{source}_", f"_{resolution:g}m.tif")
    return Image(dn, wanted, 0)


def _existing(path: Path, option: str) -> Path:
    if not str(path).startswith("/vsi") and not path.is_file():
        raise AuxiliaryError(f"reference image {path} ({option}) does not exist; correct the path, or leave the option out")
    return path


def _read_map(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise AuxiliaryError(f"references_map {path} does not exist; correct the path, or leave the option out") from error
    except (OSError, UnicodeDecodeError) as error:
        raise AuxiliaryError(f"references_map {path} cannot be read: {error}") from error
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise AuxiliaryError(
            f"references_map {path}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); "
            'it should look like {"31TFJ": "/path/31TFJ_B04.tif"}'
        ) from error
    if not isinstance(entries, dict):
        raise AuxiliaryError(f'references_map {path} must be an object such as {{"31TFJ": "/path/31TFJ_B04.tif"}}')
    for tile, entry in entries.items():
        if not isinstance(entry, str) or not entry:
            raise AuxiliaryError(f"references_map {path}, tile {tile}: {entry!r} is not a path")
    return entries


def check_reference(path: Path, tile: MGRSTile) -> GeoBox:
    """Grid of a reference image, which must be a single band that covers exactly the tile; else `AuxiliaryError`."""
    try:
        with rasterio.open(path) as dataset:
            count, shape, transform, crs = dataset.count, dataset.shape, dataset.transform, dataset.crs
    except RasterioError as error:
        raise AuxiliaryError(f"reference image {path} cannot be read: {error}") from error
    if count != 1:
        raise AuxiliaryError(f"reference image {path} has {count} bands; it must have one, such as B04")
    resolution = transform.a
    epsg = crs.to_epsg() if crs else None
    if epsg != tile.epsg:
        found = f"EPSG:{epsg}" if epsg else (crs.to_string() if crs else "none")
        raise AuxiliaryError(f"reference image {path}: projection is {found}, tile {tile.id} has EPSG:{tile.epsg}; {_warp(tile)}")
    if resolution <= 0 or not math.isclose(resolution, -transform.e, rel_tol=1e-6) or transform.b or transform.d:
        raise AuxiliaryError(f"reference image {path}: pixels are not square and north up {tuple(transform)[:6]}; {_warp(tile)}")
    wanted = tile.geobox(resolution)
    off = max(abs(transform.c - tile.ulx), abs(transform.f - tile.uly))
    if off > _ORIGIN_TOLERANCE * resolution or tuple(shape) != tuple(wanted.shape):
        raise AuxiliaryError(
            f"reference image {path}: corner ({transform.c:.10g}, {transform.f:.10g}) and {shape[1]} x {shape[0]} pixels "
            f"of {resolution:g} m do not cover tile {tile.id}, which needs ({tile.ulx:.10g}, {tile.uly:.10g}) and "
            f"{wanted.shape.x} x {wanted.shape.y}; {_warp(tile)}"
        )
    return wanted


def _warp(tile: MGRSTile) -> str:
    west, south, east, north = tile.bounds
    return f"warp it: gdalwarp -t_srs EPSG:{tile.epsg} -te {west:.10g} {south:.10g} {east:.10g} {north:.10g} -tr 10 10 -r cubic"


def _read(path: Path, threads: int, part: tuple[slice, slice] | None = None, empty: Empty = np.empty) -> Image:
    try:
        return read_image(str(path), "reference image", threads, part=part, empty=empty)
    except RasterError as error:
        raise AuxiliaryError(f"reference image {path} cannot be read: {error}") from error


def _reduced(path: Path, native: GeoBox, resolution: float, threads: int, pool: Executor | None) -> np.ndarray:
    """DN of the whole image at `resolution` metres; where blocks of pixels become one, the image is never whole in memory."""
    found, height = native.resolution.x, native.shape.y
    block = whole_ratio(found, resolution)
    if block is None:
        return _resampled(path, _read(path, threads).data, found, resolution, pool)
    rows = _STRIP_ROWS * block
    empty = partial(Arrays().array, "strip")
    strips = [(slice(top, min(top + rows, height)), slice(0, native.shape.x)) for top in range(0, height, rows)]
    return np.concatenate(
        [_resampled(path, _read(path, threads, strip, empty).data, found, resolution, pool) for strip in strips]
    )


def _resampled(path: Path, dn: np.ndarray, res_in: float, res_out: float, pool: Executor | None) -> np.ndarray:
    if res_in == res_out and dn.dtype == np.uint16:
        return dn
    try:
        return to_resolution(dn, res_in, res_out, pool)
    except ValueError as error:
        raise AuxiliaryError(f"reference image {path}: {error}; it must hold digital numbers like those of Sentinel-2") from error


def _source_and_state(path: Path) -> tuple[str, str]:
    """What tells a source file from others, and what changes when it does (its size and time of modification)."""
    try:
        stat = path.stat()
        place, state = path.resolve(), f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError:  # inside an archive or remote: GDAL knows it, the file system does not
        place, state = path, ""
    return f"{path.stem}_{_short_hash(str(place))}", _short_hash(state)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _read_cached(paths: Sequence[Path], wanted: GeoBox, threads: int) -> np.ndarray | None:
    for path in paths:
        if not path.exists():
            continue
        try:
            image = read_image(str(path), "resampled reference image", threads)
        except RasterError as error:
            log.warning("%s; it is made again", error)
            continue
        if image.geobox == wanted and image.dtype == np.uint16:
            return image.data
        log.warning("resampled reference image %s does not have the grid it should have; it is made again", path)
    return None


def _write_cached(paths: Sequence[Path], dn: np.ndarray, geobox: GeoBox) -> None:
    """In the first place that allows it; without any there is no cache."""
    failures = []
    for path in paths:
        try:
            _write_whole(path, dn, geobox)
            return
        except (OSError, RasterioError) as error:
            failures.append(f"{path}: {error}")
    log.warning("resampled reference image cannot be kept (%s)", "; ".join(failures))


def _forget_others(kept: Sequence[Path], start: str, end: str) -> None:
    """Remove what was kept of the source before it changed; whoever is reading it reads on."""
    for path in kept:
        with suppress(OSError):  # a folder that is read-only, or not there
            for old in path.parent.iterdir():
                if old.name.startswith(start) and old.name.endswith(end) and old != path:
                    old.unlink()


def _write_whole(path: Path, dn: np.ndarray, geobox: GeoBox) -> None:
    """Under a temporary name first, so that nobody reads half a file."""
    profile = {"driver": "GTiff", "tiled": True, "dtype": "uint16", "count": 1, "crs": str(geobox.crs)}
    profile |= {"transform": geobox.affine, "height": geobox.shape.y, "width": geobox.shape.x}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex}.tif")
    try:
        with rasterio.open(temporary, "w", **profile) as dataset:
            dataset.write(dn, 1)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
