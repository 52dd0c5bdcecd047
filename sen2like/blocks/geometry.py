"""S2L_GeometryKLT: the tile's frame, and co-registration to its reference image; spec 05 sections 5-7."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sen2like.blocks.base import Cancelled, Job, Partner, S2L_Process
from sen2like.errors import BlockError, ProductError, Sen2LikeError
from sen2like.grid.mgrs import TILE_SIZE_M, MGRSTile
from sen2like.products.model import Angles, Masks, Product
from sen2like.raster.framed import FramedImage, frame_mask, frame_nearest
from sen2like.raster.image import Image, RowImage
from sen2like.raster.read import read_geobox
from sen2like.record import Shift
from sen2like.science import klt
from sen2like.science.angles import fill_nearest
from sen2like.science.klt import Matches

log = logging.getLogger(__name__)

MAX_SHIFT_PIXELS = {"S2": 6, "L8": 5, "L9": 5}
"""Largest shift applied unless ``max_shift`` says otherwise: 60 m of Sentinel-2's 10 m pixels, 150 m of
Landsat's (spec 05 section 12.3)."""


@dataclass(frozen=True)
class _Measured:
    """What matching says of a scene."""

    shift: Shift | None
    """None: it cannot be told well; `refusal` says why."""
    matches: Matches | None = None
    """None: it was not matched."""
    refusal: str = ""


class S2L_GeometryKLT(S2L_Process):
    """One shift for the whole product, measured on the reference band, applied to every band and mask in one interpolation.

    Neighbours that will be stitched are placed likewise, each by its own shift.
    """

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
        return (matching_band(job.product, job.config.geometry.reference_band),)

    def begin(self, job: Job) -> None:
        for band in self.reads_first(job):
            if job.aside is not None:
                # whoever asks for it next waits until it is done, and is told what went wrong
                job.aside.submit(job.reference_features, read_geobox(job.product.bands[band].path).resolution.x)

    def preprocess(self, job: Job) -> None:
        own = self._measured(job, job.product, job.masks)
        others = [self._of_partner(job, partner) for partner in list(job.partners)]
        shift = job.record.shift = self._chosen(job, own, [other for other in others if other])
        if own.matches is not None and own.shift is not None:
            matches = [found.matches if found.shift is not None else None for found in (own, *filter(None, others))]
            job.record.set_quality(**klt.coregistration_quality(*matches))
        job.masks = framed_masks(job.masks, job.tile, shift, job.config.masks.mask_framing)
        if not job.masks.data.data.any():
            raise ProductError(f"{job.product.name} has no data on tile {job.tile.id}; choose a tile that it covers")
        job.angles = framed_angles(job.angles, job.tile)
        measured = [other for other in others if other]
        for partner, found in zip(list(job.partners), measured, strict=True):
            partner.shift = shift if found.shift is None else found.shift  # scenes of one pass share it
            partner.masks = framed_masks(partner.masks, job.tile, partner.shift, job.config.masks.mask_framing)
            partner.angles = framed_angles(partner.angles, job.tile)
        job.record.applied("Geometry", dx=shift.dx, dy=shift.dy, reference=job.reference.name if job.reference else None)

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        source = image if isinstance(image, Image) else image.computed(job.pool)
        return framed(job, source, job.record.shift)

    def _of_partner(self, job: Job, partner: Partner) -> _Measured | None:
        """What is found of a second scene; None, and it is left out, when it cannot be used."""
        try:
            framed_angles(partner.angles, job.tile)
            return self._measured(job, partner.product, partner.masks)
        except Cancelled:
            raise
        except Sen2LikeError as e:
            job.partners.remove(partner)
            job.warn(f"goes on without its neighbour {partner.product.name}: {e}")
            return None

    def _chosen(self, job: Job, own: _Measured, others: list[_Measured]) -> Shift:
        """Shift of the product: its own, else that of a scene of the same pass (spec 05 section 12.10), else none."""
        if own.shift is not None:
            return own.shift
        borrowed = next((other for other in others if other.shift is not None and other.matches is not None), None)
        if borrowed is not None and borrowed.shift is not None:
            job.warn(f"co-registration rejected, the displacement of its neighbour is removed: {own.refusal}")
            return borrowed.shift
        job.warn(f"co-registration rejected, the product stays where it is: {own.refusal}")
        job.record.set_quality(SHIFT_REJECTED=True)
        return Shift()

    def _measured(self, job: Job, product: Product, masks: Masks) -> _Measured:
        """Displacement of a scene; not known, and why, when it cannot be told well."""
        if not job.config.geometry.doMatchingCorrection:
            return _Measured(Shift())
        if product.refined and not job.config.geometry.force_geometric_correction:  # a partner: the product itself declines
            return _Measured(Shift())
        if job.reference is None:
            if product is job.product:
                job.warn(f"tile {job.tile.id} has no reference image: no co-registration")
            return _Measured(Shift())
        found, resolution = self._match(job, product, masks)
        limit = job.config.geometry.max_shift or MAX_SHIFT_PIXELS.get(product.sensor, 6) * resolution
        limit = min(limit, product.reach * resolution)
        frame = job.tile.geobox(resolution)
        refusal = klt.accept(found, (frame.shape.y, frame.shape.x), limit, job.config.geometry.min_points)
        if refusal:
            if product is not job.product:
                log.info("%s: co-registration of its neighbour %s rejected: %s", job.product.name, product.name, refusal)
            return _Measured(None, found, refusal)
        dx, dy = found.shift
        points = f"{len(found)} points ({found.total} before outliers)"
        log.info("%s: shift dx %+.3f m, dy %+.3f m from %s", product.name, dx, dy, points)
        if max(abs(dx), abs(dy)) < job.config.geometry.skip_small_shift * resolution:
            log.info("%s: below skip_small_shift, so nothing is resampled", product.name)
            return _Measured(Shift(), found)
        return _Measured(Shift(dx, dy), found)

    def _match(self, job: Job, product: Product, masks: Masks) -> tuple[Matches, float]:
        """Points of the reference image found in the product, and its pixel size in metres."""
        band = matching_band(product, job.config.geometry.reference_band)
        source = job.read(band, keep=band in job.bands) if product is job.product else product.read(band, job.threads)
        features = job.reference_features(source.resolution)
        image = framed(job, source, Shift())
        dn = image.data if isinstance(image, Image) else image.computed(job.pool).data
        mask = frame_mask(masks.valid, job.tile.geobox(masks.valid.resolution), 0, 0)
        matches = klt.match(features, dn, mask.data, source.resolution, pool=job.pool)
        record_matches(job, matches, product.bands[band].path)
        if product is job.product:
            (job.workdir / "KLT.csv").write_text(matches.csv())
        return matches, source.resolution


def framed(job: Job, source: Image, shift: Shift) -> RowImage:
    """A band on the frame of the tile, its shift removed; the image itself when nothing has to be moved."""
    frame = job.tile.geobox(source.resolution)
    if not shift and source.geobox == frame:
        return source
    return FramedImage.of(source, frame, shift.dx, shift.dy, job.record.timer("Geometry"))


def framed_masks(masks: Masks, tile: MGRSTile, shift: Shift, how: str = "once") -> Masks:
    """Masks on the frame of the tile; `how` ``reference``: the validity mask is framed and then moved (spec 05 section 5)."""
    frame = tile.geobox(masks.data.resolution)
    data = frame_mask(masks.data, frame, shift.dx, shift.dy)
    if how == "once":
        return Masks(frame_mask(masks.valid, frame, shift.dx, shift.dy), data, masks.notices)
    return Masks(frame_mask(frame_mask(masks.valid, frame, 0, 0), frame, shift.dx, shift.dy), data, masks.notices)


def framed_angles(angles: Angles, tile: MGRSTile) -> Angles:
    """Angles on cells of the tile: nearest, no shift; cells outside the scene get the angles of the nearest one inside.

    A grid that begins at the corner of the tile (Sentinel-2) is that of the tile already.
    """
    grid = angles.geobox
    if (grid.affine.c, grid.affine.f) == (tile.ulx, tile.uly) and grid.crs == f"EPSG:{tile.epsg}":
        return angles
    side = math.ceil(round(TILE_SIZE_M / abs(angles.geobox.resolution.x), 6))
    frame = tile.geobox(TILE_SIZE_M / side)
    inside = np.ones(angles.degrees.shape[1:], np.uint8)
    *layers, known = frame_nearest([*angles.degrees, inside], angles.geobox, frame)
    if not known.any():
        raise ProductError(f"the angles of the scene do not reach tile {tile.id}")
    degrees = np.stack(layers)
    degrees[:, known == 0] = np.nan
    degrees = np.stack(fill_nearest(*degrees)).astype(np.float32)
    return replace(angles, degrees=degrees, geobox=frame)


def matching_band(product: Product, s2_name: str) -> str:
    """The product's own band that corresponds to a Sentinel-2 band name."""
    band = product.band_of(s2_name)
    if band is None:
        raise BlockError(
            f"{product.name} has no band {s2_name} to match with the reference image; choose another reference_band"
        )
    return band


def record_matches(job: Job, matches: Matches, image_path: str) -> None:
    """One more line for the correlation table of the product."""
    job.record.correlation.append(matches.correlation_row(job.reference.name if job.reference else "", Path(image_path).name))
