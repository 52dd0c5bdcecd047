"""What a request means: its tiles, what is processed on each and why, and what each product waits for (specs 01, 02)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from sen2like.archive.criteria import Criteria, Inspection
from sen2like.archive.details_store import DetailsStore
from sen2like.archive.model import MISSIONS, Answer, Decision, Found, Query
from sen2like.archive.selection import processing_order, select
from sen2like.archive.sources import Sources, search_all
from sen2like.archive.stitching import partners
from sen2like.config import Config
from sen2like.errors import NothingToDo, ProductError, Sen2LikeError, UsageError
from sen2like.events import Candidate
from sen2like.execution.memory import estimate_mb
from sen2like.grid import mgrs, wrs2
from sen2like.grid.area import covering_tiles, nearest_centre, tiles_containing, tiles_intersecting
from sen2like.grid.mgrs import TILE_SIZE_M, MGRSTile
from sen2like.grid.region import Region, read_region
from sen2like.products.model import Product
from sen2like.products.registry import Identity, open_product, recognise
from sen2like.products.tar import is_compressed
from sen2like.raster.read import read_geobox
from sen2like.request import Request
from sen2like.task import MADE_BEFORE, ProductTask, already_made, made_from, too_cloudy

log = logging.getLogger(__name__)

SLIVER = 0.001
"""Least part of the tile of a scene that is searched: a small one may still complete another."""
LEVEL = "LEVEL1C"
"""Level of Sentinel-2 products when neither command line nor configuration say one."""
IMAGES_HELD = 4.5
"""Images of the finest pixels, float32, that a product holds at a time (measured: 2.4 GB for 10 980 x 10 980)."""
USUAL_PIXEL_M = 10.0


@dataclass(frozen=True)
class Planned:
    """One product to process, and what it needs."""

    task: ProductTask
    identity: Identity
    needs: tuple[Path, ...] = ()
    """Products of this run that have to be done before: the past Sentinel-2 of a Landsat product."""
    memory_mb: float = 0.0


@dataclass(frozen=True)
class TilePlan:
    """What happens on one tile."""

    tile: MGRSTile
    candidates: tuple[Candidate, ...]
    planned: tuple[Planned, ...] = ()
    """In processing order."""
    errors: tuple[str, ...] = ()
    """Archives that could not be read."""


def region_of(request: Request) -> Region | None:
    """The region of interest, its notices logged."""
    if request.roi is None:
        return None
    region = read_region(request.roi)
    for notice in region.notices:
        log.warning("%s", notice)
    return region


def tiles_of(request: Request, region: Region | None) -> list[MGRSTile]:
    """The tiles of a request, by id. `NothingToDo`: the region meets none; `UsageError`: the tile asked for does not suit."""
    if region is None:
        tile = mgrs.tile(request.tile or _no_tile(request))
        if request.product is not None and recognise(request.product).tile not in (tile.id, None):
            of = recognise(request.product).tile
            raise UsageError(f"{request.product}: the product is of tile {of}, not of {tile.id} that was asked for")
        return [tile]
    if request.mode == "multi-tile-mode":
        if request.tiles == "auto":
            cover = covering_tiles(region)
            if cover.uncovered:
                log.warning("%s: %.1f %% of the region is in no Sentinel-2 tile", region.source, 100 * cover.uncovered)
            tiles = list(cover.tiles)
        else:
            tiles = tiles_intersecting(region)
        if not tiles:
            raise NothingToDo(f"{region.source}: the region is in no Sentinel-2 tile; there is nothing to do")
        return sorted(tiles, key=lambda tile: tile.id)
    return [_tile_around(request, region)]


def _tile_around(request: Request, region: Region) -> MGRSTile:
    containing = tiles_containing(region)
    names = ", ".join(tile.id for tile in containing)
    if request.tile is not None:
        if request.tile not in {tile.id for tile in containing}:
            inside = f"it is inside {names}" if containing else "no tile contains it; multi-tile-mode takes several"
            raise UsageError(f"{region.source}: the region is not inside tile {request.tile}; {inside}")
        return mgrs.tile(request.tile)
    if not containing:
        raise NothingToDo(f"{region.source}: no tile contains the region; multi-tile-mode takes several")
    chosen = nearest_centre(region, containing)
    if len(containing) > 1:
        log.info("%s: the region is inside %s; %s is nearest (choose with --tile)", region.source, names, chosen.id)
    return chosen


def _no_tile(request: Request) -> str:
    raise UsageError(f"the tile of {request.product} cannot be told from its name; say which with --tile")


@dataclass
class Planner:
    """Plans the tiles of one run; `make_task` turns a product with its partners into a task."""

    request: Request
    config: Config
    sources: Sources
    make_task: Callable[[MGRSTile, Path, tuple[Path, ...]], ProductTask]
    store: DetailsStore
    region: Region | None = None

    def product(self, tile: MGRSTile, path: Path) -> TilePlan:
        """Plan of product-mode: no selection, but the other scenes of the pass when stitching is on."""
        identity = recognise(path)
        others: list[Found] = []
        if self.config.processing.doStitching:
            others = self._neighbours(tile, Found(str(path), identity, ""))
        listed = [Candidate(tile.id, str(path), "selected", "asked for", tile_coverage=1.0)]
        listed += [Candidate(tile.id, other.location, "partner", f"partner of {identity.name}") for other in others]
        task = self.make_task(tile, path, tuple(Path(other.location) for other in others))
        return TilePlan(tile, tuple(listed), (Planned(task, identity),))

    def tile(self, tile: MGRSTile) -> TilePlan:
        """Plan of a tile: what the archives have, what of it is processed, and what is there already."""
        request = self.request
        answers = self._search(tile, request.start_date, request.end_date)
        decisions = select(_found(answers), self._criteria(tile, request.start_date, request.end_date), self._inspect, self._rule)
        if request.fusion_history and request.start_date:
            decisions = self._history(tile, request.start_date, decisions, answers)
        planned, made = self._planned(tile, decisions)
        listed = tuple(_candidate(tile, decision, made.get(decision.found.location)) for decision in decisions)
        self.store.save()
        return TilePlan(tile, listed, planned, tuple(dict.fromkeys(answer.error for answer in answers if answer.error)))

    @property
    def _rule(self) -> str:
        return self.config.input_product_archive.selection

    @property
    def _level(self) -> str:
        return self.config.input_product_archive.s2_processing_level or LEVEL

    def _criteria(self, tile: MGRSTile, start: date | None, end: date | None) -> Criteria:
        archive = self.config.input_product_archive
        return Criteria(
            tile,
            start,
            end,
            self._level,
            archive.coverage,
            archive.cloud_cover,
            roi=self.region,
            stitching=self.config.processing.doStitching,
            same_zone=not self.request.allow_other_srs,
            partners_same_zone=self.config.stitching.same_utm_only,
        )

    def _search(
        self, tile: MGRSTile, start: date | None, end: date | None, missions: Sequence[str] = MISSIONS
    ) -> list[Answer]:
        """Answers of all sources of the missions; what the user should know about them is logged."""
        archive = self.config.input_product_archive
        legacy = self._rule == "legacy"
        queries = []
        if "Sentinel2" in missions:
            queries.append(Query("Sentinel2", tile, start, end, archive.cloud_cover, self._level))
        landsat = [mission for mission in ("Landsat8", "Landsat9") if mission in missions]
        same_zone = not self.request.allow_other_srs and (legacy or self.config.stitching.same_utm_only)
        for scene in wrs2.scenes_of(tile, archive.coverage if legacy else SLIVER, same_zone=same_zone) if landsat else ():
            clouds = archive.cloud_cover if legacy else 100.0  # a cloudy row may still complete a clear one
            path, row = scene.scene.path, scene.scene.row
            queries += [Query(mission, tile, start, end, clouds, None, path, row, scene.coverage) for mission in landsat]
        for mission in missions:
            if not self.sources.of(mission):
                log.warning("no source of %s products is configured", mission)
        by_query = search_all(self.sources, queries)
        answers = [answer for of_query in by_query for answer in of_query]
        for query, of_query in zip(queries, by_query, strict=True):
            level = logging.WARNING if query.coverage >= archive.coverage else logging.DEBUG  # few keep the slivers
            for notice in dict.fromkeys(answer.notice for answer in of_query if answer.notice):
                log.log(level, "tile %s: %s", tile.id, notice)
        for error in dict.fromkeys(answer.error for answer in answers if answer.error):
            log.error("tile %s: %s", tile.id, error)
        ignored = {answer.source: answer.ignored for answer in answers if answer.ignored}
        for source, count in ignored.items():
            log.info("%s: %d entries are no products", source, count)
        return answers

    def _neighbours(self, tile: MGRSTile, main: Found) -> list[Found]:
        """Other scenes of the pass of one product, from the archives; none, with a word in the log, when those cannot be read."""
        identity, day = main.identity, main.identity.date.date()
        mission = f"Landsat{identity.satellite[-1]}" if identity.is_landsat else "Sentinel2"
        if not self.sources.of(mission):
            return []
        same_zone = identity.is_landsat and self.config.stitching.same_utm_only
        around = timedelta(days=1 if identity.is_landsat else 0)
        queries = [Query(mission, tile, day, day, 100.0, None)]
        if identity.is_landsat:
            scenes = (s.scene for s in wrs2.scenes_of(tile, SLIVER, same_zone=same_zone))
            queries = [Query(mission, tile, day - around, day + around, 100.0, None, s.path, s.row)
                       for s in scenes if s.path == identity.path]  # fmt: skip
        answers = [answer for of_query in search_all(self.sources, queries) for answer in of_query]
        for error in dict.fromkeys(answer.error for answer in answers if answer.error):
            log.info("%s: no neighbour is looked for: %s", identity.name, error)
        criteria = Criteria(tile, coverage=0.0, same_zone=same_zone)
        return [part.candidate.found for part in partners(main, _found(answers), criteria, self._inspect)]

    def _inspect(self, found: Found) -> Inspection:
        """What the metadata of a candidate tell, read once; the catalogue's word saves opening it."""
        if found.cloud_cover is not None and found.footprint is not None:
            return Inspection(found.cloud_cover, found.footprint)
        details = self.store.details(found)
        return Inspection(details.cloud_cover, details.footprint, details.datastrip)

    def _history(self, tile: MGRSTile, start: date, decisions: list[Decision], answers: list[Answer]) -> list[Decision]:
        """Add the Sentinel-2 products before the period that fusion of the first Landsat dates needs."""
        selected = [decision.found.identity for decision in decisions if decision.decision == "selected"]
        landsat = [identity.date.date() for identity in selected if identity.is_landsat]
        if not landsat or self.request.fusion_history is None:
            return decisions
        first = min(landsat)
        have = {i.date.date() for i in selected if not i.is_landsat and i.date.date() <= first}
        missing = self.config.fusion.predict_nb_products - len(have)
        if missing <= 0:
            return decisions
        begin, end = start - timedelta(days=self.request.fusion_history), start - timedelta(days=1)
        more = self._search(tile, begin, end, ("Sentinel2",))
        answers += more
        earlier = select(_found(more), self._criteria(tile, begin, end), self._inspect, self._rule)
        known = {decision.found.location for decision in decisions if decision.decision != "dropped"}
        days = sorted({d.found.identity.date.date() for d in earlier if d.decision == "selected"}, reverse=True)[:missing]
        kept = []
        for decision in earlier:
            if decision.found.location in known:
                continue
            if decision.found.identity.date.date() in days:
                kept.append(replace(decision, reason=f"history for fusion; {decision.reason}"))
            elif decision.decision != "dropped":
                kept.append(replace(decision, decision="dropped", reason="earlier than fusion needs", partner_of=None))
            else:
                kept.append(decision)
        replaced = {decision.found.location for decision in kept}
        return [*kept, *(d for d in decisions if d.found.location not in replaced)]

    def _planned(self, tile: MGRSTile, decisions: list[Decision]) -> tuple[tuple[Planned, ...], dict[str, str]]:
        """Products to process in order, and by location what is there already and so left out."""
        planned: list[Planned] = []
        made: dict[str, str] = {}
        for decision in processing_order(decisions):
            found = decision.found
            others = tuple(Path(d.found.location) for d in decisions if d.partner_of is found)
            task = self.make_task(tile, Path(found.location), others)
            needs = tuple(p.task.path for p in planned if found.identity.is_landsat and _is_past(p.identity, found.identity))
            reason = made_from(task, self.config, found.identity, True if needs else None)
            product = None if reason else _opened(task)
            if product is not None:
                reason = too_cloudy(product, self.config) or already_made(task, self.config, product, True if needs else None)
            if reason:
                made[found.location] = reason
                continue
            planned.append(Planned(task, found.identity, needs, _memory_mb(product, self.config)))
        return tuple(planned), made


def _found(answers: Iterable[Answer]) -> list[Found]:
    """Candidates of all answers, each location once."""
    return list({found.location: found for answer in answers for found in answer.found}.values())


def _is_past(sentinel2: Identity, landsat: Identity) -> bool:
    """Whether fusion of a Landsat product may use a Sentinel-2 product."""
    return not sentinel2.is_landsat and sentinel2.date.date() <= landsat.date.date()


def _candidate(tile: MGRSTile, decision: Decision, made: str | None) -> Candidate:
    word, reason = decision.decision, decision.reason
    if made is not None:
        word, reason = "made before" if made.startswith(MADE_BEFORE) else "dropped", made
    return Candidate(tile.id, decision.found.location, word, reason, decision.tile_coverage, decision.cloud_cover)


def _opened(task: ProductTask) -> Product | None:
    """The product of a task; None when it cannot be opened now: running the task tells why."""
    try:
        return None if is_compressed(task.path) else open_product(task.path, task.tile)
    except (Sen2LikeError, OSError) as e:
        log.debug("%s cannot be opened yet: %s", task.path, e)
        return None


def _memory_mb(product: Product | None, config: Config) -> float:
    """Estimated peak memory of a product, from the size of its finest pixels, or of those it will be fused to."""
    pixel = USUAL_PIXEL_M
    if product is not None and product.bands:
        finest = min(product.bands.values(), key=lambda band: band.resolution)
        try:
            pixel = abs(read_geobox(finest.path).resolution.x)
        except ProductError as e:
            log.debug("%s: its pixel size cannot be read yet: %s", product.name, e)
        if product.sensor != "S2":  # the panchromatic band has pixels of 15 m, fused ones of 10 m
            pixel *= 10 / 15 if config.processing.doFusion and config.processing.doPackagerL2F else 1
    side = int(TILE_SIZE_M / pixel) + 1
    return estimate_mb((side, side), IMAGES_HELD)
