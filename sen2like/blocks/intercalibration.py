"""S2L_InterCalibration: old Sentinel-2B products brought to the radiometric scale of Sentinel-2A; spec 07 section 3."""

from sen2like import data
from sen2like.blocks.base import Job, PixelwiseProcess
from sen2like.raster.image import Kernel, RowImage
from sen2like.science import intercalibration


class S2L_InterCalibration(PixelwiseProcess):
    """Applies only where the table of coefficients has a row for the mission, band and processing baseline."""

    switch = "doInterCalibration"
    order = 50
    sensors = frozenset({"S2", "Prisma"})
    suffix = "_INTERCAL.TIF"

    def declines(self, job: Job) -> str | None:
        return f"{job.product.level} is surface reflectance already" if job.product.is_level2 else None

    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        row = data.intercalibration(job.product.mission, band, job.product.baseline)
        if row is None:
            return None
        job.record.applied("InterCalibration", slope=row.slope, offset=row.offset, source=row.source)
        return lambda rho, rows: intercalibration.apply(rho, row.slope, row.offset, out=rho)
