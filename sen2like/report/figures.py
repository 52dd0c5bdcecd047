"""Figures of the page: marks of a time series, displacement, shares, times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from lxml import etree

from sen2like.report import texts
from sen2like.report.markup import tag
from sen2like.report.model import Geometry, MaskShares, Offset, ProductReport, Step

_SIZE, _CENTRE, _RADIUS = 168, 84, 66
"""Displacement figure: side, centre and radius of the outer ring."""
_DAYS = (1, 2, 5, 10)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)
_MOST_TICKS = 8
_SHOWN_STEPS = 8


def mark(status: str) -> etree._Element:
    """Symbol of a status; each has a shape of its own, so that colour is not needed to tell them apart."""
    shapes = {
        "done": lambda: tag("circle", cx="8", cy="8", r="6"),
        "failed": lambda: tag("path", d="M3 3 L13 13 M13 3 L3 13"),
        "skipped": lambda: tag("circle", cx="8", cy="8", r="5"),
        "interrupted": lambda: tag("path", d="M8 2 L14 13 L2 13 Z"),
        "pending": lambda: tag("rect", x="3", y="3", width="10", height="10"),
    }
    return tag("svg", shapes[status](), class_=f"mark {status}", viewBox="0 0 16 16", width="16", height="16", aria_hidden="true")


def timeline(products: Sequence[tuple[ProductReport, str]]) -> etree._Element | None:
    """One row per satellite, one mark per date; `products` with the address each mark links to. None without dates."""
    dated = [(product, address, product.acquired) for product, address in products if product.acquired]
    if not dated:
        return None
    dates = [when for _, _, when in dated]
    margin = max(timedelta(hours=12), (max(dates) - min(dates)) * 0.02)
    first, last = min(dates) - margin, max(dates) + margin

    def place(when: datetime) -> str:
        return f"left:{100 * ((when - first) / (last - first)):.2f}%"

    rows = []
    for code in sorted({product.satellite for product, _, _ in dated}, key=lambda c: (not c.startswith("S2"), c)):
        marks = [
            tag(
                "a",
                mark(product.status),
                href=address,
                style=place(when),
                title=f"{texts.day(when)}, {texts.satellite(code)}: {texts.STATUS_WORDS[product.status]}",
                aria_label=f"{texts.day(when)}, {texts.satellite(code)}: {texts.STATUS_WORDS[product.status]}",
            )
            for product, address, when in dated
            if product.satellite == code
        ]
        rows += [tag("div", texts.satellite(code), class_="row-name"), tag("div", *marks, class_="track")]
    ticks = [tag("span", label, style=place(when)) for when, label in _ticks(first, last)]
    return tag("div", *rows, tag("div", class_="row-name"), tag("div", *ticks, class_="ticks"), class_="timeline")


def displacement(geometry: Geometry) -> etree._Element | None:
    """Mean displacement before (ring) and after correction (dot, with the RMSE around it), east to the right, metres."""
    before = geometry.before.offset if geometry.before else None
    after = geometry.after.offset if geometry.after else None
    rmse = geometry.after.rmse if geometry.after and geometry.after.rmse else 0.0
    lengths = [math.hypot(o.dx, o.dy) + extra for o, extra in ((before, 0.0), (after, rmse)) if o is not None]
    if not lengths:
        return None
    limit = _nice(max(lengths))
    scale = _RADIUS / limit
    parts: list[etree._Element] = [
        tag("circle", class_="ring", cx=_CENTRE, cy=_CENTRE, r=_RADIUS),
        tag("circle", class_="ring", cx=_CENTRE, cy=_CENTRE, r=_RADIUS / 2),
        tag("path", class_="ring", d=f"M{_CENTRE} 10 V{_SIZE - 10} M10 {_CENTRE} H{_SIZE - 10}"),
        tag("text", f"{limit:g} m", class_="axis", x=_CENTRE + 3, y=_CENTRE - _RADIUS - 4),
        tag("text", "N", class_="axis", x=_CENTRE - 11, y="15"),
        tag("text", "E", class_="axis", x=_SIZE - 12, y=_CENTRE - 4),
    ]
    if after is not None:
        x, y = _at(after, scale)
        if rmse:
            parts.append(tag("circle", class_="spread", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{max(rmse * scale, 1):.1f}"))
        parts.append(tag("circle", class_="after", cx=f"{x:.1f}", cy=f"{y:.1f}", r="3.5"))
    if before is not None:
        x, y = _at(before, scale)
        parts.append(tag("path", class_="before-line", d=f"M{_CENTRE} {_CENTRE} L{x:.1f} {y:.1f}"))
        parts.append(tag("circle", class_="refused" if geometry.rejected else "before", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4.5"))
    what = "Displacement against the reference image, before and after correction"
    return tag("svg", tag("title", what), *parts, class_="shift", viewBox=f"0 0 {_SIZE} {_SIZE}", role="img")


def shares(masks: MaskShares) -> etree._Element:
    """Clear, masked and missing parts of the tile as one bar with its legend."""
    data = 100 - masks.nodata_of_tile
    clear = data * masks.valid_of_data / 100
    parts = (("clear", "clear", clear), ("masked", "masked", data - clear), ("missing", "no data", masks.nodata_of_tile))
    bar = [tag("span", class_=f"part {kind}", style=f"width:{max(share, 0):.2f}%") for kind, _, share in parts]
    legend = [
        tag("span", tag("i", class_=f"part {kind}"), f"{name} {texts.number(max(share, 0))} %", class_="key")
        for kind, name, share in parts
    ]
    return tag("div", tag("div", *bar, class_="bar"), tag("div", *legend, class_="legend"))


def step_times(steps: Sequence[Step]) -> etree._Element | None:
    """A bar per block and kind of input or output, longest first; the small ones together."""
    spent: dict[str, float] = {}
    for step in steps:
        spent[step.name] = spent.get(step.name, 0.0) + step.seconds
    total = sum(spent.values())
    if not total:
        return None
    ordered = sorted(spent.items(), key=lambda item: -item[1])
    shown = [item for item in ordered[:_SHOWN_STEPS] if item[1] >= total / 200]
    others = len(ordered) - len(shown)
    rest = total - sum(seconds for _, seconds in shown)
    rows = [_time_row(name, seconds, shown[0][1]) for name, seconds in shown]
    if others:
        rows.append(_time_row(f"{others} more" if shown else texts.plural(others, "step"), rest, shown[0][1] if shown else total))
    return tag("div", *rows, class_="times")


def status_bar(counts: Iterable[tuple[str, int]]) -> etree._Element:
    """The run's products by status, as one bar with its legend."""
    present = [(status, count) for status, count in counts if count]
    bar = [tag("span", class_=f"part {status}", style=f"flex-grow:{count}") for status, count in present]
    legend = [
        tag("span", mark(status), tag("b", str(count)), f" {texts.STATUS_WORDS[status]}", class_="key")
        for status, count in present
    ]
    return tag("div", tag("div", *bar, class_="bar grow"), tag("div", *legend, class_="legend"), class_="status-bar")


def _time_row(name: str, seconds: float, longest: float) -> etree._Element:
    bar = tag("span", tag("i", style=f"width:{100 * min(1, seconds / longest) if longest else 0:.1f}%"), class_="time-bar")
    return tag("div", tag("span", name, class_="time-name"), bar, tag("span", texts.duration(seconds), class_="time-value"))


def _at(offset: Offset, scale: float) -> tuple[float, float]:
    return _CENTRE + offset.dx * scale, _CENTRE + offset.dy * scale


def _nice(value: float) -> float:
    """Smallest of 1, 2, 5 times a power of ten that is not below `value`, at least 1."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _ticks(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """At most `_MOST_TICKS` round dates between two times, with their labels."""
    days = (last - first).days + 1
    for step in _DAYS:
        if days <= step * _MOST_TICKS:
            start = first.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            dates = [start + timedelta(days=n) for n in range(days + 1)]
            round_ones = [d for d in dates if (d.day - 1) % step == 0 and d < last and not (step > 1 and d.day == 31)]
            return [(d, f"{d.day} {d:%b}") for d in round_ones]
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((s for s in _MONTHS if months <= s * _MOST_TICKS), _MONTHS[-1])
    count = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    starts = [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in count if n % step == 0]
    return [(d, f"{d:%b %Y}" if step < 12 else f"{d:%Y}") for d in starts if first < d < last]
