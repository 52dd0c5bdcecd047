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
    work: np.ndarray | None = None,
) -> np.ndarray:
    """DN, uint16, of float32 reflectance of any shape, computed in float32.

    ``truncate`` cuts the fraction off as the reference does, ``nearest`` rounds. With `clip_negative` negative
    reflectance counts as 0 and a DN equal to the offset is raised by one; without, DN start at 1. Above 65535 DN stay
    65535. Pixels without data become 0: those where `mask` (same shape) is 0, and NaN and infinite ones, which
    `count_not_finite` counts. `out`: uint16 array for the result; `work`: float32 array of that shape for the way there.
    """
    if rounding not in ("truncate", "nearest"):
        raise ValueError(f"rounding {rounding!r} is unknown; known are truncate and nearest")
    dn = np.empty(rho.shape, np.uint16) if out is None else out
    if not rho.size:
        return dn
    scaled = np.multiply(rho, np.float32(gain), dtype=np.float32, out=work)
    scaled += np.float32(offset)
    if rounding == "nearest":
        np.rint(scaled, out=scaled)
    # the DN of reflectance 0 as the least one is the same as clipping reflectance, in one pass
    least = np.float32(offset if clip_negative else 1)
    low, high = scaled.min(), scaled.max()
    unknown = None if np.isfinite(low) and np.isfinite(high) else ~np.isfinite(rho)
    if unknown is not None:
        scaled[unknown] = 0  # casting NaN to an integer is undefined
    if not (low >= least and high <= LARGEST_DN):
        np.clip(scaled, least, LARGEST_DN, out=scaled)
    np.copyto(dn, scaled, casting="unsafe")
    if clip_negative and not low >= least + 1:
        np.add(dn, dn == offset, out=dn, casting="unsafe")
    if unknown is not None:
        dn[unknown] = 0
    if mask is not None and not mask.all():
        np.multiply(dn, mask != 0, out=dn)  # several times faster than masked writing
    return dn


def count_not_finite(rho: np.ndarray, mask: np.ndarray | None = None) -> int:
    """Pixels that are NaN or infinite although `mask` (0 = no data) says they have data."""
    if not rho.size or (np.isfinite(rho.min()) and np.isfinite(rho.max())):
        return 0
    bad = ~np.isfinite(rho)
    if mask is not None:
        bad &= mask != 0
    return int(np.count_nonzero(bad))
