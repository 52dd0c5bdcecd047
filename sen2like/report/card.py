"""The card of one product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from sen2like.report import figures, pictures, texts
from sen2like.report.markup import Node, tag
from sen2like.report.model import AtmosphereUsed, FusionUsed, Geometry, ProductReport


def card(product: ProductReport, anchor: str, archive: Path, links: Mapping[str, str]) -> etree._Element:
    """`archive`: where the pictures are. `links`: output name -> address of the card it belongs to."""
    parts = [part for part in (_look(product, archive, links), *_figures(product)) if part is not None]
    return tag(
        "article",
        _head(product),
        _trouble(product),
        tag("div", *parts, class_="panels") if parts else None,
        _details(product),
        class_=f"card {product.status}",
        id=anchor,
    )


def _head(product: ProductReport) -> etree._Element:
    bands = texts.plural(len(product.bands), "band") if product.bands else None
    memory = f"peak memory {texts.memory(product.peak_memory_mb)}" if product.peak_memory_mb is not None else None
    elapsed = texts.duration(product.seconds) if product.status != "pending" else None
    figures_ = " · ".join(text for text in (elapsed, bands, memory) if text)
    return tag(
        "header",
        tag(
            "div",
            tag("h3", texts.day(product.acquired), " ", tag("span", texts.satellite(product.satellite), class_="sensor")),
            status_chip(product.status),
            tag("span", figures_, class_="facts"),
            class_="card-title",
        ),
        tag("p", product.product, class_="name"),
    )


def status_chip(status: str) -> etree._Element:
    return tag("span", figures.mark(status), texts.STATUS_WORDS[status], class_=f"chip {status}")


def _trouble(product: ProductReport) -> etree._Element | None:
    """Why there is no result, and every warning."""
    notes = [tag("p", warning, class_="warning") for warning in product.warnings]
    if product.failure is not None:
        notes.insert(0, tag("p", *where(product), product.failure.cause, class_="error"))
    elif product.reason:
        notes.insert(0, tag("p", product.reason, class_="reason"))
    return tag("div", *notes, class_="notes") if notes else None


def where(product: ProductReport) -> list[Node]:
    """``Block Toa, band B04: `` of a failure."""
    failure = product.failure
    if failure is None or failure.block is None:
        return []
    band = f", band {failure.band}" if failure.band else ""
    return [tag("b", f"{failure.block}{band}"), ": "]


def _look(product: ProductReport, archive: Path, links: Mapping[str, str]) -> etree._Element | None:
    """The pictures, and what fusion made them of."""
    shown = [_figure(picture) for picture in pictures.chosen(product, archive)]
    fusion = _fusion(product.fusion, links) if product.fusion else []
    if not shown and not fusion:
        return None
    return tag("section", tag("div", *shown, class_="pictures") if shown else None, *fusion, class_="look")


def _figure(picture: pictures.Shown) -> etree._Element:
    image: etree._Element
    if picture.uri:
        image = tag("img", src=picture.uri, alt=picture.caption, loading="lazy")
    else:
        image = tag("div", "no longer in the archive", class_="gone", title=picture.path)
    return tag("figure", image, tag("figcaption", picture.caption))


def _figures(product: ProductReport) -> list[etree._Element]:
    panels: list[etree._Element] = []
    if product.geometry:
        panels.append(_panel("Geometry", *_geometry(product.geometry)))
    facts: list[Node] = []
    if product.masks:
        stitched = [tag("p", f"Stitched with {name}", class_="note") for name in product.stitched_with]
        facts += [tag("h4", "Tile area"), figures.shares(product.masks), *stitched]
    if product.atmosphere:
        facts += [tag("h4", "Atmosphere"), *_atmosphere(product.atmosphere)]
    if facts:
        panels.append(tag("section", *facts, class_="panel"))
    times = figures.step_times(product.steps)
    if times is not None:
        panels.append(_panel("Time by block", times, tag("p", "Added over all threads.", class_="note")))
    return panels


def _panel(title: str, *children: Node) -> etree._Element:
    return tag("section", tag("h4", title), *children, class_="panel")


def _geometry(geometry: Geometry) -> list[Node]:
    before, after = geometry.before, geometry.after
    offset = before.offset if before else None
    rows: list[tuple[str, str]] = []
    if before:
        vector = f"{texts.number(offset.dx, sign=True)}, {texts.number(offset.dy, sign=True)} m" if offset else "–"
        rows.append(("measured", vector))
    applied = geometry.applied
    removed = f"{texts.number(applied.dx, sign=True)}, {texts.number(applied.dy, sign=True)} m"
    rows.append(("removed", "refused" if geometry.rejected else removed if applied.dx or applied.dy else "nothing"))
    if before or after:
        distances = (before.mean if before else None, after.mean if after else None)
        rows.append(("distance", f"{texts.number(distances[0])} → {texts.number(distances[1])} m"))
    if after and after.rmse is not None:
        rows.append(("RMSE after", f"{texts.number(after.rmse)} m"))
    counts = [str(r.points) if r and r.points is not None else "–" for r in (before, after)]
    if before or after:
        rows.append(("points", " → ".join(counts)))
    to = f" against {geometry.reference}" if geometry.reference else ""
    reference = tag("p", f"East, south in metres{to}", class_="note")
    return [figures.displacement(geometry), _facts(rows), reference]


def _atmosphere(air: AtmosphereUsed) -> list[Node]:
    rows = [
        ("AOT 550 nm", texts.number(air.aot550, 3)),
        ("water vapour", f"{texts.number(air.water_vapour, 2)} g/cm²"),
        ("ozone", f"{texts.number(air.ozone, 3)} cm-atm"),
        ("pressure", f"{texts.number(air.pressure)} hPa"),
    ]
    source = "default values: no CAMS data" if air.source == "DEFAULT" else air.source
    return [_facts(rows), tag("p", source, class_="warning" if air.source == "DEFAULT" else "note")]


def _fusion(fusion: FusionUsed, links: Mapping[str, str]) -> list[Node]:
    items = [tag("li", tag("a", name, href=links[name]) if name in links else name) for name in fusion.references]
    return [
        tag("h4", "Fusion"),
        tag("p", f"{fusion.method}, from {texts.plural(len(items), 'past product')}"),
        tag("ul", *items, class_="references") if items else None,
        tag("p", f"Clear in so many of them: {fusion.clear_references}", class_="note") if fusion.clear_references else None,
        tag("p", f"Compared with Landsat: {fusion.check}", class_="note") if fusion.check else None,
    ]


def _facts(rows: list[tuple[str, str]]) -> etree._Element:
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))


def _details(product: ProductReport) -> etree._Element | None:
    """Closed at first: outputs, what was done in order, time of each band, values of the quality report."""
    parts: list[Node] = []
    if product.outputs:
        parts += [tag("h4", "Outputs"), tag("ul", *(tag("li", path) for path in product.outputs), class_="paths")]
    if product.lineage:
        items = [tag("li", tag("b", str(step["block"])), _parameters(step)) for step in product.lineage]
        parts += [tag("h4", "Steps applied"), tag("ol", *items)]
    if product.band_times:
        rows = [(band.band, texts.duration(band.seconds)) for band in product.band_times]
        parts += [tag("h4", "Elapsed time by band"), tag("div", _facts(rows), class_="columns")]
    if product.quality:
        parts += [tag("h4", "Quality values"), tag("div", _facts(list(product.quality.items())), class_="columns wide")]
    if not parts:
        return None
    return tag("details", tag("summary", "Outputs, steps and values"), tag("div", *parts, class_="more"))


def _parameters(step: Mapping[str, object]) -> str:
    told = (f"{name} {_value(value)}" for name, value in step.items() if name != "block" and value is not None)
    return (": " + ", ".join(told)).rstrip(": ")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", texts.MINUS)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
