"""S2L_Fusion: Landsat at 10 and 20 m with the detail of past Sentinel-2 products of the tile; spec 06."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Thread, current_thread

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.auxiliary import past_products as past
from sen2like.auxiliary.past_products import PastProduct
from sen2like.blocks.base import FusionCheck, FusionPlan, Job, S2L_Process
from sen2like.errors import BlockError
from sen2like.products.model import Product
from sen2like.raster.image import RowImage, Timer
from sen2like.raster.read import read_geobox
from sen2like.science.fusion import AutoCheck, Detail, Fusion, low_pass
from sen2like.science.masks import resize_nearest
from sen2like.science.scratch import Arrays

log = logging.getLogger(__name__)

FUSED = ("B02", "B03", "B04", "B8A", "B11", "B12")
"""Bands, by Sentinel-2 name, of which Sentinel-2 has more detail; B01 is coarser there (spec 06 section 1)."""

WAIT = 0.2
"""Seconds until a waiting band looks whether its job has been cancelled."""


@dataclass(frozen=True)
class FusedImage(RowImage):
    """Reflectance on the grid of the past products, NaN = no data; its rows are fused when asked for."""

    fusion: Fusion
    geobox: GeoBox
    timer: Timer
    done: Callable[[], None]
    """Called when nobody will ask for rows any more."""
    check: AutoCheck | None = None
    """Sees the rows as they are made."""
    check_timer: Timer = field(default_factory=Timer)
    nodata: float | None = None

    @property
    def rows_multiple(self) -> int:
        return self.check.rows_multiple if self.check else 1

    def release(self) -> None:
        self.done()

    def rows(self, start: int, stop: int) -> np.ndarray:
        with self.timer:
            rows = self.fusion.rows(start, stop)
        if self.check:
            with self.check_timer:
                self.check.add(start, rows)
        return rows


class _PastPixels(Arrays):
    """Arrays for the bands of past products, the largest of a run. There is one set: one band has it until it is fused.

    Meanwhile those fused before are encoded, so no core waits. Each thread makes one band after the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._owner: Thread | None = None
        self._change = Condition()

    def take(self, job: Job) -> None:
        """Wait until no other thread has them; `Cancelled` when the job ends before."""
        with self._change:
            while self._owner not in (None, current_thread()):
                self._change.wait(WAIT)
                job.check()
            self._owner = current_thread()

    def give_back(self) -> None:
        """The next band may have them; nothing happens when this thread does not have them."""
        with self._change:
            if self._owner is current_thread():
                self._owner = None
                self._change.notify()


class S2L_Fusion(S2L_Process):
    """composite: the newest clear product gives the detail; predict: that of the last two, extrapolated to the date."""

    switch = "doFusion"
    order = 110
    suffix = "_FUSION.TIF"
    sensors = frozenset({"L8", "L9"})

    def __init__(self) -> None:
        self._pixels = _PastPixels()
        self._reading: Future[list[np.ndarray]] | None = None
        self._ahead: tuple[str, Future[dict[str, np.ndarray]]] | None = None

    def declines(self, job: Job) -> str | None:
        if not job.config.processing.doPackagerL2F:
            return "doPackagerL2F is off: nothing would be done with its result"
        job.fusion = _plan(job)
        return None if job.fusion else "it has nothing to take detail from, so there will be no L2F product"

    def begin(self, job: Job) -> None:
        if job.aside is not None:
            self._reading = job.aside.submit(self._read_masks, job)
            # the first band that needs them will find the past products decoded
            fused, wanted = fused_bands(job.product, job.bands), job.config.geometry.reference_band
            first = wanted if wanted in fused else next(iter(fused))
            self._ahead = first, job.aside.submit(self._read_ahead, job, first)

    @staticmethod
    def will_fuse(job: Job, band: str) -> bool:
        """Whether a band (own name) gets fused, if this block runs."""
        return job.fusion is not None and job.product.bands[band].s2_name in FUSED

    def preprocess(self, job: Job) -> None:
        plan, options = _required(job), job.config.fusion
        self._masks = self._reading.result() if self._reading else self._read_masks(job)
        for product in plan.products:
            job.record.add_reference(product.name)
        shares = _shares(self._masks, job.masks.data.data)
        if shares[0] == 100:
            job.warn("no pixel is clear in any past product: L2F is Landsat interpolated, without detail")
        job.record.set_quality(
            PREDICTED_METHOD=plan.method,
            FUSION_AUTO_CHECK_THRESHOLD=options.fusion_auto_check_threshold,
            PREDICTED_PIXELS_STATISTICS=" ".join(f"{n}:{share:.2f}%" for n, share in reversed(list(enumerate(shares)))),
        )
        log.info("%s: fusion (%s) with %s", job.product.name, plan.method, _names(plan))

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        s2_name = job.product.bands[band].s2_name
        if s2_name is None or not self.will_fuse(job, band):
            return image
        plan = _required(job)
        self._pixels.take(job)
        decoded = self._taken_ahead(s2_name)
        landsat = image.computed(job.pool, partial(self._pixels.array, "landsat"))
        details = [
            self._detail(job, product, s2_name, landsat.resolution, mask, decoded.get(product.name))
            for product, mask in zip(plan.products, self._masks, strict=True)
        ]
        fusion = Fusion(landsat.data, job.masks.data.data, details, plan.w, nodata=np.nan, empty=self._pixels.array)
        frame = job.tile.geobox(plan.products[-1].resolution(s2_name))
        options = job.config.fusion
        check = None
        if s2_name == options.fusion_auto_check_band:
            check = AutoCheck(landsat.data, job.masks.data.data, fusion.shape, options.fusion_auto_check_threshold)
        done = partial(self._fused, job, s2_name, check, landsat.geobox)
        return FusedImage(fusion, frame, job.record.timer(self.name()), done, check, job.record.timer("fusion check"))

    def _fused(self, job: Job, s2_name: str, check: AutoCheck | None, grid: GeoBox) -> None:
        """A band has been fused, to its end or not; called more than once."""
        self._pixels.give_back()
        found = check.result() if check and job.fusion_check is None else None
        if found:
            job.fusion_check = FusionCheck(s2_name, found.agrees, grid)
            figures = found.statistics()
            text = " ".join(f"{name}:{value:.5f}" for name, value in figures.items() if name != "agreeing")
            job.record.set_quality(OVERALL_STATISTICS=f"{s2_name} {text} within_threshold:{figures['agreeing']:.2f}%")
            log.debug("%s: fusion check of %s: %s", job.product.name, s2_name, figures)

    def postprocess(self, job: Job) -> None:
        plan = _required(job)  # told now: L2H has been completed, and fusion is none of its steps
        weight = {} if plan.w is None else {"w": round(plan.w, 4)}
        job.record.applied("Fusion", method=plan.method, products=_names(plan), **weight)
        wanted = job.config.fusion.fusion_auto_check_band
        if job.fusion_check is None:
            log.info("%s: no fusion check, band %s was not fused as a whole", job.product.name, wanted)

    def _read_masks(self, job: Job) -> list[np.ndarray]:
        return [past.read_mask(product, job.threads) for product in _required(job).products]

    def _read_ahead(self, job: Job, s2_name: str) -> dict[str, np.ndarray]:
        """DN of a band by product; nothing where they are kept from an earlier Landsat product."""
        if job.detail_cache and job.detail_cache.folder.exists():
            return {}
        return {product.name: self._read(job, product, s2_name, job.threads) for product in _required(job).products}

    def _taken_ahead(self, s2_name: str) -> dict[str, np.ndarray]:
        """What was read ahead, for the band that comes first; another band that comes first will overwrite it."""
        if self._ahead is None:
            return {}
        (first, reading), self._ahead = self._ahead, None
        if first == s2_name:
            return reading.result()
        wait([reading])
        return {}

    def _read(self, job: Job, product: PastProduct, s2_name: str, threads: int) -> np.ndarray:
        job.check()
        with job.record.timer("read past products"):
            return past.read_band(product, s2_name, threads, partial(self._pixels.array, product.name))

    def _detail(
        self,
        job: Job,
        product: PastProduct,
        s2_name: str,
        resolution: float,
        mask: np.ndarray,
        dn: np.ndarray | None,
    ) -> Detail:
        """`dn`: of the band, when it has been read."""
        job.check()
        out = job.config.output_format
        cache, image = job.detail_cache, product.image(s2_name)
        with job.record.timer("read past products"):
            kept = cache.read(image, resolution) if cache and dn is None else None
            if kept:
                return Detail(*kept, mask, gain=out.gain, offset=out.offset)
            low = past.read_low(product, s2_name, job.cores)
        if dn is None:
            dn = self._read(job, product, s2_name, job.cores)
        if low is not None:
            return Detail(dn, low, mask, protect=False, gain=out.gain, offset=out.offset)
        with job.record.timer("detail"):
            empty = partial(self._pixels.array, f"{product.name} low")
            low = low_pass(dn, product.resolution(s2_name), resolution, job.pool, empty)
            if cache:
                cache.keep(image, resolution, dn, low)
            return Detail(dn, low, mask, gain=out.gain, offset=out.offset)


def fused_bands(product: Product, bands: Iterable[str]) -> dict[str, float]:
    """Pixel size (metres) of those of `bands` (own names) that get fused, by Sentinel-2 name."""
    found = (product.bands[name] for name in bands)
    return {band.s2_name: read_geobox(band.path).resolution.x for band in found if band.s2_name in FUSED}


def _plan(job: Job) -> FusionPlan | None:
    """The past products to use and how; None, with a warning that says why, when there are none."""
    config, product = job.config, job.product
    resolutions = fused_bands(product, job.bands)
    if not resolutions:
        return None
    out, date = config.output_format, product.acquisition.date()
    count = config.fusion.predict_nb_products
    found, notices = past.choose(config.directories.archive_dir, job.tile, date, count, resolutions, out.gain, out.offset)
    method, w, more = past.method(found, config.fusion.predict_method, date)
    for notice in (*notices, *more):
        job.warn(notice)
    if method is None:
        return None
    return FusionPlan(tuple(found[-2:] if method == "predict" else found), method, w)


def _required(job: Job) -> FusionPlan:
    if job.fusion is None:
        raise BlockError(f"{job.product.name}: fusion was not planned")
    return job.fusion


def _names(plan: FusionPlan) -> str:
    return ", ".join(product.name for product in plan.products)


def _shares(masks: list[np.ndarray], data: np.ndarray) -> list[float]:
    """Percent of the pixels with data that are clear in 0, 1, 2 ... of the past products."""
    clear = np.zeros(data.shape, np.uint8)
    for mask in masks:
        clear += resize_nearest(mask, data.shape) != 0
    present = data != 0
    found = [int(np.count_nonzero((clear == n) & present)) for n in range(len(masks) + 1)]
    return [100.0 * n / max(1, sum(found)) for n in found]
