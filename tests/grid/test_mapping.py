"""Places on another grid, against Krüger's own series (`grid.utm`) and the symmetry of zones."""

import numpy as np
import pytest
from affine import Affine
from grid import utm
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from sen2like.grid.mapping import LARGEST_STEP, node_positions, node_step, positions, window
from sen2like.grid.mgrs import tile
from sen2like.science.warp import Warp


def box(ulx=600000.0, uly=4900020.0, shape=(100, 120), epsg=32631, x=30.0, y=30.0) -> GeoBox:
    return GeoBox(shape, Affine(x, 0, ulx, 0, -y, uly), f"EPSG:{epsg}")


def scene_around(tile_id: str, epsg: int, pixel: float, size_m=250_000.0) -> GeoBox:
    """A scene of another zone whose middle lies in the middle of the tile, its pixel centres on multiples of the pixel."""
    frame = tile(tile_id)
    lon, lat = frame.to_lonlat(frame.ulx + 54_900, frame.uly - 54_900)
    x, y = utm.project(np.array(lon), np.array(lat), epsg % 100, epsg > 32700)
    n = int(size_m / pixel)
    ulx, uly = ((round(float(v) / pixel) + 0.5) * pixel for v in (x - size_m / 2, y + size_m / 2))
    return box(ulx, uly, (n, n), epsg, pixel, pixel)


# positions -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dx", "dy", "row", "column"), [
    (0, 0, 1.5, 1.5), (3, 0, 1.5, 1.6), (0, 3, 1.6, 1.5), (15, -15, 1.0, 2.0), (-9, 6, 1.7, 1.2)
])  # fmt: skip
def test_a_displacement_east_and_south_is_followed(dx, dy, row, column):
    # the raster of spec 05 section 6.7: its corner is 1.5 pixels up-left of the tile's
    image = box(600000 - 45, 4900020 + 45, (10, 10))
    found = positions(image, box(shape=(6, 6)), np.array([0.0]), np.array([0.0]), dx, dy)
    np.testing.assert_allclose(np.ravel(found), [row, column], atol=1e-9)


def test_pixels_of_different_size_and_form_are_counted_each_in_their_own():
    rng = np.random.default_rng(1)
    image, frame = box(x=40.0, y=20.0), box(x=10.0, y=10.0)
    r, c = rng.uniform(0, 90, (2, 50))
    found = positions(image, frame, r, c)
    np.testing.assert_allclose(found, [r / 2, c / 4], atol=1e-8)


@pytest.mark.parametrize(("lon", "lat", "frame_epsg", "image_epsg"), [
    (6.02, 44.1, 32631, 32632), (5.4, 43.2, 32632, 32631), (150.1, -34.2, 32756, 32655), (-62.3, -0.4, 32720, 32619),
    (-179.7, 64.3, 32601, 32660), (12.5, 80.2, 32633, 32632),
])  # fmt: skip
def test_a_place_on_the_ground_is_found_in_another_zone(lon, lat, frame_epsg, image_epsg):
    def corner(epsg):
        x, y = utm.project(np.array(lon), np.array(lat), epsg % 100, epsg > 32700)
        return float(x), float(y)

    (fx, fy), (ix, iy) = corner(frame_epsg), corner(image_epsg)
    frame, image = box(fx, fy, epsg=frame_epsg), box(ix - 3000, iy + 1500, epsg=image_epsg)
    row, column = positions(image, frame, np.array([0.0]), np.array([0.0]))
    assert row[0] == pytest.approx(50, abs=1e-4) and column[0] == pytest.approx(100, abs=1e-4)  # 3 mm


@settings(max_examples=50)
@given(st.floats(200_000, 800_000), st.floats(500_000, 8_000_000))
def test_going_to_the_next_zone_and_mirroring_twice_comes_back(x, y):
    """Zones are mirror images of each other about the meridian between them: M f M f = 1, M(x) = 1000 km - x."""

    def there(x, y):
        row, column = positions(box(0, 0, epsg=32632), box(x, y, epsg=32631), np.array([0.0]), np.array([0.0]))
        return 1e6 - column[0] * 30, -row[0] * 30

    assert there(*there(x, y)) == pytest.approx((x, y), abs=1e-3)


def test_a_displacement_belongs_to_the_grid_of_the_tile_not_of_the_image():
    # metres east and south of the frame, whatever the direction of north on the image is
    frame, image = tile("31TGJ").geobox(30), scene_around("31TGJ", 32632, 30)
    at = np.array([100.0]), np.array([200.0])
    moved = positions(image, frame, *at, dx=30.0, dy=60.0)
    np.testing.assert_allclose(moved, positions(image, frame, at[0] + 2, at[1] + 1), atol=1e-6)


# nodes ---------------------------------------------------------------------------------------------------------------------


def test_nodes_begin_at_the_corner_and_reach_beyond_the_last_pixel():
    frame = box(shape=(65, 128))
    nodes = node_positions(frame, frame)
    assert nodes.shape == (2, 3, 3)
    np.testing.assert_allclose(nodes[0, :, 0], [0, LARGEST_STEP, 2 * LARGEST_STEP], atol=1e-9)
    np.testing.assert_allclose(nodes[1, 0], [0, LARGEST_STEP, 2 * LARGEST_STEP], atol=1e-9)


@pytest.mark.parametrize(("tile_id", "epsg"), [("31TGJ", 32632), ("56KQC", 32655), ("60WWE", 32601), ("33XWG", 32635)])
@pytest.mark.parametrize(("pixel", "bound"), [(15.0, 2e-3), (30.0, 1e-3)])  # of a pixel; float32 ends at 0.001 pixel of 15 m
def test_between_nodes_places_are_right_within_three_centimetres(tile_id, epsg, pixel, bound):
    frame, image = tile(tile_id).geobox(pixel), scene_around(tile_id, epsg, pixel)
    warp = Warp(node_positions(image, frame), node_step(frame), tuple(frame.shape))
    columns = np.arange(frame.shape[1]) + 0.5
    for row in (0, node_step(frame) // 2, frame.shape[0] // 2 + 7, frame.shape[0] - 1):
        exact = positions(image, frame, np.full(columns.shape, row + 0.5), columns)
        for axis in (0, 1):
            assert np.abs(warp._at(axis, row, row + 1)[0] - exact[axis]).max() < bound


# window --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("margin", "expected"), [(0, (slice(20, 30), slice(9, 20))), (4, (slice(16, 34), slice(5, 24)))])
def test_the_window_holds_every_pixel_that_the_frame_touches(margin, expected):
    # 10 x 10 pixels of 30 m that begin 20 rows below and 9.5 columns beside the corner of the image
    frame = box(600000 + 9.5 * 30, 4900020 - 20 * 30, (10, 10))
    assert window(box(), frame, margin) == expected


def test_the_window_ends_where_the_image_ends():
    frame = box(600000 - 300, 4900020 + 300, (20, 20))
    assert window(box(), frame, 3) == (slice(0, 13), slice(0, 13))
    assert window(box(), box(600000 - 9000, 4900020 + 9000, (1000, 1000))) == (slice(0, 100), slice(0, 120))


@pytest.mark.parametrize("margin", [0, 48])
@pytest.mark.parametrize(("rows", "columns"), [(100, 0), (-10, 0), (0, 120), (0, -10), (5000, 5000)])
def test_an_image_beside_the_frame_has_no_window(rows, columns, margin):
    # the edges touch, no pixel does; a margin does not make it one
    assert window(box(), box(600000 + 30 * columns, 4900020 - 30 * rows, (10, 10)), margin) is None


def test_an_image_on_the_other_side_of_the_earth_has_no_window():
    assert window(box(500000, 100000, epsg=32601), tile("31TFJ").geobox(30)) is None


@pytest.mark.parametrize(("tile_id", "epsg"), [("31TGJ", 32632), ("56KQC", 32655), ("01CDL", 32660), ("33XWG", 32635)])
def test_across_zones_no_pixel_of_the_frame_is_outside_the_window(tile_id, epsg):
    frame, image = tile(tile_id).geobox(300), scene_around(tile_id, epsg, 300, 450_000)
    rows, columns = window(image, frame)
    r, c = np.meshgrid(*(np.arange(n) + 0.5 for n in frame.shape), indexing="ij")
    at_r, at_c = positions(image, frame, r, c)
    assert rows.start <= at_r.min() < at_r.max() <= rows.stop and columns.start <= at_c.min() < at_c.max() <= columns.stop
    # and it holds little more
    assert rows.stop - at_r.max() < 3 and at_c.min() - columns.start < 3
