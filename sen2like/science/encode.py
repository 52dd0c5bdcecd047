"""Reflectance to the digital numbers of output files (spec 10 section 5): 0 = no data, reflectance = (DN - offset) / gain."""

from typing import Literal

import numpy as np

Rounding = Literal["truncate", "nearest"]
LARGEST_DN = np.float32(65535)


def encode(
    rho: np.ndarray,
    gain: float,
    offset: float,
    rounding: Rounding = "truncate",
    clip_negative: bool = True,
    mask: np.ndarray | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """DN, uint16, of float32 reflectance of any shape, computed in float32.

    ``truncate`` cuts the fraction off as the reference does, ``nearest`` rounds. With `clip_negative` negative
    reflectance counts as 0 and a DN equal to the offset is raised by one; without, DN start at 1. Above 65535 DN stay
    65535. Pixels without data become 0: those where `mask` (same shape) is 0, and NaN and infinite ones, which
    `count_not_finite` counts. `out`: uint16 array for the result.
    """
    if rounding not in ("truncate", "nearest"):
        raise ValueError(f"rounding {rounding!r} is unknown; known are truncate and nearest")
    scaled = np.multiply(rho, np.float32(gain), dtype=np.float32)
    scaled += np.float32(offset)
    if rounding == "nearest":
        np.rint(scaled, out=scaled)
    # the DN of reflectance 0 as the least one is the same as clipping reflectance, in one pass; NaN stays
    np.clip(scaled, np.float32(offset if clip_negative else 1), LARGEST_DN, out=scaled)
    unknown = ~np.isfinite(rho)
    any_unknown = unknown.any()
    if any_unknown:
        scaled[unknown] = 0  # casting NaN to an integer is undefined
    dn = np.empty(rho.shape, np.uint16) if out is None else out
    np.copyto(dn, scaled, casting="unsafe")
    if clip_negative:
        np.add(dn, dn == offset, out=dn, casting="unsafe")
    if any_unknown:
        dn[unknown] = 0
    if mask is not None:
        np.multiply(dn, mask != 0, out=dn)  # several times faster than masked writing
    return dn


def count_not_finite(rho: np.ndarray, mask: np.ndarray | None = None) -> int:
    """Pixels that are NaN or infinite although `mask` (0 = no data) says they have data."""
    bad = ~np.isfinite(rho)
    if mask is not None:
        bad &= mask != 0
    return int(np.count_nonzero(bad))
