"""Coarse fields as rows of a larger grid: against `enlarge`, which does the whole array in float64, and against theory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.science.coarse_field import CoarseField, _Periodic
from sen2like.science.resample import enlarge

sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))
RATIOS = [(1, 1), (2, 1), (3, 1), (3, 2), (5, 4), (8, 3), (8, 7)]
"""p, q: p output pixels lie on q pixels of the field."""


@given(sizes, sizes, st.integers(0, 99), st.data())
def test_cells_are_enlarged_strip_by_strip_as_a_whole(shape_in, shape_out, seed, data):
    values = np.random.default_rng(seed).random(shape_in, np.float32)
    start = data.draw(st.integers(0, shape_out[0]))
    stop = data.draw(st.integers(start, shape_out[0]))
    strip = CoarseField(values, shape_out).rows(start, stop)
    assert strip.dtype == np.float32
    np.testing.assert_allclose(strip, enlarge(values, shape_out, dtype=np.float64)[start:stop], atol=1e-6)


def test_cells_give_the_check_values_of_the_spec():
    squares = np.repeat(np.arange(23.0)[:, None] ** 2, 3, axis=1)
    column = CoarseField.cells(squares, (1098, 5)).rows(0, 1098)[:, 2]
    assert column[[0, 1, 2, 1097]] == pytest.approx([0.48952641, 0.46857923, 0.44763206, 462.9503643], rel=1e-7)


@pytest.mark.parametrize("pixels", [10980, 1830, 20])
def test_nodes_keep_a_plane_where_it_is(pixels):
    """A value that is its own position in metres must come out at the pixel centres, whatever the pixel size."""
    resolution = 109_800 / pixels
    y, x = np.meshgrid(np.arange(23) * 5000.0, np.arange(23) * 5000.0, indexing="ij")
    centres = (np.arange(pixels) + 0.5) * resolution
    rows = slice(pixels // 3, pixels // 3 + 5)
    for values, expected in ((x, np.broadcast_to(centres, (5, pixels))), (y, np.broadcast_to(centres[rows, None], (5, pixels)))):
        field = CoarseField.at_nodes(values, (pixels, pixels), step=5000 / resolution)
        np.testing.assert_allclose(field.rows(rows.start, rows.stop), expected, rtol=1e-6)


def test_rows_go_into_an_array_given():
    out = np.empty((2, 6), np.float32)
    assert CoarseField(np.full((2, 2), 3.0), (6, 6)).rows(1, 3, out=out) is out
    np.testing.assert_array_equal(out, 3)


def test_unknown_node_spreads_to_its_stencil_only():
    values = np.zeros((5, 5))
    values[2, 2] = np.nan
    rows = CoarseField(values, (40, 40), "nodes", step=10).rows(0, 40)
    assert np.isnan(rows[10:30, 10:30]).all()
    assert np.isfinite(rows[:10]).all() and np.isfinite(rows[30:]).all() and np.isfinite(rows[:, 30:]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"positions": "nodes"}, "need a step"),
        ({"positions": "nodes", "step": -1.0}, "above 0"),
        ({"positions": "nodes", "step": 2.0}, "do not cover"),
        ({"positions": "cells", "step": 2.0}, "for nodes only"),
        ({"positions": "nodes", "step": 10.0, "cut": 1.0}, "cells only"),
        ({"positions": "corners"}, "'corners' are unknown"),
    ],
)
def test_contradictory_positions_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        CoarseField(np.ones((4, 4)), (30, 30), **options)


@pytest.mark.parametrize("down", RATIOS)
@pytest.mark.parametrize("across", RATIOS)
def test_ratios_of_small_whole_numbers_are_enlarged_phase_by_phase(down, across):
    periods = 5
    shape_in, shape_out = ((down[n] * periods, across[n] * periods) for n in (1, 0))
    assert _Periodic.suits(shape_in, shape_out)
    values = np.random.default_rng(3).uniform(-1, 1, shape_in).astype(np.float32)
    field, whole = CoarseField.cells(values, shape_out), enlarge(values, shape_out, dtype=np.float64)
    for start in range(shape_out[0]):
        for stop in range(start + 1, shape_out[0] + 1, 3):
            np.testing.assert_allclose(field.rows(start, stop), whole[start:stop], atol=1e-6)


@pytest.mark.parametrize(
    ("shape_in", "shape_out"), [((1, 6), (3, 18)), ((6, 6), (18, 4)), ((7, 7), (64, 64)), ((5, 5), (59, 59))]
)
def test_other_ratios_are_not_periodic(shape_in, shape_out):
    """One row has none to mirror; a side that shrinks is smoothed; 64/7 and 59/5 have too many phases."""
    assert not _Periodic.suits(shape_in, shape_out)


def test_values_are_left_alone_and_kept_in_arrays_given():
    values = np.arange(12.0).reshape(3, 4)
    kept = []

    def empty(shape, dtype):
        kept.append(np.full(shape, np.nan, dtype))
        return kept[-1]

    rows = CoarseField.cells(values, (9, 12), empty=empty).rows(0, 9)
    np.testing.assert_allclose(rows, enlarge(np.arange(12.0).reshape(3, 4), (9, 12)), atol=1e-6)
    np.testing.assert_array_equal(values, np.arange(12.0).reshape(3, 4))
    assert len(kept) == 1


@pytest.mark.parametrize("shape_out", [(18, 18), (9, 9), (13, 13), (4, 18)], ids=["3", "3/2", "any position", "smoothed"])
def test_values_are_cut_before_they_are_interpolated(shape_out):
    values = np.random.default_rng(5).uniform(-3, 3, (6, 6)).astype(np.float32)
    values[1, 1], values[4, 2], values[3, 3] = np.nan, np.inf, -np.inf
    before = values.copy()
    cut = np.where(np.isfinite(values), np.clip(values, -1, 1), 0)
    expected = enlarge(cut, shape_out, dtype=np.float64)
    np.testing.assert_allclose(CoarseField.cells(values, shape_out, cut=1).rows(0, shape_out[0]), expected, atol=1e-6)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("shape_in", [(6, 6), (5, 7), (2, 2), (2, 3)])
@pytest.mark.parametrize("ratio", [3, 1.5, 2.3])
def test_the_field_of_a_difference_is_the_difference_of_the_fields(shape_in, ratio):
    rng = np.random.default_rng(6)
    values, dn = rng.uniform(-1, 1, shape_in).astype(np.float32), rng.integers(0, 20000, shape_in).astype(np.uint16)
    shape_out = tuple(round(n * ratio) for n in shape_in)
    field = CoarseField.cells(values, shape_out)
    less = field.minus(dn, 1e-4)
    expected = enlarge(values - dn / 1e4, shape_out, dtype=np.float64)
    np.testing.assert_allclose(less.rows(0, shape_out[0]), expected, atol=1e-6)
    np.testing.assert_allclose(field.rows(0, shape_out[0]), enlarge(values, shape_out, dtype=np.float64), atol=1e-6)
