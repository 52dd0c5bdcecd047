"""Reading a region of interest: the polygons of all features of a vector file, as one area in longitude and latitude.

GeoJSON is read here; other formats (Shapefile, GeoPackage, KML, ...) by pyogrio. Vertices are brought to WGS 84; edges stay
straight between them. Everything wrong with a file is a `ConfigurationError` that lists all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

from sen2like.errors import ConfigurationError
from sen2like.grid.longitudes import continuous, has_long_edge, polygons, seen_from

GEOJSON_SUFFIXES = (".geojson", ".json")
GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
MAX_LONGITUDE, MAX_LATITUDE = 360.0, 90.0
"""Beyond these, degrees, numbers are no longitudes and latitudes."""
NEXT_TO_ZERO = 1e-10
"""Coordinates nearer to zero, degrees (0.01 mm), are zero: overlays lose parts of areas that begin 1e-309° off the equator."""


@dataclass(frozen=True)
class Region:
    """An area on the ground."""

    source: str
    """The file it was read from."""
    geometry: BaseGeometry
    """Polygon or multipolygon, degrees (WGS 84); longitudes run on across ±180° and may leave [-180, 180]."""
    notices: tuple[str, ...] = ()
    """What the user should know about how the file was understood."""

    @classmethod
    def of(cls, geometry: BaseGeometry, source: str, notices: tuple[str, ...] = ()) -> Region:
        """The polygons of `geometry` (degrees, WGS 84), united; `ValueError` if they have no area."""
        flat = shapely.transform(geometry, lambda places: np.where(np.abs(places) < NEXT_TO_ZERO, 0.0, places))
        parts = [continuous(polygon) for polygon in polygons(flat)]
        if not any(part.area > 0 for part in parts):
            raise ValueError(f"{source}: a region needs polygons that have an area")
        largest = max(parts, key=lambda part: part.area)
        middle = (largest.bounds[0] + largest.bounds[2]) / 2
        middle -= 360 * np.floor((middle + 180) / 360)
        united = shapely.union_all([seen_from(part, middle) for part in parts])
        return cls(source, shapely.MultiPolygon(polygons(united)) if len(polygons(united)) > 1 else polygons(united)[0], notices)


@dataclass(frozen=True)
class _Layer:
    """Geometries with the names that messages give them, and their CRS; None: not told."""

    geometries: list[tuple[str, BaseGeometry]]
    crs: str | None


def read_region(path: str | Path) -> Region:
    """The union of all polygons of a vector file."""
    path = Path(path)
    if not path.exists():
        raise ConfigurationError(f"region {path} not found; give a vector file with polygons, such as a GeoJSON")
    layers = list(_geojson(path) if path.suffix.lower() in GEOJSON_SUFFIXES else _other(path))
    notices, problems, found = [], [], []
    for layer in layers:
        to_lonlat, notice = _transform(path, layer)
        notices += [notice] if notice else []
        for name, geometry in layer.geometries:
            parts = polygons(shapely.force_2d(geometry))
            if not parts:
                notices.append(f"region {path}: {name} is a {geometry.geom_type}, not a polygon: left out")
            for part in parts:
                problem = _problem(part, to_lonlat)
                if problem:
                    problems.append(f"region {path}: {name}: {problem}")
                else:
                    found.append(to_lonlat(part))
    if problems:
        raise ConfigurationError(problems)
    if not found:
        count = sum(len(layer.geometries) for layer in layers)
        raise ConfigurationError(f"region {path} has no polygon among its {count} features; draw the area as a polygon")
    if any(has_long_edge(part) for part in found):
        notices.append(f"region {path}: edges of more than 180° of longitude were taken the short way, across the ±180° meridian")
    return Region.of(shapely.GeometryCollection(found), str(path), tuple(notices))


def _problem(polygon: Polygon, to_lonlat: Callable[[Polygon], Polygon]) -> str | None:
    """What makes the polygon useless; None: nothing."""
    if not np.isfinite(shapely.get_coordinates(polygon)).all():
        return "a coordinate is not a finite number; correct it"
    turned = to_lonlat(polygon)
    lonlat = shapely.get_coordinates(turned)
    if not np.isfinite(lonlat).all():
        return "it lies where its coordinate system has no longitude and latitude; correct the coordinates or the system"
    largest = np.abs(lonlat).max(axis=0)
    if largest[0] > MAX_LONGITUDE or largest[1] > MAX_LATITUDE:
        return (
            f"longitude {largest[0]:g}, latitude {largest[1]:g} are not degrees; "
            "store the file in WGS 84, or let it tell its coordinate system"
        )
    whole = continuous(turned)
    if not whole.is_valid:
        return f"invalid polygon ({shapely.is_valid_reason(whole)}, degrees); repair its ring"
    return None if whole.area > 0 else "the polygon has no area; draw it anew"


def _transform(path: Path, layer: _Layer) -> tuple[Callable[[Polygon], Polygon], str]:
    """Function from the layer's CRS to WGS 84, and a notice if the file does not tell the CRS."""
    if layer.crs is None:
        return _unchanged, f"region {path} does not tell its coordinate system: taken as WGS 84 longitude and latitude"
    try:
        source = CRS.from_user_input(layer.crs)
        transformer = Transformer.from_crs(source, 4326, always_xy=True)
    except CRSError as error:
        why = f"coordinate system {layer.crs!r} is unknown ({error})"
        raise ConfigurationError(f"region {path}: {why}; store it in WGS 84") from error
    if transformer.source_crs == transformer.target_crs or source.to_authority() == ("OGC", "CRS84"):
        return _unchanged, ""

    def lonlat(coordinates: np.ndarray) -> np.ndarray:
        return np.column_stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]))

    return lambda polygon: shapely.transform(polygon, lonlat), ""


def _unchanged(polygon: Polygon) -> Polygon:
    return polygon


def _geojson(path: Path) -> Iterator[_Layer]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigurationError(f"region {path} is not JSON: {error.msg} in {where}; export it again") from error
    except _NotANumber as error:
        raise ConfigurationError(f"region {path}: {error} is not a finite number; correct it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"region {path} cannot be read as UTF-8 text: {error}; give a GeoJSON file") from error
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection":
        features = document.get("features")
        if not isinstance(features, list):
            raise ConfigurationError(f"region {path}: the FeatureCollection has no list of features; export the file again")
    elif kind == "Feature" or kind in GEOMETRIES:
        features = [document]
    else:
        expected = "FeatureCollection, Feature or a geometry"
        raise ConfigurationError(f"region {path} is not GeoJSON: its type is {kind!r}, not {expected}; export it as GeoJSON")
    geometries, problems = [], []
    for number, feature in enumerate(features, 1):
        name = f"feature {number}"
        try:
            geometry = _geojson_geometry(feature)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, shapely.errors.ShapelyError) as error:
            problems.append(f"region {path}: {name}: no valid geometry ({error or type(error).__name__}); correct or remove it")
        else:
            if geometry is not None:
                geometries.append((name, geometry))
    if problems:
        raise ConfigurationError(problems)
    yield _Layer(geometries, _geojson_crs(path, document))


class _NotANumber(Exception):
    """NaN or an infinity, which Python's reader of JSON would let through."""


def _refuse_constant(name: str) -> None:
    raise _NotANumber(name)


def _geojson_geometry(feature: Any) -> BaseGeometry | None:
    """Geometry of a feature or bare geometry; None: the feature has none."""
    if not isinstance(feature, dict):
        raise TypeError(f"{feature!r} is not an object")
    geometry = feature["geometry"] if feature.get("type") == "Feature" else feature
    if geometry is None:
        return None
    if geometry.get("type") not in GEOMETRIES:
        raise ValueError(f"type {geometry.get('type')!r} is no geometry")
    _check_rings(geometry)
    return shape(geometry)


def _check_rings(geometry: dict[str, Any]) -> None:
    for member in geometry.get("geometries", []):
        _check_rings(member)
    if geometry["type"] not in ("Polygon", "MultiPolygon"):
        return
    coordinates = geometry["coordinates"]
    for polygon in [coordinates] if geometry["type"] == "Polygon" else coordinates:
        for ring in polygon:
            if len(ring) < 4:
                raise ValueError(f"a ring has {len(ring)} positions, it needs at least 4")
            if ring[0] != ring[-1]:
                raise ValueError(f"a ring begins at {ring[0]} but ends at {ring[-1]}")


def _geojson_crs(path: Path, document: dict[str, Any]) -> str | None:
    """CRS by the member of GeoJSON 2008; without it longitude and latitude of WGS 84 (RFC 7946)."""
    if "crs" not in document:
        return "OGC:CRS84"
    crs = document["crs"]
    if crs is None:
        return None
    name = crs.get("properties", {}).get("name") if isinstance(crs, dict) and crs.get("type") == "name" else None
    if not isinstance(name, str):
        raise ConfigurationError(f"region {path}: crs {crs!r} does not name a coordinate system; store the file in WGS 84")
    return name


def _other(path: Path) -> Iterator[_Layer]:
    try:
        import pyogrio
    except ImportError as error:
        raise ConfigurationError(
            f"region {path}: formats other than GeoJSON need pyogrio: pip install pyogrio, or convert the file to GeoJSON"
        ) from error
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        for layer in layers:
            meta, ids, coded, _ = pyogrio.raw.read(path, layer=layer, columns=[], return_fids=True, force_2d=True)
            known = [(fid, wkb) for fid, wkb in zip(ids, coded, strict=True) if wkb is not None]
            yield _Layer([(f"{layer}, feature {fid}", shapely.from_wkb(wkb)) for fid, wkb in known], meta["crs"])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.errors.ShapelyError, RuntimeError) as error:
        raise ConfigurationError(f"region {path} is not a readable vector file ({error}); give GeoJSON or GeoPackage") from error
