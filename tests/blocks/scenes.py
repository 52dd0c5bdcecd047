"""Small products for tests of blocks: bands in memory on the grid of the tile, pixels 30 times as large as real ones."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from sen2like.blocks.base import Job, Partner
from sen2like.config import load
from sen2like.config.load import default_configuration
from sen2like.grid.mgrs import tile
from sen2like.packaging.writer import OutputSettings, ProductWriter
from sen2like.products.landsat import LandsatProduct, band_table
from sen2like.products.landsat_mtl import Thermal
from sen2like.products.model import Angles, Band, Masks
from sen2like.raster.image import Image
from sen2like.raster.write import RasterFormat, write_image, write_mask
from sen2like.science.toa import Radiometry

TILE = tile("31TFJ")
GRID = TILE.geobox(900)
"""122 x 122"""
CELLS = TILE.geobox(9150)
"""12 x 12 cells of angles"""
MADE = datetime(2024, 1, 1, tzinfo=UTC)


class Scene(LandsatProduct):
    """A Landsat scene. `dn` by own band name; what is not given is `filling`, 0 outside `data`."""

    sensor, sensor_name, level, refined, epsg = "L8", "LS8", "L1TP", False, 32631
    acquisition = datetime(2021, 6, 15, 10, 23, tzinfo=UTC)

    def __init__(
        self,
        name: str = "LC08_L1TP_196030_20210615_20210622_02_T1",
        data: np.ndarray | None = None,
        valid: np.ndarray | None = None,
        filling: int = 8000,
        dn: dict[str, np.ndarray] | None = None,
        names: tuple[str, ...] = ("B01", "B04", "B05", "B06", "B08", "B10"),
        degrees: tuple[float, float, float, float] = (100, 4, 140, 30),
        scale: tuple[float, float] = (2e-5, -0.1),
        notices: tuple[str, ...] = (),
        folder: Path | None = None,
    ):
        """`degrees`: VAA, VZA, SAA, SZA; `folder`: where files of the bands are made, for blocks that look at them."""
        data = np.ones(GRID.shape, np.uint8) if data is None else data
        given = dict(name=name, data=data, valid=data if valid is None else valid, filling=filling, dn=dn or {}, names=names,
                     degrees=degrees, scale=scale, notices=notices, folder=folder)  # fmt: skip
        self.__dict__.update(given)

    def __repr__(self) -> str:
        return f"Scene({self.name})"

    @property
    def bands(self) -> dict[str, Band]:
        rows = band_table()
        return {n: Band(n, rows[n].s2_name, self._file(n), rows[n].resolution, rows[n].native, rows[n].kind) for n in self.names}

    def _file(self, band: str) -> str:
        if self.folder is None:
            return ""
        path = self.folder / f"{self.name}_{band}.TIF"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_image(path, self.read(band).data, GRID, RasterFormat("GTIFF"), nodata=0)
        return str(path)

    def band_of(self, s2_name: str) -> str | None:
        return next((band.name for band in self.bands.values() if band.s2_name == s2_name), None)

    def read(self, band: str, threads: int | None = None) -> Image:
        usual = np.where(self.data != 0, self.filling, 0)
        return Image(self.dn.get(band, usual).astype(np.uint16), GRID, 0)

    def radiometry(self, band: str) -> Radiometry:
        return Radiometry(*self.scale)

    def thermal(self, band: str) -> Thermal:
        return Thermal(*self.scale, 774.8853, 1321.0789)

    def masks(self) -> Masks:
        return Masks(Image(self.valid.astype(np.uint8), GRID), Image(self.data.astype(np.uint8), GRID))

    def angles(self) -> Angles:
        degrees = np.broadcast_to(np.array(self.degrees, np.float32)[:, None, None], (4, *CELLS.shape)).copy()
        return Angles(degrees, ("VAA", "VZA", "SAA", "SZA"), CELLS, source="angle bands")

    def partner(self) -> Partner:
        return Partner(self, self.masks(), self.angles())


def job_of(scene: Scene, workdir: Path, *partners: Scene, bands=None, overrides=()) -> Job:
    """The job after geometry: all is on the grid of the tile."""
    config = load(default_configuration(), [f"archive_dir={workdir / 'archive'}", *overrides], searching=False)
    return Job(
        product=scene, tile=TILE, config=config, bands=bands or scene.names, workdir=workdir, reference=None, masks=scene.masks(),
        angles=scene.angles(), partners=[partner.partner() for partner in partners],
    )  # fmt: skip


def past_product(
    archive: Path, day: str, seed: int, mask: np.ndarray | None = None, satellite="S2A", made=MADE, grid=None
) -> Path:
    """A Sentinel-2 L2F product with random B02, B03, B04 (300 m) and B8A, B11, B12 (600 m); `grid`: of another tile."""
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    source = SimpleNamespace(
        sensor_name=satellite, instrument="MSI", datatake_start=start, datastrip_start=start, relative_orbit=8,
        absolute_orbit="025956",
    )  # fmt: skip
    writer = ProductWriter("L2F", source, TILE, OutputSettings(archive, if_exists="keep_both"), made)
    for n, band in enumerate(("B02", "B03", "B04", "B8A", "B11", "B12")):
        box = (grid or TILE).geobox(300 if n < 3 else 600)
        dn = np.random.default_rng([seed, n]).integers(1100, 5000, box.shape).astype(np.uint16)
        writer.add_image(Band(band, band, "", box.resolution.x), dn, Image(dn, box, 0))
    box = (grid or TILE).geobox(600)
    valid = np.ones(box.shape, np.uint8) if mask is None else mask
    write_mask(writer.folder / writer.names.mask, valid, box, RasterFormat())
    return writer.publish()
