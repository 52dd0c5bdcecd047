"""Reflectance to DN: the worked values of spec 10 section 5 and the laws of the encoding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sen2like.science.encode import count_not_finite, encode

ALL_FLOATS = arrays.arrays(np.float32, (3, 5), elements=st.floats(width=32))


def dn(rho, offset=1000, **options):
    return int(encode(np.array([[rho]], np.float32), 10000, offset, **options)[0, 0])


@pytest.mark.parametrize(
    ("rho", "with_offset", "without"),
    [
        (0, 1001, 1), (0.00005, 1001, 1), (-0.02, 1001, 1), (0.0001, 1001, 1), (0.1, 2000, 1000), (0.12345, 2234, 1234),
        (0.123456, 2234, 1234), (0.29, 3900, 2900), (0.3, 4000, 3000), (1.0, 11000, 10000), (1.5, 16000, 15000),
        (6.4535, 65534, 64534),
    ],
)  # fmt: skip
def test_worked_values(rho, with_offset, without):
    assert (dn(rho), dn(rho, 0)) == (with_offset, without)


@pytest.mark.parametrize("rho", [6.4536, 7.0, 1e30])
def test_bright_pixels_saturate_instead_of_wrapping(rho):
    assert dn(rho) == 65535


@pytest.mark.parametrize("rho", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("offset", [0, 1000])
@pytest.mark.parametrize("clip_negative", [True, False])
def test_what_is_not_a_number_has_no_data(rho, offset, clip_negative):
    assert dn(rho, offset, clip_negative=clip_negative) == 0


def test_rounding_to_nearest():
    assert dn(0.123456, rounding="nearest") == 2235
    assert dn(0.00004, rounding="nearest") == 1001


@pytest.mark.parametrize(("rho", "expected"), [(-0.05, 500), (-0.0999, 1), (-0.2, 1), (0.0, 1000), (0.1, 2000), (9.0, 65535)])
def test_negative_reflectance_can_be_kept(rho, expected):
    assert dn(rho, rounding="nearest", clip_negative=False) == expected


@given(ALL_FLOATS, arrays.arrays(np.uint8, (3, 5), elements=st.integers(0, 1)), st.booleans())
def test_zero_means_no_data_and_nothing_else(rho, mask, clip_negative):
    encoded = encode(np.clip(rho, -1e30, 1e30), 10000, 1000, clip_negative=clip_negative, mask=mask)
    np.testing.assert_array_equal(encoded == 0, (mask == 0) | np.isnan(rho))


@given(arrays.arrays(np.float32, (4, 4), elements=st.floats(0, 6.4375, width=32)))
def test_decoded_values_differ_by_less_than_one_step(rho):
    """Truncation loses less than one DN; the DN of zero, raised by one, at most one."""
    decoded = (encode(rho, 10000, 1000).astype(np.float64) - 1000) / 10000
    assert np.all(np.abs(decoded - rho) <= 1.0001e-4 + 6e-8 * 65535 / 10000)


@given(arrays.arrays(np.float32, (4, 4), elements=st.floats(-1, 6.5, width=32)))
def test_brighter_pixels_never_get_smaller_numbers(rho):
    in_order = np.sort(rho, axis=None)
    assert np.all(np.diff(encode(in_order, 10000, 1000).astype(int)) >= 0)


def test_result_can_go_into_an_array_and_the_input_is_left_alone():
    rho, out = np.array([[-0.1, 0.2]], np.float32), np.empty((1, 2), np.uint16)
    assert encode(rho, 10000, 1000, out=out) is out
    np.testing.assert_array_equal(out, [[1001, 3000]])
    np.testing.assert_array_equal(rho, np.array([[-0.1, 0.2]], np.float32))


def test_not_finite_pixels_are_counted_where_there_should_be_data():
    rho = np.array([[np.nan, np.inf, np.nan, 0.1]], np.float32)
    assert count_not_finite(rho) == 3
    assert count_not_finite(rho, np.array([[1, 1, 0, 1]], np.uint8)) == 2


def test_unknown_rounding_is_refused():
    with pytest.raises(ValueError, match="'up' is unknown"):
        dn(0.1, rounding="up")
