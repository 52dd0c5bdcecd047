"""Named sources of input products: sections ``[Source NAME]``, or elements ``<Source name="NAME">`` in ``<Sources>``.

Their keys stand apart from all others: the same key may be in every source, and ``--confParams`` does not reach them.
"""

import re
import string
from collections.abc import Iterable
from typing import Any

from pydantic import Field, ValidationError

from sen2like.config.entries import Entry
from sen2like.config.sections import Section
from sen2like.config.types import Missions, Names, SourceType, choices, expected, nearest

PLACEHOLDERS = frozenset({
    "base_url", "base_url_s2", "base_url_landsat", "mission", "tile", "path", "row", "location", "start_date", "end_date",
    "cloud_cover", "s2_processing_level",
})  # fmt: skip
"""What may stand in braces in a pattern (spec 02 section 2.2)."""
_SECTION = re.compile(r"source\b\s*(?P<name>.*)", re.IGNORECASE)


class Source(Section):
    """A source of input products beside the patterns of [InputProductArchive]; any number of them, with any names.

    The products of all sources of a mission are put together; of a product that several have, one is taken. What uses nothing
    of [InputProductArchive] leaves its patterns out.
    """

    title = "Source"
    name: str = Field(default="", description="Name of the source, in the section's title.")
    type: SourceType = Field(
        description="pattern: folders, or searches, by a pattern as in [InputProductArchive]. index: all products below a "
        "folder, in any order. odata: catalogue of Creodias or the Copernicus Data Space. resto: legacy catalogue, by a pattern. "
        "stac: STAC API or static catalogue.",
        examples=["odata"],
    )
    missions: Missions = Field(
        default=("Sentinel2", "Landsat8", "Landsat9"), description="What it is searched for.", examples=["Sentinel2"]
    )
    url: str | None = Field(
        default=None,
        description="pattern, resto: the pattern. odata: address of the catalogue, None = that of Creodias. "
        "stac: address of the API, or address or path of a JSON file.",
        examples=["https://catalogue.dataspace.copernicus.eu/odata/v1/Products"],
    )
    folder: str | None = Field(default=None, description="index: the folder.", examples=["/data/PRODUCTS"])
    location: str | None = Field(
        default=None,
        description="pattern, resto: what stands for {location}. odata: expression in place of that on the names of products.",
        examples=["contains(Name,'_T{tile}_')"],
    )
    collections: Names = Field(
        default=(), description="odata, stac: collections to search. Empty = the usual ones.", examples=["SENTINEL-2"]
    )
    asset: Names = Field(
        default=(),
        description="stac: assets that lie in the folder of the product. Empty = the usual ones.",
        examples=["MTL.txt"],
    )
    mount: str | None = Field(
        default=None,
        description="odata, resto, stac, pattern: folder below which the paths that the catalogue tells are found.",
        examples=["/mnt"],
    )
    thumbnail_property: str | None = Field(
        default=None, description="resto: as in [InputProductArchive].", examples=["properties/productIdentifier"]
    )
    cloud_cover_property: str | None = Field(default=None, description="resto: likewise.", examples=["properties/cloudCover"])
    gml_geometry_property: str | None = Field(default=None, description="resto: likewise.", examples=["properties/gmlgeometry"])


KEYS = {key: field for key, field in Source.model_fields.items() if key != "name"}
"""Keys of a source."""
_NEEDED = {"pattern": "url", "resto": "url", "stac": "url", "index": "folder"}
_PATTERNED = ("pattern", "resto")
_PROPERTIES = ("thumbnail_property", "cloud_cover_property", "gml_geometry_property")
_USED_BY = {
    "url": ("pattern", "odata", "resto", "stac"),
    "folder": ("index",),
    "location": ("pattern", "odata", "resto"),
    "collections": ("odata", "stac"),
    "asset": ("stac",),
    "mount": ("pattern", "odata", "resto", "stac"),
    **dict.fromkeys(_PROPERTIES, _PATTERNED),
}


def section_name(title: str) -> str | None:
    """Name of the source that a section of this title is about (may be empty); None: it is no source."""
    match = _SECTION.fullmatch(title.strip())
    return match["name"].strip() if match else None


def split(entries: Iterable[Entry]) -> tuple[list[Entry], list[Entry]]:
    """(entries of sources, all others). The title of a source is an entry with an empty key."""
    own: list[Entry] = []
    others: list[Entry] = []
    for entry in entries:
        (others if section_name(entry.section) is None or entry.rank > 0 else own).append(entry)
    return own, others


def read_sources(entries: Iterable[Entry]) -> tuple[tuple[Source, ...], list[str], list[str]]:
    """(sources in the order of the file, problems, notices)."""
    sections: dict[str, dict[str, Entry]] = {}
    problems: list[str] = []
    repeated: set[str] = set()
    for entry in entries:
        name = str(section_name(entry.section))
        keys = sections.setdefault(name, {})
        if name in repeated:
            continue
        if entry.key and entry.key not in KEYS:
            problems.append(f"{entry.origin}: [{entry.section}] has an unknown key {entry.key!r}{nearest(entry.key, KEYS)}")
        elif entry.key in keys:
            first = keys[entry.key].origin
            if entry.key:
                problems.append(f"{entry.origin}: [{entry.section}] {entry.key} is there already, at {first}")
            else:
                repeated.add(name)
                problems.append(f"{entry.origin}: [{entry.section}] is there already, at {first}; give it another name")
        else:
            keys[entry.key] = entry
    sources, notices = [], []
    for name, keys in sections.items():
        source, bad = _validated(name, keys)
        problems += bad
        if source is not None:
            bad, remarks = _checked(source, keys)
            problems += bad
            notices += remarks
            sources.append(source)
    return tuple(sources), problems, notices


def _validated(name: str, keys: dict[str, Entry]) -> tuple[Source | None, list[str]]:
    title = keys[""].section if "" in keys else f"Source {name}"
    place = (keys.get("") or next(iter(keys.values()))).origin if keys else title
    problems = [] if name else [f"{place}: a source has no name; write [Source NAME]"]
    try:
        values = {key: entry.text for key, entry in keys.items() if key}
        source = Source.model_validate({**values, "name": name})
        return (None if problems else source), problems
    except ValidationError as error:
        found: dict[str, str] = {}
        for detail in error.errors():
            key = str(detail["loc"][0])
            if key in keys:
                found.setdefault(key, _value_problem(title, keys[key], detail["input"]))
            else:
                found.setdefault(key, f"{place}: [{title}] has no {key}: expected {expected(KEYS[key])}")
        return None, [*problems, *found.values()]


def _value_problem(title: str, entry: Entry, culprit: object) -> str:
    field = KEYS[entry.key]
    hint = nearest(str(culprit), choices(field)) if choices(field) and culprit else ""
    return f"{entry.origin}: [{title}] {entry.key} = {entry.text!r}: expected {expected(field)}{hint}"


def _checked(source: Source, keys: dict[str, Entry]) -> tuple[list[str], list[str]]:
    """(problems, notices) about keys that do not go together."""
    title = f"[Source {source.name}]"
    place = (keys.get("") or keys["type"]).origin
    problems, notices = [], []
    needed = _NEEDED.get(source.type)
    if needed and not getattr(source, needed):
        problems.append(f"{place}: {title} has no {needed}, which type = {source.type} needs")
    if not source.missions:
        problems.append(f"{keys['missions'].origin}: {title} missions is empty: expected {expected(KEYS['missions'])}")
    for key, kinds in _USED_BY.items():
        if key in keys and keys[key].text and source.type not in kinds:
            notices.append(f"{keys[key].origin}: {title} {key} has no effect with type = {source.type}")
    patterned = [key for key in ("url", "location") if key in keys and (key == "location" or source.type in _PATTERNED)]
    for key in patterned:
        problems += [f"{keys[key].origin}: {title} {problem}" for problem in pattern_problems(key, keys[key].text)]
    return problems, notices


def pattern_problems(key: str, pattern: Any) -> list[str]:
    """Braces that are not closed, and unknown placeholders, of a pattern."""
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(str(pattern or "")) if name is not None]
    except ValueError as error:
        return [f"{key}: {error}"]
    known = " ".join(sorted(PLACEHOLDERS))
    return [f"{key}: unknown placeholder {{{name}}}; known are {known}" for name in names if name not in PLACEHOLDERS]
