"""STAC: searches of an API, and static catalogues, collections and items, local or on the web."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from shapely.geometry import mapping

from sen2like.archive.http import Http, Unreachable, shown
from sen2like.archive.model import Query
from sen2like.archive.patterns import is_remote
from sen2like.archive.records import Record
from sen2like.archive.stac_item import record_of
from sen2like.grid.longitudes import seen_from
from sen2like.grid.outlines import outline

PAGE = 100
"""Items asked for at a time."""
QUERY = "item-search#query"
"""Ending of the conformance class of servers that compare properties (``query``)."""


@dataclass
class Stac:
    """One STAC API or static catalogue. A search is made, and a catalogue walked, once per run."""

    http: Http
    url: str
    """Root of the API, or a JSON file of a catalogue, collection, item collection or item: address or path."""
    collections: tuple[str, ...] = ()
    """Ids to which the search is restricted; empty: all."""
    assets: tuple[str, ...] = ()
    """Assets that are looked at first for the folder of the product."""
    _root: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _static: list[Record] | None = field(default=None, init=False, repr=False)
    _searches: dict[str, list[Record]] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def records(self, query: Query) -> Iterator[Record]:
        """Items that can answer a query: of the tile's area and period (API), or all of them (static catalogue)."""
        with self._lock:  # scenes of one tile ask the same
            root = self._root = self._root or self._read(self.url)
            if isinstance(root.get("conformsTo"), list):
                body = search_body(query, self.collections, any(str(c).endswith(QUERY) for c in root["conformsTo"]))
                key = json.dumps(body, sort_keys=True)
                if key not in self._searches:
                    self._searches[key] = list(self._search(root, body))
                found = self._searches[key]
            else:
                if self._static is None:
                    self._static = list(self._walk(root))
                found = self._static
        yield from found

    def _search(self, root: dict[str, Any], body: dict[str, Any]) -> Iterator[Record]:
        href, post = _search_link(self.url, root)
        url = href if post else with_parameters(href, body)
        sent: dict[str, Any] | None = body if post else None
        visited = set()
        previous: list[dict[str, Any]] = []
        while True:
            key = f"{url} {json.dumps(sent, sort_keys=True)}"
            if key in visited:
                raise Unreachable(f"{shown(url)}: the pages go in a circle, the answer is incomplete")
            visited.add(key)
            answer = self.http.get_json(url) if sent is None else self.http.post_json(url, sent)
            items = _features(answer, url)
            if items and items == previous:
                raise Unreachable(f"{shown(url)}: repeats the page before it, the answer is incomplete")
            previous = items
            for item in items:
                yield record_of(item, url, self.assets)
            link = _links(answer, "next")
            if not link or not link[0].get("href"):
                return
            following = link[0]
            if str(following.get("method", "GET")).upper() == "POST":
                own = following.get("body") or {}
                sent = {**(sent or body), **own} if following.get("merge") or not own else own
            else:
                sent = None
            url = urljoin(url, str(following["href"]))

    def _walk(self, root: dict[str, Any]) -> Iterator[Record]:
        """Items of a static catalogue, depth first, each document once."""
        visited = {self.url}
        todo = [(self.url, root)]
        while todo:
            url, document = todo.pop()
            kind = document.get("type")
            if kind == "FeatureCollection":
                items = _features(document, url)
            elif kind == "Feature":
                items = [document]
            elif kind in ("Catalog", "Collection") or isinstance(document.get("links"), list):
                if kind == "Collection" and self.collections and document.get("id") not in self.collections:
                    continue
                for link in reversed([*_links(document, "child"), *_links(document, "item"), *_links(document, "items")]):
                    href = resolved(url, str(link.get("href") or ""))
                    if link.get("href") and href not in visited:
                        visited.add(href)
                        todo.append((href, self._read(href)))
                continue
            else:
                raise Unreachable(f"{shown(url)}: JSON that is no STAC catalogue, collection or item; correct the address")
            for item in items:
                if not self.collections or item.get("collection") in (None, *self.collections):
                    yield record_of(item, url, self.assets)

    def _read(self, url: str) -> dict[str, Any]:
        if is_remote(url):
            return self.http.get_json(url)
        try:
            with open(url, encoding="utf-8") as file:
                document = json.load(file)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise Unreachable(f"{url}: cannot be read as JSON ({error}); correct the path, or the catalogue") from error
        if not isinstance(document, dict):
            raise Unreachable(f"{url}: not a JSON object; this is no STAC catalogue, collection or item")
        return document


def search_body(query: Query, collections: tuple[str, ...], compares: bool) -> dict[str, Any]:
    """The search for a query. Clouds are restricted only on servers that compare properties (`compares`).

    The outline of the tile is cut in two at the antimeridian (RFC 7946 section 3.1.9).
    Tile and scene are not asked for by their properties, because a server without them would answer "nothing": what
    intersects the tile is asked for, and the products of other tiles and scenes are left out by `records.answers`.
    """
    body: dict[str, Any] = {"limit": PAGE, "intersects": mapping(seen_from(outline(query.tile), 0.0))}
    if collections:
        body["collections"] = list(collections)
    if query.start or query.end:
        start = f"{query.start:%Y-%m-%d}T00:00:00Z" if query.start else ".."
        end = f"{query.end:%Y-%m-%d}T23:59:59.999Z" if query.end else ".."
        body["datetime"] = f"{start}/{end}"
    if compares and query.cloud_cover < 100:
        body["query"] = {"eo:cloud_cover": {"lte": query.cloud_cover}}
    return body


def with_parameters(url: str, body: dict[str, Any]) -> str:
    """The address of a search by GET: lists with commas, objects as JSON."""
    texts = {
        key: ",".join(value) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else str(value)
        for key, value in body.items()
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(texts)}"


def resolved(base: str, href: str) -> str:
    """A link of the document at `base`: absolute address or path."""
    if is_remote(href):
        return href
    if is_remote(base):
        return urljoin(base, href)
    if href.startswith("file://"):
        return href[len("file://") :]
    return os.path.normpath(os.path.join(os.path.dirname(base), href))


def _search_link(url: str, root: dict[str, Any]) -> tuple[str, bool]:
    """(address, is it by POST) of item searches; POST where the server has both."""
    links = _links(root, "search")
    chosen = sorted(links, key=lambda link: str(link.get("method", "GET")).upper() != "POST")
    if chosen and chosen[0].get("href"):
        return urljoin(url, str(chosen[0]["href"])), str(chosen[0].get("method", "GET")).upper() == "POST"
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/search")), False


def _links(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    links = document.get("links")
    return [link for link in links if isinstance(link, dict) and link.get("rel") == rel] if isinstance(links, list) else []


def _features(document: dict[str, Any], url: str) -> list[dict[str, Any]]:
    features = document.get("features")
    if not isinstance(features, list):
        raise Unreachable(f"{shown(url)}: answered JSON without a list 'features'; this is no STAC item collection")
    return [feature for feature in features if isinstance(feature, dict)]
