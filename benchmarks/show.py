"""Results as tables: on the terminal (rich), and as Markdown between the markers of docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import Result, Session, limits_of
from sen2like.errors import UsageError

MARKERS = "<!-- {name} -->", "<!-- end of {name} -->"
COLUMNS = {
    "wall": ("time\ns", "{:.1f}"),
    "floor": ("floor\ns", "{:.1f}"),
    "ratio": ("time /\nfloor", "{:.2f}"),
    "cpu": ("CPU\ns", "{:.1f}"),
    "peak_gb": ("memory\nGB", "{:.2f}"),
    "sum_gb": ("with workers\nGB", "{:.2f}"),
    "speed_up": ("speed-up", "{:.2f}"),
    "growth": ("memory\ngrows by", "{:+.1%}"),
}
FEW = 0.01
"""Steps that take less than this share of all are put together."""
WORKLOADS = ("s2", "landsat", "tile", "area", "growth", "memory", "fusion")
"""In the order in which they are shown."""

Row = tuple[str, ...]


def ordered(session: Session) -> list[Result]:
    """Results in the order in which they are shown."""
    return sorted(session.results, key=lambda r: WORKLOADS.index(r.workload) if r.workload in WORKLOADS else len(WORKLOADS))


def figures(session: Session) -> tuple[Row, list[Row]]:
    """(titles, rows): every result with its figures and limits."""
    titles = ("workload", "what", *(title for title, _ in COLUMNS.values()), "limits")
    rows = []
    for result in ordered(session):
        found = [form.format(result.figures[name]) if name in result.figures else "" for name, (_, form) in COLUMNS.items()]
        limits = []
        for limit, kept in limits_of(result):
            mark = " MISSED" if not kept and session.coarse == 1 else ""
            limits.append(f"{_flat(COLUMNS[limit.figure][0])} {'≥' if limit.least else '≤'} {limit.value:g}{mark}")
        rows.append((result.workload, result.label, *found, ", ".join(limits)))
    return titles, rows


def steps(results: Sequence[Result]) -> tuple[Row, list[Row]]:
    """(titles, rows): seconds per step of each result that has steps, the longest first; short ones together."""
    results = [result for result in results if result.steps]
    total: dict[str, float] = {}
    for result in results:
        for name, seconds in result.steps.items():
            share = seconds / max(sum(result.steps.values()), 1e-9)
            total[name] = max(total.get(name, 0.0), share)
    shown = sorted((name for name, share in total.items() if share >= FEW), key=lambda name: -total[name])
    rows = [(name, *(f"{r.steps[name]:.1f}" if name in r.steps else "" for r in results)) for name in shown]
    rest = [sum(seconds for name, seconds in r.steps.items() if name not in shown) for r in results]
    rows.append(("others", *(f"{seconds:.1f}" for seconds in rest)))
    return ("step", *(f"{r.workload} {r.label}" for r in results)), rows


def per_pixel(session: Session) -> tuple[Row, list[Row]]:
    """(titles, rows): how the cost of a run grows, per million pixels that have to be decoded and encoded."""
    titles: Row = ("what", "products", "10⁶ pixels", "time\ns", "ms per\n10⁶ pixels", "time /\nfloor", "memory\nGB")
    rows: list[Row] = []
    for r in ordered(session):
        if r.workload in ("growth", "tile", "area"):
            f = r.figures
            label = r.label if r.workload == "growth" else f"{r.workload}, {r.label}"
            rows.append((label, f"{f['products']:.0f}", f"{f['megapixels']:.1f}", f"{f['wall']:.1f}",
                         f"{1000 * f['wall'] / f['megapixels']:.1f}", f"{f['ratio']:.2f}", f"{f['sum_gb']:.2f}"))  # fmt: skip
    return titles, rows


def where(session: Session) -> str:
    """Machine, versions and pixel size in one sentence."""
    e = session.environment
    size = "true size, 10 980 × 10 980 pixels" if session.coarse == 1 else f"pixels of {10 * session.coarse} m"
    versions = ", ".join(f"{name} {e[key]}" for name, key in (("Python", "python"), ("GDAL", "gdal"), ("OpenCV", "opencv")))
    return (
        f"{session.when[:10]}, {size}; {e['processor']}, {e['cores']} cores, {e['memory_gb']} GB, "
        f"{e['bands_in_flight']} files in flight; sen2like {e['sen2like']}, {versions}; load before: {e['load_before']}."
    )


def show(session: Session, console: Console) -> None:
    """Print all tables."""
    steps_of = [result for result in ordered(session) if result.workload != "growth"]
    for title, (titles, rows) in (
        ("Benchmarks", figures(session)),
        ("Seconds per step, added over threads", steps(steps_of)),
        ("How cost grows", per_pixel(session)),
    ):
        if len(titles) > 1 and rows:
            table = Table(title=title)
            for i, name in enumerate(titles):
                table.add_column(name, justify="left" if i == 0 or name in ("what", "limits") else "right")
            for row in rows:
                style = "red" if any("MISSED" in cell for cell in row) and session.coarse == 1 else None
                table.add_row(*row, style=style)
            console.print(table)
    if session.coarse != 1:
        console.print("limits are for true size; they are shown, not applied")


def document(session: Session, path: Path, picture: str) -> None:
    """Write the tables into the Markdown file `path`, between its markers. `UsageError`: a marker is missing.

    `picture`: address of the plot, relative to the file.
    """
    steps_of = [result for result in ordered(session) if result.workload in ("s2", "landsat", "tile")]
    memory = [r for r in session.results if r.workload == "memory"]
    series = [f"Memory after each product, MB: {', '.join(f'{mb:.0f}' for mb in r.series)}." for r in memory]
    parts = {
        "machine": f"Measured {where(session)}\n\n![Time over floor and seconds per step]({picture})",
        "figures": markdown(*figures(session)),
        "steps": markdown(*steps(steps_of)),
        "growth": markdown(*per_pixel(session)),
        "memory": "\n\n".join(series) or "Not measured.",
    }
    text = path.read_text()
    for name, content in parts.items():
        begin, end = (marker.format(name=name) for marker in MARKERS)
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise UsageError(f"{path}: {begin} ... {end} are not there once, in this order; put them where the part is to go")
        text = f"{text.partition(begin)[0]}{begin}\n{content}\n{end}{text.partition(end)[2]}"
    path.write_text(text)


def markdown(titles: Row, rows: Sequence[Row]) -> str:
    """A table; columns without any value are left out. ``Not measured.`` without rows."""
    if not rows or len(titles) < 2:
        return "Not measured."
    kept = [i for i in range(len(titles)) if any(row[i] for row in rows)]
    flat = [[_flat(cell).replace("|", "\\|") for cell in row] for row in (titles, *rows)]
    lines = ["| " + " | ".join(row[i] for i in kept) + " |" for row in flat]
    right = ["---:" if all(_number(row[i]) for row in rows) else "---" for i in kept]
    return "\n".join([lines[0], "|" + "|".join(right) + "|", *lines[1:]])


def _flat(title: str) -> str:
    return title.replace("\n", " ")


def _number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.]*%?", text) is not None
