"""`Report`: everything that is told about a run, as plain values; the JSON file has the same names and shape.

Seconds are elapsed time unless said otherwise. Paths of outputs are relative to `Report.archive`, with ``/``. ``None`` is
what nobody measured or knows. The descriptions here are those of the JSON Schema (`sen2like.report.as_json`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict

SCHEMA_VERSION = "1.0"
"""Changes of the first number break readers, changes of the second only add."""

RunStatus = Literal["done", "some failed", "all failed", "interrupted", "empty"]
ProductStatus = Literal["done", "failed", "skipped", "interrupted", "pending"]

_documented = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Versions:
    """Software that made the products."""

    __pydantic_config__ = _documented
    sen2like: str
    python: str
    gdal: str
    numpy: str
    opencv: str


@dataclass(frozen=True)
class Setting:
    """One value of the effective configuration."""

    __pydantic_config__ = _documented
    section: str
    key: str
    value: str
    """As it is written in a configuration file."""
    origin: str
    """``default``, ``file:line``, ``--confParams`` or ``command line``."""


@dataclass(frozen=True)
class CandidateRow:
    """One product of the listing of a tile and what was decided about it."""

    __pydantic_config__ = _documented
    path: str
    decision: str
    """``selected``, ``partner`` or ``dropped``."""
    reason: str
    tile_coverage: float | None
    """0..1"""
    cloud_cover: float | None
    """Percent."""


@dataclass(frozen=True)
class Failure:
    """Where and why a product failed."""

    __pydantic_config__ = _documented
    block: str | None
    """Name of the block, ``Toa`` for ``S2L_Toa``; null: outside of any block."""
    band: str | None
    """The product's own name of the band; null: not while a band was processed."""
    cause: str


@dataclass(frozen=True)
class Step:
    """Time spent in one step of a product."""

    __pydantic_config__ = _documented
    name: str
    """Block, or ``read``, ``encode``, ``write``, ``previews``."""
    phase: Literal["preprocess", "process", "postprocess"]
    seconds: float
    """Added over all threads, so the steps of a product may add up to more than its elapsed time."""


@dataclass(frozen=True)
class BandTime:
    """Elapsed time from the first to the last block of one band; several bands run at a time."""

    __pydantic_config__ = _documented
    band: str
    seconds: float


@dataclass(frozen=True)
class Offset:
    """Displacement in metres: dx > 0 too far east, dy > 0 too far south."""

    __pydantic_config__ = _documented
    dx: float
    dy: float


@dataclass(frozen=True)
class Residuals:
    """Distances of the image's points from the reference image, metres."""

    __pydantic_config__ = _documented
    mean: float | None
    """Mean length."""
    rmse_x: float | None
    """Root mean square of the east component; after correction it is not known by component."""
    rmse_y: float | None
    rmse: float | None
    """Root mean square length; known after correction only."""
    offset: Offset | None
    """Mean vector."""
    points: int | None
    """Points before outliers are taken out."""


@dataclass(frozen=True)
class Geometry:
    """Co-registration to the reference image."""

    __pydantic_config__ = _documented
    applied: Offset
    """Displacement that was removed; zero: nothing was."""
    rejected: bool
    """A displacement was measured, and not believed."""
    before: Residuals | None
    """As the product came; null: not matched."""
    after: Residuals | None
    """What was left in the reference band; null: not checked."""
    reference: str | None
    """File name of the reference image."""


@dataclass(frozen=True)
class MaskShares:
    """Percentages of the masks."""

    __pydantic_config__ = _documented
    valid_of_data: float
    """Pixels to be used (clear), percent of those with data."""
    nodata_of_tile: float
    """Pixels without data, percent of the tile."""


@dataclass(frozen=True)
class AtmosphereUsed:
    """Input of the atmospheric correction."""

    __pydantic_config__ = _documented
    aot550: float
    """Aerosol optical thickness at 550 nm."""
    water_vapour: float
    """g/cm2"""
    ozone: float
    """cm-atm"""
    pressure: float
    """hPa"""
    source: str
    """Database and file, or ``DEFAULT``."""


@dataclass(frozen=True)
class FusionUsed:
    """How Landsat was fused with past Sentinel-2 products."""

    __pydantic_config__ = _documented
    method: str
    """``composite`` or ``predict``."""
    references: tuple[str, ...]
    """Names of the past products whose detail was used."""
    clear_references: str | None
    """Percent of the pixels that are clear in so many past products, as in the quality report (``2:81.20% 1:10.05% ...``)."""
    check: str | None
    """Fused band compared with Landsat, as in the quality report."""


@dataclass(frozen=True)
class Picture:
    """A preview or quicklook of an output product."""

    __pydantic_config__ = _documented
    level: str
    """``L2H`` (harmonised: before fusion) or ``L2F`` (after)."""
    kind: str
    """``THUMBNAIL``, ``QL_B432``, ``QL_B12118A`` or ``QL_<band>``."""
    path: str


@dataclass(frozen=True)
class ProductReport:
    """One product on one tile."""

    __pydantic_config__ = _documented
    tile: str
    product: str
    satellite: str
    """``S2A`` ... ``S2D``, ``LS8``, ``LS9``; empty when its name does not tell it."""
    acquired: datetime | None
    """UTC; of Landsat the day, at midnight."""
    level: str
    """Of the input: ``L1C``, ``L2A``, ``L1TP`` ...; empty when its name does not tell it."""
    status: ProductStatus
    """``pending``: selected, but the run ended before it began."""
    reason: str
    """Why it failed, was skipped or interrupted."""
    failure: Failure | None
    seconds: float
    peak_memory_mb: float | None
    """Largest resident memory of the process while the product was in work, 10**6 bytes."""
    stitched_with: tuple[str, ...]
    """Names of the neighbours of the same pass that fill what the product lacks."""
    bands: tuple[str, ...]
    """The product's own names of the bands it was to be processed in."""
    steps: tuple[Step, ...]
    """In the order in which they ended first."""
    band_times: tuple[BandTime, ...]
    geometry: Geometry | None
    masks: MaskShares | None
    atmosphere: AtmosphereUsed | None
    """Null: no atmospheric correction."""
    fusion: FusionUsed | None
    """Null: no fusion."""
    lineage: tuple[dict[str, Any], ...]
    """Blocks applied, in order, with their parameters."""
    quality: dict[str, str]
    """Values of the quality report that this run found, by name."""
    warnings: tuple[str, ...]
    outputs: tuple[str, ...]
    """Product folders, relative to the archive."""
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class TileReport:
    """One tile: what was listed and what became of it."""

    __pydantic_config__ = _documented
    tile: str
    candidates: tuple[CandidateRow, ...]
    products: tuple[ProductReport, ...]
    """By acquisition, then name."""


@dataclass(frozen=True)
class Report:
    """Report of one run."""

    __pydantic_config__ = _documented
    status: RunStatus
    """``empty``: no product was selected."""
    command: str
    """Command line; passwords in addresses are left out."""
    started: datetime
    """UTC"""
    seconds: float
    versions: Versions
    archive: str
    """Folder of the output products."""
    run_dir: str | None
    """Working folder of the run (it may have been removed at the end)."""
    counts: dict[str, int]
    """Products by status; those without any are left out."""
    warnings: tuple[str, ...]
    """What concerns the whole run, such as old names in the configuration."""
    configuration_name: str
    configuration: tuple[Setting, ...]
    tiles: tuple[TileReport, ...]
    schema_version: str = field(default=SCHEMA_VERSION)

    @property
    def products(self) -> tuple[ProductReport, ...]:
        """Those of all tiles."""
        return tuple(product for tile in self.tiles for product in tile.products)
