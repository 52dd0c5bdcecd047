"""The floor of a run: the time to decode what it has to read and to encode the images it writes, and nothing else.

No implementation with these codecs is faster. Decoded is, once each: Sentinel-2 the bands of the run, the band that tells
where data are (B01) and the cloud mask; Landsat the part of each band and of the quality band that the tile needs; of fusion
the images and masks of past products. Encoded is every image and mask of the outputs, hard-linked ones once. The same library,
threads and files in flight as in a run; a process of its own (``python -m benchmarks.floor PLAN.json``), with warm file cache.
Left out, so that the floor is rather too low: reference image, CAMS, angles, quicklooks, metadata, checksums, flushing to disk.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from benchmarks.measure import RunFailed, used
from sen2like.blocks.fusion import FUSED
from sen2like.execution.threads import Threads
from sen2like.grid import mgrs
from sen2like.grid.mapping import window
from sen2like.grid.mgrs import MGRSTile
from sen2like.products.model import Product
from sen2like.products.registry import open_product
from sen2like.raster.read import read_geobox
from sen2like.raster.write import RasterFormat, write_image, write_mask
from sen2like.report.model import ProductReport, Report

DATA_BAND, CLOUDS = "B01", "MSK_CLASSI_B00"
"""What the masks of a Sentinel-2 Level-1C come from."""
HELD_BYTES = 1_500_000_000
"""Pixels held in memory while they wait to be encoded."""


@dataclass(frozen=True)
class Read:
    """A file to decode; `part` (row, column, rows, columns) of it, None: all."""

    kind: str
    """``band``, ``mask`` or ``past``."""
    path: str
    part: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Write:
    """A file of an output product to encode once more."""

    kind: str
    """``image`` or ``mask``."""
    path: str


@dataclass(frozen=True)
class Plan:
    """What a run has to decode and to encode."""

    reads: tuple[Read, ...]
    writes: tuple[Write, ...]

    def dumps(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def loads(cls, text: str) -> Plan:
        told = json.loads(text)
        reads = (Read(r["kind"], r["path"], None if r["part"] is None else tuple(r["part"])) for r in told["reads"])
        return cls(tuple(reads), tuple(Write(**w) for w in told["writes"]))


@dataclass(frozen=True)
class Floor:
    """Seconds."""

    decode: float
    encode: float
    megapixels: float
    """Decoded and encoded, all layers."""

    @property
    def seconds(self) -> float:
        return self.decode + self.encode


def plan(report: Report) -> Plan:
    """What the run of `report` had to read and wrote; its inputs and outputs must still be there."""
    reads: list[Read] = []
    writes: list[Write] = []
    archive = Path(report.archive)
    for of_tile in report.tiles:
        tile = mgrs.tile(of_tile.tile)
        paths = {Path(row.path).name: row.path for row in of_tile.candidates}
        for done in of_tile.products:
            product = open_product(paths[done.product], tile)
            reads += _sentinel2(product, done) if product.sensor == "S2" else _landsat(product, done, tile)
            if done.fusion is not None:
                s2_names = [product.bands[band].s2_name for band in done.bands]
                fused = [name for name in s2_names if name in FUSED]
                reads += [read for name in done.fusion.references for read in _past(archive / tile.id / name, fused)]
            writes += _outputs([archive / output for output in done.outputs])
    return Plan(tuple(reads), tuple(writes))


def measured(todo: Plan, work: Path) -> Floor:
    """The floor, in a process of its own; files to encode go below `work` and are removed."""
    work.mkdir(parents=True, exist_ok=True)
    listed, output = work / "floor.json", work / "floor.txt"
    listed.write_text(todo.dumps())
    _, code = used([sys.executable, "-m", "benchmarks.floor", str(listed)], output)
    if code:
        raise RunFailed(f"the floor could not be measured: {output.read_text(errors='replace')[-3000:]}")
    return Floor(**json.loads(output.read_text().strip().splitlines()[-1]))


def _sentinel2(product: Product, done: ProductReport) -> Iterator[Read]:
    for band in dict.fromkeys((*done.bands, DATA_BAND)):
        yield Read("band", product.bands[band].path)
    for name in product.container.find(f"GRANULE/*/QI_DATA/{CLOUDS}.*"):
        if not name.lower().endswith(".gml"):
            yield Read("mask", product.container.gdal_path(name))


def _landsat(product: Product, done: ProductReport, tile: MGRSTile) -> Iterator[Read]:
    needed = [("band", product.bands[band].path) for band in done.bands]
    if DATA_BAND not in done.bands:
        needed.append(("band", product.bands[DATA_BAND].path))
    quality = [name for pattern in ("*_QA_PIXEL.TIF", "*_BQA.TIF") for name in product.container.find(pattern)]
    needed += [("mask", product.container.gdal_path(name)) for name in quality[:1]]
    for kind, path in needed:
        geobox = read_geobox(path)
        part = window(geobox, tile.geobox(abs(geobox.resolution.x)))
        if part is None:
            raise ValueError(f"{path} does not touch tile {tile.id}")
        rows, columns = part
        yield Read(kind, path, (rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start))


def _past(product: Path, bands: Sequence[str]) -> Iterator[Read]:
    """The finest image of each band of an L2F product, and its mask."""
    for band in bands:
        sizes = {path: read_geobox(str(path)).resolution.x for path in product.glob(f"GRANULE/*/IMG_DATA/*_{band}_*m.TIF")}
        yield Read("past", str(min(sizes, key=lambda path: sizes[path])))
    (mask,) = product.glob("GRANULE/*/QI_DATA/*_MSK.TIF")
    yield Read("past", str(mask))


def _outputs(products: Sequence[Path]) -> Iterator[Write]:
    seen = set()
    for product in products:
        for kind, pattern in (("image", "GRANULE/*/IMG_DATA/**/*.TIF"), ("mask", "GRANULE/*/QI_DATA/*_MSK.TIF")):
            for path in sorted(product.glob(pattern)):
                inode = path.stat().st_dev, path.stat().st_ino
                if inode not in seen:
                    seen.add(inode)
                    yield Write(kind, str(path))


def run(todo: Plan, threads: Threads) -> Floor:
    """Decode and encode everything, in this process."""
    per_file = max(1, threads.cores // threads.bands)
    pixels: list[int] = []
    # the largest first, so that no thread is left alone with a large one
    files = sorted(todo.reads, key=_pixels, reverse=True)
    decode = _timed(lambda read: pixels.append(_decode(read, per_file)), files, threads.bands)
    encode = 0.0
    with tempfile.TemporaryDirectory(prefix=".floor", dir=Path(todo.writes[0].path).parents[4]) as folder:
        for batch in _batches(todo.writes):
            held = [_Held.of(write) for write in batch]
            encode += _timed(lambda image: _encode(image, Path(folder), per_file), held, threads.bands)
            pixels += [image.data.size for image in held]
            for path in Path(folder).iterdir():
                path.unlink()
    return Floor(decode, encode, sum(pixels) / 1e6)


def _timed(work: Callable[[Any], object], jobs: Sequence[Any], workers: int) -> float:
    with ThreadPoolExecutor(workers) as pool:
        start = time.perf_counter()
        for future in [pool.submit(work, job) for job in jobs]:
            future.result()
        return time.perf_counter() - start


def _decode(read: Read, threads: int) -> int:
    """Pixels that were decoded."""
    part = None if read.part is None else Window(read.part[1], read.part[0], read.part[3], read.part[2])
    with _reading(threads), rasterio.open(read.path) as source:
        return source.read(window=part).size


@dataclass(frozen=True)
class _Held:
    """An image in memory."""

    write: Write
    data: np.ndarray
    geobox: GeoBox

    @classmethod
    def of(cls, write: Write) -> _Held:
        with _reading(1), rasterio.open(write.path) as source:
            return cls(write, source.read(1), GeoBox(source.shape, source.transform, source.crs))


def _encode(image: _Held, folder: Path, threads: int) -> None:
    path = folder / "_".join(Path(image.write.path).parts[-2:])  # NATIVE may have a file of the same name
    if image.write.kind == "mask":
        write_mask(path, image.data, image.geobox, RasterFormat())
    else:
        write_image(path, image.data, image.geobox, RasterFormat(), nodata=0, scale=1e-4, offset=-0.1, threads=threads)


def _batches(writes: Sequence[Write]) -> Iterator[list[Write]]:
    batch: list[Write] = []
    held = 0
    for write in sorted(writes, key=_bytes, reverse=True):
        if batch and held + _bytes(write) > HELD_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(write)
        held += _bytes(write)
    yield batch


def _pixels(read: Read) -> int:
    if read.part is not None:
        return read.part[2] * read.part[3]
    with _reading(1), rasterio.open(read.path) as source:
        return source.width * source.height * source.count


def _bytes(write: Write) -> int:
    with _reading(1), rasterio.open(write.path) as source:
        return source.width * source.height * np.dtype(source.dtypes[0]).itemsize


def _reading(threads: int) -> rasterio.Env:
    return rasterio.Env(GDAL_NUM_THREADS=str(threads), GDAL_PAM_ENABLED="NO", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(run(Plan.loads(Path(sys.argv[1]).read_text()), Threads.for_product(None, False)))))
