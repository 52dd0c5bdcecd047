"""Which of several products of the same acquisition is the best one (spec 02 section 4, "Do better")."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sen2like.products.registry import Identity

TIERS = ("T1", "T2", "RT")
"""Landsat tiers, the best first: a T1 is geometrically accurate, RT is provisional."""
CORRECTIONS = ("L1TP", "L2SP", "L2SR", "L1GT", "L1GS")
"""Landsat levels, the best geometry first; L2SR lacks the surface temperature of L2SP."""


def same_view(a: Identity, b: Identity) -> bool:
    """Whether names tell the same ground at the same moment, however processed.

    Sentinel-2: satellite, datatake start, relative orbit, tile. Landsat: satellite, path, row, day.
    """
    if a.is_landsat:
        return (a.satellite, a.path, a.row, a.date.date()) == (b.satellite, b.path, b.row, b.date.date())
    return (a.satellite, a.date, a.orbit) == (b.satellite, b.date, b.orbit) and (a.tile == b.tile or None in (a.tile, b.tile))


def rank(identity: Identity, level: str | None) -> tuple[Any, ...]:
    """Greater for what is to be preferred.

    Sentinel-2: processing baseline, then generation time. Landsat: processing level like the one asked for (Level-1 where
    none is), tier, collection, correction, then processing date. Unknown is least.
    """
    generated = identity.generated or datetime.min
    if not identity.is_landsat:
        return identity.level == ("L2A" if level == "LEVEL2A" else "L1C"), identity.baseline or 0, generated
    return (
        identity.level.startswith("L2") == (level == "LEVEL2A"),
        -_place(identity.tier, TIERS),
        identity.collection or 0,
        -_place(identity.level, CORRECTIONS),
        generated,
    )


def _place(value: str | None, order: tuple[str, ...]) -> int:
    return order.index(value) if value in order else len(order)
