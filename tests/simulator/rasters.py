"""Writing rasters strip by strip."""

import json
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

STRIP_ROWS = {10: 24, 20: 12, 60: 4}
"""Rows of a GeoTIFF strip by nominal Sentinel-2 resolution: they divide the blocks the scene is rendered in."""


class GeoTiff:
    """One GeoTIFF, written from top to bottom; `strip` rows per strip, or `tiled`."""

    def __init__(self, path, ulx, uly, pixel, width, height, epsg, dtype, *, count=1, strip=None, tiled=False,
                 compress=False, nodata=None):  # fmt: skip
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        profile = dict(driver="GTiff", width=width, height=height, count=count, dtype=dtype, crs=f"EPSG:{epsg}",
                       transform=from_origin(ulx, uly, pixel, pixel), nodata=nodata)  # fmt: skip
        if compress:
            profile |= dict(compress="DEFLATE", zlevel=1, predictor=3 if dtype == "float32" else 2, num_threads=2)
        if tiled:
            profile |= dict(tiled=True, blockxsize=256, blockysize=256)
        elif strip:
            profile |= dict(tiled=False, blockysize=strip)
        self._file = rasterio.open(self.path, "w", **profile)

    def put(self, row: int, values: np.ndarray, band: int = 1) -> None:
        """Write full rows, the first of them `row`."""
        self._file.write(values, band, window=((row, row + values.shape[0]), (0, values.shape[1])))

    def close(self) -> None:
        self._file.close()


def quantised(values: np.ndarray) -> np.ndarray:
    """float32 rounded to 2^-16: compresses well, error below 8e-6."""
    return (np.rint(values * 65536) / 65536).astype(np.float32)


def write_json(path, content) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, default=str))
