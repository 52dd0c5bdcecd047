"""Which candidates are processed for a tile, and why (spec 02 section 4): every candidate gets a decision with its reason.

`select` is the better way: what names tell is checked first, then the images of each pass are looked at together. Versions of
one image compete by cloud cover, baseline or tier; the image that covers most is selected, others of the pass complete it as
partners, and the coverage asked for is that of them all. Different satellites and orbits of a day do not compete.
`legacy_selection` is the way of ESA's sen2like 4.6, for comparisons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sen2like.archive.criteria import (
    Criteria,
    Inspect,
    acquisition,
    catalogued,
    refused_by_date,
    refused_by_name,
    refused_by_zone,
)
from sen2like.archive.legacy_selection import select_legacy
from sen2like.archive.model import Decision, Found
from sen2like.archive.ranking import rank
from sen2like.archive.stitching import (
    Candidate,
    add_parts,
    best_versions,
    covered,
    examine,
    is_cloudy,
    passes,
    refused_by_area,
)
from sen2like.grid.longitudes import seen_from
from sen2like.grid.outlines import central_meridian, outline

MODES = ("better", "legacy")
_EXACT = 1e-9
"""Coverage this little below the one asked for is enough: rounding of areas."""


def select(
    candidates: Iterable[Found], criteria: Criteria, inspect: Inspect = catalogued, mode: str = "better"
) -> list[Decision]:
    """A decision on every candidate: those of one pass (legacy: day) together, in order of first appearance, refused ones last.

    `inspect` opens metadata; it is called only for candidates whose name is acceptable.
    """
    if mode not in MODES:
        raise ValueError(f"selection mode {mode!r} is none of {', '.join(MODES)}")
    if mode == "legacy":
        return select_legacy(candidates, criteria, inspect)
    refused, accepted = [], []
    for found in candidates:
        reason = refused_by_name(found, criteria)
        reason = reason or refused_by_date(found.identity, criteria.start, criteria.end, whole_days=True)
        if reason:
            refused.append(Decision(found, "dropped", reason, found.tile_coverage, found.cloud_cover))
        else:
            accepted.append(found)
    return [decision for members in passes(accepted) for decision in _of_pass(members, criteria, inspect)] + refused


def processing_order(decisions: Iterable[Decision]) -> list[Decision]:
    """The selected ones as they are processed: all Sentinel-2 (fusion needs them), then Landsat, by day; else in given order."""
    selected = [decision for decision in decisions if decision.decision == "selected"]
    return sorted(selected, key=lambda d: (d.found.identity.is_landsat, d.found.identity.date.date()))


def _of_pass(members: Sequence[Found], criteria: Criteria, inspect: Inspect) -> list[Decision]:
    if any(acquisition(found.identity) in criteria.known for found in members):
        return [Decision(found, "dropped", "already produced", found.tile_coverage, found.cloud_cover) for found in members]
    everyone = [examine(found, criteria.tile, inspect) for found in members]
    outcome = {id(c): ("dropped", reason) for c in everyone if (reason := refused_by_area(c, criteria)) is not None}
    versions = best_versions([c for c in everyone if id(c) not in outcome], criteria)
    for candidate, better in versions:
        if better is not None:
            outcome[id(candidate)] = "dropped", _superseded(candidate, better, criteria)
    best = [candidate for candidate, better in versions if better is None]
    elsewhere = {id(c): reason for c in best if (reason := refused_by_zone(c.found.identity, criteria)) is not None}
    clear = [candidate for candidate in best if not is_cloudy(candidate, criteria) and id(candidate) not in elsewhere]
    if clear:
        outcome |= _of_images(max(clear, key=lambda c: _suitability(c, criteria)), best, criteria)
    else:
        outcome |= {id(c): ("dropped", elsewhere.get(id(c)) or _cloudy(c, criteria)) for c in best}
    main = next((c.found for c in everyone if outcome[id(c)][0] == "selected"), None)
    return [
        Decision(c.found, *outcome[id(c)], c.coverage, c.cloud_cover, main if outcome[id(c)][0] == "partner" else None)
        for c in everyone
    ]


def _of_images(main: Candidate, best: Sequence[Candidate], criteria: Criteria) -> dict[int, tuple[str, str]]:
    """Decisions on the different images of a pass, one of which would be the main one."""
    others = [candidate for candidate in best if candidate is not main]
    parts = add_parts(main, others, criteria.tile) if criteria.stitching else []
    together = [main, *(part.candidate for part in parts)]
    coverage = covered(together, outline(criteria.tile)) if parts else main.coverage
    if coverage is not None and coverage < criteria.coverage - _EXACT:
        few = f"coverage {100 * coverage:.3g} % < {100 * criteria.coverage:.3g} %" + (" with all of its pass" if parts else "")
        return {id(c): ("dropped", few) for c in best}
    outcome = {id(main): ("selected", _selected(main, together, coverage, criteria))}
    name = main.found.identity.name
    for part in parts:
        cloud = f" ({_cloudy(part.candidate, criteria)} on its own)" if is_cloudy(part.candidate, criteria) else ""
        outcome[id(part.candidate)] = "partner", f"partner of {name}, adds {100 * part.adds:.3g} % of the tile{cloud}"
    for other in others:
        if id(other) not in outcome:
            why = "adds nothing to" if criteria.stitching else "another image of the pass of"
            reason = f"{why} {name}" if not other.unreadable else f"cannot be read ({other.unreadable})"
            outcome[id(other)] = "dropped", _cloudy(other, criteria) if is_cloudy(other, criteria) else reason
    return outcome


def _suitability(candidate: Candidate, criteria: Criteria) -> tuple:
    """Greatest for the image to start from: readable, of most coverage (to 1 %), best version."""
    coverage = -1.0 if candidate.coverage is None else round(candidate.coverage, 2)
    return not candidate.unreadable, coverage, rank(candidate.found.identity, criteria.level)


def _selected(main: Candidate, together: Sequence[Candidate], coverage: float | None, criteria: Criteria) -> str:
    notes = []
    if main.unreadable:
        notes.append(f"its metadata cannot be read: {main.unreadable}")
    if len(together) > 1 and coverage is not None:
        count = f"{len(together) - 1} partner" + ("s" if len(together) > 2 else "")
        notes.append(f"covers {100 * coverage:.3g} % of the tile with {count}")
    if coverage is None:
        notes.append("coverage unknown")
    if main.cloud_cover is None:
        notes.append("cloud cover unknown")
    if criteria.roi is not None:
        middle = central_meridian(criteria.tile)
        region = seen_from(criteria.roi.geometry, middle).intersection(outline(criteria.tile))
        shown = covered(together, region) if region.area else None
        notes.append("part of the region unknown" if shown is None else f"shows {100 * shown:.3g} % of the region in the tile")
    return "; ".join(notes) if notes else "meets all criteria"


def _superseded(candidate: Candidate, better: Candidate, criteria: Criteria) -> str:
    if candidate.unreadable and not better.unreadable:
        return f"cannot be read ({candidate.unreadable})"
    if is_cloudy(candidate, criteria):
        return _cloudy(candidate, criteria)
    if candidate.found.identity.name == better.found.identity.name:
        return f"the same product as {better.found.location}"
    return f"superseded by {better.found.identity.name}"


def _cloudy(candidate: Candidate, criteria: Criteria) -> str:
    return f"cloud {candidate.cloud_cover:.4g} > {criteria.cloud_cover:.4g}"
