"""DN that are written as they came (spec 10 section 5: raw 22000 and 28000 stay so)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sen2like.science.raw_dn import rounded_dn


@given(hnp.arrays(np.uint16, (5, 7)))
def test_whole_dn_stay_what_they_are(dn):
    for values in (dn, dn.astype(np.float32)):
        result = rounded_dn(values)
        assert result.dtype == np.uint16
        np.testing.assert_array_equal(result, dn)


@pytest.mark.parametrize(("value", "dn"), [
    (22000.4, 22000), (22000.6, 22001), (0.2, 1), (70000, 65535), (0, 0), (-3, 0), (np.nan, 0), (np.inf, 0), (-np.inf, 0),
])  # fmt: skip
def test_what_resampling_makes_of_them_is_rounded_and_nothing_known_becomes_no_data(value, dn):
    assert rounded_dn(np.array([[value]], np.float32)).item() == dn


@given(hnp.arrays(np.float32, (4, 4), elements=st.floats(1, 65535, width=32)), hnp.arrays(np.uint8, (4, 4)))
def test_masked_pixels_alone_are_no_data(values, mask):
    out = np.full((4, 4), 7, np.uint16)
    assert rounded_dn(values, mask, out) is out
    np.testing.assert_array_equal(out == 0, mask == 0)


def test_the_values_given_are_not_changed():
    values = np.array([[22000.4, np.nan, -1]], np.float32)
    before = values.copy()
    rounded_dn(values, np.array([[1, 1, 1]], np.uint8))
    np.testing.assert_array_equal(values, before)
