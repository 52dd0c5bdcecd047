"""Fusion: Landsat at 10 or 20 m with the detail of past Sentinel-2 products (spec 06).

With F_k the image of past product k, H_k the same brought to 30 m and enlarged again, and c_k the weights of a method,
the fused image is enlarge(Landsat) + sum c_k (F_k - H_k) (section 6.3). F_k and H_k have the same weights, so only the
detail F_k - H_k counts; it depends on the past product alone and a `Detail` serves every Landsat image of that grid.

Everything is given rows at a time. Reflectance is float32; that of past products includes the DN offset, which cancels
in the detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial

import cv2
import numpy as np

from sen2like.science.coarse_field import CoarseField
from sen2like.science.resample import Shape, gaps, to_resolution
from sen2like.science.scratch import Arrays, Empty, NamedEmpty, Scratch

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


ROW_GAP = 16
"""Values between the rows of intermediate results."""


class Detail:
    """What one past product and band shows that Landsat does not, D = F - H, with the pixels that may be used.

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
        self._complete = bool(dn.min())  # no pixel is without data
        self._valid = valid
        self._protect = protect
        self.gain = gain
        limit = max(LIMIT, LEAST_LIMIT + offset / gain) * gain
        self.low = low if low.max() <= limit else np.minimum(low, limit, dtype=np.float32)

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

    def add(self, out: np.ndarray, start: int, stop: int, weight: float = 1.0) -> None:
        """Add rows [start, stop) of F, reflectance, times `weight` to `out`."""
        cv2.addWeighted(self._dn[start:stop], weight / self.gain, out, 1, 0, dst=out, dtype=cv2.CV_32F)

    def flat(self, start: int, stop: int) -> np.ndarray | None:
        """Where in rows [start, stop) D is 0 for want of data, there or beside, uint8; None: nowhere."""
        first = max(0, start - 1)
        around = self._dn[first : stop + 1]
        if self._complete or around.min(initial=1):
            return None
        missing = (around == 0).view(np.uint8)
        if self._protect:
            missing = cv2.dilate(missing, np.ones((3, 3), np.uint8))
        return missing[start - first : stop - first]

    def usable(self, start: int, stop: int) -> np.ndarray | None:
        """Rows [start, stop) of where the product is clear and the band has data, uint8 (not 0, else 0); None: everywhere.

        The reference goes by the mask alone; where that calls a pixel without data clear, its fused image is black.
        """
        dn = self._dn[start:stop]
        known = None if self._complete or dn.min(initial=1) else (dn != 0).view(np.uint8)
        clear = None if self._valid is None else gaps(self._valid, self.shape, start, stop)
        if known is None or clear is None:
            return known if clear is None else clear
        return (clear != 0).view(np.uint8) & known


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
    count as 0 when their neighbours are interpolated (`landsat` is left alone). ``empty(name, shape, dtype)`` gives arrays
    for intermediate results, `scratch` those for a moment.

    Enlarging is linear, so Landsat with the detail of product k is enlarge(Landsat - low-pass image of k) + F_k: one
    enlargement, of small images. The weights of a pixel sum to 1, so the methods choose from such images, or mix them;
    mixed with the same weights everywhere, they are one enlargement too.
    """

    def __init__(
        self,
        landsat: np.ndarray,
        data: np.ndarray,
        details: Sequence[Detail],
        w: float | None = None,
        nodata: float = 0.0,
        empty: NamedEmpty | None = None,
        scratch: Scratch | None = None,
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
        empty = empty or Arrays().array
        known = np.isfinite(landsat)
        self._masks = [mask for mask in (data, known.view(np.uint8)) if not mask.min(initial=1)]
        self._scratch = scratch or Scratch()
        self._plain = CoarseField.cells(landsat, self.shape, LIMIT, partial(empty, "plain"), self._scratch)
        self._beneath = [
            self._plain.minus(detail.low, 1 / detail.gain, partial(empty, f"beneath {k}"))
            for k, detail in enumerate(self.details)
        ]
        if w is not None:
            mixed = self._plain
            for k, (detail, weight) in enumerate(zip(self.details, (1 - w, w), strict=True)):
                mixed = mixed.minus(detail.low, weight / detail.gain, partial(empty, f"mixed {k}"))
            self._mixed = mixed

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) of the fused band, float32, not clipped."""
        fused = np.empty((stop - start, self.shape[1] + ROW_GAP), np.float32)[:, : self.shape[1]]
        usable = [detail.usable(start, stop) for detail in self.details]
        if self.w is None:
            self._composite(start, stop, usable, fused)
        else:
            self._predict(start, stop, usable, self.w, fused)
        for mask in self._masks:
            present = gaps(mask, self.shape, start, stop)
            if present is not None:
                fused[present == 0] = self.nodata
        return fused

    def composition(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) of the QA image: which products the pixels could draw on."""
        shape = stop - start, self.shape[1]
        usable = (detail.usable(start, stop) for detail in self.details)
        return composition([np.ones(shape, np.uint8) if mask is None else mask for mask in usable])

    def _composite(self, start: int, stop: int, usable: Sequence[np.ndarray | None], out: np.ndarray) -> None:
        """Landsat with the detail of the newest usable product of each pixel; without any where there is none."""
        # nothing is seen of what lies below one that is usable everywhere
        above: list[tuple[int, np.ndarray]] = []
        lowest = None
        for k in reversed(range(len(usable))):
            mask = usable[k]
            if mask is None:
                lowest = k
                break
            if mask.any():
                above.append((k, mask))
        self._with(lowest, start, stop, out)
        for k, mask in reversed(above):
            cv2.copyTo(self._with(k, start, stop, self._strip("layer", start, stop)), mask, dst=out)

    def _predict(self, start: int, stop: int, usable: Sequence[np.ndarray | None], w: float, out: np.ndarray) -> None:
        """(1 - w) times the image with the older product and w times that with the newer; where one is usable, that one."""
        if all(mask is None for mask in usable) and all(detail.flat(start, stop) is None for detail in self.details):
            self._mixed.rows(start, stop, out)
            for detail, weight in zip(self.details, (1 - w, w), strict=True):
                detail.add(out, start, stop, weight)
            return
        first, second = (self._with(k, start, stop, self._strip(f"layer {k}", start, stop)) for k in (0, 1))
        older, newer = (np.ones(out.shape, np.uint8) if mask is None else mask for mask in usable)
        self._with(None, start, stop, out)
        cv2.copyTo(first, older, dst=out)
        cv2.copyTo(second, newer, dst=out)
        both = ((older != 0) & (newer != 0)).view(np.uint8)
        cv2.copyTo(cv2.addWeighted(first, 1 - w, second, w, 0, dst=first), both, dst=out)

    def _with(self, k: int | None, start: int, stop: int, out: np.ndarray) -> np.ndarray:
        """Rows of Landsat enlarged, with the detail of product `k` (None: without any), in `out`."""
        if k is None:
            return self._plain.rows(start, stop, out)
        self._beneath[k].rows(start, stop, out)
        self.details[k].add(out, start, stop)
        flat = self.details[k].flat(start, stop)
        if flat is not None:
            cv2.copyTo(self._with(None, start, stop, self._strip("plain", start, stop)), flat, dst=out)
        return out

    def _strip(self, name: str, start: int, stop: int) -> np.ndarray:
        """An array for those rows. Not contiguous: OpenCV then goes row by row, and the last bit does not depend on the strip."""
        return self._scratch.array(name, (stop - start, self.shape[1] + ROW_GAP))[:, : self.shape[1]]


@dataclass(frozen=True)
class Check:
    """How the fused band, brought back to the Landsat grid, agrees with the band before fusion (section 7)."""

    agrees: np.ndarray
    """uint16: 1 where the absolute difference is below the threshold, else 0."""
    statistics: dict[str, float]
    """``max``, ``mean``, ``std``, ``min`` of the difference and ``agreeing``, percent of those with data; NaN without any."""


def relative_difference(landsat: np.ndarray, data: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """(before - fused) / before on the grid of `landsat` (y, x), NaN where `data` is 0 or nothing is known; float32.

    `fused`: the same ground at any pixel size not above that of Landsat. Its pixels are averaged by area over those that are
    not NaN, so that 20 m bands can be checked too; the reference stops with an error.
    """
    mean = np.clip(area_mean(fused, landsat.shape), -1, 1)
    before = np.clip(landsat, *CHECK_RANGE)
    difference = (before - np.clip(mean, *CHECK_RANGE)) / before
    difference[data == 0] = np.nan
    return difference


class AutoCheck:
    """Check of a fused band against the band before fusion, made of the fused rows when somebody asks for them.

    `landsat` and `data` as for `Fusion`, but of one shape; the fused band has `shape` and any pixel size not above that of
    Landsat, and NaN (the `nodata` to give `Fusion`). Rows may be added from several threads.
    """

    def __init__(self, landsat: np.ndarray, data: np.ndarray, shape: Shape, threshold: float):
        if data.shape != landsat.shape:
            raise ValueError(f"mask of shape {data.shape} does not fit the band of shape {landsat.shape}")
        if any(n > m for n, m in zip(landsat.shape, shape, strict=True)):
            raise ValueError(f"fused band of shape {shape} is coarser than the band before fusion, {landsat.shape}")
        self._landsat, self._data, self._threshold = landsat, data, threshold
        ratio = Fraction(shape[0], landsat.shape[0])
        self.rows_multiple = ratio.numerator
        """Rows of Landsat and fused rows have a common edge after so many of these."""
        self._group = ratio.denominator
        self._agrees = np.zeros(landsat.shape, np.uint16)
        self._seen = np.zeros(landsat.shape[0] // self._group, bool)
        self._rows = np.zeros((landsat.shape[0], 5))  # of each row: count, sum, sum of squares, least, largest difference

    def add(self, start: int, fused: np.ndarray) -> None:
        """Fused rows from `start` on; whole groups of `rows_multiple` rows are looked at, others left out."""
        first, last = -(-start // self.rows_multiple), (start + len(fused)) // self.rows_multiple
        if first >= last:
            return
        rows = slice(first * self._group, last * self._group)
        part = fused[first * self.rows_multiple - start : last * self.rows_multiple - start]
        difference = relative_difference(self._landsat[rows], self._data[rows], part)
        np.less(np.abs(difference), self._threshold, out=self._agrees[rows], casting="unsafe")
        known = np.isfinite(difference)
        self._rows[rows, 3] = difference.min(axis=1, where=known, initial=np.inf)
        self._rows[rows, 4] = difference.max(axis=1, where=known, initial=-np.inf)
        difference[~known] = 0
        self._rows[rows, 0] = known.sum(axis=1)
        self._rows[rows, 1] = difference.sum(axis=1, dtype=np.float64)
        self._rows[rows, 2] = np.square(difference, dtype=np.float64).sum(axis=1)
        self._seen[first:last] = True

    def result(self) -> Check | None:
        """None: some rows have not been seen."""
        return Check(self._agrees, self._statistics()) if self._seen.all() else None

    def _statistics(self) -> dict[str, float]:
        count, total, squares = (float(n) for n in self._rows[:, :3].sum(axis=0))
        if not count:
            return dict.fromkeys(("max", "mean", "std", "min", "agreeing"), float("nan"))
        return {
            "max": float(self._rows[:, 4].max()),
            "mean": total / count,
            "std": max(0.0, squares / count - (total / count) ** 2) ** 0.5,
            "min": float(self._rows[:, 3].min()),
            "agreeing": 100.0 * float(np.count_nonzero(self._agrees)) / count,
        }


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
