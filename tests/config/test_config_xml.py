"""GIPP XML: any order, optional elements, every violation with its line."""

import pytest

from sen2like.config import load
from sen2like.errors import ConfigurationError

HEAD = "<?xml version='1.0'?>\n<Level-2A_Ground_Image_Processing_Parameter>\n"
TAIL = "</Level-2A_Ground_Image_Processing_Parameter>\n"
MINIMUM = """\
<Processing>
  <doPackagerL2H>True</doPackagerL2H>
</Processing>
<Directories>
  <archive_dir>/out</archive_dir>
</Directories>
"""


@pytest.fixture
def xml(tmp_path):
    def write(body: str, head: str = HEAD, tail: str = TAIL):
        path = tmp_path / "c.xml"
        path.write_text(head + body + tail)
        return path

    return write


def problems_of(path):
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return [problem.rpartition("c.xml")[2] for problem in caught.value.problems]


def test_elements_are_optional(xml):
    config = load(xml(MINIMUM))
    assert config.processing.doPackagerL2H and config.output_format.gain == 10000


def test_sections_and_elements_come_in_any_order(xml):
    body = "<OutputFormat><offset>0</offset><gain>1000</gain></OutputFormat>" + MINIMUM
    assert load(xml(body)).output_format.gain == 1000


def test_a_section_is_known_in_any_case(xml):
    assert load(xml(MINIMUM + "<fusion><predict_nb_products>1</predict_nb_products></fusion>")).fusion.predict_nb_products == 1


def test_json_metadata_and_downsampling_levels_are_allowed(xml):
    body = MINIMUM + "<Packager><json_metadata>False</json_metadata></Packager>"
    body += "<COGoptions><downsampling_levels>variable</downsampling_levels></COGoptions>"
    assert load(xml(body)).packager.json_metadata is False


def test_old_names_are_read_with_a_notice(xml):
    config = load(xml(MINIMUM + "<Atmcor><atmcor_method>SMAC</atmcor_method></Atmcor>"))
    assert len(config.notices) == 1 and "atmcor_method" in config.notices[0]


def test_every_violation_is_listed_with_line_and_element(xml):
    body = MINIMUM + (
        "<InputProductArchive>\n<coverage>high</coverage>\n<cloud_cover>101</cloud_cover>\n<bas_url>x</bas_url>\n"
        "</InputProductArchive>\n<Geometri/>\n<Nbar>\n<nbar_methode>VBJ</nbar_methode>\n<gain>1</gain>\n</Nbar>\n"
    )
    problems = problems_of(xml(body))
    assert problems == [
        ":10: element <coverage> holds 'high', expected a number from 0 to 1",
        ":11: element <cloud_cover> holds '101', expected a number from 0 to 100",
        ":12: unknown element <bas_url> in <InputProductArchive>; did you mean 'base_url'?",
        ":14: unknown section <Geometri>; did you mean 'Geometry'?",
        ":16: element <nbar_methode> holds 'VBJ', expected one of ROY, VJB; did you mean 'VJB'?",
        ":17: element <gain> belongs into <OutputFormat>, not into <Nbar>",
    ]


def test_repeated_elements_and_sections_are_violations(xml):
    body = MINIMUM + "<Sbaf>\n<adaptative>True</adaptative>\n<adaptative>False</adaptative>\n</Sbaf>\n<Sbaf/>\n"
    assert problems_of(xml(body)) == [
        ":11: element <adaptative> is there already, at line 10",
        ":13: section <Sbaf> is there already, at line 9",
    ]


def test_values_the_schema_cannot_know_are_checked_too(xml):
    body = MINIMUM + "<COGoptions>\n<internal_tiling>1000</internal_tiling>\n</COGoptions>\n"
    (problem,) = problems_of(xml(body))
    assert problem.startswith(":10: internal_tiling = '1000'")


def test_text_that_is_not_well_formed_is_told_with_its_line(xml):
    problems = problems_of(xml("<Processing>\n<doToa>True</doNbar>\n"))
    assert problems[0].startswith(":4: not well-formed XML")


def test_another_root_element_is_refused(xml):
    assert "root element is <Other>" in problems_of(xml("", head="<Other>", tail="</Other>"))[0]


def test_external_entities_are_not_read(xml, tmp_path):
    (tmp_path / "secret").write_text("999")
    head = f'<!DOCTYPE r [<!ENTITY e SYSTEM "{tmp_path / "secret"}">]>\n' + HEAD.split("\n", 1)[1]
    with pytest.raises(ConfigurationError):
        load(xml(MINIMUM + "<OutputFormat><gain>&e;</gain></OutputFormat>", head=head))
