"""Products of ours against the reference's samples: pixels, masks, names, quality values."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.parity_data import (
    LISTED_FILES,
    LISTED_QUALITY,
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

WITHIN_1 = 0.999
"""Required share of samples of a band that differ by at most 1 DN."""
WHOLE_LIMIT = 0.05
"""Allowed difference of the means of whole images, DN."""
SHIFT_LIMIT = 0.005
"""Allowed difference of the displacement, pixels of the matched band."""
NUMBER_LIMIT = 1e-5
"""Allowed relative difference of numbers in the quality report."""


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
        if self.kind == "band" and self.within_1 < WITHIN_1:
            found.append(f"{100 * self.within_1:.2f} % within 1 DN")
        if self.kind == "band" and abs(self.whole) > WHOLE_LIMIT:
            found.append(f"mean differs by {self.whole:+.3f} DN")
        return found


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


def compare_rasters(method: str, key: str, wanted: ExpectedProduct, product: Path) -> Iterator[RasterResult]:
    """All rasters of one product.

    `ValueError`: a raster is missing or has another shape or type.
    """
    found = dict(images(product))
    for name, raster in wanted.rasters.items():
        if name not in found:
            raise ValueError(f"{product.name} has no {name}; it holds {', '.join(found)}")
        with rasterio.open(found[name]) as src:
            image = src.read(1) if src.count == 1 else src.read()
        if image.shape != raster.shape or image.dtype != raster.dtype:
            ours, theirs = (f"{r.dtype} of shape {r.shape}" for r in (image, raster))
            raise ValueError(f"{name} of {product.name} is {ours}, the reference's {theirs}")
        yield _compared(method, key, name, raster, image)


def _compared(method: str, key: str, name: str, raster: Raster, image: np.ndarray) -> RasterResult:
    ours, theirs = image.reshape(-1)[raster.index].astype(np.int64), raster.values.astype(np.int64)
    difference = ours - theirs
    kind = _kind(name, raster)
    missing = int(((ours == 0) != (theirs == 0)).sum()) if kind == "band" else 0
    return RasterResult(
        method, key, name, kind, ours.size, float((abs(difference) <= 1).mean()), float((difference == 0).mean()),
        int(abs(difference).max()), float(difference.mean()), float(image.mean()) - raster.mean, missing,
        int((image == 0).sum()) - raster.zeros,
    )  # fmt: skip


def _kind(name: str, raster: Raster) -> str:
    if band_of(name) is None:
        return {"MSK": "mask", "ANG": "angles", "PVI": "preview", "FCM": "check"}[name.rsplit("_", 1)[1]]
    return "thermal" if raster.percentiles[0] == raster.percentiles[-1] else "band"


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
    return THERMAL if result.kind == "thermal" else ""
