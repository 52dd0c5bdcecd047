"""A STAC collection of output products: extent, summaries and licences told from its items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pystac
from pystac.utils import str_to_datetime

from sen2like.packaging.stac import EXTENSIONS

_EXTENSION = "https://stac-extensions.github.io/{}/{}/schema.json"
_PROVIDERS = {
    "sentinel-2": pystac.Provider(
        "ESA / Copernicus", roles=[pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR],
        url="https://sentinels.copernicus.eu/web/sentinel/missions/sentinel-2",
    ),
    "landsat": pystac.Provider(
        "USGS", roles=[pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR],
        url="https://www.usgs.gov/landsat-missions",
    ),
}  # fmt: skip
"""Producers of the input, by constellation."""
_VALUES = ("platform", "constellation", "instruments", "gsd", "proj:code", "grid:code", "sat:orbit_state", "processing:level")
"""Properties whose values are listed."""
_RANGES = ("eo:cloud_cover", "view:sun_elevation", "s2l:valid_percentage")
"""Numbers whose range is told."""
_OF_A_KIND = ("title", "type", "roles", "gsd", "description")
"""What assets of a key have in common."""
_OF_A_BAND = ("name", "eo:common_name", "eo:center_wavelength", "data_type", "nodata", "unit", "raster:scale", "raster:offset")


@dataclass(frozen=True)
class About:
    """What is fixed of the collection of a level."""

    id: str
    file: str
    title: str
    description: str


COLLECTIONS = {
    "L2H": About(
        "sen2like-l2h", "collection-l2h.json", "Harmonised surface reflectance (Level-2H)",
        "Sentinel-2 and Landsat 8/9 in one radiometry, geometry and grid of tiles, each sensor at its own resolution.",
    ),
    "L2F": About(
        "sen2like-l2f", "collection-l2f.json", "Harmonised and fused surface reflectance (Level-2F)",
        "Sentinel-2 and Landsat 8/9 in one radiometry and on one grid; Landsat is fused to the resolutions of Sentinel-2.",
    ),
}  # fmt: skip
"""By level."""


def collection(level: str, items: Sequence[dict[str, Any]], links: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The collection of `items` (contents of their files) with `links`; ValueError: there are no items."""
    if not items:
        raise ValueError("a collection without items has no extent")
    about, properties = COLLECTIONS[level], [item["properties"] for item in items]
    constellations = _distinct(p.get("constellation") for p in properties)
    made = pystac.Collection(
        about.id, about.description, _extent(items), about.title,
        stac_extensions=[_EXTENSION.format(name, EXTENSIONS[name]) for name in ("eo", "projection", "scientific")],
        license="other",
        providers=[pystac.Provider("sen2like", roles=[pystac.ProviderRole.PROCESSOR]),
                   *(_PROVIDERS[name] for name in _PROVIDERS if name in constellations)],
    ).to_dict(include_self_link=False)  # fmt: skip
    dois = _distinct(p.get("sci:doi") for p in properties)
    if len(dois) == 1:
        made["sci:doi"] = dois[0]
    else:
        made["stac_extensions"] = [uri for uri in made["stac_extensions"] if "/scientific/" not in uri]
    made["summaries"] = _summaries(properties)
    made["item_assets"] = _item_assets(items)
    made["links"] = [*links, *_licences(items)]
    return made


def union_of_boxes(boxes: Iterable[Sequence[float]]) -> list[float]:
    """Smallest [west, south, east, north] around boxes that may cross the ±180° meridian (west > east), as the result may."""
    boxes = list(boxes)
    spans = sorted((box[0], box[2] if box[2] >= box[0] else box[2] + 360) for box in boxes)
    merged = [spans[0]]
    for west, east in spans[1:]:
        if west <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], east)
        else:
            merged.append((west, east))
    reach = merged[-1][1] - 360  # the last may run on over the first ones
    while len(merged) > 1 and reach >= merged[0][0]:
        reach = max(reach, merged.pop(0)[1])
        merged[-1] = merged[-1][0], reach + 360
    ends = [(merged[i][1], merged[(i + 1) % len(merged)][0] + (360 if i == len(merged) - 1 else 0)) for i in range(len(merged))]
    gap = max(ends, key=lambda end: end[1] - end[0])
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    if gap[1] <= gap[0]:
        return [-180.0, south, 180.0, north]
    west, east = (lon - 360 if lon > 180 else lon for lon in (gap[1], gap[0]))
    return [west, south, east, north]


def _extent(items: Sequence[dict[str, Any]]) -> pystac.Extent:
    """Around all items in space and time."""
    starts = [_time(p.get("start_datetime") or p["datetime"]) for p in (item["properties"] for item in items)]
    ends = [_time(p.get("end_datetime") or p["datetime"]) for p in (item["properties"] for item in items)]
    box: list[float | int] = list(union_of_boxes(item["bbox"] for item in items))
    return pystac.Extent(pystac.SpatialExtent([box]), pystac.TemporalExtent([[min(starts), max(ends)]]))


def _summaries(properties: Sequence[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in _VALUES:
        values = [p[name] for p in properties if name in p]
        if values:
            out[name] = _distinct(v for value in values for v in (value if isinstance(value, list) else [value]))
    for name in _RANGES:
        numbers = [p[name] for p in properties if isinstance(p.get(name), int | float)]
        if numbers:
            out[name] = {"minimum": min(numbers), "maximum": max(numbers)}
    return out


def _item_assets(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Assets by key, with what is equal wherever that key is used."""
    seen: dict[str, dict[str, Any]] = {}
    for item in items:
        for key, asset in item["assets"].items():
            own = {name: asset[name] for name in _OF_A_KIND if name in asset}
            bands = asset.get("bands")
            if isinstance(bands, list) and len(bands) == 1:
                own["bands"] = [{name: bands[0][name] for name in _OF_A_BAND if name in bands[0]}]
            seen[key] = _common(seen[key], own) if key in seen else own
    return {key: seen[key] for key in sorted(seen)}


def _common(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What two assets of a key have in common; of their band, what that has."""
    out = {name: value for name, value in one.items() if name != "bands" and other.get(name) == value}
    if "bands" in one and "bands" in other:
        band = {name: value for name, value in one["bands"][0].items() if other["bands"][0].get(name) == value}
        out |= {"bands": [band]} if band else {}
    return out


def _licences(items: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Links to the licences of the inputs."""
    hrefs = _distinct(link["href"] for item in items for link in item["links"] if link.get("rel") == "license")
    return [{"rel": "license", "href": href} for href in hrefs]


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Different values, sorted, without what is absent."""
    return sorted({value for value in values if value is not None})


def _time(text: str) -> datetime:
    return str_to_datetime(text)
