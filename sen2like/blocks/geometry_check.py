"""S2L_GeometryCheck: what co-registration left, measured again on the corrected bands; spec 05 section 10."""

from sen2like.blocks.base import AnyImage, Job, S2L_Process
from sen2like.blocks.geometry import record_matches
from sen2like.raster.image import Image
from sen2like.science import klt


class S2L_GeometryCheck(S2L_Process):
    """Changes nothing: the figures go to the quality report, for the reference band under the reference's names, for others with the band's name behind."""

    switch = "doGeometryCheck"
    order = 30

    def declines(self, job: Job) -> str | None:
        if job.reference is None:
            return "there is no reference image"
        return None if job.config.geometry.doAssessGeometry else "doAssessGeometry names no band"

    def process(self, job: Job, image: AnyImage, band: str) -> AnyImage:
        s2_name = job.product.bands[band].s2_name
        if s2_name not in job.config.geometry.doAssessGeometry:
            return image
        held = image if isinstance(image, Image) else image.computed(job.pool)
        with job.record.timer(self.name()):
            matches = klt.match(job.reference_features(held.resolution), held.data, job.masks.valid.data, held.resolution,
                                coarse=False, pool=job.pool)
        record_matches(job, matches, job.product.bands[band].path)
        figures = matches.statistics()
        if s2_name == job.config.geometry.reference_band:
            job.record.set_quality(REF_IMAGE=job.reference.name, COREGISTRATION_AFTER_CORRECTION=figures["MEAN"], **figures)
        else:
            job.record.set_quality(**{f"{name}_{s2_name}": value for name, value in figures.items()})
        return held
