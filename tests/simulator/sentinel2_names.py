"""File and folder names of Sentinel-2 products: the compact form, and the long form in use until 2016."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .acquisition import Acquisition

ORBIT_REFERENCES = {
    "S2A": (datetime(2023, 6, 25, 23, 46), 41826, 3),
    "S2B": (datetime(2023, 1, 22, 23, 18), 30715, -26),
    "S2C": (datetime(2025, 1, 20), 1900, -26),
    "S2D": (datetime(2027, 1, 20), 1900, -26),
}
"""Date, absolute orbit then, and offset: relative orbit = (absolute orbit + offset - 1) mod 143 + 1."""
ORBITS_PER_DAY = 14.3
CYCLE = 143


@dataclass(frozen=True)
class Names:
    """Everything in a product that carries a name or a date. Paths are relative to the product, with slashes."""

    acq: Acquisition
    level: str
    """``L1C`` or ``L2A``"""
    baseline: str
    """``05.10``"""
    relative_orbit: int
    made: datetime
    long: bool = False
    """The form before December 2016: 83-character product and 62-character granule names."""
    extension: str = "jp2"
    """Of images and raster masks."""

    def __post_init__(self):
        if self.acq.sensor not in ORBIT_REFERENCES:
            raise ValueError(f"unknown Sentinel-2 satellite {self.acq.sensor!r}: use one of {', '.join(ORBIT_REFERENCES)}")
        if self.long and (self.level != "L1C" or self.offset):
            raise ValueError("long names exist for L1C products of baselines before 04.00 only")

    @property
    def offset(self) -> int:
        """Added to every DN: 1000 since baseline 04.00."""
        return 0 if self.baseline < "04.00" else 1000

    @property
    def gml_masks(self) -> bool:
        return self.baseline < "04.00"

    @property
    def psd(self) -> str:
        return "15" if self.baseline >= "05.11" else "14"

    @property
    def datatake(self) -> datetime:
        return (self.acq.when - timedelta(seconds=270)).replace(microsecond=24000)

    @property
    def datastrip_start(self) -> datetime:
        return (self.acq.when - timedelta(seconds=20 - self.acq.strip_shift)).replace(microsecond=0)

    @property
    def absolute_orbit(self) -> int:
        """The one nearest to the date that has the relative orbit."""
        date, orbit, offset = ORBIT_REFERENCES[self.acq.sensor]
        now = orbit + (self.acq.when - date).total_seconds() / 86400 * ORBITS_PER_DAY
        near = range(int(now) - 72, int(now) + 73)
        return max(1, min((o for o in near if (o + offset - 1) % CYCLE + 1 == self.relative_orbit), key=lambda o: abs(o - now)))

    @property
    def product(self) -> str:
        """Folder name without ``.SAFE``."""
        q, sensed = self.acq, compact(self.datatake)
        if self.long:
            return f"{q.sensor}_OPER_PRD_MSIL1C_PDMC_{compact(self.made)}_R{self.relative_orbit:03d}_V{sensed}_{sensed}"
        baseline = self.baseline.replace(".", "")
        return f"{q.sensor}_MSI{self.level}_{sensed}_N{baseline}_R{self.relative_orbit:03d}_T{q.tile}_{compact(self.made)}"

    @property
    def tile_id(self) -> str:
        q = self.acq
        station = "SGS_" if self.long else "2BPS"
        stem = f"{q.sensor}_OPER_MSI_{self.level}_TL_{station}_{compact(self.made)}_A{self.absolute_orbit:06d}_T{q.tile}"
        return f"{stem}_N{self.baseline}"

    @property
    def datastrip_id(self) -> str:
        station = "SGS_" if self.long else "2BPS"
        what = f"DS_{station}_{compact(self.made)}_S{compact(self.datastrip_start)}"
        return f"{self.acq.sensor}_OPER_MSI_{self.level}_{what}_N{self.baseline}"

    @property
    def datatake_id(self) -> str:
        return f"G{self.acq.sensor}_{compact(self.datatake)}_{self.absolute_orbit:06d}_N{self.baseline}"

    @property
    def granule(self) -> str:
        """Path of the granule folder."""
        if self.long:
            return f"GRANULE/{self.tile_id}"
        return f"GRANULE/{self.level}_T{self.acq.tile}_A{self.absolute_orbit:06d}_{compact(self.datastrip_start)}"

    @property
    def datastrip(self) -> str:
        """Path of the datastrip folder."""
        if self.long:
            return f"DATASTRIP/{self.datastrip_id}"
        return f"DATASTRIP/DS_2BPS_{compact(self.made)}_S{compact(self.datastrip_start)}"

    @property
    def product_metadata(self) -> str:
        if self.long:
            return self.product.replace("PRD_MSIL1C", "MTD_SAFL1C") + ".xml"
        return f"MTD_MSI{self.level}.xml"

    @property
    def tile_metadata(self) -> str:
        return f"{self.granule}/" + (self._old_stem(self.tile_id, "MTD") + ".xml" if self.long else "MTD_TL.xml")

    @property
    def datastrip_metadata(self) -> str:
        return f"{self.datastrip}/" + (self._old_stem(self.datastrip_id, "MTD") + ".xml" if self.long else "MTD_DS.xml")

    def image(self, key: str) -> str:
        """Path without extension of an image: ``B04``, ``TCI``; L2A ``B04_10m``, ``SCL_20m``."""
        if self.long:
            return f"{self.granule}/IMG_DATA/{self._old_stem(self.tile_id)}_{key}"
        folder = f"R{key[-3:]}/" if self.level == "L2A" else ""
        return f"{self.granule}/IMG_DATA/{folder}T{self.acq.tile}_{compact(self.datatake)}_{key}"

    def mask(self, kind: str, band: str | None = None, gml: bool = False) -> str:
        """Path of a mask: ``MSK_CLOUDS`` (no band: ``B00``), ``MSK_DETFOO`` of a band, ``MSK_CLDPRB_20m`` (named in full)."""
        extension = "gml" if gml else self.extension
        suffix = "" if kind.endswith("m") else f"_{band or 'B00'}"
        if self.long:
            stem = self._old_stem(self.tile_id, kind).replace("_L1C_TL", "")
            return f"{self.granule}/QI_DATA/{stem}{suffix}_MSIL1C.{extension}"
        return f"{self.granule}/QI_DATA/{kind}{suffix}.{extension}"

    def listed(self, mask: str) -> str:
        """How the tile metadata list a mask: the long form by bare name."""
        return mask.rsplit("/", 1)[1] if self.long else mask

    @property
    def preview(self) -> str:
        name = self._old_stem(self.tile_id, "PVI") if self.long else f"T{self.acq.tile}_{compact(self.datatake)}_PVI"
        return f"{self.granule}/QI_DATA/{name}.jp2"

    @staticmethod
    def _old_stem(identifier: str, kind: str = "MSI") -> str:
        """``S2A_OPER_MSI_..._N02.04`` -> ``S2A_OPER_<kind>_...``"""
        return identifier.rsplit("_N", 1)[0].replace("_MSI_", f"_{kind}_", 1)


def compact(time: datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%S")


def iso(time: datetime) -> str:
    """Milliseconds and Z."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def iso_microseconds(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"
