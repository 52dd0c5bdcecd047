"""Images of an output product are looked at when they are written: a cut one never gets into a product."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import packaging_cases as cases
import pytest

from sen2like.errors import PackagingError
from sen2like.grid import mgrs
from sen2like.packaging import writer as module
from sen2like.packaging.output import WrittenFile
from sen2like.packaging.writer import OutputSettings, ProductWriter
from sen2like.products.model import Band
from sen2like.raster.image import Image

TILE = mgrs.tile("31TFJ")
GRID = TILE.geobox(300)


@pytest.fixture
def aside():
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def writer(tmp_path, aside):
    source = SimpleNamespace(
        sensor_name="S2A", instrument="MSI", datatake_start=cases.PRODUCED, datastrip_start=cases.PRODUCED, relative_orbit=8,
        absolute_orbit="025956",
    )  # fmt: skip
    return ProductWriter("L2F", source, TILE, OutputSettings(tmp_path), cases.PRODUCED, aside)


def test_an_image_that_was_cut_is_found_at_once(writer, monkeypatch):
    whole = module.write_image

    def cut(path, *arguments, **options):
        whole(path, *arguments, **options)
        os.truncate(path, path.stat().st_size - 1000)

    dn = np.random.default_rng(0).integers(1001, 9000, GRID.shape).astype(np.uint16)
    band = Band("B04", "B04", "", 300.0)
    assert writer.add_image(Band("B03", "B03", "", 300.0), dn, Image(dn, GRID, 0)).shape == dn.shape
    monkeypatch.setattr(module, "write_image", cut)
    with pytest.raises(PackagingError, match=r"is not complete: GRANULE/.*_B04_300m\.TIF: cannot be read"):
        writer.add_image(band, dn, Image(dn, GRID, 0))


def test_a_mask_of_another_shape_is_found_at_once(writer):
    mask = Image(np.ones(GRID.shape, np.uint8), GRID)
    writer.add_mask("MSK", mask)
    name = writer.names.mask
    assert [file.path for file in writer.files] == [name]
    with pytest.raises(PackagingError, match=rf"{name}: \(366, 366\) pixels instead of \(10, 10\)"):
        writer.add_file(WrittenFile(name, "MSK", "COG", {}, (10, 10), GRID.affine))


@pytest.fixture
def filled(tmp_path, aside):
    """(writer, output): all but the documents is there."""
    made = ProductWriter("L2F", cases.fake_product(tmp_path), TILE, OutputSettings(tmp_path / "out"), cases.PRODUCED, aside)
    output = replace(cases.output_product(cases.fake_product(tmp_path)), names=made.names)
    return made, cases.write_rasters(made.folder, output)


def test_a_disk_that_refuses_a_file_keeps_the_product_from_being_finished(filled, monkeypatch):
    def fsync(_):
        raise OSError(5, "Input/output error")

    writer, output = filled
    monkeypatch.setattr(module.os, "fsync", fsync)
    with pytest.raises(PackagingError, match=r"cannot bring .* to disk: Input/output error"):
        writer.finish(output)
    writer.abandon()
    assert list(writer.final.parent.iterdir()) == []


def test_every_document_is_on_disk_when_the_product_is_finished(filled, monkeypatch):
    flushed = set()
    monkeypatch.setattr(module, "_to_disk", flushed.add)
    writer, output = filled
    writer.finish(output)
    documents = {path for path in writer.folder.rglob("*") if path.suffix in (".xml", ".json", ".xsd")}
    assert documents and documents <= flushed
