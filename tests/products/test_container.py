"""Containers: a folder and a zip archive of the same product look the same."""

import pickle
import zipfile

import pytest

from sen2like.errors import ProductError
from sen2like.products.container import open_container

FILES = {"MTD.xml": b"<a/>", "GRANULE/G/MTD_TL.xml": b"<b/>", "GRANULE/G/IMG_DATA/T_B01.JP2": b"12"}


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in" / "X.SAFE"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def archive(path, prefix):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in FILES.items():
            target.writestr(prefix + name, content)
        target.writestr("__MACOSX/._MTD.xml", b"")
    return path


@pytest.fixture(params=["folder", "zip with top folder", "zip without top folder"])
def container(request, folder, tmp_path):
    if request.param == "folder":
        return open_container(folder)
    return open_container(archive(tmp_path / "X.SAFE.zip", "X.SAFE/" if "with top" in request.param else ""))


def test_names_are_relative_to_the_product_root_and_sorted(container):
    assert container.list() == tuple(sorted(FILES))


def test_the_root_lists_files_and_folders(container):
    assert container.root() == ("GRANULE", "MTD.xml")


def test_the_name_is_that_of_the_product(container):
    assert container.name == "X.SAFE"


def test_files_are_read_and_known_to_exist(container):
    assert {name: container.read(name) for name in container.list()} == FILES
    assert container.exists("MTD.xml")
    assert not container.exists("mtd.xml")


def test_patterns_ignore_case_and_stop_at_slashes(container):
    assert container.find("granule/*/img_data/*_b01.jp2") == ("GRANULE/G/IMG_DATA/T_B01.JP2",)
    assert container.find("*.xml") == ("MTD.xml",)


def test_gdal_opens_what_the_path_says(container, folder):
    path = container.gdal_path("MTD.xml")
    assert path.endswith("MTD.xml")
    assert path.startswith("/vsizip/") != container.path.is_dir()


def test_a_missing_file_is_an_error_that_names_it(container):
    for use in (container.read, container.gdal_path):
        with pytest.raises(ProductError, match=r"no file NOT\.xml"):
            use("NOT.xml")


def test_a_container_survives_pickling(container):
    assert pickle.loads(pickle.dumps(container)).read("MTD.xml") == b"<a/>"


def test_relative_paths_and_trailing_slashes_are_accepted(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert open_container("X.SAFE/").path == folder
    monkeypatch.chdir(folder)
    assert open_container(".").name == "X.SAFE"


def test_an_absent_path_is_an_error(tmp_path):
    with pytest.raises(ProductError, match="not found"):
        open_container(tmp_path / "absent.SAFE")


def test_a_truncated_archive_is_an_error(tmp_path):
    path = archive(tmp_path / "X.zip", "X.SAFE/")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ProductError, match="not a complete zip archive"):
        open_container(path)


def test_a_damaged_member_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "X.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("X.SAFE/MTD.xml", b"metadata")
    path.write_bytes(path.read_bytes().replace(b"metadata", b"metaDATA"))
    with pytest.raises(ProductError, match=r"MTD\.xml: cannot be read"):
        open_container(path).read("MTD.xml")


def test_a_plain_file_is_not_a_product(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ProductError, match="neither a product folder nor a zip"):
        open_container(tmp_path / "a.txt")
