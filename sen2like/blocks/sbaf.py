"""S2L_Sbaf: Landsat bands as Sentinel-2A would have seen them; spec 09 section 3."""

from sen2like.blocks.base import Job, PixelwiseProcess
from sen2like.data import band_adjustment
from sen2like.errors import BlockError
from sen2like.raster.image import Kernel, RowImage
from sen2like.science import sbaf


class S2L_Sbaf(PixelwiseProcess):
    """Static factors for Landsat 8 and 9; Sentinel-2 and PRISMA stay as they are, and the quality report says so."""

    switch = "doSbaf"
    order = 80
    suffix = "_SBAF.TIF"

    def preprocess(self, job: Job) -> None:
        if job.product.sensor in ("L8", "L9") and job.config.sbaf.adaptative:
            raise BlockError(
                f"{job.product.name}: adaptative = True needs the NDVI of each pixel, which this version does not compute; "
                "set adaptative = False"
            )
        job.record.set_quality(SBAF_ADAPTATIVE=False)

    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        s2_name = job.product.bands[band].s2_name
        if s2_name is None:
            return None
        found = band_adjustment(job.product.sensor_name, s2_name)
        slope, offset = (found.slope, found.offset) if found else (1, 0)
        job.record.set_quality(**{f"SBAF_COEFFICIENT_{s2_name}": slope, f"SBAF_OFFSET_{s2_name}": offset})
        if found is None:
            return None
        job.record.applied("Sbaf", method="static", source=found.source)
        return lambda rho, rows: sbaf.apply(rho, slope, offset, out=rho)
