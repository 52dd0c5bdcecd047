"""One product through its blocks, band by band (spec 01 section 4.5).

``preprocess`` of each block, then every band through all blocks (several bands at a time), then ``postprocess`` of each
block; only when all of that went well do the output products appear in the archive.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Executor, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from sen2like.blocks.base import Cancelled, Job, S2L_Process
from sen2like.errors import BlockError, Sen2LikeError
from sen2like.events import StepDone
from sen2like.execution import native
from sen2like.execution.threads import Threads
from sen2like.raster.image import Image, RowImage
from sen2like.raster.write import RasterFormat, write_image
from sen2like.science.encode import encode

log = logging.getLogger(__name__)

Emit = Callable[[StepDone], None]

THREADS_ASIDE = 2
"""For what is done while bands are decoded or made."""
LAST_BANDS = 2
"""Towards the end fewer bands are in flight than there are cores: when so many are left, codecs get all of them."""


def process(job: Job, blocks: list[S2L_Process], threads: Threads, emit: Emit, intermediates: bool = False) -> tuple[Path, ...]:
    """Run `blocks` over all bands of the job and publish its output products; returns their folders.

    On any error (or a stop request) what was written so far is removed and the error raised, naming block and band.
    """
    first = [band for block in blocks for band in block.reads_first(job)]
    order = _order(job, blocks, first)
    try:
        # products have threads of their own; a library that starts more for a small matrix only gets in their way
        with (
            threadpool_limits(1, "blas"),
            threads.strip_pool() as job.pool,
            ThreadPoolExecutor(THREADS_ASIDE, thread_name_prefix="aside") as job.aside,
            threads.band_pool() as band_pool,
        ):
            job.cores = threads.cores
            job.threads = threads.cores if len(order) < LAST_BANDS else max(1, threads.cores // threads.bands)
            job.read_ahead(list(dict.fromkeys([*first, *order]))[: threads.bands + len(first)], band_pool)
            job.last = blocks[-1] if blocks else None
            for block in blocks:
                block.begin(job)
            for notice in (*job.masks.notices, *job.angles.notices):
                job.warn(notice)
            _each_block(job, blocks, "preprocess", emit)
            with native.opencv_threads(1):  # for strips: they have threads of their own, as the matrices above
                _all_bands(job, blocks, order, band_pool, emit, intermediates)
            _each_block(job, blocks, "postprocess", emit)
            job.check()
            return tuple(writer.publish() for writer in job.writers.values())
    except BaseException:
        job.cancelled.set()  # whatever still decodes in the background stops at its next step
        raise
    finally:
        for writer in job.writers.values():
            writer.abandon()


def _order(job: Job, blocks: list[S2L_Process], first: list[str]) -> list[str]:
    """Bands that are decoded already, then the largest, so that the last ones are small and no core waits long at the end."""

    def finest(band: str) -> float:
        own = job.product.bands[band].resolution
        return min((block.resolution(job, band) or own for block in blocks), default=own)

    return sorted(job.bands, key=lambda band: (band not in first, finest(band)))


def _each_block(job: Job, blocks: list[S2L_Process], what: str, emit: Emit) -> None:
    for block in blocks:
        job.check()
        start = time.perf_counter()
        with _named(block, None):
            getattr(block, what)(job)
        spent = time.perf_counter() - start
        job.record.timer(f"{block.name()} {what}").seconds += spent
        emit(StepDone(job.tile.id, job.product.name, f"{block.name()} {what}", None, spent))


def _all_bands(job: Job, blocks: list[S2L_Process], order: list[str], pool: Executor, emit: Emit, intermediates: bool) -> None:
    left = set(order)
    futures = [pool.submit(_one_band, job, blocks, band, emit, intermediates, left) for band in order]
    done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
    if any(not f.cancelled() and f.exception() for f in done):
        job.cancelled.set()  # bands still running stop at their next step
        for future in waiting:
            future.cancel()
        wait(waiting)
        errors = [e for f in futures if not f.cancelled() and (e := f.exception())]
        raise next((e for e in errors if not isinstance(e, Cancelled)), errors[0])


def _one_band(job: Job, blocks: list[S2L_Process], band: str, emit: Emit, intermediates: bool, left: set[str]) -> None:
    """`left`: bands that nobody has begun."""
    start = time.perf_counter()
    left.discard(band)
    if len(left) < LAST_BANDS:
        job.threads = job.cores
    with _named(None, band):
        image: RowImage = job.read(band)
    given = []
    try:
        for block in blocks:
            job.check()
            with _named(block, band):
                image = block.process(job, image, band)
                given.append(image)
                if intermediates and block.suffix:
                    image = _keep_intermediate(job, block, image, band)
    finally:
        for image in given:
            image.release()
    spent = time.perf_counter() - start
    log.debug("%s: band %s done in %.1f s", job.product.name, band, spent)
    emit(StepDone(job.tile.id, job.product.name, "band", band, spent))


def _keep_intermediate(job: Job, block: S2L_Process, image: RowImage, band: str) -> Image:
    """Write the block's result to the working folder: reflectance as scaled integers, anything before TOA as float32."""
    image = image if isinstance(image, Image) else image.computed(job.pool)
    path = job.workdir / (Path(job.product.bands[band].path).stem + str(block.suffix))
    fmt = RasterFormat("GTIFF")
    if image.nodata is not None:
        write_image(path, image.data.astype(np.float32, copy=False), image.geobox, fmt, nodata=0)
        return image
    out = job.config.output_format
    dn = job.scratch.array("dn", image.shape, np.uint16)

    def one(rows: slice) -> None:
        encode(image.rows(rows.start, rows.stop), out.gain, out.offset, out=dn[rows])

    image.each_strip(one, job.pool)
    write_image(path, dn, image.geobox, fmt, nodata=0, scale=1 / out.gain, offset=-out.offset / out.gain)
    return image


class _named:
    """Errors that leave the ``with`` body say which block and band they come from."""

    def __init__(self, block: S2L_Process | None, band: str | None):
        """`block` None: reading the input."""
        self._where = (block.name() if block else "Read") + (f", band {band}" if band else "")

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, traceback) -> None:
        if isinstance(error, Cancelled) or error is None or not isinstance(error, Exception):
            return
        if isinstance(error, Sen2LikeError):
            raise type(error)(f"{self._where}: {error}") from error
        if not isinstance(error, OSError | MemoryError):
            log.error("%s: unexpected error, please report it", self._where, exc_info=error)
        raise BlockError(f"{self._where}: {type(error).__name__}: {error}") from error
