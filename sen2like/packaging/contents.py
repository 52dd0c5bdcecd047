"""What goes into a product beside its images: validity mask, angles, masks of the input, correlation table, documents."""

import csv
import io
from pathlib import PurePosixPath

import numpy as np
import rasterio.features
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from sen2like.packaging.output import MeanAngles, OutputProduct, WrittenFile
from sen2like.packaging.writer import ProductWriter
from sen2like.products.landsat import LandsatProduct
from sen2like.products.model import Angles, Masks, Product
from sen2like.raster.image import Image
from sen2like.raster.write import write_layers
from sen2like.record import ProcessingRecord
from sen2like.science.angles import to_stored

SIMPLIFY_M = 100.0
"""Largest error of the footprint in STAC items, metres."""
DENSIFY_M = 10_000.0
"""Straight lines of a UTM zone bend in longitude and latitude: a vertex at least every so many metres."""
NO_ANGLE = -32768
"""No-data tag of Sentinel-2 angles, as the reference writes it; no angle has that value (spec 04 section 6)."""
_FIXED = ("MSK", "ANG", "INPUT_MASK")
FOOTPRINT_SIDE = 1098
"""The mask is thinned to at most so many rows before its outline is drawn."""


def write_fixed(writer: ProductWriter, product: Product, masks: Masks, angles: Angles) -> None:
    """What is known before the bands are made: validity mask, angles, and the masks of the input."""
    names = writer.names
    writer.add_mask("MSK", masks.valid)
    stored, nodata = to_stored(angles.degrees), NO_ANGLE if product.sensor == "S2" else None
    path = writer.folder / names.angles
    write_layers(path, stored, angles.geobox, angles.names, scale=0.01, unit="degree", nodata=nodata)
    writer.add_file(WrittenFile(names.angles, "ANG", "GTIFF", {}, angles.degrees.shape[-2:], angles.geobox.affine))
    for source in product.mask_files():
        destination = names.copied_mask(source.name)
        (writer.folder / destination).write_bytes(product.container.read(source.name))
        kind = "JPEG2000" if PurePosixPath(source.name).suffix.lower() == ".jp2" else "GTIFF"
        writer.add_file(WrittenFile(destination, "INPUT_MASK", kind, source.attributes))


def link_fixed(writer: ProductWriter, other: ProductWriter) -> None:
    """The same files as in a product of the same input, `other`."""
    for file in [file for file in other.files if file.kind in _FIXED]:
        writer.link_file(other, file)


def complete(
    writer: ProductWriter,
    product: Product,
    masks: Masks,
    angles: Angles,
    record: ProcessingRecord,
    *,
    partial: bool,
) -> OutputProduct:
    """Write what is still missing in the folder of `writer`, documents last, and verify the whole."""
    names, settings = writer.names, writer.settings
    if record.correlation:
        table = names.quality_file("CORREL", "csv")
        (writer.folder / table).write_text(correlation_table(record))
        writer.add_file(WrittenFile(table, "CORREL", "CSV"))
    if angles.source:
        record.set_quality(ANGLES_SOURCE=angles.source)
    _tell_inputs(writer.level, product, record)
    output = OutputProduct(
        level=writer.level,
        names=names,
        source=product,
        tile=writer.tile,
        record=record,
        images=tuple(sorted(writer.images.values(), key=lambda i: (i.native, i.path))),
        files=tuple(writer.files),
        production_time=writer.production_time,
        gain=settings.gain,
        offset=settings.offset,
        output_format=settings.fmt.name,
        configuration_name=settings.configuration_name,
        configuration_hash=settings.configuration_hash,
        mean_angles=MeanAngles.of(_known(angles)),
        footprint=footprint(masks.data),
        partial=partial,
        l1_identifier=product.scene_id if isinstance(product, LandsatProduct) else None,
        derived_from=(*record.derived_from, *(record.fused_from if writer.level == "L2F" else ())),
    )
    writer.finish(output)
    return output


def footprint(data: Image) -> BaseGeometry | None:
    """Outline (longitude, latitude) of the pixels with data, to about 100 m; None when there are none.

    Holes are left out; parts on both sides of the antimeridian are the business of whoever writes the geometry.
    """
    factor = -(-max(data.shape) // FOOTPRINT_SIDE)
    thin = np.ascontiguousarray(data.data[::factor, ::factor])
    if not thin.any():
        return None
    grid: GeoBox = data.geobox
    transform = grid.affine * grid.affine.scale(factor)
    shapes = rasterio.features.shapes(thin, mask=thin != 0, transform=transform)
    outline = shapely.union_all([shapely.Polygon(shapely.geometry.shape(s).exterior) for s, _ in shapes])
    outline = outline.intersection(shapely.box(*grid.boundingbox.bbox)).simplify(max(SIMPLIFY_M, abs(grid.resolution.x)))
    to_lonlat = Transformer.from_crs(str(grid.crs), 4326, always_xy=True).transform
    return shapely.transform(shapely.segmentize(outline, DENSIFY_M), lambda xy: np.column_stack(to_lonlat(*xy.T)))


def correlation_table(record: ProcessingRecord) -> str:
    """CSV of the matching runs of a product (spec 10 section 7): x is east, y is south, metres (the reference swaps them)."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(record.correlation[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(record.correlation)
    return text.getvalue()


def _tell_inputs(level: str, product: Product, record: ProcessingRecord) -> None:
    """All inputs in the quality report, when there are more than the product itself."""
    if record.derived_from:
        record.set_quality(SOURCE_PRODUCTS=" ".join([product.name, *record.derived_from]))
    if record.fused_from and level == "L2F":
        record.set_quality(FUSION_REFERENCES=" ".join(record.fused_from))


def _known(angles: Angles) -> Angles:
    """The angles with NaN instead of the zeros that stand for "no detector" or "outside the scene" in the stored form."""
    degrees = angles.degrees.copy()
    for i, name in enumerate(angles.names):
        if name[1:3] == "ZA":
            j = angles.names.index(name.replace("ZA", "AA", 1))
            nothing = (degrees[i] == 0) & (degrees[j] == 0)
            degrees[i][nothing] = degrees[j][nothing] = np.nan
    return Angles(degrees, angles.names, angles.geobox, angles.nodes)
