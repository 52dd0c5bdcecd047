"""The archives of input products, each asked once for little, and the cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from sen2like.archive.http import Http, Unreachable
from sen2like.archive.kinds import PatternSource, Source, StacSource
from sen2like.archive.model import Query
from sen2like.archive.patterns import is_remote
from sen2like.archive.sources import Sources, sources_of
from sen2like.commands.findings import Finding, error, errors, ok, unreadable, warning
from sen2like.config import Config
from sen2like.errors import Sen2LikeError
from sen2like.execution.dask_cluster import DaskCluster
from sen2like.grid import mgrs, wrs2
from sen2like.grid.mgrs import MGRSTile

EXAMPLE = "31TFJ"
"""Tile of the request when none is meant."""
TIMEOUT_S = 20.0
"""For an answer, seconds."""


def check(config: Config, wd: Path, tiles: Sequence[MGRSTile], *, searching: bool, http: Http | None = None) -> list[Finding]:
    """Findings on the sources. `searching`: a run is meant that needs them (all but product-mode do)."""
    try:
        client = http or Http(timeout=TIMEOUT_S, attempts=1)
        sources = sources_of(config.input_product_archive, config.sources, wd / "cache", client)
    except Sen2LikeError as problem:
        return errors("sources", problem)
    with sources:
        if not sources.missions:
            text = "no archive of products is configured: only product-mode can run; set url_parameters_pattern_Sentinel2 ..."
            return [error("sources", text) if searching else warning("sources", text)]
        query_of = _queries(tiles[0] if tiles else mgrs.tile(EXAMPLE), config.input_product_archive.s2_processing_level)
        asked = [(source, mission) for source in sources.sources for mission in _missions(source)]
        with ThreadPoolExecutor(max(1, len(asked))) as pool:
            return list(pool.map(lambda pair: _source(sources, pair[0], pair[1], query_of.get(pair[1])), asked))


def check_scheduler(address: str | None) -> list[Finding]:
    """Whether the Dask scheduler at `address` answers and its workers can run this software; None: no cluster is meant."""
    if address is None:
        return []
    try:
        cluster = DaskCluster(address, timeout=TIMEOUT_S)
    except Sen2LikeError as problem:
        return errors("--scheduler", problem)
    try:
        threads, memory = cluster.threads(), cluster.memory_mb() / 1000
    finally:
        cluster.close()
    if not threads:
        return [warning("--scheduler", f"{address} answers but has no workers; start some, or the run waits for them")]
    return [ok("--scheduler", f"{address}: {threads} products at a time, {memory:.1f} GB")]


def _missions(source: Source) -> tuple[str, ...]:
    """Missions that are asked for: of a catalogue one tells as much as all, patterns differ."""
    return source.missions if isinstance(source, PatternSource) else source.missions[:1]


def _queries(tile: MGRSTile, level: str | None) -> dict[str, Query]:
    """A small search per mission: one day last week."""
    day = (datetime.now(UTC) - timedelta(days=7)).date()
    queries = {"Sentinel2": Query("Sentinel2", tile, day, day, 100.0, level or "LEVEL1C")}
    for scene in wrs2.scenes_of(tile, 0.1, same_zone=True)[:1]:
        for mission in ("Landsat8", "Landsat9"):
            queries[mission] = Query(mission, tile, day, day, 100.0, None, scene.scene.path, scene.scene.row)
    return queries


def _source(sources: Sources, source: Source, mission: str, query: Query | None) -> Finding:
    subject = f"{source.name}, {mission}" if isinstance(source, PatternSource) else source.name
    if (root := source.root(mission)) is not None:
        return _folder(subject, root, mission, sources)
    begin = monotonic()
    if isinstance(source, StacSource):
        problem, where = _stac(source, sources.http), source.stac.url
    elif query is None:
        return warning(subject, f"not asked: no Landsat scene has a tenth of the tile {mission} is searched for")
    else:
        try:
            answer = sources.ask(source, query)
        except Sen2LikeError as failure:
            return error(subject, str(failure))
        problem, where = answer.error or answer.notice, answer.source
    return error(subject, problem) if problem else ok(subject, f"{where} answers after {monotonic() - begin:.1f} s")


def _folder(subject: str, root: str, mission: str, sources: Sources) -> Finding:
    """A local source. One that does not exist matters only when the mission has no other."""
    problem = unreadable(Path(root))
    if not problem:
        return ok(subject, f"{root} is readable")
    others = [source for source in sources.of(mission) if (other := source.root(mission)) is None or os.path.isdir(other)]
    return warning(subject, f"{problem}; {mission} has other sources") if others else error(subject, problem)


def _stac(source: StacSource, http: Http) -> str:
    """Why the root of an API or catalogue cannot be read; empty: it can. A catalogue is not walked."""
    url = source.stac.url
    try:
        root = http.get_json(url) if is_remote(url) else json.loads(Path(url).read_text(encoding="utf-8"))
    except Unreachable as failure:
        return f"unreachable: {failure}"
    except (OSError, ValueError) as failure:
        return f"{url}: cannot be read as JSON ({failure}); correct the path, or the catalogue"
    if not isinstance(root, dict) or not ({"conformsTo", "links", "features", "stac_version"} & root.keys()):
        return f"{url}: JSON that is no STAC catalogue, collection or item; correct the address"
    return ""
