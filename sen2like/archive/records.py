"""From an entry of an archive to `Found`: recognising names, and which of them answer a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from sen2like.archive.http import Unreachable
from sen2like.archive.model import Answer, Found, Query
from sen2like.errors import ProductError
from sen2like.products.registry import Identity, recognise_name

SATELLITES = {"Landsat8": "LS8", "Landsat9": "LS9"}


@dataclass(frozen=True)
class Record:
    """One entry of a catalogue, as far as all kinds of catalogues tell it."""

    path: str
    """Of the product; empty: the catalogue tells none."""
    cloud_cover: float | None = None
    footprint: BaseGeometry | None = None
    identity: Identity | None = None
    """Where the catalogue tells more than the name."""


@cache
def identity_of(name: str) -> Identity | None:
    """Identity of a product by its name; None for other names, our own outputs and impossible dates."""
    try:
        return recognise_name(name)
    except ProductError:
        return None


def answers(identity: Identity, query: Query) -> bool:
    """Is the product of the query's mission, and of its tile or scene? What a name does not tell is not held against it.

    Level and period are for the selection to judge, so that it can tell why a product was dropped.
    """
    if query.mission == "Sentinel2":
        return identity.satellite.startswith("S2") and identity.tile in (None, query.tile.id)
    return identity.satellite == SATELLITES[query.mission] and (identity.path, identity.row) == (query.path, query.row)


def answer(records: Iterable[Record], query: Query, source: str, mount: str | None = None) -> Answer:
    """The answer of a catalogue; when it becomes unreachable midway, with what was read until then.

    The coverage is that of the query, but for Sentinel-2 with a footprint, where the selection can tell better.
    """
    found, ignored, error = [], 0, ""
    try:
        for record in records:
            identity = record.identity or identity_of(record.path.rstrip("/").rpartition("/")[2])
            if identity is None:
                ignored += 1
            elif answers(identity, query):
                known = query.mission != "Sentinel2" or record.footprint is None
                coverage = query.coverage if known else None
                path = mounted(record.path, mount)
                found.append(Found(path, identity, source, coverage, record.cloud_cover, record.footprint))
    except Unreachable as unreachable:
        error = f"unreachable: {unreachable}"
    return Answer(source, tuple(found), ignored, error)


def mounted(href: str, mount: str | None) -> str:
    """Where a catalogued product is on this machine: ``s3://eodata/x``, ``file:///eodata/x`` and ``/eodata/x`` are
    ``/eodata/x``, below the folder `mount` if there is one. Web addresses stay as they are."""
    scheme = href.partition("://")[0].lower() if "://" in href else ""
    if scheme in ("http", "https", "ftp"):
        return href.rstrip("/")
    path = href
    if scheme == "s3":
        path = "/" + href[len("s3://") :]
    elif scheme == "file":
        path = unquote(urlsplit(href).path)
    path = path.rstrip("/") if path.strip("/") else path
    return path if mount is None else f"{mount.rstrip('/')}/{path.lstrip('/')}"


def geometry(value: Any) -> BaseGeometry | None:
    """A GeoJSON geometry; None when there is none or it is not one."""
    if not isinstance(value, dict):
        return None
    try:
        found = shape(value)
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None
    return None if found.is_empty else found


def percent(value: Any) -> float | None:
    """A cloud cover, percent; None when it is not a number from 0 to 100 (catalogues write -1 for unknown)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number <= 100 else None


def walk(document: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys inside a JSON document; None where it ends before."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document
