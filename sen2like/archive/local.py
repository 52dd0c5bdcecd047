"""Folders of products, as local patterns name them: each listed once per run."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass, field

from sen2like.archive.model import Answer, Found, Query
from sen2like.archive.records import answers, identity_of
from sen2like.errors import ProductError
from sen2like.products.registry import Identity, recognise
from sen2like.products.tar import SUFFIXES

log = logging.getLogger(__name__)

ARCHIVES = (".zip", *SUFFIXES)
"""Endings of product archives."""


@dataclass(frozen=True)
class Listing:
    """What a folder holds."""

    products: tuple[tuple[str, Identity], ...] = ()
    """(path, identity), sorted by path."""
    ignored: int = 0
    """Folders and archives that are no products of a known family."""
    missing: bool = False
    error: str = ""
    """Why the folder could not be read."""


@dataclass
class Listings:
    """Folders that were listed in this run."""

    _known: dict[str, Listing] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, folder: str) -> Listing:
        with self._lock:
            if folder not in self._known:
                self._known[folder] = list_folder(folder)
            return self._known[folder]


def list_folder(folder: str) -> Listing:
    """Products in `folder`, by name, or (renamed) by their metadata; plain files and hidden entries are passed over."""
    products, ignored = [], 0
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return Listing(missing=True)
    except OSError as error:
        return Listing(error=f"folder {folder} cannot be listed ({error.strerror}); check the mount and its permissions")
    for entry in entries:
        if not is_candidate(entry):
            continue
        identity = identity_of(entry.name) or _by_metadata(entry.path)
        if identity is None:
            ignored += 1
        else:
            products.append((entry.path, identity))
    if ignored:
        log.info("folder %s: %d entries are no products of a known family and are ignored", folder, ignored)
    return Listing(tuple(products), ignored)


def is_candidate(entry: os.DirEntry[str]) -> bool:
    """A folder or product archive that is not hidden (half-written products are)."""
    return not entry.name.startswith(".") and (entry.name.lower().endswith(ARCHIVES) or entry.is_dir())


def search_folder(listings: Listings, folder: str, query: Query, source: str) -> Answer:
    """Products of a folder for a query. A missing folder is a notice: nothing may have arrived yet."""
    listing = listings.of(folder)
    if listing.missing:
        return Answer(source, notice=f"folder {folder} does not exist")
    found = tuple(
        Found(path, identity, source, query.coverage) for path, identity in listing.products if answers(identity, query)
    )
    return Answer(source, found, listing.ignored, f"unreachable: {listing.error}" if listing.error else "")


def _by_metadata(path: str) -> Identity | None:
    try:
        return recognise(path)
    except ProductError:
        return None
