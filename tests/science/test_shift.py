"""Framing against the worked examples of spec 05 section 6.7 and a literal float64 evaluation of section 6.2."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from sen2like.science import shift
from sen2like.science.shift import Framing, catmull_rom, nearest, offsets

TILE = GeoBox((6, 6), Affine(30, 0, 600000, 0, -30, 4900020), "EPSG:32631")


def grid(west, north, size=10, res=30, crs="EPSG:32631"):
    return GeoBox((size, size), Affine(res, 0, west, 0, -res, north), crs)


PHASE = st.floats(-1.5, 2.5)
LANDSAT = grid(600000 - 45, 4900020 + 45)


def ramp() -> np.ndarray:
    r, c = np.mgrid[:10, :10]
    return (1000 + 10 * c + 100 * r + 7 * (c % 3)).astype(np.uint16)


def literal(source, offset_y, offset_x, shape):
    """Section 6.2 word by word, float64, pixel by pixel."""
    src = source.astype(np.float64)
    valid = src[src != 0]
    ny, nx = int(np.floor(offset_y)), int(np.floor(offset_x))
    wy, wx = _weights(offset_y - ny), _weights(offset_x - nx)
    padded = np.pad(src, 100)
    missing = np.pad(src == 0, 100)
    raw, hole = np.zeros(shape), np.zeros(shape, bool)
    for r in range(shape[0]):
        for c in range(shape[1]):
            rows = slice(r + ny - 1 + 100, r + ny + 3 + 100)
            cols = slice(c + nx - 1 + 100, c + nx + 3 + 100)
            raw[r, c] = wy @ padded[rows, cols] @ wx
            hole[r, c] = missing[rows, cols].any()
    low, high = (valid.min(), valid.max()) if valid.size else (0, 0)
    shown = raw[~hole]
    if not low <= 0 <= high and shown.size and shown.min() <= 0 <= shown.max():
        low = 0
    return np.where(hole, 0, np.clip(raw, low, high))


def _weights(t):
    w1, w2 = 1 - 2.5 * t * t + 1.5 * t**3, t / 2 + 2 * t * t - 1.5 * t**3
    return np.array([-t / 2 + t * t - t**3 / 2, w1, w2, -t * t / 2 + t**3 / 2])


@pytest.mark.parametrize(
    "dx, dy, row",
    [
        (0, 0, [1176.812, 1182, 1187.188, 1206.812, 1212, 1217.188]),
        (3, 0, [1178.712, 1181.096, 1189.192, 1208.712, 1211.096, 1219.192]),
        (0, 3, [1186.812, 1192, 1197.188, 1216.812, 1222, 1227.188]),
        (15, -15, [1134, 1130, 1147, 1164, 1160, 1177]),
        (-9, 6, [1190.736, 1204.208, 1202.056, 1220.736, 1234.208, 1232.056]),
    ],
)
def test_worked_examples_of_the_spec(dx, dy, row):
    out = Framing.between(LANDSAT, TILE, dx, dy).whole(ramp())
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0], row, atol=1e-3)


def test_an_integer_phase_copies_pixels_exactly():
    out = Framing.between(LANDSAT, TILE, 15, -15).whole(ramp())
    np.testing.assert_array_equal(out[0], ramp()[1, 2:8])


def test_a_northern_image_serves_a_southern_tile():
    tile = grid(600000, 9800020, 6, crs="EPSG:32736")
    image = grid(600000 - 45, -199980 + 45, crs="EPSG:32636")
    out = Framing.between(image, tile).whole(ramp())
    np.testing.assert_allclose(out[0], [1176.812, 1182, 1187.188, 1206.812, 1212, 1217.188], atol=1e-3)


def test_a_southern_image_serves_a_northern_tile():
    assert offsets(grid(600000, 10_000_000 + 100, crs="EPSG:32731"), grid(600000, 100, crs="EPSG:32631")) == (0, 0)


def test_a_lone_zero_makes_a_four_by_four_hole():
    dn = ramp()
    dn[5, 5] = 0
    out = Framing.between(grid(600000 - 60, 4900020 + 60), TILE).whole(dn)
    expected = dn[2:8, 2:8].astype(np.float32)
    expected[1:5, 1:5] = 0
    np.testing.assert_array_equal(out, expected)


def test_without_offset_the_image_is_copied_with_its_zeros():
    dn = ramp()[:6, :6]
    dn[3, 3] = 0
    out = Framing.between(grid(600000, 4900020, 6), TILE).whole(dn)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, dn)


def test_image_borders_mix_with_zero_and_are_pulled_up_to_the_minimum():
    framing = Framing.between(grid(600000, 4900020, 6), TILE, dx=6)
    dn = ramp()[2:8, 2:8]
    # the raster of the spec's example is the one framed before: rows and columns 2 to 7
    np.testing.assert_allclose(framing.whole(dn)[0], [1312.1, 1232.06, 1250.74, 1264.21, 1282.76, 1230.0], atol=0.005)


def test_border_mixtures_stay_when_the_frame_exceeds_the_image_by_a_pixel():
    dn = np.full((6, 6), 1000, np.uint16)
    out = Framing(-1.5, -1.5, (9, 9)).whole(dn)
    np.testing.assert_allclose(out, literal(dn, -1.5, -1.5, (9, 9)), atol=1e-3)
    assert 0 < out[1, 4] < 1000


def test_the_result_reaches_zero_where_overshoot_does():
    dn = np.full((40, 40), 9000, np.uint16)
    dn[:, 20:] = 5
    dn[20, :] = 7
    out = Framing(0.5, 0.5, (30, 30)).whole(dn[:34, :34])
    np.testing.assert_allclose(out, literal(dn[:34, :34], 0.5, 0.5, (30, 30)), atol=0.02)
    assert out.min() == 0


@pytest.mark.parametrize("seed", range(24))
def test_random_rasters_agree_with_a_literal_evaluation(seed):
    rng = np.random.default_rng(seed)
    shape, shape_out = tuple(rng.integers(20, 90, 2)), tuple(rng.integers(20, 90, 2))
    low, high = sorted(rng.integers(1, 12000, 2))
    dn = rng.integers(low, high + 1, shape).astype(np.uint16 if seed % 2 else np.float32)
    if seed % 3:
        dn[rng.random(shape) < 0.01] = 0
    if seed % 4 == 0:
        dn[:, : shape[1] // 3] = 0
    offset_y, offset_x = (rng.uniform(-6, 6, 2) if seed % 5 else rng.integers(-3, 4, 2)).astype(float)
    np.testing.assert_allclose(
        Framing(offset_y, offset_x, shape_out).whole(dn), literal(dn, offset_y, offset_x, shape_out), atol=0.05
    )


@settings(max_examples=40, deadline=None)
@given(PHASE, PHASE, st.integers(0, 2**32 - 1), st.integers(1, 3000), st.integers(0, 3000), st.booleans())
def test_clipping_follows_the_rule_for_frames_of_about_the_image(offset_y, offset_x, seed, low, span, holes):
    rng = np.random.default_rng(seed)
    dn = rng.integers(low, low + span + 1, (45, 70)).astype(np.uint16)
    if holes:
        dn[rng.random(dn.shape) < 0.02] = 0
    framing = Framing(offset_y, offset_x, (44, 69))
    np.testing.assert_allclose(framing.whole(dn), literal(dn, offset_y, offset_x, (44, 69)), atol=0.02)


def cubic_at(source, rows, columns):
    """The Catmull-Rom cubic at given places (float64), all 16 samples inside."""
    ny, nx = np.floor(rows).astype(int), np.floor(columns).astype(int)
    wy, wx = _weights(rows - ny), _weights(columns - nx)
    samples = [source[ny + j - 1].astype(float) for j in range(4)]
    blended = sum(wy[j][:, None] * samples[j] for j in range(4))
    return sum(wx[i] * blended[:, nx + i - 1] for i in range(4))


@pytest.mark.parametrize("turned", [False, True])
def test_places_are_float32_numbers(turned):
    """Spec 05 section 6.2. Beyond pixel 8192 they lie 2**-10 apart, which moves these values by up to 2 DN."""
    long, short, offsets_yx = 9000, 40, (1.30271, 2.15547)
    dn = np.random.default_rng(8).integers(1, 12000, (short, long)).astype(np.uint16)
    n = (np.arange(short - 8), np.arange(long - 8))
    places = [(i.astype(np.float32) + np.float32(o)).astype(float) for i, o in zip(n, offsets_yx, strict=True)]
    expected = np.clip(cubic_at(dn, *places), 0, dn.max())  # 0: the cubic undershoots
    exact = np.clip(cubic_at(dn, n[0] + offsets_yx[0], n[1] + offsets_yx[1]), 0, dn.max())
    framing, source = Framing(*offsets_yx, expected.shape), dn
    if turned:
        framing, source = Framing(*offsets_yx[::-1], expected.shape[::-1]), np.ascontiguousarray(dn.T)
    found = framing.whole(source).T if turned else framing.whole(source)
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert np.abs(exact - expected)[:, :256].max() < 0.2 and np.abs(exact - expected)[:, 8192:].max() > 1


@given(st.floats(-20000, 20000), st.integers(1, 12000))
def test_every_place_is_the_float32_sum(offset, count):
    runs = shift._runs(offset, count)
    assert [run.start for run in runs] == [0, *(run.stop for run in runs[:-1])] and runs[-1].stop == count
    for run in (runs[0], runs[len(runs) // 2], runs[-1]):
        for index in {run.start, run.stop - 1}:
            place = np.float32(index) + np.float32(offset)
            assert index + run.move == np.floor(place)
            np.testing.assert_array_equal(run.kernel, catmull_rom(float(place - np.floor(place))))


def test_strips_are_the_rows_of_the_whole_from_any_thread():
    rng = np.random.default_rng(5)
    dn = rng.integers(100, 9000, (203, 180)).astype(np.uint16)
    dn[50:60, 100:140] = 0
    whole = Framing(0.3, -0.7, (200, 190)).whole(dn)
    framing = Framing(0.3, -0.7, (200, 190))
    starts = range(0, 200, 7)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda s: framing.rows(dn, s, min(s + 7, 200)), starts))
    np.testing.assert_array_equal(np.vstack(parts), whole)


def test_one_framing_serves_several_bands():
    framing = Framing(0.5, 0.5, (6, 6))
    bright, dark = ramp() * 5, ramp()
    framing.whole(bright)
    np.testing.assert_allclose(framing.whole(dark), literal(dark, 0.5, 0.5, (6, 6)), atol=1e-2)


def test_limits_are_forgotten_with_their_band():
    framing = Framing(0.5, 0.5, (6, 6))
    band = ramp()
    framing.whole(band)
    del band
    gc.collect()
    assert not framing._limits


def test_an_image_without_any_data_stays_empty():
    assert not Framing(0.5, 0.5, (6, 6)).whole(np.zeros((10, 10), np.uint16)).any()


def test_an_image_beside_the_frame_gives_zeros():
    assert not Framing(500.5, 0.5, (6, 6)).whole(ramp()).any()


@given(st.floats(0, 1, exclude_max=True))
def test_the_weights_sum_to_one_and_reproduce_a_line(t):
    weights = catmull_rom(t).astype(float)
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    assert weights @ [-1, 0, 1, 2] == pytest.approx(t, abs=1e-6)


@pytest.mark.parametrize("dx, row", [(0, [0, 0, 1, 1, 1, 1]), (-3, [0, 0, 0, 1, 1, 1]), (16, [0, 0, 1, 1, 1, 1])])
def test_masks_take_the_nearest_pixel_and_ties_go_east_and_south(dx, row):
    mask = np.ones((10, 10), np.uint8)
    mask[:, :4] = 0
    out = nearest(mask, *offsets(LANDSAT, TILE, dx), (6, 6))
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[0], row)


def test_masks_are_zero_outside_the_image_and_keep_their_type():
    out = nearest(np.ones((4, 4), np.float32), -2, 3, (6, 6))
    expected = np.zeros((6, 6), np.float32)
    expected[2:6, :1] = 1
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, expected)


def test_another_zone_is_refused():
    with pytest.raises(ValueError, match="warp the image first"):
        offsets(grid(0, 0, crs="EPSG:32632"), TILE)


def test_another_pixel_size_is_refused():
    with pytest.raises(ValueError, match="20 x 20 m, frame of 30 x 30 m"):
        offsets(grid(0, 0, res=20), TILE)
