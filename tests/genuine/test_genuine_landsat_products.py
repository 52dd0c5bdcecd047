"""Genuine Landsat products through product-mode: every one gives its L2H, in its place and of the right numbers.

Their owners resampled the pixels (to about 3.9 km, one to 600 m). Expected values are worked out from the input with the
formulas of the specifications (05 section 6.2, 07 section 2.2).
"""

import re
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import rasterio
from end_to_end.running import Bench, Run, item, quality
from pyproj import Transformer

from sen2like.grid import mgrs
from sen2like.packaging import schemas

TOA_ONLY = dict.fromkeys(("doAtmcor", "doNbar", "doSbaf", "doGeometryCheck", "doStitching", "doFusion", "doPackagerL2F"), False)
OWN = {"B01": 1, "B02": 2, "B03": 3, "B04": 4, "B8A": 5, "B11": 6, "B12": 7}
"""Number of the Landsat band by Sentinel-2 name."""


@dataclass(frozen=True)
class Genuine:
    file: str
    tile: str
    start: str
    best_angles: str

    @property
    def name(self) -> str:
        return self.file.split(".")[0]

    @property
    def surface(self) -> bool:
        return "_L2SP_" in self.file

    @property
    def native(self) -> set[str]:
        return {"B10"} if self.surface else {"B08", "B10", "B11"}


PRODUCTS = [
    Genuine("LC08_L1TP_090084_20160121_20170405_01_T1", "55HGB", "20160121T235023", "angle coefficients"),
    Genuine("LC08_L1TP_090084_20160121_20170405_01_T1.tar.gz", "55HGB", "20160121T235023", "angle coefficients"),
    Genuine("LC08_L1TP_090084_20160121_20200907_02_T1", "55HGB", "20160121T235023", "approximation"),
    Genuine("LC08_L2SP_098084_20210503_20210508_02_T1", "53HQB", "20210503T003915", "angle coefficients"),
    Genuine("LC08_L1GT_089074_20220506_20220512_02_T2", "56KQC", "20220506T233959", "angle bands"),
    Genuine("LC09_L1TP_112081_20220209_20220209_02_T1.tar", "50JMM", "20220209T020518", "angle bands"),
    Genuine("LC08_L2SP_001062_20201031_20201106_02_T2", "20MKB", "20201031T143147", "angle coefficients"),
]
C1, C1_PACKED, C2 = PRODUCTS[:3]
OTHER_ZONE = [(C2, "56HKH"), (PRODUCTS[3], "54HTG")]
"""Products and tiles of another zone that they cover in part."""


@dataclass(frozen=True)
class Result:
    run: Run
    folder: Path

    @property
    def product(self) -> Path:
        (found,) = self.folder.glob("*.SAFE")
        return found

    def image(self, band: str, native: bool = False) -> Path:
        (path,) = self.product.glob(f"GRANULE/*/IMG_DATA/{'NATIVE/' if native else ''}*_{band}_*.TIF")
        return path


@pytest.fixture(scope="module")
def made(genuine, module_bench_of):
    """``made(known, tile, toa_only)`` -> `Result`, once each; the others have the methods of conf/accurate.ini for angles."""

    @cache
    def make(known: Genuine, tile: str | None = None, toa_only: bool = False, angles: str = "reference") -> Result:
        path = genuine(f"landsat/{known.file}")
        bench = module_bench_of()
        before = sorted(p.name for p in path.parent.iterdir())
        run = bench(path, "--tile", tile or known.tile, cloud_cover=100, angles=angles, **(TOA_ONLY if toa_only else {}))
        assert sorted(p.name for p in path.parent.iterdir()) == before  # nothing is written beside inputs
        return Result(run, bench.archive / (tile or known.tile))

    return make


@pytest.fixture(scope="module")
def module_bench_of(tmp_path_factory):
    return lambda: Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def text(genuine):
    """Text of the MTL file of a product."""

    def read(known: Genuine) -> str:
        path = genuine(f"landsat/{known.file}")
        if path.is_dir():
            return (path / f"{known.name}_MTL.txt").read_text()
        with tarfile.open(path) as archive:
            return archive.extractfile(f"{known.name}_MTL.txt").read().decode()

    return read


def input_band(path: Path, known: Genuine, band: str):
    """(DN, affine, crs) of an input band."""
    ending = f"{known.name}_{'SR_' if known.surface else ''}B{OWN[band]}.TIF"
    source = str(path / ending) if path.is_dir() else f"/vsitar/{path}/{ending}"
    with rasterio.open(source) as opened:
        return opened.read(1), opened.transform, opened.crs


def weights(t: float) -> np.ndarray:
    """Catmull and Rom; spec 05 section 6.2, float64."""
    return np.array([-t / 2 + t**2 - t**3 / 2, 1 - 2.5 * t**2 + 1.5 * t**3, t / 2 + 2 * t**2 - 1.5 * t**3, (t**3 - t**2) / 2])


def expected_dn(dn, affine, crs, mult: float, add: float, grid, row: int, column: int) -> float | None:
    """Output DN (gain 10000, offset 1000) of one pixel, not truncated; None where samples are missing."""
    x, y = grid.transform * (column + 0.5, row + 0.5)
    if grid.crs.to_epsg() % 100 == crs.to_epsg() % 100:
        y -= 1e7 if grid.crs.to_epsg() > 32700 and crs.to_epsg() < 32700 else 0
    else:
        x, y = Transformer.from_crs(grid.crs, crs, always_xy=True).transform(x, y)
    c, r = ~affine * (x, y)
    n, m = int(np.floor(r - 0.5)), int(np.floor(c - 0.5))
    if n < 1 or m < 1 or n + 2 >= dn.shape[0] or m + 2 >= dn.shape[1]:
        return None
    samples = dn[n - 1 : n + 3, m - 1 : m + 3].astype(float)
    if not samples.all():
        return None
    value = weights(r - 0.5 - n) @ samples @ weights(c - 0.5 - m)
    return (mult * np.clip(value, dn[dn > 0].min(), dn.max()) + add) * 10000 + 1000


def scale(text: str, known: Genuine, band: str) -> tuple[float, float]:
    """DN -> reflectance, from the metadata of the product's own level."""
    if known.surface:
        text = text[text.index("GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS") :]
    mult, add = (float(re.search(rf"REFLECTANCE_{key}_BAND_{OWN[band]} = (\S+)", text)[1]) for key in ("MULT", "ADD"))
    if known.surface:
        return mult, add
    sun = np.sin(np.radians(float(re.search(r"SUN_ELEVATION = (\S+)", text)[1])))
    return mult / sun, add / sun


def ids(value):
    return getattr(value, "file", None)


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
def test_every_product_gives_its_l2h(made, known):
    result = made(known)
    assert result.run.code == 0 and result.run.errors() == [], result.run.err
    satellite = "LS9" if known.name.startswith("LC09") else "LS8"
    assert result.product.name.startswith(f"{satellite}_OLIL2H_{known.start}_")
    assert {p.stem.split("_")[-2] for p in result.product.glob("GRANULE/*/IMG_DATA/*.TIF")} == set(OWN)
    assert {p.stem.split("_")[-2] for p in result.product.glob("GRANULE/*/IMG_DATA/NATIVE/*.TIF")} == known.native
    frame = mgrs.tile(known.tile)
    for path in result.product.glob("GRANULE/*/IMG_DATA/**/*.TIF"):
        with rasterio.open(path) as source:
            assert source.crs.to_epsg() == frame.epsg
            assert (source.transform.c, source.transform.f) == (frame.ulx, frame.uly)
            assert source.width * source.res[0] >= 109_800 > (source.width - 1) * source.res[0]
            if "NATIVE" not in str(path):  # surface temperature has gaps of its own
                assert np.count_nonzero(source.read(1)) > 0.8 * source.width * source.height
    for path in (*result.product.glob("MTD_*.xml"), *result.product.rglob("*_QUALITY.xml")):
        assert schemas.validate(path.read_bytes()) == []
    assert item(result.product)["properties"]["landsat:correction"] == known.name.split("_")[1]
    assert ("Atmcor" in {s["block"] for s in item(result.product)["properties"]["s2l:lineage"]}) is not known.surface


@pytest.mark.parametrize("band", ["B01", "B04", "B12"])
@pytest.mark.parametrize(("known", "tile"), [*((known, None) for known in PRODUCTS if known != C1_PACKED), *OTHER_ZONE], ids=ids)
def test_reflectance_is_that_of_the_formulas(made, genuine, text, known, tile, band):
    result = made(known, tile, toa_only=True)
    assert result.run.code == 0, result.run.err
    dn, affine, crs = input_band(genuine(f"landsat/{known.file}"), known, band)
    factors = scale(text(known), known, band)
    looked_at = 0
    with rasterio.open(result.image(band)) as source:
        got = source.read(1)
        for row in np.linspace(0, source.height - 1, 9).astype(int):
            for column in np.linspace(0, source.width - 1, 9).astype(int):
                expected = expected_dn(dn, affine, crs, *factors, source, row, column)
                if expected is None or got[row, column] == 0:
                    continue
                looked_at += 1
                # truncated; across zones 0.001 pixel of contrasts of 2000 DN comes to it
                assert got[row, column] == pytest.approx(max(expected, 1001) - 0.5, abs=1.0 if tile is None else 3.0)
    assert looked_at > 20


@pytest.mark.parametrize("band", OWN)
def test_both_collections_of_a_scene_agree(made, band):
    """The same DN, other factors: the sun elevation has more digits in Collection 2; a DN of the output is cut off."""
    images = []
    for known in (C1, C2):
        with rasterio.open(made(known, toa_only=True).image(band)) as source:
            images.append(source.read(1).astype(int))
    both = (images[0] > 0) & (images[1] > 0)
    assert both.mean() > 0.9
    assert np.abs(images[0] - images[1])[both].max() <= 1


def test_an_archive_gives_the_pixels_of_its_folder(made):
    folder, packed = (made(known, toa_only=True) for known in (C1, C1_PACKED))
    for path in folder.product.glob("GRANULE/*/IMG_DATA/**/*.TIF"):
        other = packed.image(path.stem.split("_")[-2], path.parent.name == "NATIVE")
        with rasterio.open(path) as first, rasterio.open(other) as second:
            np.testing.assert_array_equal(first.read(1), second.read(1))


@pytest.mark.parametrize("known", PRODUCTS, ids=ids)
def test_the_source_of_angles_is_told(made, known):
    assert quality(made(known).product)["ANGLES_SOURCE"] == "approximation"
    best = made(known, angles="accurate")
    assert quality(best.product)["ANGLES_SOURCE"] == known.best_angles


def test_a_product_that_the_tile_does_not_see_is_refused(made):
    result = made(C2, "53HQB")
    assert result.run.code == 5 and not list(result.folder.glob("*"))
    assert "does not touch tile 53HQB" in result.run.errors()[0]
