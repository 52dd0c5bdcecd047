"""The automatic check of a fused image against means by area worked out from their definition (spec 06 section 7)."""

import numpy as np
import pytest
from science.fusion_cases import checked, mask

from sen2like.science.fusion import AutoCheck, relative_difference


def literal_area_mean(fine, n):
    """Overlap of every fine with every coarse pixel, from the definition."""
    edges, width = np.arange(fine.shape[0]) * n / fine.shape[0], n / fine.shape[0]
    low, high = np.maximum(edges, np.arange(n)[:, None]), np.minimum(edges + width, np.arange(n)[:, None] + 1)
    weights = np.maximum(high - low, 0)
    return weights @ fine @ weights.T


@pytest.mark.parametrize(("n", "fine"), [(20, 60), (200, 600), (20, 30), (200, 300), (201, 300), (7, 7)])
@pytest.mark.parametrize("groups", [None, 1, 3])
def test_check_compares_means_by_area_at_any_ratio(n, fine, groups):
    rng = np.random.default_rng(n)
    fused = rng.uniform(0.05, 1.4, (fine, fine)).astype(np.float32)
    landsat = rng.uniform(-0.1, 1.7, (n, n)).astype(np.float32)
    data = mask((n, n), 1, 0.9)
    multiple = AutoCheck(landsat, data, fused.shape, 0.1).rows_multiple
    check = checked(landsat, data, fused, 0.1, groups and groups * multiple)
    before = np.clip(landsat.astype(float), 0.0001, 1.5)
    expected = (before - np.clip(np.clip(literal_area_mean(fused, n), -1, 1), 0.0001, 1.5)) / before
    expected[data == 0] = np.nan
    np.testing.assert_allclose(relative_difference(landsat, data, fused), expected, rtol=2e-4, atol=2e-6)
    figures = {"max": np.nanmax(expected), "mean": np.nanmean(expected), "std": np.nanstd(expected), "min": np.nanmin(expected)}
    assert {name: check.statistics[name] for name in figures} == pytest.approx(figures, rel=2e-4, abs=2e-6)
    clear_cut = ~(np.abs(np.abs(expected) - 0.1) < 1e-5)
    np.testing.assert_array_equal(check.agrees[clear_cut], (np.abs(expected) < 0.1)[clear_cut])
    np.testing.assert_array_equal(check.agrees[data == 0], 0)


def test_check_leaves_pixels_without_data_out_of_the_means():
    fused = np.full((6, 6), 0.2, np.float32)
    fused[:, :3] = np.nan
    given = np.full((4, 4), 0.2, np.float32), np.ones((4, 4), np.uint8), fused
    check, difference = checked(*given, 0.1), relative_difference(*given)
    np.testing.assert_allclose(difference[:, 2:], 0, atol=1e-6)
    assert np.isnan(difference[:, :2]).all()
    assert check.statistics["agreeing"] == 100


def test_statistics_of_the_check():
    fused = np.array([[0.2, 0.19], [0.16, np.nan]], np.float32)
    check = checked(np.full((2, 2), 0.2, np.float32), np.ones((2, 2), np.uint8), fused, 0.1)
    std = np.std([0, 0.05, 0.2])
    expected = {"max": 0.2, "mean": 0.25 / 3, "std": std, "min": 0.0, "agreeing": 200 / 3}
    assert check.statistics == pytest.approx(expected, abs=1e-6)


def test_check_without_any_data_has_no_statistics():
    nothing = np.zeros((4, 4), np.uint8)
    check = checked(np.full((4, 4), 0.2, np.float32), nothing, np.zeros((6, 6), np.float32), 0.1)
    assert not check.agrees.any()
    assert all(np.isnan(v) for v in check.statistics.values())


def test_check_refuses_shapes_that_do_not_fit():
    rho = np.full((4, 4), 0.2, np.float32)
    with pytest.raises(ValueError, match="mask"):
        AutoCheck(rho, np.ones((6, 6), np.uint8), (4, 4), 0.1)
    with pytest.raises(ValueError, match="coarser"):
        AutoCheck(rho, np.ones((4, 4), np.uint8), (2, 2), 0.1)


def test_check_of_rows_that_nobody_asked_for_has_no_result():
    fused = np.full((12, 12), 0.2, np.float32)
    check = AutoCheck(np.full((4, 4), 0.2, np.float32), np.ones((4, 4), np.uint8), fused.shape, 0.1)
    for start, stop in ((0, 3), (3, 8), (8, 12)):  # rows 6 to 8 lie in two strips
        check.add(start, fused[start:stop])
    assert check.result() is None
    check.add(6, fused[6:9])
    assert check.result().agrees.all()
