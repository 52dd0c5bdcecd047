"""Digital numbers that are written as they came (thermal bands): 0 = no data, everything else has a scale of its own."""

import numpy as np

LARGEST_DN = np.float32(65535)


def rounded_dn(values: np.ndarray, mask: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
    """uint16 DN of `values` (any shape), which resampling may have made fractional: rounded to nearest, 1 to 65535.

    What is no data becomes 0: NaN and infinite values, values of 0 or less, and where `mask` (same shape) is 0. `out`:
    uint16 array for the result.
    """
    dn = np.rint(np.asarray(values, np.float32))
    with np.errstate(invalid="ignore"):
        known = np.isfinite(dn) & (values > 0)
    if mask is not None:
        known &= mask != 0
    np.clip(dn, np.float32(1), LARGEST_DN, out=dn)
    dn[~known] = 0
    out = np.empty(dn.shape, np.uint16) if out is None else out
    np.copyto(out, dn, casting="unsafe")
    return out
