"""A request becomes a plan for each tile and a graph of product tasks; an executor runs them, and the caller is told as `events`.

What is wrong with the request itself is raised before any work. What goes wrong with a product is reported as its result,
leaves nothing in the archive, and does not stop the others.
"""

import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag

import sen2like
from sen2like import logs
from sen2like.archive.details_store import DetailsStore
from sen2like.archive.sources import Sources, sources_of
from sen2like.auxiliary.detail_cache import DetailCache
from sen2like.auxiliary.reference import check_reference, reference_path
from sen2like.blocks.registry import check_available
from sen2like.config import Config
from sen2like.errors import ConfigurationError, UsageError
from sen2like.events import (
    Event,
    Listed,
    ProductFinished,
    ProductRetried,
    RunFinished,
    RunStarted,
    TileFailed,
)
from sen2like.execution import runner
from sen2like.execution.cgroup import available_memory_mb
from sen2like.execution.dask_cluster import DaskCluster
from sen2like.execution.executors import Executor, InProcess
from sen2like.execution.graph import Node
from sen2like.execution.locks import TileLock, TileLocked
from sen2like.execution.memory import share_heaps
from sen2like.execution.native import share_of
from sen2like.execution.process_pool import ProcessPool
from sen2like.execution.retry import is_transient
from sen2like.execution.threads import available_cores
from sen2like.grid.mgrs import MGRSTile
from sen2like.packaging.claims import claim
from sen2like.packaging.writer import remove_leftovers
from sen2like.plan import Planner, TilePlan, region_of, tiles_of
from sen2like.request import Request
from sen2like.task import ProductTask, run_task
from sen2like.worker import prepare_worker

log = logging.getLogger(__name__)

DETAILS = "details"
"""Folder, in that of a tile, of past products kept for fusion."""
_FREE_SHARE = 0.9
"""Part of the free memory that products in work may take."""


def run(request: Request, config: Config) -> Generator[Event, None, None]:
    """Carry out `request`; yields events as they happen. Closing the iterator stops the run and leaves nothing half-written.

    Raises `UsageError`, `ConfigurationError`, `NothingToDo`, `ProductError` or `AuxiliaryError` when the request cannot be
    started at all. Threads of this process share heaps of the C library from now on (`execution.memory.share_heaps`).
    """
    share_heaps(available_cores())
    return _Run(request, config).events()


class _Run:
    def __init__(self, request: Request, config: Config):
        self.request, self.config = request, config
        self.stop = Flag()
        self.archive = Path(config.directories.archive_dir)
        self.jobs = self._jobs()
        self.run_dir = request.wd
        self.locks: dict[str, TileLock] = {}
        self.keep = request.keep or request.debug or request.intermediate_products

    def events(self) -> Generator[Event, None, None]:
        start = time.monotonic()
        request, config = self.request, self.config
        log.info("Run Sen2like %s with Python %s", sen2like.__version__, sys.version.replace("\n", " "))
        check_available(config)
        region = region_of(request)
        tiles = tiles_of(request, region)
        self.references = {tile.id: self._reference(tile) for tile in tiles}
        cache = request.wd / "cache"
        with ExitStack() as stack:
            if not request.no_run:
                _check_writable(self.archive, "archive_dir")
                for tile in tiles:
                    claim(self.archive / tile.id, request.roi if request.mode == "roi-based-mode" else None)
                self.run_dir = _run_folder(request.wd)
                stack.enter_context(TileLock(request.wd, self.run_dir.name, self.run_dir.name))  # `clean` leaves it alone
                stack.enter_context(logs.also_to(self.run_dir / logs.FILE_NAME))
                yield RunStarted(self.run_dir)
            sources = stack.enter_context(sources_of(config.input_product_archive, config.sources, cache))
            self._check_sources(sources)
            planner = Planner(request, config, sources, self._task, DetailsStore(cache), region)
            if request.no_run:
                for tile in tiles:
                    yield from _told(self._plan(planner, tile))
                return
            executor = stack.enter_context(self._executor(len(tiles)))
            stack.callback(self._release_all)
            plans = []
            for tile in tiles:
                try:
                    self._lock(tile)
                except TileLocked as e:
                    log.error("%s", e)
                    yield TileFailed(tile.id, str(e))
                    continue
                plan = self._plan(planner, tile)
                plans.append(plan)
                yield from _told(plan)
                if not plan.planned:
                    made = sum(candidate.decision == "made before" for candidate in plan.candidates)
                    if not plan.errors:  # an archive that does not answer may have some
                        log.info("No product for tile %s%s", tile.id, f": {made} are made already" if made else "")
                    self._release(tile.id)
            with closing(self._products(plans, executor)) as products:
                yield from products
            seconds = time.monotonic() - start
            log.info("total processing time : %s", timedelta(seconds=seconds))
        yield RunFinished(self.run_dir, seconds)

    def _products(self, plans: list[TilePlan], executor: Executor) -> Generator[Event, None, None]:
        """Run the tasks of all tiles, and pass on what they tell."""
        nodes = [node for plan in plans for node in self._nodes(plan)]
        if not nodes:
            return
        minutes = self.request.timeout
        policy = runner.Policy(
            fail_fast=self.request.fail_fast,
            failed=_failed,
            transient=_transient,
            timeout=None if minutes is None else 60 * minutes,
        )
        with closing(runner.run(nodes, executor, self.jobs, self._memory(executor), policy, self.stop)) as happenings:
            for happening in happenings:
                if isinstance(happening, runner.Emitted):
                    yield happening.event
                elif isinstance(happening, runner.Retried):
                    task = happening.node.args[0]
                    log.warning("%s: again from its beginning: %s", task.path.name, happening.reason)
                    self._clean(task, task.path.name)
                    yield ProductRetried(task.tile.id, task.path.name, happening.reason)
                elif isinstance(happening, runner.Ended):
                    yield self._finished(happening)
                elif isinstance(happening, runner.GroupEnded):
                    self._release(happening.group)

    def _nodes(self, plan: TilePlan) -> list[Node]:
        def key(path: Path) -> tuple[str, str]:
            return plan.tile.id, str(path)

        shared = None
        if sum(planned.identity.is_landsat for planned in plan.planned) > 1:
            shared = DetailCache(self.run_dir / plan.tile.id / DETAILS)
        return [
            Node(
                key(planned.task.path),
                run_task,
                (replace(planned.task, detail_cache=shared), self.config),
                frozenset(key(path) for path in planned.needs),
                planned.memory_mb,
                plan.tile.id,
            )
            for planned in plan.planned
        ]

    def _finished(self, ended: runner.Ended) -> ProductFinished:
        """Result of a task, also of one that could not give it itself."""
        task: ProductTask = ended.node.args[0]
        name = task.path.name
        if ended.how == "returned":
            finished: ProductFinished = ended.value
        elif isinstance(ended.error, UsageError) and self.request.mode == "product-mode":
            raise ended.error
        else:
            status = "interrupted" if ended.how == "cancelled" else "failed"
            reason = {
                "lost": f"its process died {ended.attempts} times, most likely for lack of memory: {ended.error}",
                "timed out": f"given up after {self.request.timeout} minutes (--timeout)",
                "cancelled": "the run was stopped",
            }.get(ended.how, f"{type(ended.error).__name__}: {ended.error}")
            if status == "failed":
                log.error("%s failed: %s", name, reason)
            finished = ProductFinished(task.tile.id, name, status, ended.seconds, reason=reason, path=str(task.path))
        if finished.status != "failed":
            self._clean(task, finished.product)
        return finished

    def _clean(self, task: ProductTask, name: str) -> None:
        """Remove the working folder of a product that needs no looking after."""
        if not self.keep:
            shutil.rmtree(task.run_dir / task.tile.id / name, ignore_errors=True)

    def _plan(self, planner: Planner, tile: MGRSTile) -> TilePlan:
        product = self.request.product
        return planner.tile(tile) if product is None else planner.product(tile, product)

    def _task(self, tile: MGRSTile, path: Path, partners: tuple[Path, ...]) -> ProductTask:
        request = self.request
        return ProductTask(
            path=path,
            tile=tile,
            run_dir=self.run_dir,
            reference=self.references[tile.id],
            bands=request.bands,
            partners=partners,
            region=request.roi if request.mode == "roi-based-mode" else None,
            intermediates=request.intermediate_products,
            parallelize_bands=request.parallelize_bands,
            debug=request.debug,
            cores=None if request.scheduler else share_of(available_cores(), self.jobs),
        )

    def _reference(self, tile: MGRSTile) -> Path | None:
        reference = reference_path(tile.id, self.request.ref_image, self.config.geometry.references_map)
        if reference is not None:
            check_reference(reference, tile)
        return reference

    def _check_sources(self, sources: Sources) -> None:
        if self.request.product is None and not sources.missions:
            raise ConfigurationError(
                "no archive is configured: set url_parameters_pattern_Sentinel2, url_parameters_pattern_Landsat8 ... in "
                "[InputProductArchive], or add a section [Source NAME]"
            )

    def _jobs(self) -> int:
        """Products at a time; on a machine no more than number_of_process, as ever (spec 01 section 4.6)."""
        asked, limit = self.request.jobs, self.config.multiprocessing.number_of_process
        if self.request.scheduler is None and asked > limit:
            log.warning("--jobs %d is more than number_of_process: %d products at a time", asked, limit)
            return limit
        return asked

    def _executor(self, tiles: int) -> Executor:
        setup = (logs.current(), self.run_dir / logs.FILE_NAME)
        if self.request.scheduler is not None:
            return DaskCluster(self.request.scheduler, prepare_worker, (*setup, None))
        if self.jobs > 1 and (tiles > 1 or self.request.product is None):
            return ProcessPool(prepare_worker, (*setup, share_of(available_cores(), self.jobs)))
        return InProcess()

    def _memory(self, executor: Executor) -> float | None:
        """MB that products in work may need together."""
        if self.request.memory is not None:
            return 1000 * self.request.memory
        if isinstance(executor, DaskCluster):
            return executor.memory_mb() or None
        return _FREE_SHARE * available_memory_mb()

    def _lock(self, tile: MGRSTile) -> None:
        """Keep other runs off the tile, and clear away what dead ones left. product-mode shares it: its products differ."""
        if self.request.product is None:
            lock = TileLock(self.archive, tile.id, self.run_dir.name, self.request.if_locked, self.stop, self.stop.set)
            lock.acquire()
            self.locks[tile.id] = lock
        for leftover in remove_leftovers(self.archive, tile.id):
            log.info("removed what an interrupted run left: %s", leftover)

    def _release(self, tile: str) -> None:
        shutil.rmtree(self.run_dir / tile / DETAILS, ignore_errors=True)
        lock = self.locks.pop(tile, None)
        if lock is not None:
            remove_leftovers(self.archive, tile)  # of workers that were killed
            lock.release()

    def _release_all(self) -> None:
        for tile in list(self.locks):
            self._release(tile)
        if not self.keep:
            shutil.rmtree(self.run_dir / "extracted", ignore_errors=True)
            for folder in self.run_dir.iterdir() if self.run_dir.is_dir() else ():
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()


def _told(plan: TilePlan) -> Iterator[Event]:
    yield Listed(plan.tile.id, plan.candidates)
    for error in plan.errors:
        yield TileFailed(plan.tile.id, error)


def _failed(ended: runner.Ended) -> bool:
    return ended.how != "returned" or ended.value.status == "failed"


def _transient(ended: runner.Ended) -> bool:
    return ended.value.transient if ended.how == "returned" else is_transient(ended.error)


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
