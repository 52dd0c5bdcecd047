"""The files of conf/ and the printed configuration come from the models and stay true to them."""

from pathlib import Path

import pytest
from lxml import etree

from sen2like.config import default_configuration, load
from sen2like.config.generate import ACCURATE, effective_ini, markdown, shipped_files
from sen2like.config.schema import FIELDS

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.mark.parametrize("name", ["config.ini", "accurate.ini", "config.xml", "Sen2Like_GIPP.xsd"])
def test_the_shipped_file_is_up_to_date(name):
    assert (CONF / name).read_text(encoding="utf-8") == shipped_files()[name], "run python -m sen2like.config.generate conf"


def test_the_shipped_ini_has_the_values_of_the_reference():
    config = load(CONF / "config.ini")
    off = [key for key, on in config.processing.model_dump().items() if not on]
    assert off == ["doTopographicCorrection"]
    assert (config.input_product_archive.coverage, config.input_product_archive.cloud_cover) == (0.5, 20)
    assert config.fusion.predict_method == "composite" and config.packager.quicklook_jpeg_quality == 75
    assert str(config.geometry.references_map) == "/data/References/references_map.json"


def test_the_shipped_ini_and_xml_say_the_same():
    assert load(CONF / "config.ini").model_dump() == load(CONF / "config.xml").model_dump()


def test_the_shipped_ini_documents_every_parameter():
    text = (CONF / "config.ini").read_text()
    assert [key for key in FIELDS if f"\n{key} = " not in text and f"\n# {key} = " not in text] == []


def test_the_accurate_configuration_differs_as_it_says():
    plain, accurate = load(CONF / "config.ini"), load(CONF / "accurate.ini")
    assert {key for key in FIELDS if plain.value(key) != accurate.value(key)} == set(ACCURATE)


def test_the_xml_validates_against_the_shipped_xsd():
    schema = etree.XMLSchema(etree.parse(str(CONF / "Sen2Like_GIPP.xsd")))
    assert schema.validate(etree.parse(str(CONF / "config.xml"))), schema.error_log


@pytest.mark.parametrize("name", ["config.ini", "accurate.ini"])
def test_the_printed_configuration_loads_to_the_same_values(tmp_path, name):
    config = load(CONF / name, ["doAssessGeometry=B02,B04,url_parameters_pattern={base_url}/x"])
    (tmp_path / "printed.ini").write_text(effective_ini(config))
    assert load(tmp_path / "printed.ini").model_dump() == config.model_dump()


def test_the_printed_configuration_tells_origins():
    text = effective_ini(load(CONF / "config.ini", ["gain=5"]))
    assert "# --confParams\ngain = 5\n" in text
    assert f"# {CONF / 'config.ini'}:" in text
    assert "# default\ns2_processing_level = None\n" in text


def test_the_default_configuration_is_that_of_the_checkout():
    assert default_configuration() == CONF / "config.ini"


def test_the_documentation_has_a_row_for_every_parameter():
    assert [key for key in FIELDS if f"| `{key}` |" not in markdown()] == []
