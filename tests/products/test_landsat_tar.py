"""Tar archives: read in place or extracted, and refused when they are unsafe or damaged."""

import gzip
import io
import os
import pickle
import tarfile

import pytest
import rasterio

from sen2like.errors import ProductError
from sen2like.products.tar import TarArchive, extract, open_archive

FILES = {"X_MTL.txt": b"metadata", "X_B1.TIF": b"12", "sub/X_B2.TIF": b"3" * 2000}


def pack(path, files=None, prefix="", mode="w", extra=()):
    with tarfile.open(path, mode) as target:
        for name, content in (FILES if files is None else files).items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
        for info in extra:
            target.addfile(info)
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def folder_entry(name):
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


@pytest.fixture(params=[("X.tar", "", "w"), ("X.tar", "X/", "w"), ("X.tar.gz", "", "w:gz"), ("X.tgz", "X/", "w:gz")], ids=str)
def container(request, tmp_path):
    name, prefix, mode = request.param
    return open_archive(pack(tmp_path / name, prefix=prefix, mode=mode), tmp_path / "work")


def test_names_are_relative_to_the_product_root(container):
    assert container.list() == tuple(sorted(FILES))
    assert container.name == "X"
    assert container.root() == ("X_B1.TIF", "X_MTL.txt", "sub")


def test_files_are_read(container):
    assert {name: container.read(name) for name in container.list()} == FILES
    with pytest.raises(ProductError, match="no file Y"):
        container.read("Y")


def test_a_container_survives_pickling(container):
    assert pickle.loads(pickle.dumps(container)).read("X_MTL.txt") == b"metadata"


@pytest.mark.parametrize("name", ["X.tar", "X.archive"])
def test_gdal_reads_images_in_place(tmp_path, name):
    image = tmp_path / "a.tif"
    with rasterio.open(image, "w", driver="GTiff", width=3, height=2, count=1, dtype="uint8"):
        pass
    long_name = "deep/" + "n" * 120 + ".TIF"
    container = open_archive(pack(tmp_path / name, {"a.TIF": image.read_bytes(), long_name: image.read_bytes()}))
    assert isinstance(container, TarArchive)
    for member in ("a.TIF", long_name):
        assert str(tmp_path / name) in container.gdal_path(member)
        with rasterio.open(container.gdal_path(member)) as source:
            assert source.read(1).shape == (2, 3)


def test_folders_and_leftovers_of_packing_tools_are_no_files(tmp_path):
    files = {"./X_MTL.txt": b"1", "./._X_MTL.txt": b"2"}
    for name, mode in (("X.tar", "w"), ("X.tar.gz", "w:gz")):
        archive = pack(tmp_path / name, files, mode=mode, extra=[folder_entry("./empty")])
        assert open_archive(archive, tmp_path / "work").list() == ("X_MTL.txt",)


UNSAFE = {
    "parent": lambda p, m: pack(p, {"../evil": b"1", **FILES}, mode=m),
    "inner parent": lambda p, m: pack(p, {"a/../../evil": b"1"}, mode=m),
    "absolute": lambda p, m: pack(p, {"/tmp/evil": b"1"}, mode=m),
    "symbolic link": lambda p, m: pack(p, mode=m, extra=[link("X_B3.TIF", "/etc/passwd")]),
    "hard link": lambda p, m: pack(p, mode=m, extra=[link("X_B3.TIF", "X_B1.TIF", tarfile.LNKTYPE)]),
    "link as folder": lambda p, m: pack(p, mode=m, extra=[link("sub2", "/tmp")]),
    "device": lambda p, m: pack(p, mode=m, extra=[link("X_B3.TIF", "", tarfile.CHRTYPE)]),
}


@pytest.mark.parametrize("case", UNSAFE)
@pytest.mark.parametrize(("name", "mode"), [("X.tar", "w"), ("X.tar.gz", "w:gz")])
def test_anything_but_plain_files_below_the_root_is_refused(tmp_path, case, name, mode):
    (tmp_path / "in").mkdir()
    path = UNSAFE[case](tmp_path / "in" / name, mode)
    with pytest.raises(ProductError, match=rf"{name}.*(evil|X_B3|sub2).*refused as unsafe"):
        open_archive(path, tmp_path / "work").list()
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert left == [path]
    assert not (tmp_path / "work").exists() or not any((tmp_path / "work").iterdir())


@pytest.mark.parametrize("cut", [300, 512, 1000, 3000])
def test_a_truncated_archive_is_an_error_and_leaves_nothing(tmp_path, cut):
    plain = pack(tmp_path / "X.tar", {"a": os.urandom(5000), "b": os.urandom(5000)})
    plain.write_bytes(plain.read_bytes()[: 5120 + cut])
    with pytest.raises(ProductError, match="not a complete tar"):
        open_archive(plain).list()
    packed = pack(tmp_path / "X.tar.gz", {"a": os.urandom(5000), "b": os.urandom(5000)}, mode="w:gz")
    packed.write_bytes(packed.read_bytes()[: 5120 + cut])
    with pytest.raises(ProductError, match="cannot be extracted"):
        open_archive(packed, tmp_path / "work")
    assert not any((tmp_path / "work").iterdir())


def test_what_is_no_archive_is_an_error(tmp_path):
    (tmp_path / "X.tar").write_bytes(b"text" * 300)
    with pytest.raises(ProductError, match="not a complete tar"):
        open_archive(tmp_path / "X.tar").list()
    (tmp_path / "X.tar.gz").write_bytes(gzip.compress(b"text" * 300))
    with pytest.raises(ProductError, match="cannot be extracted"):
        open_archive(tmp_path / "X.tar.gz", tmp_path / "work")
    with pytest.raises(ProductError, match="not found"):
        open_archive(tmp_path / "absent.tar")


def test_two_files_of_one_name_are_an_error(tmp_path):
    for name, mode in (("X.tar", "w"), ("X.tar.gz", "w:gz")):
        extra = tarfile.TarInfo("X_B1.TIF")
        with pytest.raises(ProductError, match="X_B1"):
            open_archive(pack(tmp_path / name, mode=mode, extra=[extra]), tmp_path / "work").list()


def test_a_compressed_archive_needs_a_working_folder(tmp_path):
    with pytest.raises(ProductError, match="give a working folder"):
        open_archive(pack(tmp_path / "X.tar.gz", mode="w:gz"))


def test_an_archive_is_extracted_once_and_again_when_it_or_the_copy_changed(tmp_path):
    archive = pack(tmp_path / "X.tar.gz", mode="w:gz")
    target = extract(archive, tmp_path / "work")
    assert target == tmp_path / "work" / "X"
    file = target / "X_B1.TIF"
    first = file.stat().st_ino, file.stat().st_mtime_ns
    extract(archive, tmp_path / "work")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == first
    file.unlink()
    extract(archive, tmp_path / "work")
    assert file.read_bytes() == b"12"
    pack(archive, {"X_B1.TIF": b"new"}, mode="w:gz")
    os.utime(archive, ns=(1, 1))
    assert extract(archive, tmp_path / "work").joinpath("X_B1.TIF").read_bytes() == b"new"
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["X"]
