"""Last look at a finished product folder, before it gets its final name: what is listed is there and can be read."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlparse

import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from sen2like.errors import MetadataError
from sen2like.packaging.output import OutputProduct
from sen2like.packaging.quality import validate_quality
from sen2like.packaging.xmltree import parsed

_BLOCK = 1 << 20
_JPEG_END = b"\xff\xd9"


def verify(folder: Path, product: OutputProduct, checksums: bool = False, rasters: bool = True) -> list[str]:
    """What is wrong with the product in `folder`, one line each; an empty list when it is complete.

    Every image and auxiliary file exists with the size told and is what `raster_problems` wants (`rasters` False: that was
    looked at when it was written); documents exist and are well formed, and the quality report obeys its schema; the links of
    the STAC item to files are relative and lead to one. `checksums`: read all images once more and compare their SHA-256.
    """
    problems = []
    for image in product.images:
        problems += _file(folder, image.path, image.size)
        problems += raster_problems(folder, image.path, image.shape) if rasters else []
        if checksums and (folder / image.path).is_file() and _sha256(folder / image.path) != image.sha256:
            problems.append(f"{image.path}: contents changed since it was written (SHA-256 differs)")
    for file in product.files:
        problems += _file(folder, file.path, file.size)
        if file.shape is not None and rasters:
            problems += raster_problems(folder, file.path, file.shape)
    names = product.names
    for path in (names.product_metadata, names.tile_metadata, names.quality_report):
        problems += _document(folder, path)
    return problems + _item(folder, names.stac_item)


def _file(folder: Path, path: str, size: int | None) -> list[str]:
    file = folder / path
    if not file.is_file():
        return [f"{path}: listed but not there"]
    found = file.stat().st_size
    if found == 0 or (size is not None and found != size):
        return [f"{path}: {found} bytes instead of {size or 'some'}"]
    return []


def raster_problems(folder: Path, path: str, shape: tuple[int, int]) -> list[str]:
    """What is wrong with one image: it opens with the shape told, and its last pixels are there, which a cut file lacks."""
    if not (folder / path).is_file():
        return []
    try:
        with rasterio.open(folder / path) as source:
            if source.shape != tuple(shape):
                return [f"{path}: {source.shape} pixels instead of {tuple(shape)}"]
            if source.driver == "JPEG":  # whose last pixels come after all others
                return [] if _ends_with(folder / path, _JPEG_END) else [f"{path}: is cut"]
            source.read(1, window=Window(source.width - 1, source.height - 1, 1, 1))
    except RasterioError as e:
        return [f"{path}: cannot be read ({e})"]
    return []


def _ends_with(path: Path, end: bytes) -> bool:
    with path.open("rb") as f:
        f.seek(-len(end), os.SEEK_END)
        return f.read() == end


def _document(folder: Path, path: str) -> list[str]:
    problems = _file(folder, path, None)
    if problems:
        return problems
    try:
        content = (folder / path).read_bytes()
        parsed(content, path)
        return [f"{path}: {problem}" for problem in validate_quality(content)] if path.endswith("_QUALITY.xml") else []
    except MetadataError as e:
        return [str(e)]


def _item(folder: Path, path: str) -> list[str]:
    problems = _file(folder, path, None)
    if problems:
        return problems
    try:
        item = json.loads((folder / path).read_bytes())
    except ValueError as e:
        return [f"{path}: is not JSON ({e})"]
    for key, asset in item["assets"].items():
        href = asset["href"]
        if urlparse(href).scheme or PurePosixPath(href).is_absolute():
            problems.append(f"{path}: asset {key} is not relative: {href}")
        elif not (folder / href).is_file():
            problems.append(f"{path}: asset {key} leads to nothing: {href}")
    return problems


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as f:
        while block := f.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
