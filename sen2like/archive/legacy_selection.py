"""Selection as ESA's sen2like 4.6 does it (spec 02 section 4, steps 2-8), defects included: only for comparisons.

One product per calendar day and instrument, Landsat 8 and 9 together; cloud cover is looked at when the choice is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sen2like.archive.criteria import (
    Criteria,
    Inspect,
    acquisition,
    refused_by_date,
    refused_by_level,
    refused_by_path,
)
from sen2like.archive.model import Decision, Found
from sen2like.archive.stitching import area_on_tile, examine, is_cloudy
from sen2like.grid.outlines import outline

TIERS = ("T2", "T1", "RT")
"""The tier that wins, first of all T2 (a defect of 4.6)."""


def select_legacy(candidates: Iterable[Found], criteria: Criteria, inspect: Inspect) -> list[Decision]:
    """A decision on every candidate; groups in order of first appearance, refused candidates last."""
    groups: dict[tuple, list[Found]] = {}
    refused = []
    for found in candidates:
        identity = found.identity
        reason = (
            refused_by_date(identity, criteria.start, criteria.end, whole_days=False)
            or refused_by_level(identity, criteria.level)
            or refused_by_path(found, criteria.excluded)
        )
        if not reason and not identity.is_landsat and found.footprint is not None:
            found, reason = _by_footprint(found, criteria)
        if reason:
            refused.append(Decision(found, "dropped", reason, found.tile_coverage, found.cloud_cover))
        else:
            groups.setdefault((identity.date.date(), identity.is_landsat), []).append(found)
    return [decision for members in groups.values() for decision in _of_day(members, criteria, inspect)] + refused


def _by_footprint(found: Found, criteria: Criteria) -> tuple[Found, str | None]:
    area = area_on_tile(found.identity, criteria.tile, found.footprint)
    coverage = 0.0 if area is None else area.area / outline(criteria.tile).area
    reason = None if coverage > criteria.coverage else f"coverage {100 * coverage:.3g} % not > {100 * criteria.coverage:.3g} %"
    return replace(found, tile_coverage=coverage), reason


def _of_day(members: Sequence[Found], criteria: Criteria, inspect: Inspect) -> list[Decision]:
    eligible = _by_tier(members)
    chosen = max(eligible, key=lambda found: found.tile_coverage or 0)
    cloud_cover = chosen.cloud_cover
    if acquisition(chosen.identity) in criteria.known:
        verdict = "dropped", "already produced"
    else:
        candidate = examine(chosen, criteria.tile, inspect)
        cloud_cover = candidate.cloud_cover
        cloudy = is_cloudy(candidate, criteria)
        verdict = (
            ("dropped", f"cloud {candidate.cloud_cover:.4g} > {criteria.cloud_cover:.4g}")
            if cloudy
            else ("selected", "best of the day" if len(members) > 1 else "meets all criteria")
        )
    decisions = []
    for found in members:
        if found is chosen:
            decisions.append(Decision(found, *verdict, found.tile_coverage, cloud_cover))
            continue
        what = "smaller or equal coverage than" if any(found is e for e in eligible) else "set aside for the tier of"
        reason = f"{what} {chosen.identity.name}, of the same day"
        decisions.append(Decision(found, "dropped", reason, found.tile_coverage, found.cloud_cover))
    return decisions


def _by_tier(members: Sequence[Found]) -> Sequence[Found]:
    """Of Landsat only the first of the winning tier; all where no name tells a tier."""
    if members[0].identity.is_landsat:
        for tier in TIERS:
            first = next((found for found in members if found.identity.tier == tier), None)
            if first is not None:
                return [first]
    return members
