"""Writing all documents of a product, and the last check before it gets its name."""

import json
from dataclasses import replace

import packaging_cases as cases
import pytest

from sen2like.errors import MetadataError
from sen2like.packaging.checks import verify
from sen2like.packaging.documents import write_documents


@pytest.fixture
def written(tmp_path):
    """(folder, product) complete with rasters and documents."""
    folder = tmp_path / "product"
    product = cases.write_rasters(folder, cases.output_product(cases.fake_product(tmp_path)))
    write_documents(folder, product)
    return folder, product


def test_every_document_is_written_and_named(tmp_path, s2):
    paths = write_documents(tmp_path, s2)
    names = s2.names
    assert {names.product_metadata, names.tile_metadata, names.quality_report, names.stac_item} <= set(paths)
    assert {"MTD_MSIL2H.json", names.tile_metadata.replace(".xml", ".json"), "rep_info/L2H_QUALITY.xsd"} <= set(paths)
    assert all((tmp_path / path).stat().st_size for path in paths)


def test_json_metadata_can_be_switched_off(tmp_path, s2):
    paths = write_documents(tmp_path, s2, json_metadata=False)
    assert [path for path in paths if path.endswith(".json")] == [s2.names.stac_item]


def test_schema_locations_lead_to_the_schemas_in_the_product(tmp_path, s2):
    write_documents(tmp_path, s2)
    for path in (s2.names.product_metadata, s2.names.tile_metadata, s2.names.quality_report):
        text = (tmp_path / path).read_text("utf-8")
        location = text.split('schemaLocation="')[1].split('"')[0].split()
        assert len(location) == 2 and (tmp_path / path).parent.joinpath(location[1]).is_file()


def test_bad_input_metadata_leave_nothing_behind(tmp_path):
    product = cases.output_product(cases.fake_product(tmp_path, documents={"tile": b"<cut"}))
    with pytest.raises(MetadataError):
        write_documents(tmp_path / "out", product)
    assert not (tmp_path / "out").exists()


def test_clean_products_give_no_warning(written):
    assert written[1].record.warnings == []


def test_a_complete_product_passes(written):
    assert verify(*written, checksums=True) == []


def test_a_complete_landsat_product_passes(tmp_path):
    product = cases.write_rasters(tmp_path, cases.output_product(cases.landsat_product(tmp_path), "L2F"))
    write_documents(tmp_path, product)
    assert verify(tmp_path, product, checksums=True) == []


def test_a_missing_image_is_found(written):
    folder, product = written
    (folder / product.images[2].path).unlink()
    problems = verify(folder, product)
    assert f"{product.images[2].path}: listed but not there" in problems
    assert any("asset B03 leads to nothing" in problem for problem in problems)


def test_a_cut_image_is_found(written):
    folder, product = written
    path = folder / product.images[0].path
    path.write_bytes(path.read_bytes()[:500])
    problems = verify(folder, replace(product, images=(replace(product.images[0], size=500),)))
    assert problems and all(product.images[0].path in problem for problem in problems)


def test_an_image_of_another_shape_is_found(written):
    folder, product = written
    wrong = replace(product.images[0], shape=(10, 10))
    assert "(61, 61) pixels instead of (10, 10)" in verify(folder, replace(product, images=(wrong,)))[0]


def test_changed_pixels_are_found_by_their_checksum(written):
    folder, product = written
    path = folder / product.images[0].path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert verify(folder, product) == []
    assert "SHA-256" in verify(folder, product, checksums=True)[0]


def test_a_missing_auxiliary_file_is_found(written):
    folder, product = written
    (folder / product.names.angles).unlink()
    assert f"{product.names.angles}: listed but not there" in verify(folder, product)


@pytest.mark.parametrize("spoil", [lambda xml: xml[:-20], lambda xml: xml.replace(">S2A</M", ">XYZ</M"), lambda xml: ""])
def test_a_spoiled_quality_report_is_found(written, spoil):
    folder, product = written
    path = folder / product.names.quality_report
    path.write_text(spoil(path.read_text("utf-8")), "utf-8")
    assert any("L2H_QUALITY.xml" in problem for problem in verify(folder, product))


def test_an_absolute_link_is_found(written):
    folder, product = written
    path = folder / product.names.stac_item
    item = json.loads(path.read_text())
    item["assets"]["B01"]["href"] = "/somewhere/B01.TIF"
    path.write_text(json.dumps(item))
    assert "not relative" in verify(folder, product)[0]


def test_an_item_that_is_not_json_is_found(written):
    folder, product = written
    (folder / product.names.stac_item).write_text("{")
    assert "is not JSON" in verify(folder, product)[0]
