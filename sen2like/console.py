"""What the user sees of a run: a progress display on a terminal, log lines elsewhere, the listing and the summary."""

import csv
import io
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sen2like.events import Candidate, Event, Listed, ProductFinished, ProductRetried, ProductStarted, StepDone

log = logging.getLogger(__name__)

_STYLES = {"done": "green", "failed": "red", "skipped": "yellow", "interrupted": "yellow"}
_COLUMNS = ("tile", "decision", "reason", "tile_coverage", "cloud_cover", "path")


class Narrator:
    """Tells the events of a run. On a terminal (stderr) one line per product in work: tile, product, band, step."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress: Progress | None = None
        if console.is_terminal:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                TextColumn("{task.completed}/{task.total} bands"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._bands: dict[tuple[str, str], set[str]] = {}

    def __enter__(self) -> "Narrator":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def tell(self, event: Event) -> None:
        if isinstance(event, ProductStarted):
            log.info("%s on tile %s: bands %s", event.product, event.tile, " ".join(event.bands))
            self._start(event)
        elif isinstance(event, StepDone):
            log.debug("%s: %s%s in %.1f s", event.product, f"{event.band} " if event.band else "", event.step, event.seconds)
            self._step(event)
        elif isinstance(event, ProductRetried):
            self._finish(event)
        elif isinstance(event, ProductFinished):
            reason = f": {event.reason}" if event.reason else ""
            log.info("%s: %s in %.1f s%s", event.product, event.status, event.seconds, reason)
            self._finish(event)

    def _start(self, event: ProductStarted) -> None:
        if self._progress is not None:
            task = self._progress.add_task(f"{event.tile} › {event.product}", total=len(event.bands))
            self._tasks[event.tile, event.product] = task

    def _step(self, event: StepDone) -> None:
        task = self._tasks.get((event.tile, event.product))
        if self._progress is None or task is None:
            return
        seen = self._bands.setdefault((event.tile, event.product), set())
        if event.band:
            seen.add(event.band)
        words = " › ".join(word for word in (event.tile, event.product, event.band, event.step) if word)
        self._progress.update(task, description=words, completed=len(seen))

    def _finish(self, event: ProductFinished | ProductRetried) -> None:
        task = self._tasks.pop((event.tile, event.product), None)
        self._bands.pop((event.tile, event.product), None)
        if self._progress is not None and task is not None:
            self._progress.remove_task(task)


def listing(listed: Sequence[Listed], form: str) -> str:
    """The candidates of every tile. ``text``: the selected ones, in the lines of spec 01 section 4.8; ``table``, ``json``
    (one list) and ``csv``: all of them, with decision and reason.
    """
    candidates = [candidate for event in listed for candidate in event.candidates]
    if form == "text":
        return "\n".join(line for event in listed for line in _lines(event))
    if form == "json":
        return json.dumps([{name: asdict(c)[name] for name in _COLUMNS} for c in candidates], indent=2)
    if form == "csv":
        return _csv([_COLUMNS, *(_cells(candidate) for candidate in candidates)])
    return _table(_COLUMNS, [_cells(candidate, rounded=True) for candidate in candidates])


def summary(results: Iterable[ProductFinished]) -> str:
    """One row per product: tile, product, status, seconds, outputs, reason."""
    rows = [
        (r.tile, r.product, r.status, f"{r.seconds:.1f}", "\n".join(path.name for path in r.outputs), r.reason) for r in results
    ]
    return _table(("tile", "product", "status", "seconds", "outputs", "reason"), rows)


def _lines(event: Listed) -> list[str]:
    selected = [_line(candidate) for candidate in event.candidates if candidate.decision == "selected"]
    return [f"Tile: {event.tile}", *(selected or ["No product_urls found."])]


def _line(candidate: Candidate) -> str:
    known = candidate.tile_coverage, candidate.cloud_cover
    coverage = "" if known[0] is None else f"[ Tile coverage = {known[0] * 100:6.0f}% ]"
    cloud = "" if known[1] is None else f"[ Cloud coverage = {known[1]:6.0f}% ]"
    return f"{coverage} {cloud} {candidate.path}"


def _cells(candidate: Candidate, rounded: bool = False) -> tuple[str, ...]:
    values = asdict(candidate)
    for name, decimals in (("tile_coverage", 3), ("cloud_cover", 1)):
        if rounded and values[name] is not None:
            values[name] = f"{values[name]:.{decimals}f}"
    return tuple("" if values[name] is None else str(values[name]) for name in _COLUMNS)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().rstrip("\n")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A drawn table on a terminal; aligned columns, never cut, elsewhere."""
    if sys.stdout.isatty():
        table = Table(*header)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row), style=next((_STYLES[cell] for cell in row if cell in _STYLES), None))
        console = Console()
        with console.capture() as captured:
            console.print(table)
        return captured.get().rstrip("\n")
    flat = [[cell.replace("\n", " ") for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in flat) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in flat)
