"""Bands and masks on the frame of the tile, from the grids that Landsat comes on (spec 05 sections 6, 12.6, 12.7)."""

import numpy as np
import pytest
from affine import Affine
from grid import utm
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from sen2like.grid.mgrs import tile
from sen2like.raster.framed import FramedImage, frame_mask, frame_nearest
from sen2like.raster.image import Image, Timer

WORKED = [1176.812, 1182, 1187.188, 1206.812, 1212, 1217.188]
"""First row of the worked example of spec 05 section 6.7 without displacement."""


def box(ulx, uly, shape, epsg=32631, x=30.0, y=30.0) -> GeoBox:
    return GeoBox(shape, Affine(x, 0, ulx, 0, -y, uly), f"EPSG:{epsg}")


def example(ulx=600000.0 - 45, uly=4900020.0 + 45, epsg=32631) -> Image:
    r, c = np.mgrid[:10, :10]
    return Image((1000 + 10 * c + 100 * r + 7 * (c % 3)).astype(np.uint16), box(ulx, uly, (10, 10), epsg), 0)


def framed(image, frame, dx=0.0, dy=0.0) -> np.ndarray:
    return FramedImage.of(image, frame, dx, dy, Timer()).computed().data


def ground(lon, lat):
    """A smooth picture of the ground: it changes over 10 km and more."""
    return 5000 + 2000 * np.sin(70 * np.radians(lon) * np.cos(np.radians(lat)) * 10) * np.cos(np.radians(lat) * 600)


def seen_on(grid: GeoBox) -> np.ndarray:
    """`ground` at the centres of the pixels of a grid."""
    r, c = np.mgrid[: grid.shape[0], : grid.shape[1]] + 0.5
    a = grid.affine
    lon, lat = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True).transform(a.a * c + a.c, a.e * r + a.f)
    return ground(lon, lat)


def scene_of(frame: GeoBox, epsg: int, pixel=(30.0, 30.0), margin=3000.0) -> GeoBox:
    """Grid of another zone around the frame, off by a part of a pixel."""
    a, (rows, columns) = frame.affine, frame.shape
    corners = Transformer.from_crs(str(frame.crs), epsg, always_xy=True).transform(
        [a.c, a.c + columns * a.a] * 2, [a.f, a.f, a.f + rows * a.e, a.f + rows * a.e]
    )
    west, east, south, north = min(corners[0]), max(corners[0]), min(corners[1]), max(corners[1])
    x, y = pixel
    ulx, uly = np.floor((west - margin) / x) * x - x / 2, np.ceil((north + margin) / y) * y + y / 2
    shape = int((north - south + 2 * margin) / y) + 2, int((east - west + 2 * margin) / x) + 2
    return box(float(ulx), float(uly), shape, epsg, x, y)


def corner_of(tile_id: str, pixel=30.0, size=300) -> GeoBox:
    """Upper left part of a tile."""
    return tile(tile_id).geobox(pixel)[:size, :size]


# bands ---------------------------------------------------------------------------------------------------------------------


def test_the_worked_example_on_its_own_tile():
    frame = tile("31TFJ").geobox(30)[:6, :6]
    np.testing.assert_allclose(framed(example(), frame)[0], WORKED, atol=1e-3)


def test_a_southern_tile_from_a_northern_grid_of_its_zone():
    # northings of the image are negative; 10 000 km apart they are the same place
    frame = box(600000, 9800020, (6, 6), 32736)
    np.testing.assert_allclose(framed(example(uly=-199980 + 45, epsg=32636), frame)[0], WORKED, atol=1e-3)


@pytest.mark.parametrize(("tile_id", "epsg"), [("31TGJ", 32632), ("31TFJ", 32630), ("56KQC", 32655), ("60WWE", 32601),
                                               ("33XWG", 32632)])  # fmt: skip
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (37.0, -21.0)])
def test_the_ground_is_where_it_is_whatever_the_zone(tile_id, epsg, dx, dy):
    frame = corner_of(tile_id)
    grid = scene_of(frame, epsg)
    got = framed(Image(seen_on(grid).astype(np.float32), grid, 0), frame, dx, dy)
    moved = GeoBox(frame.shape, Affine.translation(dx, -dy) * frame.affine, frame.crs)
    # the kernel leaves less than 1 of 2000 of waves of 100 pixels and more; 0.001 pixel are 0.1
    np.testing.assert_allclose(got, seen_on(moved), atol=0.4)


@pytest.mark.parametrize("pixel", [(45.0, 30.0), (20.0, 40.0)])
def test_pixels_that_are_not_square_are_placed_right(pixel):
    frame = corner_of("31TFJ")
    grid = scene_of(frame, 32631, pixel)
    got = framed(Image(seen_on(grid).astype(np.float32), grid, 0), frame)
    np.testing.assert_allclose(got, seen_on(frame), atol=0.4)


def test_one_interpolation_keeps_the_contrast_of_fine_detail():
    """Spec 05 section 12.6: at half a pixel one pass keeps 0.88 of half the Nyquist frequency, two keep 0.78."""
    frame = tile("31TGJ").geobox(30)[:200, :200]
    grid = scene_of(frame, 32632)
    wave = 5000 + 1000 * np.sin(np.pi / 2 * np.arange(grid.shape[1]))[None] * np.ones((grid.shape[0], 1))
    kept = framed(Image(wave.astype(np.float32), grid, 0), frame)[50:150, 50:150].std() / wave.std()
    # all phases occur: between the loss at half a pixel and none
    assert 0.9 < kept < 1


def test_every_part_of_the_frame_has_data_across_zones():
    """Spec 05 section 12.7: in the reference the last rows, or all, came back as zeros."""
    frame = tile("31TGJ").geobox(300)
    grid = scene_of(frame, 32632, (300.0, 300.0), margin=6000)
    assert (framed(Image(np.full(grid.shape, 7000, np.uint16), grid, 0), frame) == 7000).all()


def test_zeros_at_the_edge_of_a_scene_do_not_mix_with_its_data_across_zones():
    frame = tile("31TGJ").geobox(30)[:200, :200]
    grid = scene_of(frame, 32632)
    dn = np.full(grid.shape, 7000, np.uint16)
    dn[:, : grid.shape[1] // 2] = 0
    got = framed(Image(dn, grid, 0), frame)
    assert set(np.unique(got)) == {0, 7000}


def test_rows_are_those_of_the_whole_image_across_zones():
    frame = corner_of("31TGJ", size=100)
    grid = scene_of(frame, 32632)
    image = FramedImage.of(Image(seen_on(grid).astype(np.float32), grid, 0), frame, 10, 5, Timer())
    np.testing.assert_array_equal(np.concatenate([image.rows(0, 37), image.rows(37, 100)]), image.computed().data)


# masks and angles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dx", "row"), [(0, [0, 0, 1, 1, 1, 1]), (-3, [0, 0, 0, 1, 1, 1]), (16, [0, 0, 1, 1, 1, 1])])
def test_the_worked_masks(dx, row):
    # spec 05 section 6.7, in one step
    mask = np.ones((10, 10), np.uint8)
    mask[:, :4] = 0
    frame = tile("31TFJ").geobox(30)[:6, :6]
    got = frame_mask(Image(mask, example().geobox), frame, dx, 0)
    assert got.data.dtype == np.uint8 and got.geobox == frame
    assert (got.data == row).all()


def test_a_mask_of_another_zone_lies_on_its_image():
    frame = corner_of("31TGJ")
    grid = scene_of(frame, 32632)
    bright = seen_on(grid) > 5000
    mask = frame_mask(Image(bright.astype(np.uint8), grid), frame, 0, 0)
    truth = seen_on(frame)
    sure = np.abs(truth - 5000) > 150  # a pixel changes by less than that
    assert sure.mean() > 0.8 and mask.data[sure].astype(bool).tolist() == (truth[sure] > 5000).tolist()


def test_angles_of_another_zone_are_those_of_the_place():
    """Spec 05 section 12.7: in the reference they became all 0."""
    frame = tile("56KQC").geobox(300)
    grid = scene_of(frame, 32655, (300.0, 300.0), 6000)
    x, y = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[0]))
    (got_x, got_y) = frame_nearest([x.astype(np.float32), y.astype(np.float32)], grid, frame)
    lon, lat = tile("56KQC").to_lonlat(frame.affine.c + 150 + 300 * 100, frame.affine.f - 150 - 300 * 200)
    e, n = utm.project(np.array(lon), np.array(lat), 55)
    assert got_x[200, 100] == np.floor((float(e) - grid.affine.c) / 300)
    assert got_y[200, 100] == np.floor((grid.affine.f - float(n)) / 300)
    assert got_x.dtype == np.float32 and (got_x > 0).all() and (got_y > 0).all()


def test_outside_the_scene_layers_are_zero():
    frame = box(600000, 4900020, (6, 6))
    (got,) = frame_nearest([np.full((10, 10), 7, np.int16)], box(600000 + 90, 4900020, (10, 10)), frame)
    assert got.dtype == np.int16 and (got[:, :3] == 0).all() and (got[:, 3:] == 7).all()
