"""S2L_Toa: digital numbers to top-of-atmosphere (Level-1) or surface (Level-2) reflectance; spec 07 section 2."""

import numpy as np

from sen2like.blocks.base import Job, PixelwiseProcess
from sen2like.raster.image import Kernel, RowImage


class S2L_Toa(PixelwiseProcess):
    """From here on images are reflectance, NaN where the band holds no data (DN 0).

    The reference lets a Sentinel-2 DN of 0 become -0.1 and later a valid-looking value; docs/differences.md.
    """

    switch = "doToa"
    order = 40
    suffix = "_TOA.TIF"

    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        if job.product.bands[band].kind == "thermal":
            return None  # no reflectance: the DN go on unchanged
        radiometry = job.product.radiometry(band)
        job.record.applied("Toa", product_level=job.product.level)

        def to_reflectance(dn: np.ndarray, rows: slice) -> np.ndarray:
            missing = dn == 0
            rho = radiometry.reflectance(dn, out=dn)
            if missing.any():
                rho[missing] = np.nan
            return rho

        return to_reflectance
