"""Which family a path belongs to, and opening it: one table, one row per family (spec 03 section 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sen2like.errors import ProductError
from sen2like.grid.mgrs import MGRSTile
from sen2like.products.container import Container, open_container
from sen2like.products.model import Product
from sen2like.products.sentinel2 import FAMILY, find_product_metadata, open_sentinel2
from sen2like.products.sentinel2_metadata import parse_product_metadata

MAX_LISTED = 10
"""Candidates named in the error about a folder of products."""


@dataclass(frozen=True)
class Identity:
    """What a product name tells: `level` is ``L1C``, ``L2A`` ...; `date` the acquisition, UTC; `tile` None if not in the name."""

    name: str
    family: str
    level: str
    tile: str | None
    date: datetime


@dataclass(frozen=True)
class Family:
    """A row of the table: names of a family (pattern with groups level, date and perhaps tile) and the function that opens it."""

    name: str
    pattern: re.Pattern[str]
    date_format: str
    open: Callable[[str, MGRSTile | None], Product]


_TIME = r"\d{8}T\d{6}"
FAMILIES = (
    Family(
        FAMILY,
        re.compile(
            rf"S2[A-D]_MSI(?P<level>L1C|L2A)p?_(?P<date>{_TIME})(?:_N\d{{4}})?_R\d{{3}}_T(?P<tile>\d{{2}}[A-Z]{{3}})(?:_.+)?"
        ),
        "%Y%m%dT%H%M%S",
        open_sentinel2,
    ),
    Family(
        FAMILY,
        re.compile(
            rf"S2[A-D]_(?:OPER|USER)_PRD_MSI(?P<level>L1C|L2A)_.{{4}}_{_TIME}_R\d{{3}}_V(?P<date>{_TIME})_{_TIME}(?:\..+)?"
        ),
        "%Y%m%dT%H%M%S",
        open_sentinel2,
    ),
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


def open_product(path: str | Path, tile: MGRSTile | None = None) -> Product:
    """Open the product at `path` by its family; `tile` is the tile asked for, None: that of the product."""
    return _recognise(path)[0].open(str(path), tile)


def _recognise(path: str | Path) -> tuple[Family, Identity]:
    container = open_container(path)
    row, identity = _match(container.name)
    if row and identity:
        return row, identity
    if any(OWN_METADATA.fullmatch(n) for n in container.root()):
        raise ProductError(f"{container.path}: a product of sen2like itself (L2H or L2F) cannot be an input")
    name = find_product_metadata(container)
    if name is not None:
        uri = parse_product_metadata(container.read(name), container.label(name)).uri
        row, identity = _match(uri)
        if row and identity:
            return row, identity
        raise ProductError(f"{container.path}: {name} is of {uri}, which is not a product of a known family")
    candidates = _candidates(container)
    if candidates:
        listed = ", ".join(candidates[:MAX_LISTED]) + (" ..." if len(candidates) > MAX_LISTED else "")
        raise ProductError(f"{container.path}: a folder of {len(candidates)} products, not a product; give one of: {listed}")
    raise ProductError(f"{container.path}: not a Sentinel-2 product: no name such as S2A_MSIL1C_..., no MTD_MSIL1C.xml in it")


def _match(name: str) -> tuple[Family | None, Identity | None]:
    name = Path(name).name
    stem = name[:-4] if name.lower().endswith(".zip") else name
    if OWN_OUTPUT.fullmatch(stem):
        raise ProductError(f"{name}: a product of sen2like itself (L2H, L2F) cannot be an input; give what it was made of")
    for row in FAMILIES:
        found = row.pattern.fullmatch(stem)
        if found:
            try:
                date = datetime.strptime(found["date"], row.date_format)
            except ValueError as error:
                raise ProductError(f"{name}: {found['date']} is not a date") from error
            return row, Identity(stem, row.name, found["level"], found.groupdict().get("tile"), date)
    return None, None


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
