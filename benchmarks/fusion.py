"""Fusion of one 10 m band with two past products, from arrays in memory to fused rows.

Everything fusion itself has to do: the detail of both products and all rows of the result, on two threads, both methods.
Reading past products and encoding the result are not part of it (workload ``landsat`` has them).
``python -m benchmarks.fusion SIZE RUNS`` is the process that is measured.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from benchmarks.measure import RunFailed, used
from benchmarks.results import Result
from benchmarks.workloads import Bench
from sen2like.grid.mgrs import TILE_SIZE_M
from sen2like.raster.image import for_each_strip
from sen2like.science.fusion import Detail, Fusion

THREADS = 2
OFFSET = 1000.0
W = 1.4
"""Of predict: a Landsat date somewhat after the second product."""
CLEAR = 0.8
"""Share of a past product that is clear, about."""


def fusion(bench: Bench) -> list[Result]:
    """Seconds per method, the best of the runs (at least three: they are short)."""
    wd = bench.work / "wd" / "fusion"
    wd.mkdir(parents=True, exist_ok=True)
    size = int(TILE_SIZE_M / (10 * bench.inputs.coarse))
    command = [sys.executable, "-m", "benchmarks.fusion", str(size), str(max(3, bench.runs))]
    _, code = used(command, wd / "output.txt")
    output = (wd / "output.txt").read_text(errors="replace")
    if code:
        raise RunFailed(f"fusion could not be measured: {output[-3000:]}")
    seconds = json.loads(output.strip().splitlines()[-1])
    return [
        Result("fusion", method, bench.inputs.coarse, {"wall": min(runs)}, runs=tuple(runs)) for method, runs in seconds.items()
    ]


def seconds(size: int, runs: int) -> dict[str, list[float]]:
    """Elapsed time of each run by method, for bands of `size` x `size` pixels of 10 m."""
    rng = np.random.default_rng(2021)
    past = [_dn(rng, size) for _ in range(2)]
    masks = [(_smooth(rng, size // 2) < CLEAR).astype(np.uint8) for _ in range(2)]
    coarse = size // 3
    landsat = cv2.resize(_dn(rng, size).astype(np.float32) / 10000, (coarse, coarse), interpolation=cv2.INTER_AREA)
    data = np.ones((coarse, coarse), np.uint8)
    found: dict[str, list[float]] = {"composite": [], "predict": []}
    with ThreadPoolExecutor(THREADS) as pool:
        for method, taken in found.items():
            for _ in range(runs):
                start = time.perf_counter()
                details = [Detail.of_band(dn, 10, 30, mask, pool, offset=OFFSET) for dn, mask in zip(past, masks, strict=True)]
                fused = Fusion(landsat, data, details, W if method == "predict" else None, nodata=np.nan)
                for_each_strip(lambda rows, fused=fused: fused.rows(rows.start, rows.stop), fused.shape, pool)  # type: ignore[misc]
                taken.append(time.perf_counter() - start)
    return found


def _dn(rng: np.random.Generator, size: int) -> np.ndarray:
    """A landscape: large and small structures, and noise; DN with the offset, no pixel without data."""
    values = 2500 * _smooth(rng, size) + 100 * rng.standard_normal((size, size), np.float32) + OFFSET + 400
    return values.clip(1, 65535).astype(np.uint16)


def _smooth(rng: np.random.Generator, size: int) -> np.ndarray:
    """0..1, structures of a hundredth of the image."""
    return np.asarray(cv2.resize(rng.random((100, 100), np.float32), (size, size), interpolation=cv2.INTER_LINEAR))


if __name__ == "__main__":
    print(json.dumps(seconds(int(sys.argv[1]), int(sys.argv[2]))))
