"""S2L_Region: outside of the region of interest there is no data (roi-based-mode); spec 04 section 5."""

import json
from pathlib import Path

import numpy as np
import rasterio.features
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from sen2like.blocks.base import Job, S2L_Process
from sen2like.errors import ProductError
from sen2like.grid.region import GEOJSON_SUFFIXES, Region
from sen2like.packaging.output import WrittenFile
from sen2like.products.model import Masks
from sen2like.raster.image import Image, RowImage

DENSIFY_DEG = 0.01
"""Straight lines in longitude and latitude bend in a UTM zone: a vertex at least every so many degrees."""


class S2L_Region(S2L_Process):
    """Cuts the masks, exactly on the grid of the outputs; images are blanked by them when they are written.

    The whole tile serves for co-registration. The reference searches points inside the region only, and cuts the masks
    before they are shifted.
    """

    switch = "doRegion"
    order = 25

    def declines(self, job: Job) -> str | None:
        return None if job.region else "no region is given"

    def preprocess(self, job: Job) -> None:
        assert job.region is not None
        inside = inside_of(job.region, job.masks.data.geobox)
        valid, data = (Image(mask.data * inside, mask.geobox, mask.nodata) for mask in (job.masks.valid, job.masks.data))
        if not data.data.any():
            raise ProductError(f"{job.product.name} shows nothing of the region {job.region.source}")
        job.masks = Masks(valid, data, job.masks.notices)
        job.record.applied("Region", source=Path(job.region.source).name)

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        return image

    def postprocess(self, job: Job) -> None:
        assert job.region is not None
        source = Path(job.region.source)
        plain = source.suffix.lower() in GEOJSON_SUFFIXES
        content = source.read_bytes() if plain else _geojson(job.region)
        name = source.name if plain else f"{source.stem}.geojson"
        for writer in job.writers.values():
            path = f"{writer.names.qi_dir}/{name}"
            (writer.folder / path).write_bytes(content)
            writer.add_file(WrittenFile(path, "ROI", "JSON"))


def inside_of(region: Region, grid: GeoBox) -> np.ndarray:
    """uint8 (y, x): 1 where the centre of the pixel is inside the region."""
    to_grid = Transformer.from_crs(4326, str(grid.crs), always_xy=True).transform
    outline = shapely.transform(shapely.segmentize(region.geometry, DENSIFY_DEG), lambda xy: np.column_stack(to_grid(*xy.T)))
    shape = (grid.shape.y, grid.shape.x)
    return rasterio.features.geometry_mask([outline], shape, grid.affine, invert=True).astype(np.uint8)


def _geojson(region: Region) -> bytes:
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(region.geometry)}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
