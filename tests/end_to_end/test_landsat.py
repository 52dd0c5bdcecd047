"""Landsat through the program, with Sentinel-2 dates before it, against the truth of the simulator."""

import json
import shutil
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine
from end_to_end.running import Bench, Run, item, lineage, quality, step
from odc.geo.geobox import GeoBox

from sen2like.grid import mgrs
from sen2like.packaging import schemas
from sen2like.science.resample import enlarge
from sen2like.science.shift import Framing
from simulator.acquisition import Acquisition
from simulator.figures import tile
from simulator.scene import Scene

ACCURATE = dict(smac="exact", cams_interpolation="accurate", angles="accurate", nbar_kernel="reference", rounding="nearest",
                clip_negative=False, mask_60m="nearest")  # fmt: skip
"""Methods whose errors are small beside those that are looked at; the simulator has the kernels of the reference."""
PHYSICS = dict(brdf=True, sbaf=True, physics="mean")
"""Surfaces and sensors as the chain takes them, so that nothing but noise and interpolation is left."""
FUSED = ("B02", "B03", "B04", "B8A", "B11", "B12")
HARMONISED = ("B01", *FUSED)
NATIVE = ("B08", "B10", "B11")
SCALE, OFFSET = 1e-4, -0.1
EDGE = 2
"""Pixels of 900 m around clouds that are left out: the kernel reaches them."""


@dataclass(frozen=True)
class Series:
    """Runs over the products of a scenario, in order of their dates."""

    root: Path
    runs: tuple[Run, ...]

    def product(self, level: str, satellite: str = "LS8") -> Path:
        (found,) = (path for path in self.runs[-1].products(level) if path.name.startswith(satellite))
        return found

    def facts(self, product: str = "LC08") -> dict:
        """truth.json of an input."""
        (path,) = (self.root / "truth").glob(f"{product}*/truth.json")
        return json.loads(path.read_text())

    def truth(self, name: str, product: str = "LC08") -> np.ndarray:
        (path,) = (self.root / "truth").glob(f"{product}*/{name}.tif")
        return pixels(path)


def pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(1)


def image(product: Path, band: str, native: bool = False) -> Path:
    (path,) = product.glob(f"GRANULE/*/IMG_DATA/{'NATIVE/' if native else ''}*_{band}_*.TIF")
    return path


def reflectance(product: Path, band: str, native: bool = False) -> np.ndarray:
    dn = pixels(image(product, band, native)).astype(np.float64)
    return np.where(dn == 0, np.nan, dn * SCALE + OFFSET)


def mask_of(product: Path, shape: tuple[int, int]) -> np.ndarray:
    """Clear pixels of a product away from clouds, on a finer grid."""
    (path,) = product.glob("GRANULE/*/QI_DATA/*_MSK.TIF")
    clear = cv2.erode(pixels(path), np.ones((2 * EDGE + 1,) * 2, np.uint8))
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, clear.shape, strict=True))
    return clear[np.ix_(rows, columns)] != 0


def written(product: Path) -> list[str]:
    """Bands that are in a product, native ones as ``NATIVE/B08``."""
    found = (p.relative_to(next(product.glob("GRANULE/*/IMG_DATA"))) for p in product.glob("GRANULE/*/IMG_DATA/**/*.TIF"))
    return sorted("/".join([*p.parts[:-1], p.stem.split("_")[-2]]) for p in found)


def rmse(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference**2)))


def products_of(root: Path) -> dict[str, Path]:
    """Inputs of a scenario by satellite and date."""
    sentinel2 = {f"{p.name[:3]} {p.name[11:19]}": p for p in (root / "Sentinel2/31TFJ").iterdir()}
    return sentinel2 | {f"LS{p.name[3]} {p.name[17:25]}": p for p in root.glob("Landsat?/*/*/*")}


def auxiliary(root: Path) -> dict[str, Path]:
    return {"cams_dir": root / "CAMS/monthly", "references_map": root / "reference/references_map.json"}


def made_of(bench: Bench, root: Path, dates, *options, **changes) -> Series:
    """Runs of product-mode, one after the other, into one archive; each must end well."""
    runs = tuple(bench(products_of(root)[date], *options, **auxiliary(root) | changes) for date in dates)
    for run in runs:
        assert run.code == 0 and run.errors() == [], run.err
    return Series(root, runs)


DATES = ("S2A 20210602", "S2B 20210612", "LS8 20210615")


@pytest.fixture(scope="module")
def series(simulate_scenario, module_bench) -> Series:
    """Two Sentinel-2 dates and one of Landsat 8 with clouds, noise, displacements, BRDF and other bands."""
    return made_of(module_bench(), simulate_scenario("standard", **PHYSICS), DATES, **ACCURATE)


# what comes out ------------------------------------------------------------------------------------------------------------


def test_three_dates_give_l2h_and_l2f_each(series):
    start = {"S2A": "20210602T104155", "S2B": "20210612T104155", "LS8": "20210615T102351"}
    expected = sorted(
        f"{satellite}_{'OLI' if satellite == 'LS8' else 'MSI'}{level}_{start[satellite]}"
        for satellite in start
        for level in ("L2H", "L2F")
    )
    assert sorted("_".join(path.name.split("_")[:3]) for path in series.runs[-1].products()) == expected


def test_landsat_has_its_bands_each_at_its_own_size(series):
    harmonised, fused = series.product("L2H"), series.product("L2F")
    assert written(harmonised) == written(fused) == sorted([*HARMONISED, *(f"NATIVE/{band}" for band in NATIVE)])
    for band in HARMONISED:
        fine = 300 if band in ("B02", "B03", "B04") else 600 if band in FUSED else 900
        for product, pixel in ((harmonised, 900), (fused, fine)):
            with rasterio.open(image(product, band)) as source:
                assert source.res == (pixel, pixel) and source.crs.to_epsg() == 32631
                assert source.transform.c == 600000 and source.transform.f == 4900020
    with rasterio.open(image(harmonised, "B08", native=True)) as source:
        assert source.res == (450, 450)


def test_what_fusion_leaves_alone_is_one_file(series):
    harmonised, fused = series.product("L2H"), series.product("L2F")
    for band, native in [("B01", False), *((band, True) for band in NATIVE)]:
        assert image(harmonised, band, native).samefile(image(fused, band, native))
    for band in FUSED:
        assert not image(harmonised, band).samefile(image(fused, band))


def test_both_products_are_valid_and_tell_their_inputs(series):
    sources = {}
    for level in ("L2H", "L2F"):
        product = series.product(level)
        for path in (*product.glob("MTD_*.xml"), *product.glob("GRANULE/*/MTD_TL_*.xml"), *product.rglob("*_QUALITY.xml")):
            assert schemas.validate(path.read_bytes()) == []
        links = [link for link in item(product)["links"] if link["rel"] == "derived_from"]
        sources[level] = sorted(link["href"].rstrip("/").split("/")[-1] for link in links)
    past = sorted(path.name for path in series.runs[-1].products("L2F") if path.name.startswith("S2"))
    assert len(sources["L2H"]) == 1 and sources["L2H"][0].startswith("LC08")
    assert [name.removesuffix(".SAFE") for name in sources["L2F"][1:]] == [name.removesuffix(".SAFE") for name in past]


def test_steps_are_in_order_and_fusion_is_none_of_l2h(series):
    assert lineage(series.product("L2H")) == ["Geometry", "Toa", "Atmcor", "Nbar", "Sbaf", "Packager"]
    steps = lineage(series.product("L2F"))
    assert steps.index("Fusion") > steps.index("Sbaf")


def test_method_and_check_are_told(series):
    assert step(series.product("L2F"), "Fusion")["method"] == "composite"
    report = quality(series.product("L2F"))
    assert report["PREDICTED_METHOD"] == "composite" and report["OVERALL_STATISTICS"].startswith("B04 max:")
    assert report["ANGLES_SOURCE"] == "angle bands" and report["SBAF_COEFFICIENT_B04"] != "1"
    assert quality(series.product("L2H")).get("PREDICTED_METHOD") in (None, "NONE", "TBW")


def test_the_fusion_check_is_a_mask_on_the_grid_of_landsat(series):
    (path,) = series.product("L2F").glob("GRANULE/*/QI_DATA/*_FCM.TIF")
    assert path.name == "L2F_T31TFJ_20210615T102351_LS8_R196_FCM.TIF"
    with rasterio.open(path) as source:
        assert source.dtypes == ("uint16",) and source.shape == (122, 122) and source.res == (900, 900)
        agrees = source.read(1)
    assert set(np.unique(agrees)) == {0, 1}
    told = quality(series.product("L2F"))["OVERALL_STATISTICS"].split("within_threshold:")[1]
    assert float(told.rstrip("%")) == pytest.approx(100 * agrees.mean(), abs=0.01)
    assert not list(series.product("L2H").rglob("*_FCM.TIF"))


# against the truth ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("band", FUSED)
def test_a_fused_band_is_nearer_to_the_truth_than_interpolation(series, band):
    truth = series.truth(band).astype(float)
    fused = reflectance(series.product("L2F"), band)
    bilinear = enlarge(np.nan_to_num(reflectance(series.product("L2H"), band)), truth.shape)
    clear = mask_of(series.product("L2H"), truth.shape) & np.isfinite(fused)
    assert clear.mean() > 0.5
    # spec 06 section 9: about a third to a half with products of the last two weeks
    assert rmse((fused - truth)[clear]) < 0.65 * rmse((bilinear - truth)[clear])
    assert abs((fused - truth)[clear].mean()) < 0.001


@pytest.mark.parametrize(
    ("band", "own"), [("B02", "B2"), ("B03", "B3"), ("B04", "B4"), ("B8A", "B5"), ("B11", "B6"), ("B12", "B7")]
)
def test_a_harmonised_band_is_what_landsat_saw_put_in_its_place(series, band, own):
    """Nadir reflectance of Sentinel-2A, seen by the pixels of the scene and moved once; noise and rounding are left."""
    got, expected = reflectance(series.product("L2H"), band), _moved(series, own)
    clear = mask_of(series.product("L2H"), got.shape) & np.isfinite(got)
    clear[:4] = clear[-4:] = clear[:, :4] = clear[:, -4:] = False
    difference = (got - expected)[clear]
    assert clear.mean() > 0.5
    # noise of 3e-4 and a DN of 1e-4, both enlarged by the atmosphere and the sun's elevation
    assert abs(difference.mean()) < 3e-4 and rmse(difference) < 8e-4


def _moved(series: Series, own: str) -> np.ndarray:
    """The truth through pixels of the displaced scene, and its displacement as the run found it removed."""
    facts = series.facts()
    names = {field.name for field in fields(Acquisition)}
    when = datetime.fromisoformat(facts["when"].rstrip("Z"))
    acquisition = Acquisition(**{k: v for k, v in facts.items() if k in names} | {"when": when})
    epsg, x, y = tile("31TFJ")
    scene = Scene(acquisition, facts["ulx"], facts["uly"], facts["width_m"], facts["height_m"], epsg, (x + 54_900, y - 54_900))
    rows = round(scene.height / scene.cell)
    scene.open_block(0, rows, 900)
    seen = scene.see(scene.mixed(scene.spectrum(own)), 0, rows, 900)
    grid = GeoBox(seen.shape, Affine(900, 0, scene.ulx, 0, -900, scene.uly), f"EPSG:{epsg}")
    shift = step(series.product("L2H"), "Geometry")
    return Framing.between(grid, mgrs.tile("31TFJ").geobox(900), shift["dx"], shift["dy"]).whole(seen)


def test_the_displacement_of_landsat_is_found(series):
    shift, true = step(series.product("L2H"), "Geometry"), series.facts()
    # few points at this size: a tenth of a pixel of 900 m; tests/test_registration.py has the bound at true size
    assert shift["dx"] == pytest.approx(true["dx"], abs=90) and shift["dy"] == pytest.approx(-true["dy"], abs=90)


# what can be asked for -----------------------------------------------------------------------------------------------------


@pytest.fixture
def with_past(series, bench):
    """A bench whose archive has the Sentinel-2 products already, and a run of Landsat in it."""
    for product in series.runs[-1].products():
        if product.name.startswith("S2"):
            shutil.copytree(product, bench.archive / "31TFJ" / product.name)

    def run(*options, **changes) -> tuple[Run, list[Path]]:
        done = bench(products_of(series.root)["LS8 20210615"], *options, **auxiliary(series.root) | ACCURATE | changes)
        return done, [path for path in done.products() if path.name.startswith("LS8")]

    return run


@pytest.mark.parametrize(("asked", "bands", "fuses"), [
    ("B8A", ["B8A"], True), ("BP1", ["NATIVE/B08"], False), ("BT1,BT2", ["NATIVE/B10", "NATIVE/B11"], False),
    ("B11,BT2,B01", ["B01", "B11", "NATIVE/B11"], True), ("B01", ["B01"], False), ("B04,B05", ["B04"], True),
])  # fmt: skip
def test_some_bands(with_past, series, asked, bands, fuses):
    run, products = with_past("--bands", asked)
    assert run.code == 0 and run.errors() == []
    assert ["L2F" in path.name for path in products] == ([True, False] if fuses else [False])
    for product in products:
        assert written(product) == bands
        for path in product.glob("GRANULE/*/IMG_DATA/**/*.TIF"):
            inside = path.relative_to(next(product.glob("GRANULE/*/IMG_DATA")))
            (whole,) = series.product(product.name[7:10]).glob(f"GRANULE/*/IMG_DATA/{inside}")
            np.testing.assert_array_equal(pixels(path), pixels(whole))


def test_predict_through_the_program(with_past, series):
    run, (fused, _) = with_past("--bands", "B04", predict_method="predict")
    assert run.code == 0
    # 2 and 12 June, Landsat on the 15th
    assert step(fused, "Fusion")["w"] == pytest.approx(1.3, abs=1e-4) and quality(fused)["PREDICTED_METHOD"] == "predict"
    truth = series.truth("B04").astype(float)
    got = reflectance(fused, "B04")
    clear = mask_of(series.product("L2H"), truth.shape) & np.isfinite(got)
    bilinear = enlarge(np.nan_to_num(reflectance(series.product("L2H"), "B04")), truth.shape)
    assert rmse((got - truth)[clear]) < rmse((bilinear - truth)[clear])
    assert (got != reflectance(series.product("L2F"), "B04"))[clear].any()


def test_without_past_products_there_is_l2h_alone_and_a_warning(bench, series):
    run = bench(products_of(series.root)["LS8 20210615"], "--bands", "B04", **auxiliary(series.root))
    assert run.code == 0 and run.errors() == []
    assert [path.name[7:10] for path in run.products()] == ["L2H"]
    assert any("no Sentinel-2 L2F product on or before 2021-06-15" in line and "31TFJ" in line for line in run.warnings())


def test_what_was_made_is_not_made_again(with_past):
    first, made = with_past("--bands", "B04")
    second, still = with_past("--bands", "B04")
    assert first.code == second.code == 0 and made == still
    assert "made before with the same configuration" in second.err + second.out


# levels --------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def levels(simulate_scenario, module_bench) -> Series:
    """Level-2 of Sentinel-2 and Landsat 8 and, in the same archive, Level-1 of Landsat 9."""
    bench = module_bench()
    root = simulate_scenario("l2a", **PHYSICS)
    level2 = made_of(bench, root, DATES, **ACCURATE)
    level1 = made_of(bench, simulate_scenario("standard", **PHYSICS), ["LS9 20210623"], "--bands", "B04", **ACCURATE)
    return Series(root, (*level2.runs, *level1.runs))


@pytest.mark.parametrize(("satellite", "corrected"), [("S2A", False), ("S2B", False), ("LS8", False), ("LS9", True)])
def test_each_product_is_corrected_as_its_own_level_needs(levels, satellite, corrected):
    steps = lineage(levels.product("L2H", satellite))
    assert ("Atmcor" in steps) is corrected and "Toa" in steps
    level = {"LS8": "L2SP", "LS9": "L1TP"}.get(satellite, "Level-2A")
    assert step(levels.product("L2H", satellite), "Toa")["product_level"] == level


def test_both_levels_are_fused_with_level_2(levels):
    for satellite in ("LS8", "LS9"):
        assert "S2A_MSIL2F_20210602" in step(levels.product("L2F", satellite), "Fusion")["products"]


@pytest.mark.parametrize("band", FUSED)
def test_fused_surface_reflectance_is_nearer_to_the_truth_than_interpolation(levels, band):
    truth = levels.truth(band).astype(float)
    fused = reflectance(levels.product("L2F"), band)
    bilinear = enlarge(np.nan_to_num(reflectance(levels.product("L2H"), band)), truth.shape)
    clear = mask_of(levels.product("L2H"), truth.shape) & np.isfinite(fused)
    assert clear.mean() > 0.5 and rmse((fused - truth)[clear]) < 0.75 * rmse((bilinear - truth)[clear])

