"""All documents of an output product, written into its (temporary) folder: metadata XML and JSON, quality report, STAC item."""

from __future__ import annotations

from pathlib import Path

from sen2like.errors import MetadataError
from sen2like.packaging import product_xml, quality, schemas, stac, tile_xml, xmltree
from sen2like.packaging.names import ProductNames
from sen2like.packaging.output import MeanAngles, OutputProduct, WrittenFile, WrittenImage

__all__ = ["MeanAngles", "OutputProduct", "ProductNames", "WrittenFile", "WrittenImage", "write_documents"]


def write_documents(folder: Path, product: OutputProduct, json_metadata: bool = True) -> tuple[str, ...]:
    """Write every document of `product` below `folder` and return their paths relative to it.

    Product and tile metadata (XML, and JSON when `json_metadata`), quality report (the same), their schemas in ``rep_info``
    and the STAC item. Images and auxiliary files must be there already. Everything is built before the first file is
    written, so bad input metadata (`MetadataError`) leave nothing behind.
    """
    names = product.names
    sources = source_documents(product)
    psd = schemas.psd(product.source.baseline, product.record) if product.is_sentinel2 else 14
    product_metadata = product_xml.build(product, sources, psd)
    tile_metadata = tile_xml.build(product, sources, psd)
    report = quality.build(product, psd)
    contents = {
        names.quality_report: xmltree.serialised(report),
        names.tile_metadata: xmltree.serialised(tile_metadata),
        names.product_metadata: xmltree.serialised(product_metadata),
    }
    for path, xml in list(contents.items()):
        for problem in schemas.validate(xml, path):
            product.record.warn(f"{path}: {problem}")
    if json_metadata:
        contents[_json(names.quality_report)] = quality.as_json(report, product.record.warnings)
        contents[_json(names.tile_metadata)] = xmltree.as_json(tile_metadata)
        contents[_json(names.product_metadata)] = xmltree.as_json(product_metadata)
    for name, xsd in schemas.files(product.level, psd).items():
        contents[f"rep_info/{name}"] = xsd
    for path, content in contents.items():
        _write(folder / path, content)
    _write(folder / names.stac_item, stac.as_json(stac.item(product, sources, folder)))
    return (*contents, names.stac_item)


def source_documents(product: OutputProduct) -> dict[str, xmltree.SourceDocument]:
    """Metadata documents of a Sentinel-2 input by kind, ``product`` and ``tile``; empty for other families.

    A missing or broken document is a `MetadataError` that names the product.
    """
    if not product.is_sentinel2:
        return {}
    found = {}
    for kind in ("product", "tile"):
        data = product.source.document(kind)
        if data is None:
            raise MetadataError(f"{product.source.name} has no {kind} metadata document (MTD*.xml); fetch the product again")
        found[kind] = xmltree.SourceDocument(data, f"{kind} metadata of {product.source.name}")
    return found


def _json(path: str) -> str:
    return path.removesuffix("xml") + "json"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
