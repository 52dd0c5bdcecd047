"""Results as a picture (SVG): time as a ratio to the floor, and the seconds of each step stacked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.results import LIMITS, Result, Session
from benchmarks.show import ordered

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 900, 210, 40, 20, 10, 46
COLOURS = ("#2c6fbb", "#e0862e", "#4a9b5b", "#b5494f", "#7d64a8", "#8a6552", "#cf7fb0", "#6e6e6e", "#b0a93a", "#3fa9b5")
LARGEST = 9
"""Steps with a colour of their own; the others are put together."""


def write(session: Session, path: Path) -> None:
    """Draw the results that have a floor into the file `path`."""
    results = [result for result in ordered(session) if "ratio" in result.figures]
    ratios, below = _ratios(results, TOP)
    stacks, height = _stacks([result for result in results if result.workload != "growth"], below + TOP)
    body = "\n".join([*ratios, *stacks])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n',
        encoding="utf-8",
    )


def _ratios(results: Sequence[Result], top: float) -> tuple[list[str], float]:
    """A bar for each result; the floor is a line, the limit of the workload a mark. (elements, lower end)"""
    limits = {limit.workload: limit.value for limit in LIMITS if limit.figure == "ratio"}
    largest = max([r.figures["ratio"] for r in results] + [limits.get(r.workload, 1.0) for r in results] + [1.0])
    scale = (WIDTH - LEFT - RIGHT - 40) / largest
    parts = [_text(LEFT, top - 16, "elapsed time / time to decode and encode alone", "start", "bold")]
    y = top
    for r in results:
        ratio = r.figures["ratio"]
        parts.append(_text(LEFT - 8, y + 15, f"{r.workload} · {r.label}", "end"))
        parts.append(_box(LEFT, y, ratio * scale, COLOURS[0], f"{ratio:.2f}: {r.figures['wall']:.1f} s"))
        parts.append(_text(LEFT + ratio * scale + 6, y + 15, f"{ratio:.2f}"))
        if r.workload in limits:
            x = LEFT + limits[r.workload] * scale
            parts.append(_line(x, y - 2, y + BAR + 2, "#b5494f", 3, f"limit {limits[r.workload]:g}"))
        y += BAR + GAP
    parts.append(_line(LEFT + scale, top - 6, y, "#222222", 1, "floor"))
    return parts, y


def _stacks(results: Sequence[Result], top: float) -> tuple[list[str], float]:
    """Seconds of the steps of each result side by side, per product. (elements, lower end)"""
    results = [result for result in results if result.steps]
    per_product = [{n: s / r.figures.get("products", 1.0) for n, s in r.steps.items()} for r in results]
    total: dict[str, float] = {}
    for found in per_product:
        for name, seconds in found.items():
            total[name] = total.get(name, 0.0) + seconds
    names = sorted(total, key=lambda name: -total[name])[:LARGEST]
    scale = (WIDTH - LEFT - RIGHT - 60) / max([sum(found.values()) for found in per_product], default=1.0)
    parts = [_text(LEFT, top - 16, "seconds per step and product, added over threads", "start", "bold")]
    y = top
    for r, found in zip(results, per_product, strict=True):
        parts.append(_text(LEFT - 8, y + 15, f"{r.workload} · {r.label}", "end"))
        x = float(LEFT)
        others = sum(seconds for name, seconds in found.items() if name not in names)
        for name, colour in zip([*names, "others"], COLOURS, strict=False):
            seconds = others if name == "others" else found.get(name, 0.0)
            if seconds > 0:
                parts.append(_box(x, y, seconds * scale, colour, f"{name}: {seconds:.2f} s"))
                x += seconds * scale
        parts.append(_text(x + 6, y + 15, f"{sum(found.values()):.1f} s"))
        y += BAR + GAP
    x = float(LEFT)
    y += GAP
    for name, colour in zip([*names, "others"] if results else [], COLOURS, strict=False):
        width = 26 + 7.2 * len(name)
        if x + width > WIDTH - RIGHT:
            x, y = float(LEFT), y + BAR + 2
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 17, y + 11, name))
        x += width
    return parts, y + 2 * BAR


def _box(x: float, y: float, width: float, colour: str, title: str) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.1):.1f}" height="{BAR}"'
    return f'<rect {size} fill="{colour}"><title>{escape(title)}</title></rect>'


def _line(x: float, y0: float, y1: float, colour: str, width: float, title: str) -> str:
    ends = f'x1="{x:.1f}" y1="{y0:.1f}" x2="{x:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"><title>{escape(title)}</title></line>'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
