"""MGRS tiles against the figures of the tiling grid."""

import numpy as np
import pytest

from sen2like.errors import UsageError
from sen2like.grid import mgrs


def test_extent_and_projection_of_31TFJ():
    tile = mgrs.tile("31TFJ")
    assert (tile.epsg, tile.bounds) == (32631, (600000.0, 4790220.0, 709800.0, 4900020.0))


@pytest.mark.parametrize(
    ("resolution", "side"), [(10, 10980), (15, 7320), (20, 5490), (30, 3660), (60, 1830), (300, 366), (640, 172)]
)
def test_grid_side_is_the_extent_over_the_pixel_size_rounded_up(resolution, side):
    geobox = mgrs.tile("31TFJ").geobox(resolution)
    assert tuple(geobox.shape) == (side, side)
    assert (geobox.affine.c, geobox.affine.f) == (600000.0, 4900020.0)


def test_centre_is_the_mgrs_point_54900_45100():
    """Spec 03 section 2: 31TFJ -> 43.7427577 N, 4.9237426 E."""
    assert mgrs.tile("31TFJ").centre == pytest.approx((43.7427577, 4.9237426), abs=2e-7)


def test_corners_in_the_order_ul_ur_lr_ll():
    """Spec 08 section 8."""
    expected = [(4.252481, 44.246551), (5.626646, 44.223210), (5.583808, 43.235601), (4.232033, 43.258155)]
    np.testing.assert_allclose(mgrs.tile("31TFJ").corners, expected, atol=1e-6)


@pytest.mark.parametrize("text", ["31TFJ", "T31TFJ", "t31tfj", "  31tfj "])
def test_id_is_normalised(text):
    assert mgrs.tile(text).id == "31TFJ"


@pytest.mark.parametrize(
    ("name", "epsg", "ulx", "uly"),
    [("33TTG", 32633, 199980, 4700040), ("12SYH", 32612, 699960, 4300020), ("36MXE", 32736, 600000, 10000000),
     ("34HBH", 32734, 199980, 6300040), ("01CDL", 32701, 399960, 1100020), ("60WWE", 32660, 499980, 8000040)],
)  # fmt: skip
def test_upper_left_corners_of_the_tiling_grid(name, epsg, ulx, uly):
    """Spec 02 section 5.1."""
    tile = mgrs.tile(name)
    assert (tile.epsg, tile.ulx, tile.uly) == (epsg, ulx, uly)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("31TFI", "did you mean 31T"), ("31TXX", "did you mean 31T"), ("99ZZZ", "not an MGRS"), ("", "not an MGRS")],
)
def test_unknown_tile_is_a_usage_error_that_helps(text, hint):
    with pytest.raises(UsageError) as e:
        mgrs.tile(text)
    assert repr(text) in str(e.value)
    assert hint in str(e.value)
