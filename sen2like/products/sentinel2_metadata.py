"""Sentinel-2 metadata files as typed records (spec 03 section 3): product (``MTD_MSIL1C.xml``), tile (``MTD_TL.xml``), datastrip.

Each file is parsed once and walked once. Elements are found by their local name, so that every PSD version (12 to 15)
and both name forms, compact and long, are one case; the first occurrence counts. Times are UTC, without time zone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO

import numpy as np
from lxml import etree

from sen2like.errors import MetadataError

NEWEST_PSD = 15
KNOWN_PSD = {"04.00": 14, "05.00": 14, "05.09": 14, "05.10": 14, "05.11": 15}
"""Baselines from 04.00 on and the version of the product specification they follow; earlier ones are PSD 14 for outputs."""
BAND_NAMES = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Band names in the order of their ids."""
_TILE = re.compile(r"_T(\d{2}[A-Z]{3})(?:_|$)")
_ORBIT = re.compile(r"_A(\d{6})_")


@dataclass(frozen=True)
class GranuleImages:
    """Image files the product metadata list for one granule: paths relative to the root, or bare names, without extension."""

    identifier: str
    image_format: str
    files: tuple[str, ...]

    @property
    def is_geotiff(self) -> bool:
        return "TIF" in self.image_format.upper()


@dataclass(frozen=True)
class ProductMetadata:
    """What ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml`` says."""

    uri: str
    level: str
    instrument: str
    mission: str
    generation_time: datetime
    start_time: datetime
    baseline: str
    psd: int
    relative_orbit: int
    quantification: float
    offsets: Mapping[str, float]
    """Additive offset of DN by band name; empty before baseline 04.00."""
    has_gri: bool
    """Names files of the Global Reference Image it was refined with."""
    cloud_cover: float | None
    footprint: tuple[tuple[float, float], ...]
    """(latitude, longitude) in order."""
    granules: tuple[GranuleImages, ...]
    notices: tuple[str, ...] = ()

    @property
    def refined(self) -> bool:
        return self.has_gri and float(self.baseline) >= 3


@dataclass(frozen=True, eq=False)
class AngleGrid:
    """Zenith and azimuth (y, x), degrees, float64, NaN outside; `step` is (column, row) distance of nodes in metres."""

    zenith: np.ndarray
    azimuth: np.ndarray
    step: tuple[float, float]


@dataclass(frozen=True)
class MaskFile:
    """One MASK_FILENAME: type (``MSK_CLOUDS`` ...), band id if any, path relative to the root or bare name."""

    type: str
    band_id: int | None
    path: str


@dataclass(frozen=True, eq=False)
class TileMetadata:
    """What ``MTD_TL.xml`` says."""

    tile_id: str
    sensing_time: datetime
    epsg: int
    ulx: float
    uly: float
    extent: tuple[float, float]
    """(width, height), metres, from the first Size and Geoposition."""
    sun_zenith: float
    sun_azimuth: float
    sun_grid: AngleGrid | None = field(repr=False)
    view_grids: Mapping[int, tuple[AngleGrid, ...]] = field(repr=False)
    """By band id, one grid per detector."""
    mean_view: Mapping[int, tuple[float, float]] = field(repr=False)
    """Mean (zenith, azimuth) by band id, those that are numbers."""
    masks: tuple[MaskFile, ...] = field(repr=False)
    notices: tuple[str, ...] = ()

    @property
    def tile(self) -> str | None:
        return tile_of(self.tile_id)


@dataclass(frozen=True)
class DatastripMetadata:
    """What ``MTD_DS.xml`` says; None where it does not."""

    datatake_start: datetime | None
    datastrip_start: datetime | None


def parse_product_metadata(data: bytes, name: str) -> ProductMetadata:
    """Parse the product metadata; `name` is the file as messages shall name it.

    Raises `MetadataError` if the XML is not well formed (line and column) or a mandatory element is missing or unusable.
    """
    doc = _Document(data, name)
    baseline = doc.text("PROCESSING_BASELINE")
    psd, notices = _psd(baseline, name)
    level = doc.text("PROCESSING_LEVEL")
    quantification = doc.number(
        "QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "L1C_TOA_QUANTIFICATION_VALUE"
    )
    if not quantification > 0:
        raise MetadataError(f"{name}: QUANTIFICATION_VALUE is {quantification}, it must be positive")
    offsets = _offsets(doc)
    if not offsets and float(baseline) >= 4:
        notices.append(f"{name}: baseline {baseline} without radiometric offsets; DN are taken without offset")
    cloud_cover = doc.optional_number("Cloud_Coverage_Assessment")
    if cloud_cover is not None and not cloud_cover >= 0:
        cloud_cover = None
    if cloud_cover is None:
        notices.append(f"{name}: cloud cover is unknown")
    orbit = doc.number("SENSING_ORBIT_NUMBER")
    return ProductMetadata(
        uri=doc.text("PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C"),
        level="Level-2A" if level.startswith("Level-2A") else level,
        instrument=doc.text("PRODUCT_TYPE", "PRODUCT_TYPE_2A")[-5:-2],
        mission=doc.text("SPACECRAFT_NAME"),
        generation_time=doc.time("GENERATION_TIME"),
        start_time=doc.time("PRODUCT_START_TIME"),
        baseline=baseline,
        psd=psd,
        relative_orbit=int(orbit),
        quantification=quantification,
        offsets=offsets,
        has_gri=bool(doc.all("GRI_FILENAME")),
        cloud_cover=cloud_cover,
        footprint=_footprint(doc),
        granules=tuple(_granules(doc)),
        notices=tuple(notices),
    )


def parse_tile_metadata(data: bytes, name: str) -> TileMetadata:
    """Parse the tile metadata; `name` is the file as messages shall name it. Errors as for the product metadata.

    A mean sun angle that is absent or NaN is replaced by the mean of the sun grid, with a notice.
    """
    doc = _Document(data, name)
    code = doc.text("HORIZONTAL_CS_CODE")
    epsg = code.rpartition(":")[2]
    if not epsg.isdigit():
        raise MetadataError(f"{name}: HORIZONTAL_CS_CODE is {code!r}, not a code such as EPSG:32631")
    extent = abs(doc.number("XDIM") * doc.number("NCOLS")), abs(doc.number("YDIM") * doc.number("NROWS"))
    grids = doc.all("Sun_Angles_Grid")
    sun_grid = _angle_grid(grids[0], name) if grids else None
    sun_zenith, sun_azimuth, notices = _mean_sun(doc, sun_grid)
    return TileMetadata(
        tile_id=doc.text("TILE_ID", "TILE_ID_2A"),
        sensing_time=doc.time("SENSING_TIME"),
        epsg=int(epsg),
        ulx=doc.number("ULX"),
        uly=doc.number("ULY"),
        extent=extent,
        sun_zenith=sun_zenith,
        sun_azimuth=sun_azimuth,
        sun_grid=sun_grid,
        view_grids=_view_grids(doc),
        mean_view=_mean_view(doc),
        masks=tuple(_masks(doc)),
        notices=tuple(notices),
    )


def parse_datastrip_metadata(stream: IO[bytes], name: str) -> DatastripMetadata:
    """Read the two start times from the head of a datastrip file and stop there: the whole file may have 19 MB."""
    wanted = {"DATATAKE_SENSING_START": "", "DATASTRIP_SENSING_START": ""}
    try:
        for _, element in etree.iterparse(stream, resolve_entities=False, huge_tree=True):
            key = _local(element)
            if key in wanted and not wanted[key]:
                wanted[key] = (element.text or "").strip()
                if all(wanted.values()):
                    break
    except etree.XMLSyntaxError as error:
        raise _malformed(name, error) from error
    times = [_time(text, key, name) if text else None for key, text in wanted.items()]
    return DatastripMetadata(*times)


def tile_of(identifier: str) -> str | None:
    """MGRS tile in a granule folder or identifier, both name forms: ``L1C_T31TFJ_A012345_...`` -> ``31TFJ``."""
    found = _TILE.findall(identifier)
    return found[-1] if found else None


def absolute_orbit_of(granule: str) -> str:
    """Six digits of the absolute orbit in a granule name, ``000000`` if it has none."""
    found = _ORBIT.search(granule)
    return found[1] if found else "000000"


class _Document:
    """An XML file as the list of its elements by local name."""

    def __init__(self, data: bytes, name: str):
        self.name = name
        try:
            root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
        except etree.XMLSyntaxError as error:
            raise _malformed(name, error) from error
        self._elements: dict[str, list[etree._Element]] = {}
        for element in root.iter(etree.Element):
            self._elements.setdefault(_local(element), []).append(element)

    def all(self, *names: str) -> list[etree._Element]:
        """Elements of the first name that occurs."""
        return next((self._elements[n] for n in names if n in self._elements), [])

    def text(self, *names: str) -> str:
        for element in self.all(*names):
            if text := (element.text or "").strip():
                return text
        raise MetadataError(f"{self.name}: mandatory element {names[0]} is missing or empty; the product is incomplete")

    def number(self, *names: str) -> float:
        return _number(self.text(*names), names[0], self.name)

    def optional_number(self, name: str) -> float | None:
        text = next((e.text for e in self.all(name) if e.text and e.text.strip()), None)
        return None if text is None else _number(text.strip(), name, self.name)

    def time(self, *names: str) -> datetime:
        return _time(self.text(*names), names[0], self.name)


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]


def _malformed(name: str, error: etree.XMLSyntaxError) -> MetadataError:
    line, column = error.position
    return MetadataError(f"{name}, line {line}, column {column}: not well-formed XML ({error.msg}); fetch the product again")


def _number(text: str, element: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise MetadataError(f"{name}: {element} is {text!r}, not a number") from error


def _time(text: str, element: str, name: str) -> datetime:
    """ISO 8601 with or without fraction and time zone -> UTC without time zone, to the microsecond."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise MetadataError(f"{name}: {element} is {text!r}, not a time such as 2023-06-25T23:46:21.024Z") from error
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


def _psd(baseline: str, name: str) -> tuple[int, list[str]]:
    number = _number(baseline, "PROCESSING_BASELINE", name)
    if not math.isfinite(number) or number < 0:
        raise MetadataError(f"{name}: PROCESSING_BASELINE is {baseline!r}, not a baseline such as 05.11")
    if number < 4:
        return 14, []
    if baseline in KNOWN_PSD:
        return KNOWN_PSD[baseline], []
    return NEWEST_PSD, [f"{name}: processing baseline {baseline} is not known; read as PSD {NEWEST_PSD}"]


def _offsets(doc: _Document) -> dict[str, float]:
    names = dict(enumerate(BAND_NAMES))
    for element in doc.all("Spectral_Information"):
        physical = element.get("physicalBand", "")
        if physical:
            name = f"B0{physical[1:]}" if len(physical) == 2 else physical
            names[_band_id(element, "bandId", doc.name)] = name
    offsets = {}
    for element in doc.all("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        band = _band_id(element, "band_id", doc.name)
        if band not in names:
            raise MetadataError(f"{doc.name}: {_local(element)} for band id {band}, which does not exist")
        offsets[names[band]] = _number((element.text or "").strip(), _local(element), doc.name)
    return offsets


def _band_id(element: etree._Element, attribute: str, name: str) -> int:
    text = element.get(attribute, "")
    if not text.isdigit():
        raise MetadataError(f"{name}, line {element.sourceline}: {_local(element)} has {attribute}={text!r}, not a band number")
    return int(text)


def _footprint(doc: _Document) -> tuple[tuple[float, float], ...]:
    elements = doc.all("EXT_POS_LIST")
    values = [_number(v, "EXT_POS_LIST", doc.name) for v in (elements[0].text or "").split()] if elements else []
    return tuple(zip(values[0::2], values[1::2], strict=False))


def _granules(doc: _Document) -> Iterable[GranuleImages]:
    for element in doc.all("Granule", "Granules"):
        images = [child for child in element.iterchildren(etree.Element) if _local(child).startswith("IMAGE_")]
        files = tuple((image.text or "").strip() for image in images)
        yield GranuleImages(element.get("granuleIdentifier", ""), element.get("imageFormat", "JPEG2000"), files)


def _masks(doc: _Document) -> Iterable[MaskFile]:
    for element in doc.all("MASK_FILENAME"):
        band = _band_id(element, "bandId", doc.name) if element.get("bandId") else None
        yield MaskFile(element.get("type", ""), band, (element.text or "").strip())


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in element.iterchildren(etree.Element) if _local(child) == name), None)


def _pair(element: etree._Element, name: str) -> tuple[float, float]:
    """(ZENITH_ANGLE, AZIMUTH_ANGLE) of an element, NaN where absent."""
    children = (_child(element, "ZENITH_ANGLE"), _child(element, "AZIMUTH_ANGLE"))
    zenith, azimuth = (_number((c.text or "NaN").strip(), _local(c), name) if c is not None else math.nan for c in children)
    return zenith, azimuth


def _mean_view(doc: _Document) -> dict[int, tuple[float, float]]:
    pairs = {_band_id(e, "bandId", doc.name): _pair(e, doc.name) for e in doc.all("Mean_Viewing_Incidence_Angle")}
    return {band: pair for band, pair in pairs.items() if all(map(math.isfinite, pair))}


def _mean_sun(doc: _Document, grid: AngleGrid | None) -> tuple[float, float, list[str]]:
    means = doc.all("Mean_Sun_Angle")
    zenith, azimuth = _pair(means[0], doc.name) if means else (math.nan, math.nan)
    if math.isfinite(zenith) and math.isfinite(azimuth):
        return zenith, azimuth, []
    if grid is None or not np.isfinite(grid.zenith + grid.azimuth).any():
        raise MetadataError(f"{doc.name}: Mean_Sun_Angle is missing or NaN, and so is Sun_Angles_Grid")
    turn = np.radians(grid.azimuth)
    mean_azimuth = math.degrees(math.atan2(np.nanmean(np.sin(turn)), np.nanmean(np.cos(turn)))) % 360
    notice = f"{doc.name}: Mean_Sun_Angle is missing or NaN; the mean of the sun grid is used"
    return float(np.nanmean(grid.zenith)), mean_azimuth, [notice]


def _view_grids(doc: _Document) -> dict[int, tuple[AngleGrid, ...]]:
    grids: dict[int, list[AngleGrid]] = {}
    for element in doc.all("Viewing_Incidence_Angles_Grids"):
        grid = _angle_grid(element, doc.name)
        if grid is not None:
            grids.setdefault(_band_id(element, "bandId", doc.name), []).append(grid)
    return {band: tuple(found) for band, found in grids.items()}


def _angle_grid(element: etree._Element, name: str) -> AngleGrid | None:
    """The grid of an element; None for the empty placeholders (step 0) of tiles that are not imaged at any node."""
    parts = {}
    step = 0.0, 0.0
    for key in ("Zenith", "Azimuth"):
        part = _child(element, key)
        values = None if part is None else _child(part, "Values_List")
        if part is None or values is None:
            raise MetadataError(f"{name}, line {element.sourceline}: {_local(element)} has no {key} values")
        steps = (_child(part, "COL_STEP"), _child(part, "ROW_STEP"))
        if steps[0] is None or steps[1] is None:
            raise MetadataError(f"{name}, line {part.sourceline}: {key} grid without COL_STEP or ROW_STEP")
        step = _number(steps[0].text or "", "COL_STEP", name), _number(steps[1].text or "", "ROW_STEP", name)
        rows = [(row.text or "").split() for row in values.iterchildren(etree.Element)]
        try:
            parts[key] = np.array(rows, dtype=float)
        except ValueError as error:
            raise MetadataError(f"{name}, line {part.sourceline}: {key} grid is not a table of numbers ({error})") from error
    if parts["Zenith"].shape != parts["Azimuth"].shape:
        raise MetadataError(f"{name}, line {element.sourceline}: zenith and azimuth grids differ in size")
    if not (step[0] > 0 and step[1] > 0) or min(parts["Zenith"].shape) < 2:
        return None
    return AngleGrid(parts["Zenith"], parts["Azimuth"], step)
