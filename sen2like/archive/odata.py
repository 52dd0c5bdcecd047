"""OData catalogues of Creodias and the Copernicus Data Space: the filter of a query, and answers page by page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urljoin

from sen2like.archive.http import Http, Unreachable, shown
from sen2like.archive.model import Query
from sen2like.archive.patterns import encoded, period
from sen2like.archive.records import Record, geometry, percent

DEFAULT_URL = "https://datahub.creodias.eu/odata/v1/Products"
COLLECTIONS = {"Sentinel2": "SENTINEL-2", "Landsat8": "LANDSAT-8", "Landsat9": "LANDSAT-9"}
PAGE = 1000
"""Most products that a page may have."""
MOST = 10_000
"""A catalogue pages no further than this; longer answers are asked for by shorter periods."""
_TOP, _SKIP = re.compile(r"([?&]\$top=)(\d+)"), re.compile(r"([?&]\$skip=)(\d+)")
_LEVEL = {"LEVEL1C": "_MSIL1C_", "LEVEL2A": "_MSIL2A_"}


class TooMany(Unreachable):
    """An answer is longer than the catalogue lists."""


def search_address(url: str, query: Query, collections: tuple[str, ...] = (), place: str | None = None) -> str:
    """Address of a search. `place` (an expression) takes the place of the clauses on names; open periods have no clause."""
    names = collections or (COLLECTIONS[query.mission],)
    clauses = ["(" + " or ".join(f"Collection/Name eq '{_quoted(name)}'" for name in names) + ")"]
    clauses += [f"({place})"] if place else _names(query)
    if query.cloud_cover < 100:
        clauses.append(
            f"Attributes/OData.CSC.DoubleAttribute/any(i0:i0/Name eq 'cloudCover' and i0/Value le {query.cloud_cover:g})"
        )
    if query.start:
        clauses.append(f"ContentDate/Start ge {query.start:%Y-%m-%d}T00:00:00.000Z")
    if query.end:
        clauses.append(f"ContentDate/Start le {query.end:%Y-%m-%d}T23:59:59.999Z")
    clauses.append("Online eq true")
    options = f"&$orderby=ContentDate/Start asc&$top={PAGE}&$count=true&$expand=Attributes"
    return encoded(f"{url}?$filter={' and '.join(clauses)}{options}")


def read(
    http: Http, query: Query, address: Callable[[Query], str], today: date, first: dict[str, Any] | None = None
) -> Iterator[Record]:
    """All products of a query; a period with more than the catalogue lists is halved. `address` makes the search of a period.

    `first` is the answer of the first page if it is there already.
    """
    records: list[Record] = []
    try:
        for record in pages(http, address(query), first):
            records.append(record)
    except TooMany:
        start, end = period(query, today)
        if start >= end:
            raise
        middle = start + (end - start) // 2
        yield from read(http, replace(query, end=middle), address, today)
        yield from read(http, replace(query, start=middle + timedelta(days=1)), address, today)
        return
    except Unreachable:
        yield from records  # the caller tells that there may be more
        raise
    yield from records


def pages(http: Http, url: str, first: dict[str, Any] | None = None) -> Iterator[Record]:
    """Products of all pages from `url` on (`first` is its answer if it is there already). `TooMany`: longer than is paged."""
    visited = set()
    next_url: str | None = url
    while next_url is not None:
        if next_url in visited:
            raise Unreachable(f"{shown(next_url)}: the pages go in a circle, the answer is incomplete")
        visited.add(next_url)
        answer = http.get_json(next_url) if first is None else first
        first = None
        values = answer.get("value")
        if not isinstance(values, list):
            raise Unreachable(f"{shown(next_url)}: answered JSON without a list 'value'; this is no OData catalogue")
        count = answer.get("@odata.count")
        if isinstance(count, int) and count > MOST:
            raise _too_many(url)
        yield from map(_record, values)
        next_url = _next(next_url, answer, len(values))


def _too_many(url: str) -> TooMany:
    return TooMany(f"{shown(url)}: more than {MOST} products, which the catalogue does not list; narrow the search by the place")


def _next(url: str, answer: dict[str, Any], count: int) -> str | None:
    """Address of the page after the one at `url`: the link, else (a full page) the next `$skip`."""
    link = answer.get("@odata.nextLink")
    if not link:
        top = _TOP.search(url)
        if top is None or count == 0 or count < int(top[2]):
            return None
        skip = _SKIP.search(url)
        start = count + (int(skip[2]) if skip else 0)
        link = _SKIP.sub(rf"\g<1>{start}", url) if skip else f"{url}&$skip={start}"
    link = encoded(urljoin(url, str(link)))
    skip = _SKIP.search(link.replace("%24", "$"))
    if skip and int(skip[2]) >= MOST:
        raise _too_many(url)
    return link


def _record(value: Any) -> Record:
    value = value if isinstance(value, dict) else {}
    attributes = value.get("Attributes")
    cover = None
    for attribute in attributes if isinstance(attributes, list) else []:
        if isinstance(attribute, dict) and attribute.get("Name") == "cloudCover":
            cover = percent(attribute.get("Value"))
    return Record(str(value.get("S3Path") or ""), cover, geometry(value.get("GeoFootprint")))


def _names(query: Query) -> list[str]:
    """Clauses on names: `contains` of the tile alone would find outputs, other levels and any name with that text."""
    if query.mission == "Sentinel2":
        level = [f"contains(Name,'{_LEVEL[query.level]}')"] if query.level else []
        return ["startswith(Name,'S2')", *level, f"contains(Name,'_T{query.tile.id}_')"]
    digit = query.mission[-1]
    starts = " or ".join(f"startswith(Name,'L{kind}0{digit}_')" for kind in "COT")
    return [f"({starts})", f"contains(Name,'_{query.path:03d}{query.row:03d}_')"]


def _quoted(text: str) -> str:
    return text.replace("'", "''")
