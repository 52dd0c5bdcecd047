"""Written rasters read back with the pixels, grid and tags they were given."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from sen2like.errors import PackagingError
from sen2like.grid.mgrs import tile
from sen2like.raster.write import RasterFormat, write_image, write_layers, write_mask
from sen2like.science.means import block_means

GEOBOX = tile("31TFJ").geobox(100)


@pytest.fixture
def dn():
    values = np.random.default_rng(5).integers(1001, 5000, GEOBOX.shape).astype(np.uint16)
    values[:100] = 0
    return values


@pytest.mark.parametrize("name", ["COG", "GTIFF", "JPEG2000"])
def test_image_reads_back_with_grid_and_tags(tmp_path, dn, name):
    path = tmp_path / f"b{RasterFormat(name).extension}"
    write_image(path, dn, GEOBOX, RasterFormat(name), nodata=0, scale=1e-4, offset=-0.1)
    with rasterio.open(path) as src:
        np.testing.assert_array_equal(src.read(1), dn)
        assert src.crs.to_epsg() == 32631
        assert src.transform == GEOBOX.affine
        assert (src.nodata, src.scales[0], src.offsets[0]) == (0, 1e-4, -0.1)


@pytest.mark.parametrize("name", ["COG", "GTIFF", "JPEG2000"])
def test_an_odd_grid_is_written_to_the_last_digit_and_without_warnings(tmp_path, dn, name):
    """A COG of a mask has overviews of ours, an image overviews of GDAL: they go to the file by different ways."""
    affine = Affine(100 / 3, 0.0, 600000.0 + 1 / 7, 0.0, -100 / 3, 4900020.0 - 1 / 3)
    geobox = GeoBox(dn.shape, affine, "EPSG:32631")
    image, mask = tmp_path / f"b{RasterFormat(name).extension}", tmp_path / "mask.TIF"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_image(image, dn, geobox, RasterFormat(name), nodata=0)
        write_mask(mask, (dn > 0).astype(np.uint8), geobox, RasterFormat(name))
    for path in (image, mask):
        with rasterio.open(path) as src:
            assert src.transform == affine


@pytest.mark.parametrize("compression", ["LZW", "DEFLATE", "ZSTD"])
def test_cog_layout(tmp_path, dn, compression):
    path = tmp_path / "b.TIF"
    write_image(path, dn, GEOBOX, RasterFormat("COG", compression=compression), nodata=0)
    with rasterio.open(path) as src:
        assert src.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert src.compression.name.lower() == compression.lower()
        # 1098 pixels: sizes are rounded up, so the last factor shows as 1098 // 31
        assert len(src.overviews(1)) == 4


@pytest.mark.parametrize(
    ("resolution", "sides"),
    [
        (10, [5490, 1830, 915, 305]),
        (15, [3660, 1830, 915, 305]),
        (20, [1830, 915, 305]),
        (30, [1830, 915, 305]),
        (60, [915, 305]),
    ],
)
def test_overviews_end_on_the_common_360_m_level(resolution, sides):
    """Spec 10 section 6.1."""
    geobox = tile("31TFJ").geobox(resolution)
    assert [-(-geobox.shape[0] // f) for f in RasterFormat().factors(geobox)] == sides


def test_overviews_leave_no_data_out(tmp_path):
    dn = np.zeros(GEOBOX.shape, np.uint16)
    dn[::2] = 2000
    path = tmp_path / "b.TIF"
    write_image(path, dn, GEOBOX, RasterFormat(), nodata=0)
    with rasterio.open(path, overview_level=0) as src:
        assert (src.read(1) == 2000).all()


def _contents(path):
    with rasterio.open(path) as src:
        tags = src.tags(), src.tags(ns="IMAGE_STRUCTURE"), src.scales, src.offsets, src.units, src.profile
        pixels = [src.read(1)]
        factors = src.overviews(1)
    for level in range(len(factors)):
        with rasterio.open(path, overview_level=level) as src:
            pixels.append(src.read(1))
    return tags, factors, pixels


@pytest.mark.parametrize("name", ["COG", "GTIFF", "JPEG2000"])
@pytest.mark.parametrize("resampling", ["AVERAGE", "NEAREST"])
@pytest.mark.parametrize("resolution", [152.5, 100])
def test_means_at_hand_give_the_file_that_gdal_would_make(tmp_path, name, resampling, resolution):
    """At 152.5 m blocks of all sizes fit (720 pixels), at 100 m they do not."""
    geobox, fmt = tile("31TFJ").geobox(resolution), RasterFormat(name, resampling=resampling)
    dn = np.random.default_rng(6).integers(0, 5000, geobox.shape).astype(np.uint16)
    dn[:300, :200] = 0
    tags = {"nodata": 0, "scale": 1e-4, "offset": -0.1, "unit": "W", "tags": {"K1": 774.9}}
    made = {}
    for what, means in (("ours", block_means(dn, fmt.factors(geobox))), ("gdal", None)):
        made[what] = tmp_path / f"{what}{fmt.extension}"
        write_image(made[what], dn, geobox, fmt, means=means, threads=2, **tags)
    (tags, factors, pixels), (tags_gdal, factors_gdal, pixels_gdal) = (_contents(path) for path in made.values())
    assert (tags, factors) == (tags_gdal, factors_gdal)
    if name != "JPEG2000":  # which has smaller sizes inside
        assert len(pixels) == (5 if name == "COG" else 1)
    for ours, gdal in zip(pixels, pixels_gdal, strict=True):
        np.testing.assert_array_equal(ours, gdal)


def test_tiny_raster_is_a_valid_cog(tmp_path):
    """Genuine decimated products have bands of 20 pixels."""
    geobox = tile("53JQJ").geobox(5490)
    path = tmp_path / "b.TIF"
    write_image(path, np.full(geobox.shape, 7, np.uint16), geobox, RasterFormat(), nodata=0)
    with rasterio.open(path) as src:
        assert (src.read(1) == 7).all()
        assert src.overviews(1) == []


def test_mask_has_no_nodata_tag(tmp_path):
    path = tmp_path / "m.TIF"
    write_mask(path, np.eye(GEOBOX.shape[0], dtype=np.uint8), GEOBOX, RasterFormat())
    with rasterio.open(path) as src:
        assert (src.dtypes, src.nodata) == (("uint8",), None)
        np.testing.assert_array_equal(src.read(1), np.eye(GEOBOX.shape[0]))


def test_layers_carry_names_scale_and_unit(tmp_path):
    path = tmp_path / "a.TIF"
    data = np.arange(4 * 23 * 23, dtype=np.int16).reshape(4, 23, 23)
    write_layers(path, data, tile("31TFJ").geobox(109800 / 23), ("VAA", "VZA", "SAA", "SZA"), scale=0.01, unit="degree")
    with rasterio.open(path) as src:
        np.testing.assert_array_equal(src.read(), data)
        assert src.descriptions == ("VAA", "VZA", "SAA", "SZA")
        assert set(src.scales) == {0.01}


@pytest.mark.parametrize("name", ["COG", "GTIFF", "JPEG2000"])
def test_full_disk_is_an_error_that_names_the_file(tmp_path, name):
    """A limit on the size of files stands for the full disk; it needs a process of its own."""
    script = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from sen2like.errors import PackagingError
from sen2like.grid.mgrs import tile
from sen2like.raster.write import RasterFormat, write_image
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
geobox = tile("31TFJ").geobox(100)
dn = np.random.default_rng(1).integers(1, 9999, geobox.shape).astype(np.uint16)
fmt = RasterFormat({name!r})
try:
    write_image(Path({str(tmp_path)!r}) / ("b" + fmt.extension), dn, geobox, fmt, nodata=0)
except PackagingError as e:
    print(e)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert str(tmp_path) in done.stdout
    assert "cannot write" in done.stdout


def test_missing_folder_is_a_packaging_error(tmp_path, dn):
    with pytest.raises(PackagingError, match="folder does not exist"):
        write_image(tmp_path / "nowhere" / "b.TIF", dn, GEOBOX, RasterFormat())


@pytest.mark.parametrize("values", [(0, 1), (0, 1, 2)])
@pytest.mark.parametrize(("size", "resolution"), [(720, 20), (732, 30), (736, 30)])
def test_overviews_of_a_mask_are_those_of_gdal(tmp_path, size, resolution, values):
    """Also where GDAL itself has to make them: other values, sides that are no multiple."""
    mask = np.random.default_rng(size).choice(np.array(values, np.uint8), (size, size))
    geobox = GeoBox.from_bbox((0, 0, size * resolution, size * resolution), "EPSG:32631", shape=mask.shape)
    write_mask(tmp_path / "ours.tif", mask, geobox, RasterFormat())
    factors = RasterFormat().factors(geobox)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "crs": "EPSG:32631", "transform": geobox.affine}
    with rasterio.open(tmp_path / "gdal.tif", "w", height=size, width=size, **profile) as out:
        out.write(mask, 1)
        out.build_overviews(factors, Resampling.mode)
    for level in range(len(factors)):
        with (
            rasterio.open(tmp_path / "ours.tif", overview_level=level) as ours,
            rasterio.open(tmp_path / "gdal.tif", overview_level=level) as gdal,
        ):
            np.testing.assert_array_equal(ours.read(1), gdal.read(1))
