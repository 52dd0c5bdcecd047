"""A part of a raster is what the whole has there, on its own grid, whatever the layout of the file."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from products.builder import write_raster

from sen2like.errors import RasterError
from sen2like.raster.read import read_image

ORIGIN = (600000.0, 4900020.0)
SHAPE = (700, 830)
LAYOUTS = {
    "strips": {"blockysize": 1}, "tiles": {"tiled": True, "blockxsize": 256, "blockysize": 256},
    "small tiles": {"tiled": True, "blockxsize": 16, "blockysize": 16}, "packed": {"compress": "deflate", "blockysize": 100},
}  # fmt: skip


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(2).integers(1, 10000, SHAPE).astype(np.uint16)


@pytest.fixture(scope="module")
def files(tmp_path_factory, pixels):
    folder = tmp_path_factory.mktemp("layouts")
    paths = {name: folder / f"{name}.TIF" for name in LAYOUTS}
    for name, path in paths.items():
        write_raster(path, pixels, 32631, ORIGIN, 30, **LAYOUTS[name])
    paths["jp2"] = folder / "image.jp2"
    write_raster(paths["jp2"], pixels, 32631, ORIGIN, 30, BLOCKXSIZE=128, BLOCKYSIZE=128)
    return paths


def parts(size: int):
    return st.tuples(st.integers(0, size - 1), st.integers(1, size)).map(lambda v: slice(v[0], min(size, v[0] + v[1])))


@pytest.mark.parametrize("layout", [*LAYOUTS, "jp2"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_part_is_cut_out_of_every_layout(files, pixels, layout, threads):
    part = (slice(37, 620), slice(255, 801))
    image = read_image(str(files[layout]), threads=threads, part=part)
    np.testing.assert_array_equal(image.data, pixels[part])
    assert image.geobox == GeoBox((583, 546), Affine(30, 0, 600000 + 255 * 30, 0, -30, 4900020 - 37 * 30), "EPSG:32631")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=parts(SHAPE[0]), columns=parts(SHAPE[1]))
def test_any_part_is_that_of_the_whole(files, pixels, rows, columns):
    image = read_image(str(files["tiles"]), part=(rows, columns))
    np.testing.assert_array_equal(image.data, pixels[rows, columns])
    assert image.geobox.shape == image.data.shape


def test_no_data_value_goes_with_the_part(files):
    assert read_image(str(files["strips"]), nodata=0, part=(slice(0, 5), slice(0, 5))).nodata == 0


def test_only_the_blocks_of_the_part_have_to_be_there(files, pixels, tmp_path):
    cut = tmp_path / "cut.TIF"
    whole = files["tiles"].read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    # the header and the first row of blocks are there; the last is not
    image = read_image(str(cut), part=(slice(0, 200), slice(0, 830)))
    np.testing.assert_array_equal(image.data, pixels[:200])
    for threads in (1, 3):
        with pytest.raises(RasterError, match=r"band B04.*cut\.TIF: missing, truncated or unreadable"):
            read_image(str(cut), "band B04", threads=threads, part=(slice(500, 700), slice(0, 830)))
