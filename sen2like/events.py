"""What a run tells its caller while it goes on; the command line is one such caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sen2like.record import ProcessingRecord


@dataclass(frozen=True)
class Candidate:
    """One product of the listing: what will be done with it, and why."""

    tile: str
    path: str
    decision: str
    """``selected``, ``partner`` (stitched to a selected one), ``made before`` or ``dropped``."""
    reason: str = ""
    tile_coverage: float | None = None
    """0..1"""
    cloud_cover: float | None = None
    """percent"""


@dataclass(frozen=True)
class RunStarted:
    """The run has begun; `run_dir` holds its log, and at its end its report."""

    run_dir: Path


@dataclass(frozen=True)
class Listed:
    """The candidates of a tile, those of one pass together."""

    tile: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class TileFailed:
    """Nothing, or not everything, can be done for a tile: an archive does not answer, or another run has the tile."""

    tile: str
    reason: str


@dataclass(frozen=True)
class ProductRetried:
    """A product will be processed once more from its beginning; what was told of it is void."""

    tile: str
    product: str
    reason: str


@dataclass(frozen=True)
class ProductStarted:
    tile: str
    product: str
    bands: tuple[str, ...]
    path: str = ""
    """Of the input; a renamed folder has another name than its product."""


@dataclass(frozen=True)
class StepDone:
    """One step of one product ended; `band` is None for steps of the whole product."""

    tile: str
    product: str
    step: str
    band: str | None
    seconds: float


@dataclass(frozen=True)
class ProductFinished:
    tile: str
    product: str
    status: str
    """``done``, ``failed``, ``skipped`` or ``interrupted``."""
    seconds: float
    outputs: tuple[Path, ...] = ()
    reason: str = ""
    """Why it failed or was skipped: block, band and cause."""
    record: ProcessingRecord | None = field(default=None, repr=False)
    path: str = ""
    """Of the input."""
    transient: bool = False
    """It failed for a reason that may pass, such as a network file system that did not answer."""
    peak_memory_mb: float | None = None
    """Largest resident memory of the process meanwhile, 10**6 bytes."""


@dataclass(frozen=True)
class RunFinished:
    run_dir: Path
    seconds: float


Event = RunStarted | Listed | TileFailed | ProductStarted | StepDone | ProductRetried | ProductFinished | RunFinished
