"""Resampling rules against the checks and worked examples of specs 05, 06, 09 and 10, and against the rules written out."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from sen2like.science import resample
from sen2like.science.coarse_field import CoarseField
from sen2like.science.resample import enlarge, mask_rows, to_resolution

RAMP = np.arange(1000, 1120, 10, dtype=np.uint16)
STEP = np.array([2000] * 5 + [3000] * 7, np.uint16)
sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))


def square(row):
    """An image whose rows are all `row`."""
    return np.repeat(np.asarray(row)[None], len(row), axis=0)


def mirrored(index, n):
    """The pixel that stands for one outside: ... 2 1 | 0 1 ... n-1 | n-2 ..."""
    while not 0 <= index < n:
        index = -index if index < 0 else 2 * (n - 1) - index
        if n == 1:
            return 0
    return index


def random_mask(shape, seed, zeros=0.02):
    return (np.random.default_rng(seed).random(shape) >= zeros).astype(np.uint8)


# enlarge -----------------------------------------------------------------------------------------------------------------


def test_enlarging_squares_gives_the_check_values_of_the_spec():
    squares = np.repeat(np.arange(23.0)[None] ** 2, 23, axis=0)
    across = enlarge(squares, (23, 1098), dtype=np.float64)[7]
    expected = [0.48952641, 0.46857923, 0.44763206, 462.9503643]
    assert across[[0, 1, 2, 1097]] == pytest.approx(expected, abs=1e-7)
    down = enlarge(squares.T, (1098, 23), dtype=np.float64)[:, 7]
    np.testing.assert_allclose(down, across, rtol=1e-14)


def test_nearest_enlargement_takes_the_pixel_under_the_centre():
    np.testing.assert_array_equal(enlarge(np.arange(4)[None], (1, 6), order=0), [[0, 1, 1, 2, 3, 3]])


@pytest.mark.parametrize("order", [0, 1, 3])
def test_strips_leave_no_seams(order, monkeypatch):
    values = np.random.default_rng(1).random((90, 31))
    whole = enlarge(values, (200, 45), order, np.float64)
    monkeypatch.setattr(resample, "WORK_BYTES", 1)
    np.testing.assert_allclose(enlarge(values, (200, 45), order, np.float64), whole, atol=1e-11)


@given(sizes, sizes, st.sampled_from([0, 1, 3]), st.integers(0, 99))
def test_enlarged_values_stay_within_the_input(shape_in, shape_out, order, seed):
    values = np.random.default_rng(seed).random(shape_in, np.float32)
    result = enlarge(values, shape_out, order)
    assert result.shape == shape_out and result.dtype == np.float32
    assert values.min() - 1e-6 <= result.min() and result.max() <= values.max() + 1e-6


def test_unknown_order_and_empty_input_are_refused():
    with pytest.raises(ValueError, match="order 2"):
        enlarge(np.ones((3, 3)), (6, 6), 2)
    with pytest.raises(ValueError, match="shape"):
        enlarge(np.ones((0, 3)), (6, 6))


# to_resolution -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "resolution", "expected"),
    [
        (RAMP, 10, [1010, 1040, 1070, 1100]),
        (STEP, 10, [2000, 2333, 3000, 3000]),
        (RAMP, 20, [1001, 1018, 1033, 1047, 1063, 1077, 1092, 1109]),
        (STEP, 20, [2001, 2000, 2000, 2784, 2974, 3000, 3000, 3000]),
    ],
)
def test_worked_examples_of_resampling_to_30_m(row, resolution, expected):
    np.testing.assert_array_equal(to_resolution(square(row), resolution, 30), square(expected))


@pytest.mark.parametrize(
    ("row", "resolution", "expected"),
    [
        (STEP, 10, [0.2111, 0.2, 0.2111, 0.2222, 0.2333, 0.255533, 0.277767, 0.3, 0.3, 0.3, 0.3, 0.3]),
        (RAMP, 20, [0.100383, 0.10095, 0.10205, 0.10305, 0.104, 0.104967, 0.106033, 0.107]),
    ],
)
def test_worked_examples_of_the_low_pass_image(row, resolution, expected):
    low = to_resolution(square(row), resolution, 30).astype(np.float32) / 10000
    high = CoarseField(low, (12, 12)).rows(0, 12)[5]
    assert high[: len(expected)] == pytest.approx(expected, abs=1e-6)


def test_means_of_blocks_are_rounded_half_up():
    assert to_resolution(np.array([[1, 2], [2, 1]], np.uint16), 10, 20)[0, 0] == 2
    nine = np.zeros((3, 3), np.uint16)
    nine.flat[:] = [2, 2, 2, 2, 2, 1, 1, 1, 1]
    assert to_resolution(nine, 10, 30)[0, 0] == 2


def test_blocks_cut_by_the_edge_are_completed_with_zeros():
    np.testing.assert_array_equal(to_resolution(np.full((4, 4), 900, np.uint16), 10, 30), [[900, 300], [300, 100]])


def test_bright_blocks_do_not_overflow():
    np.testing.assert_array_equal(to_resolution(np.full((12, 12), 65535, np.uint16), 10, 60), 65535)


def brute_spline(dn, factor, n_out):
    """The second rule of spec 05 section 3 item 4 written out in one dimension: solve for the spline, then sample it."""
    n = len(dn)
    values = dn.astype(np.float64)
    sigma = max(0.0, (factor - 1) / 2)
    reach = int(4 * sigma + 0.5)
    if sigma:
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        weights /= weights.sum()
        values = np.array([sum(w * values[mirrored(i + d - reach, n)] for d, w in enumerate(weights)) for i in range(n)])
    system = np.zeros((n, n))
    for i in range(n):
        for shift, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
            system[i, mirrored(i + shift, n)] += weight
    spline = np.linalg.solve(system, values)

    def cubic(t):
        t = abs(t)
        return 2 / 3 - t**2 + t**3 / 2 if t < 1 else (2 - t) ** 3 / 6 if t < 2 else 0.0

    result = []
    for i in range(n_out):
        x = (i + 0.5) * factor - 0.5
        base = int(np.floor(x))
        result.append(sum(spline[mirrored(k, n)] * cubic(x - k) for k in range(base - 1, base + 3)))
    return np.rint(np.clip(result, dn.min(), dn.max()))


@pytest.mark.parametrize(("res_in", "res_out"), [(20, 30), (60, 30), (30, 10), (30, 20), (10, 15), (20, 50)])
def test_spline_rule_written_out(res_in, res_out):
    dn = np.random.default_rng(3).integers(0, 12000, 60).astype(np.uint16)
    result = to_resolution(square(dn), res_in, res_out)
    n_out = 60 * res_in // res_out
    assert result.shape == (n_out, n_out)
    np.testing.assert_array_equal(result[n_out // 2], brute_spline(dn, res_out / res_in, n_out))


def test_threads_and_strips_change_nothing(monkeypatch):
    dn = np.random.default_rng(4).integers(0, 12000, (120, 120)).astype(np.uint16)
    whole = [to_resolution(dn, 20, res) for res in (30, 60)]
    monkeypatch.setattr(resample, "WORK_BYTES", 1)
    with ThreadPoolExecutor(2) as pool:
        for expected, res in zip(whole, (30, 60), strict=True):
            np.testing.assert_array_equal(to_resolution(dn, 20, res, pool), expected)


def test_fractions_of_dn_are_cut_off_first():
    np.testing.assert_array_equal(to_resolution(np.full((4, 4), 7.9, np.float32), 10, 20), 7)


@pytest.mark.parametrize("bad", [np.nan, -5.0, 70000.0])
def test_dn_that_do_not_fit_are_refused(bad):
    with pytest.raises(ValueError, match="do not fit"):
        to_resolution(np.array([[1.0, bad]], np.float32), 10, 20)


def test_pixel_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="pixel sizes"):
        to_resolution(RAMP[None], 10, 0)


# mask_rows ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_in", "n_out", "rule"),
    [
        (60, 120, lambda j: j // 2),
        (60, 180, lambda j: j // 3),
        (60, 90, lambda j: 2 * (j // 3) + (0, 1, 1)[j % 3]),
    ],
    ids=["20 to 10 and 30 to 15", "30 to 10", "30 to 20"],
)
def test_masks_grow_by_the_rules_of_the_table(n_in, n_out, rule):
    mask = random_mask((n_in, n_in), 5, zeros=0.5)
    index = np.array([rule(j) for j in range(n_out)])
    np.testing.assert_array_equal(mask_rows(mask, (n_out, n_out), 0, n_out), mask[np.ix_(index, index)])


@pytest.mark.parametrize("times", range(2, 9))
@pytest.mark.parametrize("n_in", [1, 49, 915, 1830, 3660, 5490])
def test_mask_pixels_are_repeated_exactly_at_any_size(n_in, times):
    """OpenCV finds positions in floating point, which goes wrong for some sizes beyond the limit."""
    row = (np.arange(n_in) % 251).astype(np.uint8)
    for mask in (row[None], row[:, None]):
        shape = tuple(n * times for n in mask.shape)
        np.testing.assert_array_equal(mask_rows(mask, shape, 0, shape[0]), mask.repeat(times, 0).repeat(times, 1))


@pytest.mark.parametrize("seed", range(3))
def test_masks_shrink_to_60_m_by_the_rule_of_the_table(seed):
    mask = random_mask((60, 60), seed)
    expected = np.ones((20, 20), np.uint8)
    for jy in range(20):
        for jx in range(20):
            window = [
                mask[mirrored(3 * jy + 1 + dy, 60), mirrored(3 * jx + 1 + dx, 60)] for dy in range(-4, 5) for dx in range(-4, 5)
            ]
            expected[jy, jx] = min(window)
    np.testing.assert_array_equal(mask_rows(mask, (20, 20), 0, 20), expected)


@pytest.mark.parametrize(
    ("shape_in", "shape_out"), [((60, 60), (20, 20)), ((50, 33), (20, 11)), ((40, 30), (80, 7)), ((9, 9), (8, 8))]
)
def test_masks_shrink_as_a_gaussian_cut_to_whole_numbers(shape_in, shape_out):
    """Where the rule of the table comes from (specs 06 section 5, 10 section 5), for any ratio and mixed directions."""
    mask = random_mask(shape_in, 6)
    sigma = [max(0.0, (n_in / n_out - 1) / 2) for n_in, n_out in zip(shape_in, shape_out, strict=True)]
    smooth = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="mirror")
    rows, columns = (
        np.floor((np.arange(n_out) + 0.5) * n_in / n_out).astype(int) for n_in, n_out in zip(shape_in, shape_out, strict=True)
    )
    # 1e-12 stands for the rounding of a sum of weights that is 1
    expected = np.floor(smooth[np.ix_(rows, columns)] + 1e-12)
    np.testing.assert_array_equal(mask_rows(mask, shape_out, 0, shape_out[0]), expected)


def test_single_hole_becomes_nine_pixels_of_60_m_and_one_by_the_nearest_rule():
    mask = np.ones((60, 60), np.uint8)
    mask[31, 31] = 0
    assert (mask_rows(mask, (20, 20), 0, 20) == 0).sum() == 9
    assert (mask_rows(mask, (20, 20), 0, 20, "nearest") == 0).sum() == 1


def test_nearest_rule_keeps_a_300_m_border():
    mask = np.ones((60, 60), np.uint8)
    mask[:, :15] = 0
    assert (mask_rows(mask, (20, 20), 0, 1) == 0).sum() == 6
    assert (mask_rows(mask, (20, 20), 0, 1, "nearest") == 0).sum() == 5


@given(sizes, sizes, st.integers(0, 99), st.sampled_from(["reference", "nearest"]), st.data())
def test_rows_of_a_mask_are_those_of_the_whole(shape_in, shape_out, seed, rule, data):
    mask = random_mask(shape_in, seed, zeros=0.1)
    whole = mask_rows(mask, shape_out, 0, shape_out[0], rule)
    assert whole.shape == shape_out and whole.dtype == np.uint8
    start = data.draw(st.integers(0, shape_out[0] - 1))
    stop = data.draw(st.integers(start + 1, shape_out[0]))
    np.testing.assert_array_equal(mask_rows(mask, shape_out, start, stop, rule), whole[start:stop])


@given(sizes, sizes)
def test_masks_without_holes_stay_without(shape_in, shape_out):
    assert mask_rows(np.ones(shape_in, np.uint8), shape_out, 0, shape_out[0]).all()
    assert not mask_rows(np.zeros(shape_in, np.uint8), shape_out, 0, shape_out[0]).any()


def test_mask_of_the_right_size_is_not_copied():
    mask = random_mask((6, 6), 0)
    assert mask_rows(mask, (6, 6), 2, 5).base is mask


def test_unknown_mask_rule_is_refused():
    with pytest.raises(ValueError, match="'mode' is unknown"):
        mask_rows(np.ones((6, 6), np.uint8), (2, 2), 0, 2, "mode")
