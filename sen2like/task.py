"""One product on one tile, from its path to its outputs: open, decide, prepare, process, and say how it ended.

A task needs nothing but its own values and the configuration, so that it can run in any thread or process.
"""

import gc
import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

import sen2like
from sen2like.auxiliary.detail_cache import DetailCache
from sen2like.auxiliary.past_products import choose
from sen2like.blocks.base import Cancelled, Job, Partner
from sen2like.blocks.fusion import fused_bands
from sen2like.blocks.packager import configuration_hash
from sen2like.blocks.registry import chain
from sen2like.config import Config
from sen2like.errors import ConfigurationError, ProductError, Sen2LikeError, UsageError
from sen2like.events import Event, ProductFinished, ProductStarted
from sen2like.execution.memory import PeakMemory, release_free
from sen2like.execution.retry import is_transient
from sen2like.execution.threads import Threads
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.region import read_region
from sen2like.packaging.names import Baseline, ProductNames
from sen2like.packaging.output import image_key
from sen2like.packaging.writer import complete_before, made_before
from sen2like.pipeline import process
from sen2like.products.model import Angles, Masks, Product
from sen2like.products.registry import Identity, open_product
from sen2like.raster.write import RasterFormat, write_layers, write_mask
from sen2like.science.angles import to_stored

log = logging.getLogger(__name__)

Emit = Callable[[Event], None]
MADE_BEFORE = "made before with the same configuration"


@dataclass(frozen=True)
class ProductTask:
    """What to do with one product."""

    path: Path
    tile: MGRSTile
    run_dir: Path
    """Working folder of the run; the task makes its own below ``<run_dir>/<tile>``."""
    reference: Path | None = None
    """Geometric reference image."""
    bands: tuple[str, ...] | None = None
    """Names by which bands are asked for; None: all."""
    partners: tuple[Path, ...] = ()
    """Further scenes of the same pass, those that add most first."""
    region: Path | None = None
    """Vector file of the region outside of which there is no data in the outputs (roi-based-mode)."""
    intermediates: bool = False
    parallelize_bands: bool = False
    debug: bool = False
    """Log tracebacks of expected errors too."""
    cores: int | None = None
    """Processors it may use; None: all."""
    detail_cache: DetailCache | None = None
    """Where past products are kept for the fusion of other Landsat products of the run."""


def run_task(task: ProductTask, config: Config, emit: Emit, stop: Flag) -> ProductFinished:
    """Run the task, telling `emit` what happens; setting `stop` ends it soon, with nothing half-written.

    A failure is a result, not an exception; only a `UsageError` (the request was wrong, not the product) is raised.
    """
    with PeakMemory() as peak:
        finished = _run_task(task, config, emit, stop)
    gc.collect()  # images of a product hold each other in circles
    release_free()
    return replace(finished, peak_memory_mb=peak.mb)


def _run_task(task: ProductTask, config: Config, emit: Emit, stop: Flag) -> ProductFinished:
    start = time.monotonic()
    name = task.path.name
    record = None

    def ended(status: str, outputs: tuple[Path, ...] = (), reason: str = "") -> ProductFinished:
        return ProductFinished(task.tile.id, name, status, time.monotonic() - start, outputs, reason, record, str(task.path))

    try:
        extracted = task.run_dir / "extracted"
        product = open_product(task.path, task.tile, extracted)
        name = product.name
        reason = too_cloudy(product, config) or already_made(task, config, product)
        if reason:
            log.info("Skip product %s: %s", name, reason)
            return ended("skipped", reason=reason)
        with ThreadPoolExecutor(2, thread_name_prefix="masks") as ahead:
            job = _prepare(task, config, product, stop, ahead)
            record = job.record
            blocks, declined = chain(job)
            for line in declined:
                log.info("%s: %s", name, line)
            emit(ProductStarted(task.tile.id, name, job.bands, str(task.path)))
            threads = Threads.for_product(config.multiprocessing.number_of_process, task.parallelize_bands, task.cores)
            return ended("done", process(job, blocks, threads, emit, task.intermediates))
    except Cancelled as e:
        return ended("interrupted", reason=str(e))
    except UsageError:
        raise
    except Sen2LikeError as e:
        log.error("%s failed: %s", name, e, exc_info=task.debug)
        return replace(ended("failed", reason=str(e)), transient=is_transient(e))
    except Exception as e:
        log.exception("%s failed: %s: %s", name, type(e).__name__, e)
        return replace(ended("failed", reason=f"{type(e).__name__}: {e}"), transient=is_transient(e))


def _prepare(task: ProductTask, config: Config, product: Product, stop: Flag, ahead: Executor) -> Job:
    """A product ready for its blocks; its masks and angles are being read by the threads of `ahead`."""
    workdir = task.run_dir / task.tile.id / product.name
    if workdir.exists():  # an earlier attempt of this run
        shutil.rmtree(workdir)
    workdir.mkdir(parents=True)
    bands = _bands(task, product)
    masks, angles = _masks_and_angles(config, product, task.tile, ahead)
    job = Job(
        product=product,
        tile=task.tile,
        config=config,
        bands=bands,
        workdir=workdir,
        reference=task.reference,
        masks=masks,
        angles=angles,
        digest=_digest(task, config),
        detail_cache=task.detail_cache,
        cancelled=stop,
    )
    for notice in product.notices:
        job.warn(notice)
    if product.sensor != "S2" and not config.processing.doGeometry:
        raise ConfigurationError(f"doGeometry = False: {product.name} has to be put on the grid of the tile; set it to True")
    if config.processing.doStitching:
        job.partners = _partners(task, config, job, ahead)
    if task.region is not None:
        job.region = read_region(task.region)
    if task.intermediates:
        _keep_auxiliary(job)
    return job


def _masks_and_angles(
    config: Config, product: Product, tile: MGRSTile, ahead: Executor
) -> tuple[Future[Masks], Future[Angles]]:
    angles = ahead.submit(product.read_angles, config.nbar.angles)
    masks = ahead.submit(product.read_masks, _auxiliary_scl(config, product, tile), config.masks.landsat_quality)
    return masks, angles


def _partners(task: ProductTask, config: Config, job: Job, ahead: Executor) -> list[Partner]:
    """Further scenes of the pass, ready to be stitched; one that cannot be used is left out with a warning."""
    found = []
    for path in task.partners:
        try:
            product = open_product(path, task.tile, task.run_dir / "extracted")
            masks, angles = _masks_and_angles(config, product, task.tile, ahead)
            found.append(Partner(product, masks.result(), angles.result()))
        except Sen2LikeError as e:
            job.warn(f"goes on without its neighbour {path.name}: {e}")
    return found


def _keep_auxiliary(job: Job) -> None:
    """Masks, angles and metadata of the input in the working folder, under the reference's names (spec 04 section 1)."""
    masks, angles, plain = job.masks, job.angles, RasterFormat("GTIFF")
    stored = to_stored(angles.degrees)
    write_layers(job.workdir / "tie_points.tif", stored, angles.geobox, angles.names, scale=0.01, unit="degree")
    write_mask(job.workdir / "valid_pixel_mask.tif", masks.valid.data, masks.valid.geobox, plain)
    write_mask(job.workdir / "nodata_pixel_mask.tif", masks.data.data, masks.data.geobox, plain)
    for kind, name in (("product", "MTD.xml"), ("tile", "MTD_TL.xml")):
        text = job.product.document(kind)
        if text is not None:
            (job.workdir / name).write_bytes(text)


def _bands(task: ProductTask, product: Product) -> tuple[str, ...]:
    """The product's own names of the bands asked for; a band asked for by name must exist."""
    if not task.bands:
        if not product.bands:
            raise ProductError(f"{product.name}: none of its band files exists")
        return tuple(product.bands)
    by_name = {band.request_name: band.name for band in product.bands.values()}
    missing = [name for name in task.bands if name not in by_name]
    if len(missing) == len(task.bands) or any(name in product.missing_names for name in missing):
        raise ProductError(f"{product.name} has no band {', '.join(missing)}; it has {', '.join(by_name)}")
    if missing:
        log.info("%s: the sensor has no band %s", product.name, ", ".join(missing))
    return tuple(name for wanted, name in by_name.items() if wanted in task.bands)


def _auxiliary_scl(config: Config, product: Product, tile: MGRSTile) -> str | None:
    """Scene classification of ``scl_dir`` for a Level-1 product (spec 04 section 2.4); None when there is none."""
    folder = config.directories.scl_dir
    if not folder or product.is_level2 or product.sensor != "S2":
        return None  # a Landsat product has a quality band of its own
    path = Path(folder) / tile.id / f"T{tile.id}_{product.datatake_start:%Y%m%dT%H%M%S}_SCL_60m.tif"
    if path.exists():
        return str(path)
    log.info("%s: no auxiliary scene classification %s; masks of the product are used", product.name, path)
    return None


def too_cloudy(product: Product, config: Config) -> str | None:
    """Why the clouds of the whole product are too many; None: they are not, or are unknown."""
    limit = config.input_product_archive.cloud_cover
    if product.cloud_cover is None or product.cloud_cover <= limit:
        return None
    return f"cloud cover {product.cloud_cover:.1f} % > {limit:g} %"


def made_from(task: ProductTask, config: Config, identity: Identity, fusion: bool | None) -> str | None:
    """As `already_made`, for all bands and by the name of the input alone: a nightly run should not open an old archive."""
    orbit = identity.path if identity.is_landsat else identity.orbit
    if config.packager.if_exists != "skip" or task.bands or orbit is None:
        return None
    instrument, baseline = "OLI" if identity.is_landsat else "MSI", Baseline.of(sen2like.__version__).compact
    place = f"{identity.date:%Y%m%d}*_N{baseline}_R{orbit:03d}_T{task.tile.id}_*"
    folder, digest = Path(config.directories.archive_dir) / task.tile.id, _digest(task, config)
    found = []
    for level in _levels(config, identity.is_landsat and fusion is False):
        made = complete_before(folder, f"{identity.satellite}_{instrument}{level}_{place}", identity.name, digest)
        if made is None:
            return None
        found.append(made.name)
    return _made(found)


def already_made(task: ProductTask, config: Config, product: Product, fusion: bool | None = None) -> str | None:
    """With ``if_exists = skip``: the outputs that would only be repeated, if all of them are there (spec 10 section 9).

    `fusion`: whether a Landsat product will have something to be fused with; None: look what the archive has now.
    """
    if config.packager.if_exists != "skip":
        return None
    own = [product.bands[name] for name in _bands(task, product)]
    bands = [image_key(band.output_name, band.native, product.sensor) for band in own]
    found = []
    for level in _levels(config, product.sensor != "S2" and not _can_be_fused(task, config, product, fusion)):
        names = ProductNames.of(product, level, task.tile.id, datetime.now(UTC))
        folder = Path(config.directories.archive_dir) / task.tile.id
        made = made_before(folder, names, product.name, _digest(task, config), bands)
        if made is None:
            return None
        found.append(made.name)
    return _made(found)


def _levels(config: Config, not_fusable: bool) -> list[str]:
    """Levels of the output products."""
    on = config.processing
    levels = ["L2H"] if on.doPackagerL2H else []
    return levels + (["L2F"] if on.doPackagerL2F and on.doFusion and not not_fusable else [])


def _made(found: list[str]) -> str | None:
    return f"{MADE_BEFORE}: {', '.join(found)}" if found else None


def _digest(task: ProductTask, config: Config) -> str:
    return configuration_hash(config, task.reference, task.region, [path.name for path in task.partners])


def _can_be_fused(task: ProductTask, config: Config, product: Product, known: bool | None) -> bool:
    if known is not None:
        return known
    bands = fused_bands(product, _bands(task, product))
    out, archive = config.output_format, config.directories.archive_dir
    return bool(bands and choose(archive, task.tile, product.acquisition.date(), 1, bands, out.gain, out.offset)[0])
