"""Means of blocks are GDAL's AVERAGE overviews; sums are whole numbers."""

from itertools import pairwise

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.enums import Resampling

from sen2like.science.means import block_means, block_modes, block_sums

OVERVIEWS = [(360, (2, 6, 12, 36)), (216, (3, 6, 18)), (240, (2, 4, 12)), (384, (2, 4, 8, 24)), (180, (2, 6))]


def direct(dn, factor):
    """Each block on its own, in whole numbers."""
    out = np.zeros([-(-n // factor) for n in dn.shape], np.uint16)
    for y, x in np.ndindex(out.shape):
        known = [int(v) for v in dn[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor].ravel() if v]
        if known:
            out[y, x] = (2 * sum(known) + len(known)) // (2 * len(known))
    return out


@pytest.mark.parametrize("missing", [0, 0.3, 0.97])
@pytest.mark.parametrize(("size", "factors"), OVERVIEWS)
def test_means_are_the_overviews_of_gdal(tmp_path, size, factors, missing):
    rng = np.random.default_rng(size)
    dn = rng.integers(1, 65536, (size, size)).astype(np.uint16)
    dn[rng.random(dn.shape) < missing] = 0
    dn[: size // 3, : size // 2] = 0
    shape = {"height": size, "width": size, "count": 1}
    with rasterio.open(tmp_path / "dn.tif", "w", driver="GTiff", dtype="uint16", nodata=0, **shape) as out:
        out.write(dn, 1)
    means = block_means(dn, factors)
    for factor in factors:  # one at a time: from the image, not from the overview before
        with rasterio.open(tmp_path / "dn.tif", "r+") as file:
            file.build_overviews([factor], Resampling.average)
        with rasterio.open(tmp_path / "dn.tif", overview_level=file_level(tmp_path / "dn.tif", factor)) as source:
            np.testing.assert_array_equal(means[factor], source.read(1))


@pytest.mark.parametrize("share", [0, 0.5, 0.8, 1])
@pytest.mark.parametrize(("size", "factors"), OVERVIEWS)
def test_modes_are_the_overviews_of_gdal(tmp_path, size, factors, share):
    """Of several overviews, GDAL makes each from the one before."""
    modes = (np.random.default_rng(size).random((size, size)) < share).astype(np.uint8)
    shape = {"height": size, "width": size, "count": 1}
    with rasterio.open(tmp_path / "mask.tif", "w", driver="GTiff", dtype="uint8", **shape) as out:
        out.write(modes, 1)
        out.build_overviews(factors, Resampling.mode)
    for level, (before, factor) in enumerate(pairwise((1, *factors))):
        modes = block_modes(modes, factor // before)
        with rasterio.open(tmp_path / "mask.tif", overview_level=level) as source:
            np.testing.assert_array_equal(modes, source.read(1))


def test_blocks_that_an_edge_cuts_have_no_mode():
    with pytest.raises(ValueError, match=r"\(7, 6\) has no whole blocks of 2 x 2"):
        block_modes(np.ones((7, 6), np.uint8), 2)


def file_level(path, factor):
    with rasterio.open(path) as source:
        return source.overviews(1).index(factor)


SIDES, VALUES = st.integers(1, 23), st.sampled_from([0, 1, 2, 7, 65534, 65535])


@given(
    hnp.arrays(np.uint16, st.tuples(SIDES, SIDES), elements=VALUES),
    st.lists(st.integers(2, 9), min_size=1, max_size=4),
)
def test_blocks_that_the_edge_cuts_are_means_of_what_they_have(dn, factors):
    for factor, mean in block_means(dn, factors).items():
        np.testing.assert_array_equal(mean, direct(dn, factor))


def test_strips_join(monkeypatch):
    dn = np.random.default_rng(5).integers(0, 9, (1000, 700)).astype(np.uint16)
    whole = block_means(dn, (2, 6, 12))
    monkeypatch.setattr("sen2like.science.means.STRIP_BYTES", 1)
    for factor, mean in block_means(dn, (2, 6, 12)).items():
        np.testing.assert_array_equal(mean, whole[factor])


@pytest.mark.parametrize("factors", [(512,), (2, 512), (36, 360)])
def test_the_brightest_large_blocks_do_not_overflow(factors):
    dn = np.full((700, 700), 65535, np.uint16)
    for mean in block_means(dn, factors).values():
        assert (mean == 65535).all()


def test_sums():
    values = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert block_sums(values, 2).tolist() == [[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9, 10 + 11]]
    assert block_sums(np.full((300, 300), 65535, np.uint16), 300).tolist() == [[65535 * 90000]]


def test_no_factors_no_means():
    assert block_means(np.ones((3, 3), np.uint16), ()) == {}


@pytest.mark.parametrize("bad", [np.ones((3, 3), np.float32), np.ones(3, np.uint16), np.ones((0, 3), np.uint16)])
def test_anything_but_an_image_is_refused(bad):
    with pytest.raises(ValueError, match="uint16 in rows and columns"):
        block_means(bad, (2,))
