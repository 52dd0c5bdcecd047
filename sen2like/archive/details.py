"""Cloud cover and footprint of a local product, from its metadata files alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from sen2like.errors import ProductError
from sen2like.grid.longitudes import continuous
from sen2like.products.landsat import find_mtl
from sen2like.products.landsat_mtl import parse_mtl
from sen2like.products.sentinel2 import find_product_metadata
from sen2like.products.sentinel2_metadata import parse_product_metadata
from sen2like.products.tar import open_archive

_DATASTRIP = re.compile(r"^DATASTRIP/[^/]*_S(\d{8}T\d{6})(?=[/_])")


@dataclass(frozen=True)
class Details:
    """What the metadata of a product tell without its images; None: they do not."""

    cloud_cover: float | None = None
    """Percent."""
    footprint: BaseGeometry | None = None
    """Longitude and latitude; around the antimeridian longitudes go on beyond 180 degrees."""
    datastrip: str | None = None
    """Sentinel-2: sensing start of the datastrip, ``20170103T104428``; None also for products of several."""

    def to_json(self) -> list[Any]:
        return [self.cloud_cover, None if self.footprint is None else self.footprint.wkt, self.datastrip]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Details:
        cover, footprint, datastrip = value
        return cls(cover, None if footprint is None else shapely.from_wkt(footprint), datastrip)


def read_details(path: str) -> Details:
    """Details of the product at `path`; nothing for one that cannot be read in place or at all: opening it tells why."""
    try:
        return inspect(path)
    except ProductError:
        return Details()


def inspect(path: str) -> Details:
    """Details of the product at `path`. `ProductError`: it is not there, damaged, or cannot be read in place (compressed tar)."""
    container = open_archive(path)
    name = find_product_metadata(container)
    if name is not None:
        product = parse_product_metadata(container.read(name), container.label(name))
        strips = {start for n in container.list() for start in _DATASTRIP.findall(n)}
        return Details(product.cloud_cover, _outline(product.footprint), strips.pop() if len(strips) == 1 else None)
    name = find_mtl(container)
    if name is not None:
        scene = parse_mtl(container.read(name), container.label(name))
        return Details(scene.cloud_cover, _outline(scene.corners))
    raise ProductError(f"{path}: neither the metadata of a Sentinel-2 product nor an MTL file is in it; fetch the product again")


def _outline(points: Sequence[tuple[float, float]]) -> BaseGeometry | None:
    """Polygon of (latitude, longitude) points; None for fewer than three."""
    return continuous(Polygon([(lon, lat) for lat, lon in points])) if len(points) > 2 else None
