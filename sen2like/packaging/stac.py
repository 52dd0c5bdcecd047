"""STAC 1.1.0 item of an output product (spec 11 section 10): relative links, every image under a key of its own.

`pystac` assembles the core item; the fields of the extensions are written directly, in the versions of `EXTENSIONS`.
Properties of our own begin with ``s2l:``: ``valid_percentage`` and ``nodata_percentage`` (percent),
``coregistration_rmse`` (metres), ``partial`` (bands were not asked for, or the input lacks them), ``config_hash``, and
``lineage``, the blocks applied in order with their parameters, which ``processing:lineage`` tells as text; of a thermal
band ``k1`` (unit of its radiance) and ``k2`` (K): brightness temperature is k2 / ln(k1 / radiance + 1).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import shapely
from shapely import affinity
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

import sen2like
from sen2like.grid.mgrs import MGRSTile
from sen2like.packaging.output import OutputProduct, WrittenFile, WrittenImage, spectral_band
from sen2like.packaging.product_xml import PRODUCT_DOI
from sen2like.packaging.xmltree import SourceDocument, stripped
from sen2like.products.landsat import LandsatProduct
from sen2like.products.model import Product

EXTENSIONS = {
    "eo": "v2.0.0",
    "projection": "v2.0.0",
    "raster": "v2.0.0",
    "view": "v1.1.0",
    "sat": "v1.2.0",
    "grid": "v1.1.0",
    "processing": "v1.2.0",
    "file": "v2.1.0",
    "scientific": "v1.0.0",
    "classification": "v1.1.0",
}
MEDIA_TYPES = {
    "COG": "image/tiff; application=geotiff; profile=cloud-optimized",
    "GTIFF": "image/tiff; application=geotiff",
    "JPEG2000": "image/jp2",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "JSON": "application/geo+json",
    "XML": "application/xml",
    "CSV": "text/csv",
}
LICENSES = {
    "S2": "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice",
    "Landsat": "https://www.usgs.gov/information-policies-and-instructions/copyrights-and-credits",
}
THUMBNAIL_PIXELS = 1024
"""Largest side of what may be called a thumbnail."""
_FILE_ASSETS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "MSK": ("validity", ("data-mask",), "Usable clear land"),
    "NODATA": ("nodata", ("data-mask",), "Image data present"),
    "FCM": ("fusion_check", ("data-mask",), "Fused and unfused reflectance agree"),
    "ANG": ("angles", ("metadata",), "View and sun angles, degrees"),
    "PVI": ("pvi", ("overview",), "Preview in natural colours"),
    "THUMBNAIL": ("thumbnail", ("thumbnail",), "Small picture in natural colours"),
    "QL_B432": ("overview", ("overview",), "Quicklook in natural colours"),
    "QL_B12118A": ("overview_swir", ("overview",), "Quicklook of short-wave and near infrared"),
    "CORREL": ("correlation", ("metadata",), "Statistics of the matching with the reference image"),
    "ROI": ("roi", ("metadata",), "Region of interest"),
}
_CLASSES = {
    "MSK": ("not_valid", "valid"),
    "NODATA": ("no_data", "data"),
    "FCM": ("not_agreeing", "agreeing"),
}


def item(product: OutputProduct, sources: Mapping[str, SourceDocument], folder: Path) -> pystac.Item:
    """The item. `sources`: documents of a Sentinel-2 input; `folder`: where the documents are that it lists."""
    outline = product.footprint if product.footprint is not None and product.footprint.area else tile_outline(product.tile)
    geometry = split_at_antimeridian(outline)
    out = pystac.Item(
        id=product.names.stem,
        geometry=_rounded(mapping(geometry)),
        bbox=bounding_box(geometry),
        datetime=_utc(product.source.acquisition),
        properties=_properties(product, sources.get("product")),
        stac_extensions=[_uri(name) for name in EXTENSIONS if name != "classification"],
        collection=f"sen2like-{product.level.lower()}",
    )
    for image in product.images:
        out.add_asset(spectral_band(image, product.source.sensor).key, _image_asset(image, product, sources.get("product")))
    for file in product.files:
        if file.kind in _CLASSES:
            out.stac_extensions.append(_uri("classification"))
        if file.kind in _FILE_ASSETS or file.kind.startswith("QL_"):
            key, asset = _file_asset(file, product)
            out.add_asset(key, asset)
    out.stac_extensions = sorted(set(out.stac_extensions))
    for key, path, title in (
        ("product_metadata", product.names.product_metadata, "Product metadata"),
        ("tile_metadata", product.names.tile_metadata, "Tile metadata"),
        ("quality", product.names.quality_report, "Quality report"),
    ):
        out.add_asset(key, _document_asset(folder, path, title))
    for link in _links(product):
        out.add_link(link)
    return out


def as_json(item: pystac.Item) -> bytes:
    """The item as UTF-8 text; hrefs stay as they are, relative to the item."""
    return json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False), indent=2, ensure_ascii=False).encode("utf-8")


def tile_outline(tile: MGRSTile, points_per_side: int = 16) -> Polygon:
    """Outline of a tile in longitude and latitude; its straight UTM sides are densified before they are projected."""
    west, south, east, north = tile.bounds
    t = np.linspace(0, 1, points_per_side, endpoint=False)
    x = np.concatenate([west + t * (east - west), np.full_like(t, east), east - t * (east - west), np.full_like(t, west)])
    y = np.concatenate([np.full_like(t, north), north - t * (north - south), np.full_like(t, south), south + t * (north - south)])
    lon, lat = tile.to_lonlat(x, y)
    return Polygon(list(zip(lon, lat, strict=True)))


def split_at_antimeridian(geometry: BaseGeometry) -> BaseGeometry:
    """The same area with no edge across the ±180° meridian: a polygon that has one becomes two (RFC 7946 section 3.1.9).

    Longitudes are in [-180, 180]; an edge of more than 180° of longitude is taken as one that crosses the meridian.
    Exterior rings run counter-clockwise.
    """
    parts: list[Polygon] = []
    for polygon in _polygons(geometry):
        whole = Polygon(_unwrapped(polygon.exterior), [_unwrapped(ring) for ring in polygon.interiors])
        whole = whole if whole.is_valid else shapely.make_valid(whole)
        if whole.bounds[2] > 180:
            for world, shift in ((box(-180, -90, 180, 90), 0), (box(180, -90, 540, 90), -360)):
                parts += _polygons(affinity.translate(whole.intersection(world), shift))
        else:
            parts += _polygons(whole)
    parts = [orient(part) for part in parts]
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def bounding_box(geometry: BaseGeometry) -> list[float]:
    """[west, south, east, north]; west > east when the parts of `geometry` meet at the ±180° meridian (RFC 7946 section 5.2)."""
    west, south, east, north = geometry.bounds
    if west == -180 and east == 180 and isinstance(geometry, MultiPolygon):
        west = min(part.bounds[0] for part in geometry.geoms if part.bounds[0] > 0)
        east = max(part.bounds[2] for part in geometry.geoms if part.bounds[0] <= 0)
    return [round(v, 6) for v in (west, south, east, north)]


def _polygons(geometry: BaseGeometry) -> list[Polygon]:
    """The polygons among the parts of a geometry: what has no area is no footprint."""
    return [g for g in shapely.get_parts(geometry) if isinstance(g, Polygon) and not g.is_empty]


def _unwrapped(ring) -> list[tuple[float, float]]:
    lon, lat = np.asarray(ring.coords)[:, :2].T
    if np.abs(np.diff(lon)).max() > 180:
        lon = np.where(lon < 0, lon + 360, lon)
    return list(zip(lon, lat, strict=True))


def _properties(product: OutputProduct, source: SourceDocument | None) -> dict:
    own, angles, quality = product.source, product.mean_angles, product.record.quality
    platform = own.mission.lower().replace("_", "-")
    sza = angles.sza if angles.sza is not None else _known(own.sun_zenith)
    saa = angles.saa if angles.saa is not None else _known(own.sun_azimuth)
    direction = source.text("SENSING_ORBIT_DIRECTION") if source is not None else "DESCENDING"
    values = {
        "created": _text(product.production_time),
        "updated": _text(product.production_time),
        **_period(product, source),
        "platform": platform,
        "constellation": platform.split("-")[0] if not product.is_sentinel2 else "sentinel-2",
        "instruments": own.instrument.lower().split("_"),
        "gsd": min((image.resolution for image in product.images), default=None),
        "eo:cloud_cover": own.cloud_cover,
        "view:sun_azimuth": saa,
        "view:sun_elevation": None if sza is None else round(90 - sza, 6),
        "view:off_nadir": angles.vza,
        "view:azimuth": angles.vaa,
        "sat:relative_orbit": own.relative_orbit if product.is_sentinel2 else None,
        "landsat:wrs_path": None if product.is_sentinel2 else f"{own.relative_orbit:03d}",
        **_landsat(own),
        "sat:absolute_orbit": int(own.absolute_orbit) or None,
        "sat:orbit_state": direction.lower() if direction else None,
        "proj:code": f"EPSG:{product.tile.epsg}",
        "grid:code": f"MGRS-{product.tile.id}",
        "sci:doi": PRODUCT_DOI.removeprefix("https://doi.org/"),
        "processing:level": "L2",
        "processing:software": {"sen2like": sen2like.__version__},
        "processing:datetime": _text(product.production_time),
        "processing:lineage": "; ".join(map(_step, product.record.lineage)) or None,
        "s2l:lineage": [_jsonable(step) for step in product.record.lineage],
        "s2l:valid_percentage": _number(quality.get("VALID_PIX_PERCENTAGE")),
        "s2l:nodata_percentage": _number(quality.get("NODATA_PIX_PERCENTAGE")),
        "s2l:coregistration_rmse": _number(quality.get("RMSE")),
        "s2l:partial": product.partial,
        "s2l:config_hash": product.configuration_hash,
    }
    return {name: value for name, value in values.items() if value is not None}


def _landsat(source: Product) -> dict[str, str]:
    """More fields of the Landsat extension. It is not declared: it demands the cloud cover over land, which we do not read."""
    if not isinstance(source, LandsatProduct):
        return {}
    fields = {"landsat:scene_id": source.scene_id, "landsat:wrs_type": "2", "landsat:wrs_row": f"{source.row:03d}"}
    if source.metadata.collection:
        fields |= {"landsat:collection_number": f"{source.metadata.collection:02d}", "landsat:correction": source.level}
    if source.metadata.category:
        fields["landsat:collection_category"] = source.metadata.category
    return fields


def _period(product: OutputProduct, source: SourceDocument | None) -> dict[str, str]:
    """Start and end of the datatake, where the input tells an end that is not before the tile's own time."""
    stop = source.text("PRODUCT_STOP_TIME") if source is not None else None
    if stop is None:
        return {}
    try:
        end = _utc(datetime.fromisoformat(stop))
    except ValueError:
        product.record.warn(f"PRODUCT_STOP_TIME {stop!r} of {product.source.name} is not a time: left out of the STAC item")
        return {}
    start = _utc(product.source.datatake_start)
    if not start <= _utc(product.source.acquisition) <= end:
        return {}
    return {"start_datetime": _text(start), "end_datetime": _text(end)}


def _image_asset(image: WrittenImage, product: OutputProduct, source: SourceDocument | None) -> pystac.Asset:
    band, quantity = spectral_band(image, product.source.sensor), image.quantity
    description = {
        "name": band.key,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": round(_central(band.band_id, band.central, source) / 1000, 4),
        "data_type": image.dtype,
        "nodata": image.nodata,
        "unit": quantity.unit,
        "raster:scale": quantity.scale,
        "raster:offset": quantity.offset,
        **{f"s2l:{name.lower()}": value for name, value in quantity.constants.items()},
    }
    return pystac.Asset(
        href=f"./{image.path}",
        title=f"{band.key} at {image.resolution:g} m",
        media_type=MEDIA_TYPES[image.format],
        roles=["data", quantity.name],
        extra_fields={
            "gsd": image.resolution,
            "proj:code": f"EPSG:{image.epsg}",
            "proj:shape": list(image.shape),
            "proj:transform": list(image.transform)[:6],
            "file:size": image.size,
            "file:checksum": _multihash(image.sha256),
            "bands": [{name: value for name, value in description.items() if value is not None}],
        },
    )


def _central(band_id: int | None, default: float, source: SourceDocument | None) -> float:
    """Central wavelength, nm: what the input says of its own instrument, else the table's."""
    if source is not None and band_id is not None:
        for spectrum in source.elements("Spectral_Information"):
            if spectrum.get("bandId") == str(band_id):
                return _number(stripped(spectrum.find("{*}Wavelength/{*}CENTRAL"))) or default
    return default


def _file_asset(file: WrittenFile, product: OutputProduct) -> tuple[str, pystac.Asset]:
    key, roles, title = _FILE_ASSETS.get(file.kind, ("overview", ("overview",), f"Quicklook of {file.kind[3:]}"))
    if file.kind == "THUMBNAIL" and file.shape is not None and max(file.shape) > THUMBNAIL_PIXELS:
        raise ValueError(f"thumbnail {file.path} is {file.shape}: more than {THUMBNAIL_PIXELS} pixels on a side")
    fields: dict = {}
    if file.size is not None:
        fields["file:size"] = file.size
    if file.sha256 is not None:
        fields["file:checksum"] = _multihash(file.sha256)
    if file.shape is not None and file.transform is not None:
        fields |= {
            "proj:code": f"EPSG:{product.tile.epsg}",
            "proj:shape": list(file.shape),
            "proj:transform": list(file.transform)[:6],
        }
    if file.kind in _CLASSES:
        fields["classification:classes"] = [{"value": i, "name": name} for i, name in enumerate(_CLASSES[file.kind])]
    return key, pystac.Asset(f"./{file.path}", title, media_type=MEDIA_TYPES[file.format], roles=list(roles), extra_fields=fields)


def _document_asset(folder: Path, path: str, title: str) -> pystac.Asset:
    content = (folder / path).read_bytes()
    fields = {"file:size": len(content), "file:checksum": _multihash(hashlib.sha256(content).hexdigest())}
    return pystac.Asset(f"./{path}", title, media_type=MEDIA_TYPES["XML"], roles=["metadata"], extra_fields=fields)


def _links(product: OutputProduct) -> list[pystac.Link]:
    collection = f"../../collection-{product.level.lower()}.json"
    links = [
        pystac.Link("root", "../../catalog.json", media_type="application/json"),
        pystac.Link("parent", collection, media_type="application/json"),
        pystac.Link("collection", collection, media_type="application/json"),
        pystac.Link("license", LICENSES["S2" if product.is_sentinel2 else "Landsat"]),
    ]
    for name in (product.source.name, *product.derived_from):
        links.append(pystac.Link("derived_from", name, title=name))
    return links


def _step(step: Mapping) -> str:
    parameters = ", ".join(f"{key}={value}" for key, value in step.items() if key != "block")
    return f"{step.get('block', '?')}({parameters})" if parameters else str(step.get("block", "?"))


def _jsonable(step: Mapping) -> dict:
    return {key: value if isinstance(value, str | int | float | bool | None) else str(value) for key, value in step.items()}


def _uri(extension: str) -> str:
    return f"https://stac-extensions.github.io/{extension}/{EXTENSIONS[extension]}/schema.json"


def _multihash(sha256: str) -> str:
    return f"1220{sha256}"


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _text(time: datetime) -> str:
    return f"{_utc(time):%Y-%m-%dT%H:%M:%S.%f}Z"


def _known(number: float) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _number(text: str | None) -> float | None:
    try:
        return _known(float(text)) if text is not None else None
    except ValueError:
        return None


def _rounded(geometry: Mapping) -> dict:
    """Coordinates to 6 decimals (0.1 m)."""

    def shorten(value):
        return [shorten(v) for v in value] if isinstance(value, list | tuple) else round(float(value), 6)

    return {"type": geometry["type"], "coordinates": shorten(geometry["coordinates"])}
