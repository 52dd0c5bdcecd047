"""Which family a path belongs to, and opening it: one table, one row per family (spec 03 section 1)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sen2like.errors import ProductError
from sen2like.grid.mgrs import MGRSTile
from sen2like.products import landsat
from sen2like.products.container import Container
from sen2like.products.landsat_mtl import parse_mtl
from sen2like.products.model import Product
from sen2like.products.sentinel2 import FAMILY, find_product_metadata, open_sentinel2
from sen2like.products.sentinel2_metadata import parse_product_metadata
from sen2like.products.tar import is_compressed, open_archive, without_suffix

MAX_LISTED = 10
"""Candidates named in the error about a folder of products."""


@dataclass(frozen=True)
class Identity:
    """What a product name tells; None where it does not."""

    name: str
    family: str
    level: str
    """``L1C``, ``L2A``, ``L1TP``, ``L2SP`` ...; empty for Landsat scenes named as before collections."""
    tile: str | None
    date: datetime
    """Acquisition, UTC; Landsat names tell the day only."""
    satellite: str = ""
    """``S2A`` ... ``S2D``, ``LS8``, ``LS9``: as in the names of outputs."""
    orbit: int | None = None
    """Relative orbit of Sentinel-2."""
    baseline: int | None = None
    """Processing baseline of Sentinel-2 without its point: 510."""
    path: int | None = None
    """WRS-2 path and row of Landsat."""
    row: int | None = None
    collection: int | None = None
    """Landsat collection: 1, 2."""
    tier: str | None = None
    """Landsat: ``T1``, ``T2``, ``RT``."""
    generated: datetime | None = None
    """When it was processed, UTC; Landsat names tell the day only."""

    @property
    def is_landsat(self) -> bool:
        return self.satellite.startswith("LS")

    @property
    def sensor(self) -> str:
        """``S2``, ``L8``, ``L9``: decides which blocks apply."""
        return f"L{self.satellite[-1]}" if self.is_landsat else "S2"


@dataclass(frozen=True)
class Family:
    """A row of the table: names of a family (pattern with groups level, date and perhaps tile) and the function that opens it."""

    name: str
    pattern: re.Pattern[str]
    date_format: str
    open: Callable[[str, MGRSTile | None, str | None], Product]


def _open_sentinel2(path: str, tile: MGRSTile | None, extraction_folder: str | None) -> Product:
    return open_sentinel2(path, tile)


_TIME = r"\d{8}T\d{6}"
FAMILIES = (
    Family(
        FAMILY,
        re.compile(
            rf"(?P<satellite>S2[A-D])_MSI(?P<level>L1C|L2A)p?_(?P<date>{_TIME})(?:_N(?P<baseline>\d{{4}}))?_R(?P<orbit>\d{{3}})"
            rf"_T(?P<tile>\d{{2}}[A-Z]{{3}})(?:_(?P<generated>{_TIME}))?(?:[_.].+)?"
        ),
        "%Y%m%dT%H%M%S",
        _open_sentinel2,
    ),
    Family(
        FAMILY,
        re.compile(
            rf"(?P<satellite>S2[A-D])_(?:OPER|USER)_PRD_MSI(?P<level>L1C|L2A)_.{{4}}_(?P<generated>{_TIME})_R(?P<orbit>\d{{3}})"
            rf"_V(?P<date>{_TIME})_{_TIME}(?:\..+)?"
        ),
        "%Y%m%dT%H%M%S",
        _open_sentinel2,
    ),
    *(Family(landsat.FAMILY, pattern, form, landsat.open_landsat) for pattern, form in landsat.NAMES),
)
OWN_OUTPUT = re.compile(r"(?:S2[A-DP]|LS[89])_[A-Z]+L2[HF]_.*|L2[HF]_\d{2}[A-Z]{3}_.*")
"""Names of our own products, harmonised (L2H) and fused (L2F), new and old form."""
OWN_METADATA = re.compile(r"MTD_[A-Z]+L2[HF]\.xml")


def recognise_name(name: str) -> Identity | None:
    """Identity of a product by its name alone (last path component, with or without ``.zip``); None if no family has such names.

    Raises `ProductError` for names of our own outputs, which are never inputs.
    """
    row, identity = _match(name)
    return identity if row else None


def recognise(path: str | Path) -> Identity:
    """Identity of the product at `path`: by its name, else (renamed) by its metadata file.

    Raises `ProductError` if nothing is there, it is one of our own outputs, a folder of products, or of no known family.
    """
    return _recognise(path)[1]


def open_product(path: str | Path, tile: MGRSTile | None = None, extraction_folder: str | Path | None = None) -> Product:
    """Open the product at `path` by its family; `tile` is the tile asked for, None: that of the product.

    What cannot be read in place (a compressed tar) is extracted below `extraction_folder`.
    """
    folder = None if extraction_folder is None else str(extraction_folder)
    return _recognise(path)[0].open(str(path), tile, folder)


def _recognise(path: str | Path) -> tuple[Family, Identity]:
    if not Path(path).exists():
        raise ProductError(f"product {path} not found")
    row, identity = _match(os.path.abspath(path))
    if row and identity:
        if not is_compressed(path):  # which would have to be extracted first
            open_archive(path)
        return row, identity
    container = open_archive(path)
    if any(OWN_METADATA.fullmatch(n) for n in container.root()):
        raise ProductError(f"{container.path}: a product of sen2like itself (L2H or L2F) cannot be an input")
    name = find_product_metadata(container)
    if name is not None:
        uri = parse_product_metadata(container.read(name), container.label(name)).uri
        row, identity = _match(uri)
        if row and identity:
            return row, identity
        raise ProductError(f"{container.path}: {name} is of {uri}, which is not a product of a known family")
    mtl = landsat.find_mtl(container)
    if mtl is not None:
        row, identity = _match(parse_mtl(container.read(mtl), container.label(mtl)).product_id)
        if row and identity:
            return row, identity
    candidates = _candidates(container)
    if candidates:
        listed = ", ".join(candidates[:MAX_LISTED]) + (" ..." if len(candidates) > MAX_LISTED else "")
        raise ProductError(f"{container.path}: a folder of {len(candidates)} products, not a product; give one of: {listed}")
    raise ProductError(
        f"{container.path}: not a Sentinel-2 or Landsat 8/9 product: no name such as S2A_MSIL1C_... or LC08_L1TP_..., "
        "neither MTD_MSIL1C.xml nor *_MTL.txt in it"
    )


def _match(name: str) -> tuple[Family | None, Identity | None]:
    name = Path(name).name
    stem = name[:-4] if name.lower().endswith(".zip") else without_suffix(name)
    if OWN_OUTPUT.fullmatch(stem):
        raise ProductError(f"{name}: a product of sen2like itself (L2H, L2F) cannot be an input; give what it was made of")
    for row in FAMILIES:
        found = row.pattern.fullmatch(stem)
        if found:
            try:
                date = datetime.strptime(found["date"], row.date_format)
            except ValueError as error:
                raise ProductError(f"{name}: {found['date']} is not a date") from error
            return row, _identity(stem, row, found.groupdict(), date)
    return None, None


def _identity(stem: str, row: Family, found: dict[str, str | None], date: datetime) -> Identity:
    satellite = found["satellite"] or ""
    generated = found.get("generated")
    form = "%Y%m%dT%H%M%S" if generated and "T" in generated else "%Y%m%d"
    numbers = {key: int(found[key] or 0) for key in ("orbit", "baseline", "path", "row", "collection") if found.get(key)}
    return Identity(
        name=stem,
        family=row.name,
        level=found["level"] or "",
        tile=found.get("tile"),
        date=date,
        satellite=satellite if satellite.startswith("S2") else f"LS{satellite}",
        tier=found.get("tier"),
        generated=None if generated is None else datetime.strptime(generated, form),
        **numbers,
    )


def _candidates(container: Container) -> list[str]:
    """Names of products in a folder or archive of products."""
    found = []
    for name in container.root():
        try:
            known = recognise_name(name)
        except ProductError:
            continue  # our own outputs are no candidates
        if known:
            found.append(name)
    return found
