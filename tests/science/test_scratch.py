"""Arrays that are used again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.science.scratch import Arrays, RowWindow, Scratch


def test_the_same_name_has_the_same_memory_whatever_its_shape_and_type():
    arrays = Arrays()
    first = arrays.array("a", (4, 6))
    first[:] = 1
    second = arrays.array("a", (3, 8), np.uint16)
    assert second.shape == (3, 8) and second.dtype == np.uint16
    assert np.shares_memory(first, second)
    assert not np.shares_memory(first, arrays.array("b", (4, 6)))


def test_a_larger_array_gets_more_memory():
    arrays = Arrays()
    small = arrays.array("a", (2, 2))
    large = arrays.array("a", (50, 50))
    assert large.shape == (50, 50) and not np.shares_memory(small, large)
    assert np.shares_memory(large, arrays.array("a", (2, 2)))


def test_each_thread_has_its_own():
    scratch, both = Scratch(), Barrier(2)

    def work(number):
        mine = scratch.array("a", (1000,))
        mine[:] = number
        both.wait(10)
        return (mine == number).all() and scratch.array("a", (1000,)) is not None

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(work, (1, 2)))


@given(st.integers(1, 9), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 60)), min_size=1, max_size=12), st.booleans())
def test_rows_of_a_window_are_those_put_in_and_not_forgotten(room, calls, shared):
    """`shared`: all arrays are of one memory, as those of `Arrays`."""
    arrays = Arrays()
    window = RowWindow(3, np.uint16, room, (lambda shape, dtype: arrays.array("w", shape, dtype)) if shared else np.empty)
    first = known = 0
    for rows, keep in calls:
        window.more(rows, keep)[:] = np.arange(known, known + rows, dtype=np.uint16)[:, None]
        first, known = min(max(first, keep), known), known + rows
        assert (window.start, window.stop) == (first, known)
        expected = np.repeat(np.arange(window.start, known, dtype=np.uint16)[:, None], 3, axis=1)
        np.testing.assert_array_equal(window.rows(window.start, known), expected)


@pytest.mark.parametrize(("start", "stop"), [(1, 5), (4, 11), (6, 5)])
def test_rows_that_a_window_does_not_have_are_refused(start, stop):
    window = RowWindow(3, np.uint16, 4)
    window.more(4, 0)
    window.more(6, keep=2)
    assert (window.start, window.stop) == (2, 10)
    with pytest.raises(ValueError, match=f"rows {start} to {stop} were asked for, 2 to 10 are there"):
        window.rows(start, stop)
    window.clear()
    with pytest.raises(ValueError, match="0 to 0 are there"):
        window.rows(2, 5)
