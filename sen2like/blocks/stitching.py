"""S2L_Stitching: the tile filled with further scenes of the same pass; spec 05 section 8."""

import threading
from dataclasses import replace

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.blocks.base import Job, Partner, S2L_Process
from sen2like.blocks.geometry import framed
from sen2like.packaging.quantity import quantity
from sen2like.products.model import Angles, Masks, Product
from sen2like.raster.image import Image, RowImage
from sen2like.raster.stitched import StitchedImage
from sen2like.science.masks import resize_nearest
from sen2like.science.stitch import choose, source_map


class S2L_Stitching(S2L_Process):
    """Image, masks and angles of a pixel come from the same scene; DN are joined, so that the join shows no step.

    Times, sun and radiometric scale are those of the main product (the reference does the same): Landsat DN are
    proportional to radiance, which knows no scene limits.
    """

    switch = "doStitching"
    order = 20
    suffix = "_STITCHED.TIF"

    def declines(self, job: Job) -> str | None:
        return None if job.partners else "there is no other scene of the pass to fill the tile with"

    def preprocess(self, job: Job) -> None:
        self._lock = threading.Lock()
        for partner in list(job.partners):
            reason = _unfit(job, partner)
            if reason:
                job.partners.remove(partner)
                job.warn(f"goes on without its neighbour {partner.product.name}: {reason}")
        scenes = [job.masks, *(partner.masks for partner in job.partners)]
        self.sources = source_map([masks.data.data for masks in scenes])
        used = {int(k) for k in np.unique(self.sources[choose([m.data.data for m in scenes], self.sources) != 0])}
        for k, partner in enumerate(job.partners, start=1):
            if k in used:
                job.record.add_input(partner.product.name)
                for notice in (*partner.product.notices, *partner.masks.notices, *partner.angles.notices):
                    job.warn(f"{partner.product.name}: {notice}")
        self.used = used
        valid, data = (
            Image(choose(layers, self.sources), job.masks.data.geobox, job.masks.data.nodata)
            for layers in ([m.valid.data for m in scenes], [m.data.data for m in scenes])
        )
        job.masks = Masks(valid, data, job.masks.notices)
        job.angles = _stitched_angles([job.angles, *(p.angles for p in job.partners)], self.sources, job.masks.data.geobox)
        if job.record.derived_from:
            job.record.applied("Stitching", scenes=", ".join(job.record.derived_from))

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        images: list[RowImage] = [image]
        for k, partner in enumerate(job.partners, start=1):
            if k not in self.used:
                images.append(_Nothing(image))
            elif band in partner.product.bands:
                images.append(framed(job, partner.product.read(band, job.threads), partner.shift))
            else:
                images.append(_Nothing(image))
                job.warn(f"its neighbour {partner.product.name} has no band {band}")
        return StitchedImage(images, self.sources, image.geobox) if len(images) > 1 else image


class _Nothing(RowImage):
    """No data anywhere, on the grid of another image."""

    def __init__(self, like: RowImage):
        self.geobox, self.nodata = like.geobox, 0

    def rows(self, start: int, stop: int) -> np.ndarray:
        return np.zeros((stop - start, self.shape[1]), np.float32)


def _unfit(job: Job, partner: Partner) -> str | None:
    """Why the DN of a scene cannot stand beside those of the main product."""
    for band in job.bands:
        if band in partner.product.bands:
            own, other = (_scale(p, band) for p in (job.product, partner.product))
            if own != other:
                return f"band {band} has the scale {other}, the product {own}; give scenes of one processing"
    if partner.masks.data.shape != job.masks.data.shape:
        return f"its masks have {partner.masks.data.shape} pixels, not {job.masks.data.shape}"
    return None


def _scale(product: Product, band: str) -> str:
    """What DN stand for; the sun of the scene does not count."""
    if product.bands[band].kind == "thermal":
        scale = quantity(product, product.bands[band], 1, 0)
        return f"{scale.scale:.10g} x DN {scale.offset:+.10g}"
    radiometry = product.radiometry(band)
    divisor = radiometry.divisor if product.sensor == "S2" else 1
    return f"{radiometry.mult / divisor:.10g} x DN {radiometry.add / divisor:+.10g}"


def _stitched_angles(scenes: list[Angles], sources: np.ndarray, frame: GeoBox) -> Angles:
    """Angles of the scene that each cell, or node, comes from."""
    main = scenes[0]
    if main.nodes:
        rows, columns = (
            np.minimum(np.arange(n) * abs(step) / size, m - 1).astype(np.intp)
            for n, step, size, m in zip(
                main.geobox.shape, (main.geobox.resolution.y, main.geobox.resolution.x), (frame.resolution.x,) * 2, sources.shape,
                strict=True,
            )
        )  # fmt: skip
        at = sources[rows[:, None], columns]
    else:
        at = resize_nearest(sources, main.degrees.shape[1:])
    degrees = np.stack([choose([scene.degrees[i] for scene in scenes], at) for i in range(len(main.names))])
    return replace(main, degrees=degrees)
