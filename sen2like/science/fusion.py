"""Fusion: Landsat at 10 or 20 m with the detail of past Sentinel-2 products (spec 06).

With F_k the image of past product k, H_k the same brought to 30 m and enlarged again, and c_k the weights of a method,
the fused image is enlarge(Landsat) + sum c_k (F_k - H_k) (section 6.3). F_k and H_k have the same weights, so only the
detail F_k - H_k counts; it depends on the past product alone and a `Detail` serves every Landsat image of that grid.

Everything is given rows at a time. Reflectance is float32; that of past products includes the DN offset, which cancels
in the detail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import cv2
import numpy as np

from sen2like.science.coarse_field import CoarseField
from sen2like.science.resample import Shape, mask_rows, to_resolution
from sen2like.science.scratch import Empty, Scratch

PAST_GAIN = 10000.0
"""Usual DN per unit of reflectance of past products."""
LIMIT = 1.0
"""Landsat and the low-pass image are cut to -LIMIT ... LIMIT before they are enlarged (sections 4 and 6.3)."""
LEAST_LIMIT = 0.9
"""True reflectance below which the low-pass image, which includes the DN offset, is never cut (section 3)."""
CHECK_RANGE = (0.0001, 1.5)
"""The auto-check compares reflectance cut to this range (section 7)."""
LARGEST_COMPOSITION = 7
"""Products that fit the bits 1 to 7 of a byte."""
CHECK_STRIP_ROWS = 16
"""Rows of the Landsat grid that the auto-check looks at together."""


ROW_GAP = 16
"""Values between the rows of intermediate results."""


class Detail:
    """D = F - H of one past product and band, with the pixels that may be used.

    `dn`: uint16 of the band (y, x), 0 = no data. `low`: the same ground at the pixel size of Landsat, DN; see
    :meth:`of_band`. `valid`: uint8 mask over the same ground at any pixel size, 0 = not clear; default all clear.
    `protect`: no detail where one of the 8 neighbours is no data (not for a `low` that the product itself brought). `gain`,
    `offset`: DN = reflectance * gain + offset.
    """

    def __init__(
        self,
        dn: np.ndarray,
        low: np.ndarray,
        valid: np.ndarray | None = None,
        protect: bool = True,
        gain: float = PAST_GAIN,
        offset: float = 0.0,
    ):
        if dn.ndim != 2 or dn.size == 0 or dn.dtype != np.uint16:
            raise ValueError(f"DN of a past product must be uint16 in rows and columns, not {dn.dtype} of shape {dn.shape}")
        if low.ndim != 2 or low.size == 0 or any(n > m for n, m in zip(low.shape, dn.shape, strict=True)):
            raise ValueError(f"low-pass image of shape {low.shape} does not suit DN of shape {dn.shape}")
        self.shape: Shape = dn.shape
        self.low_shape: Shape = low.shape
        self._dn = dn
        self._valid = valid
        self._protect = protect
        self._gain = gain
        limit = max(LIMIT, LEAST_LIMIT + offset / gain) * gain
        low = low if limit.is_integer() else low.astype(np.float32)  # whole numbers are cut at whole numbers
        self._low = CoarseField.cells(low, self.shape, 1 / gain, cut=limit)

    @classmethod
    def of_band(
        cls,
        dn: np.ndarray,
        resolution: float,
        landsat_resolution: float = 30.0,
        valid: np.ndarray | None = None,
        pool: Executor | None = None,
        gain: float = PAST_GAIN,
        offset: float = 0.0,
    ) -> Detail:
        """The detail of a band of `resolution` (metres, 10 or 20); see `low_pass`."""
        return cls(dn, low_pass(dn, resolution, landsat_resolution, pool), valid, gain=gain, offset=offset)

    def rows(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """Rows [start, stop) of F - H, reflectance float32, also in `out`; 0 without data and beside pixels without data."""
        out = self._low.rows(start, stop, out)
        cv2.addWeighted(self._dn[start:stop], 1 / self._gain, out, -1, 0, dst=out, dtype=cv2.CV_32F)
        first, last = max(0, start - 1), min(self.shape[0], stop + 1)
        around = self._dn[first:last]
        if around.size and around.min() == 0:
            known = (around != 0).view(np.uint8)
            if self._protect:
                known = cv2.erode(known, np.ones((3, 3), np.uint8))
            cv2.multiply(out, known[start - first : stop - first], dst=out, dtype=cv2.CV_32F)
        return out

    def usable(self, start: int, stop: int) -> np.ndarray | None:
        """Rows [start, stop) of where the product is clear and the band has data, uint8 (1, else 0); None: everywhere.

        The reference goes by the mask alone; where that calls a pixel without data clear, its fused image is black.
        """
        dn = self._dn[start:stop]
        known = None if dn.size and dn.min() else (dn != 0).view(np.uint8)
        if self._valid is None:
            return known
        clear = mask_rows(self._valid, self.shape, start, stop)
        if known is not None:
            return (clear != 0).view(np.uint8) & known
        return None if clear.all() else (clear != 0).view(np.uint8)


def low_pass(
    dn: np.ndarray,
    resolution: float,
    landsat_resolution: float = 30.0,
    pool: Executor | None = None,
    empty: Empty = np.empty,
) -> np.ndarray:
    """A band of `resolution` metres at the pixel size of Landsat, DN uint16, made by the threads of `pool` (section 4).

    ``empty(shape, dtype)`` gives the array for it.
    `ValueError`: pixels not smaller than those of Landsat, or what `to_resolution` refuses.
    """
    if not resolution < landsat_resolution:
        raise ValueError(f"pixels of {resolution:g} m hold no detail that pixels of {landsat_resolution:g} m lack")
    return to_resolution(dn, resolution, landsat_resolution, pool, empty)


def fractional_year(day: date) -> float:
    """year + day of the year / days of that year; 1 January counts 1, so 31 December 2020 is 2021.0 (section 6.2)."""
    days = (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days
    return day.year + day.timetuple().tm_yday / days


def extrapolation(first: date, second: date, target: date) -> float:
    """w of X = X1 + w (X2 - X1) at `target`; not limited. `ValueError` when the two products are of one date."""
    t1, t2, t = (fractional_year(day) for day in (first, second, target))
    if t1 == t2:
        raise ValueError(f"both past products are of {first:%Y-%m-%d}: there is no trend between them, use composite")
    return (t - t1) / (t2 - t1)


def composition(usable: Sequence[np.ndarray]) -> np.ndarray:
    """Q, uint8: sum of 2^k over the usable products k = 1 (oldest), 2 ... (section 5); at most seven products."""
    if not 1 <= len(usable) <= LARGEST_COMPOSITION:
        raise ValueError(f"{len(usable)} past products: their composition can be told of 1 to {LARGEST_COMPOSITION}")
    code = np.zeros(usable[0].shape, np.uint8)
    for k, mask in enumerate(usable, start=1):
        code |= (mask != 0).astype(np.uint8) << k
    return code


class Fusion:
    """A Landsat band on the grid of past Sentinel-2 products.

    `landsat`: reflectance (y, x), NaN = no data; `data`: uint8 mask over the same ground, 0 = no data; `details`: past
    products, oldest first, all of one shape, which is that of the result; `w` of `extrapolation` chooses predict, None
    composite. `nodata` is the value of the result without data. As in the reference, pixels of Landsat without data
    count as 0 when their neighbours are interpolated (`landsat` is left alone).
    """

    def __init__(
        self,
        landsat: np.ndarray,
        data: np.ndarray,
        details: Sequence[Detail],
        w: float | None = None,
        nodata: float = 0.0,
    ):
        if not details:
            raise ValueError("fusion needs at least one past product")
        for detail in details:
            if detail.shape != details[0].shape:
                raise ValueError(f"past products differ in shape: {detail.shape} and {details[0].shape}")
            if detail.low_shape != landsat.shape:
                raise ValueError(f"Landsat of shape {landsat.shape} is not on the grid of past products, {detail.low_shape}")
        if w is not None and len(details) != 2:
            raise ValueError(f"predict takes two past products, not {len(details)}: give it the last two, or use composite")
        if w is not None and not np.isfinite(w):
            raise ValueError(f"the extrapolation factor is {w}: it must be a finite number")
        self.shape = details[0].shape
        self.details = tuple(details)
        self.w = w
        self.nodata = nodata
        known = np.isfinite(landsat)
        self._masks = [mask for mask in (data, known.view(np.uint8)) if not mask.all()]
        self._scratch = Scratch()
        self._landsat = CoarseField.cells(landsat, self.shape, cut=LIMIT)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) of the fused band, float32, not clipped."""
        fused = self._landsat.rows(start, stop)
        detail = self._composite(start, stop) if self.w is None else self._predict(start, stop, self.w)
        if detail is not None:
            cv2.add(fused, detail, dst=fused)
        for mask in self._masks:
            present = mask_rows(mask, self.shape, start, stop)
            if present.size and present.min() == 0:
                fused[present == 0] = self.nodata
        return fused

    def composition(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) of the QA image: which products the pixels could draw on."""
        shape = stop - start, self.shape[1]
        usable = (detail.usable(start, stop) for detail in self.details)
        return composition([np.ones(shape, np.uint8) if mask is None else mask for mask in usable])

    def _composite(self, start: int, stop: int) -> np.ndarray | None:
        """The detail of the newest usable product of each pixel, 0 where there is none; None: there is none at all."""
        # oldest first, but nothing is seen of those before one that is usable everywhere
        layers: list[tuple[Detail, np.ndarray | None]] = []
        for detail in reversed(self.details):
            usable = detail.usable(start, stop)
            if usable is None or usable.any():
                layers.insert(0, (detail, usable))
            if usable is None:
                break
        total = None
        for detail, usable in layers:
            if total is None:
                total = self._rows_of(detail, "total", start, stop)
                _keep(total, usable)
            elif usable is not None:
                cv2.copyTo(self._rows_of(detail, "detail", start, stop), usable, dst=total)
        return total

    def _predict(self, start: int, stop: int, w: float) -> np.ndarray | None:
        """(1 - w) times the detail of the older product and w times that of the newer; where only one is usable, its detail."""
        older, newer = (detail.usable(start, stop) for detail in self.details)
        total, detail = (self._rows_of(d, name, start, stop) for d, name in zip(self.details, ("total", "detail"), strict=True))
        if older is None and newer is None:
            return np.asarray(cv2.addWeighted(total, 1 - w, detail, w, 0, dst=total))
        older, newer = (np.ones(total.shape, np.uint8) if mask is None else mask for mask in (older, newer))
        both = cv2.addWeighted(total, 1 - w, detail, w, 0, dst=self._strip("both", start, stop))
        cv2.copyTo(detail, newer, dst=total)
        cv2.copyTo(both, older & newer, dst=total)
        _keep(total, older | newer)
        return total

    def _rows_of(self, detail: Detail, name: str, start: int, stop: int) -> np.ndarray:
        return detail.rows(start, stop, self._strip(name, start, stop))

    def _strip(self, name: str, start: int, stop: int) -> np.ndarray:
        """An array for those rows. Not contiguous: OpenCV then goes row by row, and the last bit does not depend on the strip."""
        return self._scratch.array(name, (stop - start, self.shape[1] + ROW_GAP))[:, : self.shape[1]]


def _keep(values: np.ndarray, mask: np.ndarray | None) -> None:
    """Make `values` 0 where `mask` is."""
    if mask is not None and not mask.all():
        cv2.multiply(values, mask, dst=values, dtype=cv2.CV_32F)


@dataclass(frozen=True)
class Check:
    """How the fused band, brought back to the Landsat grid, agrees with the band before fusion (section 7)."""

    difference: np.ndarray
    """(before - fused) / before, float32, NaN without data."""
    agrees: np.ndarray
    """uint16: 1 where the absolute difference is below the threshold, else 0."""

    def statistics(self) -> dict[str, float]:
        """``max``, ``mean``, ``std``, ``min`` of the difference and ``agreeing``, percent of the pixels with data.

        All NaN when no pixel has data.
        """
        known = self.difference[np.isfinite(self.difference)]
        if not known.size:
            return dict.fromkeys(("max", "mean", "std", "min", "agreeing"), float("nan"))
        mean, std = cv2.meanStdDev(known)  # in float64, without a copy
        return {
            "max": float(known.max()),
            "mean": float(mean[0, 0]),
            "std": float(std[0, 0]),
            "min": float(known.min()),
            "agreeing": 100.0 * float(np.count_nonzero(self.agrees)) / known.size,
        }


def auto_check(
    landsat: np.ndarray,
    data: np.ndarray,
    fused_rows: Callable[[int, int], np.ndarray],
    fused_shape: Shape,
    threshold: float,
    pool: Executor | None = None,
) -> Check:
    """Check of a fused band against the band before fusion.

    `landsat` and `data` as for `Fusion`, but of one shape; `fused_rows(start, stop)` gives rows of the fused band, which
    has `fused_shape` and any pixel size not above that of Landsat. Pixels are averaged by area over those that are not
    NaN (the `nodata` to give `Fusion`), so that 20 m bands can be checked too; the reference stops with an error. Strips
    run in the threads of `pool`.
    """
    if data.shape != landsat.shape:
        raise ValueError(f"mask of shape {data.shape} does not fit the band of shape {landsat.shape}")
    if any(n > m for n, m in zip(landsat.shape, fused_shape, strict=True)):
        raise ValueError(f"fused band of shape {fused_shape} is coarser than the band before fusion, {landsat.shape}")
    difference = np.empty(landsat.shape, np.float32)
    ratio = Fraction(fused_shape[0], landsat.shape[0])
    # rows of the coarse grid come in groups that begin on the edge of a fused row
    group = ratio.denominator
    step = -(-CHECK_STRIP_ROWS // group) * group

    def one(start: int) -> None:
        stop = min(start + step, landsat.shape[0])
        fused = fused_rows(int(start * ratio), int(stop * ratio))
        mean = np.clip(area_mean(fused, (stop - start, landsat.shape[1])), -1, 1)
        before = np.clip(landsat[start:stop], *CHECK_RANGE)
        difference[start:stop] = (before - np.clip(mean, *CHECK_RANGE)) / before

    starts = range(0, landsat.shape[0], step)
    if pool is None:
        for start in starts:
            one(start)
    else:
        for future in [pool.submit(one, start) for start in starts]:
            future.result()
    difference[data == 0] = np.nan
    return Check(difference, (np.abs(difference) < threshold).astype(np.uint16))


def area_mean(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Means over the pixels of a coarser grid over the same ground, weighted by area; float32.

    NaN do not take part; NaN where there is nothing else.
    """
    unknown = np.isnan(values)
    if not unknown.any():
        return _area_mean(values, shape)
    total = _area_mean(np.where(unknown, np.float32(0), values), shape)
    share = _area_mean((~unknown).astype(np.float32), shape)
    nothing = share < 1e-6
    share[nothing] = np.nan
    total /= share
    return total


def _area_mean(values: np.ndarray, shape: Shape) -> np.ndarray:
    values = np.ascontiguousarray(values, np.float32)
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)).reshape(shape)
