"""Memory must not grow with the number of products: twelve coarse ones in one process, and what it holds after each.

Every third product is of Landsat, so that the third and the last are of one kind. All twelve are different: what a cache
keeps for each would show. ``python -m benchmarks.memory CONFIG WD REFERENCE PRODUCT...`` is that process.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.inputs import TILE, inputs
from benchmarks.measure import RunFailed, used
from benchmarks.results import Result
from benchmarks.workloads import Bench, emptied
from sen2like.config import load
from sen2like.events import ProductFinished
from sen2like.execution.memory import resident_mb
from sen2like.orchestrator import run
from sen2like.request import Request

COARSE = 10
"""At least: the size of the pixels does not matter here."""
DAYS = (
    ("S2A", "2021-05-03"), ("S2B", "2021-05-08"), ("LS8", "2021-05-14"),
    ("S2A", "2021-05-13"), ("S2B", "2021-05-18"), ("LS9", "2021-05-22"),
    ("S2A", "2021-05-23"), ("S2B", "2021-05-28"), ("LS8", "2021-05-30"),
    ("S2A", "2021-06-02"), ("S2B", "2021-06-07"), ("LS9", "2021-06-07"),
)  # fmt: skip
SETTLED = 3
"""After so many products everything that stays has been loaded."""


def memory(bench: Bench) -> list[Result]:
    """Twelve coarse products one after the other in one process; of several runs the one that grew most."""
    coarse = max(COARSE, bench.inputs.coarse)
    given = bench.inputs if bench.inputs.coarse == coarse else inputs(bench.work, coarse)
    products = [given.another(*day) for day in DAYS]
    results = [_measured(bench, given.reference(), products, coarse) for _ in range(bench.runs)]
    return [max(results, key=lambda found: found.figures["growth"])]


def _measured(bench: Bench, reference: Path, products: list[Path], coarse: int) -> Result:
    archive, wd = bench.work / "archive_memory", bench.work / "wd" / "memory"
    emptied(archive)()
    wd.mkdir(parents=True, exist_ok=True)
    words = [bench.configuration("memory", archive), wd, reference, *products]
    usage, code = used([sys.executable, "-m", "benchmarks.memory", *map(str, words)], wd / "output.txt")
    output = (wd / "output.txt").read_text(errors="replace")
    if code:
        raise RunFailed(f"the run of {len(products)} products in one process failed: {output[-3000:]}")
    held = json.loads(output.strip().splitlines()[-1])
    figures = {
        "wall": usage.wall,
        "cpu": usage.cpu,
        "peak_gb": usage.peak_gb,
        "products": float(len(held)),
        "third_mb": held[SETTLED - 1],
        "last_mb": held[-1],
        "growth": held[-1] / held[SETTLED - 1] - 1,
    }
    return Result("memory", f"{len(held)} products", coarse, figures, series=tuple(held))


def held_after_each(conf: Path, wd: Path, reference: Path, products: list[Path]) -> list[float]:
    """Resident memory of this process, 10⁶ bytes, after each product is done."""
    config = load(conf)
    held = []
    for product in products:
        request = Request(product=product, tile=TILE, ref_image=reference, wd=wd)
        for event in run(request, config):
            if isinstance(event, ProductFinished) and event.status != "done":
                raise RunFailed(f"{event.product} {event.status}: {event.reason}")
        held.append(round(resident_mb(), 1))
    return held


if __name__ == "__main__":
    conf, wd, reference, *paths = map(Path, sys.argv[1:])
    print(json.dumps(held_after_each(conf, wd, reference, paths)))
