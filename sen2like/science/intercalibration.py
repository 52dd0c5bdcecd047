"""Inter-calibration of one platform towards another: a linear change of top of atmosphere reflectance (spec 07 section 3).

Which platforms, bands and processing baselines are changed, and by how much, is a table: ``data/intercalibration.csv``.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Adjustment:
    """rho' = slope * rho + offset; a baseline within [`baseline_from`, `baseline_below`) of `mission` gets it."""

    mission: str
    band: str
    baseline_from: float
    baseline_below: float
    slope: float
    offset: float
    source: str = ""

    def covers(self, mission: str, band: str, baseline: float) -> bool:
        return (mission, band) == (self.mission, self.band) and self.baseline_from <= baseline < self.baseline_below


def apply(rho: np.ndarray, slope: float, offset: float, out: np.ndarray | None = None) -> np.ndarray:
    """slope * rho + offset, float32; NaN stays NaN; `out` may be `rho`, which is left alone otherwise."""
    adjusted = np.multiply(rho, np.float32(slope), out=out)
    if offset:
        adjusted += np.float32(offset)
    return adjusted
