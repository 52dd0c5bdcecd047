"""S2L_GeometryCheck: what co-registration left, measured again on the corrected bands; spec 05 section 10."""

import threading
from pathlib import Path

from sen2like.blocks.base import Job, S2L_Process
from sen2like.blocks.geometry import record_matches
from sen2like.raster.image import Image, RowImage
from sen2like.science import klt


class S2L_GeometryCheck(S2L_Process):
    """Changes nothing: the figures go to the quality report; those of other bands than the reference band end with its name."""

    switch = "doGeometryCheck"
    order = 30

    def declines(self, job: Job) -> str | None:
        if job.reference is None:
            return "there is no reference image"
        return None if job.config.geometry.doAssessGeometry else "doAssessGeometry names no band"

    def preprocess(self, job: Job) -> None:
        assessed = {job.band_of(s2_name) for s2_name in job.config.geometry.doAssessGeometry}
        self._left = assessed & set(job.bands)
        self._lock = threading.Lock()

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        if band not in self._left:
            return image
        s2_name = job.product.bands[band].s2_name
        rows = image.data if isinstance(image, Image) else image
        with job.record.timer(self.name()):
            features = job.reference_features(image.resolution)
            matches = klt.match(features, rows, job.masks.valid.data, image.resolution, coarse=False, pool=job.pool)
        record_matches(job, matches, job.product.bands[band].path)
        figures = matches.statistics()
        if s2_name == job.config.geometry.reference_band:
            job.record.set_quality(
                REF_IMAGE=Path(str(job.reference)).name, COREGISTRATION_AFTER_CORRECTION=figures["MEAN"], **figures
            )
        else:
            job.record.set_quality(**{f"{name}_{s2_name}": value for name, value in figures.items()})
        with self._lock:
            self._left.remove(band)
            if not self._left:
                job.forget_reference()
        return image
