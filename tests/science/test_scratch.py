"""Arrays that are used again."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from sen2like.science.scratch import Arrays, Scratch


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
