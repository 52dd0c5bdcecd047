"""Metadata of candidates are read once (sen2like.archive.details_store)."""

import os
import shutil

import pytest

from sen2like.archive import details_store
from sen2like.archive.details_store import DetailsStore
from sen2like.archive.model import Found
from sen2like.errors import ProductError
from sen2like.products.registry import recognise


@pytest.fixture
def found(s2_product):
    return Found(str(s2_product.path), recognise(s2_product.path), "here")


@pytest.fixture
def read(monkeypatch):
    """Locations whose metadata were opened."""
    opened = []
    inspect = details_store.inspect
    monkeypatch.setattr(details_store, "inspect", lambda path: opened.append(path) or inspect(path))
    return opened


def test_the_next_run_does_not_open_them_again(tmp_path, found, read):
    first = DetailsStore(tmp_path)
    told = first.details(found)
    first.save()
    assert DetailsStore(tmp_path).details(found) == told
    assert told.cloud_cover == pytest.approx(4.0, abs=1.0) and read == [found.location]


def test_what_was_changed_is_read_again(tmp_path, found, read):
    copy = shutil.copytree(found.location, tmp_path / os.path.basename(found.location))
    moved = Found(str(copy), found.identity, "here")
    store = DetailsStore(tmp_path / "cache")
    store.details(moved)
    os.utime(copy, ns=(1, 1))
    store.details(moved)
    assert len(read) == 2


def test_what_cannot_be_read_is_asked_for_again(tmp_path, found):
    store = DetailsStore(tmp_path)
    for _ in range(2):
        with pytest.raises(ProductError):
            store.details(Found(str(tmp_path), found.identity, "here"))
    store.save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99, "details": {}}', '{"version": 1, "details": {"a": 3}}'])
def test_a_broken_file_is_no_obstacle(tmp_path, found, text):
    (tmp_path / details_store.FILE_NAME).write_text(text)
    store = DetailsStore(tmp_path)
    store.details(found)
    store.save()
    assert DetailsStore(tmp_path).details(found).cloud_cover is not None


def test_a_folder_that_cannot_be_written_to_is_no_error(tmp_path, found):
    (tmp_path / "file").touch()
    store = DetailsStore(tmp_path / "file" / "cache")
    store.details(found)
    store.save()
