"""The angle image of a Landsat scene: VAA, VZA, SAA, SZA on cells of 10 x 10 pixels (spec 04 sections 6, 8, 10, 11.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import pyproj
from affine import Affine
from odc.geo.geobox import GeoBox

from sen2like.errors import MetadataError, ProductError
from sen2like.products.container import Container
from sen2like.products.landsat_ang import parse_ang
from sen2like.products.model import Angles
from sen2like.raster.read import read_geobox, read_image
from sen2like.science import landsat_angles as science
from sen2like.science.angles import fill_nearest
from sen2like.science.landsat_angles import NAMES

METHODS = ("reference", "accurate")
BLOCK = 10
"""Pixels of the scene along a side of a cell: 300 m at 30 m."""
VIEW_BAND = 4
"""The band whose angles serve all: that of the angle bands."""


class Source(StrEnum):
    """Where angles came from, as the quality report says it."""

    BANDS = "angle bands"
    COEFFICIENTS = "angle coefficients"
    APPROXIMATION = "approximation"


@dataclass(frozen=True)
class AngleFiles:
    """Files of a scene that angles can be made from; names in the container."""

    template: str
    """First reflective band: it has the grid of the scene and shows where there is data."""
    bands: Mapping[str, str] = field(default_factory=dict)
    """Angle bands that the metadata list, by `NAMES`; empty: the product has none."""
    coefficients: str | None = None
    """``ANG.txt``, if the metadata list one."""


def read_angles(
    container: Container, files: AngleFiles, acquisition: datetime, method: str, scene_id: str | None = None
) -> Angles:
    """Angles of a scene in degrees, `Angles.source` one of `Source`; `acquisition`: time of the scene centre, UTC.

    ``accurate``: the angle bands, else the exact solution of ``ANG.txt``, else the approximation, with a notice for every
    listed source that could not be used; cells outside the swath get the angles of the nearest cell inside.
    ``reference``: always the approximation, rounded to 1/100 degree. `scene_id`: LANDSAT_SCENE_ID of the product, which
    ``ANG.txt`` must have too (None: not checked). `ProductError`: the template is unusable or empty.
    """
    if method not in METHODS:
        raise ValueError(f"angle method {method!r} is not one of {', '.join(METHODS)}")
    if method == "reference":
        degrees, geobox = _approximate(container, files.template, acquisition)
        degrees = science.reference_stored(degrees).astype(np.float32) / np.float32(science.STORED_PER_DEGREE)
        return Angles(degrees, NAMES, geobox, source=Source.APPROXIMATION)
    scene = read_geobox(container.gdal_path(files.template), container.label(files.template))
    notices: list[str] = []
    if files.bands:
        try:
            return _of(_from_bands(container, files.bands, scene), scene, notices, Source.BANDS)
        except ProductError as error:
            notices.append(f"angle bands cannot be used: {error}")
    if files.coefficients is not None:
        try:
            exact = _from_coefficients(container, files.coefficients, scene, scene_id)
            return _of(exact, scene, notices, Source.COEFFICIENTS)
        except ProductError as error:
            notices.append(f"angle coefficients cannot be used: {error}")
    else:
        notices.append(f"{container.name}: the product has neither usable angle bands nor ANG.txt; angles are approximate")
    degrees, geobox = _approximate(container, files.template, acquisition)
    return Angles(degrees.astype(np.float32), NAMES, geobox, notices=tuple(notices), source=Source.APPROXIMATION)


def angle_grid(scene: GeoBox) -> GeoBox:
    """Cells of 10 x 10 pixels from the upper-left corner of the scene on, round(pixels / 10) of them, at least one."""
    rows, columns = (max(1, round(n / BLOCK)) for n in scene.shape)
    return GeoBox((rows, columns), scene.affine * Affine.scale(BLOCK), scene.crs)


def _of(degrees: np.ndarray, scene: GeoBox, notices: list[str], source: Source) -> Angles:
    """Angles with the cells outside the swath filled."""
    known = np.isfinite(degrees).all(axis=0)
    if not known.any():
        raise ProductError("no cell of the scene has angles")
    filled = np.stack(fill_nearest(*degrees))
    return Angles(filled.astype(np.float32), NAMES, angle_grid(scene), notices=tuple(notices), source=source)


def _from_bands(container: Container, names: Mapping[str, str], scene: GeoBox) -> np.ndarray:
    missing = [n for n in NAMES if n not in names or not container.exists(names[n])]
    if missing:
        raise ProductError(f"{container.path}: no file of {', '.join(missing)}")
    rows, columns = angle_grid(scene).shape
    view, sun = (
        science.block_directions(
            _angle_band(container, names[zenith], scene), _angle_band(container, names[azimuth], scene), BLOCK, (rows, columns)
        )
        for zenith, azimuth in (("VZA", "VAA"), ("SZA", "SAA"))
    )
    return np.stack([view[1], view[0], sun[1] % 360, sun[0]])


def _angle_band(container: Container, name: str, scene: GeoBox) -> np.ndarray:
    image = read_image(container.gdal_path(name), container.label(name))
    if image.geobox != scene:
        raise ProductError(f"{container.label(name)}: it is not on the grid of the bands")
    if image.dtype != np.int16:
        raise ProductError(f"{container.label(name)}: values are {image.dtype}, not int16 in 1/100 degree")
    return image.data


def _from_coefficients(container: Container, name: str, scene: GeoBox, scene_id: str | None) -> np.ndarray:
    label = container.label(name)
    coefficients = parse_ang(container.read(name), label, (VIEW_BAND,))
    if scene_id is not None and coefficients.scene_id != scene_id:
        raise MetadataError(f"{label}: it is of scene {coefficients.scene_id}, but the product is of {scene_id}")
    epsg = scene.crs.epsg if scene.crs is not None else None
    if coefficients.projection != "UTM" or coefficients.utm_zone is None or epsg != 32600 + coefficients.utm_zone:
        zone = f"{coefficients.projection} {coefficients.utm_zone or ''}".strip()
        raise MetadataError(f"{label}: it is in projection {zone} (north), but the bands are in {scene.crs}")
    band = coefficients.bands[VIEW_BAND]
    grid = angle_grid(scene)
    x, y = grid.coordinates["x"].values, grid.coordinates["y"].values
    line = (coefficients.upper_left[1] - y) / band.pixel_size
    sample = (x - coefficients.upper_left[0]) / band.pixel_size
    degrees = science.exact_angles(band, line[:, None], sample[None])
    if not np.isfinite(degrees).any():
        raise MetadataError(f"{label}: no point of the scene lies in its swath; it is of another scene")
    return degrees


def _approximate(container: Container, template: str, acquisition: datetime) -> tuple[np.ndarray, GeoBox]:
    label = container.label(template)
    image = read_image(container.gdal_path(template), label)
    grid = angle_grid(image.geobox)
    # nearest neighbour: the pixel at the centre of a cell; a last cell may have its centre outside
    seen = image.data[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK][: grid.shape[0], : grid.shape[1]]
    data = np.zeros(grid.shape, bool)
    data[: seen.shape[0], : seen.shape[1]] = seen != (0 if image.nodata is None else image.nodata)
    if not data.any():
        raise ProductError(f"{label}: the image is empty, so the angles of the scene cannot be found")
    corners = science.swath_corners(data, grid)
    return science.approximate_angles(corners, grid, _lonlat_corners(grid), acquisition), grid


def _lonlat_corners(grid: GeoBox) -> tuple[science.Point, science.Point, science.Point, science.Point]:
    """(longitude, latitude) of the corners UL, UR, LL, LR of the grid's rectangle."""
    box = grid.extent.boundingbox
    to_lonlat = pyproj.Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True).transform
    ul, ur, ll, lr = (
        to_lonlat(x, y) for x, y in ((box.left, box.top), (box.right, box.top), (box.left, box.bottom), (box.right, box.bottom))
    )
    return ul, ur, ll, lr
