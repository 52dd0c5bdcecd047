"""Named sources in INI and XML: values, every problem at once, and their way back into text."""

import pytest
from lxml import etree

from sen2like.config import load
from sen2like.config.generate import effective_ini, markdown
from sen2like.config.sources import KEYS
from sen2like.config.xsd import xsd_text
from sen2like.errors import ConfigurationError

MINIMUM = "[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = /out\n"
TWO = """\
[Source creodias]
type = OData
missions = Sentinel2, landsat8
collections = SENTINEL-2

[source nas 2]
type = index
folder = /data/all
"""
XML = """<?xml version='1.0'?>
<Level-2A_Ground_Image_Processing_Parameter>
<Processing><doPackagerL2H>True</doPackagerL2H></Processing>
<Directories><archive_dir>/out</archive_dir></Directories>
<Sources>
{}
</Sources>
</Level-2A_Ground_Image_Processing_Parameter>
"""


@pytest.fixture
def ini(tmp_path):
    def write(text: str):
        path = tmp_path / "c.ini"
        path.write_text(MINIMUM + text)
        return path

    return write


@pytest.fixture
def xml(tmp_path):
    def write(text: str):
        path = tmp_path / "c.xml"
        path.write_text(XML.format(text))
        return path

    return write


def problems_of(path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return [problem.partition(f"{path.name}:")[2] for problem in caught.value.problems]


def test_without_a_source_there_is_none(ini):
    assert load(ini("")).sources == ()


def test_sources_are_read_in_the_order_of_the_file(ini):
    one, two = load(ini(TWO)).sources
    assert (one.name, one.type, one.missions, one.collections) == (
        "creodias",
        "odata",
        ("Sentinel2", "Landsat8"),
        ("SENTINEL-2",),
    )
    assert (two.name, two.type, two.folder, two.missions) == (
        "nas 2",
        "index",
        "/data/all",
        ("Sentinel2", "Landsat8", "Landsat9"),
    )


def test_sources_in_xml_say_the_same(ini, xml):
    text = (
        '<Source name="creodias"><type>odata</type><missions>Sentinel2,Landsat8</missions><collections>SENTINEL-2</collections>'
        '</Source><Source name="nas 2"><folder>/data/all</folder><type>index</type></Source>'
    )
    assert load(xml(text)).sources == load(ini(TWO)).sources


def test_the_xml_with_sources_is_valid_by_the_schema():
    schema = etree.XMLSchema(etree.fromstring(xsd_text().encode()))
    good = '<Source name="a"><type>stac</type><url>/c.json</url></Source><Source name="b"><type>odata</type></Source>'
    assert schema.validate(etree.fromstring(XML.format(good).encode())), schema.error_log
    for bad in ("<Source><type>stac</type></Source>", '<Source name="a"><type>csv</type></Source>', "<Sauce/>"):
        assert not schema.validate(etree.fromstring(XML.format(bad).encode())), bad


def test_every_problem_of_every_source_is_told_with_its_line(ini):
    told = problems_of(
        ini(
            "[Source a]\nfolder = /x\n[Source b]\ntype = odat\nmissions = Sentinel3\nurls = x\n[Source c]\ntype = index\n"
            "[Source d]\ntype = pattern\nurl = /x/{til}\n[Source]\ntype = odata\n[Source e]\ntype = stac\nurl\n[Source f]\n"
            "coverage = 1\ntype = odata\nlocation = {tile\n"
        )
    )
    assert told == [
        "10: [Source b] has an unknown key 'urls'; did you mean 'url'?",
        "22: [Source f] has an unknown key 'coverage'",
        "5: [Source a] has no type: expected one of pattern, index, odata, resto, stac",
        "8: [Source b] type = 'odat': expected one of pattern, index, odata, resto, stac; did you mean 'odata'?",
        "9: [Source b] missions = 'Sentinel3': expected names separated by commas, out of Sentinel2, Landsat8, Landsat9; "
        "did you mean 'Sentinel2'?",
        "11: [Source c] has no folder, which type = index needs",
        "15: [Source d] url: unknown placeholder {til}; known are base_url base_url_landsat base_url_s2 cloud_cover end_date "
        "location mission path row s2_processing_level start_date tile",
        "16: a source has no name; write [Source NAME]",
        "18: [Source e] has no url, which type = stac needs",
        "24: [Source f] location: expected '}' before end of string",
    ]


def test_the_same_problems_are_told_of_xml(xml):
    told = problems_of(
        xml(
            '<Source name="a">\n<type>odat</type>\n<url><b/></url>\n</Source>\n<Sorce/>\n<Source name="c"/>\n<Source/>\n'
            '<Source name="a">\n<type>odata</type>\n</Source>\n<Source name="d"><type>odata</type>\n<type>odata</type></Source>'
        )
    )
    assert told[:2] == ["8: element <url> must hold text only", "10: unknown element <Sorce> in <Sources>; expected <Source>"]
    rest = "\n".join(told[2:])
    assert "7: [Source a] type = 'odat': expected one of" in rest and "11: [Source c] has no type" in rest
    assert "12: a source has no name" in rest and "13: [Source a] is there already" in rest
    assert "17: [Source d] type is there already" in rest


def test_an_ini_section_that_is_there_twice_is_told(ini):
    assert problems_of(ini("[Source a]\ntype = odata\n[Source a]\n")) == ["7: section [Source a] is there already, at line 5"]


def test_a_key_without_effect_is_a_notice(ini):
    (notice,) = load(ini("[Source a]\ntype = index\nfolder = /x\ncollections = y\n")).notices
    assert notice.endswith("c.ini:8: [Source a] collections has no effect with type = index")


def test_keys_of_sources_do_not_set_parameters_of_other_sections(ini):
    config = load(ini("[Source a]\ntype = resto\nurl = http://x/{location}\nthumbnail_property = properties/id\n"))
    assert config.input_product_archive.thumbnail_property is None and config.sources[0].thumbnail_property == "properties/id"


def test_the_closed_catalogue_is_refused_in_a_source(ini):
    assert "is closed" in problems_of(ini("[Source a]\ntype = resto\nurl = https://finder.creodias.eu/resto/x\n"))[0]


def test_sources_do_not_change_results(ini):
    assert load(ini(TWO)).digest == load(ini("")).digest


def test_the_printed_configuration_loads_to_the_same_sources(ini, tmp_path):
    config = load(ini(TWO + "[Source s]\ntype = stac\nurl = https://h/stac\nasset = a, b\nmount = /mnt\n"))
    (tmp_path / "printed.ini").write_text(effective_ini(config))
    assert load(tmp_path / "printed.ini").sources == config.sources


def test_every_key_is_described_and_documented():
    assert [key for key, field in KEYS.items() if not field.description or f"| `{key}` |" not in markdown()] == []
