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


def test_what_was_kept_comes_back(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    assert cache.read(image, 30) is None
    cache.keep(image, 30, DN, LOW)
    dn, low = cache.read(image, 30)
    assert (dn == DN).all() and (low == LOW).all() and dn.dtype == np.uint16
    assert cache.read(image, 60) is None
    assert [path.suffix for path in cache.folder.iterdir()] == [".npz"]


def test_an_image_that_was_made_again_is_another_one(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, DN, LOW)
    again = tmp_path / "again"
    again.write_bytes(b"y")
    again.rename(image)
    assert cache.read(image, 30) is None


def test_a_broken_file_counts_as_absent(tmp_path, image):
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, DN, LOW)
    (file,) = cache.folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert cache.read(image, 30) is None


def test_a_full_disk_is_no_error(tmp_path, image, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(10))
    cache = DetailCache(tmp_path / "cache")
    cache.keep(image, 30, DN, LOW)
    assert list(cache.folder.iterdir()) == [] and cache.read(image, 30) is None
