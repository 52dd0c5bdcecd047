"""Tile metadata ``MTD_TL_<LLL>.xml`` (spec 11 section 4).

Identifiers, times and mean angles of a Sentinel-2 input are copied from its tile metadata; sizes and positions are those
of the images that were written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from lxml import etree

from sen2like.packaging import schemas
from sen2like.packaging.output import OutputProduct
from sen2like.packaging.product_xml import computed_time, copied, plain, tile_identifier
from sen2like.packaging.xmltree import SourceDocument, add, add_copy, document_root, section, stripped

LANDSAT_BAND_ORDER = (0, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12)
"""Order of the band ids in the list of mean view angles."""


def build(product: OutputProduct, sources: Mapping[str, SourceDocument], psd: int) -> etree._Element:
    """The document's root. `sources`: documents of a Sentinel-2 input, empty for other families; `psd`: 14 or 15."""
    source = sources.get("tile")
    root = document_root(
        schemas.namespace(schemas.TILE, product.level, psd),
        f"Level-{product.level[1:]}_Tile_ID",
        f"../../rep_info/{schemas.name(schemas.TILE, product.level)}",
    )
    _general(section(root, "General_Info"), product, source)
    geometric = section(root, "Geometric_Info")
    _geocoding(add(geometric, "Tile_Geocoding", metadataLevel="Brief"), product, source)
    _angles(add(geometric, "Tile_Angles", metadataLevel="Standard"), product, source)
    _quality(section(root, "Quality_Indicators_Info", metadataLevel="Standard"), product, source)
    return root


def _general(general, product: OutputProduct, source: SourceDocument | None) -> None:
    own = product.source
    level1: str | None
    level2: str | None
    if source is None:
        level1, level2 = product.l1_identifier or own.name, None
    elif own.is_level2:
        # until 2018 the element was called L1C_TILE_ID or L1_TILE_ID, as ours is
        level1, level2 = source.text("L1C_TILE_ID") or source.text("L1_TILE_ID"), source.text("TILE_ID")
    else:
        level1, level2 = source.text("TILE_ID"), None
    if level1 is not None:
        add(general, "L1_TILE_ID", level1, metadataLevel="Brief")
    add(general, "L2A_TILE_ID", level2 or "NONE", metadataLevel="Brief")
    add(general, "TILE_ID", tile_identifier(product, source), metadataLevel="Brief")
    if source is not None:
        for name in ("DATASTRIP_ID", "DOWNLINK_PRIORITY", "SENSING_TIME", "Archiving_Info"):
            copied(general, name, source, product)
        return
    add(general, "DATASTRIP_ID", "NONE", metadataLevel="Standard")
    add(general, "DOWNLINK_PRIORITY", "NOMINAL", metadataLevel="Standard")
    add(general, "SENSING_TIME", computed_time(own.acquisition), metadataLevel="Standard")
    archiving = add(general, "Archiving_Info", metadataLevel="Expertise")
    add(archiving, "ARCHIVING_CENTRE", "ZZZ_")
    add(archiving, "ARCHIVING_TIME", computed_time(own.generation_time))


def _geocoding(geocoding, product: OutputProduct, source: SourceDocument | None) -> None:
    zone = f"{product.tile.epsg % 100:02d}{'S' if product.tile.epsg // 100 == 327 else 'N'}"
    copied_name = source.text("HORIZONTAL_CS_NAME") if source is not None else f"WGS84 / UTM {zone}"
    add(geocoding, "HORIZONTAL_CS_NAME", copied_name or f"WGS84 / UTM zone {zone}")
    add(geocoding, "HORIZONTAL_CS_CODE", f"EPSG:{product.tile.epsg}")
    grids = product.grids()
    for image in grids:
        size = add(geocoding, "Size", resolution=plain(image.resolution))
        add(size, "NROWS", image.shape[0])
        add(size, "NCOLS", image.shape[1])
    for image in grids:
        position = add(geocoding, "Geoposition", resolution=plain(image.resolution))
        add(position, "ULX", plain(image.transform.c))
        add(position, "ULY", plain(image.transform.f))
        add(position, "XDIM", plain(image.transform.a))
        add(position, "YDIM", plain(image.transform.e))


def _angles(angles, product: OutputProduct, source: SourceDocument | None) -> None:
    grid, mean = product.by_kind("ANG"), product.mean_angles
    if grid is not None:
        add(angles, "Acquisition_Angles_Filename", grid.path)
    sun = source.element("Mean_Sun_Angle") if source is not None else None
    if sun is not None and _finite(sun):
        add_copy(angles, sun)
    elif mean.sza is not None and mean.saa is not None:
        _pair(add(angles, "Mean_Sun_Angle"), mean.sza, mean.saa)
    else:
        product.record.warn(f"mean sun angle of {product.source.name} is not known: left out of the {product.level} metadata")
    if source is not None:
        copied(angles, "Mean_Viewing_Incidence_Angle_List", source, product)
    elif mean.vza is not None and mean.vaa is not None:
        incidence = add(angles, "Mean_Viewing_Incidence_Angle_List")
        for band_id in LANDSAT_BAND_ORDER:
            _pair(add(incidence, "Mean_Viewing_Incidence_Angle", bandId=band_id), mean.vza, mean.vaa)


def _finite(sun: etree._Element) -> bool:
    """Mean angles are the text ``NaN`` in some genuine products."""
    try:
        values = [float(stripped(sun.find(f"{{*}}{name}")) or "nan") for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE")]
    except ValueError:
        return False
    return all(map(math.isfinite, values))


def _pair(parent, zenith: float, azimuth: float) -> None:
    add(parent, "ZENITH_ANGLE", zenith, unit="deg")
    add(parent, "AZIMUTH_ANGLE", azimuth, unit="deg")


def _quality(quality, product: OutputProduct, source: SourceDocument | None) -> None:
    if source is not None:
        copied(quality, "Image_Content_QI", source, product)
    else:
        content = add(quality, "Image_Content_QI")
        if product.source.cloud_cover is not None:
            add(content, "CLOUDY_PIXEL_PERCENTAGE", product.source.cloud_cover)
    masks = add(quality, "Pixel_Level_QI", geometry="FULL_RESOLUTION")
    for file in product.files:
        if file.kind == "INPUT_MASK":
            add(masks, "MASK_FILENAME", file.path, **file.attributes)
    validity = product.by_kind("MSK")
    if validity is not None:
        add(masks, "MASK_FILENAME", validity.path, type="MSK_VALPXL")
    pictures = [file for file in product.files if file.kind == "PVI" or file.kind.startswith("QL_")]
    for file in (*pictures, *(file for file in product.files if file.kind == "FCM")):
        add(quality, f"{file.kind}_FILENAME", file.path)
