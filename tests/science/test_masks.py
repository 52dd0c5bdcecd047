"""Masks on plain arrays; numbers from spec 04 section 2."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sen2like.science.masks import clear_mask, count_unknown_classes, data_mask, resize_nearest, scl_masks


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_scl_classes_give_the_table_of_the_spec(dtype):
    valid, data = scl_masks(np.arange(12, dtype=dtype)[None])
    assert valid[0].tolist() == [0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0]
    assert data[0].tolist() == [0] + [1] * 11
    assert valid.dtype == data.dtype == np.uint8


def test_unknown_scl_classes_are_data_but_not_valid_and_are_counted():
    scl = np.array([[4, 12, 255, 300]], np.uint16)
    valid, data = scl_masks(scl)
    assert valid.tolist() == [[1, 0, 0, 0]]
    assert data.tolist() == [[1, 1, 1, 1]]
    assert count_unknown_classes(scl) == 3


def test_dn_up_to_4_are_no_data():
    assert data_mask(np.array([[0, 4, 5, 65535]], np.uint16), 0).tolist() == [[0, 0, 1, 1]]


def test_no_data_grow_by_the_margin_in_a_square():
    dn = np.full((9, 9), 1500, np.uint16)
    dn[4, 4] = 0
    expected = np.ones((9, 9), np.uint8)
    expected[2:7, 2:7] = 0
    np.testing.assert_array_equal(data_mask(dn, 2), expected)


def test_the_outside_of_the_image_is_not_no_data():
    assert data_mask(np.full((5, 5), 1500, np.uint16), 2).all()


@given(arrays(np.uint16, (11, 13), elements=st.sampled_from([0, 4, 5, 1500])), st.integers(1, 3))
def test_erosion_is_the_minimum_over_the_window_inside_the_image(dn, margin):
    expected = np.array([
        [(dn[max(0, i - margin) : i + margin + 1, max(0, j - margin) : j + margin + 1] > 4).all() for j in range(13)]
        for i in range(11)
    ])
    np.testing.assert_array_equal(data_mask(dn, margin), expected)


def test_any_classification_layer_makes_a_pixel_unclear():
    layers = np.array([[[0, 1, 0, 0]], [[0, 0, 1, 0]], [[0, 0, 0, 1]]], np.uint8)
    assert clear_mask(layers).tolist() == [[1, 0, 0, 0]]


def test_resizing_60_to_20_metres_repeats_every_pixel_3_times():
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(resize_nearest(values, (9, 12)), np.kron(values, np.ones((3, 3), np.uint8)))


def test_resizing_takes_the_pixel_that_holds_the_centre():
    # centres of 7 pixels over 3: (i + 0.5) * 3 / 7 = 0.21 0.64 1.07 1.5 1.93 2.36 2.79
    assert resize_nearest(np.array([[10, 20, 30]], np.uint8), (1, 7))[0].tolist() == [10, 10, 20, 20, 20, 30, 30]


def test_resizing_downwards_takes_the_pixel_that_holds_the_centre():
    assert resize_nearest(np.arange(6, dtype=np.uint8)[None], (1, 2))[0].tolist() == [1, 4]


def test_resizing_by_pixel_size_does_not_stretch_a_grid_that_reaches_further():
    # a decimated 60 m band: 3 pixels of 3840 m over 8 of 1280 m
    assert resize_nearest(np.array([[1, 2, 3]], np.uint8), (1, 8), (1.0, 1 / 3))[0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3]


@given(st.integers(1, 40), st.integers(1, 40))
def test_resized_index_is_the_formula_of_the_spec_and_inside(n, m):
    found = resize_nearest(np.arange(n)[None], (1, m))[0]
    np.testing.assert_array_equal(found, [((2 * i + 1) * n) // (2 * m) for i in range(m)])
