"""Landsat 8/9 metadata (MTL) as one typed record: text (ODL) and XML, Collection 1, 2 and before (spec 03 section 4).

Both forms are first brought to the same shape, group -> key -> text, and each value is looked up in the groups where it
belongs. A Level-2 file holds the Level-1 record too, with the same keys: its reflectance scale comes from
``LEVEL2_SURFACE_REFLECTANCE_PARAMETERS``, never from the Level-1 group that follows. Times are UTC, without time zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from lxml import etree

from sen2like.errors import MetadataError, ProductError
from sen2like.products.odl import Groups, parse_odl

LEVEL1 = ("L1TP", "L1GT", "L1GS", "L1T", "L1G")
LEVEL2 = ("L2SP", "L2SR")
CORNERS = ("UL", "UR", "LR", "LL")
ANGLE_KEYS = {
    "VAA": "FILE_NAME_ANGLE_SENSOR_AZIMUTH_BAND_4",
    "VZA": "FILE_NAME_ANGLE_SENSOR_ZENITH_BAND_4",
    "SAA": "FILE_NAME_ANGLE_SOLAR_AZIMUTH_BAND_4",
    "SZA": "FILE_NAME_ANGLE_SOLAR_ZENITH_BAND_4",
}
_CONTENTS = ("PRODUCT_CONTENTS", "PRODUCT_METADATA")
"""Files of this product, Collection 2 and earlier. The Level-1 record of a Level-2 product names files it does not hold."""
_PLACES = (
    *_CONTENTS,
    "IMAGE_ATTRIBUTES",
    "PROJECTION_ATTRIBUTES",
    "LEVEL2_PROCESSING_RECORD",
    "LEVEL1_PROCESSING_RECORD",
    "METADATA_FILE_INFO",
    "PROJECTION_PARAMETERS",
)
"""Groups where general values stand, Collection 2 and earlier, what counts first."""
_ROOTS = ("LANDSAT_METADATA_FILE", "L1_METADATA_FILE")
_SATELLITE = re.compile(r"LANDSAT_([89])")
_TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?Z?")


@dataclass(frozen=True)
class Thermal:
    """Scale of a thermal band. Level-1: radiance = mult * DN + add, W/(m2 sr um), and T = k2 / ln(k1 / radiance + 1), kelvin;
    Level-2 (`k1` and `k2` None): surface temperature T = mult * DN + add, kelvin. DN 0 is fill."""

    mult: float
    add: float
    k1: float | None = None
    k2: float | None = None


@dataclass(frozen=True)
class LandsatMetadata:
    """What an MTL file says."""

    product_id: str
    """``LC08_L1TP_...``; before Collection 1 the scene id."""
    scene_id: str
    """``LC81960302017334LGN00``"""
    level: str
    """``L1TP`` ... ``L2SR``"""
    collection: int
    """2, 1, or 0 for products made before collections."""
    category: str | None
    """``T1``, ``T2``, ``RT``; None before collections."""
    generation_time: datetime
    software: str
    mission: str
    instrument: str
    path: int
    row: int
    centre_time: datetime
    """Acquisition of the scene centre to the microsecond."""
    corners: tuple[tuple[float, float], ...]
    """(latitude, longitude) of the centres of the corner pixels UL, UR, LR, LL, degrees."""
    cloud_cover: float | None
    """Percent; None: not computed."""
    sun_azimuth: float
    """Degrees clockwise from north, as in the file: -180..180 or 0..360."""
    sun_elevation: float
    """At the scene centre, degrees."""
    epsg: int
    upper_left: tuple[float, float]
    """(x, y) of the centre of the upper-left 30 m pixel, metres."""
    lower_right: tuple[float, float]
    """(x, y) of the centre of the lower-right 30 m pixel, metres."""
    cells: Mapping[str, float]
    """Pixel size in metres of ``reflective``, ``panchromatic`` and ``thermal`` bands, as far as the file tells."""
    band_files: Mapping[str, str]
    """File names by band (``B01`` ... ``B11``)."""
    quality_file: str | None
    angle_coefficients: str | None
    """Name of the ``_ANG.txt`` file."""
    angle_files: Mapping[str, str]
    """Names of the angle bands by ``VAA VZA SAA SZA``; empty if there are none."""
    reflectance: Mapping[str, tuple[float, float]]
    """(mult, add) by band: reflectance = mult * DN + add, for Level-1 times the sine of the sun elevation."""
    thermal: Mapping[str, Thermal]
    notices: tuple[str, ...] = ()

    @property
    def is_level2(self) -> bool:
        return self.level in LEVEL2

    @property
    def satellite(self) -> int:
        """8 or 9."""
        return int(self.mission[-1])

    @property
    def acquisition(self) -> datetime:
        """`centre_time` cut, not rounded, to 1/100 second as the reference prints it (spec 03 section 4.2)."""
        return self.centre_time.replace(microsecond=self.centre_time.microsecond // 10_000 * 10_000)

    @property
    def centre(self) -> tuple[float, float]:
        """(latitude, longitude): mean of the four corners, also across the antimeridian."""
        latitudes, longitudes = zip(*self.corners, strict=True)
        if max(longitudes) - min(longitudes) > 180:
            longitudes = tuple(lon % 360 for lon in longitudes)
        lon = sum(longitudes) / 4
        return sum(latitudes) / 4, lon - 360 if lon > 180 else lon

    def origin(self, kind: str = "reflective") -> tuple[float, float]:
        """(x, y) of the upper-left corner of the grid of a kind of band, metres: CORNER values are centres of 30 m pixels
        and, since the grids are aligned there, of 15 m pixels too."""
        half = self.cell(kind) / 2
        return self.upper_left[0] - half, self.upper_left[1] + half

    def extent(self, kind: str = "reflective") -> tuple[float, float]:
        """(width, height) of that grid, metres."""
        cell = self.cell(kind)
        return self.lower_right[0] - self.upper_left[0] + cell, self.upper_left[1] - self.lower_right[1] + cell

    def cell(self, kind: str) -> float:
        """Pixel size of a kind of band, metres."""
        if kind not in self.cells:
            raise MetadataError(f"MTL of {self.product_id}: no GRID_CELL_SIZE_{kind.upper()}")
        return self.cells[kind]


def parse_mtl(content: bytes, where: str) -> LandsatMetadata:
    """The record of an MTL file, text or XML by its content; `where` names the file in messages.

    Raises `MetadataError` if it is damaged or lacks something mandatory, `ProductError` if the product is none that can be
    processed (another satellite, thermal sensor alone, polar stereographic scene, unknown level).
    """
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    groups = parse_xml(head, where) if head.startswith(b"<") else parse_odl(content, where)
    return _record(_Lookup(groups, where))


def parse_xml(content: bytes, where: str) -> Groups:
    """Groups of an MTL.xml: group -> key -> text. Raises `MetadataError` if it is not well formed or no MTL."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise MetadataError(f"{where}: not well-formed XML ({error.msg}); fetch the product again") from error
    if root.tag not in _ROOTS:
        raise MetadataError(f"{where}: root element is {root.tag}, not {_ROOTS[0]}")
    return {
        str(group.tag): {str(entry.tag): (entry.text or "").strip() for entry in group.iterchildren(etree.Element)}
        for group in root.iterchildren(etree.Element)
    }


class _Lookup:
    """Values of a file with the errors that name it."""

    def __init__(self, groups: Groups, where: str):
        self.groups, self.where = groups, where

    def find(self, *keys: str, places: tuple[str, ...] = _PLACES) -> str | None:
        """Text of the first of the keys that is there, the groups in order; None: nowhere."""
        for place in places:
            for key in keys:
                value = self.groups.get(place, {}).get(key)
                if value:
                    return value
        return None

    def text(self, *keys: str) -> str:
        value = self.find(*keys)
        if value is None:
            raise MetadataError(f"{self.where}: {' or '.join(keys)} is missing")
        return value

    def number(self, *keys: str) -> float:
        return self.as_number(keys[0], self.text(*keys))

    def integer(self, *keys: str) -> int:
        value = self.number(*keys)
        if value != int(value):
            raise MetadataError(f"{self.where}: {keys[0]} = {value} is not a whole number")
        return int(value)

    def as_number(self, key: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise MetadataError(f"{self.where}: {key} = {text!r} is not a number")
        return value

    def numbers(self, pattern: str, place: str) -> dict[str, float]:
        """Numbers of one group by band (``B05``): keys that match `pattern`, whose group is the band's number."""
        found = {}
        for key, text in self.groups.get(place, {}).items():
            match = re.fullmatch(pattern, key)
            if match:
                found[_band(match[1])] = self.as_number(key, text)
        return found


def _band(number: str) -> str:
    return f"B{int(number):02d}"


def _record(mtl: _Lookup) -> LandsatMetadata:
    mission = mtl.text("SPACECRAFT_ID").upper().replace("LANDSAT8", "LANDSAT_8").replace("LANDSAT9", "LANDSAT_9")
    if not _SATELLITE.fullmatch(mission):
        raise ProductError(f"{mtl.where}: SPACECRAFT_ID is {mission}; only Landsat 8 and 9 can be processed")
    instrument = mtl.text("SENSOR_ID")
    if "OLI" not in instrument:
        raise ProductError(f"{mtl.where}: SENSOR_ID is {instrument}; a product without bands of OLI cannot be processed")
    level = mtl.text("PROCESSING_LEVEL", "DATA_TYPE")
    if level not in LEVEL1 + LEVEL2:
        raise ProductError(f"{mtl.where}: level {level} cannot be processed; those that can are {' '.join(LEVEL1 + LEVEL2)}")
    notices: list[str] = []
    scene_id = mtl.text("LANDSAT_SCENE_ID")
    category = mtl.find("COLLECTION_CATEGORY")
    return LandsatMetadata(
        product_id=mtl.find("LANDSAT_PRODUCT_ID") or scene_id,
        scene_id=scene_id,
        level=level,
        collection=_collection(mtl, category),
        category=category,
        generation_time=_generation_time(mtl),
        software=mtl.text("PROCESSING_SOFTWARE_VERSION"),
        mission=mission,
        instrument=instrument,
        path=mtl.integer("WRS_PATH"),
        row=mtl.integer("WRS_ROW"),
        centre_time=_centre_time(mtl),
        corners=tuple(
            (mtl.number(f"CORNER_{corner}_LAT_PRODUCT"), mtl.number(f"CORNER_{corner}_LON_PRODUCT")) for corner in CORNERS
        ),
        cloud_cover=_cloud_cover(mtl, notices),
        sun_azimuth=mtl.number("SUN_AZIMUTH"),
        sun_elevation=_sun_elevation(mtl),
        epsg=_epsg(mtl),
        upper_left=(mtl.number("CORNER_UL_PROJECTION_X_PRODUCT"), mtl.number("CORNER_UL_PROJECTION_Y_PRODUCT")),
        lower_right=(mtl.number("CORNER_LR_PROJECTION_X_PRODUCT"), mtl.number("CORNER_LR_PROJECTION_Y_PRODUCT")),
        cells=_cells(mtl),
        band_files=_band_files(mtl),
        quality_file=mtl.find("FILE_NAME_QUALITY_L1_PIXEL", "FILE_NAME_BAND_QUALITY", places=_CONTENTS),
        angle_coefficients=mtl.find("FILE_NAME_ANGLE_COEFFICIENT", "ANGLE_COEFFICIENT_FILE_NAME", places=_CONTENTS),
        angle_files={name: found for name, key in ANGLE_KEYS.items() if (found := mtl.find(key, places=_CONTENTS))},
        reflectance=_reflectance(mtl, level),
        thermal=_thermal(mtl, level),
        notices=tuple(notices),
    )


def _collection(mtl: _Lookup, category: str | None) -> int:
    if mtl.find("COLLECTION_NUMBER") is not None:
        number = mtl.integer("COLLECTION_NUMBER")
        if number not in (1, 2):
            raise ProductError(f"{mtl.where}: Collection {number} is not known; Collections 1 and 2 can be processed")
        return number
    return 0 if category is None else 1


def _generation_time(mtl: _Lookup) -> datetime:
    text = mtl.text("DATE_PRODUCT_GENERATED", "FILE_DATE")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise MetadataError(f"{mtl.where}: DATE_PRODUCT_GENERATED (FILE_DATE) = {text!r} is not a time") from error


def _centre_time(mtl: _Lookup) -> datetime:
    day, text = mtl.text("DATE_ACQUIRED"), mtl.text("SCENE_CENTER_TIME")
    found = _TIME.fullmatch(text)
    try:
        if found is None:
            raise ValueError("not of the form hh:mm:ss.sssZ")
        hour, minute, second, fraction = found.groups()
        clock = time(int(hour), int(minute), int(second), int((fraction or "")[:6].ljust(6, "0")))
        return datetime.combine(date.fromisoformat(day), clock)
    except ValueError as error:
        raise MetadataError(f"{mtl.where}: DATE_ACQUIRED = {day!r}, SCENE_CENTER_TIME = {text!r}: {error}") from error


def _cloud_cover(mtl: _Lookup, notices: list[str]) -> float | None:
    text = mtl.find("CLOUD_COVER")
    cover = None if text is None or text.lower() == "nan" else mtl.as_number("CLOUD_COVER", text)
    if cover is None or cover < 0:
        notices.append(f"{mtl.where}: cloud cover is not known (CLOUD_COVER = {text})")
        return None
    return cover


def _sun_elevation(mtl: _Lookup) -> float:
    elevation = mtl.number("SUN_ELEVATION")
    if not 0 < elevation <= 90:
        raise MetadataError(f"{mtl.where}: SUN_ELEVATION = {elevation:g} degrees; a scene of the day has 0 to 90")
    return elevation


def _epsg(mtl: _Lookup) -> int:
    projection = mtl.text("MAP_PROJECTION")
    if projection == "PS":
        raise ProductError(
            f"{mtl.where}: the scene is in polar stereographic projection (Antarctica), which cannot be processed: "
            "Sentinel-2 tiles are in UTM"
        )
    if projection != "UTM":
        raise ProductError(f"{mtl.where}: MAP_PROJECTION is {projection}; only UTM can be processed")
    datum = mtl.text("DATUM")
    if datum != "WGS84":
        raise ProductError(f"{mtl.where}: DATUM is {datum}; only WGS84 can be processed")
    zone = mtl.integer("UTM_ZONE")
    if not 1 <= zone <= 60:
        raise MetadataError(f"{mtl.where}: UTM_ZONE = {zone} is not 1 to 60")
    return 32600 + zone  # always the northern form, northings below zero south of the equator


def _cells(mtl: _Lookup) -> dict[str, float]:
    cells = {}
    for kind in ("reflective", "panchromatic", "thermal"):
        key = f"GRID_CELL_SIZE_{kind.upper()}"
        text = mtl.find(key)
        if text is not None:
            cells[kind] = mtl.as_number(key, text)
            if cells[kind] <= 0:
                raise MetadataError(f"{mtl.where}: {key} = {text} is not above 0")
    if "reflective" not in cells:
        raise MetadataError(f"{mtl.where}: GRID_CELL_SIZE_REFLECTIVE is missing")
    return cells


def _band_files(mtl: _Lookup) -> dict[str, str]:
    files = {}
    for place in _CONTENTS:
        for key, value in mtl.groups.get(place, {}).items():
            found = re.fullmatch(r"FILE_NAME_BAND_(?:ST_B)?(\d+)", key)
            if found and value:
                files[_band(found[1])] = value
    if not files:
        raise MetadataError(f"{mtl.where}: names no band file (FILE_NAME_BAND_n)")
    return files


def _reflectance(mtl: _Lookup, level: str) -> dict[str, tuple[float, float]]:
    if level in LEVEL2:
        places: tuple[str, ...] = ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS",)
    else:
        places = ("LEVEL1_RADIOMETRIC_RESCALING", "RADIOMETRIC_RESCALING")
    for place in places:
        mult = mtl.numbers(r"REFLECTANCE_MULT_BAND_(\d+)", place)
        add = mtl.numbers(r"REFLECTANCE_ADD_BAND_(\d+)", place)
        if mult:
            lacking = sorted(set(mult) ^ set(add))
            if lacking:
                raise MetadataError(f"{mtl.where}: {place} has REFLECTANCE_MULT without _ADD or the reverse: {' '.join(lacking)}")
            return {band: (mult[band], add[band]) for band in mult}
    raise MetadataError(f"{mtl.where}: no REFLECTANCE_MULT_BAND_n in {' or '.join(places)}")


def _thermal(mtl: _Lookup, level: str) -> dict[str, Thermal]:
    if level in LEVEL2:
        place = "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"
        mult = mtl.numbers(r"TEMPERATURE_MULT_BAND_ST_B(\d+)", place)
        add = mtl.numbers(r"TEMPERATURE_ADD_BAND_ST_B(\d+)", place)
        return {band: Thermal(mult[band], add[band]) for band in mult if band in add}
    found = {}
    for scales, constants in (
        ("LEVEL1_RADIOMETRIC_RESCALING", "LEVEL1_THERMAL_CONSTANTS"),
        ("RADIOMETRIC_RESCALING", "TIRS_THERMAL_CONSTANTS"),
    ):
        mult = mtl.numbers(r"RADIANCE_MULT_BAND_(\d+)", scales)
        add = mtl.numbers(r"RADIANCE_ADD_BAND_(\d+)", scales)
        k1 = mtl.numbers(r"K1_CONSTANT_BAND_(\d+)", constants)
        k2 = mtl.numbers(r"K2_CONSTANT_BAND_(\d+)", constants)
        for band in k1:
            if band in k2 and band in mult and band in add:
                found[band] = Thermal(mult[band], add[band], k1[band], k2[band])
    return found
