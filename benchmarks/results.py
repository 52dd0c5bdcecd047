"""Results of benchmarks: figures by name, their limits, the JSON file that keeps them, and the comparison with a baseline."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from sen2like.errors import UsageError

FIGURES = {
    "wall": "elapsed time, s",
    "floor": "decoding and encoding alone, s",
    "decode": "decoding, s",
    "encode": "encoding, s",
    "ratio": "elapsed time / floor",
    "cpu": "processor time, s",
    "peak_gb": "largest memory of one process, 10⁹ bytes",
    "sum_gb": "largest memory of all processes together, 10⁹ bytes",
    "products": "products processed",
    "megapixels": "decoded and encoded, 10⁶ pixels",
    "speed_up": "throughput / throughput of one product at a time",
    "growth": "memory after the last product / after the third, minus 1",
    "third_mb": "memory after the third product, 10⁶ bytes",
    "last_mb": "memory after the last product, 10⁶ bytes",
}
"""Figures a result may have."""
WORSE = 0.15
"""Share by which a ratio to the floor may be above that of the baseline."""


@dataclass(frozen=True)
class Limit:
    """What a figure of every result of a workload must keep to."""

    workload: str
    figure: str
    value: float
    least: bool = False
    """The figure must be at least, else at most, `value`."""

    def kept(self, found: float) -> bool:
        return found >= self.value if self.least else found <= self.value


LIMITS = (
    Limit("s2", "ratio", 1.3),
    Limit("s2", "peak_gb", 2.5),
    Limit("landsat", "ratio", 1.5),
    Limit("landsat", "peak_gb", 2.5),
    Limit("tile", "speed_up", 1.1, least=True),
    Limit("memory", "growth", 0.05),
    Limit("fusion", "wall", 3.0),
)


@dataclass(frozen=True)
class Result:
    """One measurement of a workload; of several runs the best: what disturbs a run only makes it slower."""

    workload: str
    label: str
    """What was run, unique within the workload."""
    coarse: int
    """Pixel size in units of 10 m; 1: true size."""
    figures: dict[str, float]
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds per step, added over threads and products."""
    series: tuple[float, ...] = ()
    """Memory (10⁶ bytes) after each product."""
    runs: tuple[float, ...] = ()
    """Elapsed time of each run, s."""

    @property
    def key(self) -> tuple[str, str, int]:
        return self.workload, self.label, self.coarse


@dataclass(frozen=True)
class Session:
    """Results measured one after the other on one machine."""

    when: str
    coarse: int
    environment: dict[str, object]
    results: tuple[Result, ...]


def limits_of(result: Result) -> list[tuple[Limit, bool]]:
    """Limits of a result and whether it keeps them."""
    of_workload = [limit for limit in LIMITS if limit.workload == result.workload and limit.figure in result.figures]
    return [(limit, limit.kept(result.figures[limit.figure])) for limit in of_workload]


def missed(session: Session) -> list[str]:
    """Limits that are not kept; they hold for true size only."""
    if session.coarse != 1:
        return []
    return [
        f"{result.workload}, {result.label}: {limit.figure} is {result.figures[limit.figure]:.3g}, "
        f"allowed {'at least' if limit.least else 'at most'} {limit.value:g}"
        for result in session.results
        for limit, kept in limits_of(result)
        if not kept
    ]


def worsened(session: Session, baseline: Session) -> list[str]:
    """Ratios to the floor that are more than `WORSE` above those of the baseline.

    `UsageError`: nothing of the session can be compared with the baseline.
    """
    before = {result.key: result.figures["ratio"] for result in baseline.results if "ratio" in result.figures}
    compared = [(r, before[r.key]) for r in session.results if "ratio" in r.figures and r.key in before]
    if not compared:
        raise UsageError("the baseline has no ratio to the floor of what was measured; measure the same workloads and pixel size")
    return [
        f"{result.workload}, {result.label}: {result.figures['ratio']:.2f} x floor, baseline {then:.2f} "
        f"(+{100 * (result.figures['ratio'] / then - 1):.0f} %, allowed +{100 * WORSE:.0f} %)"
        for result, then in compared
        if result.figures["ratio"] > then * (1 + WORSE)
    ]


def append(session: Session, path: Path) -> None:
    """Add a session to a file of results."""
    sessions = [*(sessions_of(path) if path.exists() else ()), session]
    part = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps({"sessions": [dataclasses.asdict(s) for s in sessions]}, indent=1, ensure_ascii=False) + "\n")
    part.replace(path)


def sessions_of(path: Path) -> list[Session]:
    """Sessions of a file of results, oldest first. `UsageError`: it cannot be read or is something else."""
    try:
        return [
            Session(s["when"], s["coarse"], s["environment"], tuple(_result(r) for r in s["results"]))
            for s in json.loads(path.read_text())["sessions"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}: no results of benchmarks ({cause}); give a file that this command wrote") from error


def latest(path: Path, coarse: int | None = None) -> Session:
    """The newest result of everything that was measured at one pixel size (None: that of the last session), as one session."""
    sessions = sessions_of(path)
    sessions = [s for s in sessions if s.coarse == (sessions[-1].coarse if coarse is None else coarse)]
    if not sessions:
        raise UsageError(f"{path}: no results{f' at coarse {coarse}' if coarse else ''}; run the benchmarks first")
    results = {result.key: result for session in sessions for result in session.results}
    return dataclasses.replace(sessions[-1], results=tuple(results.values()))


def _result(told: dict) -> Result:
    return Result(**{**told, "series": tuple(told["series"]), "runs": tuple(told["runs"])})
