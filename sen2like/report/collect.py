"""`RunReport` listens to the events of a run and turns them into a `Report`."""

from __future__ import annotations

import builtins
import math
import platform
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import rasterio

import sen2like
from sen2like.config import Config
from sen2like.config.generate import as_text
from sen2like.config.schema import sections
from sen2like.config.sources import KEYS
from sen2like.errors import ProductError
from sen2like.events import (
    Event,
    Listed,
    ProductFinished,
    ProductRetried,
    ProductStarted,
    RunFinished,
    RunStarted,
    StepDone,
    TileFailed,
)
from sen2like.products.registry import Identity, recognise_name
from sen2like.record import ProcessingRecord
from sen2like.report.model import (
    AtmosphereUsed,
    BandTime,
    CandidateRow,
    Failure,
    FusionUsed,
    Geometry,
    MaskShares,
    Offset,
    Picture,
    ProductReport,
    ProductStatus,
    Report,
    Residuals,
    RunStatus,
    Setting,
    Step,
    TileReport,
    Versions,
)

_PHASES = ("preprocess", "process", "postprocess")
_ENDINGS = re.compile(r"\.(SAFE|zip|tgz|tar(\.\w+)?)$", re.IGNORECASE)
_FAILED_AT = re.compile(r"(?P<block>[A-Z][A-Za-z0-9]*)(?:, band (?P<band>\w+))?: (?P<cause>.+)", re.DOTALL)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(r"(?i)\b((?:access_?|api_?)?(?:token|key)|password|secret)=[^&\s,;'\"]+")


@dataclass
class _Course:
    """What is known of a product so far."""

    tile: str
    product: str
    began: datetime
    bands: tuple[str, ...] = ()
    steps: list[StepDone] = field(default_factory=list)
    finished: ProductFinished | None = None
    path: str = ""
    """Of the input, where it was told."""


class RunReport:
    """Give it every event of the run; `report` may be asked for at any time, also when the run was broken off."""

    def __init__(self, config: Config, command: Sequence[str], started: datetime | None = None):
        """`command`: the words of the command line. `started`: UTC, default now."""
        self._config = config
        self._command = without_credentials(shlex.join(command))
        self._started = started or datetime.now(UTC)
        self._listed: dict[str, list[CandidateRow]] = {}
        self._courses: dict[tuple[str, str], _Course] = {}
        self._refused: list[str] = []
        """What could not be done for whole tiles, and why."""
        self._ended: RunFinished | None = None
        self._run_dir: Path | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run_dir = event.run_dir
        elif isinstance(event, Listed):
            rows = (CandidateRow(c.path, c.decision, c.reason, c.tile_coverage, c.cloud_cover) for c in event.candidates)
            self._listed.setdefault(event.tile, []).extend(rows)
        elif isinstance(event, TileFailed):
            reason = event.reason.removeprefix(f"tile {event.tile} ").removeprefix(f"tile {event.tile}: ")
            self._refused.append(without_credentials(f"tile {event.tile}: {reason}"))
        elif isinstance(event, ProductRetried):
            self._courses.pop((event.tile, stem(event.product)), None)
        elif isinstance(event, ProductStarted):
            # a product that is tried once more starts anew: what it told before is void
            course = _Course(event.tile, event.product, datetime.now(UTC), event.bands, path=event.path)
            self._courses[event.tile, stem(event.product)] = course
        elif isinstance(event, StepDone):
            self._course(event).steps.append(event)
        elif isinstance(event, ProductFinished):
            course = self._course(event)
            course.finished, course.path = event, event.path or course.path
        elif isinstance(event, RunFinished):
            self._ended, self._run_dir = event, event.run_dir

    def report(self, now: datetime | None = None) -> Report:
        """All that is known. A product that began and did not end is ``interrupted``, one that never began ``pending``."""
        archive = Path(self._config.directories.archive_dir).resolve()
        now = now or datetime.now(UTC)
        names = [*self._listed, *(tile for tile, _ in self._courses if tile not in self._listed)]
        tiles = tuple(self._tile(tile, archive, now) for tile in dict.fromkeys(names))
        counts = Counter(product.status for tile in tiles for product in tile.products)
        return Report(
            status=_with_refused(_run_status(counts), self._refused),
            command=self._command,
            started=self._started,
            seconds=self._ended.seconds if self._ended else (now - self._started).total_seconds(),
            versions=versions(),
            archive=str(archive),
            run_dir=str(self._run_dir) if self._run_dir else None,
            counts={str(status): count for status, count in counts.items()},
            warnings=(*self._config.notices, *dict.fromkeys(self._refused)),
            configuration_name=self._config.name,
            configuration=settings(self._config),
            tiles=tiles,
        )

    def _course(self, event: StepDone | ProductFinished) -> _Course:
        if isinstance(event, ProductFinished) and event.path:  # one whose process died is told by the name of its folder
            for course in self._courses.values():
                if (course.tile, course.path) == (event.tile, event.path):
                    return course
        key = event.tile, stem(event.product)
        return self._courses.setdefault(key, _Course(event.tile, event.product, datetime.now(UTC)))

    def _tile(self, tile: str, archive: Path, now: datetime) -> TileReport:
        courses = [course for course in self._courses.values() if course.tile == tile]
        products = [_product(course, archive, now) for course in courses]
        begun = {stem(name) for course in courses for name in (course.product, Path(course.path).name)}
        candidates = self._listed.get(tile, [])
        for candidate in candidates:
            name = Path(candidate.path).name
            if candidate.decision == "selected" and stem(name) not in begun:
                products.append(_product(_Course(tile, name, now), archive, now, pending=True))
        products.sort(key=lambda p: (p.acquired is None, p.acquired or now, p.product))
        return TileReport(tile, tuple(candidates), tuple(products))


def versions() -> Versions:
    """Of the software running now."""
    return Versions(sen2like.__version__, platform.python_version(), rasterio.__gdal_version__, np.__version__, cv2.__version__)


def settings(config: Config) -> tuple[Setting, ...]:
    """Every value that holds, in file order, and where it comes from; those of named sources come from the file."""
    told = [
        (model.title, key, getattr(getattr(config, attribute), key), config.origins.get(key, "default"))
        for attribute, model in sections().items()
        for key in model.model_fields
    ]
    told += [(f"{one.title} {one.name}", key, getattr(one, key), config.name) for one in config.sources for key in KEYS]
    return tuple(Setting(title, key, without_credentials(as_text(value)), origin) for title, key, value, origin in told)


def without_credentials(text: str) -> str:
    """``https://user:password@host`` -> ``https://***@host`` and ``token=abc`` -> ``token=***``, wherever in the text."""
    return _SECRET.sub(r"\1=***", _CREDENTIALS.sub("***@", text))


def stem(name: str) -> str:
    """Name of a product without the endings of folder and archive, which differ between its path and its metadata."""
    while (shorter := _ENDINGS.sub("", name)) != name:
        name = shorter
    return name


def failure_of(reason: str) -> Failure:
    """Block, band and cause from the reason of a failure, ``Block, band Bxx: cause`` (`sen2like.pipeline`)."""
    found = _FAILED_AT.fullmatch(reason)
    if found is None or (found["band"] is None and _is_exception(found["block"])):
        return Failure(None, None, reason)
    return Failure(found["block"], found["band"], found["cause"])


def _is_exception(word: str) -> bool:
    """Unexpected errors are told as ``KeyError: ...``, which is no block."""
    return word.endswith(("Error", "Exception")) or hasattr(builtins, word)


def _with_refused(status: RunStatus, refused: Sequence[str]) -> RunStatus:
    """A tile for which an archive did not answer, or which another run holds, is a failure too."""
    if not refused:
        return status
    return {"done": "some failed", "empty": "all failed"}.get(status, status)  # type: ignore[return-value]


def _run_status(counts: Counter[ProductStatus]) -> RunStatus:
    if not counts:
        return "empty"
    if counts["interrupted"] or counts["pending"]:
        return "interrupted"
    if counts["failed"]:
        return "all failed" if counts["failed"] == counts.total() else "some failed"
    return "done"


def _product(course: _Course, archive: Path, now: datetime, pending: bool = False) -> ProductReport:
    finished = course.finished
    identity = _identity(course.product)
    status: ProductStatus = "pending" if pending else "interrupted"
    reason, seconds = "", (now - course.began).total_seconds()
    if finished is not None:
        status, reason, seconds = cast(ProductStatus, finished.status), finished.reason, finished.seconds
    elif not pending:
        reason = "the run ended while it was in work"
    record = finished.record if finished and finished.record else ProcessingRecord()
    outputs = finished.outputs if finished else ()
    return ProductReport(
        tile=course.tile,
        product=course.product,
        satellite=identity.satellite if identity else "",
        acquired=identity.date.replace(tzinfo=UTC) if identity else None,
        level=identity.level if identity else "",
        status=status,
        reason=reason,
        failure=failure_of(reason) if status == "failed" else None,
        seconds=seconds,
        peak_memory_mb=finished.peak_memory_mb if finished else None,
        stitched_with=tuple(record.derived_from),
        bands=course.bands,
        steps=_steps(record, course.steps),
        band_times=tuple(BandTime(s.band, s.seconds) for s in course.steps if s.band),
        geometry=_geometry(record),
        masks=_masks(record),
        atmosphere=_atmosphere(record),
        fusion=_fusion(record),
        lineage=tuple(_plain(step) for step in record.lineage),
        quality=dict(record.quality),
        warnings=tuple(record.warnings),
        outputs=tuple(_relative(path, archive) for path in outputs),
        pictures=tuple(picture for path in outputs for picture in _pictures(path, archive)),
    )


def _identity(name: str) -> Identity | None:
    try:
        return recognise_name(name)
    except ProductError:  # a name of our own outputs, or one without a date: it failed for that
        return None


def _steps(record: ProcessingRecord, events: Sequence[StepDone]) -> tuple[Step, ...]:
    """Of the timers; of the events when the product ended before it had a record."""
    seconds: dict[tuple[str, str], float] = {}
    told = [(name, timer.seconds) for name, timer in record.timers.items()]
    for text, spent in told or [(event.step, event.seconds) for event in events if not event.band]:
        name, _, phase = text.rpartition(" ")
        key = (name, phase) if name and phase in _PHASES else (text, "process")
        seconds[key] = seconds.get(key, 0.0) + spent
    return tuple(Step(name, cast(Any, phase), spent) for (name, phase), spent in seconds.items())


def _geometry(record: ProcessingRecord) -> Geometry | None:
    """The first row of the correlation table is of the product as it came, when there was an attempt to correct it."""
    quality, rows = record.quality, record.correlation
    rejected = quality.get("SHIFT_REJECTED") == "True"
    before = after = None
    if rejected or "COREGISTRATION_BEFORE_CORRECTION" in quality:
        row = rows[0] if rows else {}
        before = Residuals(
            mean=_number(quality.get("COREGISTRATION_BEFORE_CORRECTION")),
            rmse_x=_number(quality.get("INPUT_RMSE_X")),
            rmse_y=_number(quality.get("INPUT_RMSE_Y")),
            rmse=None,
            offset=_offset(row.get("mean_x"), row.get("mean_y")),
            points=_count(row.get("total_valid_pixel")),
        )
    if "COREGISTRATION_AFTER_CORRECTION" in quality:
        after = Residuals(
            mean=_number(quality["COREGISTRATION_AFTER_CORRECTION"]),
            rmse_x=None,
            rmse_y=None,
            rmse=_number(quality.get("RMSE")),
            offset=_offset(quality.get("MEAN_X"), quality.get("MEAN_Y")),
            points=_count(quality.get("NB_OF_POINTS")),
        )
    step = _applied(record, "Geometry")
    if step is None and before is None and after is None:
        return None
    reference = quality.get("REF_IMAGE") or (step or {}).get("reference")
    return Geometry(Offset(record.shift.dx, record.shift.dy), rejected, before, after, str(reference) if reference else None)


def _masks(record: ProcessingRecord) -> MaskShares | None:
    valid, nodata = (_number(record.quality.get(f"{what}_PIX_PERCENTAGE")) for what in ("VALID", "NODATA"))
    return None if valid is None or nodata is None else MaskShares(valid, nodata)


def _atmosphere(record: ProcessingRecord) -> AtmosphereUsed | None:
    air = record.atmosphere
    if air is None:
        return None
    return AtmosphereUsed(air.aot550, air.water_vapour, air.ozone, air.pressure, air.source)


def _fusion(record: ProcessingRecord) -> FusionUsed | None:
    step = _applied(record, "Fusion")
    if step is None:
        return None
    shares, check = (record.quality.get(name) for name in ("PREDICTED_PIXELS_STATISTICS", "OVERALL_STATISTICS"))
    return FusionUsed(str(step["method"]), tuple(record.fused_from), shares, check)


def _applied(record: ProcessingRecord, block: str) -> dict | None:
    return next((step for step in record.lineage if step["block"] == block), None)


def _relative(path: Path, archive: Path) -> str:
    path = path.resolve()
    return path.relative_to(archive).as_posix() if path.is_relative_to(archive) else path.as_posix()


def _pictures(folder: Path, archive: Path) -> list[Picture]:
    level = re.search(r"L2[HF](?=_)", folder.name)
    found = sorted(folder.glob("GRANULE/*/QI_DATA/*.jpg"))
    kinds = ((path, re.search(r"_(THUMBNAIL|QL_\w+)$", path.stem)) for path in found)
    return [Picture(level[0], kind[1], _relative(path, archive)) for path, kind in kinds if kind and level]


def _offset(dx: object, dy: object) -> Offset | None:
    east, south = _number(dx), _number(dy)
    return None if east is None or south is None else Offset(east, south)


def _number(value: object) -> float | None:
    """First number of a text (a stitched product has one more); None for ``NONE``, NaN and the like."""
    try:
        number = float(str(value).split()[0])
    except (ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _plain(value: Any) -> Any:
    """The same as JSON types; numbers that JSON does not know become None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
