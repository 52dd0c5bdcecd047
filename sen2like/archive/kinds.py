"""The kinds of sources behind one interface: patterns, index, OData, STAC. RESTO answers come through patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from sen2like.archive import odata, resto
from sen2like.archive.http import Http, Unreachable, shown
from sen2like.archive.index import Index
from sen2like.archive.local import Listings, search_folder
from sen2like.archive.model import MISSIONS, Answer, Query
from sen2like.archive.patterns import Patterns, fill, is_remote, query_values
from sen2like.archive.records import Record, answer
from sen2like.archive.stac import Stac


class Source(Protocol):
    """Something that can be searched for products of its missions."""

    @property
    def name(self) -> str:
        """As messages call it."""

    @property
    def missions(self) -> tuple[str, ...]: ...

    def root(self, mission: str) -> str | None:
        """Folder without which a local source does not exist; None for a remote one."""

    def search(self, query: Query) -> Answer:
        """What the source has for a query of one of its missions."""


@dataclass(frozen=True)
class PatternSource:
    """Folders or searches by patterns; what answers a search (RESTO or OData) is seen from its form."""

    name: str
    patterns: Patterns
    http: Http
    listings: Listings
    today: Callable[[], date]
    properties: resto.Properties = field(default_factory=resto.Properties)
    mount: str | None = None

    @property
    def missions(self) -> tuple[str, ...]:
        return tuple(mission for mission in MISSIONS if self.patterns.key(mission))

    def root(self, mission: str) -> str | None:
        return self.patterns.root(mission)

    def search(self, query: Query) -> Answer:
        address = self._address(query)
        if not is_remote(address):
            return search_folder(self.listings, address, query, address)
        return answer(self._records(query), query, shown(address), self.mount)

    def _address(self, query: Query) -> str:
        return self.patterns.address(query, self.today())

    def _records(self, query: Query) -> Iterator[Record]:
        url = self._address(query)
        first = self.http.get_json(url)
        if "features" in first:
            yield from resto.pages(self.http, url, self.properties, first)
        elif "value" in first:
            yield from odata.read(self.http, query, self._address, self.today(), first)
        else:
            raise Unreachable(
                f"{shown(url)}: HTTP 200, answered JSON with neither 'features' (RESTO) nor 'value' (OData): "
                f"{str(first)[:200]!r}; correct the address"
            )


@dataclass(frozen=True)
class IndexSource:
    """Everything below a folder, in whatever order."""

    name: str
    index: Index
    missions: tuple[str, ...] = MISSIONS

    def root(self, mission: str) -> str | None:
        return self.index.root

    def search(self, query: Query) -> Answer:
        return self.index.search(query, self.index.root)


@dataclass(frozen=True)
class ODataSource:
    """An OData catalogue that is asked with filters of our own."""

    name: str
    url: str
    http: Http
    today: Callable[[], date]
    missions: tuple[str, ...] = MISSIONS
    collections: tuple[str, ...] = ()
    location: str | None = None
    """Pattern of an expression that takes the place of the clauses on names."""
    mount: str | None = None

    def root(self, mission: str) -> str | None:
        return None

    def search(self, query: Query) -> Answer:
        records = odata.read(self.http, query, self._address, self.today())
        return answer(records, query, f"{self.name} ({shown(self.url)})", self.mount)

    def _address(self, query: Query) -> str:
        place = None
        if self.location:
            place = fill(self.location, query_values(query, self.today(), padded=True), f"{self.name} location")
        return odata.search_address(self.url, query, self.collections, place)


@dataclass(frozen=True)
class StacSource:
    """A STAC API or static catalogue."""

    name: str
    stac: Stac
    missions: tuple[str, ...] = MISSIONS
    mount: str | None = None

    def root(self, mission: str) -> str | None:
        return None

    def search(self, query: Query) -> Answer:
        return answer(self.stac.records(query), query, f"{self.name} ({shown(self.stac.url)})", self.mount)
