"""`report.html`: a `Report` as one page that needs no other file, network or program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import get_args

from lxml import etree

from sen2like.report import figures, texts
from sen2like.report.as_json import write_text
from sen2like.report.card import card, status_chip, where
from sen2like.report.markup import Node, document, tag
from sen2like.report.model import ProductReport, ProductStatus, Report, TileReport

FILE_NAME = "report.html"
_STATUS_TITLE = {
    "done": "All products done", "some failed": "Some products failed", "all failed": "Every product failed",
    "interrupted": "The run was interrupted", "empty": "No product was found",
}  # fmt: skip
_FEW_CANDIDATES = 40
"""Longer listings are closed at first."""
_SORTING = """
document.querySelectorAll("table.sortable th").forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button"; button.append(...head.childNodes); head.append(button);
  button.addEventListener("click", () => {
    const table = head.closest("table"), body = table.tBodies[0], up = head.getAttribute("aria-sort") !== "ascending";
    const index = head.cellIndex, key = row => row.cells[index].dataset.value ?? row.cells[index].textContent;
    const compare = (a, b) => a === "" || b === "" ? (a === "") - (b === "")
      : (up ? 1 : -1) * (isNaN(a) || isNaN(b) ? String(a).localeCompare(b) : a - b);
    [...body.rows].sort((a, b) => compare(key(a), key(b))).forEach(row => body.append(row));
    table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
  });
});
"""
"""The page is complete without it: it lets the reader sort the overview."""


def page(report: Report, archive: Path | None = None) -> str:
    """The text of the page. `archive`: where the pictures are now; None: where the report says."""
    archive = archive or Path(report.archive)
    anchors = {id(product): f"p{n}" for n, product in enumerate(report.products, 1)}
    links = {name: f"#{anchors[id(p)]}" for p in report.products for path in p.outputs for name in _names(path)}
    body = [_header(report), _attention(report, anchors)]
    for tile in report.tiles:
        body.append(_tile(tile, anchors, archive, links, alone=len(report.tiles) == 1))
    body += [_configuration(report), _footer(report)]
    css = (files("sen2like") / "report" / "style.css").read_text(encoding="utf-8")
    return document(f"{_title(report)} – sen2like", css, _SORTING, tag("main", *body))


def write(report: Report, path: Path, archive: Path | None = None) -> Path:
    """Write the page to `path`, complete or not at all."""
    return write_text(path, page(report, archive))


def _names(path: str) -> tuple[str, str]:
    """An output may be named with or without ``.SAFE``."""
    name = path.rpartition("/")[2]
    return name, name.removesuffix(".SAFE")


def _title(report: Report) -> str:
    tiles = [tile.tile for tile in report.tiles]
    if len(tiles) == 1:
        return f"Tile {tiles[0]}"
    return texts.plural(len(tiles), "tile") + (f": {', '.join(tiles)}" if 1 < len(tiles) <= 4 else "")


def _verdict(report: Report) -> str:
    found = any(tile.candidates for tile in report.tiles)
    return "Nothing had to be processed" if report.status == "empty" and found else _STATUS_TITLE[report.status]


def _header(report: Report) -> etree._Element:
    dates = [product.acquired for product in report.products if product.acquired]
    peaks = [product.peak_memory_mb for product in report.products if product.peak_memory_mb is not None]
    facts = [
        ("started", f"{report.started:%Y-%m-%d %H:%M} UTC"),
        ("took", texts.duration(report.seconds)),
        ("products", str(len(report.products))),
        ("written", texts.plural(sum(len(product.outputs) for product in report.products), "output")),
        ("warnings", str(sum(len(product.warnings) for product in report.products) + len(report.warnings))),
        *([("peak memory", texts.memory(max(peaks)))] if peaks else []),
    ]
    counts = [(status, report.counts.get(status, 0)) for status in get_args(ProductStatus)]
    return tag(
        "header",
        tag("p", "sen2like run report", class_="eyebrow"),
        tag("h1", _title(report), tag("span", texts.period(dates), class_="period") if dates else None),
        tag("p", _verdict(report), class_=f"verdict {report.status.replace(' ', '-')}"),
        figures.status_bar(counts) if report.products else None,
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="run-facts"),
        tag("p", tag("code", report.command), class_="command"),
        class_="top",
    )


def _attention(report: Report, anchors: dict[int, str]) -> etree._Element | None:
    """What a reader must not miss: failures, refused corrections, notices of the configuration."""
    items = [tag("li", warning) for warning in report.warnings]
    for product in report.products:
        tile = f"{product.tile}, " if len(report.tiles) > 1 else ""
        name = f"{tile}{texts.day(product.acquired)}, {texts.satellite(product.satellite)}"
        address = tag("a", name, href=f"#{anchors[id(product)]}")
        if product.failure:
            items.append(tag("li", address, " failed: ", *where(product), product.failure.cause))
        elif product.geometry and product.geometry.rejected:
            items.append(tag("li", address, ": the measured displacement was refused, the product stays where it is"))
    if not items:
        return None
    return tag("section", tag("h2", "Worth a look"), tag("ul", *items), class_="attention")


def _tile(tile: TileReport, anchors: dict[int, str], archive: Path, links: dict[str, str], alone: bool) -> etree._Element:
    linked = [(product, f"#{anchors[id(product)]}") for product in tile.products]
    series = figures.timeline(linked)
    heading = None if alone else tag("h2", f"Tile {tile.tile}", class_="tile-name")
    parts: list[Node] = [heading]
    if not tile.products:
        none = f"No product had to be processed for tile {tile.tile}." if tile.candidates else f"No product for tile {tile.tile}."
        parts.append(tag("p", none, class_="empty"))
    if series is not None:
        parts += [tag("h2", "Time series"), series]
    if tile.products:
        parts += [tag("h2", "Products"), _overview(linked)]
        parts += [card(product, anchors[id(product)], archive, links) for product in tile.products]
    parts.append(_candidates(tile))
    return tag("section", *parts, class_="tile")


def _overview(products: Sequence[tuple[ProductReport, str]]) -> etree._Element:
    """One line per product, to compare and to jump from; a column of which nothing is known is left out."""
    heads = ("date", "sensor", "status", "dx m", "dy m", "left m", "clear %", "AOT", "fused from", "time", "memory")
    lines = [_cells(product, address) for product, address in products]
    kept = [n for n in range(len(heads)) if any(line[n].get("data-value") != "" for line in lines)]
    rows = [tag("tr", *(line[n] for n in kept)) for line in lines]
    return _table([heads[n] for n in kept], rows, "overview sortable")


def _cells(product: ProductReport, address: str) -> list[etree._Element]:
    geometry, masks = product.geometry, product.masks
    offset = geometry.before.offset if geometry and geometry.before else None
    left = geometry.after.rmse if geometry and geometry.after else None
    clear = (100 - masks.nodata_of_tile) * masks.valid_of_data / 100 if masks else None
    aot = product.atmosphere.aot550 if product.atmosphere else None
    when = product.acquired
    fused = len(product.fusion.references) if product.fusion else None
    return [
        tag("td", tag("a", texts.day(when), href=address), data_value=when.timestamp() if when else math.inf),
        tag("td", product.satellite or "–"),
        tag("td", status_chip(product.status)),
        _figure_cell(offset.dx if offset else None, 1, sign=True),
        _figure_cell(offset.dy if offset else None, 1, sign=True),
        _figure_cell(left, 1),
        _figure_cell(clear, 0),
        _figure_cell(aot, 2),
        _figure_cell(fused, 0),
        tag("td", texts.duration(product.seconds), data_value=repr(product.seconds), class_="number"),
        tag("td", texts.memory(product.peak_memory_mb), data_value=_raw(product.peak_memory_mb), class_="number"),
    ]


def _figure_cell(value: float | None, decimals: int, sign: bool = False) -> etree._Element:
    return tag("td", texts.number(value, decimals, sign), data_value=_raw(value), class_="number")


def _raw(value: float | None) -> str:
    return "" if value is None else repr(value)


def _candidates(tile: TileReport) -> etree._Element | None:
    """Every product of the listing with its decision."""
    if not tile.candidates:
        return None
    rows = [
        tag(
            "tr",
            tag("td", c.decision, class_=f"decision {c.decision}"),
            tag("td", c.reason),
            tag("td", texts.number(None if c.tile_coverage is None else 100 * c.tile_coverage, 0), class_="number"),
            tag("td", texts.number(c.cloud_cover, 0), class_="number"),
            tag("td", tag("span", c.path.rpartition("/")[2] or c.path, title=c.path), class_="path"),
        )
        for c in tile.candidates
    ]
    selected = sum(c.decision == "selected" for c in tile.candidates)
    summary = f"Candidates: {selected} selected of {len(rows)}"
    table = _table(("decision", "reason", "coverage %", "cloud %", "product"), rows, "candidates")
    return tag("details", tag("summary", summary), table, class_="block", open=len(rows) <= _FEW_CANDIDATES)


def _table(heads: Sequence[str], rows: Sequence[Node], kind: str) -> etree._Element:
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in heads)))
    return tag("div", tag("table", head, tag("tbody", *rows), class_=kind), class_="scroll")


def _configuration(report: Report) -> etree._Element:
    """Closed at first; values that differ from the default stand out."""
    sections: dict[str, list[Node]] = {}
    for setting in report.configuration:
        row = tag(
            "tr", tag("td", setting.key), tag("td", setting.value), tag("td", setting.origin),
            class_="default" if setting.origin == "default" else None,
        )  # fmt: skip
        sections.setdefault(setting.section, []).append(row)
    parts = [
        node
        for name, rows in sections.items()
        for node in (tag("h4", name), _table(("key", "value", "from"), rows, "configuration"))
    ]
    name = f"Configuration {report.configuration_name}".rstrip()
    return tag("details", tag("summary", name), *parts, class_="block")


def _footer(report: Report) -> etree._Element:
    v = report.versions
    software = f"sen2like {v.sen2like}, Python {v.python}, GDAL {v.gdal}, NumPy {v.numpy}, OpenCV {v.opencv}"
    places = f"Archive {report.archive}" + (f". Working folder {report.run_dir}" if report.run_dir else "")
    data = f"The same as data: report.json, schema {report.schema_version}"
    return tag("footer", *(tag("p", text) for text in (software, places, data)))
