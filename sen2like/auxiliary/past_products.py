"""Past Sentinel-2 L2F products that Landsat is fused with: which ones, whether they fit, and their pixels (spec 06 section 2).

Everything a product is needed for is looked at before it is chosen, so that fusion does not stop half way: a product that
is incomplete, or not on the grid or of the encoding of this run, is left out with a notice and an older one takes its place.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from sen2like.auxiliary.past_files import Needs, PastImage, find_image, find_mask, pixels, same_size
from sen2like.errors import AuxiliaryError, RasterError
from sen2like.grid.mgrs import MGRSTile
from sen2like.science.fusion import extrapolation

_LIKE_L2F = "S2*L2F_*"
"""What the reference takes for a Sentinel-2 L2F product."""
_PRISMA = "S2P_"
_NAME = re.compile(
    r"(?P<satellite>S2[A-D])_MSIL2F_(?P<start>\d{8}T\d{6})_N\d{4}_R(?P<orbit>\d{3})_T(?P<tile>\w{5})_(?P<made>\d{8}T\d{6})\.SAFE",
    re.ASCII,
)
_TIME = "%Y%m%dT%H%M%S"
_THREADS = 2
"""Threads that decode one mask."""
REMEDY = "make it again, or remove it from the archive"
"""Of a past product that cannot be used."""


@dataclass(frozen=True)
class Candidate:
    """What the name of a product tells; times are UTC."""

    folder: Path
    date: dt.date
    satellite: str
    """``S2A`` ... ``S2D``"""
    relative_orbit: int
    production_time: dt.datetime

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(frozen=True)
class PastProduct(Candidate):
    """A Sentinel-2 L2F product whose mask and bands to fuse were found fit for fusion."""

    mask: Path
    """File of the validity mask."""
    valid: np.ndarray = field(repr=False, compare=False)
    """Validity mask, uint8 (y, x), 1 = clear land, at a pixel size of its own."""
    images: Mapping[str, PastImage] = field(repr=False, compare=False)
    """By Sentinel-2 band name."""

    def image(self, s2_name: str) -> Path:
        """File of a band."""
        return self._band(s2_name).path

    def low(self, s2_name: str) -> Path | None:
        """File of a band at the pixel size of Landsat; None: there is none (products of this software have none)."""
        return self._band(s2_name).low

    def resolution(self, s2_name: str) -> float:
        """Pixel size of a band, metres."""
        return self._band(s2_name).resolution

    def _band(self, s2_name: str) -> PastImage:
        if s2_name not in self.images:
            raise ValueError(f"{self.name} was chosen for {', '.join(sorted(self.images))}, not for {s2_name}")
        return self.images[s2_name]


class Method(NamedTuple):
    """How a Landsat date is fused. `name` None: not at all. `w` of `science.fusion.extrapolation` for predict, else None."""

    name: Literal["composite", "predict"] | None
    w: float | None
    notices: list[str]


def choose(
    archive_dir: Path | str,
    tile: MGRSTile,
    target_date: dt.date,
    count: int,
    bands: Mapping[str, float],
    gain: float,
    offset: float,
) -> tuple[list[PastProduct], list[str]]:
    """The last `count` usable Sentinel-2 L2F products of `tile` on or before `target_date`, oldest first; and warnings.

    `bands`: the Sentinel-2 names of the bands to fuse, with the pixel size of Landsat in metres (30). `gain`, `offset`: the
    encoding of outputs, which products must share. Of one acquisition (satellite, date, orbit) the newest usable
    production counts. A product is usable when its mask and all `bands` are there, can be read to the last block and cover
    exactly the tile, the bands with pixels smaller than Landsat's and of the same size in all products.

    `AuxiliaryError`: the folder of the tile is there but cannot be listed.
    """
    if count < 1 or not bands:
        raise ValueError(f"{count} past products of {len(bands)} bands: fusion needs at least one product and one band")
    needs = Needs(tile, bands, gain, offset)
    folder = Path(archive_dir) / tile.id
    acquisitions, notices = _candidates(folder, tile.id, target_date)
    chosen: list[PastProduct] = []
    left_out = 0
    for productions in acquisitions:
        if len(chosen) == count:
            break
        for candidate in productions:
            try:
                product = _checked(candidate, needs)
                if chosen:
                    _check_sizes(product, chosen[0])
            except (AuxiliaryError, RasterError) as error:
                notices.append(f"past product {candidate.name} is not used for fusion: {error}; {REMEDY}")
                left_out += 1
                continue
            if not product.valid.any():
                notices.append(f"past product {product.name} adds no detail: no pixel of its mask {product.mask} is clear")
            chosen.append(product)
            break
    if not chosen:
        kind = "usable Sentinel-2 L2F product" if left_out else "Sentinel-2 L2F product"
        notices.append(f"no {kind} on or before {target_date:%Y-%m-%d} in {folder}: no L2F written")
    return chosen[::-1], notices


def method(products: Sequence[PastProduct], wanted: Literal["composite", "predict"], landsat_date: dt.date) -> Method:
    """The method that `products` (oldest first) allow; predict is to be given the last two of them, composite all.

    `w` is not limited (section 6.2).
    """
    if wanted not in ("composite", "predict"):
        raise ValueError(f"fusion method {wanted!r} is neither composite nor predict")
    if not products:
        return Method(None, None, [])
    if wanted == "composite":
        return Method("composite", None, [])
    if len(products) == 1:
        return Method("composite", None, [f"only one past product ({products[0].name}): composite instead of predict"])
    first, second = products[-2:]
    if first.date == second.date:
        both = f"{first.name} and {second.name}"
        return Method("composite", None, [f"{both} are of one date, which gives no trend: composite instead of predict"])
    return Method("predict", extrapolation(first.date, second.date, landsat_date), [])


def _candidates(folder: Path, tile: str, last: dt.date) -> tuple[list[list[Candidate]], list[str]]:
    """Acquisitions up to the day `last`, newest first, each as its productions, newest first; and folders of odd names."""
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise AuxiliaryError(f"{folder} cannot be listed for past products ({error.strerror}); correct archive_dir") from error
    acquisitions: dict[tuple[str, dt.date, int], list[Candidate]] = {}
    notices = []
    for entry in entries:
        if not fnmatch.fnmatchcase(entry.name, _LIKE_L2F) or entry.name.startswith(_PRISMA) or not entry.is_dir():
            continue
        try:
            found = _parsed(entry, tile)
        except ValueError as error:
            notices.append(f"{entry} is not taken for a past product: {error}; rename it or move it away")
            continue
        if found.date <= last:
            acquisitions.setdefault((found.satellite, found.date, found.relative_orbit), []).append(found)
    for productions in acquisitions.values():
        productions.sort(key=lambda made: (made.production_time, made.name), reverse=True)
    return sorted(acquisitions.values(), key=lambda made: (made[0].date, made[0].name), reverse=True), notices


def _parsed(folder: Path, tile: str) -> Candidate:
    """What the name of a product folder tells; `ValueError` with the reason when it is odd."""
    found = _NAME.fullmatch(folder.name)
    if found is None:
        raise ValueError("its name is not like S2A_MSIL2F_20200611T103421_N0406_R008_T31TFJ_20240101T000000.SAFE")
    if found["tile"] != tile:
        raise ValueError(f"its name is of tile {found['tile']}, its place is for {tile}")
    try:
        start, made = (dt.datetime.strptime(found[key], _TIME).replace(tzinfo=dt.UTC) for key in ("start", "made"))
    except ValueError as error:
        raise ValueError(f"{found['start']} or {found['made']} in its name is no date and time") from error
    return Candidate(folder, start.date(), found["satellite"], int(found["orbit"]), made)


def _checked(candidate: Candidate, needs: Needs) -> PastProduct:
    """The product when all that fusion needs of it fits; else `AuxiliaryError` or `RasterError` with file and cause."""
    images = {band: find_image(candidate.folder, band, needs) for band in needs.bands}
    mask = find_mask(candidate.folder, needs.tile)
    return PastProduct(**vars(candidate), mask=mask, valid=pixels(mask, _THREADS), images=images)


def _check_sizes(product: PastProduct, newest: PastProduct) -> None:
    for band, image in product.images.items():
        if not same_size(image.resolution, newest.resolution(band)):
            raise AuxiliaryError(
                f"{image.path} has pixels of {image.resolution:g} m, those of {newest.name} are of {newest.resolution(band):g} m"
            )
