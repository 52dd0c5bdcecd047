"""Landsat angles on plain arrays: worked example of spec 04 section 8, formulas of section 11.3, theory."""

from datetime import datetime

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from sen2like.science.landsat_angles import (
    BandGeometry,
    Direction,
    Rational,
    Sca,
    SwathCorners,
    Track,
    approximate_angles,
    block_directions,
    exact_angles,
    reference_stored,
    sun_position,
    swath_corners,
)

# LC09 path 10 row 65 of 2022-01-29, EPSG:32617, at 300 m
WHEN = datetime(2022, 1, 29, 15, 28, 34, 396429)
GRID = GeoBox((774, 761), Affine(300, 0, 491985, 0, -300, -683685), "EPSG:32617")
CORNERS = SwathCorners((533535, -683835), (719835, -723735), (492135, -874935), (677535, -915435))
LONLAT = (
    (-81.0724477, -6.1852670), (-79.0092482, -6.1815430), (-81.0727835, -8.2857146), (-79.0000286, -8.2807111),
)  # fmt: skip
"""UL, UR, LL, LR of the rectangle, from pyproj."""
VAA, VZA, SAA, SZA = range(4)


# The approximation


@pytest.fixture(scope="module")
def stored():
    return reference_stored(approximate_angles(CORNERS, GRID, LONLAT, WHEN))


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        (0, 0, [10233, 1211, 11335, 3346]),
        (10, 150, [10233, 818, 11352, 3308]),
        (387, 100, [10233, 734, 11198, 3282]),
        (387, 380, [-7767, 4, 11234, 3212]),
        (387, 600, [-7767, 585, 11263, 3157]),
        (773, 760, [-7767, 1219, 11124, 3076]),
    ],
)
def test_stored_values_of_the_worked_example(stored, row, column, expected):
    assert stored[:, row, column].tolist() == expected


def test_ranges_of_the_worked_example(stored):
    assert (stored[VZA].min(), stored[VZA].max()) == (0, 1219)
    assert (stored[SAA].min(), stored[SAA].max()) == (11036, 11443)
    assert (stored[SZA].min(), stored[SZA].max()) == (3076, 3346)


def test_track_of_the_worked_example():
    track = Track.through(CORNERS)
    assert track.slope == pytest.approx(4.573476702508961, abs=1e-14)
    assert track.intercept == pytest.approx(-3569914.247311828, abs=1e-8)
    assert track.azimuth_left == pytest.approx(102.333731, abs=5e-7)


@pytest.mark.parametrize(
    ("corner", "zenith", "azimuth"),
    [(0, 33.457109, 113.349798), (1, 31.583047, 114.436130), (2, 32.675261, 110.354547), (3, 30.759439, 111.242058)],
)
def test_sun_at_the_corners_of_the_worked_example(corner, zenith, azimuth):
    longitude, latitude = LONLAT[corner]
    assert sun_position(latitude, longitude, WHEN) == pytest.approx((zenith, azimuth), abs=2e-6)


def test_swath_corners_are_the_extreme_pixels():
    data = np.zeros((6, 7), bool)
    data[1, 2:4] = data[2, 1:6] = data[3, 1:6] = data[4, 3:5] = True
    corners = swath_corners(data, GeoBox((6, 7), Affine(10, 0, 0, 0, -10, 0), "EPSG:32617"))
    assert corners == SwathCorners((25, -15), (55, -25), (15, -25), (35, -45))


def test_an_image_without_data_has_no_swath():
    with pytest.raises(ValueError, match="no data"):
        swath_corners(np.zeros((774, 761), bool), GRID)


def test_a_vertical_track_looks_east_and_west():
    track = Track.through(SwathCorners((0, 100), (50, 100), (0, 0), (50, 0)))
    assert track.azimuth_left == 90
    assert track.distance(np.array([10.0, 40.0]), np.array([3.0, 4.0])).tolist() == [15, -15]


@pytest.mark.parametrize("slope", [4.5, -4.5, 0.3, -0.3])
def test_the_satellite_is_seen_across_the_track_whatever_its_slope(slope):
    track = Track(slope, 0.0)
    for x, y in ((-3.0, 2.0), (5.0, -1.0)):
        distance = track.distance(np.array(x), np.array(y))
        azimuth = np.radians(track.azimuth_left - (0 if distance > 0 else 180))
        reached = x + abs(distance) * np.sin(azimuth), y + abs(distance) * np.cos(azimuth)
        assert reached[1] == pytest.approx(slope * reached[0], abs=1e-9)


def test_a_level_track_looks_north_and_south():
    track = Track(0.0, 0.0)
    assert track.azimuth_left == 180
    assert track.distance(np.array(0.0), np.array(2.0)) > 0


def test_sun_azimuths_either_side_of_north_are_interpolated_through_north():
    # south of the sun's declination at local noon: the sun crosses north
    grid = GeoBox((5, 5), Affine(36000, 0, 0, 0, -36000, 6400000), "EPSG:32733")
    lonlat = ((14.0, -33.0), (16.0, -33.0), (14.0, -35.0), (16.0, -35.0))
    noon = datetime(2022, 6, 21, 11, 1, 50)
    azimuths = {round(sun_position(lat, lon, noon)[1] / 360) for lon, lat in lonlat}
    assert azimuths == {0, 1}
    saa = approximate_angles(SwathCorners((9e4, 63e5), (1e5, 63e5), (9e4, 61e5), (1e5, 61e5)), grid, lonlat, noon)[SAA]
    assert np.all(np.minimum(saa, 360 - saa) < 2)


# ANG.txt


def zeros(terms):
    return Rational((0.0,) * (terms + 1), (0.0,) * terms)


def rational(terms, numerator=(), denominator=()):
    """`numerator`, `denominator`: {index: value} of those that are not 0."""
    n, d = [0.0] * (terms + 1), [0.0] * terms
    for index, value in dict(numerator).items():
        n[index] = value
    for index, value in dict(denominator).items():
        d[index] = value
    return Rational(tuple(n), tuple(d))


def band(scas, satellite=None, sun=None, samples=101):
    up = Direction((0.0, 0.0, 1.0), (zeros(9),) * 3)
    return BandGeometry((1000, 1000), (1000, samples), 30.0, 200.0, (500.0, 500.0), (500.0, 100.0), satellite or up, sun or up,
                        tuple(scas))  # fmt: skip


def sca(number, first):
    """An array that sees image samples `first` ... `first` + 100 and all lines."""
    return Sca(number, 200.0, (500.0, first + 50.0), (500.0, 50.0), rational(4, {1: 1.0}), rational(4, {2: 1.0}))


def test_points_belong_to_the_array_whose_samples_they_fall_on():
    angles = exact_angles(band([sca(1, 100), sca(2, 190)]), np.array([0, 0, 999, 999]), np.array([99, 100, 290, 291]))
    assert np.isnan(angles[VZA]).tolist() == [True, False, False, True]


def test_lines_of_the_sensor_end_before_their_number():
    angles = exact_angles(band([sca(1, 0)]), np.array([-1, 0, 999, 999.5, 1000]), np.full(5, 50))
    assert np.isnan(angles[SZA]).tolist() == [True, False, False, False, True]


def test_every_term_of_the_polynomials_counts_as_the_format_says():
    line, sample, h = 620.0, 130.0, 260.0
    n4, d4 = (0.5, 0.9, 0.02, 0.003, 1e-5), (1e-5, 2e-5, 3e-5, 4e-8)
    m4, e4 = (0.3, 0.01, 0.95, 0.004, 2e-5), (2e-5, 1e-5, 4e-5, 3e-8)
    array = Sca(2, 210.0, (500.0, 150.0), (505.0, 45.0), Rational(n4, d4), Rational(m4, e4))
    n = (1e-3, 1e-4, 2e-4, 3e-5, 4e-5, 1e-8, 2e-8, 3e-8, 1e-11, 2e-11)
    d = (1e-5, 2e-5, 3e-5, 4e-5, 5e-9, 6e-9, 7e-9, 8e-12, 9e-12)
    x = Direction((0.1, 0.2, 0.9), (Rational(n, d), zeros(9), zeros(9)))
    got = exact_angles(band([array], satellite=x), np.array([line]), np.array([sample]), h)
    dl, ds, dh = line - 500, sample - 150, h - 210
    down = 1 + d4[0] * dl + d4[1] * ds + d4[2] * dh + d4[3] * dl * ds
    lam = (n4[0] + n4[1] * dl + n4[2] * ds + n4[3] * dh + n4[4] * dl * ds) / down + 505
    down = 1 + e4[0] * dl + e4[1] * ds + e4[2] * dh + e4[3] * dl * ds
    sig = (m4[0] + m4[1] * dl + m4[2] * ds + m4[3] * dh + m4[4] * dl * ds) / down + 45 + 101
    dl, ds, dh, L, S = line - 500, sample - 500, h - 200, lam - 500, sig - 100
    top = (n[0] + n[1] * dl + n[2] * ds + n[3] * dh + n[4] * L + n[5] * dl * dl + n[6] * dl * ds + n[7] * ds * ds
           + n[8] * S * L * L + n[9] * L**3)  # fmt: skip
    bottom = (1 + d[0] * dl + d[1] * ds + d[2] * dh + d[3] * L + d[4] * dl * dl + d[5] * dl * ds + d[6] * ds * ds
              + d[7] * S * L * L + d[8] * L**3)  # fmt: skip
    east = 0.1 + top / bottom
    assert got[VAA, 0] == pytest.approx(np.degrees(np.arctan2(east, 0.2)), abs=1e-9)
    assert got[VZA, 0] == pytest.approx(np.degrees(np.arccos(0.9 / np.sqrt(east**2 + 0.04 + 0.81))), abs=1e-9)


def test_where_arrays_overlap_their_vectors_are_averaged():
    # east component = 0.1 * sign of the array, through the total sample number
    tilt = Direction((0.0, 0.0, 1.0), (rational(9, {8: 1e-6}), zeros(9), zeros(9)))
    geometry = band([sca(1, 100), sca(2, 150)], satellite=tilt)
    alone = [exact_angles(band([a], satellite=tilt), [900.0], [175.0])[:, 0] for a in geometry.scas]
    both = exact_angles(geometry, [900.0], [175.0])[:, 0]
    tilts = [a[VZA] * (1 if a[VAA] > 0 else -1) for a in alone]
    assert abs(tilts[0] - tilts[1]) > 1
    assert both[VZA] * (1 if both[VAA] > 0 else -1) == pytest.approx(sum(tilts) / 2, abs=1e-9)


def test_mean_height_is_taken_when_none_is_given():
    north = Direction((0.0, 0.1, 0.9), (zeros(9), rational(9, {3: 1e-4}), zeros(9)))
    geometry = band([sca(1, 100)], satellite=north)
    assert np.array_equal(exact_angles(geometry, [5.0], [150.0]), exact_angles(geometry, [5.0], [150.0], 200.0))
    assert exact_angles(geometry, [5.0], [150.0], 900.0)[VZA, 0] > exact_angles(geometry, [5.0], [150.0])[VZA, 0]


def test_sun_azimuth_is_counted_to_360_and_view_azimuth_from_minus_180():
    west = Direction((-0.1, 0.0, 0.9), (zeros(9),) * 3)
    angles = exact_angles(band([sca(1, 100)], satellite=west, sun=west), [5.0], [150.0])[:, 0]
    assert (angles[VAA], angles[SAA]) == (-90, 270)


def test_points_may_be_more_than_are_done_at_once():
    line, sample = np.arange(300.0)[:, None], np.arange(90.0, 210.0)[None]
    angles = exact_angles(band([sca(1, 100)]), line, sample)
    assert angles.shape == (4, 300, 120)
    assert np.isfinite(angles[VZA]).sum() == 300 * 101


def test_coefficients_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="do not match"):
        Rational((1.0, 2.0), (1.0, 2.0))


# Angle bands


def test_a_block_of_one_direction_is_that_direction():
    zenith, azimuth = np.full((20, 30), 612, np.int16), np.full((20, 30), -8325, np.int16)
    z, a = block_directions(zenith, azimuth, 10, (2, 3))
    assert z.shape == (2, 3) and z.dtype == np.float32
    np.testing.assert_allclose(z, 6.12, atol=1e-5)
    np.testing.assert_allclose(a, -83.25, atol=1e-4)


def test_fill_is_ignored_and_a_block_of_fill_is_unknown():
    zenith, azimuth = np.zeros((10, 20), np.int16), np.zeros((10, 20), np.int16)
    zenith[3, 4], azimuth[3, 4] = 612, 10209
    z, a = block_directions(zenith, azimuth, 10, (1, 2))
    np.testing.assert_allclose([z[0, 0], a[0, 0]], [6.12, 102.09], atol=1e-4)
    assert np.isnan(z[0, 1]) and np.isnan(a[0, 1])


def test_opposite_directions_average_to_the_vertical_not_to_a_third_azimuth():
    zenith, azimuth = np.full((10, 10), 500, np.int16), np.full((10, 10), 10000, np.int16)
    azimuth[:5] = -8000
    z, _ = block_directions(zenith, azimuth, 10, (1, 1))
    assert z[0, 0] == pytest.approx(0, abs=1e-4)


def test_directions_either_side_of_south_average_to_south():
    zenith, azimuth = np.full((10, 10), 500, np.int16), np.full((10, 10), 17900, np.int16)
    azimuth[:5] = -17900
    _, a = block_directions(zenith, azimuth, 10, (1, 1))
    assert abs(a[0, 0]) == pytest.approx(180, abs=1e-3)


@given(st.integers(1, 45), st.integers(1, 45))
def test_cut_blocks_average_what_they_have(rows, columns):
    shape = max(1, round(rows / 10)), max(1, round(columns / 10))
    z, a = block_directions(np.full((rows, columns), 700, np.int16), np.full((rows, columns), 9000, np.int16), 10, shape)
    assert z.shape == shape
    np.testing.assert_allclose(z, 7, atol=1e-4)
    np.testing.assert_allclose(a, 90, atol=1e-4)


def test_a_block_size_that_meets_the_strips_of_rows_unevenly_changes_nothing():
    zenith = np.repeat(np.arange(100, 940, 10, dtype=np.int16), 10)[:, None].repeat(10, axis=1)
    z, _ = block_directions(zenith, np.full_like(zenith, 9000), 10, (84, 1))
    np.testing.assert_allclose(z[:, 0], np.arange(1, 9.4, 0.1), atol=1e-4)


def test_angle_bands_of_another_type_or_size_are_refused():
    image = np.zeros((10, 10), np.int16)
    with pytest.raises(ValueError, match="int16"):
        block_directions(image.astype(np.float32), image, 10, (1, 1))
    with pytest.raises(ValueError, match="one size"):
        block_directions(image, image[:5], 10, (1, 1))
