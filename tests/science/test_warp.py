"""Interpolation at positions of their own: the numbers of spec 05 section 6.7, laws of the kernel, and what is missing."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sen2like.science.shift import Framing
from sen2like.science.warp import Warp

STEP = 8


def mesh(row, column, shape, step=STEP) -> np.ndarray:
    """Nodes of a mesh: `row` and `column` are functions of the pixels of the frame, from its corner."""
    r, c = np.meshgrid(*(step * np.arange(-(-n // step) + 1.0) for n in shape), indexing="ij")
    return np.stack([row(r, c) + np.zeros_like(r), column(r, c) + np.zeros_like(c)])


def moved(offset_y, offset_x, shape, step=STEP) -> Warp:
    return Warp(mesh(lambda r, c: r + offset_y, lambda r, c: c + offset_x, shape, step), step, shape)


def whole(warp, source):
    return warp.rows(source, 0, warp.shape_out[0])


def worked_example():
    r, c = np.mgrid[:10, :10]
    return (1000 + 10 * c + 100 * r + 7 * (c % 3)).astype(np.uint16)


@pytest.mark.parametrize(("dx", "dy", "row"), [
    (0, 0, [1176.812, 1182, 1187.188, 1206.812, 1212, 1217.188]),
    (3, 0, [1178.712, 1181.096, 1189.192, 1208.712, 1211.096, 1219.192]),
    (0, 3, [1186.812, 1192, 1197.188, 1216.812, 1222, 1227.188]),
    (15, -15, [1134, 1130, 1147, 1164, 1160, 1177]),
    (-9, 6, [1190.736, 1204.208, 1202.056, 1220.736, 1234.208, 1232.056]),
])  # fmt: skip
def test_worked_examples(dx, dy, row):
    warp = moved(1.5 + dy / 30, 1.5 + dx / 30, (6, 6))
    np.testing.assert_allclose(whole(warp, worked_example())[0], row, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 2**32 - 1))
def test_with_a_constant_offset_it_is_the_framing(offset_y, offset_x, seed):
    source = np.random.default_rng(seed).integers(500, 9000, (40, 50)).astype(np.uint16)
    inside = (slice(6, 30), slice(6, 40))  # away from the edges, where the rules differ
    got = whole(moved(offset_y, offset_x, (40, 50)), source)[inside]
    framed = Framing(offset_y, offset_x, (40, 50)).whole(source)[inside]
    expected = np.clip(framed, source.min(), source.max())  # its limit is 0 when the frame exceeds the image
    # offsets of float32 nodes: 1e-5 of a pixel on contrasts of 8500
    np.testing.assert_allclose(got, expected, atol=0.5)


def test_quadratics_are_reproduced_wherever_the_positions_are():
    """Catmull-Rom is exact for polynomials of the second degree (Keys, 1981)."""
    r, c = np.mgrid[:60, :70] + 0.5
    source = (3000 + 12 * r - 7 * c + 0.3 * r * r - 0.2 * c * r + 0.1 * c * c).astype(np.float32)
    shape = (32, 40)
    # turned by 3 degrees, pixels 0.9 and 1.1 times as large
    row, column = (lambda r, c: 8 + 1.1 * r + 0.05 * c), (lambda r, c: 9 - 0.05 * r + 0.9 * c)
    got = whole(Warp(mesh(row, column, shape), STEP, shape), source)
    fr, fc = np.mgrid[: shape[0], : shape[1]] + 0.5
    y, x = row(fr, fc), column(fr, fc)
    np.testing.assert_allclose(got, 3000 + 12 * y - 7 * x + 0.3 * y * y - 0.2 * x * y + 0.1 * x * x, atol=0.05)


@settings(max_examples=30, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2), st.integers(1, 20))
def test_strips_are_rows_of_the_whole(offset_y, offset_x, rows):
    source = np.random.default_rng(7).integers(0, 50, (20, 20)).astype(np.uint16)  # with some missing pixels
    warp = moved(offset_y, offset_x, (20, 20))
    strips = [warp.rows(source, start, min(start + rows, 20)) for start in range(0, 20, rows)]
    np.testing.assert_array_equal(np.concatenate(strips), whole(warp, source))


@settings(max_examples=30, deadline=None)
@given(st.floats(-2, 2), st.floats(-2, 2), st.integers(0, 2**32 - 1))
def test_results_stay_within_the_range_of_the_data(offset_y, offset_x, seed):
    source = np.random.default_rng(seed).choice(np.array([0, 100, 9000], np.uint16), (20, 20), p=[0.02, 0.49, 0.49])
    got = whole(moved(offset_y, offset_x, (20, 20)), source)
    assert ((got == 0) | ((got >= 100) & (got <= 9000))).all()


def test_a_missing_pixel_makes_a_hole_of_four_by_four():
    source = np.full((12, 12), 1000, np.uint16)
    source[5, 6] = 0
    got = whole(moved(0.5, 0.25, (12, 12)), source)
    hole = np.argwhere(got[2:9, 2:9] == 0) + 2
    # sample n-1 ... n+2 of output o at n = o: the output pixels 3..6 (rows) and 4..7 (columns) reach it
    assert hole.min(axis=0).tolist() == [3, 4] and hole.max(axis=0).tolist() == [6, 7] and len(hole) == 16
    assert (got[got != 0] == 1000).all()


def test_pixels_whose_samples_lie_outside_are_missing():
    got = whole(moved(0.5, -0.5, (10, 10)), np.full((10, 10), 1000, np.uint16))
    data = got != 0
    # rows need o-1 ... o+2 within 0..9, columns o-2 ... o+1
    assert data[1:8, 2:9].all() and data.sum() == 49


@pytest.mark.parametrize("offset", [1e6, -1e6])
def test_a_frame_far_from_the_image_is_missing_everywhere(offset):
    warp = moved(offset, 0, (9, 9))
    assert not whole(warp, np.full((10, 10), 1000, np.uint16)).any()
    assert not warp.nearest(np.ones((10, 10), np.uint8)).any()


def test_an_image_without_data_gives_none():
    assert not whole(moved(0.5, 0.5, (9, 9)), np.zeros((12, 12), np.uint16)).any()


def test_ranges_of_images_are_not_mixed_up():
    warp = moved(0.5, 0.5, (8, 8))
    for level in (100, 9000, 300):  # arrays of short life may get the identity of one that is gone
        source = np.full((12, 12), level, np.uint16)
        assert set(np.unique(whole(warp, source))) <= {0, level}
        del source
        gc.collect()


# nearest -------------------------------------------------------------------------------------------------------------------


def test_masks_take_the_pixel_that_holds_the_position_and_keep_their_type():
    source = np.arange(1, 101, dtype=np.uint16).reshape(10, 10)
    warp = Warp(mesh(lambda r, c: 2 + 0.5 * r, lambda r, c: 9.5 - c, (6, 12)), STEP, (6, 12))
    got = warp.nearest(source)
    assert got.dtype == np.uint16 and got.shape == (6, 12)
    for r in range(6):
        for c in range(12):
            column = int(np.floor(9.5 - (c + 0.5)))
            expected = source[int(2 + 0.5 * (r + 0.5)), column] if column >= 0 else 0
            assert got[r, c] == expected


@settings(max_examples=30, deadline=None)
@given(st.floats(-8, 8).filter(lambda v: abs(v + 0.5 - round(v + 0.5)) > 1e-3), st.integers(0, 2**32 - 1))
def test_nearest_moves_by_whole_pixels(offset, seed):
    source = np.random.default_rng(seed).integers(0, 255, (16, 16)).astype(np.uint8)
    got = moved(offset, 0, (16, 16)).nearest(source)
    whole_pixels = int(np.floor(offset + 0.5))
    expected = np.zeros_like(source)
    for r in range(16):
        if 0 <= r + whole_pixels < 16:
            expected[r] = source[r + whole_pixels]
    np.testing.assert_array_equal(got, expected)


def test_a_long_mask_is_taken_whole():
    # more rows than are looked at together
    source = np.random.default_rng(3).integers(0, 9, (700, 5)).astype(np.uint8)
    np.testing.assert_array_equal(moved(0.1, -0.1, (700, 5)).nearest(source), source)


def test_an_image_is_never_a_copy():
    assert moved(0, 0, (4, 4)).is_copy(np.ones((4, 4))) is False
