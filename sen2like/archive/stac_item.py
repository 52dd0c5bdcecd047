"""Where the product of a STAC item is: the folder that its assets and links lie in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from sen2like.archive.patterns import is_remote
from sen2like.archive.records import Record, geometry, identity_of, percent
from sen2like.products.registry import Identity

METADATA_ASSETS = (
    *("product-metadata", "product_metadata", "safe-manifest", "safe_manifest"),
    *("MTL.txt", "mtl.txt", "MTL.xml", "mtl.xml"),
)
"""Assets and links whose parent folder is the product."""


def record_of(item: dict[str, Any], url: str, assets: tuple[str, ...] = ()) -> Record:
    """The product of an item that was read at `url`; without a path when nothing in it leads to a product."""
    raw = item.get("properties")
    properties: dict[str, Any] = raw if isinstance(raw, dict) else {}
    cover, footprint = percent(properties.get("eo:cloud_cover")), geometry(item.get("geometry"))
    hrefs = list(_hrefs(item, url, assets))
    for href in sorted(hrefs, key=is_remote):  # readable through a mount before the web, else in the order of the item
        path, name = _product_in(href)
        identity = identity_of(name) if path else None
        if identity is not None:
            return Record(path, cover, footprint, _completed(identity, properties))
    identity = identity_of(str(item.get("id") or ""))
    if identity is not None:  # the folder has another name
        for href in _metadata_hrefs(item, url, assets):
            return Record(href.rpartition("/")[0], cover, footprint, _completed(identity, properties))
    return Record("", cover, footprint)


def _completed(identity: Identity, properties: dict[str, Any]) -> Identity:
    """The identity with the tile that the item tells, where the name does not."""
    code = str(properties.get("grid:code") or "")
    tile = code[len("MGRS-") :] if code.startswith("MGRS-") else properties.get("s2:mgrs_tile")
    return replace(identity, tile=str(tile)) if identity.tile is None and tile and not identity.is_landsat else identity


def _product_in(href: str) -> tuple[str, str]:
    """(path down to the first component that is named as a product, that component); empty when there is none."""
    start = href.index("://") + 3 if "://" in href else 0
    parts = href[start:].split("/")
    for i, part in enumerate(parts):
        if identity_of(part) is not None and not _is_file_of_a_product(part):
            return href[:start] + "/".join(parts[: i + 1]), part
    return "", ""


def _is_file_of_a_product(name: str) -> bool:
    """A preview or metadata file that begins as its product does."""
    return name.lower().endswith((".jpg", ".jpeg", ".png", ".json", ".xml", ".tif", ".jp2", ".txt", ".html"))


def _hrefs(item: dict[str, Any], url: str, assets: tuple[str, ...]) -> Iterator[str]:
    yield from _metadata_hrefs(item, url, assets)
    raw = item.get("assets")
    for asset in raw.values() if isinstance(raw, dict) else ():
        yield from _places(asset, url)
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") in ("self", "via", "enclosure", "derived_from", "alternate"):
            yield from _places(link, url)


def _metadata_hrefs(item: dict[str, Any], url: str, assets: tuple[str, ...]) -> Iterator[str]:
    """Files that lie in the folder of the product: of the assets asked for, else the usual ones."""
    names = assets or METADATA_ASSETS
    raw = item.get("assets")
    for name in names:
        if isinstance(raw, dict) and name in raw:
            yield from _places(raw[name], url)
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") in names:
            yield from _places(link, url)


def _places(asset: Any, url: str) -> Iterator[str]:
    """Addresses of an asset or link: its alternates (object store, mount) too."""
    if not isinstance(asset, dict):
        return
    alternates = asset.get("alternate")
    for place in (asset, *(alternates.values() if isinstance(alternates, dict) else ())):
        if isinstance(place, dict) and isinstance(place.get("href"), str) and place["href"]:
            yield _absolute(place["href"], url)


def _absolute(href: str, url: str) -> str:
    """An absolute path is one of a mounted store also in a catalogue on the web: products are read, not fetched."""
    if "://" in href or href.startswith("/"):
        return href
    return urljoin(url, href) if is_remote(url) else os.path.normpath(os.path.join(os.path.dirname(url), href))
