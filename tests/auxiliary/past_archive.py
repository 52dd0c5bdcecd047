"""Archives of past products of one tile, written by the packager's own writer with pixels 60 times as large as real ones."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from sen2like.auxiliary.past_products import choose
from sen2like.grid import mgrs
from sen2like.packaging.writer import OutputSettings, ProductWriter
from sen2like.products.model import Band
from sen2like.raster.image import Image
from sen2like.raster.write import RasterFormat, write_mask

TILE = mgrs.tile("31TFJ")
LANDSAT = 1800.0
BANDS = {"B04": LANDSAT, "B8A": LANDSAT}
SIZES = {"B04": 600.0, "B8A": 1200.0}
"""Pixels of the 10 and 20 m bands; 1200 m do not divide the side of the tile."""
MADE = datetime(2024, 1, 1, tzinfo=UTC)
TARGET = date(2020, 6, 15)


class Archive:
    """An archive of past products of `TILE`."""

    def __init__(self, root: Path):
        self.root = root

    @property
    def folder(self) -> Path:
        return self.root / TILE.id

    def add(
        self, day, satellite="S2A", orbit=8, made=MADE, bands=SIZES, tile=TILE, grid=None, mask=None, time="103421", **output
    ):
        """Write a product and return its folder; `grid` moves all its images."""
        start = datetime.strptime(f"{day}T{time}", "%Y-%m-%dT%H%M%S").replace(tzinfo=UTC)
        source = SimpleNamespace(
            sensor_name=satellite, instrument="MSI", datatake_start=start, datastrip_start=start,
            relative_orbit=orbit, absolute_orbit="025956",
        )  # fmt: skip
        writer = ProductWriter("L2F", source, TILE, OutputSettings(self.root, **{"if_exists": "keep_both"} | output), made)
        for band, size in bands.items():
            image = image_of(grid or tile.geobox(size), seed=f"{day}{band}")
            writer.add_image(Band(band, band, "", size), image.data, image)
        box = tile.geobox(1200)
        valid = np.ones(box.shape, np.uint8) if mask is None else mask
        write_mask(writer.folder / writer.names.mask, valid, box, RasterFormat())
        return writer.publish()

    def choose(self, count=2, target=TARGET, bands=BANDS, gain=10000, offset=1000):
        return choose(self.root, TILE, target, count, bands, gain, offset)


def image_of(box, seed="") -> Image:
    values = np.random.default_rng(list(seed.encode())).integers(1001, 9000, box.shape)
    return Image(values.astype(np.uint16), box, 0)


def file(product: Path, pattern: str) -> Path:
    (found,) = product.glob(f"GRANULE/*/{pattern}")
    return found
