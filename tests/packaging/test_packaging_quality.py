"""Quality report; lists, messages, order and defaults are those of spec 11 section 6."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import packaging_cases as cases
import pytest
from lxml import etree

from sen2like.packaging import quality, schemas, xmltree

INPUT = b"""<L2A_Quality_File xmlns="http://gs2.esa.int/DATA_STRUCTURE/l2aqiReport"><extraValues>
<value name="CLOUDY_PIXEL_PERCENTAGE">15.05</value><value name="CLOUDY_PIXEL_PERCENTAGE">99</value>
<value name="GRANULE_MEAN_AOT">0.166</value><value name="DARK_FEATURES_PERCENTAGE">0.7</value></extraValues></L2A_Quality_File>"""


def report(product, psd=14):
    return quality.build(product, psd)


def values(root):
    return {v.get("name"): v.text for v in root.iterfind(".//{*}value")}


def with_quality(product, **names):
    product.record.set_quality(**names)
    return product


@pytest.mark.parametrize(("level", "lists"), [
    ("L2H", "L2A_SC L2A_AC L2A_AUX L2H_VALIDITY_MASK L2H_GEO L2H_BRDF L2H_SBAF L2H_TOPOGRAPHIC_CORRECTION"),
    ("L2F", "L2A_SC L2A_AC L2A_AUX L2F_VALIDITY_MASK L2F_GEO L2F_BRDF L2F_SBAF L2F_TOPOGRAPHIC_CORRECTION L2F_FUSION"),
])  # fmt: skip
def test_lists_come_in_the_order_of_the_specification(tmp_path, level, lists):
    root = report(cases.output_product(cases.fake_product(tmp_path), level))
    assert [e.text for e in root.iterfind(".//{*}parentID")] == lists.split()


def test_header_is_that_of_the_specification(s2):
    root = report(s2)
    header = {etree.QName(e).localname: e.text for e in root.find(".//{*}Fixed_Header").iter() if not len(e)}
    assert header["File_Name"] == "L2H_QUALITY" and header["File_Type"] == "L2H_QLINFO" and header["Mission"] == "S2A"
    assert header["File_Version"] == "0406" and header["Creation_Date"] == "UTC=2026-03-12T10:15:00"
    assert header["Validity_Start"] == "UTC=0000-00-00T00:00:00"


def test_defaults_are_those_of_the_specification(tmp_path):
    got = values(report(cases.output_product(cases.fake_product(tmp_path), "L2F")))
    assert got["BAND"] == "B04" and got["SBAF_ADAPTATIVE"] == "False" and got["CLOUDY_PIXEL_PERCENTAGE"] == "NONE"
    assert got["KERNEL_DEFINITION"] == "Strahler and al. 1999" and got["REFERENCE_DOI_SBAF"] == "Claverie and al. 2018"
    assert got["REFERENCE_DOI_GEOMETRY"] == "Publication regarding the SIFT methods (ISPRS)"
    assert got["REFERENCE_DOI_FUSION"] == "Sen2like ATBD" and got["PREDICTED_METHOD"] == "TBW"
    assert not [name for name in got if name.startswith(("SBAF_COEFFICIENT", "SBAF_OFFSET"))]


def test_values_of_the_run_are_written(s2):
    got = values(report(with_quality(s2, GRANULE_MEAN_AOT=0.1199821894871089, VALID_PIX_PERCENTAGE="95.869061")))
    assert got["GRANULE_MEAN_AOT"] == "0.1199821894871089" and got["VALID_PIX_PERCENTAGE"] == "95.869061"


def test_sbaf_values_are_those_set_sorted_by_name(s2):
    names = {f"SBAF_{kind}_{band}": 1 for kind in ("OFFSET", "COEFFICIENT") for band in ("B8A", "B11", "B02")}
    root = report(with_quality(s2, **names))
    listed = [v.get("name") for v in root.iterfind(".//{*}value") if "B02" in v.get("name") or "B8A" in v.get("name")]
    assert [n for n in listed if n.startswith("SBAF")] == [
        "SBAF_COEFFICIENT_B02", "SBAF_COEFFICIENT_B8A", "SBAF_OFFSET_B02", "SBAF_OFFSET_B8A"
    ]  # fmt: skip


def test_the_input_report_fills_what_no_block_has_set(tmp_path):
    source = cases.fake_product(tmp_path, level="Level-2A", documents={"quality": INPUT})
    got = values(report(with_quality(cases.output_product(source), GRANULE_MEAN_AOT=0.2)))
    assert got["CLOUDY_PIXEL_PERCENTAGE"] == "15.05"
    assert got["GRANULE_MEAN_AOT"] == "0.2"
    assert got["AC_PROCESSOR"] == "SEN2COR" and got["DARK_FEATURES_PERCENTAGE"] == "0.7"


def test_psd_15_reports_of_level_2a_call_dark_features_cast_shadow(tmp_path):
    source = cases.fake_product(tmp_path, level="Level-2A", baseline="05.11")
    got = values(report(cases.output_product(source), psd=15))
    assert "CAST_SHADOW_PERCENTAGE" in got and "DARK_FEATURES_PERCENTAGE" not in got


def test_a_broken_input_report_is_a_warning(tmp_path):
    product = cases.output_product(cases.fake_product(tmp_path, documents={"quality": b"<open>"}))
    assert values(report(product))["CLOUDY_PIXEL_PERCENTAGE"] == "NONE"
    assert "L2A_QUALITY.xml" in product.record.warnings[0]


def test_a_value_without_place_is_a_warning(s2):
    report(with_quality(s2, NOT_IN_THE_TABLE=1))
    assert "NOT_IN_THE_TABLE" in s2.record.warnings[0]


@pytest.mark.parametrize(("names", "status"), [
    ({}, "PASSED"), ({"NON_FINITE_PIXELS": 0}, "PASSED"), ({"NON_FINITE_PIXELS": 3}, "FAILED"),
    ({"SHIFT_REJECTED": True}, "FAILED"), ({"SHIFT_REJECTED": False}, "PASSED"),
])  # fmt: skip
def test_status_follows_what_the_run_found(s2, names, status):
    root = report(with_quality(s2, **names))
    assert root.find(".//{*}report").get("globalStatus") == status
    assert {n: str(v) for n, v in names.items()}.items() <= values(root).items()
    assert quality.validate_quality(xmltree.serialised(root)) == []


@pytest.mark.parametrize("mission", ["S2A", "S2B", "S2C", "S2D", "LS8", "LS9", "S2P"])
@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_reports_of_every_mission_are_valid(tmp_path, mission, level):
    product = cases.output_product(cases.fake_product(tmp_path, sensor_name=mission), level)
    assert quality.validate_quality(xmltree.serialised(report(product))) == []


@pytest.mark.parametrize(("wrong", "right"), [
    (b"<Mission>S9Z<", b"<Mission>S2A<"), (b'globalStatus="MAYBE"', b'globalStatus="PASSED"'),
    (b"UTC=2026-3-12", b"UTC=2026-03-12"), (b">12345</File_Version", b">0406</File_Version"),
])  # fmt: skip
def test_the_schema_finds_wrong_values(s2, wrong, right):
    xml = xmltree.serialised(report(s2))
    assert right in xml
    assert quality.validate_quality(xml.replace(right, wrong)) != []


def test_all_elements_are_in_the_namespace(s2):
    uri = schemas.namespace(schemas.QUALITY, "L2H")
    assert {etree.QName(e).namespace for e in report(s2).iter()} == {uri}
    assert uri == "http://gs2.esa.int/DATA_STRUCTURE/l2hqiReport"


def test_items_name_the_folder_they_are_about(s2):
    items = report(s2).findall(".//{*}item")
    assert items[2].get("url") == f"{s2.names.folder}/GRANULE/{s2.names.granule}/AUX_DATA"
    assert items[0].get("class") == "http://www.esa.int/s2#pdi_level_2a_tile_container"
    assert items[3].get("className") == "PDI Level 2H Tile Folder"


def test_json_is_typed(s2):
    product = with_quality(s2, VALID_PIX_PERCENTAGE="95.5", NB_OF_POINTS=14704, SBAF_ADAPTATIVE=True, REF_IMAGE="31TFJ_B04.tif")
    content = json.loads(quality.as_json(report(product)))
    assert content["VALIDITY_MASK"]["VALID_PIX_PERCENTAGE"] == 95.5
    geometry = content["L2H_Geometry"]
    assert geometry["NB_OF_POINTS"] == 14704 and geometry["REF_IMAGE"] == "31TFJ_B04.tif" and geometry["MEAN"] is None
    assert content["L2H_SBAF"]["SBAF_ADAPTATIVE"] is True


def test_values_are_escaped(s2):
    xml = xmltree.serialised(report(with_quality(s2, REF_IMAGE="a<b>&c.tif")))
    assert values(etree.fromstring(xml))["REF_IMAGE"] == "a<b>&c.tif"


def test_reports_made_at_the_same_time_are_equal(s2):
    other = replace(s2, production_time=datetime(2026, 3, 12, 10, 15, 0, 123456, tzinfo=UTC))
    assert xmltree.serialised(report(s2)) == xmltree.serialised(report(other))
