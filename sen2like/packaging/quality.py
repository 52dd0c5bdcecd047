"""Quality report ``L2H_QUALITY.xml`` / ``L2F_QUALITY.xml`` (spec 11 section 6).

Its lists, values and default texts are the table ``data/quality_report.csv``. A value comes from the blocks of this run
(`ProcessingRecord.quality`), else from the report of a Level-2A input, else it is the default.

``globalStatus`` is ``FAILED`` when this run found something out of limits: pixels inside the image that came out as NaN or
infinite (``NON_FINITE_PIXELS`` above 0), or a displacement too large to be believed and so not corrected
(``SHIFT_REJECTED`` ``True``). Both values are in the report only when a block has set them. All else is ``PASSED``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import groupby

from lxml import etree

import sen2like
from sen2like.errors import MetadataError
from sen2like.packaging import schemas
from sen2like.packaging.output import OutputProduct, table
from sen2like.packaging.product_xml import computed_time
from sen2like.packaging.xmltree import XSI, SourceDocument, stripped

OPTIONAL = "-"
"""Default of values that are written only when set."""


def build(product: OutputProduct, psd: int = 14) -> etree._Element:
    """The report's root; what the record holds but the report has no place for is told as a warning."""
    level, values = product.level, _values(product)
    uri = schemas.namespace(schemas.QUALITY, level)
    root = etree.Element(etree.QName(uri, f"{level}_Quality_File"), nsmap={None: uri, "xsi": XSI})
    root.set(etree.QName(XSI, "schemaLocation"), f"{uri} ../../../rep_info/{schemas.name(schemas.QUALITY, level)}")
    _header(_add(_add(root, f"{level}_Quality_Header"), "Fixed_Header"), product)
    report = _add(
        _add(root, "Data_Block", type="xml"), "report",
        gippVersion="1.0", globalStatus=global_status(product), date=computed_time(product.production_time),
    )  # fmt: skip
    used = set()
    for (parent, name), rows in groupby(_rows(product, psd), key=lambda row: (row["parent"], row["name"])):
        checks = _add(report, "checkList")
        _add(checks, "parentID", parent)
        _add(checks, "name", name)
        _add(checks, "version", product.names.baseline.dotted)
        _item(checks, parent, product)
        for message, group in groupby(rows, key=lambda row: row["message"]):
            check = _add(checks, "check")
            _add(check, "message", message, contentType="text/plain")
            extra = _add(check, "extraValues")
            for row in group:
                for key, value in _entries(row, values):
                    _add(extra, "value", value, name=key)
                    used.add(key)
    known = {row["value"] for row in table("quality_report.csv")}
    for key in sorted(product.record.quality.keys() - used - known):
        product.record.warn(f"quality value {key} has no place in the quality report")
    return root


def global_status(product: OutputProduct) -> str:
    """``PASSED`` or ``FAILED``; see the module's description."""
    values = product.record.quality
    failed = _number(values.get("NON_FINITE_PIXELS")) not in (None, 0) or values.get("SHIFT_REJECTED") == "True"
    return "FAILED" if failed else "PASSED"


def validate_quality(xml: bytes) -> list[str]:
    """What is wrong with a quality report by its schema, one line each; empty when it is valid.

    Text that is not well-formed XML is a `MetadataError`.
    """
    return schemas.validate(xml, "quality report")


def as_json(report: etree._Element, warnings: Sequence[str] = ()) -> bytes:
    """The values of a report as typed JSON, numbers, booleans and null instead of text and ``NONE``; and the run's warnings."""
    status = report.find(".//{*}report")
    lists = {}
    for checks in report.iterfind(".//{*}checkList"):
        lists[checks.findtext("{*}name")] = {v.get("name"): _typed(v.text) for v in checks.iterfind(".//{*}value")}
    content = {"global_status": status.get("globalStatus"), "date": status.get("date"), "warnings": list(warnings), **lists}
    return json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _header(header, product: OutputProduct) -> None:
    level = product.level
    _add(header, "File_Name", f"{level}_QUALITY")
    _add(header, "File_Description", "Quality information obtained from Sen2like")
    _add(header, "Notes")
    _add(header, "Mission", product.names.mission)
    _add(header, "File_Class", "USER")
    _add(header, "File_Type", f"{level}_QLINFO")
    validity = _add(header, "Validity_Period")
    _add(validity, "Validity_Start", "UTC=0000-00-00T00:00:00")
    _add(validity, "Validity_Stop", "UTC=0000-00-00T00:00:00")
    _add(header, "File_Version", product.names.baseline.compact)
    source = _add(header, "Source")
    _add(source, "System", level)
    _add(source, "Creator", "Sen2like")
    _add(source, "Creator_Version", sen2like.__version__)
    _add(source, "Creation_Date", f"UTC={product.production_time:%Y-%m-%dT%H:%M:%S}")


def _item(checks, parent: str, product: OutputProduct) -> None:
    """What the list is about: the input's tile folder for what Level-2A knows, else ours."""
    names = product.names
    level = "2a" if parent.startswith("L2A_") else product.level[1:].lower()
    folder = "AUX_DATA" if parent == "L2A_AUX" else "QI_DATA"
    attributes = {
        "class": f"http://www.esa.int/s2#pdi_level_{level}_tile_container",
        "className": f"PDI Level {level.upper()} Tile Folder",
        "name": names.granule,
        "url": f"{names.folder}/{names.granule_dir}/{folder}",
    }
    _add(checks, "item", **attributes)


def _values(product: OutputProduct) -> dict[str, str]:
    """Values set by this run, completed by those of the input's own report (first occurrence wins)."""
    values: dict[str, str] = {}
    data = product.source.document("quality")
    if data is not None:
        try:
            report = SourceDocument(data, f"L2A_QUALITY.xml of {product.source.name}")
        except MetadataError as e:
            product.record.warn(f"{e}; the quality report goes without its values")
        else:
            for element in report.elements("value"):
                name, text = element.get("name"), stripped(element)
                if name and text is not None:
                    values.setdefault(name, text)
            values["AC_PROCESSOR"] = "SEN2COR"
    return values | product.record.quality


def _entries(row: dict[str, str], values: dict[str, str]) -> list[tuple[str, str]]:
    """Names and texts a row of the table stands for; ``*`` stands for all that are set, sorted."""
    name = row["value"]
    if name.endswith("*"):
        return [(key, values[key]) for key in sorted(values) if fnmatchcase(key, name)]
    if row["default"] == OPTIONAL and name not in values:
        return []
    return [(name, values.get(name, row["default"]))]


def _rows(product: OutputProduct, psd: int) -> list[dict[str, str]]:
    """The table for one product: lists named after its level, and what PSD 15 calls otherwise in Level-2A inputs."""
    rows = []
    for row in table("quality_report.csv"):
        if product.level not in row["levels"].split():
            continue
        row = row | {key: row[key].format(level=product.level) for key in ("parent", "name")}
        if psd >= 15 and product.source.is_level2 and row["value"] == "DARK_FEATURES_PERCENTAGE":
            row = row | {"value": "CAST_SHADOW_PERCENTAGE"}
        rows.append(row)
    return rows


def _add(parent: etree._Element, name: str, text: object = None, /, **attributes: str) -> etree._Element:
    """Append an element in the parent's namespace: here, unlike in the metadata, all are in it."""
    child = etree.SubElement(parent, etree.QName(etree.QName(parent).namespace, name), attributes)
    if text is not None:
        child.text = str(text)
    return child


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _typed(text: str | None):
    if text is None or text in ("NONE", "TBW"):
        return None
    if text in ("True", "False"):
        return text == "True"
    number = _number(text)
    if number is None:
        return text
    return int(text) if text.lstrip("-").isdecimal() else number
