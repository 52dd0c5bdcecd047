"""Matching against OpenCV run literally as spec 05 section 7 says, known shifts, and the figures of sections 9 and 12."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import ndimage, stats

from sen2like.science import corners as corner_module
from sen2like.science.corners import Features, feature_image
from sen2like.science.klt import CORRELATION_COLUMNS, Matches, accept, coarse_shift, coregistration_quality, match

LAPLACIAN = np.array([[2, 4, 4, 4, 2], [4, 0, -8, 0, 4], [4, -8, -24, -8, 4], [4, 0, -8, 0, 4], [2, 4, 4, 4, 2]], float)


def fields(shape, seed=0) -> np.ndarray:
    """Farmland: smooth-edged fields of random reflectance with texture, DN as float64."""
    rng = np.random.default_rng(seed)
    points = rng.random((max(8, shape[0] * shape[1] // 600), 2)) * shape
    canvas = np.ones(shape, np.uint8)
    canvas[tuple(points.astype(int).T)] = 0
    label = ndimage.distance_transform_edt(canvas, return_distances=False, return_indices=True)
    level = rng.integers(300, 4000, shape)[tuple(label)].astype(float)
    return np.clip(ndimage.gaussian_filter(level, 0.9) + ndimage.gaussian_filter(rng.normal(0, 60, shape), 1), 1, 20000)


def moved(scene, dy, dx) -> np.ndarray:
    """`scene` displaced by (dy, dx) pixels to the south and east, exactly (Fourier), mirrored so that it is periodic."""
    double = np.pad(scene, [(0, n) for n in scene.shape], "symmetric")
    return np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(double), (dy, dx))).real[: scene.shape[0], : scene.shape[1]]


def as_dn(scene) -> np.ndarray:
    return np.clip(np.rint(scene), 1, 65535).astype(np.uint16)


def all_of(image) -> np.ndarray:
    return np.ones(image.shape, np.uint8)


def opencv_corners(features, mask, limit=20000):
    found = cv2.goodFeaturesToTrack(features, limit, 0.1, 10, mask=mask, blockSize=15)
    return np.empty((0, 2), np.float32) if found is None else found[:, 0]


def opencv_matches(reference, image, mask):
    """Section 7 up to the back-match: (points of the reference, displacement), pixels."""
    first, second = (cv2.Laplacian(dn, cv2.CV_8U, ksize=5) for dn in (reference, image))
    start = opencv_corners(first, mask)
    options = {"winSize": (25, 25), "maxLevel": 1, "criteria": (3, 30, 0.03)}
    there = cv2.calcOpticalFlowPyrLK(first, second, start, None, **options)[0]
    back = cv2.calcOpticalFlowPyrLK(second, first, there, None, **options)[0]
    kept = np.abs(start - back).max(axis=1) < 0.01
    return start[kept], (there - start)[kept]


def points(dx, dy, x0=None, y0=None, total=None, resolution=10.0) -> Matches:
    dx, dy = np.array(dx, np.float32), np.array(dy, np.float32)
    place = np.arange(len(dx), dtype=np.float32)
    return Matches(place if x0 is None else x0, place if y0 is None else y0, dx, dy, total or len(dx), resolution)


def spread_points(n=100, dx=0.0, dy=0.0, noise=0.5) -> Matches:
    rng = np.random.default_rng(0)
    x0, y0 = rng.uniform(0, 1000, (2, n)).astype(np.float32)
    return points(dx + rng.normal(0, noise, n), dy + rng.normal(0, noise, n), x0, y0)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_feature_image_is_the_laplacian_of_the_spec(dtype):
    dn = np.random.default_rng(0).integers(990, 1010, (300, 45)).astype(dtype)
    expected = ndimage.correlate(dn.astype(float), LAPLACIAN, mode="mirror")
    np.testing.assert_array_equal(feature_image(dn), np.clip(expected, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape, seed", [((420, 560), 1), ((700, 300), 2), ((129, 128), 3), ((90, 400), 4)])
@pytest.mark.parametrize("masked", ["nothing", "a block", "clouds", "nearly all"])
def test_corners_are_those_of_opencv(shape, seed, masked):
    rng = np.random.default_rng(seed)
    dn, mask = as_dn(fields(shape, seed)), np.ones(shape, np.uint8)
    if masked == "a block":
        mask[shape[0] // 4 : shape[0] // 2, shape[1] // 5 :] = 0
    elif masked == "clouds":
        mask[ndimage.gaussian_filter(rng.normal(size=shape), 8) > 0.02] = 0
    elif masked == "nearly all":
        mask[:] = 0
        mask[shape[0] // 2 : shape[0] // 2 + 12, 20:60] = 1
    features = Features(dn)
    np.testing.assert_array_equal(features.corners(mask), opencv_corners(features.image, mask))


@pytest.mark.parametrize("period", [1, 10, 30])
def test_corners_of_equal_strength_come_in_the_order_of_opencv(period):
    tile = np.random.default_rng(period).integers(1, 3000, (30 // period, 30 // period)).astype(np.uint16)
    dn = np.tile(np.kron(tile, np.ones((period, period), np.uint16)), (12, 9))
    features, mask = Features(dn), all_of(dn)
    np.testing.assert_array_equal(features.corners(mask), opencv_corners(features.image, mask))


def test_only_the_strongest_corners_are_kept(monkeypatch):
    monkeypatch.setattr(corner_module, "MAX_CORNERS", 57)
    dn = as_dn(fields((300, 300)))
    features, mask = Features(dn), all_of(dn)
    found = features.corners(mask)
    assert len(found) == 57
    np.testing.assert_array_equal(found, opencv_corners(features.image, mask, 57))


def test_features_serve_one_mask_after_another():
    dn = as_dn(fields((300, 400)))
    features = Features(dn)
    features.corners(all_of(dn))
    half = all_of(dn)
    half[:, 190:] = 0
    np.testing.assert_array_equal(features.corners(half), opencv_corners(features.image, half))


def test_threads_change_nothing():
    scene = fields((500, 300))
    reference, image = as_dn(scene), as_dn(moved(scene, 1.3, -0.4))
    alone = match(reference, image, all_of(image), 10.0)
    with ThreadPoolExecutor(2) as pool:
        together = match(reference, image, all_of(image), 10.0, pool=pool)
    np.testing.assert_array_equal(alone.dx, together.dx)


def test_an_image_given_row_by_row_is_matched_like_an_array():
    class Band:
        def __init__(self, data):
            self.data, self.shape = data, data.shape

        def rows(self, start, stop):
            return self.data[start:stop].copy()

    scene = fields((300, 260))
    reference, image = as_dn(scene), moved(scene, 1.3, -0.4).astype(np.float32)
    whole = match(reference, image, all_of(image), 10.0, coarse=False)
    by_rows = match(reference, Band(image), all_of(image), 10.0, coarse=False)
    np.testing.assert_array_equal(whole.dx, by_rows.dx)


@pytest.mark.parametrize(("coarse", "shape"), [(False, (400, 400)), (True, (400, 400)), (False, (9500, 150))])
def test_points_are_those_of_opencv(coarse, shape):
    """In high images, too: positions are float32 numbers of the whole image, whose last digit decides which points stay."""
    scene = fields(shape)
    reference, image = as_dn(scene), moved(scene, 0.4, -2.3).astype(np.float32)
    start, shift = opencv_matches(reference, image, all_of(image))
    found = match(reference, image, all_of(image), 30.0, coarse=coarse)
    assert found.total == len(start)
    by_place = {tuple(p): s * np.float32(30) for p, s in zip(start, shift, strict=True)}
    for x0, y0, dx, dy in zip(found.x0, found.y0, found.dx, found.dy, strict=True):
        np.testing.assert_allclose((dx, dy), by_place[x0, y0], atol=1e-4)


@pytest.mark.parametrize("dy, dx", [(0, 0), (0.5, 0), (-0.3, 0.1), (2.25, -1.5), (-5, 3.3), (4, 4.4)])
def test_a_shift_within_six_pixels_is_found_to_0_03_pixel(dy, dx):
    scene = fields((500, 500), 7)
    noise = np.random.default_rng(1).normal(0, 8, scene.shape)
    image = (0.93 * moved(scene, dy, dx) + noise).astype(np.float32)
    found = match(as_dn(scene), image, all_of(image), 30.0)
    np.testing.assert_allclose(np.divide(found.shift, 30), (dx, dy), atol=0.03)
    assert accept(found, image.shape, max_shift=200) is None


@pytest.mark.parametrize("dy, dx", [(15, 0), (-24, 32)])
def test_a_large_shift_is_found_from_the_coarse_one_and_rejected_by_the_limit(dy, dx):
    scene = fields((600, 600), 2)
    image = as_dn(moved(scene, dy, dx))
    found = match(as_dn(scene), image, all_of(image), 30.0)
    np.testing.assert_allclose(np.divide(found.shift, 30), (dx, dy), atol=0.03)
    assert accept(found, image.shape, max_shift=1500) is None
    assert "above the limit of 150 m" in accept(found, image.shape)


def test_the_coarse_shift_says_nothing_about_unrelated_images():
    first, second = as_dn(fields((600, 600), 1)), as_dn(fields((600, 600), 2))
    assert coarse_shift(Features(first), second, all_of(second)) is None


def test_the_coarse_shift_ignores_masked_clouds():
    scene = fields((700, 700), 5)
    image, mask = moved(scene, 12, -9), all_of(scene)
    cloud = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=scene.shape), 25) > 0.005
    image[cloud], mask[cloud] = 9000, 0
    dx, dy = coarse_shift(Features(as_dn(scene)), as_dn(image), mask)
    assert (dx, dy) == pytest.approx((-9, 12), abs=0.5)


def test_unrelated_images_are_not_accepted():
    first, second = as_dn(fields((500, 500), 1)), as_dn(fields((500, 500), 2))
    assert "30 are needed" in accept(match(first, second, all_of(second), 10.0), first.shape)


def test_a_flat_image_has_no_points_and_no_shift():
    flat = np.full((100, 100), 1000, np.uint16)
    found = match(flat, flat, all_of(flat), 10.0)
    assert (len(found), found.total, found.shift) == (0, 0, (0.0, 0.0))
    assert "0 points" in accept(found, flat.shape)


def test_nothing_is_matched_where_the_mask_allows_nothing():
    dn = as_dn(fields((120, 120)))
    assert match(dn, dn, np.zeros(dn.shape, np.uint8), 10.0).total == 0


def test_an_image_smaller_than_the_window_is_matched_or_left_alone():
    dn = as_dn(fields((20, 20)))
    assert match(dn, dn, all_of(dn), 5490.0).shift == (0, 0)


def test_a_mask_of_another_resolution_is_brought_to_the_image():
    dn = as_dn(fields((200, 200)))
    coarse_mask = np.ones((100, 100), np.uint8)
    coarse_mask[:, 50:] = 0
    assert match(dn, dn, coarse_mask, 10.0).x0.max() < 100


def test_images_of_different_size_are_refused():
    with pytest.raises(ValueError, match=r"\(20, 20\).*\(30, 20\)"):
        match(np.ones((20, 20), np.uint16), np.ones((30, 20), np.uint16), np.ones((30, 20), np.uint8), 10.0)


def test_points_far_from_the_mean_are_taken_out_until_none_is():
    scene = fields((500, 500))
    image = moved(scene, 1, 2)
    image[200:300, 200:300] = moved(scene, -5, 7)[200:300, 200:300]
    reference, image = as_dn(scene), as_dn(image)
    _, shift = opencv_matches(reference, image, all_of(image))
    kept = shift.astype(float)
    while True:
        near = np.abs(kept - kept.mean(0)) <= np.minimum(3 * kept.std(0), 20)
        if near.all():
            break
        kept = kept[near.all(1)]
    found = match(reference, image, all_of(image), 10.0, coarse=False)
    assert (found.total, len(found)) == (len(shift), len(kept))
    assert len(kept) < len(shift)
    assert found.shift == pytest.approx(10 * kept.mean(0), abs=1e-4)


def test_quality_values_of_the_check_are_those_of_the_spec():
    expected = {"MEAN": 9.0, "MEAN_X": 4.0, "MEAN_Y": 8.0, "STD": 4.0, "STD_X": 1.0, "STD_Y": 4.0, "RMSE": 9.8, "SKEW": 0.0}
    assert points([3, 5], [4, 12], total=7).statistics() == {**expected, "KURTOSIS": -2.0, "NB_OF_POINTS": 7}


def test_quality_values_of_the_correction_are_those_of_the_spec():
    assert coregistration_quality(points([3, 5], [4, 12]), None) == {
        "COREGISTRATION_BEFORE_CORRECTION": "9.000 0.000",
        "INPUT_RMSE_X": "4.100 0.000",
        "INPUT_RMSE_Y": "8.900 0.000",
    }


def test_quality_values_without_related_product_are_one_number():
    assert coregistration_quality(points([3], [4]))["COREGISTRATION_BEFORE_CORRECTION"] == "5.000"


def test_skewness_and_kurtosis_are_the_biased_ones():
    found = spread_points(dx=3)
    d = np.hypot(found.dx, found.dy)
    assert found.statistics()["SKEW"] == round(float(stats.skew(d)), 1)
    assert found.statistics()["KURTOSIS"] == round(float(stats.kurtosis(d)), 1)


def test_without_points_the_statistics_are_those_of_one_zero():
    values = points([], []).statistics()
    assert (values["MEAN"], values["NB_OF_POINTS"]) == (0, 0)
    assert np.isnan(values["SKEW"]) and np.isnan(values["KURTOSIS"])


def test_the_correlation_row_has_x_under_x():
    row = points([3, 5], [4, 12], total=7).correlation_row("ref.tif", "image.tif")
    assert tuple(row) == CORRELATION_COLUMNS
    assert (row["refImg"], row["secImg"], row["total_valid_pixel"], row["sample_pixel"], row["confidence_th"]) == (
        "ref.tif", "image.tif", 7, 2, -1,
    )  # fmt: skip
    assert [row[f"{name}_x"] for name in ("min", "max", "median", "mean", "std")] == [3, 5, 4, 4, 1]
    assert [row[f"{name}_y"] for name in ("min", "max", "median", "mean", "std")] == [4, 12, 8, 8, 4]


def test_the_points_table_is_in_pixels_and_sorted():
    x0, y0 = np.array([5, 2, 2], np.float32), np.array([1, 9, 3], np.float32)
    assert points([10, 20, 30], [0, 5, -10], x0, y0).csv() == "x0;y0;dx;dy\n2.0;3.0;3.0;-1.0\n2.0;9.0;2.0;0.5\n5.0;1.0;1.0;0.0\n"


def test_good_points_are_accepted():
    assert accept(spread_points(dx=8, dy=-5), (1000, 1000), max_shift=60) is None


def test_few_points_are_rejected():
    assert accept(spread_points(2), (1000, 1000)) == "2 points were found again, 30 are needed"


def test_the_number_of_points_needed_can_be_set():
    assert accept(spread_points(12), (1000, 1000), min_points=10) is None


def test_points_in_one_corner_are_rejected():
    found = spread_points()
    assert "fill 1 of 16 cells" in accept(replace(found, x0=found.x0 / 5, y0=found.y0 / 5), (1000, 1000))


def test_scattered_shifts_are_rejected():
    assert "scatter" in accept(spread_points(noise=8), (1000, 1000))


def test_a_shift_above_the_limit_is_rejected():
    assert "above the limit of 60 m" in accept(spread_points(dx=50, dy=50), (1000, 1000), max_shift=60)


def test_points_that_contradict_the_coarse_shift_are_rejected():
    assert "disagree" in accept(replace(spread_points(), coarse=(25.0, 0.0)), (1000, 1000))


def test_points_stay_when_the_pixels_of_the_reference_are_let_go():
    scene = fields((300, 300))
    features = Features(as_dn(scene))
    first = match(features, as_dn(scene), all_of(scene), 10.0)
    features.forget_pixels()
    again = match(features, as_dn(scene), all_of(scene), 10.0, coarse=False)
    np.testing.assert_array_equal(first.x0, again.x0)
    with pytest.raises(ValueError, match="pixels of the reference image are gone"):
        features.derived("another", np.mean)
