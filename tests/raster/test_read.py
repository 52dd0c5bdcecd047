"""Reading rasters: whole images come back exactly, damaged or misplaced ones never come back at all."""

import shutil
import zipfile

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from products.builder import write_raster

from sen2like.errors import RasterError
from sen2like.raster.read import check_grid, read_geobox, read_image, read_layers

ORIGIN = (600000.0, 4900020.0)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(1, 10000, (600, 700)).astype(np.uint16)


@pytest.fixture(scope="module")
def tiled(tmp_path_factory, pixels):
    """A JPEG 2000 file of 5 x 6 tiles."""
    path = tmp_path_factory.mktemp("tiled") / "tiled.jp2"
    write_raster(path, pixels, 32631, ORIGIN, 10, BLOCKXSIZE=128, BLOCKYSIZE=128)
    return path


def geobox(pixel=10.0, shape=(72, 72), origin=ORIGIN, epsg=32631):
    return GeoBox(shape, Affine(pixel, 0, origin[0], 0, -pixel, origin[1]), f"EPSG:{epsg}")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_image_is_read_whole_in_its_own_type_and_grid(tiled, pixels, threads):
    image = read_image(str(tiled), threads=threads)
    np.testing.assert_array_equal(image.data, pixels)
    assert image.dtype == np.uint16
    assert image.geobox == geobox(shape=(600, 700))
    assert image.nodata is None


@pytest.mark.parametrize("options", [{}, {"blockysize": 1}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_every_geotiff_layout_is_read(tmp_path, pixels, options):
    write_raster(tmp_path / "a.TIF", pixels, 32631, ORIGIN, 10, **options)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.TIF"), threads=2).data, pixels)


def test_no_data_value_is_that_of_the_file_unless_given(tmp_path):
    write_raster(tmp_path / "a.tif", np.ones((3, 3), np.uint8), 32631, ORIGIN, 10, nodata=255)
    assert read_image(str(tmp_path / "a.tif")).nodata == 255
    assert read_image(str(tmp_path / "a.tif"), nodata=0).nodata == 0


def test_all_layers_are_read_in_order(tmp_path):
    layers = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    write_raster(tmp_path / "a.jp2", layers, 32631, ORIGIN, 60)
    found, box = read_layers(str(tmp_path / "a.jp2"))
    np.testing.assert_array_equal(found, layers)
    assert box == geobox(60, (4, 5))


def test_the_grid_is_read_without_the_pixels(tiled, tmp_path):
    head = tmp_path / "head.jp2"
    head.write_bytes(tiled.read_bytes()[:4000])
    assert read_geobox(str(head)) == geobox(shape=(600, 700))


def test_a_member_of_a_zip_archive_is_read_in_place(tmp_path, tiled, pixels):
    with zipfile.ZipFile(tmp_path / "p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tiled, "X.SAFE/b.jp2")
    np.testing.assert_array_equal(read_image(f"/vsizip/{tmp_path}/p.zip/X.SAFE/b.jp2", threads=2).data, pixels)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kept", [0.999995, 0.99, 0.75, 0.3, 0.01])
def test_a_truncated_jpeg_2000_file_is_an_error_that_names_the_band(tmp_path, tiled, threads, kept):
    data = tiled.read_bytes()
    cut = tmp_path / "cut.jp2"
    cut.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(RasterError, match=r"band B04 of X: .*cut\.jp2: missing, truncated or unreadable"):
        read_image(str(cut), "band B04 of X", threads)


def test_a_truncated_geotiff_is_an_error(tmp_path, pixels):
    write_raster(tmp_path / "a.tif", pixels, 32631, ORIGIN, 10)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(RasterError, match="truncated"):
        read_image(str(tmp_path / "a.tif"))


def test_a_truncated_member_of_a_zip_archive_is_an_error(tmp_path, tiled):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("b.jp2", tiled.read_bytes()[:-1000])
    with pytest.raises(RasterError, match=r"b\.jp2"):
        read_image(f"/vsizip/{tmp_path}/p.zip/b.jp2", threads=2)


@pytest.mark.parametrize("content", [None, b"", b"not an image"])
def test_a_missing_or_foreign_file_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "b.jp2"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RasterError, match=r"b\.jp2"):
        read_image(str(path))


def test_a_raster_without_position_is_an_error(tmp_path):
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", count=1, height=2, width=2, dtype="uint8") as target:
        target.write(np.ones((1, 2, 2), np.uint8))
    with pytest.raises(RasterError, match="no projection or position"):
        read_image(str(tmp_path / "a.tif"))


def test_a_rotated_raster_is_an_error(tmp_path):
    profile = {"driver": "GTiff", "count": 1, "height": 2, "width": 2, "dtype": "uint8", "crs": "EPSG:32631"}
    with rasterio.open(tmp_path / "a.tif", "w", transform=Affine(10, 1, 6e5, 1, -10, 4.9e6), **profile) as target:
        target.write(np.ones((1, 2, 2), np.uint8))
    with pytest.raises(RasterError, match="rotated"):
        read_image(str(tmp_path / "a.tif"))


def test_nothing_is_written_beside_the_input(tmp_path, tiled):
    shutil.copy(tiled, tmp_path / "b.jp2")
    read_image(str(tmp_path / "b.jp2"), threads=2)
    assert [p.name for p in tmp_path.iterdir()] == ["b.jp2"]


@pytest.mark.parametrize("box", [geobox(), geobox(60, (12, 12)), geobox(64, (12, 12)), geobox(70, (11, 11))])
def test_any_pixel_size_is_accepted_if_the_extent_is_missed_by_less_than_a_pixel(box):
    check_grid(box, 32631, *ORIGIN, extent=(720, 720))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (geobox(epsg=32632), "projection is EPSG:32632, but the metadata say EPSG:32631"),
        (geobox(origin=(600010.0, 4900020.0)), "upper-left x is 600010 m, but the metadata say 600000 m"),
        (geobox(origin=(600000.0, 4900000.0)), "upper-left y is 4900000 m, but the metadata say 4900020 m"),
        (geobox(shape=(72, 73)), "width is 730 m, but the metadata say 720 m"),
        (geobox(shape=(71, 72)), "height is 710 m, but the metadata say 720 m"),
    ],
)
def test_a_grid_that_disagrees_with_the_metadata_is_an_error(box, message):
    with pytest.raises(RasterError, match=f"band B04: {message}"):
        check_grid(box, 32631, *ORIGIN, extent=(720, 720), what="band B04")
