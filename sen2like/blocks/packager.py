"""S2L_PackagerL2H and S2L_PackagerL2F: the output products (spec 10, 11)."""

import hashlib
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from sen2like.blocks.base import Encoded, Job, S2L_Process
from sen2like.blocks.fusion import S2L_Fusion
from sen2like.config import Config
from sen2like.packaging.contents import complete, link_fixed, write_fixed
from sen2like.packaging.output import WrittenFile
from sen2like.packaging.quantity import THERMAL
from sen2like.packaging.quicklooks import Previews
from sen2like.packaging.writer import OutputSettings, ProductWriter
from sen2like.raster.image import LazyImage, RowImage
from sen2like.raster.write import RasterFormat, write_layers
from sen2like.science.encode import count_not_finite, encode
from sen2like.science.means import block_means
from sen2like.science.raw_dn import rounded_dn
from sen2like.science.resample import gaps

log = logging.getLogger(__name__)


class _Packager(S2L_Process):
    """Writes every band it is given and, at the end, everything that goes with them."""

    level: str

    def preprocess(self, job: Job) -> None:
        shared = next(iter(job.writers.values()), None)
        time = shared.production_time if shared else datetime.now(UTC)
        self.settings = output_settings(job.config, job.digest)
        self.writer = ProductWriter(self.level, job.product, job.tile, self.settings, time, job.aside)
        job.writers[self.level] = self.writer
        self.previews = Previews(job.tile, self.settings.gain, self.settings.offset, single=len(job.bands) == 1)
        self._lost = 0
        self._absent = 0
        valid, nodata = job.masks.percentages()
        job.record.set_quality(VALID_PIX_PERCENTAGE=f"{valid:.6f}", NODATA_PIX_PERCENTAGE=f"{nodata:.6f}")
        self._lock = threading.Lock()
        self._fixed = self._write_fixed(job)

    def _write_fixed(self, job: Job) -> Future | None:
        """Begin to write what does not depend on the bands: one thread does it while they are made."""
        if job.aside is None:
            write_fixed(self.writer, job.product, job.masks, job.angles)
            return None
        return job.aside.submit(write_fixed, self.writer, job.product, job.masks, job.angles)

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        given, image = image, self._held(job, image, band)
        dn = self._encode(job, image, band, given)
        if job.last is self:
            image.release()
        job.check()
        source = job.product.bands[band]
        with job.record.timer("overviews"):
            wanted = self.previews.factors(source.output_name, image.resolution, source.native)
            means = block_means(dn, {*self.settings.fmt.factors(image.geobox), *wanted}, job.scratch.array)
        with job.record.timer("write"):
            written = self.writer.add_image(source, dn, image, means, job.threads)
        with job.record.timer("previews"):
            kept = self.previews.add(written.band, dn, image.resolution, written.native, source.kind != THERMAL, means)
            self.previews.write_complete(self.writer.folder, self.writer.names, self.settings.quicklook_quality)
        self._written(job, band, Encoded(image, written, kept))
        return image

    def _held(self, job: Job, image: RowImage, band: str) -> RowImage:
        """`image`, in memory if another block will ask for its rows too."""
        return image

    def _written(self, job: Job, band: str, encoded: Encoded) -> None:
        """Called for every image that was encoded."""

    def _encode(self, job: Job, image: RowImage, band: str, given: RowImage) -> np.ndarray:
        """DN of the band, computed strip by strip through all pixel-wise blocks before this one.

        `given`: the image as it came here, which knows its input. A thermal band is no reflectance: it keeps its DN, which
        resampling alone has touched.
        """
        thermal = job.product.bands[band].kind == THERMAL
        out = job.config.output_format
        mask = job.masks.data.data
        dn = job.scratch.array("dn", image.shape, np.uint16)
        lost, absent = [], []

        def one(rows: slice) -> None:
            job.check()
            rho = image.rows(rows.start, rows.stop)
            with job.record.timer("encode"):
                present = gaps(mask, image.shape, rows.start, rows.stop, out.mask_60m)
                if thermal:
                    rounded_dn(rho, present, out=dn[rows])
                    missing = dn[rows] == 0
                    absent.append(int(np.count_nonzero(missing if present is None else missing & (present != 0))))
                    return
                work = job.scratch.array("encoding", rho.shape)
                encode(rho, out.gain, out.offset, out.rounding, out.clip_negative, present, out=dn[rows], work=work)
                if dn[rows].min(initial=1):  # every pixel has a value
                    return
                unusable = count_not_finite(rho, present)
                there = np.ones(rho.shape, bool) if present is None else present != 0
                never_there = count_not_finite(rho, there & _without_input(given, rows)) if unusable else 0
                lost.append(unusable - never_there)
                absent.append(never_there)

        image.each_strip(one, job.pool)
        with self._lock:
            self._lost += sum(lost)
            self._absent += sum(absent)
        return dn

    def postprocess(self, job: Job) -> None:
        out = job.config.output_format
        job.record.applied("Packager", rounding=out.rounding, clip_negative=out.clip_negative)
        if self._absent:
            what = "pixels inside the data mask have no data in their band"
            log.info("%s: %s: %d %s", job.product.name, self.level, self._absent, what)
        if self._lost:
            job.record.set_quality(NON_FINITE_PIXELS=self._lost)
            job.warn(f"{self.level}: {self._lost} pixels without a usable value inside the data mask were written as no data")
        self._pictures(job)
        self._finish_fixed(job)
        partial = bool(job.product.missing_bands) or set(job.bands) != set(job.product.bands)
        complete(self.writer, job.product, job.masks, job.angles, job.record, partial=partial)

    def _finish_fixed(self, job: Job) -> None:
        if self._fixed is not None:
            self._fixed.result()

    def _pictures(self, job: Job) -> None:
        for file in self.previews.write(self.writer.folder, self.writer.names, job.record, self.settings.quicklook_quality):
            self.writer.add_file(file)


class S2L_PackagerL2H(_Packager):
    """Harmonised surface reflectance, each sensor at its own resolution."""

    switch = "doPackagerL2H"
    order = 100
    level = "L2H"

    def _held(self, job: Job, image: RowImage, band: str) -> RowImage:
        if S2L_Fusion.will_fuse(job, band):
            return image.computed(job.pool, partial(job.scratch.array, "computed"))
        return image

    def _written(self, job: Job, band: str, encoded: Encoded) -> None:
        if S2L_PackagerL2F.level in job.writers:
            job.encoded[band] = encoded


class S2L_PackagerL2F(_Packager):
    """What fusion made of it; a band that fusion left alone is the L2H file itself, encoded once and hard-linked."""

    switch = "doPackagerL2F"
    order = 120
    level = "L2F"

    def preprocess(self, job: Job) -> None:
        super().preprocess(job)
        self._linked: set[str] = set()
        self._check = False  # whether it has been written

    def declines(self, job: Job) -> str | None:
        if not job.config.processing.doFusion:
            return "doFusion is off: there is no L2F without it"
        if job.product.sensor in S2L_Fusion.sensors and job.fusion is None:
            return "fusion has nothing to take detail from"
        return None

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        harmonised = job.writers.get("L2H")
        twin = job.encoded.pop(band, None)
        if harmonised is None or twin is None or twin.image is not image:
            made = super().process(job, image, band)
            self._write_check(job)
            return made
        self.writer.link_image(job.product.bands[band], harmonised, twin.written)
        self.previews.adopt(twin.kept)
        with job.record.timer("previews"):
            self.previews.write_complete(self.writer.folder, self.writer.names, self.settings.quicklook_quality)
        with self._lock:
            self._linked.add(band)
        return image

    def postprocess(self, job: Job) -> None:
        self._write_check(job)
        super().postprocess(job)

    def _write_fixed(self, job: Job) -> Future | None:
        return None if "L2H" in job.writers else super()._write_fixed(job)

    def _finish_fixed(self, job: Job) -> None:
        harmonised = job.writers.get("L2H")
        if harmonised is None:
            super()._finish_fixed(job)
        else:
            link_fixed(self.writer, harmonised)

    def _write_check(self, job: Job) -> None:
        """Mask of where fusion agrees with Landsat (FCM), on the grid of Landsat, once it is known."""
        with self._lock:
            check, self._check = (None, True) if self._check else (job.fusion_check, job.fusion_check is not None)
        if check is None:
            return
        name = self.writer.names.fusion_check
        write_layers(self.writer.folder / name, check.agrees[None], check.geobox, (f"{check.band} agrees",))
        self.writer.add_file(WrittenFile(name, "FCM", "GTIFF", {}, check.agrees.shape, check.geobox.affine))

    def _pictures(self, job: Job) -> None:
        if self._linked != set(job.bands):
            super()._pictures(job)
            return
        for file in job.writers["L2H"].files:
            if file.kind in ("PVI", "THUMBNAIL") or file.kind.startswith("QL_"):
                self.writer.link_file(job.writers["L2H"], file)


def _without_input(image: RowImage, rows: slice) -> np.ndarray | bool:
    """Where the input of a band is no data: its edge is not that of the band the mask was made from."""
    if not isinstance(image, LazyImage) or image.source.nodata is None:
        return False
    return image.source.rows(rows.start, rows.stop) == image.source.nodata


def output_settings(config: Config, digest: str) -> OutputSettings:
    """Values of the configuration that decide how products are written."""
    cog, out = config.cog_options, config.output_format
    fmt = RasterFormat(
        name=out.output_format,
        compression=cog.compression,
        predictor=cog.predictor,
        level=cog.compression_level,
        blocksize=cog.internal_tiling,
        interleave=cog.interleave,
        overviews={r: getattr(cog, f"downsampling_levels_{r}") for r in (10, 15, 20, 30, 60)},
        resampling=cog.resampling_algo,
        mask_resampling=cog.resampling_algo_MASK,
        lossless=config.jpeg2000_options.lossless_jpeg2000,
    )
    return OutputSettings(
        archive_dir=Path(config.directories.archive_dir),
        gain=out.gain,
        offset=out.offset,
        fmt=fmt,
        quicklook_quality=config.packager.quicklook_jpeg_quality,
        json_metadata=config.packager.json_metadata,
        if_exists=config.packager.if_exists,
        configuration_name=config.name,
        configuration_hash=digest,
    )


def configuration_hash(config: Config, reference: Path | None, region: Path | None = None, partners: Sequence[str] = ()) -> str:
    """SHA-256 (hexadecimal) of all that decides the pixels besides the product: configuration, reference image, region, and
    the names of the scenes it was to be stitched with."""
    image = f"{reference.name} {reference.stat().st_size}" if reference else ""
    area = f" {hashlib.sha256(region.read_bytes()).hexdigest()}" if region else ""
    others = f" {' '.join(sorted(partners))}" if partners else ""
    return hashlib.sha256(f"{config.digest} {image}{area}{others}".encode()).hexdigest()
