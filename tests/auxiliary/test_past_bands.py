"""Rows of past products: decoded step by step they are those of the whole band, and so is their low-pass image (spec 06)."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from auxiliary.past_archive import BANDS, LANDSAT, SIZES, TILE, Archive, file, image_of

from sen2like.auxiliary import past_bands
from sen2like.auxiliary.detail_cache import DetailCache
from sen2like.auxiliary.past_bands import PastBand
from sen2like.errors import AuxiliaryError
from sen2like.raster import read
from sen2like.raster.read import RasterReader
from sen2like.raster.write import RasterFormat, write_image
from sen2like.science.resample import to_resolution
from sen2like.science.scratch import Arrays

FORMATS = ("COG", "GTIFF", "JPEG2000")
STEPS = [(10, 16), (16, 16), (20, 3), (1, 1), (1000, 512)]
"""Rows of a step and the least rows of a window: steps of 60 to 1098 rows of a file in strips."""


@pytest.fixture
def archive(tmp_path) -> Archive:
    return Archive(tmp_path / "archive")


def one(archive, **output):
    folder = archive.add("2020-06-11", **output)
    (product,), notices = archive.choose()
    assert notices == []
    return folder, product


def dn_of(band) -> np.ndarray:
    return image_of(TILE.geobox(SIZES[band]), f"2020-06-11{band}").data


def seen(band: PastBand, edges) -> tuple[np.ndarray, np.ndarray]:
    """DN and low-pass image of all rows, asked for from edge to edge."""
    dn, low = [], []
    valid = np.ones((1, 1), np.uint8)
    for start, stop in pairwise(edges):
        band.reach(stop, keep=start)
        detail = band.detail(start, stop, valid, 10000, 1000)
        rows = np.zeros(detail.shape, np.float32)
        detail.add(rows, 0, stop - start)
        dn.append(np.rint(rows * 10000))
        low.append(np.array(detail.low))
    return np.concatenate(dn), np.concatenate(low)


def edges_of(band) -> list[int]:
    """Common edges of B04 (3 of its rows are one of Landsat) and of B8A (183 rows of 92)."""
    return [0, 6, 33, 60, 61 * 3] if band == "B04" else [0, 92]


@pytest.mark.parametrize(("step", "window"), STEPS)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("band", SIZES)
def test_rows_are_those_of_the_whole_band(archive, monkeypatch, band, name, step, window):
    monkeypatch.setattr(past_bands, "STEP_ROWS", step)
    monkeypatch.setattr(read, "_MIN_WINDOW", window)
    _, product = one(archive, fmt=RasterFormat(name=name))
    expected = dn_of(band)
    with ThreadPoolExecutor(2) as pool:
        rows = PastBand(product, band, LANDSAT, threads=2, pool=pool)
        assert rows.shape == expected.shape
        for _ in range(2):  # the second time it begins anew
            dn, low = seen(rows, edges_of(band))
            np.testing.assert_array_equal(dn, expected)
            np.testing.assert_array_equal(low, to_resolution(expected, SIZES[band], LANDSAT))
        rows.close()


def test_ten_metre_bands_are_not_whole_in_memory(archive, monkeypatch):
    monkeypatch.setattr(past_bands, "STEP_ROWS", 12)
    monkeypatch.setattr(read, "_MIN_WINDOW", 1)
    _, product = one(archive, fmt=RasterFormat("GTIFF"))
    sizes = {}

    class Watched(Arrays):
        def array(self, name, shape, dtype=np.float32):
            sizes[name] = max(sizes.get(name, 0), shape[0])
            return super().array(name, shape, dtype)

    rows = PastBand(product, "B04", LANDSAT, empty=Watched().array)
    seen(rows, range(0, 184, 3))
    rows.close()
    assert sizes[f"{product.name} dn"] < 183 // 3 and sizes[f"{product.name} low"] < 61 // 3


@pytest.mark.parametrize("band", SIZES)
def test_what_is_kept_is_not_decoded_again(archive, tmp_path, monkeypatch, band):
    monkeypatch.setattr(past_bands, "STEP_ROWS", 12)
    monkeypatch.setattr(read, "_MIN_WINDOW", 1)
    _, product = one(archive, fmt=RasterFormat("GTIFF"))
    cache = DetailCache(tmp_path / "cache")
    first = PastBand(product, band, LANDSAT, cache=cache)
    expected = seen(first, edges_of(band))
    first.close()

    def fail(*_, **__):
        raise AssertionError("decoded again")

    monkeypatch.setattr(RasterReader, "read", fail)
    again = PastBand(product, band, LANDSAT, cache=cache)
    for got, wanted in zip(seen(again, edges_of(band)), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    again.close()


@pytest.mark.parametrize("cached", [False, True])
def test_a_low_pass_image_of_the_product_is_taken(archive, tmp_path, cached):
    folder, _ = one(archive)
    low = image_of(TILE.geobox(LANDSAT), "low")
    path = file(folder, "IMG_DATA/*_B04_600m.TIF")
    path = path.with_name(path.name.replace("_600m", "_1800m"))
    write_image(path, low.data, low.geobox, RasterFormat(), nodata=0, scale=1e-4, offset=-0.1)
    (product,), _ = archive.choose()
    cache = DetailCache(tmp_path / "cache") if cached else None
    for _ in range(2):
        rows = PastBand(product, "B04", LANDSAT, cache=cache)
        dn, got = seen(rows, edges_of("B04"))
        rows.close()
        np.testing.assert_array_equal(dn, dn_of("B04"))
        np.testing.assert_array_equal(got, low.data)


def test_rows_that_were_forgotten_are_refused(archive, monkeypatch):
    monkeypatch.setattr(past_bands, "STEP_ROWS", 12)
    monkeypatch.setattr(read, "_MIN_WINDOW", 1)
    _, product = one(archive, fmt=RasterFormat("GTIFF"))
    rows = PastBand(product, "B04", LANDSAT)
    rows.reach(120, keep=100)
    with pytest.raises(ValueError, match="rows 0 to 10 were asked for"):
        rows.detail(0, 30, np.ones((1, 1), np.uint8), 10000, 1000)
    rows.close()


def test_a_file_that_goes_after_the_choice_is_named(archive):
    _, product = one(archive)
    product.image("B04").unlink()
    with pytest.raises(AuxiliaryError, match=rf"{product.name}: .*_B04_600m\.TIF is missing.*make it again"):
        PastBand(product, "B04", BANDS["B04"])


def test_a_file_that_is_cut_after_the_choice_is_named(archive):
    _, product = one(archive, fmt=RasterFormat("GTIFF"))
    path = product.image("B04")
    rows = PastBand(product, "B04", BANDS["B04"])
    with path.open("r+b") as file:
        file.truncate(2000)
    with pytest.raises(AuxiliaryError, match=rf"{product.name}: .*_B04_600m\.TIF is missing, truncated.*make it again"):
        rows.reach(183, 0)
    rows.close()
