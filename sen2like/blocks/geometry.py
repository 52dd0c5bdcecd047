"""S2L_GeometryKLT: the tile's frame, and co-registration to its reference image; spec 05 sections 5-7."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sen2like.blocks.base import Job, S2L_Process
from sen2like.errors import BlockError
from sen2like.products.model import Masks
from sen2like.raster.framed import FramedImage, frame_mask
from sen2like.raster.image import Image, RowImage
from sen2like.raster.read import read_geobox
from sen2like.record import Shift
from sen2like.science import klt
from sen2like.science.klt import Matches

log = logging.getLogger(__name__)

MAX_SHIFT_PIXELS = {"S2": 6, "L8": 5, "L9": 5}
"""Largest shift applied unless ``max_shift`` says otherwise: 60 m of Sentinel-2's 10 m pixels, 150 m of
Landsat's (spec 05 section 12.3)."""


class S2L_GeometryKLT(S2L_Process):
    """One shift for the whole product, measured on the reference band, applied to every band and mask in one interpolation."""

    switch = "doGeometry"
    order = 10
    suffix = "_REFRAMED.TIF"

    def declines(self, job: Job) -> str | None:
        if job.product.refined and not job.config.geometry.force_geometric_correction:
            return "the product is refined (GRI) and force_geometric_correction is off"
        return None

    def reads_first(self, job: Job) -> tuple[str, ...]:
        if not job.config.geometry.doMatchingCorrection or job.reference is None:
            return ()
        return (matching_band(job, job.config.geometry.reference_band),)

    def preprocess(self, job: Job) -> None:
        shift = self._estimate(job) if job.config.geometry.doMatchingCorrection else Shift()
        job.record.shift = shift
        frame = job.tile.geobox(job.masks.data.resolution)
        job.masks = Masks(
            frame_mask(job.masks.valid, frame, shift.dx, shift.dy), frame_mask(job.masks.data, frame, shift.dx, shift.dy)
        )
        job.record.applied("Geometry", dx=shift.dx, dy=shift.dy, reference=job.reference.name if job.reference else None)

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        source = image if isinstance(image, Image) else image.computed(job.pool)
        shift, frame = job.record.shift, job.tile.geobox(source.resolution)
        if not shift and source.geobox == frame:
            return source
        return FramedImage.of(source, frame, shift.dx, shift.dy, job.record.timer(self.name()))

    def _estimate(self, job: Job) -> Shift:
        """Displacement to remove; none, with a warning that says why, when it cannot be known well."""
        if job.reference is None:
            job.warn(f"tile {job.tile.id} has no reference image: no co-registration")
            return Shift()
        band = matching_band(job, job.config.geometry.reference_band)
        with ThreadPoolExecutor(1, thread_name_prefix="reference") as aside:  # while the band is being decoded
            resolution = read_geobox(job.product.bands[band].path).resolution.x
            preparing = aside.submit(job.reference_features, resolution)
            source = job.read(band, keep=band in job.bands)
            features = preparing.result()
        frame = job.tile.geobox(source.resolution)
        framed = FramedImage.of(source, frame, 0, 0, job.record.timer(self.name()))
        dn = source.data if framed.framing.is_copy(source.data) else framed.computed(job.pool).data
        mask = frame_mask(job.masks.valid, job.tile.geobox(job.masks.valid.resolution), 0, 0)
        matches = klt.match(features, dn, mask.data, source.resolution, pool=job.pool)
        features.forget_pixels()  # the check after correction needs the points only
        record_matches(job, matches, job.product.bands[band].path)
        (job.workdir / "KLT.csv").write_text(matches.csv())
        limit = job.config.geometry.max_shift or MAX_SHIFT_PIXELS.get(job.product.sensor, 6) * source.resolution
        refusal = klt.accept(matches, dn.shape, limit, job.config.geometry.min_points)
        if refusal:
            job.warn(f"co-registration rejected, the product stays where it is: {refusal}")
            job.record.set_quality(SHIFT_REJECTED=True)
            return Shift()
        job.record.set_quality(**klt.coregistration_quality(matches))
        dx, dy = matches.shift
        points = f"{len(matches)} points ({matches.total} before outliers)"
        log.info("%s: shift dx %+.3f m, dy %+.3f m from %s", job.product.name, dx, dy, points)
        if max(abs(dx), abs(dy)) < job.config.geometry.skip_small_shift * source.resolution:
            log.info("%s: below skip_small_shift, so nothing is resampled", job.product.name)
            return Shift()
        return Shift(dx, dy)


def matching_band(job: Job, s2_name: str) -> str:
    """The product's own band that corresponds to a Sentinel-2 band name."""
    band = job.band_of(s2_name)
    if band is None:
        raise BlockError(
            f"{job.product.name} has no band {s2_name} to match with the reference image; choose another reference_band"
        )
    return band


def record_matches(job: Job, matches: Matches, image_path: str) -> None:
    """One more line for the correlation table of the product."""
    job.record.correlation.append(matches.correlation_row(job.reference.name if job.reference else "", Path(image_path).name))
