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
from sen2like.auxiliary.reference import check_reference, reference_path
from sen2like.blocks.registry import check_available
from sen2like.config import Config
from sen2like.errors import ConfigurationError, UsageError
from sen2like.events import Candidate, Event, Listed, ProductFinished, RunFinished, RunStarted
from sen2like.grid import mgrs
from sen2like.logs import also_to
from sen2like.packaging.writer import remove_leftovers
from sen2like.products.registry import recognise
from sen2like.request import Request
from sen2like.task import ProductTask, run_task

log = logging.getLogger(__name__)


def run(request: Request, config: Config) -> Iterator[Event]:
    """Carry out `request`; yields events as they happen. Closing the iterator stops the run and leaves nothing half-written.

    Raises `UsageError`, `ConfigurationError`, `ProductError` or `AuxiliaryError` when the request cannot be started at all.
    The working folder of the run stays when a product failed (it holds the log), or when the request says so.
    """
    start = time.monotonic()
    log.info("Run Sen2like %s with Python %s", sen2like.__version__, sys.version.replace("\n", " "))
    check_available(config)
    identity = recognise(request.product)
    tile = mgrs.tile(request.tile or identity.tile or _no_tile(request))
    if identity.tile not in (tile.id, None):
        raise UsageError(f"{request.product}: the product is of tile {identity.tile}, not of {tile.id} that was asked for")
    reference = reference_path(tile.id, request.ref_image, config.geometry.references_map)
    if reference is not None:
        check_reference(reference, tile)
    listed = Listed(tile.id, (Candidate(tile.id, str(request.product), "selected", "asked for", tile_coverage=1.0),))
    if request.no_run:
        yield listed
        return
    archive = Path(config.directories.archive_dir)
    _check_writable(archive, "archive_dir")
    run_dir = _run_folder(request.wd)
    for leftover in remove_leftovers(archive, tile.id):
        log.info("removed what an interrupted run left: %s", leftover)
    task = ProductTask(
        path=request.product,
        tile=tile,
        run_dir=run_dir,
        reference=reference,
        bands=request.bands,
        intermediates=request.intermediate_products,
        parallelize_bands=request.parallelize_bands,
        debug=request.debug,
    )
    keep = request.keep or request.debug or request.intermediate_products
    try:
        with also_to(run_dir / "sen2like.log"):
            yield RunStarted(run_dir)
            yield listed
            for event in _events_of(task, config):
                keep = keep or (isinstance(event, ProductFinished) and event.status == "failed")
                yield event
            seconds = time.monotonic() - start
            log.info("total processing time : %s", timedelta(seconds=seconds))
    finally:
        if not keep:
            shutil.rmtree(run_dir, ignore_errors=True)
    yield RunFinished(run_dir, seconds)


def _events_of(task: ProductTask, config: Config) -> Iterator[Event]:
    """Run one task in a thread of its own and pass its events on, its result last."""
    events: queue.Queue[Event | UsageError] = queue.Queue()
    stop = threading.Event()

    def work() -> None:
        try:
            events.put(run_task(task, config, events.put, stop))
        except UsageError as e:
            events.put(e)

    worker = threading.Thread(target=work, name="product")
    worker.start()
    try:
        while True:
            event = events.get()
            if isinstance(event, UsageError):
                raise event
            yield event
            if isinstance(event, ProductFinished):
                return
    finally:  # also when the caller closes us or a signal interrupts the wait: nothing may stay half-written
        stop.set()
        worker.join()


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
