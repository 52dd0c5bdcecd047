"""Images and lazy images."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from sen2like.raster.image import Image, Timer, for_each_strip, strips


def image(shape=(7, 5), dtype=np.uint16):
    geobox = GeoBox.from_bbox((0, 0, shape[1] * 10, shape[0] * 10), "EPSG:32631", shape=shape)
    return Image(np.arange(np.prod(shape), dtype=dtype).reshape(shape), geobox, 0)


def test_array_must_fit_its_grid():
    with pytest.raises(ValueError, match=r"\(3, 5\).*\(7, 5\)"):
        Image(np.zeros((3, 5)), image().geobox)


def test_lazy_image_equals_its_kernels_applied_to_the_whole_array():
    source = image()
    lazy = source.map(lambda v, rows: v * 2).map(lambda v, rows: v + rows.start)
    expected = source.data.astype(np.float32) * 2
    np.testing.assert_array_equal(lazy.rows(0, 7), expected)
    np.testing.assert_array_equal(lazy.rows(3, 5), expected[3:5] + 3)


def test_kernels_may_work_in_place_without_touching_the_source():
    source = image(dtype=np.float32)
    before = source.data.copy()

    def wipe(values, rows):
        values[:] = -1
        return values

    assert (source.map(wipe).computed().data == -1).all()
    np.testing.assert_array_equal(source.data, before)


def test_what_is_in_memory_as_float32_is_not_computed_again():
    held = image(dtype=np.float32)
    assert held.computed() is held
    whole_numbers = image(dtype=np.uint16)
    computed = whole_numbers.computed()
    assert computed.dtype == np.float32
    np.testing.assert_array_equal(computed.data, whole_numbers.data)


def test_computing_with_threads_gives_the_same_as_without():
    source = image((500, 3000))
    lazy = source.map(lambda v, rows: np.sqrt(v))
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(lazy.computed(pool).data, lazy.rows(0, 500))


@given(st.integers(1, 3000), st.integers(1, 20000))
def test_strips_cover_every_row_once(height, width):
    rows = [r for s in strips((height, width)) for r in range(s.start, s.stop)]
    assert rows == list(range(height))


def test_error_in_a_strip_reaches_the_caller():
    def fail(rows):
        raise RuntimeError("bad strip")

    with ThreadPoolExecutor(2) as pool, pytest.raises(RuntimeError, match="bad strip"):
        for_each_strip(fail, (100, 100), pool)


def test_timer_adds_up_threads():
    timer = Timer()
    for _ in range(3):
        with timer:
            pass
    assert timer.seconds > 0
    spent = timer.seconds
    with timer:
        pass
    assert timer.seconds > spent


def test_releasing_a_lazy_image_releases_what_it_is_made_from():
    released = []

    class Held(Image):
        def release(self):
            released.append(self)

    source = image()
    held = Held(source.data, source.geobox)
    held.map(lambda v, rows: v).map(lambda v, rows: v).release()
    assert released == [held]
    source.release()  # an array in memory holds nothing
