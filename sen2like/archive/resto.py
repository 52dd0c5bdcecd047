"""RESTO catalogues (the "Finder" of earlier releases): features whose properties are found by walking them, page by page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from lxml import etree
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from sen2like.archive.http import Http, Unreachable, shown
from sen2like.archive.records import Record, geometry, percent, walk

_PAGE, _SIZE = re.compile(r"([?&]page=)(\d+)"), re.compile(r"[?&]maxRecords=(\d+)")


@dataclass(frozen=True)
class Properties:
    """Where a feature tells things: keys separated by slashes."""

    path: str = "properties/productIdentifier"
    cloud_cover: str = "properties/cloudCover"
    geometry: str = "properties/gmlgeometry"


def pages(http: Http, url: str, properties: Properties, first: dict[str, Any] | None = None) -> Iterator[Record]:
    """Products of all pages from `url` on (`first` is its answer if it is there already)."""
    previous: list[Any] | None = None
    next_url: str | None = url
    while next_url is not None:
        answer = http.get_json(next_url) if first is None else first
        first = None
        features = answer.get("features")
        if not isinstance(features, list):
            raise Unreachable(f"{shown(next_url)}: answered JSON without a list 'features'; this is no RESTO catalogue")
        if features and features == previous:
            raise Unreachable(
                f"{shown(next_url)}: the catalogue repeats its first page, the answer is incomplete; raise maxRecords"
            )
        for feature in features:
            yield _record(feature, properties)
        next_url = _next(next_url, answer, len(features))
        previous = features


def _next(url: str, answer: dict[str, Any], count: int) -> str | None:
    """The link ``next``; without links, the next number after a full page."""
    links = walk(answer, ("properties", "links"))
    if isinstance(links, list) and links:
        ahead = [link.get("href") for link in links if isinstance(link, dict) and link.get("rel") == "next"]
        return urljoin(url, str(ahead[0])) if ahead and ahead[0] and count else None
    size = _SIZE.search(url)
    full = int(size[1]) if size else walk(answer, ("properties", "itemsPerPage"))
    if not isinstance(full, int) or count == 0 or count < full:
        return None
    page = _PAGE.search(url)
    if page:
        return _PAGE.sub(rf"\g<1>{int(page[2]) + 1}", url)
    return f"{url}{'&' if '?' in url else '?'}page=2"


def _record(feature: Any, properties: Properties) -> Record:
    path = walk(feature, properties.path.split("/"))
    footprint = gml_polygon(walk(feature, properties.geometry.split("/"))) or geometry(walk(feature, ("geometry",)))
    cover = percent(walk(feature, properties.cloud_cover.split("/")))
    return Record(path if isinstance(path, str) else "", cover, footprint)


def gml_polygon(text: Any) -> BaseGeometry | None:
    """Polygons of a GML text with ``coordinates`` (x,y x,y) or ``posList`` (x y x y), longitude first; None if there are none."""
    if not isinstance(text, str) or "<" not in text:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)  # prefixes come without declaration
    root = etree.fromstring(text.encode(), parser)
    if root is None:
        return None
    polygons = []
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2].rpartition(":")[2]
        if name not in ("coordinates", "posList") or any(_is_inner(a) for a in element.iterancestors()):
            continue
        try:
            numbers = [float(part) for part in re.split(r"[\s,]+", (element.text or "").strip())]
            polygons.append(Polygon(zip(numbers[::2], numbers[1::2], strict=True)))
        except (ValueError, ShapelyError):
            return None
    if not polygons:
        return None
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _is_inner(element: etree._Element) -> bool:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2] in ("innerBoundaryIs", "interior")
