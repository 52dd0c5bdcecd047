"""A request becomes ordered product tasks; each runs on its own, and the caller is told what happens as `events`.

Today: ``product-mode``, one product on one tile. What is wrong with the request itself is raised before any work; what
goes wrong with a product is reported as its result and leaves nothing in the archive.
"""

import logging
import os
import queue
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sen2like
from sen2like.auxiliary.reference import reference_path
from sen2like.blocks.base import Cancelled, Job
from sen2like.blocks.registry import chain
from sen2like.config import Config
from sen2like.errors import ConfigurationError, ProductError, Sen2LikeError, UsageError
from sen2like.events import Candidate, Event, Listed, ProductFinished, ProductStarted, RunFinished
from sen2like.execution.threads import Threads
from sen2like.grid import mgrs
from sen2like.packaging.writer import remove_leftovers
from sen2like.pipeline import process
from sen2like.products.model import Product
from sen2like.products.registry import open_product, recognise
from sen2like.request import Request

log = logging.getLogger(__name__)


def run(request: Request, config: Config) -> Iterator[Event]:
    """Carry out `request`; yields events as they happen. Closing the iterator stops the run and leaves nothing half-written.

    Raises `UsageError` or `ConfigurationError` when the request cannot be started at all.
    """
    start = time.monotonic()
    log.info("Run Sen2like %s with Python %s", sen2like.__version__, sys.version.replace("\n", " "))
    identity = recognise(request.product)
    tile = mgrs.tile(request.tile or identity.tile or _no_tile(request))
    reference = reference_path(tile.id, request.ref_image, config.geometry.references_map)
    candidate = Candidate(tile.id, str(request.product), "selected", "asked for", tile_coverage=1.0)
    if request.no_run:
        yield Listed(tile.id, (candidate,))
        return
    _check_writable(Path(config.directories.archive_dir), "archive_dir")
    run_dir = _run_folder(request.wd)
    for leftover in remove_leftovers(Path(config.directories.archive_dir), tile.id):
        log.info("removed what an interrupted run left: %s", leftover)
    yield Listed(tile.id, (candidate,))
    yield from _product_task(request, config, tile, reference, run_dir)
    if not (request.keep or request.debug or request.intermediate_products):
        shutil.rmtree(run_dir, ignore_errors=True)
    seconds = time.monotonic() - start
    log.info("total processing time : %s", timedelta(seconds=seconds))
    yield RunFinished(run_dir, seconds)


def _product_task(
    request: Request, config: Config, tile: mgrs.MGRSTile, reference: Path | None, run_dir: Path
) -> Iterator[Event]:
    """Run one product in a thread of its own and pass its events on."""
    events: queue.Queue[Event | None] = queue.Queue()
    stop = threading.Event()

    def work() -> None:
        start = time.monotonic()
        name = Path(request.product).name
        record = None
        try:
            product = open_product(request.product, tile)
            name = product.name
            too_cloudy = _too_cloudy(product, config)
            if too_cloudy:
                log.info("Skip product %s: %s", name, too_cloudy)
                events.put(ProductFinished(tile.id, name, "skipped", time.monotonic() - start, reason=too_cloudy))
                return
            job = _prepare(request, config, product, tile, reference, run_dir, stop)
            record = job.record
            blocks, declined = chain(job)
            for line in declined:
                log.info("%s: %s", name, line)
            events.put(ProductStarted(tile.id, name, job.bands))
            threads = Threads.for_product(config.multiprocessing.number_of_process, request.parallelize_bands)
            outputs = process(job, blocks, threads, events.put, request.intermediate_products)
            events.put(ProductFinished(tile.id, name, "done", time.monotonic() - start, outputs, record=record))
        except Cancelled as e:
            events.put(ProductFinished(tile.id, name, "interrupted", time.monotonic() - start, reason=str(e), record=record))
        except UsageError as e:
            events.put(e)  # type: ignore[arg-type]
        except Exception as e:
            expected = isinstance(e, Sen2LikeError)
            log.error(
                "%s failed: %s", name, e if expected else f"{type(e).__name__}: {e}", exc_info=not expected or request.debug
            )
            events.put(ProductFinished(tile.id, name, "failed", time.monotonic() - start, reason=str(e), record=record))
        finally:
            events.put(None)

    worker = threading.Thread(target=work, name="product")
    worker.start()
    try:
        while (event := events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event
    finally:  # also when the caller closes us or a signal interrupts the wait: nothing may stay half-written
        stop.set()
        worker.join()


def _prepare(
    request: Request,
    config: Config,
    product: Product,
    tile: mgrs.MGRSTile,
    reference: Path | None,
    run_dir: Path,
    stop: threading.Event,
) -> Job:
    """Masks, angles and band list of a product, ready for its blocks."""
    workdir = run_dir / tile.id / product.name
    workdir.mkdir(parents=True)
    bands = _bands(request, product)
    job = Job(
        product=product,
        tile=tile,
        config=config,
        bands=bands,
        workdir=workdir,
        reference=reference,
        masks=product.read_masks(_auxiliary_scl(config, product, tile)),
        angles=product.read_angles(config.nbar.angles),
        cancelled=stop,
    )
    for notice in (*product.notices, *job.masks.notices, *job.angles.notices):
        job.warn(notice)
    for band in product.missing_bands:
        job.warn(f"band {band} is missing in the input and in the outputs")
    return job


def _bands(request: Request, product: Product) -> tuple[str, ...]:
    """The product's own names of the bands asked for; a band asked for by name must exist."""
    if not request.bands:
        if not product.bands:
            raise ProductError(f"{product.name}: none of its band files exists")
        return tuple(product.bands)
    by_output_name = {band.output_name: band.name for band in product.bands.values()}
    missing = [name for name in request.bands if name not in by_output_name]
    if missing:
        raise ProductError(f"{product.name} has no band {', '.join(missing)}; it has {', '.join(by_output_name)}")
    return tuple(name for output, name in by_output_name.items() if output in request.bands)


def _auxiliary_scl(config: Config, product: Product, tile: mgrs.MGRSTile) -> str | None:
    """Scene classification of ``scl_dir`` for a Level-1 product (spec 04 section 2.4); None when there is none."""
    folder = config.directories.scl_dir
    if not folder or product.is_level2:
        return None
    path = Path(folder) / tile.id / f"T{tile.id}_{product.datatake_start:%Y%m%dT%H%M%S}_SCL_60m.tif"
    if path.exists():
        return str(path)
    log.info("%s: no auxiliary scene classification %s; masks of the product are used", product.name, path)
    return None


def _too_cloudy(product: Product, config: Config) -> str | None:
    limit = config.input_product_archive.cloud_cover
    if product.cloud_cover is None or product.cloud_cover <= limit:
        return None
    return f"cloud cover {product.cloud_cover:.1f} % > {limit:g} %"


def _no_tile(request: Request) -> str:
    raise UsageError(f"the tile of {request.product} cannot be told from its name; say which with --tile")


def _check_writable(folder: Path, key: str) -> None:
    """Create `folder` and try a file in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}-{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise ConfigurationError(f"{key}: cannot write to {folder}: {e.strerror}") from e


def _run_folder(wd: Path) -> Path:
    """A folder of this run alone: ``<wd>/<UTC time>-<random>``."""
    _check_writable(wd, "--wd")
    folder = wd / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    folder.mkdir()
    return folder
