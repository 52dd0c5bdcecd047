"""S2L_Fusion: Landsat at 10 and 20 m with the detail of past Sentinel-2 products of the tile; spec 06."""

import logging
from collections.abc import Iterable
from functools import partial
from threading import Condition, Thread, current_thread

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.auxiliary import past_products as past
from sen2like.auxiliary.past_bands import PastBand
from sen2like.blocks.base import FusionCheck, FusionPlan, Job, S2L_Process
from sen2like.blocks.fused_image import FusedImage
from sen2like.errors import BlockError
from sen2like.products.model import Product
from sen2like.raster.image import RowImage
from sen2like.raster.read import read_geobox
from sen2like.science.fusion import AutoCheck
from sen2like.science.masks import resize_nearest
from sen2like.science.scratch import Arrays

log = logging.getLogger(__name__)

FUSED = ("B02", "B03", "B04", "B8A", "B11", "B12")
"""Bands, by Sentinel-2 name, of which Sentinel-2 has more detail; B01 is coarser there (spec 06 section 1)."""

WAIT = 0.2
"""Seconds until a waiting band looks whether its job has been cancelled."""


class _PastPixels(Arrays):
    """Arrays that fusing a band needs. There is one set: one band has it until it is fused.

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

    def declines(self, job: Job) -> str | None:
        if not job.config.processing.doPackagerL2F:
            return "doPackagerL2F is off: nothing would be done with its result"
        job.fusion = _plan(job)
        return None if job.fusion else "it has nothing to take detail from, so there will be no L2F product"

    @staticmethod
    def will_fuse(job: Job, band: str) -> bool:
        """Whether a band (own name) gets fused, if this block runs."""
        return job.fusion is not None and job.product.bands[band].s2_name in FUSED

    def resolution(self, job: Job, band: str) -> float | None:
        s2_name = job.product.bands[band].s2_name
        return _required(job).products[-1].resolution(s2_name) if s2_name and self.will_fuse(job, band) else None

    def preprocess(self, job: Job) -> None:
        plan, options = _required(job), job.config.fusion
        for product in plan.products:
            job.record.add_reference(product.name)
        job.record.set_quality(
            PREDICTED_METHOD=plan.method, FUSION_AUTO_CHECK_THRESHOLD=options.fusion_auto_check_threshold
        )
        counted = [product.valid for product in plan.products], job.masks.data.data
        self._shares = partial(_shares, *counted) if job.aside is None else job.aside.submit(_shares, *counted).result
        log.info("%s: fusion (%s) with %s", job.product.name, plan.method, _names(plan))

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        s2_name = job.product.bands[band].s2_name
        if s2_name is None or not self.will_fuse(job, band):
            return image
        plan, out, options = _required(job), job.config.output_format, job.config.fusion
        self._pixels.take(job)
        landsat = image.computed(job.pool, partial(self._pixels.array, "landsat"))
        pasts = [
            PastBand(
                product,
                s2_name,
                landsat.resolution,
                threads=job.cores,
                pool=job.pool,
                cache=job.detail_cache,
                empty=self._pixels.array,
                reading=job.record.timer("read past products"),
                reducing=job.record.timer("detail"),
            )
            for product in plan.products
        ]
        data = job.masks.data.data
        check = None
        if s2_name == options.fusion_auto_check_band:
            check = AutoCheck(landsat.data, data, pasts[-1].shape, options.fusion_auto_check_threshold)
        return FusedImage(
            landsat.data,
            data,
            pasts,
            [product.valid for product in plan.products],
            job.tile.geobox(pasts[-1].resolution),
            gain=out.gain,
            offset=out.offset,
            w=plan.w,
            empty=self._pixels.array,
            check=check,
            timers=(job.record.timer(self.name()), job.record.timer("fusion check")),
            done=partial(self._fused, job, s2_name, check, landsat.geobox),
        )

    def _fused(self, job: Job, s2_name: str, check: AutoCheck | None, grid: GeoBox) -> None:
        """A band has been fused, to its end or not; called more than once."""
        self._pixels.give_back()
        found = check.result() if check and job.fusion_check is None else None
        if found:
            job.fusion_check = FusionCheck(s2_name, found.agrees, grid)
            figures = found.statistics
            text = " ".join(f"{name}:{value:.5f}" for name, value in figures.items() if name != "agreeing")
            job.record.set_quality(OVERALL_STATISTICS=f"{s2_name} {text} within_threshold:{figures['agreeing']:.2f}%")
            log.debug("%s: fusion check of %s: %s", job.product.name, s2_name, figures)

    def postprocess(self, job: Job) -> None:
        shares = self._shares()
        if shares[0] == 100:
            job.warn("no pixel is clear in any past product: L2F is Landsat interpolated, without detail")
        statistics = " ".join(f"{n}:{share:.2f}%" for n, share in reversed(list(enumerate(shares))))
        job.record.set_quality(PREDICTED_PIXELS_STATISTICS=statistics)
        plan = _required(job)  # told now: L2H has been completed, and fusion is none of its steps
        weight = {} if plan.w is None else {"w": round(plan.w, 4)}
        job.record.applied("Fusion", method=plan.method, products=_names(plan), **weight)
        wanted = job.config.fusion.fusion_auto_check_band
        if job.fusion_check is None:
            log.info("%s: no fusion check, band %s was not fused as a whole", job.product.name, wanted)


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
