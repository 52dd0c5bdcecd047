"""Which scene a pixel comes from: spec 05 sections 8 and 12.10, in the form that takes all of a pixel from one scene."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sen2like.science.stitch import EDGE, choose, source_map

masks = st.integers(1, 4).flatmap(
    lambda n: st.lists(arrays.arrays(np.uint8, (12, 11), elements=st.integers(0, 1)), min_size=n, max_size=n)
)


def half(columns: slice, shape=(20, 30)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[:, columns] = 1
    return mask


@given(masks)
def test_a_pixel_has_data_when_any_scene_has(data):
    chosen = choose(data, source_map(data))
    np.testing.assert_array_equal(chosen != 0, np.any(data, axis=0))


@given(masks)
def test_the_main_scene_gives_what_nobody_has(data):
    sources = source_map(data)
    assert not sources[~np.any(data, axis=0)].any()
    assert sources.dtype == np.uint8


def test_the_first_scene_wins_but_for_its_edge():
    main, second = half(slice(0, 20)), half(slice(10, 30))
    sources = source_map([main, second])
    assert not sources[:, : 20 - EDGE].any()
    assert (sources[:, 20 - EDGE :] == 1).all()


def test_the_edge_is_kept_where_nobody_else_has_data():
    main, second = half(slice(0, 20)), half(slice(25, 30))
    sources = source_map([main, second])
    assert not sources[:, :25].any() and (sources[:, 25:] == 1).all()


def test_the_edge_of_one_scene_does_not_win_over_the_edge_of_an_earlier_one():
    main, second = half(slice(0, 15)), half(slice(14, 30))
    sources = source_map([main, second])
    # column 14 is edge for both: the main scene keeps it
    assert not sources[:, 14].any() and (sources[:, 15:] == 1).all()


def test_the_border_of_the_tile_is_no_edge_of_a_scene():
    full = np.ones((9, 9), np.uint8)
    assert not source_map([full, full]).any()


def test_three_scenes_fill_the_tile_from_the_first_to_the_last():
    sources = source_map([half(slice(10, 20)), half(slice(0, 12)), half(slice(0, 30))])
    row = sources[0]
    # the third reaches everywhere: its inside wins over the edges of the others, the second is taken before it
    assert (row[:10] == [1] * (12 - EDGE) + [2]).all()
    assert (row[10:13] == 2).all() and not row[13:17].any() and (row[17:] == 2).all()


def test_one_scene_alone_is_the_source_of_all():
    assert not source_map([half(slice(3, 5))]).any()


@pytest.mark.parametrize("count", [0, 256])
def test_more_scenes_than_a_byte_tells_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} scenes: 1 to 255"):
        source_map([np.ones((2, 2), np.uint8)] * count)


@given(st.integers(1, 5).flatmap(lambda n: arrays.arrays(np.uint8, (6, 7), elements=st.integers(0, n - 1)).map(lambda a: (n, a))))
def test_each_pixel_is_of_the_scene_that_is_named(case):
    count, sources = case
    layers = [np.full((6, 7), 100.5 + k, np.float32) for k in range(count)]
    got = choose(layers, sources)
    np.testing.assert_array_equal(got, sources + np.float32(100.5))
    assert got.dtype == np.float32 and (layers[0] == 100.5).all()
