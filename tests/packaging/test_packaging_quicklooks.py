"""Preview and quicklooks (spec 10 section 8). Reducing is held against GDAL's own overviews and bilinear reading."""

import numpy as np
import packaging_cases as cases
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.enums import Resampling
from rasterio.windows import Window

from sen2like.grid import mgrs
from sen2like.packaging import quicklooks
from sen2like.packaging.names import ProductNames
from sen2like.record import ProcessingRecord
from sen2like.science.means import block_means


def scene(size, block=4, seed=1):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1100, 4000, (-(-size // block), -(-size // block)))
    return (np.kron(coarse, np.ones((block, block)))[:size, :size] + rng.integers(0, 100, (size, size))).astype(np.uint16)


def by_gdal(folder, dn, resolution, pixel, factors):
    path = folder / "dn.tif"
    shape = {"height": dn.shape[0], "width": dn.shape[1], "count": 1}
    with rasterio.open(path, "w", driver="GTiff", **shape, dtype="uint16", nodata=0) as out:
        out.write(dn, 1)
    for factor in factors:  # one by one: each is made of the image, as those of the product, and not of the one before
        with rasterio.open(path, "r+") as out:
            out.build_overviews([factor], Resampling.average)
    n = [int(side * resolution / pixel + 1e-6) for side in dn.shape]
    # what GDAL up to 3.8 takes: the coarsest overview of at most 1.2 times the pixel asked for
    level, used = max(((i, f) for i, f in enumerate(factors) if f <= 1.2 * pixel / resolution), default=(None, 1))
    window = Window(0, 0, n[1] * pixel / resolution / used, n[0] * pixel / resolution / used)
    with rasterio.open(path, **({} if level is None else {"overview_level": level})) as source:
        return source.read(1, out_shape=tuple(n), window=window, resampling=Resampling.bilinear)


@pytest.mark.parametrize(("size", "resolution", "pixel", "factors"), [
    (1116, 10, 30, [2, 6, 12, 36]), (1116, 10, 320, [2, 6, 12, 36]), (549, 20, 30, []), (558, 20, 320, [3, 6, 18]),
    (372, 30, 320, [2, 4, 12]),
    (366, 300, 320, []),
])  # fmt: skip
def test_reduced_is_what_gdal_reads(tmp_path, size, resolution, pixel, factors):
    # sizes that the overview factors divide, as those of full tiles do: GDAL stretches an overview over the whole extent
    dn = scene(size)
    dn[: size // 5, : size // 3] = 0
    got = quicklooks.reduced(dn, resolution, pixel)
    expected = by_gdal(tmp_path, dn, resolution, pixel, factors)
    assert got.shape == expected.shape and ((got == 0) == (expected == 0)).all()
    assert np.abs(got.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("pixel", [30, 320])
def test_means_that_are_at_hand_change_nothing(pixel):
    dn = scene(1116)
    dn[:200, :150] = 0
    (expected,) = quicklooks.reduced_to(dn, 10, (pixel,))
    means = block_means(dn, {2, *quicklooks.factors(10, (pixel,)), 100})
    np.testing.assert_array_equal(quicklooks.reduced_to(dn, 10, (pixel,), means)[0], expected)


def test_means_are_made_of_the_image_and_not_of_rounded_means():
    """Means of 1000 and 1000.5, rounded in each of four steps, would end as 1001."""
    dn = np.tile(np.array([[1000, 1001], [1001, 1000]], np.uint16), (540, 540))
    dn[::4] -= 1  # mean of the whole 1000.25
    assert set(np.unique(quicklooks.reduced(dn, 10, 360))) == {1000}


def test_full_size_tiles_give_the_sizes_of_the_specification():
    dn = np.full((1830, 1830), 1234, np.uint16)
    assert quicklooks.reduced(dn, 60, 320).shape == (343, 343)
    assert quicklooks.reduced(dn, 60, 60).shape == (1830, 1830)


@given(hnp.arrays(np.uint16, (24, 24), elements=st.integers(0, 60000)), st.sampled_from([(10, 30), (10, 25), (20, 30), (30, 80)]))
def test_reducing_stays_between_the_values_with_data(dn, sizes):
    got = quicklooks.reduced(dn, *sizes)
    known = got[got > 0]
    if known.size:
        assert known.min() >= dn[dn > 0].min() and known.max() <= dn.max()


@given(st.integers(1, 65535), st.sampled_from([(10, 30), (10, 320), (20, 30), (60, 320), (300, 320)]))
def test_a_uniform_image_stays_uniform(value, sizes):
    assert (quicklooks.reduced(np.full((70, 70), value, np.uint16), *sizes) == value).all()


def test_no_data_does_not_darken_its_neighbours():
    dn = np.full((60, 60), 3000, np.uint16)
    dn[:, :31] = 0
    got = quicklooks.reduced(dn, 10, 30)
    assert set(np.unique(got)) == {0, 3000}


def test_pixels_finer_than_the_image_are_refused():
    with pytest.raises(ValueError, match="30 m cannot be made from pixels of 60 m"):
        quicklooks.reduced(np.ones((9, 9), np.uint16), 60, 30)


def test_an_image_smaller_than_a_pixel_is_refused():
    with pytest.raises(ValueError, match="does not fill one pixel"):
        quicklooks.reduced(np.ones((9, 9), np.uint16), 10, 320)


def test_stretch_has_the_values_of_the_specification():
    dn = np.array([[0, 1, 1000, 2250, 3500, 9000]], np.uint16)
    assert quicklooks.stretched(dn, 1000, 2500).tolist() == [[0, 0, 0, 128, 255, 255]]


def test_stretch_without_offset():
    assert quicklooks.stretched(np.array([[1, 1250, 2500]], np.uint16), 0, 2500).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(("offset", "high"), [(1000, 2500.0), (0, 2500.0), (-500, 3000.0), (1234.5, 777.25)])
def test_every_dn_is_stretched_by_the_rule(offset, high):
    """Linear, rounded to nearest, halves up; no data stays black."""
    dn = np.arange(65536, dtype=np.uint16)[None]
    expected = np.clip(np.floor((dn.astype(float) - offset) * 255 / high + 0.5), 0, 255)
    expected[dn == 0] = 0
    np.testing.assert_array_equal(quicklooks.stretched(dn, offset, high), expected)


@pytest.fixture
def names(tmp_path):
    return ProductNames.of(cases.fake_product(tmp_path), "L2H", "31TFJ", cases.PRODUCED, "4.6.0")


def previews(bands, tile="31TFJ", single=False, resolution=300):
    out = quicklooks.Previews(mgrs.tile(tile), 10000, 1000, single)
    size = int(109800 / resolution)
    for number, band in enumerate(bands):
        out.add(band, np.full((size, size), 2250 + number * 100, np.uint16), resolution)
    return out


def test_pictures_are_written_with_grid_and_scale(tmp_path, names):
    record = ProcessingRecord()
    files = {f.kind: f for f in previews(["B02", "B03", "B04", "B8A", "B11", "B12"]).write(tmp_path, names, record)}
    assert list(files) == ["PVI", "THUMBNAIL", "QL_B432", "QL_B12118A"] and record.warnings == []
    with rasterio.open(tmp_path / files["PVI"].path) as pvi:
        assert (pvi.count, pvi.shape, pvi.driver, pvi.dtypes[0]) == (3, (343, 343), "GTiff", "uint8")
        assert pvi.transform[:6] == (320, 0, 600000, 0, -320, 4900020) and pvi.nodata is None
        assert pvi.compression.name == "lzw" and pvi.interleaving.name == "pixel" and pvi.crs.to_epsg() == 32631
        assert pvi.read()[:, 5, 5].tolist() == [148, 138, 128]
    for kind, scale in (("QL_B432", 0.000980392), ("QL_B12118A", 0.001568627)):
        path = tmp_path / files[kind].path
        assert path.with_name(path.name + ".aux.xml").is_file()
        with rasterio.open(path) as picture:
            assert (picture.driver, picture.count, picture.shape) == ("JPEG", 3, (366, 366))
            assert picture.scales == pytest.approx([scale] * 3, abs=1e-9)
            assert picture.crs.to_epsg() == 32631 and picture.transform.a == 300


def test_a_missing_band_leaves_its_pictures_out_with_a_warning(tmp_path, names):
    record = ProcessingRecord()
    files = previews(["B02", "B03", "B04", "B8A", "B11"]).write(tmp_path, names, record)
    assert [f.kind for f in files] == ["PVI", "THUMBNAIL", "QL_B432"]
    assert record.warnings == ["QL_B12118A not made: no band B12"]


@pytest.mark.parametrize("band", ["B04", "B08"])
def test_a_product_of_one_band_has_a_grey_quicklook_of_it(tmp_path, names, band):
    files = previews([band], single=True).write(tmp_path, names, ProcessingRecord())
    assert [f.kind for f in files] == [f"QL_{band}"] and files[0].path.endswith(f"_QL_{band}.jpg")
    with rasterio.open(tmp_path / files[0].path) as picture:
        assert picture.count == 1 and picture.read(1)[50, 50] == pytest.approx(128, abs=1)


def test_native_bands_do_not_take_the_place_of_others(tmp_path, names):
    collected = previews(["B8A", "B11", "B12"])
    collected.add("B11", np.full((366, 366), 60000, np.uint16), 300, native=True)
    files = collected.write(tmp_path, names, ProcessingRecord())
    with rasterio.open(tmp_path / files[0].path) as picture:
        assert picture.read(2)[9, 9] < 150


def test_bright_desert_is_stretched_otherwise(tmp_path, names):
    files = previews(["B02", "B03", "B04"], tile="34RGS").write(tmp_path, names, ProcessingRecord())
    with rasterio.open(tmp_path / files[0].path) as pvi:
        assert pvi.read(3)[5, 5] == round(1250 * 255 / 4000)


def test_bands_of_different_pixel_size_meet_on_the_coarsest(tmp_path, names):
    collected = previews(["B8A", "B11"], resolution=300)
    collected.add("B12", np.full((183, 183), 2250, np.uint16), 600)
    files = collected.write(tmp_path, names, ProcessingRecord())
    assert files[0].shape == (183, 183) and files[0].transform.a == 600


def test_bands_of_another_product_are_adopted_unless_they_are_native(tmp_path, names):
    harmonised, fused = (quicklooks.Previews(mgrs.tile("31TFJ"), 10000, 1000) for _ in range(2))
    for band in ("B8A", "B12"):
        fused.adopt(harmonised.add(band, np.full((366, 366), 2250, np.uint16), 300))
    fused.add("B11", np.full((366, 366), 2350, np.uint16), 300)
    fused.adopt(harmonised.add("B11", np.full((366, 366), 60000, np.uint16), 300, native=True))
    files = fused.write(tmp_path, names, ProcessingRecord())
    with rasterio.open(tmp_path / files[0].path) as picture:
        # reflectance 0 to 0.4 becomes 0 to 255
        assert picture.read(2)[9, 9] == pytest.approx(1350 * 255 / 4000, abs=3)


def test_pictures_are_written_as_soon_as_their_bands_have_come(tmp_path, names):
    collected = previews(["B02", "B03", "B8A"])
    collected.write_complete(tmp_path, names)
    assert not list(tmp_path.rglob("*QL*"))
    collected.add("B04", np.full((366, 366), 2450, np.uint16), 300)
    collected.write_complete(tmp_path, names)
    (natural,) = tmp_path.rglob("*QL_B432.jpg")
    before = natural.stat().st_mtime_ns
    record = ProcessingRecord()
    assert [file.kind for file in collected.write(tmp_path, names, record)] == ["PVI", "THUMBNAIL", "QL_B432"]
    assert natural.stat().st_mtime_ns == before
    assert record.warnings == ["QL_B12118A not made: no band B12, B11"]


def test_pictures_of_adopted_bands_only_wait_until_they_are_asked_for(tmp_path, names):
    fused = quicklooks.Previews(mgrs.tile("31TFJ"), 10000, 1000)
    for band in ("B8A", "B11", "B12"):
        fused.adopt(quicklooks.Previews(mgrs.tile("31TFJ"), 10000, 1000).add(band, np.full((366, 366), 2250, np.uint16), 300))
    fused.write_complete(tmp_path, names)
    assert not list(tmp_path.rglob("*QL*"))
    assert [file.kind for file in fused.write(tmp_path, names, ProcessingRecord())] == ["QL_B12118A"]
