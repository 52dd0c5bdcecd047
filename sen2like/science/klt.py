"""Displacement of an image against a reference: Kanade-Lucas-Tomasi points on a Laplacian of both (spec 05 section 7).

`match` gives the points of the reference that were found again in the image; `accept` decides whether their mean may be applied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from sen2like.science.corners import Features, Rows, feature_image, in_strips
from sen2like.science.resample import mask_rows

WINDOW, PYRAMID_LEVELS, STEPS, LAST_STEP, MIN_EIGENVALUE = (25, 25), 1, 30, 0.03, 1e-4
BACK_MATCH = 0.01
"""A point tracked forth and back must return this close, pixels."""
OUTLIER_STD, OUTLIER_PIXELS = 3.0, 20.0
"""Points farther from the mean than so many standard deviations, or pixels, go (spec 05 section 7)."""

MIN_POINTS, MIN_CELLS, CELLS_PER_SIDE, MAX_SPREAD = 30, 3, 4, 0.5
"""Acceptance gates, spec 05 section 12.3: points, cells of a 4 x 4 mesh holding some, robust standard deviation in pixels."""
MAX_SHIFT_SENTINEL2, MAX_SHIFT_LANDSAT = 60.0, 150.0
"""Largest shift accepted by default, metres."""
COARSE_REDUCTION, COARSE_SEARCH, COARSE_AGREEMENT = 4, 64, 2.0
"""Coarse shift: reduction of the images, largest shift looked for (pixels), and how far it may be from the points (pixels)."""
COARSE_PEAK = 8.0
"""A correlation peak lower than this many standard deviations of its surroundings says nothing."""
DARKEST_DN = 50
"""Lower DN are raised to it before the logarithm, which would blow up their noise."""

CORRELATION_COLUMNS = (
    *("refImg", "secImg", "total_valid_pixel", "sample_pixel", "confidence_th"),
    *("min_x", "max_x", "median_x", "mean_x", "std_x"),
    *("min_y", "max_y", "median_y", "mean_y", "std_y"),
)
"""Columns of the correlation table; ``*_x`` are of dx (the reference software swaps x and y)."""


@dataclass(frozen=True)
class Matches:
    """Points found in both images after outlier rejection, float32 (n,), and what is known about them."""

    x0: np.ndarray
    """Column in the reference, pixels."""
    y0: np.ndarray
    dx: np.ndarray
    """Displacement of the image against the reference, metres, > 0 too far east."""
    dy: np.ndarray
    """Metres, > 0 too far south."""
    total: int
    """Points before outlier rejection."""
    resolution: float
    """Pixel size, metres."""
    coarse: tuple[float, float] | None = field(default=None)
    """(dx, dy) in metres from the correlation of the reduced images; None when it was not looked for or says nothing."""

    def __len__(self) -> int:
        return len(self.dx)

    @property
    def shift(self) -> tuple[float, float]:
        """(mean dx, mean dy), metres; (0, 0) without points."""
        return (float(self.dx.mean(dtype=np.float64)), float(self.dy.mean(dtype=np.float64))) if len(self) else (0.0, 0.0)

    def statistics(self) -> dict[str, float]:
        """Values of the quality report found by the geometry check, by name (spec 05 section 9); metres."""
        dx, dy = self._or_zero()
        d = np.hypot(dx, dy, dtype=np.float64)
        skew, kurtosis = _skew_and_kurtosis(d)
        return {
            "MEAN": round(d.mean(), 1),
            "MEAN_X": float(str(np.float32(dx.mean(dtype=np.float64)))),
            "MEAN_Y": float(str(np.float32(dy.mean(dtype=np.float64)))),
            "STD": round(d.std(), 1),
            "STD_X": round(dx.std(dtype=np.float64), 1),
            "STD_Y": round(dy.std(dtype=np.float64), 1),
            "RMSE": round(_rms(d), 1),
            "SKEW": round(skew, 1),
            "KURTOSIS": round(kurtosis, 1),
            "NB_OF_POINTS": self.total,
        }

    def correlation_row(self, reference_name: str, image_name: str) -> dict[str, object]:
        """One row of the correlation table, by column name; metres."""
        row: list[object] = [reference_name, image_name, self.total, len(self), -1]
        for values in self._or_zero():
            row += [float(f(values)) for f in (np.min, np.max, np.median, np.mean, np.std)]
        return dict(zip(CORRELATION_COLUMNS, row, strict=True))

    def csv(self) -> str:
        """Text of ``KLT.csv``: x0;y0;dx;dy in pixels, by x0, then y0."""
        order = np.lexsort((self.y0, self.x0))
        columns = [self.x0, self.y0, self.dx / np.float32(self.resolution), self.dy / np.float32(self.resolution)]
        lines = [";".join(str(c[i]) for c in columns) for i in order]
        return "\n".join(["x0;y0;dx;dy", *lines, ""])

    def _or_zero(self) -> tuple[np.ndarray, np.ndarray]:
        """dx, dy; one zero each when there is no point, which is what then gets applied."""
        return (self.dx, self.dy) if len(self) else (np.zeros(1, np.float32), np.zeros(1, np.float32))


def coregistration_quality(*matches: Matches | None) -> dict[str, str]:
    """Values of the quality report about the correction, for the main product and, if any, the related one.

    None stands for a product that is not matched (refined). Metres, rounded to one decimal (spec 05 section 9).
    """
    texts: dict[str, list[str]] = {"COREGISTRATION_BEFORE_CORRECTION": [], "INPUT_RMSE_X": [], "INPUT_RMSE_Y": []}
    for m in matches:
        dx, dy = m._or_zero() if m is not None else (np.zeros(1), np.zeros(1))
        for text, value in zip(texts.values(), (np.hypot(dx, dy, dtype=np.float64).mean(), _rms(dx), _rms(dy)), strict=True):
            text.append(f"{round(float(value), 1):.3f}")
    return {name: " ".join(text) for name, text in texts.items()}


def match(
    reference: Features | np.ndarray,
    image: np.ndarray | Rows,
    mask: np.ndarray,
    resolution: float,
    coarse: bool = True,
    pool: Executor | None = None,
) -> Matches:
    """Points of the reference found again in the image.

    reference: uint16 (y, x), or its `Features` to use them again. image: DN of the same shape, uint16 or float32, 0 = no
    data; `Rows` are matched without `coarse`. mask: uint8, non-zero where points may be; brought to the shape of the image
    if it has another. resolution: metres. `coarse`: also correlate the reduced images, and start anew from there when that
    contradicts the points by more than `COARSE_AGREEMENT` pixels (the tracking itself reaches 8 to 10 pixels). Strips run
    in the threads of `pool`, which must not be the one this is called from.

    ValueError when reference and image differ in shape.
    """
    features = reference if isinstance(reference, Features) else Features(reference, pool)
    if features.shape != image.shape:
        raise ValueError(f"reference of {features.shape} and image of {image.shape} pixels cannot be matched")
    mask = mask_rows(mask, image.shape, 0, image.shape[0])
    shift = None
    if coarse and isinstance(image, np.ndarray):
        shift = coarse_shift(features, image, mask)
        features.forget_pixels()  # their gradients and corners are kept, and tracking needs the memory
    image_features = feature_image(image, pool)
    corners = features.corners(mask, pool)
    found = _tracked(features.image, image_features, corners, resolution, (0.0, 0.0))
    if shift is None:
        return found
    if not len(found) or math.dist(shift, np.divide(found.shift, resolution)) > COARSE_AGREEMENT:
        again = _tracked(features.image, image_features, corners, resolution, shift)
        found = again if len(again) > len(found) else found
    return replace(found, coarse=(shift[0] * resolution, shift[1] * resolution))


def accept(
    matches: Matches, image_shape: tuple[int, int], max_shift: float = MAX_SHIFT_LANDSAT, min_points: int = MIN_POINTS
) -> str | None:
    """None when the mean shift may be applied, else why not (spec 05 section 12.3). `max_shift` in metres."""
    if len(matches) < min_points:
        return f"{len(matches)} points were found again, {min_points} are needed"
    cells = {
        (int(CELLS_PER_SIDE * y / image_shape[0]), int(CELLS_PER_SIDE * x / image_shape[1]))
        for y, x in zip(matches.y0, matches.x0, strict=True)
    }
    if len(cells) < MIN_CELLS:
        return f"the points fill {len(cells)} of {CELLS_PER_SIDE**2} cells of the tile, {MIN_CELLS} are needed"
    spread = max(_robust_std(matches.dx), _robust_std(matches.dy)) / matches.resolution
    if spread >= MAX_SPREAD:
        return f"the shifts of the points scatter by {spread:.2f} pixel, less than {MAX_SPREAD:g} is needed"
    shift = matches.shift
    if math.hypot(*shift) > max_shift:
        return f"the shift of {math.hypot(*shift):.1f} m is above the limit of {max_shift:g} m"
    if matches.coarse is not None and math.dist(shift, matches.coarse) > COARSE_AGREEMENT * matches.resolution:
        return (
            f"points (dx {shift[0]:.1f} m, dy {shift[1]:.1f} m) and correlation of the reduced images "
            f"(dx {matches.coarse[0]:.1f} m, dy {matches.coarse[1]:.1f} m) disagree"
        )
    return None


def coarse_shift(reference: Features, image: np.ndarray, mask: np.ndarray) -> tuple[float, float] | None:
    """(dx, dy) in pixels from the correlation of the gradients of both images reduced four times; None if it says nothing.

    Spec 05 section 12.1 (a): gradient magnitude of ln(DN), by Fourier transform, for shifts up to `COARSE_SEARCH` pixels.
    """
    reach = COARSE_SEARCH // COARSE_REDUCTION
    first = reference.derived("gradients", _gradients)
    second = _gradients(image, mask)
    if min(first.shape) < 4 * reach:
        return None
    size = [cv2.getOptimalDFTSize(n + reach) for n in first.shape]
    spectrum = cv2.mulSpectrums(_spectrum(second, size), _spectrum(first, size), 0, conjB=True)
    correlation = cv2.idft(spectrum, flags=cv2.DFT_SCALE)
    window = np.roll(correlation, (reach, reach), axis=(0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    y, x = (int(i) for i in np.unravel_index(window.argmax(), window.shape))
    around = np.hypot(*np.ogrid[-y : 2 * reach + 1 - y, -x : 2 * reach + 1 - x]) > 3
    height = window[y, x] - window[around].mean()
    if not (0 < y < 2 * reach and 0 < x < 2 * reach) or height <= COARSE_PEAK * window[around].std():
        return None
    dx, dy = x + _vertex(window[y, x - 1 : x + 2]) - reach, y + _vertex(window[y - 1 : y + 2, x]) - reach
    return COARSE_REDUCTION * dx, COARSE_REDUCTION * dy


def _spectrum(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Fourier transform of a float32 image, zeros to its right and below, as OpenCV packs it."""
    padded = np.zeros(size, np.float32)
    padded[: image.shape[0], : image.shape[1]] = image
    return cv2.dft(padded, nonzeroRows=len(image))


def _gradients(dn: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Gradient magnitude of ln(DN) of the reduced image, float32, mean 0, and 0 near missing or masked pixels."""
    f = COARSE_REDUCTION
    shape = (dn.shape[0] // f, dn.shape[1] // f)
    mean, valid = np.empty(shape, np.float32), np.empty(shape, np.uint8)

    def one(rows: slice) -> None:  # rows of the reduced image
        part = dn[rows.start * f : rows.stop * f, : shape[1] * f]
        size = (shape[1], rows.stop - rows.start)
        known = (part != 0).view(np.uint8)
        if mask is not None:
            known &= (mask[rows.start * f : rows.stop * f, : shape[1] * f] != 0).view(np.uint8)
        mean[rows] = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        valid[rows] = cv2.resize(known * np.uint8(f * f), size, interpolation=cv2.INTER_AREA) == f * f

    in_strips(one, shape[0])
    smooth = cv2.GaussianBlur(np.log(np.maximum(mean, DARKEST_DN)), (0, 0), 1)
    gradient = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1))
    inside = cv2.erode(valid, np.ones((9, 9), np.uint8)).view(np.bool_)
    if not inside.any():
        return np.zeros(shape, np.float32)
    known_gradient = gradient[inside]
    # the few strongest edges (clouds, shores) must not decide alone
    np.minimum(gradient, known_gradient.mean() + 3 * known_gradient.std(), out=gradient)
    gradient -= gradient[inside].mean()
    gradient[~inside] = 0
    return gradient


def _tracked(
    reference: np.ndarray, image: np.ndarray, corners: np.ndarray, resolution: float, start: tuple[float, float]
) -> Matches:
    """Corners tracked forth and back between feature images, outliers taken out; `start` is the flow to begin with, pixels."""
    if not len(corners):
        return _matches(corners, corners, 0, resolution)
    there = _flow(reference, image, corners, start)
    back = _flow(image, reference, there, (-start[0], -start[1]))
    returned = np.abs(corners - back).max(axis=1) < BACK_MATCH
    corners, shifts = corners[returned], there[returned] - corners[returned]
    total = len(corners)
    kept = _without_outliers(shifts)
    return _matches(corners[kept], shifts[kept], total, resolution)


def _matches(corners: np.ndarray, shifts: np.ndarray, total: int, resolution: float) -> Matches:
    metres = shifts * np.float32(resolution)
    return Matches(corners[:, 0], corners[:, 1], metres[:, 0], metres[:, 1], total, resolution)


def _flow(first: np.ndarray, second: np.ndarray, points: np.ndarray, start: tuple[float, float]) -> np.ndarray:
    """(n, 2) float32: where the points of `first` are in `second`; Lucas and Kanade in a pyramid (Bouguet 2000).

    OpenCV needs six bytes a pixel for pyramids and gradients. Tracking strips of rows would need less, but their positions
    round elsewhere than those of the whole image: 1 to 3 more of 1000 points stay, and the mean moves by 0.0001 pixel.
    """
    # from a zero flow the result is that of no initial flow
    guess = points + np.array(start, np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, LAST_STEP)
    found, _, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, guess, winSize=WINDOW, maxLevel=PYRAMID_LEVELS, criteria=stop,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=MIN_EIGENVALUE,
    )  # fmt: skip
    return found


def _without_outliers(shifts: np.ndarray) -> np.ndarray:
    """Indices of the points (n, 2) near the mean in x and in y, found again until none is taken out."""
    kept = np.arange(len(shifts))
    while len(kept):
        values = shifts[kept].astype(np.float64)
        limit = np.minimum(OUTLIER_STD * values.std(axis=0), OUTLIER_PIXELS)
        near = (np.abs(values - values.mean(axis=0)) <= limit).all(axis=1)
        if near.all():
            break
        kept = kept[near]
    return kept


def _vertex(three: np.ndarray) -> float:
    """Place of the top of the parabola through values at -1, 0, 1."""
    before, top, after = (float(v) for v in three)
    return 0.5 * (before - after) / (before - 2 * top + after)


def _rms(values: np.ndarray) -> float:
    return math.sqrt(np.square(values, dtype=np.float64).mean())


def _robust_std(values: np.ndarray) -> float:
    """1.4826 times the median absolute deviation: the standard deviation if the values are normal."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _skew_and_kurtosis(values: np.ndarray) -> tuple[float, float]:
    """Biased sample skewness and excess kurtosis; NaN where all values are equal."""
    deviation = values - values.mean()
    variance = np.square(deviation).mean()
    if variance <= (1e-12 * np.abs(values).max()) ** 2:
        return math.nan, math.nan
    return float((deviation**3).mean() / variance**1.5), float((deviation**4).mean() / variance**2 - 3)
