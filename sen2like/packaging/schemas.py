"""Schemas of the documents we write: which edition applies, and whether a document obeys it.

The three schemas in ``xsd/`` are written for L2H and PSD 14; those of L2F and PSD 15 differ in names only and are made
from them.
"""

from __future__ import annotations

import re
from importlib import resources

from lxml import etree

from sen2like.packaging import xmltree
from sen2like.record import ProcessingRecord

_PSD_14 = ("04.00", "05.00", "05.09", "05.10")
_PSD_15 = ("05.11",)
PRODUCT, TILE, QUALITY = "User_Product_Level-2H.xsd", "PDI_Level-2H_Tile_Metadata.xsd", "L2H_QUALITY.xsd"


def psd(baseline: str, record: ProcessingRecord | None = None) -> int:
    """Edition of the Sentinel-2 product specification of our output, 14 or 15 (spec 11 section 1, spec 03 section 3.6).

    Baselines before 04.00 (editions 12 to 14) are put out as 14; an unknown later one counts as 15, with a warning.
    """
    if baseline < "04.00" or baseline in _PSD_14:
        return 14
    if baseline not in _PSD_15 and record is not None:
        record.warn(f"processing baseline {baseline} is not known; its metadata are taken as those of PSD 15")
    return 15


def name(schema: str, level: str) -> str:
    """File name of a schema for ``L2H`` or ``L2F``."""
    return schema if level == "L2H" else schema.replace("2H", "2F")


def namespace(schema: str, level: str, psd: int = 14) -> str:
    """Target namespace of a schema (spec 11 section 1)."""
    if schema == QUALITY:
        return f"http://gs2.esa.int/DATA_STRUCTURE/{level.lower()}qiReport"
    return f"https://psd-{psd}.sentinel2.eo.esa.int/PSD/{name(schema, level)}"


def files(level: str, psd: int) -> dict[str, bytes]:
    """The schemas of one product by file name, as they are put into ``rep_info``."""
    return {name(schema, level): text(schema, level, psd) for schema in (PRODUCT, TILE, QUALITY)}


def text(schema: str, level: str, psd: int = 14) -> bytes:
    """XSD text of one edition."""
    xsd = (resources.files("sen2like.packaging") / "xsd" / schema).read_text("utf-8")
    if level != "L2H":
        # not IMAGE_FILE_2HF, which is called so at both levels
        xsd = re.sub("2H(?!F)", "2F", xsd).replace("l2h", "l2f")
    return xsd.replace("psd-14", f"psd-{psd}").encode("utf-8")


def validate(xml: bytes, what: str = "document") -> list[str]:
    """What is wrong with one of our documents by its schema, one line each; empty when it is valid."""
    root = xmltree.parsed(xml, what)
    uri = etree.QName(root).namespace
    for schema in (PRODUCT, TILE, QUALITY):
        for level in ("L2H", "L2F"):
            for edition in (14, 15):
                if uri == namespace(schema, level, edition):
                    compiled = etree.XMLSchema(etree.fromstring(text(schema, level, edition)))
                    compiled.validate(root)
                    return [f"line {error.line}: {error.message}" for error in compiled.error_log]
    return [f"{what}: root element is in namespace {uri!r}, which none of our documents uses"]
