"""Archives without a tree of missions and tiles: every folder below a root is looked through, with an index beside.

The index (JSON, in the cache of the working directory) keeps what each folder held. A folder is read again only when its
time of modification has changed, so that a look at 10,000 known products costs one `stat` per folder between them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sen2like.archive.details import Details, read_details
from sen2like.archive.local import is_candidate
from sen2like.archive.model import Answer, Found, Query
from sen2like.archive.records import answers, identity_of
from sen2like.errors import ProductError
from sen2like.grid.longitudes import seen_from
from sen2like.grid.outlines import central_meridian, outline
from sen2like.products.registry import Identity, recognise
from sen2like.products.sentinel2 import PRODUCT_METADATA

log = logging.getLogger(__name__)

VERSION = 1
MTL = ("_mtl.txt", "_mtl.xml")
SETTLED_NS = 2_000_000_000
"""A folder that changed this short a time ago may change again within the same tick of its clock: read again next time."""


@dataclass
class _Folder:
    """What a folder held when it was read."""

    modified: int
    """Time of modification, ns; 0: read it again."""
    folders: list[str] = field(default_factory=list)
    """Names of folders that are not products."""
    products: list[tuple[str, str]] = field(default_factory=list)
    """(name, name of the identity: they differ for renamed products)."""
    ignored: int = 0


@dataclass
class Index:
    """All products below `root`. Refreshed at its first use, once per run; safe to share between threads."""

    root: str
    cache_dir: Path
    _folders: dict[str, _Folder] = field(default_factory=dict, init=False, repr=False)
    _details: dict[str, tuple[int, Details]] = field(default_factory=dict, init=False, repr=False)
    _by_place: dict[object, list[tuple[str, Identity]]] | None = field(default=None, init=False, repr=False)
    _errors: list[str] = field(default_factory=list, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def file(self) -> Path:
        """Where the index of this root is kept."""
        digest = hashlib.sha256(os.path.abspath(self.root).encode()).hexdigest()[:16]
        return Path(self.cache_dir) / f"archive_{digest}.json"

    def search(self, query: Query, source: str) -> Answer:
        """Products of the query's tile or scene. Old products of many tiles count when their footprint touches the tile."""
        if not os.path.isdir(self.root):
            return Answer(source, notice=f"folder {self.root} does not exist")
        places = self._places()
        found = [
            Found(path, identity, source, query.coverage)
            for path, identity in places.get(_place_of(query), ())
            if answers(identity, query)
        ]
        if query.mission == "Sentinel2":
            untold = (Found(path, identity, source) for path, identity in places.get(None, ()))
            found += [product for product in self.detailed(untold) if _touches(product, query)]
        error = f"unreachable: {'; '.join(self._errors)}" if self._errors else ""
        return Answer(source, tuple(sorted(found, key=lambda f: f.location)), self._ignored(), error)

    def detailed(self, found: Iterable[Found]) -> list[Found]:
        """The same with cloud cover and footprint of their metadata, read once and kept in the index."""
        with self._lock:
            known = {path: modified for path, (modified, _) in self._details.items()}
            completed = [self._detailed(product) for product in found]
            if known != {path: modified for path, (modified, _) in self._details.items()}:
                self._save()
        return completed

    def _detailed(self, product: Found) -> Found:
        try:
            modified = os.stat(product.location).st_mtime_ns
        except OSError:
            return product  # whoever opens it tells that it has gone
        known = self._details.get(product.location)
        if known is None or known[0] != modified:
            known = self._details[product.location] = modified, read_details(product.location)
        return replace(product, cloud_cover=known[1].cloud_cover, footprint=known[1].footprint)

    def _places(self) -> dict[object, list[tuple[str, Identity]]]:
        with self._lock:
            if self._by_place is None:
                self._load()
                self._refresh()
                self._by_place = {}
                for path, identity in self._products():
                    self._by_place.setdefault(_place(identity), []).append((path, identity))
            return self._by_place

    def _products(self) -> Iterator[tuple[str, Identity]]:
        for folder, content in self._folders.items():
            for name, identity_name in content.products:
                identity = identity_of(identity_name)
                if identity is not None:
                    yield os.path.join(folder, name), identity

    def _ignored(self) -> int:
        return sum(content.ignored for content in self._folders.values())

    def _refresh(self) -> None:
        """Bring the index up to date; save it if anything changed."""
        known, self._folders = self._folders, {}
        now = time.time_ns()
        todo, seen, changed = [os.path.abspath(self.root)], set(), False
        while todo:
            folder = todo.pop()
            try:
                state = os.stat(folder)
                if (state.st_dev, state.st_ino) in seen:
                    continue  # a link back into the tree
                seen.add((state.st_dev, state.st_ino))
                content = known.get(folder)
                if content is None or content.modified != state.st_mtime_ns:
                    content = _read_folder(folder, state.st_mtime_ns if now - state.st_mtime_ns > SETTLED_NS else 0)
                    changed = True
            except OSError as error:
                self._errors.append(f"folder {folder} cannot be listed ({error.strerror}); check the mount and its permissions")
                continue
            self._folders[folder] = content
            todo += [os.path.join(folder, name) for name in content.folders]
        if changed or self._folders.keys() != known.keys():
            self._save()

    def _load(self) -> None:
        try:
            document = json.loads(self.file.read_text(encoding="utf-8"))
            if document["version"] != VERSION or document["root"] != os.path.abspath(self.root):
                return
            for path, (modified, folders, products, ignored) in document["folders"].items():
                self._folders[path] = _Folder(modified, folders, [(name, identity) for name, identity in products], ignored)
            for path, (modified, details) in document["details"].items():
                self._details[path] = modified, Details.from_json(details)
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._folders.clear()
            self._details.clear()
            log.warning("index %s of the archive %s cannot be used (%s); it is made again", self.file, self.root, error)

    def _save(self) -> None:
        """Under a temporary name first, so that nobody reads half a file; without a usable folder there is no index."""
        document: dict[str, Any] = {
            "version": VERSION,
            "root": os.path.abspath(self.root),
            "folders": {p: [c.modified, c.folders, c.products, c.ignored] for p, c in self._folders.items()},
            "details": {path: [modified, details.to_json()] for path, (modified, details) in self._details.items()},
        }
        temporary = None
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.file.parent, suffix=".json", delete=False, encoding="utf-8") as file:
                temporary = file.name
                json.dump(document, file)
            os.replace(temporary, self.file)
        except OSError as error:
            log.warning("the index of the archive %s cannot be kept as %s (%s)", self.root, self.file, error)
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)


def _read_folder(folder: str, modified: int) -> _Folder:
    content = _Folder(modified)
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if not is_candidate(entry):
                continue
            identity = identity_of(entry.name)
            if identity is None and (not entry.is_dir() or _is_product(entry.path)):
                identity = _by_metadata(entry.path)
                content.ignored += identity is None
            elif identity is None:
                content.folders.append(entry.name)
            if identity is not None:
                content.products.append((entry.name, identity.name))
    return content


def _is_product(folder: str) -> bool:
    """A folder with the metadata file of a product in it is one, whatever its name; also our own outputs, which are no inputs."""
    try:
        names = os.listdir(folder)
    except OSError:
        return False  # told when it is looked through
    return any(n.startswith("MTD_") or PRODUCT_METADATA.fullmatch(n) or n.lower().endswith(MTL) for n in names)


def _by_metadata(path: str) -> Identity | None:
    try:
        return recognise(path)
    except ProductError:
        return None


def _place(identity: Identity) -> object:
    """What products are looked up by: the tile, or satellite, path and row; None: an old product of many tiles."""
    return (identity.satellite, identity.path, identity.row) if identity.is_landsat else identity.tile


def _place_of(query: Query) -> object:
    return query.tile.id if query.mission == "Sentinel2" else (f"LS{query.mission[-1]}", query.path, query.row)


def _touches(product: Found, query: Query) -> bool:
    if product.footprint is None:
        return True
    return bool(seen_from(product.footprint, central_meridian(query.tile)).intersects(outline(query.tile)))
