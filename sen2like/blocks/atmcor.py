"""S2L_Atmcor: top-of-atmosphere to surface reflectance with SMAC and CAMS data; spec 07 section 4, spec 08."""

import logging

import numpy as np

from sen2like.auxiliary.cams import CamsDirectories, find_atmosphere
from sen2like.blocks.base import Job, PixelwiseProcess
from sen2like.data import smac_coefficients
from sen2like.errors import BlockError
from sen2like.raster.image import Kernel, RowImage
from sen2like.science import smac

log = logging.getLogger(__name__)


class S2L_Atmcor(PixelwiseProcess):
    """One atmosphere, nadir view and the scene's mean sun for the whole product, as the reference.

    ``smac = reference`` replaces the model by a parabola over reflectance 0..1; ``smac = exact`` inverts it exactly.
    """

    switch = "doAtmcor"
    order = 60
    suffix = "_SURF.TIF"

    def declines(self, job: Job) -> str | None:
        return f"{job.product.level} is surface reflectance already" if job.product.is_level2 else None

    def preprocess(self, job: Job) -> None:
        config, product = job.config, job.product
        directories = CamsDirectories(
            monthly=config.directories.cams_dir,
            daily=config.directories.cams_daily_dir,
            hourly=config.directories.cams_hourly_dir,
            climatology=config.directories.cams_climatology_dir,
        )
        found = find_atmosphere(product.acquisition, job.tile.corners, directories, config.atmcor.cams_interpolation)
        for notice in found.notices:
            job.warn(notice)
        self.atmosphere = atmosphere = job.record.atmosphere = found.atmosphere
        try:
            smac.check_inputs(
                sza=product.sun_zenith,
                aot=atmosphere.aot550,
                pressure=atmosphere.pressure,
                h2o=atmosphere.water_vapour,
                o3=atmosphere.ozone,
            )
        except ValueError as e:
            raise BlockError(f"atmospheric correction impossible: {e}") from e
        log.info(
            "%s: SMAC with AOT %.4f, water vapour %.3f g/cm2, ozone %.4f cm-atm, pressure %.1f hPa (%s)",
            product.name,
            atmosphere.aot550,
            atmosphere.water_vapour,
            atmosphere.ozone,
            atmosphere.pressure,
            atmosphere.source,
        )
        source = "DEFAULT" if atmosphere.source == "DEFAULT" else "CAMS"
        job.record.set_quality(
            AC_PROCESSOR="SMAC",
            GRANULE_MEAN_AOT=atmosphere.aot550,
            GRANULE_MEAN_WV=atmosphere.water_vapour,
            OZONE_VALUE=atmosphere.ozone,
            PRESSURE=atmosphere.pressure,
            AOT_RETRIEVAL_METHOD=source,
            OZONE_SOURCE="CONFIG" if source == "DEFAULT" else source,
        )

    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        product, atmosphere, method = job.product, self.atmosphere, job.config.atmcor.smac
        if product.bands[band].kind == "thermal":
            return None
        coefficients = smac_coefficients(product.sensor_name, band)
        geometry = {"sza": product.sun_zenith, "saa": product.sun_azimuth, "vza": 0.0, "vaa": 0.0}
        air = {"aot": atmosphere.aot550, "h2o": atmosphere.water_vapour, "o3": atmosphere.ozone, "pressure": atmosphere.pressure}
        job.record.applied("Atmcor", method="SMAC", variant=method, atmosphere=atmosphere.source)
        if method == "exact":
            terms = smac.terms(coefficients, **geometry, **air)
            return lambda rho, rows: smac.apply_inverse(rho, terms, out=rho)
        parabola = np.asarray(smac.parabola(coefficients, **geometry, **air), np.float32)
        return lambda rho, rows: smac.apply_parabola(rho, parabola, out=rho)
