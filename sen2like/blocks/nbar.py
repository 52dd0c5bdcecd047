"""S2L_Nbar: reflectance as seen from nadir under a constant sun zenith (c-factor, Roy et al. 2016); spec 09 section 2."""

import threading

import numpy as np

from sen2like.blocks.base import Job, PixelwiseProcess
from sen2like.data import roy_coefficients
from sen2like.errors import BlockError
from sen2like.raster.image import Kernel, RowImage
from sen2like.science import brdf
from sen2like.science.coarse_field import CoarseField


class S2L_Nbar(PixelwiseProcess):
    """c is computed on the coarse grid of the angles and interpolated to the pixels."""

    switch = "doNbar"
    order = 70
    suffix = "_BRDF.TIF"

    def preprocess(self, job: Job) -> None:
        sza, _ = job.angles.sun()
        if not np.any(np.nan_to_num(sza) > 0):
            raise BlockError(
                f"{job.product.name}: its sun zenith grid holds no angle; NBAR needs one (doNbar=False goes on without)"
            )
        self.theta = brdf.theta_norm(job.product.centre[0])
        self._delta_azimuth: dict[str, float] = {}
        self._lock = threading.Lock()

    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        s2_name = job.product.bands[band].s2_name
        coefficients = roy_coefficients(s2_name) if s2_name else None
        if s2_name is None or coefficients is None:
            return None
        options = job.config.nbar
        angles = job.angles
        sza, saa = angles.sun()
        vza, vaa = angles.view(s2_name)
        phi = saa - vaa
        theta = sza if options.nbar_sun_zenith == "actual" else self.theta
        c = brdf.c_factor(coefficients, sza, vza, phi, theta, kernel=options.nbar_kernel)
        if angles.nodes:
            field = CoarseField.at_nodes(c, image.shape, step=abs(angles.geobox.resolution.x) / image.resolution)
        else:
            field = CoarseField.cells(c, image.shape)
        with self._lock:
            self._delta_azimuth[s2_name] = float(np.nanmean(phi)) % 360
        how = {"kernel": options.nbar_kernel, "angles": options.angles, "sun_zenith": options.nbar_sun_zenith}
        job.record.applied("Nbar", method="Roy et al. 2016", **how)
        return lambda rho, rows: brdf.apply(rho, field.rows(rows.start, rows.stop), out=rho)

    def postprocess(self, job: Job) -> None:
        if self._delta_azimuth:
            job.record.set_quality(
                BRDF_METHOD="Roy and al. 2016",
                CONSTANT_SOLAR_ZENITH_ANGLE="actual" if job.config.nbar.nbar_sun_zenith == "actual" else self.theta,
                MEAN_DELTA_AZIMUTH=float(np.mean(list(self._delta_azimuth.values()))),
            )
