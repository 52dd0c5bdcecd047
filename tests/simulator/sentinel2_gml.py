"""Vector masks of Sentinel-2 products before baseline 04.00, with the outlines of pixels as genuine ones have them."""

import numpy as np
from rasterio.features import shapes
from rasterio.transform import from_origin

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xmlns:gml="http://www.opengis.net/gml/3.2" gml:id="{id}">
  <gml:name>{kind} pixels mask from data-strip {id}</gml:name>
"""


def mask_document(kind: str, identifier: str, features=(), epsg: int | None = None, dimension: int = 2) -> str:
    """Text of a mask file.

    `features`: (gml id, mask type, rings) with rings as (n, 2) arrays, the outline first, then the holes, in metres;
    none: an empty mask, as in most genuine files. `dimension` 3 adds a height of 0 to every point.
    """
    head = HEAD.format(id=identifier, kind=kind)
    if not features:
        return f"{head}  <eop:maskMembers/>\n</eop:Mask>\n"
    points = np.concatenate([ring for _, _, rings in features for ring in rings])
    height = " 0" if dimension == 3 else ""
    low, high = (" ".join(f"{v:.0f}" for v in corner) + height for corner in (points.min(0), points.max(0)))
    text = [
        head,
        f'  <gml:boundedBy>\n    <gml:Envelope srsName="urn:ogc:def:crs:EPSG:8.7:{epsg}">\n',
        f"      <gml:lowerCorner>{low}</gml:lowerCorner>\n      <gml:upperCorner>{high}</gml:upperCorner>\n",
        "    </gml:Envelope>\n  </gml:boundedBy>\n  <eop:maskMembers>\n",
    ]
    for number, (gml_id, mask_type, rings) in enumerate(features):
        text += [
            f'    <eop:MaskFeature gml:id="{gml_id}">\n',
            f'      <eop:maskType codeSpace="urn:gs2:S2PDGS:maskType">{mask_type}</eop:maskType>\n',
            f'      <eop:extentOf>\n        <gml:Polygon gml:id="{mask_type}.{number}_Polygon">\n',
        ]
        for i, ring in enumerate(rings):
            tag = "interior" if i else "exterior"
            positions = " ".join(f"{x:.0f} {y:.0f}{height}" for x, y in ring)
            text += [
                f"          <gml:{tag}>\n            <gml:LinearRing>\n",
                f'              <gml:posList srsDimension="{dimension}">{positions}</gml:posList>\n',
                f"            </gml:LinearRing>\n          </gml:{tag}>\n",
            ]
        text.append("        </gml:Polygon>\n      </eop:extentOf>\n    </eop:MaskFeature>\n")
    return "".join([*text, "  </eop:maskMembers>\n</eop:Mask>\n"])


def outlines(selected: np.ndarray, ulx: float, uly: float, pixel: float) -> list[list[np.ndarray]]:
    """Rings of every connected group of True pixels: [outline, hole, hole ...], (n, 2), metres."""
    found = shapes(selected.astype(np.uint8), mask=selected, transform=from_origin(ulx, uly, pixel, pixel))
    return [[np.array(ring) for ring in shape["coordinates"]] for shape, _ in found]


def cloud_features(opaque, cirrus, ulx, uly, pixel) -> list[tuple]:
    """Features of MSK_CLOUDS from two boolean grids."""
    return [
        (f"{name}.{i}", name, rings)
        for name, selected in (("OPAQUE", opaque), ("CIRRUS", cirrus))
        for i, rings in enumerate(outlines(selected, ulx, uly, pixel))
    ]


def detector_features(detectors, band, ulx, uly, pixel) -> list[tuple]:
    """Features of MSK_DETFOO of a band from its detector numbers (0 = none)."""
    numbers = [int(d) for d in np.unique(detectors) if d]
    return [
        (f"detector_footprint-{band}-{d:02d}-{i}", "DETECTOR_FOOTPRINT", rings)
        for d in numbers
        for i, rings in enumerate(outlines(detectors == d, ulx, uly, pixel))
    ]


def nodata_features(detectors, ulx, uly, pixel) -> list[tuple]:
    """Features of MSK_NODATA from detector numbers."""
    rings = outlines(detectors == 0, ulx, uly, pixel)
    return [(f"QT_NODATA_PIXELS-D01.{i}", "QT_NODATA_PIXELS", r) for i, r in enumerate(rings)]
