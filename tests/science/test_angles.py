"""Angle grids on plain arrays; numbers from spec 04 sections 7, 11.2 and 13."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.science.angles import fill_nearest, mean_direction, reference_degrees, reference_mean, reference_stored, to_stored

NAN = np.nan
DETECTORS = np.array([
    [[100, 101, NAN], [102, NAN, NAN], [103.5, 104, NAN]],
    [[NAN, 281, 282], [NAN, 283, NAN], [284, 285, 286]],
])


def test_reference_mean_is_arithmetic_over_the_detectors_that_see_a_node():
    expected = [[100, 191, 282], [102, 283, NAN], [193.75, 194.5, 286]]
    np.testing.assert_array_equal(reference_mean(DETECTORS), expected)


def test_a_grid_with_a_gap_is_not_wrapped_and_the_gap_is_zero():
    stored = reference_stored(reference_mean(DETECTORS))
    assert stored.tolist() == [[10000, 19100, 28200], [10200, 28300, 0], [19375, 19450, 28600]]
    assert stored.dtype == np.int16


def test_a_grid_without_gap_is_wrapped():
    grid = reference_mean(DETECTORS)
    grid[1, 2] = 182
    assert reference_stored(grid).tolist() == [[10000, -16900, -7800], [10200, -7700, -17800], [-16625, -16550, -7400]]


def test_azimuths_near_north_without_gap():
    assert reference_stored(np.array([[355.129, 330, 359.999, 327.68]])).tolist() == [[-487, -3000, 0, -3231]]


def test_azimuths_that_overflow_beside_a_gap_are_wrapped_not_corrupted():
    # the reference stores -30024 -32536 -29537 -32768 here: 16-bit overflow
    assert reference_stored(np.array([[355.129, 330, 359.999, 327.68, NAN]])).tolist() == [[-487, -3000, 0, -3231, 0]]


def test_values_are_truncated_toward_zero():
    assert reference_stored(np.array([[8.09278, 102.963, -7.999]])).tolist() == [[809, 10296, -799]]


def test_reference_degrees_are_the_stored_hundredths():
    degrees = reference_degrees(np.array([[8.09278, NAN]]))
    assert degrees.dtype == np.float32
    np.testing.assert_array_equal(degrees, np.array([[809, 0]], np.float32) / np.float32(100))


def test_opposite_views_of_a_nadir_node_average_to_the_vertical():
    zenith, azimuth = mean_direction(np.array([[5.0], [5.0]]), np.array([[100.0], [280.0]]))
    assert zenith[0] == pytest.approx(0, abs=1e-6)
    assert azimuth[0] == 0


def test_mean_direction_across_north_is_north():
    zenith, azimuth = mean_direction(np.array([[5.0], [5.0]]), np.array([[350.0], [10.0]]))
    assert azimuth[0] == pytest.approx(0, abs=1e-9)
    assert zenith[0] == pytest.approx(np.degrees(np.arctan(np.tan(np.radians(5)) * np.cos(np.radians(10)))), abs=1e-9)


def test_mean_direction_ignores_detectors_that_do_not_see_the_node():
    zenith, azimuth = mean_direction(np.array([[5.0, NAN], [NAN, NAN]]), np.array([[100.0, NAN], [NAN, NAN]]))
    np.testing.assert_allclose(zenith, [5, NAN])
    np.testing.assert_allclose(azimuth, [100, NAN])


@given(st.floats(0.01, 80), st.floats(-179.9, 179.9))
def test_mean_of_one_direction_is_itself(z, a):
    zenith, azimuth = mean_direction(np.array([[z]]), np.array([[a]]))
    assert zenith[0] == pytest.approx(z, abs=1e-9)
    assert azimuth[0] == pytest.approx(a, abs=1e-6)


def test_gaps_take_the_nearest_node_known_in_both_fields():
    zenith = np.array([[1.0, NAN, NAN, 4.0]])
    azimuth = np.array([[10.0, NAN, 30.0, 40.0]])
    z, a = fill_nearest(zenith, azimuth)
    assert z.tolist() == [[1, 1, 4, 4]]
    assert a.tolist() == [[10, 10, 40, 40]]


def test_a_grid_without_any_value_stays_unknown():
    assert np.isnan(fill_nearest(np.full((2, 2), NAN))[0]).all()


def test_stored_angles_are_rounded_wrapped_and_unknown_is_zero():
    assert to_stored(np.array([1.006, -1.006, 327.67, 327.68, 359.0, NAN])).tolist() == [101, -101, 32767, -3232, -100, 0]


def test_stored_angles_may_keep_an_explicit_no_data_value():
    assert to_stored(np.array([NAN, 1.0]), nodata=-32768).tolist() == [-32768, 100]


@given(st.integers(-18000, 32767))
def test_stored_angles_survive_a_round_trip_through_degrees(stored):
    assert to_stored(np.array([stored], np.float32) / np.float32(100))[0] == stored
