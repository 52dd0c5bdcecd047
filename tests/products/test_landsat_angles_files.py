"""Angles of Landsat products from their files: simulated and genuine ANG.txt and angle bands, and what may be wrong with them."""

import re
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize
from scipy import ndimage

from sen2like.errors import MetadataError, ProductError
from sen2like.products.container import open_container
from sen2like.products.landsat_ang import parse_ang
from sen2like.products.landsat_angles import AngleFiles, Source, angle_grid, read_angles
from sen2like.science.landsat_angles import NAMES, exact_angles

WHEN = datetime(2021, 6, 15, 10, 23, 51, 194486, UTC)
L1GT = "LC08_L1GT_089074_20220506_20220512_02_T2"
L9 = "LC09_L1TP_112081_20220209_20220209_02_T1"
SQUEEZE = 0.9915
"""Columns of the decimated genuine images span this much of the scene's width. Fitted to their sun angles (SZA and SAA of both
scenes say 0.990 to 0.992); the views are compared with it, not fitted. Without it they differ by up to 0.09 degree."""


def files_of(folder: Path, prefix="", bands=True, coefficients=True) -> AngleFiles:
    names = {n: f"{folder.name}_{n}.TIF" for n in NAMES} if bands else {}
    return AngleFiles(f"{folder.name}_{prefix}B1.TIF", names, f"{folder.name}_ANG.txt" if coefficients else None)


def read(folder, files, method="accurate", when=WHEN, **options):
    angles = read_angles(open_container(folder), files, when, method, **options)
    return angles, angles.source


def difference(a, b):
    """Of azimuths or zeniths, degrees."""
    return np.abs((a - b + 180) % 360 - 180)


@pytest.fixture(scope="module")
def scene(simulate_scenario) -> Path:
    return next((simulate_scenario("clear") / "Landsat8").glob("*/*/LC08*"))


@pytest.fixture
def copied(scene, tmp_path) -> Path:
    return Path(shutil.copytree(scene, tmp_path / scene.name))


# Simulated products


def test_angle_bands_come_first(scene):
    angles, source = read(scene, files_of(scene))
    assert source is Source.BANDS == "angle bands"
    assert angles.names == NAMES and angles.notices == () and not angles.nodes
    assert angles.degrees.dtype == np.float32 and np.isfinite(angles.degrees).all()


def test_the_grid_has_cells_of_ten_pixels_from_the_corner_of_the_scene_on(scene):
    angles, _ = read(scene, files_of(scene))
    with rasterio.open(scene / files_of(scene).template) as template:
        transform, shape, crs = template.transform, template.shape, template.crs
    assert angles.geobox.affine == transform * Affine.scale(10)
    assert tuple(angles.geobox.shape) == tuple(round(n / 10) for n in shape) == angles.degrees.shape[1:]
    assert angles.geobox.crs == crs


def test_coefficients_agree_with_the_angle_bands_pixel_by_pixel(scene):
    bands = {n: rasterio.open(scene / f"{scene.name}_{n}.TIF").read(1) / 100 for n in NAMES}
    ang = parse_ang((scene / f"{scene.name}_ANG.txt").read_bytes(), "ANG.txt")
    with rasterio.open(scene / files_of(scene).template) as template:
        transform = template.transform
    x0, y0 = transform * (0.5, 0.5)
    assert ang.upper_left == pytest.approx((x0, y0))
    rows, columns = np.indices(bands["VZA"].shape)
    exact = dict(zip(NAMES, exact_angles(ang.bands[4], rows, columns), strict=True))
    inside = ndimage.binary_erosion(bands["SZA"] > 0) & np.isfinite(exact["VZA"])
    assert inside.sum() > 10000
    for name in ("SZA", "SAA"):
        assert difference(exact[name], bands[name])[inside].max() < 0.017
    # where arrays overlap the bands hold one of them and the coefficients their mean
    apart = np.hypot(exact["VZA"] - bands["VZA"], np.sin(np.radians(exact["VZA"])) * difference(exact["VAA"], bands["VAA"]))
    assert np.percentile(apart[inside], 80) < 0.017


def test_coefficients_come_second_and_agree_with_the_bands_cell_by_cell(scene):
    bands, _ = read(scene, files_of(scene))
    angles, source = read(scene, files_of(scene, bands=False))
    assert source is Source.COEFFICIENTS and angles.notices == ()
    assert angles.geobox == bands.geobox and np.isfinite(angles.degrees).all()
    rows, columns = angles.geobox.shape
    pixels = {n: rasterio.open(scene / f"{scene.name}_{n}.TIF").read(1)[: 10 * rows, : 10 * columns] for n in ("SZA", "VAA")}
    padding = [(0, 10 * n - m) for n, m in zip((rows, columns), pixels["SZA"].shape, strict=True)]
    cells = {n: np.pad(p, padding).reshape(rows, 10, columns, 10) for n, p in pixels.items()}
    whole = (cells["SZA"] > 0).all(axis=(1, 3))
    for name in ("SZA", "SAA"):
        assert difference(angles[name], bands[name])[whole].max() < 0.02
    # the centre of a cell is like its mean where one array sees all of it: next to another one azimuths jump
    one_array = whole & (np.ptp(cells["VAA"], axis=(1, 3)) < 1000) & (angles["VZA"] > 2)
    assert one_array.sum() > 10
    assert difference(angles["VZA"], bands["VZA"])[one_array].max() < 0.05


def test_the_approximation_comes_last_with_a_notice(scene):
    angles, source = read(scene, files_of(scene, bands=False, coefficients=False))
    assert source is Source.APPROXIMATION
    assert len(angles.notices) == 1 and "approximate" in angles.notices[0]


def test_the_approximation_is_near_the_true_angles(scene):
    """Spec 04 section 11.3: SZA -0.04 +- 0.03, SAA 0.15 +- 0.02, VZA 0.10 about the exact ones."""
    exact, _ = read(scene, files_of(scene))
    angles, _ = read(scene, files_of(scene), "reference")
    inside = (slice(3, -3), slice(3, -3))
    assert np.abs(angles["SZA"] - exact["SZA"])[inside].max() < 0.3
    assert difference(angles["SAA"], exact["SAA"])[inside].max() < 0.6


def test_reference_angles_are_the_approximation_in_hundredths_whatever_else_there_is(scene):
    angles, source = read(scene, files_of(scene), "reference")
    plain, _ = read(scene, files_of(scene, bands=False, coefficients=False))
    assert source is Source.APPROXIMATION and angles.notices == ()
    expected = np.rint(plain.degrees.astype(float) * 100)
    assert np.abs(angles.degrees * 100.0 - expected).max() < 1.01
    np.testing.assert_array_equal(angles.degrees, np.rint(angles.degrees * np.float32(100)) / np.float32(100))


def test_an_unknown_method_is_refused(scene):
    with pytest.raises(ValueError, match="not one of reference, accurate"):
        read(scene, files_of(scene), "exact")


# The worked example of spec 04 section 8, as a file


def test_worked_example_from_a_band_of_the_scene(tmp_path):
    scene = GeoBox((7741, 7611), Affine(30, 0, 491985, 0, -30, -683685), "EPSG:32617")
    corners = [(4.085, 1384.682), (1336.871, 7605.533), (7734.827, 6221.475), (6389.675, 0.711)]
    ring = [(sample + 0.5, line + 0.5) for line, sample in [*corners, corners[0]]]
    data = rasterize([{"type": "Polygon", "coordinates": [ring]}], out_shape=scene.shape, dtype="uint8")
    with rasterio.open(tmp_path / "B1.TIF", "w", driver="GTiff", height=7741, width=7611, count=1, dtype="uint8", compress="lzw",
                       crs="EPSG:32617", transform=scene.affine) as band:  # fmt: skip
        band.write(data, 1)
    when = datetime(2022, 1, 29, 15, 28, 34, 396429, UTC)
    angles = read_angles(open_container(tmp_path), AngleFiles("B1.TIF"), when, "reference")
    assert angles.degrees.shape == (4, 774, 761)
    stored = np.rint(angles.degrees * 100).astype(int)
    assert stored[:, 0, 0].tolist() == [10233, 1211, 11335, 3346]
    assert stored[:, 10, 150].tolist() == [10233, 818, 11352, 3308]
    assert stored[:, 387, 100].tolist() == [10233, 734, 11198, 3282]
    assert stored[:, 387, 380].tolist() == [-7767, 4, 11234, 3212]
    assert stored[:, 387, 600].tolist() == [-7767, 585, 11263, 3157]
    assert stored[:, 773, 760].tolist() == [-7767, 1219, 11124, 3076]


@pytest.mark.parametrize(("pixels", "cells"), [(4, 1), (14, 1), (16, 2), (7741, 774)])
def test_an_angle_grid_is_never_finer_than_its_scene_nor_empty(pixels, cells):
    grid = angle_grid(GeoBox((pixels, pixels), Affine(30, 0, 0, 0, -30, 0), "EPSG:32617"))
    assert tuple(grid.shape) == (cells, cells)
    assert grid.resolution.x == 300


# Genuine products


@pytest.fixture(scope="module")
def l9(genuine, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("landsat") / L9
    with tarfile.open(genuine(f"landsat/{L9}.tar")) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(params=["L1GT", "L9"])
def with_both(request, genuine) -> Path:
    return genuine(f"landsat/{L1GT}") if request.param == "L1GT" else request.getfixturevalue("l9")


def mean_exact(folder, shape):
    """Exact angles averaged over the pixels of the decimated image, each sampled 12 x 12 times."""
    band = parse_ang((folder / f"{folder.name}_ANG.txt").read_bytes(), "ANG.txt", (4,)).bands[4]
    within = (np.arange(12) + 0.5) / 12
    line = ((np.arange(shape[0])[:, None] + within).ravel()) / shape[0] * band.image_shape[0] - 0.5
    sample = (np.arange(shape[1])[:, None] + within).ravel() / shape[1]
    sample = (0.5 + (sample - 0.5) * SQUEEZE) * band.image_shape[1] - 0.5
    angles = exact_angles(band, line[:, None], sample[None])
    return dict(zip(NAMES, angles.reshape(4, shape[0], 12, shape[1], 12).mean(axis=(2, 4)), strict=True))


def test_genuine_coefficients_agree_with_the_genuine_angle_bands(with_both):
    bands = {n: rasterio.open(with_both / f"{with_both.name}_{n}.TIF").read(1) / 100 for n in NAMES}
    exact = mean_exact(with_both, bands["SZA"].shape)
    inside = ndimage.binary_erosion(bands["SZA"] > 0, np.ones((3, 3)), iterations=2) & np.isfinite(exact["VZA"])
    assert inside.sum() > 1500
    for name in ("SZA", "SAA"):
        assert difference(exact[name], bands[name])[inside].max() < 0.05, name
    # near nadir, and for azimuths, the mean of decimated pixels that see two arrays is of two different directions
    off_nadir = inside & (exact["VZA"] > 2)
    assert difference(exact["VZA"], bands["VZA"])[off_nadir].max() < 0.05
    assert np.median(difference(exact["VAA"], bands["VAA"])[off_nadir]) < 0.05


def test_decimated_genuine_products_have_angles_from_every_source(with_both):
    when = datetime(2022, 5, 6, 23, 39, 59, tzinfo=UTC)
    for files, method, expected in (
        (files_of(with_both), "accurate", Source.BANDS),
        (files_of(with_both, bands=False), "accurate", Source.COEFFICIENTS),
        (files_of(with_both), "reference", Source.APPROXIMATION),
    ):
        angles, source = read(with_both, files, method, when)
        assert source is expected
        assert angles.degrees.shape == (4, 6, 6)
        assert np.isfinite(angles.degrees).all()
        assert angles["VZA"].max() < 14


@pytest.mark.parametrize(
    ("name", "prefix", "zenith", "azimuth"),
    [
        (L1GT, "", 90 - 43.24426868, 39.80724521),
        ("LC08_L1TP_090084_20160121_20170405_01_T1", "", None, None),
        ("LC08_L2SP_098084_20210503_20210508_02_T1", "SR_", None, None),
        ("LC08_L2SP_001062_20201031_20201106_02_T2", "SR_", None, None),
    ],
)
def test_genuine_coefficients_give_the_sun_of_the_metadata_at_the_centre(genuine, name, prefix, zenith, azimuth):
    folder = genuine(f"landsat/{name}")
    mtl = (folder / f"{name}_MTL.txt").read_text()
    sun = {k: float(re.search(rf"SUN_{k} = (\S+)", mtl)[1]) for k in ("AZIMUTH", "ELEVATION")}
    scene_id = re.search(r'LANDSAT_SCENE_ID = "(\w+)"', mtl)[1]
    if zenith is not None:
        assert (90 - sun["ELEVATION"], sun["AZIMUTH"]) == (zenith, azimuth)
    ang = parse_ang((folder / f"{name}_ANG.txt").read_bytes(), "ANG.txt")
    assert ang.scene_id == scene_id
    assert sorted(ang.bands) == list(range(1, 12))
    lines, samples = ang.bands[4].image_shape
    angles = exact_angles(ang.bands[4], np.array([lines / 2]), np.array([samples / 2]))[:, 0]
    # spec 04 section 11.3: 0.005 and 0.018 degree apart in its example
    assert angles[3] == pytest.approx(90 - sun["ELEVATION"], abs=0.05)
    assert difference(angles[2], sun["AZIMUTH"]) < 0.1
    assert angles[1] < 1.5
    read_, source = read(folder, files_of(folder, prefix, bands=False), scene_id=scene_id)
    assert source is Source.COEFFICIENTS and read_.notices == ()


# Bad input


def test_without_one_of_the_angle_bands_the_coefficients_serve(copied):
    (copied / f"{copied.name}_SAA.TIF").unlink()
    angles, source = read(copied, files_of(copied))
    assert source is Source.COEFFICIENTS
    assert len(angles.notices) == 1 and "no file of SAA" in angles.notices[0]


def test_a_truncated_angle_band_is_reported_and_the_coefficients_serve(copied):
    path = copied / f"{copied.name}_VZA.TIF"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    angles, source = read(copied, files_of(copied))
    assert source is Source.COEFFICIENTS and "VZA.TIF" in angles.notices[0]


def test_an_angle_band_on_another_grid_is_reported(copied):
    with rasterio.open(copied / f"{copied.name}_VZA.TIF", "r+") as band:
        band.transform = band.transform * Affine.translation(5, 0)
    angles, source = read(copied, files_of(copied))
    assert source is Source.COEFFICIENTS and "not on the grid" in angles.notices[0]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t[: len(t) // 2], "truncated"),
        (lambda t: "<html>no such file</html>", "KEY = value"),
        (lambda t: t.replace("RPC_BAND04", "RPC_BAND44"), "no group RPC_BAND04"),
        (lambda t: t.replace("BAND04_SAT_X_NUM_COEF", "BAND04_OTHER"), "BAND04_SAT_X_NUM_COEF"),
        (lambda t: t.replace("BAND04_PIXEL_SIZE = ", "BAND04_PIXEL_SIZE = nan"), "BAND04_PIXEL_SIZE"),
        (lambda t: re.sub("UTM_ZONE = .*", "UTM_ZONE = 12", t), "UTM 12"),
        (lambda t: re.sub(r"UL_CORNER = .*", "UL_CORNER = (9000000.0, 9000000.0)", t), "another scene"),
    ],
    ids=["truncated", "not ODL", "no group", "no key", "not a number", "other zone", "elsewhere"],
)
def test_unusable_coefficients_are_reported_and_the_approximation_serves(copied, edit, message):
    path = copied / f"{copied.name}_ANG.txt"
    path.write_text(edit(path.read_text()))
    angles, source = read(copied, files_of(copied, bands=False))
    assert source is Source.APPROXIMATION
    assert len(angles.notices) == 1 and message in angles.notices[0]


def test_coefficients_of_another_scene_are_not_used(scene):
    angles, source = read(scene, files_of(scene, bands=False), scene_id="LC81960292021166LGN00")
    assert source is Source.APPROXIMATION and "LC81960302021166LGN00" in angles.notices[0]


def test_an_empty_template_is_an_error_that_names_the_file(copied):
    with rasterio.open(copied / files_of(copied).template, "r+") as band:
        band.write(np.zeros(band.shape, band.dtypes[0]), 1)
    with pytest.raises(ProductError, match=r"B1\.TIF: the image is empty"):
        read(copied, files_of(copied), "reference")


def test_a_missing_template_is_an_error(copied):
    (copied / files_of(copied).template).unlink()
    with pytest.raises(ProductError, match=r"B1\.TIF"):
        read(copied, files_of(copied))


def test_a_band_that_the_coefficients_do_not_have_is_an_error(scene):
    text = (scene / f"{scene.name}_ANG.txt").read_bytes()
    with pytest.raises(MetadataError, match="no angle coefficients of band 10"):
        parse_ang(text, "ANG.txt", (10,))


def test_a_list_over_several_lines_is_one_value(scene):
    ang = parse_ang((scene / f"{scene.name}_ANG.txt").read_bytes(), "ANG.txt")
    assert len(ang.bands[4].satellite.components[0].numerator) == 10
    assert ang.spacecraft == "LANDSAT_8" and ang.projection == "UTM" and ang.utm_zone == 31
    assert ang.bands[4].sensor_shape[0] > 0 and len(ang.bands[4].scas) == 14
