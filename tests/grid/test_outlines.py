"""Outlines of tiles against the projection, one by one, and of the table as a whole."""

import numpy as np
import pytest
import shapely

from sen2like.grid import mgrs
from sen2like.grid.outlines import central_meridian, outline, tile_index, zone


@pytest.mark.parametrize("name", ["31TFJ", "34HBH", "36MXE", "33XVJ", "01CDL", "60WWE", "01WCP", "60KXF"])
def test_outline_has_the_corners_of_the_tile(name):
    tile = mgrs.tile(name)
    upper_left, upper_right, lower_right, lower_left = tile.corners
    expected = np.array([upper_left, lower_left, lower_right, upper_right])
    corners = np.array(outline(tile).exterior.coords)[:-1]
    np.testing.assert_allclose((corners[:, 0] - expected[:, 0] + 180) % 360 - 180, 0, atol=1e-9)
    np.testing.assert_allclose(corners[:, 1], expected[:, 1], atol=1e-9)
    assert np.ptp(corners[:, 0]) < 20


def test_all_tiles_are_valid_and_lie_around_the_middle_of_their_zone():
    index = tile_index()
    assert len(index.ids) == len(index.outlines) == 56686
    assert shapely.is_valid(index.outlines).all()
    west, _, east, _ = shapely.bounds(index.outlines).T
    assert (np.abs((west + east) / 2 - (6.0 * index.zones - 183)) < 12).all()
    # spec 02 section 5.2: tiles the source splits at the antimeridian, by zone
    split = (west < -180) | (east > 180)
    assert {z: int((split & (index.zones == z)).sum()) for z in (1, 59, 60)} == {1: 194, 59: 2, 60: 102}
    assert split.sum() == 298


def test_zone_is_the_same_north_and_south():
    assert (zone(mgrs.tile("34HBH")), zone(mgrs.tile("31TFJ"))) == (34, 31)
    assert (central_meridian(mgrs.tile("01CDL")), central_meridian(mgrs.tile("60WWE"))) == (-177, 177)
