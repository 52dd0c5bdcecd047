"""Digital numbers to reflectance (spec 07 section 2)."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Radiometry:
    """reflectance = (DN * mult + add) / divisor.

    Sentinel-2: mult 1, add = the band's offset (-1000 since baseline 04.00, else 0), divisor = quantification value.
    Landsat Level-1: REFLECTANCE_MULT, REFLECTANCE_ADD, sin(sun elevation); Level-2: the same with divisor 1.
    A figure that is not finite, or a divisor that is not positive, is a `ValueError`.
    """

    mult: float = 1.0
    add: float = 0.0
    divisor: float = 1.0
    dark_is_zero: bool = False
    """Landsat: reflectance 0 where DN <= 0. Sentinel-2 DN 0 goes through the formula."""

    def __post_init__(self):
        for name, value in (("mult", self.mult), ("add", self.add), ("divisor", self.divisor)):
            if not math.isfinite(value):
                raise ValueError(f"radiometric {name} is {value}: it must be a finite number")
        if self.divisor <= 0:
            raise ValueError(
                f"radiometric divisor is {self.divisor:g}: quantification value or sine of sun elevation must be above 0"
            )

    def reflectance(self, dn: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Reflectance, float32, of DN of any shape (resampled DN may be fractional); NaN stays NaN. `out` may be `dn`."""
        dn = np.asarray(dn)
        dark = dn <= 0 if self.dark_is_zero else None
        rho = np.multiply(dn, np.float32(self.mult), out=out, dtype=np.float32, casting="unsafe")
        rho += np.float32(self.add)
        rho /= np.float32(self.divisor)
        if dark is not None:
            np.copyto(rho, 0, where=dark)
        return rho
