"""`Request`: what the user asks for, checked; the command line makes one, and so may any other caller."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from sen2like.errors import UsageError
from sen2like.grid import mgrs

S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Bands that are processed, by Sentinel-2 name."""
LANDSAT_NATIVE_BANDS = ("BP1", "BT1", "BT2")
"""Landsat bands without a Sentinel-2 counterpart: panchromatic, thermal 10 and 11 (spec 01 section 4.5)."""
_TILE_IN_NAME = re.compile(r"_T(\d{2}[A-Z]{3})(?=[_.]|$)")

Mode = Literal["product-mode"]
ListFormat = Literal["text", "table", "json", "csv"]


def _tile_id(text: str | None) -> str | None:
    return None if text is None else mgrs.tile(text).id


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
    product: Path
    tile: Annotated[str | None, AfterValidator(_tile_id)] = None
    """Tile id without ``T``; None: that in the product's name."""
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
