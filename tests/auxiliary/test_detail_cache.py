"""What is kept of past products between the Landsat products of a run."""

import shutil
from collections import namedtuple

import numpy as np
import pytest

from sen2like.auxiliary.detail_cache import DetailCache

DN, LOW = np.arange(36, dtype=np.uint16).reshape(6, 6), np.arange(4, dtype=np.uint16).reshape(2, 2)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "B04.TIF"
    path.write_bytes(b"x")
    return path


def read(cache, image, resolution=30.0, start=0):
    """What is kept; None: nothing."""
    dn, low = np.zeros_like(DN), np.zeros_like(LOW)
    return (dn, low) if cache.read(image, resolution, start, dn, low) else None


def test_what_was_kept_comes_back(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    assert read(cache, image) is None
    cache.keep(image, 30, 0, DN, LOW)
    dn, low = read(cache, image)
    assert (dn == DN).all() and (low == LOW).all()
    assert read(cache, image, resolution=60) is None and read(cache, image, start=6) is None
    assert [path.suffix for path in cache.folder.iterdir()] == [".rows"]


def test_nothing_of_a_low_pass_image_may_be_kept(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, 0, DN, LOW[:0])
    dn = np.zeros_like(DN)
    assert cache.read(image, 30, 0, dn, np.zeros_like(LOW[:0])) and (dn == DN).all()


def test_arrays_of_another_size_are_not_those_kept(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, 0, DN, LOW)
    assert not cache.read(image, 30, 0, np.zeros((5, 6), np.uint16), np.zeros_like(LOW))


def test_an_image_that_was_made_again_is_another_one(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, 0, DN, LOW)
    again = tmp_path / "again"
    again.write_bytes(b"y")
    again.rename(image)
    assert read(cache, image) is None


def test_a_broken_file_counts_as_absent(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, 0, DN, LOW)
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert read(cache, image) is None


def test_a_full_disk_is_no_error(tmp_path, image, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(1e9))
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, 0, DN, LOW)
    assert list(cache.folder.iterdir()) == [] and read(cache, image) is None
