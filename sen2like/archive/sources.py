"""The sources of a configuration, and searching them: several per mission, side by side.

    with sources_of(config.input_product_archive, config.sources, wd / "cache") as sources:
        answers = search(sources, Query("Sentinel2", tile("31TFJ")))

Products that several sources have come from each of them: the selection keeps one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sen2like.archive import odata
from sen2like.archive.http import AT_A_TIME, Http
from sen2like.archive.index import Index
from sen2like.archive.kinds import IndexSource, ODataSource, PatternSource, Source, StacSource
from sen2like.archive.local import Listings
from sen2like.archive.model import MISSIONS, Answer, Query
from sen2like.archive.patterns import Patterns
from sen2like.archive.resto import Properties
from sen2like.archive.stac import Stac
from sen2like.errors import ConfigurationError

if TYPE_CHECKING:  # values of the configuration, whose room is above this one
    from sen2like.config.sections import InputProductArchive
    from sen2like.config.sources import Source as SourceSection

ARCHIVE = "InputProductArchive"
"""Name of the source made of the patterns in the section of that name."""


@dataclass
class Sources:
    """The sources of a run, with the answers they gave in it."""

    sources: tuple[Source, ...]
    http: Http
    _answers: dict[tuple[int, Query], Answer] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @property
    def missions(self) -> tuple[str, ...]:
        """Missions that have a source at all."""
        return tuple(mission for mission in MISSIONS if self.of(mission))

    def of(self, mission: str) -> tuple[Source, ...]:
        return tuple(source for source in self.sources if mission in source.missions)

    def ask(self, source: Source, query: Query) -> Answer:
        """The answer of one source, asked once per run."""
        key = id(source), query
        with self._lock:
            known = self._answers.get(key)
        if known is None:
            known = source.search(query)
            with self._lock:
                self._answers[key] = known
        return known


def sources_of(
    archive: InputProductArchive,
    named: Sequence[SourceSection] = (),
    cache_dir: Path | str = "cache",
    http: Http | None = None,
    today: Callable[[], date] | None = None,
) -> Sources:
    """Sources of the section ``[InputProductArchive]`` and of the named ones, in that order.

    Indices of local archives are kept in `cache_dir`. `today` (UTC) ends open periods. `ConfigurationError`: a pattern uses
    a key that is not set.
    """
    http = http or Http()
    listings = Listings()
    day = today or (lambda: datetime.now(UTC).date())
    base = {"base_url": archive.base_url, "base_url_s2": archive.base_url_s2, "base_url_landsat": archive.base_url_landsat}
    patterns = Patterns(
        base=base,
        own={mission: getattr(archive, f"url_parameters_pattern_{mission}") for mission in MISSIONS},
        location={mission: getattr(archive, f"location_{mission}") for mission in MISSIONS},
        common=archive.url_parameters_pattern,
    )
    properties = _properties(archive)
    made: list[Source] = [PatternSource(ARCHIVE, patterns, http, listings, day, properties)]
    problems = patterns.problems()
    for section in named:
        name, missions, mount = f"[Source {section.name}]", section.missions, section.mount
        if section.type in ("pattern", "resto"):
            if section.location or section.type == "resto":
                place: dict[str, str | None] = dict.fromkeys(missions, section.location or "{tile}")
                own = Patterns(base=base, location=place, common=section.url, where=name)
            else:
                own = Patterns(base=base, own=dict.fromkeys(missions, section.url), where=name)
            problems += own.problems()
            made.append(PatternSource(name, own, http, listings, day, _properties(section), mount))
        elif section.type == "index":
            made.append(IndexSource(name, Index(str(section.folder), Path(cache_dir)), missions))
        elif section.type == "odata":
            url = section.url or odata.DEFAULT_URL
            made.append(ODataSource(name, url, http, day, missions, section.collections, section.location, mount))
        else:
            made.append(StacSource(name, Stac(http, str(section.url), section.collections, section.asset), missions, mount))
    if problems:
        raise ConfigurationError(problems)
    return Sources(tuple(made), http)


def search(sources: Sources, query: Query) -> list[Answer]:
    """Answers of all sources of the query's mission; an empty list: it has none."""
    return search_all(sources, [query])[0]


def search_all(sources: Sources, queries: Sequence[Query]) -> list[list[Answer]]:
    """Answers to each query, asked side by side.

    A local source that does not exist is a notice as long as the mission has another one, else an error.
    """
    asked = [(query, source) for query in queries for source in sources.of(query.mission)]
    executor = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="archive")
    try:
        answers = list(executor.map(lambda pair: sources.ask(pair[1], pair[0]), asked))
    except BaseException:
        sources.http.close()  # ends pauses, so that nobody waits for a server that keeps us waiting
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()
    result, position = [], 0
    for query in queries:
        of_mission = sources.of(query.mission)
        own = answers[position : position + len(of_mission)]
        result.append(_with_missing(query.mission, of_mission, own))
        position += len(of_mission)
    return result


def _with_missing(mission: str, sources: Sequence[Source], answers: Sequence[Answer]) -> list[Answer]:
    missing = [(root := source.root(mission)) is not None and not os.path.isdir(root) for source in sources]
    if not all(missing):
        return list(answers)
    told = f"does not exist, nor any other source of {mission}; mount it or correct the path"
    return [
        replace(answer, notice="", error=f"unreachable: folder {source.root(mission)} ({source.name}) {told}")
        for source, answer in zip(sources, answers, strict=True)
    ]


def _properties(section: InputProductArchive | SourceSection) -> Properties:
    usual = Properties()
    return Properties(
        section.thumbnail_property or usual.path,
        section.cloud_cover_property or usual.cloud_cover,
        section.gml_geometry_property or usual.geometry,
    )
