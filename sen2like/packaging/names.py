"""Names of output products and of everything inside them (spec 10 section 2).

All paths are relative to the product folder and use ``/``.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import sen2like
from sen2like.products.model import Product

COMPACT = "%Y%m%dT%H%M%S"
IMAGE_EXTENSIONS = {"COG": "TIF", "GTIFF": "TIF", "JPEG2000": "jp2"}
"""File name extension by ``output_format``."""


@dataclass(frozen=True)
class Baseline:
    """Processor baseline: major and minor version of the software that made the product."""

    major: int
    minor: int

    @classmethod
    def of(cls, version: str) -> "Baseline":
        """``4.12.0`` -> 4, 12; what follows the second number is ignored."""
        found = re.match(r"(\d+)\.(\d+)", version)
        if found is None or max(map(int, found.groups())) > 99:
            raise ValueError(f"version {version!r} does not begin with MAJOR.MINOR of at most two digits each, such as 4.6.0")
        return cls(int(found[1]), int(found[2]))

    @property
    def compact(self) -> str:
        """``0406``"""
        return f"{self.major:02d}{self.minor:02d}"

    @property
    def dotted(self) -> str:
        """``04.06``"""
        return f"{self.major:02d}.{self.minor:02d}"


@dataclass(frozen=True)
class ProductNames:
    """Names of one output product; times are UTC and cut (not rounded) to seconds."""

    level: str
    """``L2H`` or ``L2F``."""
    mission: str
    """``S2A`` ... ``S2D``, ``LS8``, ``LS9``."""
    instrument: str
    """``MSI`` or ``OLI``."""
    tile: str
    datatake_start: datetime
    datastrip_start: datetime
    relative_orbit: int
    absolute_orbit: str
    """Six digits; ``000000`` where there is none."""
    production_time: datetime
    baseline: Baseline

    @classmethod
    def of(
        cls, source: Product, level: str, tile: str, production_time: datetime, version: str = sen2like.__version__
    ) -> "ProductNames":
        """Names of what comes out of `source` on `tile`; `level` is ``L2H`` or ``L2F``."""
        if level not in ("L2H", "L2F"):
            raise ValueError(f"output level {level!r} is neither L2H nor L2F")
        return cls(
            level=level,
            mission=source.sensor_name,
            instrument=source.instrument[:3],
            tile=tile,
            datatake_start=source.datatake_start,
            datastrip_start=source.datastrip_start,
            relative_orbit=source.relative_orbit,
            absolute_orbit=source.absolute_orbit,
            production_time=production_time,
            baseline=Baseline.of(version),
        )

    @property
    def stem(self) -> str:
        """Product name without ``.SAFE``; also the id of the STAC item."""
        return (
            f"{self.mission}_{self.instrument}{self.level}_{self.datatake_start:{COMPACT}}_N{self.baseline.compact}"
            f"_R{self.relative_orbit:03d}_T{self.tile}_{self.production_time:{COMPACT}}"
        )

    @property
    def folder(self) -> str:
        return f"{self.stem}.SAFE"

    @property
    def granule(self) -> str:
        return (
            f"{self.level}_T{self.tile}_A{self.absolute_orbit}_{self.datastrip_start:{COMPACT}}"
            f"_{self.mission}_R{self.relative_orbit:03d}"
        )

    @cached_property
    def root(self) -> str:
        """What every raster of the product begins with."""
        return f"{self.level}_T{self.tile}_{self.datatake_start:{COMPACT}}_{self.mission}_R{self.relative_orbit:03d}"

    @property
    def granule_dir(self) -> str:
        return f"GRANULE/{self.granule}"

    @property
    def image_dir(self) -> str:
        return f"{self.granule_dir}/IMG_DATA"

    @property
    def native_dir(self) -> str:
        return f"{self.image_dir}/NATIVE"

    @property
    def qi_dir(self) -> str:
        return f"{self.granule_dir}/QI_DATA"

    def directories(self) -> tuple[str, ...]:
        """Every folder of a product, parents first (spec 10 section 3)."""
        return (
            "AUX_DATA", "DATASTRIP", "HTML", "rep_info",
            "GRANULE", self.granule_dir, f"{self.granule_dir}/AUX_DATA", self.image_dir, self.native_dir, self.qi_dir,
        )  # fmt: skip

    def image(self, band: str, resolution: float, native: bool = False, output_format: str = "COG") -> str:
        """Path of a band image; `resolution` in metres (its integer part is named)."""
        folder = self.native_dir if native else self.image_dir
        return f"{folder}/{self.root}_{band}_{int(resolution)}m.{IMAGE_EXTENSIONS[output_format.upper()]}"

    def quality_file(self, kind: str, extension: str = "TIF") -> str:
        """Path of a file of QI_DATA by what follows the root name: ``MSK``, ``ANG``, ``PVI``, ``FCM``, ``QL_B432`` ..."""
        return f"{self.qi_dir}/{self.root}_{kind}.{extension}"

    @property
    def mask(self) -> str:
        return self.quality_file("MSK")

    @property
    def angles(self) -> str:
        return self.quality_file("ANG")

    @property
    def preview(self) -> str:
        return self.quality_file("PVI")

    @property
    def fusion_check(self) -> str:
        return self.quality_file("FCM")

    def quicklook(self, kind: str) -> str:
        """`kind`: ``B432``, ``B12118A`` or a band name."""
        return self.quality_file(f"QL_{kind}", "jpg")

    def copied_mask(self, name: str) -> str:
        """Path of a mask of the input, which keeps its base name."""
        return f"{self.qi_dir}/{name.rsplit('/', 1)[-1]}"

    @property
    def quality_report(self) -> str:
        return f"{self.qi_dir}/{self.level}_QUALITY.xml"

    @property
    def tile_metadata(self) -> str:
        return f"{self.granule_dir}/MTD_TL_{self.level}.xml"

    @property
    def product_metadata(self) -> str:
        return f"MTD_{self.instrument}{self.level}.xml"

    @property
    def stac_item(self) -> str:
        return f"{self.stem}.json"

    @property
    def correlation_table(self) -> str:
        """Path of the correlation table relative to the folder of the tile (not of the product)."""
        return f"QI/{self.folder}_CORREL.csv"

    def tile_identifier(self, acquisition: datetime, archiving_centre: str) -> str:
        """TILE_ID of the tile metadata (spec 11 section 4)."""
        return (
            f"{self.mission}_OPER_{self.instrument}_TL_{self.level}_{archiving_centre}_{acquisition:{COMPACT}}"
            f"_A{self.absolute_orbit}_T{self.tile}_N{self.baseline.dotted}"
        )
