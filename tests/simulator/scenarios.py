"""Sets of products that tests and the demo use, with their reference image and atmosphere."""

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from . import cams, landsat, sentinel2
from .acquisition import Acquisition
from .figures import TILE_SIZE, tile
from .rasters import GeoTiff, write_json
from .scene import Scene
from .sentinel2_bands import RESOLUTION

NAMES = ("standard", "clear", "stitch", "edge", "l2a")
REFERENCE_DAY = 153
"""Day of the year of the reference image."""
SENTINEL2_TIME = "T10:46:25.578000"
LANDSAT_TIME = "T10:23:51.194486"
NEXT_ROW_TIME = "T10:23:27.194486"
STRIP_END, STRIP_START = 4000.0, 2000.0
"""Two datastrips of a split tile overlap between these, metres along track from the tile centre."""


def write(
    name: str,
    out: Path | str,
    *,
    tile_id: str = "31TFJ",
    coarse: int = 1,
    seed: int = 2021,
    brdf: bool = False,
    sbaf: bool = False,
    physics: str = "pixel",
    window: str = "tile",
    tci: bool = False,
    quality_masks: bool = True,
    log: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write scenario `name` (SIMULATE.md) below `out`; returns the products and CAMS files."""
    out = Path(out)
    passes: list[Acquisition] = []
    written: list[Path] = []

    def acquisition(sensor, date, dx=0.0, dy=0.0, **values):
        values = dict(tile=tile_id, coarse=coarse, seed=seed, brdf=brdf, physics=physics) | values
        if name == "clear":
            dx = dy = 0.0
            values |= dict(cover=0.0, cirrus=0.0, noise=0.0)
        if not sensor.startswith("S2"):
            values.setdefault("sbaf", sbaf)
        return Acquisition(sensor, datetime.fromisoformat(date), dx=dx * coarse, dy=dy * coarse, **values)

    def s2(acq, **options):
        passes.append(acq)
        folder = out / "Sentinel2" / tile_id
        written.append(sentinel2.render(acq, folder, out / "truth", tci=tci, quality_masks=quality_masks, log=log, **options))

    def ls(acq, row=30, level="L1TP", part="all"):
        passes.append(acq)
        folder = out / {"LS8": "Landsat8", "LS9": "Landsat9"}[acq.sensor] / "196" / str(row)
        written.append(landsat.render(acq, folder, out / "truth", level, 196, row, part, window, log=log))

    if name in ("standard", "clear"):
        s2(acquisition("S2A", "2021-06-02" + SENTINEL2_TIME, 3.4, -6.2, aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5,
                       aot_gx=0.02, cover=0.04), baseline="05.10")  # fmt: skip
        s2(acquisition("S2B", "2021-06-12" + SENTINEL2_TIME, -4.7, 2.9, aot=0.20, h2o=2.4, o3=0.330, pressure=1012.0,
                       aot_gy=0.03, cover=0.05, cirrus=0.03), baseline="05.10")  # fmt: skip
        ls(acquisition("LS8", "2021-06-15" + LANDSAT_TIME, 7.5, -4.1, aot=0.16, h2o=2.2, o3=0.328, pressure=1014.2,
                       aot_gx=-0.02, cover=0.05))  # fmt: skip
        s2(acquisition("S2A", "2021-06-22" + SENTINEL2_TIME, 1.3, 5.6, aot=0.09, h2o=2.9, o3=0.322, pressure=1018.3,
                       h2o_gy=-0.3, cover=0.03), baseline="05.11")  # fmt: skip
        ls(acquisition("LS9", "2021-06-23" + LANDSAT_TIME, -8.2, 6.3, aot=0.13, h2o=2.6, o3=0.321, pressure=1011.1, cover=0.04))
    elif name == "stitch":
        north = acquisition("S2A", "2021-06-02" + SENTINEL2_TIME, 3.4, -6.2, aot=0.12, cover=0.03, along_max=STRIP_END)
        s2(north)
        s2(dataclasses.replace(north, along_min=STRIP_START, along_max=1e12, strip_shift=10))
        ls(acquisition("LS8", "2021-06-15" + NEXT_ROW_TIME, 7.5, -4.1, aot=0.16, cover=0.03), 29, part="north")
        ls(acquisition("LS8", "2021-06-15" + LANDSAT_TIME, 7.5, -4.1, aot=0.16, cover=0.03, cloud_seed=5), 30, part="south")
    elif name == "edge":
        s2(acquisition("S2A", "2021-06-02" + SENTINEL2_TIME, 3.4, -6.2, aot=0.12, cover=0.03, track=95000.0))
        s2(acquisition("S2B", "2021-06-12" + SENTINEL2_TIME, -4.7, 2.9, aot=0.20, cover=0.05, track=-105000.0))
    elif name == "l2a":
        s2(acquisition("S2A", "2021-06-02" + SENTINEL2_TIME, 3.4, -6.2, aot=0.12, h2o=1.8, cover=0.04), level="L2A")
        s2(acquisition("S2B", "2021-06-12" + SENTINEL2_TIME, -4.7, 2.9, aot=0.20, h2o=2.4, cover=0.05, cirrus=0.03), level="L2A")
        ls(acquisition("LS8", "2021-06-15" + LANDSAT_TIME, 7.5, -4.1, aot=0.16, cover=0.05), level="L2SP")
    else:
        raise ValueError(f"unknown scenario {name!r}: use one of {', '.join(NAMES)}")

    write_reference(out / "reference" / f"{tile_id}_B04.tif", tile_id, coarse, seed)
    references = {tile_id: str((out / "reference" / f"{tile_id}_B04.tif").resolve())}
    (out / "reference" / "references_map.json").write_text(json.dumps(references, indent=1))
    for year, month in sorted({(a.when.year, a.when.month) for a in passes}):
        of_month = [a for a in passes if (a.when.year, a.when.month) == (year, month)]
        written.append(cams.write(out / "CAMS" / "monthly", year, month, of_month))
    description = dict(name=name, coarse=coarse, tile=tile_id, seed=seed, brdf=brdf, sbaf=sbaf, physics=physics, window=window)
    description["products"] = [str(path.relative_to(out)) for path in written]
    description["acquisitions"] = [dataclasses.asdict(a) | {"when": a.when.isoformat()} for a in passes]
    write_json(out / "scenario.json", description)
    return written


def write_reference(path: Path | str, tile_id: str, coarse: int, seed: int = 2021, day: int = REFERENCE_DAY, band: str = "B04"):
    """Unshifted band of that day of 2021: uint16, reflectance * 10000 without offset, 0 = none."""
    epsg, ulx, uly = tile(tile_id)
    pixel = RESOLUTION[band] * coarse
    acq = Acquisition("S2A", datetime(2021, 1, 1, 10, 46) + timedelta(days=day - 1), tile_id, coarse, seed)
    scene = Scene(acq, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, (ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2))
    size = int(TILE_SIZE / pixel)
    raster = GeoTiff(path, ulx, uly, pixel, size, size, epsg, "uint16", compress=True, tiled=True, nodata=0)
    for first, rows in scene.blocks():
        scene.open_block(first, rows, pixel)
        rho = scene.see(scene.mixed(scene.spectrum(band)), first, rows, pixel, shifted=False)
        raster.put(first * 10 * coarse // pixel, np.rint(rho * 10000).clip(1, 65535).astype(np.uint16))
    raster.close()
    return Path(path)
