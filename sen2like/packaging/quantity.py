"""What the DN of an image mean. Reflectance has the scale of the configuration; thermal bands keep their input's."""

from __future__ import annotations

from dataclasses import dataclass

from sen2like.products.landsat import LandsatProduct
from sen2like.products.model import Band, Product

THERMAL = "thermal"
"""`Band.kind` of what is no reflectance."""
RADIANCE_UNIT = "W m-2 sr-1 um-1"
"""As UDUNITS writes it."""
TEMPERATURE_UNIT = "K"


@dataclass(frozen=True)
class Quantity:
    """value = DN * scale + offset; DN 0 is no data."""

    name: str
    """``reflectance``, ``radiance`` or ``temperature``."""
    scale: float
    offset: float
    unit: str | None = None
    """None: the value is a ratio."""
    k1: float | None = None
    k2: float | None = None
    """Brightness temperature in kelvin of a radiance: k2 / ln(k1 / radiance + 1). `k1` has the unit of the radiance."""

    @classmethod
    def reflectance(cls, gain: float, offset: float) -> Quantity:
        """That of DN = reflectance * `gain` + `offset`."""
        return cls("reflectance", 1 / gain, -offset / gain)

    @property
    def constants(self) -> dict[str, float]:
        """``K1`` and ``K2`` by name, empty where there are none."""
        return {name: value for name, value in (("K1", self.k1), ("K2", self.k2)) if value is not None}


def quantity(product: Product, band: Band, gain: float, offset: float) -> Quantity:
    """What the image of a band of `product` holds; `gain`, `offset`: those that reflectance is stored with.

    Thermal bands of Landsat: spectral radiance (Level-1), surface temperature (Level-2; spec 10 section 5). `MetadataError`
    if the MTL has no scale for one.
    """
    if band.kind != THERMAL:
        return Quantity.reflectance(gain, offset)
    if not isinstance(product, LandsatProduct):
        raise ValueError(f"{product.name}: band {band.name} is thermal, but products of {product.family} have no thermal scale")
    thermal = product.thermal(band.name)
    if thermal.k1 is None or thermal.k2 is None:
        return Quantity("temperature", thermal.mult, thermal.add, TEMPERATURE_UNIT)
    return Quantity("radiance", thermal.mult, thermal.add, RADIANCE_UNIT, thermal.k1, thermal.k2)
