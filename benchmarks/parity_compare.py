"""Products of ours against the reference's samples: pixels, masks, names, quality values, and the noise test.

Where inputs had another noise than those of the table, a pixel differs by two independent noises. The noise test takes
ours off (`parity_noise`) and asks of what is left, over the samples: is its mean 0, its spread and its tails those of one
noise, and does it depend on anything: brightness, slope of the ground's image, its curvature, the mask, the place?
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from scipy import special

from benchmarks.parity_data import (
    LISTED_FILES,
    LISTED_QUALITY,
    LOW_LIMIT,
    SHIFTS,
    THERMAL,
    ExpectedProduct,
    Raster,
    band_of,
    file_names,
    images,
    lasting,
    quality_texts,
)
from benchmarks.parity_noise import MARGIN, NoisyProduct

SIGNIFICANT = 4.5
"""Standard deviations of chance that are allowed: of some 800 tests none reaches it in 99 of 100 runs."""
WHOLE_LIMIT = 0.05
"""Allowed difference of the means of whole images, DN."""
WHOLE = "mean of the whole image"
SHIFT_LIMIT = 0.005
"""Allowed difference of the displacement, pixels of the matched band."""
NUMBER_LIMIT = 1e-5
"""Allowed relative difference of numbers in the quality report."""


@dataclass(frozen=True)
class NoiseTest:
    """What is left of ours minus the reference when our noise is taken off, in units of its expected deviation."""

    samples: int
    mean: float
    deviation: float
    """1 when it is one noise and nothing else."""
    beyond_2: float
    beyond_3: float
    """Shares of samples; of a normal distribution 0.0455 and 0.0027."""
    largest: float
    pattern: str
    """What it is correlated with most ..."""
    correlation: float
    """... and how much."""
    plain: float
    """Deviation of ours minus the reference over that of two independent noises."""
    whole: float
    """Difference of the means of the whole image over its expected deviation."""

    def failures(self) -> list[str]:
        root, found = math.sqrt(self.samples), []
        if abs(self.mean) * root > SIGNIFICANT:
            found.append("mean")
        if abs(self.deviation - 1) * root * math.sqrt(2) > SIGNIFICANT:
            found.append("spread")
        for share, sigma in ((self.beyond_2, 2), (self.beyond_3, 3)):
            due = special.erfc(sigma / math.sqrt(2))
            if abs(share - due) * root > SIGNIFICANT * math.sqrt(due):
                found.append(f"tail beyond {sigma} sigma")
        if abs(self.correlation) * root > SIGNIFICANT:
            found.append(f"depends on {self.pattern}")
        if abs(self.whole) > SIGNIFICANT:
            found.append(WHOLE)
        return found


@dataclass(frozen=True)
class RasterResult:
    """One raster of ours and the reference's samples of it."""

    method: str
    product: str
    name: str
    kind: str
    """``band``, ``thermal``, ``mask``, ``angles``, ``preview``."""
    samples: int
    within_1: float
    equal: float
    largest: int
    mean: float
    """Of ours minus the reference, at the samples ..."""
    whole: float
    """... and of the means of the whole rasters."""
    missing: int
    """Samples that have data in one of the two only."""
    zeros: int
    """Pixels of value 0 in the whole raster, ours minus the reference's."""
    noise: NoiseTest | None

    def failures(self) -> list[str]:
        """What is neither equal nor explained."""
        if self.kind == "thermal":
            return []
        found = ["no data elsewhere"] if self.missing else []
        if self.kind in ("mask", "angles") and (self.largest or self.zeros):
            found.append(f"{100 - 100 * self.equal:.3f} % of samples differ")
        if self.kind == "check" and (self.equal < 0.99 or abs(self.whole) > 1e-3):
            found.append(f"{100 - 100 * self.equal:.3f} % of samples differ")
        if self.kind == "preview" and (self.within_1 < 1 or abs(self.whole) > WHOLE_LIMIT):
            found.append("grey levels")
        if self.kind == "band" and abs(self.whole) > WHOLE_LIMIT:
            found.append(f"mean differs by {self.whole:+.3f} DN")
        of_noise = self.noise.failures() if self.noise else []
        return found + [f for f in of_noise if not (f == WHOLE and LOW_LIMIT.covers(f"{self.product}/{self.name}"))]


@dataclass(frozen=True)
class DocumentResult:
    """Names and quality report of one product: what differs, and why."""

    method: str
    product: str
    files: tuple[tuple[str, str], ...]
    """(file, reason); no reason: not explained."""
    quality: tuple[tuple[str, str, str, str], ...]
    """(name, ours, reference's, reason)."""
    equal_files: int
    equal_texts: int
    shift: tuple[float, float]
    """Ours minus the reference's, pixels of the matched band, east and south."""

    def failures(self) -> list[str]:
        found = [f"file {name}" for name, reason in self.files if not reason]
        found += [f"{name}: {ours} instead of {theirs}" for name, ours, theirs, reason in self.quality if not reason]
        if max(map(abs, self.shift)) > SHIFT_LIMIT:
            found.append(f"shift differs by {self.shift[0]:+.4f}, {self.shift[1]:+.4f} pixels")
        return found


def compare_rasters(method: str, key: str, wanted: ExpectedProduct, product: Path, inputs: Path | None) -> Iterator[RasterResult]:
    """All rasters of one product; without `inputs` (root of the scenario) there is no noise test.

    `ValueError`: a raster is missing or has another shape or type.
    """
    found = dict(images(product))
    same_files = product.name.startswith("S2") and "L2F_" in product.name  # as L2H, whose noise is tested
    noisy = NoisyProduct(product, inputs) if inputs and not same_files else None
    mask = _validity(found)
    for name, raster in wanted.rasters.items():
        if name not in found:
            raise ValueError(f"{product.name} has no {name}; it holds {', '.join(found)}")
        with rasterio.open(found[name]) as src:
            image = src.read(1) if src.count == 1 else src.read()
        if image.shape != raster.shape or image.dtype != raster.dtype:
            ours, theirs = (f"{r.dtype} of shape {r.shape}" for r in (image, raster))
            raise ValueError(f"{name} of {product.name} is {ours}, the reference's {theirs}")
        yield _compared(method, key, name, raster, image, mask, noisy)


def _compared(
    method: str,
    key: str,
    name: str,
    raster: Raster,
    image: np.ndarray,
    mask: np.ndarray,
    noisy: NoisyProduct | None,
) -> RasterResult:
    ours, theirs = image.reshape(-1)[raster.index].astype(np.int64), raster.values.astype(np.int64)
    difference = ours - theirs
    kind = _kind(name, raster)
    missing = int(((ours == 0) != (theirs == 0)).sum()) if kind == "band" else 0
    noise = _noise_test(name, raster, image, mask, noisy) if noisy and kind == "band" else None
    return RasterResult(
        method, key, name, kind, ours.size, float((abs(difference) <= 1).mean()), float((difference == 0).mean()),
        int(abs(difference).max()), float(difference.mean()), float(image.mean()) - raster.mean, missing,
        int((image == 0).sum()) - raster.zeros, noise,
    )  # fmt: skip


def _kind(name: str, raster: Raster) -> str:
    if band_of(name) is None:
        return {"MSK": "mask", "ANG": "angles", "PVI": "preview", "FCM": "check"}[name.rsplit("_", 1)[1]]
    return "thermal" if raster.percentiles[0] == raster.percentiles[-1] else "band"


def _noise_test(name: str, raster: Raster, image: np.ndarray, mask: np.ndarray, noisy: NoisyProduct) -> NoiseTest:
    size = image.shape[0]
    row, column = np.divmod(raster.index, size)
    theirs = raster.values.astype(float)
    inside = np.minimum(np.minimum(row, column), size - 1 - np.maximum(row, column)) >= MARGIN
    inside &= (theirs > 0) & (theirs < 65535)
    row, column, theirs = row[inside], column[inside], theirs[inside]
    noise = noisy.noise(name, image, raster.resolution, (row, column))
    ours = image[row, column].astype(float)
    z = (ours - theirs - noise.known) / noise.expected

    def around(dy: int, dx: int) -> np.ndarray:
        return image[row + dy, column + dx].astype(float)

    step = mask.shape[0] / size
    shares = {
        "brightness": ours,
        "our noise": noise.known,
        "gradient to the east": around(0, 1) - around(0, -1),
        "gradient to the south": around(1, 0) - around(-1, 0),
        "curvature": around(0, 1) + around(0, -1) + around(1, 0) + around(-1, 0) - 4 * ours,
        "mask": mask[(row * step).astype(int), (column * step).astype(int)].astype(float),
        "row": row.astype(float),
        "column": column.astype(float),
    }
    patterns = {what: float(np.corrcoef(values, z)[0, 1]) for what, values in shares.items() if values.std() > 0}
    strongest = max(patterns, key=lambda what: abs(patterns[what]))
    two = np.sqrt(np.square(noise.expected) + noise.known.var())
    return NoiseTest(
        z.size, float(z.mean()), float(z.std()), float((abs(z) > 2).mean()), float((abs(z) > 3).mean()), float(abs(z).max()),
        strongest, patterns[strongest], float((ours - theirs).std() / math.sqrt(float(np.square(two).mean()))),
        (float(image.mean()) - raster.mean) / noise.mean_sigma,
    )  # fmt: skip


def _validity(found: dict[str, Path]) -> np.ndarray:
    (path,) = (path for name, path in found.items() if name.endswith("_MSK"))
    with rasterio.open(path) as src:
        return src.read(1)


def compare_documents(method: str, key: str, wanted: ExpectedProduct, product: Path) -> DocumentResult:
    """File names, quality report and displacement of one product."""
    theirs, ours = ({lasting(name) for name in names} for names in (wanted.files, file_names(product)))
    files = [(name, "") for name in sorted(theirs - ours)]
    files += [(name, _reason(LISTED_FILES, name)) for name in sorted(ours - theirs)]
    texts = quality_texts(product)
    differing = [
        (name, texts.get(name, "absent"), text, _reason(LISTED_QUALITY, name))
        for name, text in wanted.quality.items()
        if not same_text(texts.get(name), text)
    ]
    return DocumentResult(
        method, key, tuple(files), tuple(differing), len(theirs & ours), len(wanted.quality) - len(differing),
        shift_difference(product),
    )  # fmt: skip


def shift_difference(product: Path) -> tuple[float, float]:
    """Displacement found minus the reference's, pixels of the matched band (10 m, Landsat 30 m), east and south."""
    sensor, _, when = product.name.split("_")[:3]
    dx, dy = SHIFTS[f"{sensor}_{when[:8]}"]
    pixel = 10 if sensor.startswith("S2") else 30
    geometry = lineage(product)["Geometry"]
    return (geometry["dx"] - dx) / pixel, (geometry["dy"] - dy) / pixel


def lineage(product: Path) -> dict[str, dict]:
    """What was done to a product, by block, from its STAC item."""
    item = json.loads((product / f"{product.name.removesuffix('.SAFE')}.json").read_text())
    return {step["block"]: step for step in item["properties"]["s2l:lineage"]}


def same_text(ours: str | None, theirs: str) -> bool:
    """Equal, or numbers that are equal but for their last digits."""
    if ours is None or lasting(ours) == lasting(theirs):
        return ours is not None
    try:
        return math.isclose(float(ours), float(theirs), rel_tol=NUMBER_LIMIT)
    except ValueError:
        return False


def _reason(listed: tuple, name: str) -> str:
    return next((entry.reason for entry in listed if entry.covers(name)), "")


def reason_of(result: RasterResult) -> str:
    """Why a raster may differ as it does; empty: it may not."""
    if result.kind == "thermal":
        return THERMAL
    if result.noise and WHOLE in result.noise.failures() and not result.failures():
        return LOW_LIMIT.reason
    return ""
