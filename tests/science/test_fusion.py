"""Fusion against the worked examples of spec 06 sections 6.5 and 7 and against a literal evaluation of F and H."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from science.fusion_cases import checked, detail_rows, literal_fusion, literal_images, literal_mask, mask, scene

from sen2like.science import fusion
from sen2like.science.encode import encode
from sen2like.science.fusion import Detail, Fusion, relative_difference
from sen2like.science.resample import enlarge

RAMP = np.arange(1000, 1120, 10)
STEP = np.array([2000] * 5 + [3000] * 7)
EDGE = np.array([0] * 4 + [3000] * 8)

masks = st.lists(st.integers(0, 1), min_size=6, max_size=6)


def square(row):
    return np.repeat(np.asarray(row, np.uint16)[None], len(row), axis=0)


# section 6.5, one product -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "resolution", "expected"),
    [
        (RAMP, 10, [0.102, 0.101, 0.102, 0.103, *np.arange(0.104, 0.1085, 0.001), 0.109, 0.11, 0.109]),
        (STEP, 10, [0.2111, 0.2, 0.2111, 0.2222, 0.2333, 0.255533, 0.277767, 0.3, 0.3, 0.3, 0.3, 0.3]),
        (RAMP, 20, [0.100383, 0.10095, 0.10205, 0.10305, 0.104, 0.104967, 0.106033, 0.107]),
        (STEP, 20, [0.200083, 0.20005, 0.2, 0.2, 0.2392, 0.281567, 0.294233, 0.2987, 0.3]),
    ],
    ids=["ramp-10m", "step-10m", "ramp-20m", "step-20m"],
)
def test_low_pass_image_of_the_worked_examples(row, resolution, expected):
    dn = square(row)
    low = dn / 10000 - detail_rows(Detail.of_band(dn, resolution))
    np.testing.assert_allclose(low[5, : len(expected)], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("resolution", "expected"), [(10, [0, 0.06667, 0.03333, 0, 0]), (20, [0, 0, 0, 0.00015, 0.00025, 0.00005, 0])]
)
def test_detail_beside_no_data_is_protected_by_one_pixel(resolution, expected):
    row = detail_rows(Detail.of_band(square(EDGE), resolution))[5]
    np.testing.assert_allclose(row[4 : 4 + len(expected)], expected, atol=6e-6)
    np.testing.assert_array_equal(row[:4], 0)


def test_low_pass_image_of_the_product_itself_is_not_protected():
    dn, low = square(EDGE), np.full((4, 4), 2000, np.uint16)
    row = detail_rows(Detail(dn, low, protect=False))[5]
    np.testing.assert_allclose(row, [0] * 4 + [0.1] * 8, atol=1e-7)


def test_bright_targets_are_cut_in_the_low_pass_image_only():
    detail = Detail.of_band(np.full((12, 12), 12500, np.uint16), 10)
    np.testing.assert_allclose(detail_rows(detail), 0.25, atol=1e-6)


# section 6.5, two products ------------------------------------------------------------------------------------------------

EXAMPLE_DN = (square([3000] * 5 + [4000] * 7), square([3500] * 5 + [3800] * 7))
FIRST, SECOND, TARGET = date(2020, 6, 1), date(2020, 6, 11), date(2020, 6, 15)


@pytest.fixture
def example():
    """(Landsat, its data mask, details) of the two-product example."""
    valid = np.ones((2, 6, 6), np.uint8)
    valid[0, :, 0] = valid[:, 0] = valid[1, :, 5] = 0
    landsat = np.repeat(np.array([[0.15, 0.15, 0.25, 0.25]], np.float32), 4, axis=0)
    data = np.ones((4, 4), np.uint8)
    data[3, 3] = 0
    return landsat, data, [Detail.of_band(d, 10, valid=v) for d, v in zip(EXAMPLE_DN, valid, strict=True)]


def low_image(fused, f):
    """Row 2 of H, where that of F is `f`: what was added to Landsat is F - H."""
    landsat = enlarge(np.repeat(np.array([[0.15, 0.15, 0.25, 0.25]], np.float32), 4, axis=0), (12, 12))
    return f - (fused.rows(0, 12)[2] - landsat[2])


COMPOSITE = [0.146667, 0.15, 0.146667, 0.143333, 0.14, 0.196667, 0.223333, *[0.25] * 5]


def test_composition_of_the_example(example):
    code = Fusion(*example).composition(0, 12)
    np.testing.assert_array_equal(code[2], [4, 4, 6, 6, 6, 6, 6, 6, 6, 6, 2, 2])
    np.testing.assert_array_equal(code[:2], 0)
    assert code.dtype == np.uint8


def test_composite_of_the_example(example):
    fused = Fusion(*example)
    h = low_image(fused, np.array([0.35] * 5 + [0.38] * 5 + [0.40] * 2))
    expected = [0.353333, 0.35, 0.353333, 0.356667, 0.36, 0.366667, 0.373333, 0.38, 0.38, 0.38, 0.4, 0.4]
    np.testing.assert_allclose(h, expected, atol=2e-6)
    out = fused.rows(0, 12)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[2], COMPOSITE, atol=2e-6)
    np.testing.assert_allclose(out[0], [*[0.15] * 5, 0.183333, 0.216667, *[0.25] * 5], atol=2e-6)
    np.testing.assert_allclose(out[11], [*COMPOSITE[:9], 0, 0, 0], atol=2e-6)


def test_prediction_of_the_example(example):
    fused = Fusion(*example, w=fusion.extrapolation(FIRST, SECOND, TARGET))
    assert fused.w == pytest.approx(1.4, abs=1e-9)
    h = low_image(fused, np.array([0.35, 0.35, 0.37, 0.37, 0.37, *[0.372] * 5, 0.4, 0.4]))
    expected = [0.353333, 0.35, 0.370227, 0.370453, 0.37068, 0.37112, 0.37156, 0.372, 0.372, 0.372, 0.4, 0.4]
    np.testing.assert_allclose(h, expected, atol=2e-6)
    out = fused.rows(0, 12)
    expected = [0.146667, 0.15, 0.149773, 0.149547, 0.14932, 0.184213, 0.217107, *[0.25] * 5]
    np.testing.assert_allclose(out[2], expected, atol=2e-6)
    dn = encode(out[2:3], 10000, 1000)[0]
    # 2500 and 3500 lie on the edge of a DN: float32 may fall on either side
    np.testing.assert_allclose(dn[[0, 2, 3, 4, 5, 6]], [2466, 2497, 2495, 2493, 2842, 3171])
    np.testing.assert_allclose(dn[[1, 7]], [2500, 3500], atol=1)


def test_auto_check_of_the_example(example):
    landsat, data, details = example
    fused = Fusion(landsat, data, details, w=fusion.extrapolation(FIRST, SECOND, TARGET))
    check = checked(landsat, data, fused.rows(0, 12), 0.1)
    difference = relative_difference(landsat, data, fused.rows(0, 12))
    np.testing.assert_allclose(difference[1:3], [[0.00791, -0.07351, 0.04386, 0]] * 2, atol=6e-6)
    np.testing.assert_allclose(difference[3], [0.00791, -0.07351, 0.04386, np.nan], atol=6e-6)
    expected = np.ones((4, 4))
    expected[3, 3] = 0
    np.testing.assert_array_equal(check.agrees, expected)
    assert check.agrees.dtype == np.uint16
    assert check.statistics["agreeing"] == 100


# dates and weights --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "year"), [(date(2020, 1, 1), 2020.00273), (date(2020, 12, 31), 2021.0), (date(2021, 1, 1), 2021 + 1 / 365)]
)
def test_fractional_year(day, year):
    assert fusion.fractional_year(day) == pytest.approx(year, abs=3e-6)


@pytest.mark.parametrize(("days", "w"), [((1, 11, 15), 1.4), ((1, 6, 26), 5.0), ((1, 11, 11), 1.0), ((1, 11, 6), 0.5)])
def test_extrapolation_is_not_limited(days, w):
    assert fusion.extrapolation(*(date(2020, 7, day) for day in days)) == pytest.approx(w, abs=1e-9)


def test_two_products_of_one_date_have_no_trend():
    with pytest.raises(ValueError, match=r"2020-06-01.*composite"):
        fusion.extrapolation(FIRST, FIRST, TARGET)


LEVELS = (0.1, 0.2, 0.4, 0.8)


def fusion_of(usable, w=None):
    """Fusion of a black Landsat image with products that differ from their low-pass image by `LEVELS`; all rows are alike."""
    dark = np.zeros((2, 2), np.uint16)
    details = [
        Detail(np.full((6, 6), 10000 * level, np.uint16), dark, np.repeat(np.array([mask], np.uint8), 6, axis=0))
        for level, mask in zip(LEVELS, usable, strict=False)
    ]
    return Fusion(dark.astype(np.float32), np.ones((2, 2), np.uint8), details, w)


@given(st.lists(masks, min_size=1, max_size=4))
def test_composite_takes_the_newest_usable_product(usable):
    newest = [max((k for k, m in enumerate(usable) if m[pixel]), default=None) for pixel in range(6)]
    expected = [0 if k is None else LEVELS[k] for k in newest]
    np.testing.assert_allclose(fusion_of(usable).rows(0, 6), [expected] * 6, atol=1e-6)


@given(masks, masks, st.floats(-3, 6))
def test_predict_extrapolates_what_both_products_show(older, newer, w):
    values = {(1, 1): (1 - w) * 0.1 + w * 0.2, (0, 1): 0.2, (1, 0): 0.1, (0, 0): 0}
    expected = [values[pair] for pair in zip(older, newer, strict=True)]
    np.testing.assert_allclose(fusion_of([older, newer], w).rows(0, 6), [expected] * 6, atol=1e-6)


def test_compositions_of_more_products_than_bits_are_refused():
    assert fusion.composition([np.ones(1)] * 7)[0] == 254
    with pytest.raises(ValueError, match="1 to 7"):
        fusion.composition([np.ones(1)] * 8)


# identity -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("resolution", "ratio", "n"), [(10, 3, 90), (20, 1.5, 90), (10, 3, 6)])
@pytest.mark.parametrize("w", [None, 1.4, 5.0])
@pytest.mark.parametrize("zeros", [0, 0.02])
def test_detail_form_equals_the_direct_form(resolution, ratio, n, w, zeros):
    """Section 6.3; masks call pixels without data not clear, as genuine ones do."""
    low = round(n / ratio)
    dn = [scene((n, n), seed, zeros) for seed in (1, 2)]
    valid = [mask((n, n), seed) * (d != 0).astype(np.uint8) for seed, d in zip((3, 4), dn, strict=True)]
    landsat = np.random.default_rng(5).uniform(-0.05, 1.3, (low, low)).astype(np.float32)
    data = mask((low, low), 6, 0.95)
    fused = Fusion(landsat, data, [Detail.of_band(d, resolution, valid=v) for d, v in zip(dn, valid, strict=True)], w)
    out = fused.rows(0, n)
    np.testing.assert_allclose(out, literal_fusion(landsat, data, dn, valid, ratio, w), atol=1e-6 if w is None else 4e-6)
    np.testing.assert_array_equal(out[literal_mask(data, (n, n)) == 0], 0)


def test_composite_of_three_products_with_masks_of_20_m_on_10_m():
    dn = [scene((60, 60), seed) for seed in range(3)]
    valid = [mask((30, 30), seed, 0.4) for seed in range(3)]
    landsat, data = np.full((20, 20), 0.2, np.float32), np.ones((20, 20), np.uint8)
    fused = Fusion(landsat, data, [Detail.of_band(d, 10, valid=v) for d, v in zip(dn, valid, strict=True)])
    np.testing.assert_allclose(fused.rows(0, 60), literal_fusion(landsat, data, dn, valid, 3), atol=1e-6)


@pytest.mark.parametrize(("resolution", "n"), [(10, 99), (20, 99)])
def test_strips_are_the_whole_image_bit_for_bit(resolution, n):
    dn = [scene((n, n), seed, 0.01) for seed in (1, 2)]
    details = [Detail.of_band(d, resolution, valid=mask((n, n), s)) for s, d in enumerate(dn)]
    low = details[0].low_shape
    landsat = np.random.default_rng(5).uniform(0, 0.6, low).astype(np.float32)
    fused = Fusion(landsat, mask(low, 6, 0.9), details, w=1.4)
    whole = fused.rows(0, n)
    for height in (1, 7, 32):
        strips = np.concatenate([fused.rows(start, min(start + height, n)) for start in range(0, n, height)])
        np.testing.assert_array_equal(strips, whole)


@given(st.sampled_from([(10, 12), (20, 12)]), st.integers(0, 99))
def test_without_detail_the_result_is_landsat_enlarged(grid, seed):
    resolution, n = grid
    details = [Detail.of_band(np.full((n, n), level, np.uint16), resolution) for level in (2000, 3000)]
    low = details[0].low_shape
    landsat = np.random.default_rng(seed).uniform(-0.1, 0.9, low).astype(np.float32)
    for w in (None, 1.4):
        fused = Fusion(landsat, np.ones(low, np.uint8), details, w).rows(0, n)
        np.testing.assert_allclose(fused, enlarge(landsat, (n, n)), atol=1e-6)


def fields(n, seed, side=7):
    """Reflectance of fields `side` pixels wide at day 0, and its change per day (section 9: individual phenology)."""
    rng = np.random.default_rng(seed)
    of_field = [rng.uniform(0.05, 0.35, (n // side + 1,) * 2), rng.normal(0, 0.001, (n // side + 1,) * 2)]
    return [np.kron(values, np.ones((side, side)))[:n, :n] for values in of_field]


@pytest.mark.parametrize("ratio", [3, 1.5])
@pytest.mark.parametrize("predict", [False, True])
def test_fused_image_is_nearer_to_the_true_surface_than_landsat_enlarged(ratio, predict):
    """Experiment of section 9: products 14 and 4 days before, noise 0.003 and 0.002, pixels of Landsat as boxes."""
    n, rng = 420, np.random.default_rng(7)
    level, trend = fields(n, 11)
    dn = [np.rint((level + day * trend + rng.normal(0, 0.003, (n, n))) * 10000 + 1000).astype(np.uint16) for day in (-14, -4)]
    low = round(n / ratio)
    landsat = (fusion.area_mean(level.astype(np.float32), (low, low)) + rng.normal(0, 0.002, (low, low))).astype(np.float32)
    w = fusion.extrapolation(date(2021, 6, 1), date(2021, 6, 11), date(2021, 6, 15)) if predict else None
    fused = Fusion(landsat, np.ones((low, low), np.uint8), [Detail.of_band(d, 30 / ratio) for d in dn], w).rows(0, n)
    before, after = (np.sqrt(np.mean((image - level) ** 2)) for image in (enlarge(landsat, (n, n)), fused))
    assert after < 0.5 * before


# no data ------------------------------------------------------------------------------------------------------------------


def test_unknown_landsat_pixels_are_no_data_and_do_not_spread():
    landsat = np.full((6, 6), 0.3, np.float32)
    landsat[2, 3] = np.nan
    before = landsat.copy()
    for nodata in (0.0, np.nan):
        fused = Fusion(landsat, np.ones((6, 6), np.uint8), [Detail.of_band(scene((18, 18), 1), 10)], nodata=nodata)
        out = fused.rows(0, 18)
        np.testing.assert_array_equal(out[6:9, 9:12], nodata)
        out[6:9, 9:12] = 1
        assert np.isfinite(out).all() and (out != 0).all()
    np.testing.assert_array_equal(landsat, before)


def test_a_product_is_not_used_where_its_band_has_no_data_though_its_mask_says_clear():
    older, newer = np.full((12, 12), 2000, np.uint16), np.full((12, 12), 3000, np.uint16)
    older[5, 5], newer[4:7, 4:7] = 3000, 0
    fused = Fusion(np.full((4, 4), 0.2, np.float32), np.ones((4, 4), np.uint8), [Detail.of_band(d, 10) for d in (older, newer)])
    out = fused.rows(0, 12)
    f, h = literal_images(older, 3)
    np.testing.assert_allclose(out[4:7, 4:7], (0.2 + f - h)[4:7, 4:7], atol=1e-6)
    assert out.min() > 0


def test_pixels_no_product_sees_are_landsat_enlarged():
    details = [Detail.of_band(scene((12, 12), s), 10, valid=np.zeros((6, 6), np.uint8)) for s in (1, 2)]
    landsat = np.random.default_rng(1).random((4, 4), np.float32)
    for w in (None, 1.4):
        fused = Fusion(landsat, np.ones((4, 4), np.uint8), details, w)
        np.testing.assert_allclose(fused.rows(0, 12), enlarge(landsat, (12, 12)), atol=1e-6)


# bad input ----------------------------------------------------------------------------------------------------------------


def test_details_refuse_what_holds_no_detail():
    with pytest.raises(ValueError, match="uint16"):
        Detail.of_band(np.zeros((6, 6), np.int16), 10)
    with pytest.raises(ValueError, match="hold no detail"):
        Detail.of_band(np.zeros((6, 6), np.uint16), 30)
    with pytest.raises(ValueError, match="low-pass"):
        Detail(np.zeros((6, 6), np.uint16), np.zeros((9, 9), np.uint16))


@pytest.mark.parametrize(
    ("landsat", "sides", "w", "words"),
    [
        (4, (), None, "at least one"),
        (4, (12, 15), None, "differ in shape"),
        (5, (12,), None, "not on the grid"),
        (4, (12,), 1.4, "two past products, not 1"),
        (4, (12, 12, 12), 1.4, "two past products, not 3"),
        (4, (12, 12), float("nan"), "finite"),
    ],
)
def test_fusion_refuses_what_does_not_fit(landsat, sides, w, words):
    details = [Detail.of_band(scene((n, n), 1), 10) for n in sides]
    with pytest.raises(ValueError, match=words):
        Fusion(np.zeros((landsat, landsat), np.float32), np.ones((landsat, landsat), np.uint8), details, w)
