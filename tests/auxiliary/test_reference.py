"""Reference images: choice of the file, checks against the tile, resampling and its cache (spec 05 sections 3 and 11)."""

import os

import numpy as np
import pytest
import rasterio
from affine import Affine

from sen2like.auxiliary import reference
from sen2like.auxiliary.reference import load_reference, reference_path
from sen2like.errors import AuxiliaryError
from sen2like.grid import mgrs

TILE = mgrs.tile("31TFJ")


def write(path, dn, resolution=None, crs=None, west=TILE.ulx, north=TILE.uly, bands=1):
    resolution = resolution or mgrs.TILE_SIZE_M / dn.shape[1]
    profile = {"driver": "GTiff", "dtype": dn.dtype, "count": bands, "height": dn.shape[0], "width": dn.shape[1]}
    profile |= {"crs": crs or f"EPSG:{TILE.epsg}", "transform": Affine(resolution, 0, west, 0, -resolution, north)}
    with rasterio.open(path, "w", **profile) as dataset:
        for band in range(bands):
            dataset.write(dn, band + 1)
    return path


def dn_of(size=60) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 9000, (size, size)).astype(np.uint16)


def test_the_command_line_wins_over_the_map(tmp_path):
    mine = write(tmp_path / "mine.tif", dn_of(6))
    assert reference_path("31TFJ", mine, tmp_path / "absent.json") == mine


def test_the_map_gives_the_entry_of_the_tile(tmp_path):
    image = write(tmp_path / "31TFJ.tif", dn_of(6))
    table = tmp_path / "map.json"
    table.write_text(f'{{"31TFJ": "{image}"}}')
    assert reference_path("31TFJ", None, table) == image
    assert reference_path("31TFK", None, table) is None


def test_nothing_configured_is_no_reference():
    assert reference_path("31TFJ", None, None) is None


@pytest.mark.parametrize(
    "text, message",
    [
        ('{\n"31TFJ": "a.tif"\n"31TFK": "b.tif"}', r"map\.json, line 3, column 1: not valid JSON"),
        ('["31TFJ"]', "must be an object"),
        ('{"31TFJ": 7}', "tile 31TFJ: 7 is not a path"),
        ('{"31TFJ": "/nowhere/ref.tif"}', r"/nowhere/ref\.tif.*map\.json, tile 31TFJ.*does not exist"),
    ],
)
def test_a_bad_map_is_named_with_the_place(tmp_path, text, message):
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(AuxiliaryError, match=message):
        reference_path("31TFJ", None, tmp_path / "map.json")


def test_a_missing_map_is_an_error(tmp_path):
    with pytest.raises(AuxiliaryError, match=r"absent\.json does not exist"):
        reference_path("31TFJ", None, tmp_path / "absent.json")


def test_a_map_that_is_not_text_is_an_error(tmp_path):
    (tmp_path / "map.json").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(AuxiliaryError, match=r"map\.json cannot be read"):
        reference_path("31TFJ", None, tmp_path / "map.json")


def test_a_missing_image_is_named_with_its_option(tmp_path):
    with pytest.raises(AuxiliaryError, match=r"absent\.tif \(--refImage\) does not exist"):
        reference_path("31TFJ", tmp_path / "absent.tif", None)


def test_an_image_of_the_wanted_size_is_read_as_it_is(tmp_path):
    dn = dn_of()
    image = load_reference(write(tmp_path / "ref.tif", dn), TILE, 1830, [tmp_path / "cache"])
    np.testing.assert_array_equal(image.data, dn)
    assert image.geobox == TILE.geobox(1830)
    assert not (tmp_path / "cache").exists()


def test_a_multiple_of_the_pixel_size_takes_block_means(tmp_path):
    dn = dn_of()
    image = load_reference(write(tmp_path / "ref.tif", dn), TILE, 5490, [tmp_path / "cache"])
    expected = np.floor(dn.reshape(20, 3, 20, 3).mean(axis=(1, 3)) + 0.5)
    np.testing.assert_array_equal(image.data, expected)
    assert (image.dtype, image.geobox) == (np.uint16, TILE.geobox(5490))


def test_a_resampled_image_is_taken_from_the_cache_the_next_time(tmp_path, monkeypatch):
    path = write(tmp_path / "ref.tif", dn_of())
    first = load_reference(path, TILE, 2745, [tmp_path / "cache"])
    monkeypatch.setattr(reference, "to_resolution", lambda *_: pytest.fail("resampled again"))
    np.testing.assert_array_equal(load_reference(path, TILE, 2745, [tmp_path / "cache"]).data, first.data)
    assert [p.name for p in (tmp_path / "cache").iterdir() if p.name.startswith(".")] == []
    assert not list(tmp_path.glob("ref_*"))


def test_a_changed_source_is_resampled_again(tmp_path):
    path = write(tmp_path / "ref.tif", dn_of())
    load_reference(path, TILE, 5490, [tmp_path / "cache"])
    write(path, np.full((60, 60), 77, np.uint16))
    os.utime(path, ns=(1, 1))
    assert (load_reference(path, TILE, 5490, [tmp_path / "cache"]).data == 77).all()


def test_what_was_kept_of_a_source_goes_when_it_changes_and_nothing_else(tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    one, other = (write(tmp_path / folder / "ref.tif", dn_of()) for folder in ("one", "other"))
    cache = tmp_path / "cache"
    for path, resolution in ((one, 5490), (one, 2745), (other, 5490)):
        load_reference(path, TILE, resolution, [cache])
    mine = cache / "ref_of_mine_5490m.tif"
    mine.touch()
    before = set(cache.iterdir())
    write(one, dn_of() + np.uint16(1))
    os.utime(one, ns=(1, 1))
    load_reference(one, TILE, 5490, [tmp_path / "no folder/absent", cache])
    load_reference(one, TILE, 5490, [cache])
    gone, new = before - set(cache.iterdir()), set(cache.iterdir()) - before
    assert len(before) == 4
    assert (len(gone), len(new)) == (1, 1), "the other size, the other source and a foreign file stay"
    assert {path.name[-10:] for path in gone | new} == {"_5490m.tif"}
    load_reference(other, TILE, 5490, [cache])
    assert len(set(cache.iterdir())) == 4


def test_a_truncated_cache_is_made_again(tmp_path, caplog):
    path = write(tmp_path / "ref.tif", dn_of())
    good = load_reference(path, TILE, 5490, [tmp_path / "cache"]).data
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:200])
    np.testing.assert_array_equal(load_reference(path, TILE, 5490, [tmp_path / "cache"]).data, good)
    assert "made again" in caplog.text


def test_without_a_usable_cache_folder_the_image_is_still_given(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the folder should be")
    image = load_reference(write(tmp_path / "ref.tif", dn_of()), TILE, 5490, [tmp_path / "cache"])
    assert image.shape == (20, 20)
    assert "cannot be kept" in caplog.text


def test_the_second_folder_serves_where_the_first_cannot_be_written_to(tmp_path, caplog):
    (tmp_path / "first").write_text("a file where the folder should be")
    folders = [tmp_path / "first", tmp_path / "second"]
    path = write(tmp_path / "ref.tif", dn_of())
    load_reference(path, TILE, 5490, folders)
    (kept,) = (tmp_path / "second").iterdir()
    with rasterio.open(kept, "r+") as dataset:
        dataset.write(np.full((20, 20), 7, np.uint16), 1)
    assert (load_reference(path, TILE, 5490, folders).data == 7).all()
    assert not caplog.text


def test_whole_numbers_of_another_type_become_uint16(tmp_path):
    dn = dn_of().astype(np.float32)
    image = load_reference(write(tmp_path / "ref.tif", dn), TILE, 1830, [tmp_path])
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.data, dn)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"crs": "EPSG:32632"}, r"ref\.tif: projection is EPSG:32632, tile 31TFJ has EPSG:32631; warp it: gdalwarp -t_srs"),
        ({"west": TILE.ulx + 1830}, r"corner \(601830, 4900020\).*60 x 60.*needs \(600000, 4900020\) and 60 x 60"),
        ({"resolution": 915}, "60 x 60 pixels of 915 m.*120 x 120"),
        ({"bands": 2}, "has 2 bands"),
    ],
)
def test_an_image_that_does_not_fit_the_tile_is_refused(tmp_path, changes, message):
    path = write(tmp_path / "ref.tif", dn_of(), **changes)
    with pytest.raises(AuxiliaryError, match=message):
        load_reference(path, TILE, 1830, [tmp_path])


def test_values_that_are_no_digital_numbers_are_refused(tmp_path):
    path = write(tmp_path / "ref.tif", dn_of().astype(np.float32) - 5000)
    with pytest.raises(AuxiliaryError, match=r"ref\.tif: DN from .* do not fit"):
        load_reference(path, TILE, 1830, [tmp_path])


def test_a_file_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "ref.tif").write_text("no image")
    with pytest.raises(AuxiliaryError, match=r"ref\.tif cannot be read"):
        load_reference(tmp_path / "ref.tif", TILE, 10, [tmp_path])


def test_a_truncated_image_is_refused(tmp_path):
    path = write(tmp_path / "ref.tif", dn_of())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(AuxiliaryError, match=r"ref\.tif cannot be read"):
        load_reference(path, TILE, 1830, [tmp_path])
