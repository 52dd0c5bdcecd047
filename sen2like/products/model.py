"""What an input product is for the rest of the software: one immutable record plus readers.

Nothing a run learns about a product is kept here (see `sen2like.record.ProcessingRecord`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.products.container import Container
from sen2like.raster.image import Image
from sen2like.science.toa import Radiometry

NATIVE_NAMES = {"B08": "BP1", "B10": "BT1", "B11": "BT2"}
"""Names by which native bands of Landsat are asked for: Sentinel-2 has bands B08, B10 and B11 too (spec 01 section 4.5)."""


@dataclass(frozen=True)
class Band:
    """One band of a product. `name` is the sensor's own two-digit name, `s2_name` its Sentinel-2 counterpart."""

    name: str
    s2_name: str | None
    path: str
    """What GDAL opens (may be inside an archive: ``/vsizip/...``)."""
    resolution: float
    """Nominal pixel size of the sensor, metres; the actual one is that of the file."""
    native: bool = False
    """True: no counterpart on the other sensor, goes to the NATIVE folder of outputs."""
    kind: str = "reflective"
    """``reflective``, ``panchromatic`` (reflectance too) or ``thermal``: no reflectance, its DN pass unchanged."""

    @property
    def output_name(self) -> str:
        """Name in output files: the Sentinel-2 name, else the sensor's own."""
        return self.s2_name or self.name

    @property
    def request_name(self) -> str:
        """Name that asks for it: as in outputs, but one of its own for a native Landsat band that shares its name."""
        return self.s2_name or NATIVE_NAMES.get(self.name, self.name)


@dataclass(frozen=True)
class SourceFile:
    """A file of the input that outputs copy or cite: where it is in the container, and the attributes it was listed with."""

    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Masks:
    """`valid`: 1 = usable clear land; `data`: 1 = image data present, 0 = no data. Both uint8 on one grid."""

    valid: Image
    data: Image
    notices: tuple[str, ...] = ()
    """What had to be replaced or assumed while making them, for the report."""

    def percentages(self) -> tuple[float, float]:
        """(valid percent of the pixels with data, no-data percent of all pixels); spec 04 section 1."""
        n, n0 = self.data.data.size, int((self.data.data == 0).sum())
        nv = int(((self.valid.data == 1) & (self.data.data != 0)).sum())
        return (100.0 * nv / (n - n0) if n != n0 else 0.0), 100.0 * n0 / n


@dataclass(frozen=True)
class Angles:
    """View and sun angles in degrees on a coarse grid, float32, NaN where unknown.

    `degrees` is (n, y, x) with the bands named by `names`: ``VAA_B01 ... VZA_B01 ... SAA SZA`` for Sentinel-2 (28) or
    ``VAA VZA SAA SZA`` for Landsat (4). Azimuth is clockwise from north, towards the satellite or sun.
    """

    degrees: np.ndarray
    names: tuple[str, ...]
    geobox: GeoBox
    nodes: bool = False
    """True: values stand at the grid's corner points (Sentinel-2 nodes, every 5 km); False: they are stretched as cells."""
    notices: tuple[str, ...] = ()
    """What had to be replaced or assumed while making them, for the report."""
    source: str = ""
    """Where they come from, as the quality report tells it; empty: the metadata of the product."""

    def view(self, band: str) -> tuple[np.ndarray, np.ndarray]:
        """(view zenith, view azimuth) of a Sentinel-2 band name, or of the one pair that serves all bands."""
        suffix = f"_{band}" if f"VZA_{band}" in self.names else ""
        return self[f"VZA{suffix}"], self[f"VAA{suffix}"]

    def sun(self) -> tuple[np.ndarray, np.ndarray]:
        """(sun zenith, sun azimuth)."""
        return self["SZA"], self["SAA"]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.degrees[self.names.index(name)]


@dataclass(frozen=True)
class Product(ABC):
    """Metadata of one input product, parsed once, plus readers of its pixels. Angles in degrees, times in UTC."""

    name: str
    container: Container
    family: str
    """``Sentinel-2 SAFE``, ..."""
    sensor: str
    """``S2``, ``L8``, ``L9``: decides which blocks apply."""
    sensor_name: str
    """``S2A`` ... ``S2D``, ``LS8``, ``LS9``: output names, coefficients."""
    mission: str
    """As in the metadata: ``Sentinel-2A``, ``LANDSAT_8``."""
    instrument: str
    """``MSI``, ``OLI_TIRS``."""
    level: str
    """As in the metadata: ``Level-1C``, ``Level-2A``, ``L1TP``, ``L2SP``."""
    tile: str | None
    acquisition: datetime
    datatake_start: datetime
    datastrip_start: datetime
    generation_time: datetime
    relative_orbit: int
    absolute_orbit: str
    """Six digits."""
    baseline: str
    cloud_cover: float | None
    """Percent of the whole product; None = unknown."""
    sun_zenith: float
    sun_azimuth: float
    centre: tuple[float, float]
    """(latitude, longitude) of the product centre."""
    refined: bool
    epsg: int
    bands: Mapping[str, Band] = field(repr=False)
    """Bands that get processed, by own name, in processing order; a band whose file is absent is not here."""
    missing_bands: tuple[str, ...]
    """Own names of processed bands that the product should have and has not."""
    notices: tuple[str, ...] = field(default=(), kw_only=True)
    """What had to be replaced or assumed while opening it (unknown baseline, no cloud cover ...), for the report."""

    @property
    def is_level2(self) -> bool:
        """Surface reflectance already: no atmospheric correction, no inter-calibration."""
        return "2" in self.level.removeprefix("Level-")[:2]

    def band_of(self, s2_name: str) -> str | None:
        """Own name of the band with that Sentinel-2 name; None when there is none."""
        return next((band.name for band in self.bands.values() if band.s2_name == s2_name), None)

    @property
    def missing_names(self) -> tuple[str, ...]:
        """`missing_bands` by the names that ask for them."""
        return self.missing_bands

    @property
    def reach(self) -> float:
        """Largest displacement, pixels, for which what `read` gives holds all that the product has for the tile."""
        return float("inf")

    @abstractmethod
    def read(self, band: str, threads: int | None = None) -> Image:
        """DN of a band: the whole file, or what the tile asked for needs of it; native type, on the file's grid; no-data
        value 0. `threads` for the decoder."""

    @abstractmethod
    def radiometry(self, band: str) -> Radiometry:
        """DN -> reflectance of a band."""

    @abstractmethod
    def read_angles(self, method: str) -> Angles:
        """Angles by `method`: ``reference`` (spec 04 section 7) or ``accurate`` (section 11.2)."""

    @abstractmethod
    def read_masks(self, scl: str | None = None, quality: str = "reference") -> Masks:
        """Validity and no-data masks; `scl`: path of an auxiliary scene classification that replaces the product's own.

        `quality` says how quality bands are understood, where a family has them: ``reference`` or ``bits``.
        """

    def document(self, kind: str) -> bytes | None:
        """Text of a metadata file: ``product``, ``tile``, ``datastrip`` or ``quality`` (L2A_QUALITY.xml); None: there is none."""
        return None

    def mask_files(self) -> tuple[SourceFile, ...]:
        """Mask files listed in the tile metadata that exist, to be copied to QI_DATA of outputs."""
        return ()

    def read_detectors(self, band: str) -> Image | None:
        """Detector number of each pixel (0 = none), uint8; None when the product has no footprints."""
        return None
