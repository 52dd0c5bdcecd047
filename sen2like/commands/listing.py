"""``list``: which mode a target is meant for; that mode then lists (``--no-run``)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sen2like.errors import ProductError, UsageError
from sen2like.products.registry import recognise, recognise_name

_TILE = re.compile(r"\s*T?\d{2}[A-Z]{3}\s*", re.IGNORECASE)
_SEARCHING = ("start_date", "end_date", "l2a", "fusion_history", "tiles")


def mode_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a mode with ``--no-run`` that say what ``list TARGET`` asks.

    `UsageError`: the target is nothing that can be listed, or options do not go with it.
    """
    target = given["target"]
    words = {key: value for key, value in given.items() if key != "target"}
    words |= {"no_run": True, "list_format": given.get("list_format", "table")}
    path = Path(target)
    if _TILE.fullmatch(target):  # a folder of that name is ./31TFJ
        _refuse(given, ("tile", "tiles"), f"tile {target.strip()}")
        return words | {"mode": "single-tile-mode", "tile": target}
    if not path.exists():
        raise UsageError(f"{target} is neither a tile such as 31TFJ nor an existing file or folder; correct it")
    if path.is_dir() or _is_product(path):
        _refuse(given, _SEARCHING, f"product {target}")
        return words | {"mode": "product-mode", "product": path}
    if "tile" in given:
        _refuse(given, ("tiles",), f"region {target} with --tile")
        return words | {"mode": "roi-based-mode", "roi": path}
    return words | {"mode": "multi-tile-mode", "roi": path}


def _is_product(path: Path) -> bool:
    """Whether a file is a product, if perhaps a damaged one: product-mode tells what is wrong with it."""
    try:
        if recognise_name(path.name) is None:
            recognise(path)
    except ProductError:
        return False
    return True


def _refuse(given: Mapping[str, Any], options: tuple[str, ...], target: str) -> None:
    wrong = [f"--{name.replace('_', '-')}" for name in options if name in given]
    if wrong:
        raise UsageError(f"{', '.join(wrong)}: has no meaning for {target}; leave it out")
