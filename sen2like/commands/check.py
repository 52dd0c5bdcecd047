"""``check``: whether a run with this configuration could do its work. Reads, asks and measures; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sen2like.blocks.registry import check_available
from sen2like.commands import check_auxiliary, check_sources, check_storage
from sen2like.commands.configuration import configuration
from sen2like.commands.findings import Finding, error, errors, ok, table, warning
from sen2like.config import Config
from sen2like.errors import Sen2LikeError
from sen2like.grid.mgrs import MGRSTile
from sen2like.plan import region_of, tiles_of
from sen2like.request import Request


@dataclass(frozen=True)
class Run:
    """The run that is meant."""

    wd: Path
    tile: str | None = None
    roi: Path | None = None
    ref_image: Path | None = None
    scheduler: str | None = None


def run(given: Mapping[str, Any]) -> int:
    """Check what the words say and print a table; -> the number of errors."""
    searching = "tile" in given or "roi" in given
    try:
        config = configuration(given, searching)
    except Sen2LikeError as problem:
        findings = errors("configuration", problem)
    else:
        meant = Run(
            config.run_time.wd or Request.model_fields["wd"].default,
            given.get("tile"),
            given.get("roi"),
            given.get("ref_image"),
            given.get("scheduler"),
        )
        findings = check(config, meant)
    print(table(findings))
    return sum(finding.level == "error" for finding in findings)


def check(config: Config, meant: Run) -> list[Finding]:
    """Everything that is found, the good too, in the order of the table."""
    tiles, about_tiles = _tiles(meant)
    return [
        *_configuration(config),
        *about_tiles,
        *check_storage.check(config, meant.wd, tiles),
        *check_auxiliary.check(config, meant.ref_image, tiles),
        *check_sources.check(config, meant.wd, tiles, searching=meant.tile is not None or meant.roi is not None),
        *check_sources.check_scheduler(meant.scheduler),
    ]


def _configuration(config: Config) -> list[Finding]:
    on = [key for key, value in config.processing if value]
    findings = [ok("configuration", f"{config.name or 'defaults'}: {len(on)} switches are on: {', '.join(on)}")]
    findings += [warning("configuration", notice) for notice in config.notices]
    try:
        check_available(config)
    except Sen2LikeError as problem:
        findings += errors("blocks", problem)
    return findings


def _tiles(meant: Run) -> tuple[list[MGRSTile], list[Finding]]:
    """The tiles that a run is meant for; none: any."""
    tiles: dict[str, MGRSTile] = {}
    findings: list[Finding] = []
    try:
        if meant.tile is not None:
            tiles |= {tile.id: tile for tile in tiles_of(Request(mode="single-tile-mode", tile=meant.tile), None)}
        if meant.roi is not None:
            request = Request(mode="multi-tile-mode", roi=meant.roi)
            tiles |= {tile.id: tile for tile in tiles_of(request, region_of(request))}
    except Sen2LikeError as problem:
        return list(tiles.values()), [error("tiles", str(problem))]
    if tiles:
        findings.append(ok("tiles", names(list(tiles.values()))))
    return list(tiles.values()), findings


def names(tiles: Sequence[MGRSTile], shown: int = 8) -> str:
    """Ids of tiles, the first ones if they are many."""
    text = " ".join(tile.id for tile in tiles[:shown])
    return f"{text} and {len(tiles) - shown} more" if len(tiles) > shown else text
