"""What the writer knows about a product it has just written: plain values from which all documents are made."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files

import numpy as np
from affine import Affine
from shapely.geometry.base import BaseGeometry

from sen2like.grid.mgrs import MGRSTile
from sen2like.packaging.names import ProductNames
from sen2like.packaging.quantity import Quantity
from sen2like.products.model import Angles, Product
from sen2like.record import ProcessingRecord

LANDSAT = ("L8", "L9")
"""`Product.sensor` of Landsat."""


@dataclass(frozen=True)
class WrittenImage:
    """One band image of the product. Path relative to the product folder; shape (rows, columns); metres."""

    path: str
    band: str
    native: bool
    resolution: float
    shape: tuple[int, int]
    transform: Affine
    epsg: int
    dtype: str
    nodata: float | None
    quantity: Quantity
    """What the DN mean."""
    format: str
    """``COG``, ``GTIFF`` or ``JPEG2000``."""
    size: int
    """bytes"""
    sha256: str
    """Hexadecimal digest of the file."""


@dataclass(frozen=True)
class WrittenFile:
    """A file of QI_DATA that is no band image.

    `kind` is what follows the root name (``MSK``, ``ANG``, ``PVI``, ``QL_B432``, ``QL_B04``, ``FCM``, ``THUMBNAIL`` ...),
    ``INPUT_MASK`` for a copied mask of the input (`attributes`: those it was listed with), ``ROI`` for a region file.
    """

    path: str
    kind: str
    format: str = "GTIFF"
    """``COG``, ``GTIFF``, ``JPEG2000``, ``JPEG`` or ``JSON``."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    shape: tuple[int, int] | None = None
    transform: Affine | None = None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class MeanAngles:
    """Means over the cells where angles are known, degrees; azimuths in [0, 360). None: unknown."""

    sza: float | None = None
    saa: float | None = None
    vza: float | None = None
    vaa: float | None = None

    @classmethod
    def of(cls, angles: Angles) -> MeanAngles:
        """Means of a field of angles; view angles over all its bands."""
        return cls(
            _mean(angles, "SZA"), _mean_direction(angles, "SAA"), _mean(angles, "VZA"), _mean_direction(angles, "VAA")
        )  # fmt: skip


@dataclass(frozen=True)
class OutputProduct:
    """One L2H or L2F product: where it comes from, what was written, and how."""

    level: str
    names: ProductNames
    source: Product
    tile: MGRSTile
    record: ProcessingRecord
    images: tuple[WrittenImage, ...]
    files: tuple[WrittenFile, ...]
    production_time: datetime
    """UTC"""
    gain: float
    offset: float
    """DN = reflectance * gain + offset."""
    output_format: str
    configuration_name: str
    """File name of the configuration."""
    configuration_hash: str
    mean_angles: MeanAngles
    footprint: BaseGeometry | None = None
    """Outline of the image data, longitude and latitude; None: the whole tile."""
    partial: bool = False
    """True: some bands of the sensor are not here, because they were not asked for or the input lacks them."""
    l1_identifier: str | None = None
    """Landsat scene id (L1_TILE_ID); Sentinel-2 products name theirs in their metadata."""
    derived_from: tuple[str, ...] = ()
    """Names of further inputs: the stitched neighbour, the references of fusion."""

    @property
    def is_sentinel2(self) -> bool:
        return self.source.sensor == "S2"

    def by_kind(self, kind: str) -> WrittenFile | None:
        """The file of that kind, None when there is none."""
        return next((f for f in self.files if f.kind == kind), None)

    def grids(self) -> list[WrittenImage]:
        """One image per pixel size, finest first."""
        return sorted({image.resolution: image for image in reversed(self.images)}.values(), key=lambda i: i.resolution)


@dataclass(frozen=True)
class SpectralBand:
    """A row of ``data/spectral_bands.csv``; wavelengths in nm, irradiance in W/m2/um."""

    key: str
    """Unique in a product: ``B11`` is the short-wave infrared band, ``lwir12`` the thermal one of the same name."""
    band_id: int | None
    physical_band: str
    minimum: float
    maximum: float
    central: float
    irradiance: float | None
    common_name: str


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Rows of a table of figures shipped in ``data/``; lines that begin with ``#`` tell its source."""
    with (files("sen2like") / "data" / name).open(encoding="utf-8") as lines:
        return tuple(csv.DictReader(line for line in lines if not line.startswith("#")))


def spectral_band(image: WrittenImage, sensor: str) -> SpectralBand:
    """What `image` shows. `sensor` as in `Product.sensor`: the native bands of Landsat are its own, all others have the
    Sentinel-2A response they are named after or were adjusted to.
    """
    try:
        return _spectral_bands()[_owner(image.native, sensor), image.band]
    except KeyError:
        native = "native " if image.native else ""
        raise ValueError(f"no spectral data for {native}band {image.band} of sensor {sensor}") from None


def image_key(band: str, native: bool, sensor: str) -> str:
    """What tells an image of a product from all others, its key in STAC: of Landsat's two ``B11`` the native is ``lwir12``.

    `sensor` as in `Product.sensor`. A name that is in no table of ours stays as it is.
    """
    known = _spectral_bands().get((_owner(native, sensor), band))
    return known.key if known else band


def _owner(native: bool, sensor: str) -> str:
    """Whose response an image has: the first column of ``data/spectral_bands.csv``."""
    return "Landsat" if native and sensor in LANDSAT else "S2A"


@cache
def _spectral_bands() -> dict[tuple[str, str], SpectralBand]:
    return {
        (row["sensor"], row["band"]): SpectralBand(
            row["key"],
            int(row["band_id"]) if row["band_id"] else None,
            row["physical_band"],
            float(row["min_nm"]),
            float(row["max_nm"]),
            float(row["central_nm"]),
            float(row["irradiance"]) if row["irradiance"] else None,
            row["common_name"],
        )
        for row in table("spectral_bands.csv")
    }


def _values(angles: Angles, prefix: str) -> np.ndarray:
    layers: Iterable[int] = (i for i, name in enumerate(angles.names) if name == prefix or name.startswith(f"{prefix}_"))
    values = angles.degrees[list(layers)].astype(np.float64)
    return values[np.isfinite(values)]


def _mean(angles: Angles, prefix: str) -> float | None:
    values = _values(angles, prefix)
    return float(values.mean()) if values.size else None


def _mean_direction(angles: Angles, prefix: str) -> float | None:
    """Azimuths are averaged as unit vectors: the mean of 359 and 1 is 0, not 180."""
    values = np.radians(_values(angles, prefix))
    if not values.size:
        return None
    return float(np.degrees(np.arctan2(np.sin(values).mean(), np.cos(values).mean())) % 360)
