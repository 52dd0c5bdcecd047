"""`Request`: what the user asks for, checked; the command line makes one, and so may any other caller."""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sen2like.errors import UsageError
from sen2like.grid import mgrs

S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Bands that are processed, by Sentinel-2 name."""
LANDSAT_NATIVE_BANDS = ("BP1", "BT1", "BT2")
"""Landsat bands without a Sentinel-2 counterpart: panchromatic, thermal 10 and 11 (spec 01 section 4.5)."""
_TILE_IN_NAME = re.compile(r"_T(\d{2}[A-Z]{3})(?=[_.]|$)")

Mode = Literal["product-mode", "single-tile-mode", "multi-tile-mode", "roi-based-mode"]
WhichTiles = Literal["all", "auto"]
IfLocked = Literal["wait", "exit"]
ListFormat = Literal["text", "table", "json", "csv"]


def _tile_id(text: str | None) -> str | None:
    return None if text is None else mgrs.tile(text).id


def _day(value: Any) -> Any:
    """``YYYY-MM-DD``; empty text leaves the side open."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return datetime.strptime(value.strip(), "%Y-%m-%d").date()
    except ValueError as error:
        raise UsageError(f"{value!r} is not a date such as 2017-10-30") from error


def _band_names(value: Any) -> Any:
    """Comma list -> names; an empty list means all bands."""
    items = value.split(",") if isinstance(value, str) else value
    names = tuple(dict.fromkeys(item.strip().upper() for item in items or () if item.strip()))
    valid = S2_BANDS + LANDSAT_NATIVE_BANDS
    if unknown := [name for name in names if name not in valid]:
        raise UsageError(f"unknown band {', '.join(unknown)}; valid names are {', '.join(valid)}")
    return names or None


class Request(BaseModel):
    """One run. A value that cannot be is a `UsageError`; files are looked at by whoever reads them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    mode: Mode = "product-mode"
    product: Path | None = None
    """Of product-mode."""
    tile: Annotated[str | None, AfterValidator(_tile_id)] = None
    """Tile id without ``T``; None: that in the product's name, or in roi-based-mode the one nearest to the region."""
    roi: Path | None = None
    """Vector file with the region of multi-tile-mode and roi-based-mode."""
    tiles: WhichTiles = "all"
    """multi-tile-mode: ``all`` that the region touches, or as few as cover it (``auto``)."""
    start_date: Annotated[date | None, BeforeValidator(_day)] = None
    end_date: Annotated[date | None, BeforeValidator(_day)] = None
    """Last day, included."""
    l2a: bool = False
    """Sentinel-2 Level-2A products instead of Level-1C."""
    fusion_history: Annotated[int | None, Field(ge=1)] = None
    """Days before `start_date` from which Sentinel-2 products are processed too if the first Landsat dates need them."""
    jobs: Annotated[int, Field(ge=1)] = 1
    """Products in work at a time."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers do the work, ``tcp://host:8786``."""
    memory: Annotated[float | None, Field(gt=0)] = None
    """Memory, GB, that all products in work may need together; None: what is free at the start."""
    timeout: Annotated[float | None, Field(gt=0)] = None
    """Minutes after which a product is given up."""
    if_locked: IfLocked = "wait"
    """What to do when another run works on the tile."""
    ref_image: Path | None = None
    """Geometric reference image of the whole run; wins over ``references_map``."""
    wd: Path = Path("/data/production/wd")
    bands: Annotated[tuple[str, ...] | None, BeforeValidator(_band_names)] = None
    """Sentinel-2 names, or BP1, BT1, BT2 for bands of Landsat alone; None: all."""
    no_run: bool = False
    """List the products only."""
    list_format: ListFormat = "text"
    allow_other_srs: bool = False
    intermediate_products: bool = False
    parallelize_bands: bool = False
    debug: bool = False
    keep: bool = False
    """Keep the working folder of a run that succeeded."""
    force: bool = False
    """Process again what has been processed."""
    fail_fast: bool = False
    """Stop at the first product that fails."""
    strict: bool = False
    """Finding no product is a failure."""

    @model_validator(mode="before")
    @classmethod
    def _tile_of_the_product(cls, values: Any) -> Any:
        if values.get("tile") is not None or values.get("product") is None:
            return values
        name = Path(values["product"]).name
        if match := _TILE_IN_NAME.search(name):
            return {**values, "tile": match[1]}
        raise UsageError(f"--tile is required: the name of the product, {name!r}, does not tell its tile")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"product-mode": "product", "single-tile-mode": "tile"}.get(self.mode, "roi")
        if getattr(self, needed) is None:
            raise UsageError(f"{self.mode} needs a {needed}")
        if self.start_date and self.end_date and self.start_date > self.end_date:
            raise UsageError(f"--start-date {self.start_date} is after --end-date {self.end_date}")
        return self
