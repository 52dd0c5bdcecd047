"""Product and tile metadata; values are those of spec 11 sections 1 to 5 and of the input documents."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import packaging_cases as cases
import pytest
from lxml import etree
from odc.geo.geobox import GeoBox

from sen2like.errors import MetadataError
from sen2like.packaging import product_xml, schemas, tile_xml, xmltree
from sen2like.packaging.documents import MeanAngles, WrittenFile, source_documents
from sen2like.products.model import Angles


def product_root(product, psd=14):
    return product_xml.build(product, source_documents(product), psd)


def tile_root(product, psd=14):
    return tile_xml.build(product, source_documents(product), psd)


def texts(root, name):
    return [element.text for element in root.iterfind(f".//{{*}}{name}")]


def test_product_metadata_of_sentinel2_copies_the_input(s2):
    root = product_root(s2)
    assert texts(root, "PRODUCT_START_TIME") == ["2017-10-30T10:41:51.026Z"]
    assert root.find(".//Datatake").get("datatakeIdentifier") == "GS2A_20171030T104151_012303_N05.10"
    assert texts(root, "SENSING_ORBIT_NUMBER") == ["8"]
    assert texts(root, "U") == ["1.0136"] and texts(root, "SOLAR_IRRADIANCE") == ["1884.69"]
    assert texts(root, "PHYSICAL_GAINS") == ["4.10137842", "3.75605469"]
    assert texts(root, "CENTRAL") == ["443.9"]
    assert texts(root, "Cloud_Coverage_Assessment") == ["3.14"]
    assert texts(root, "GRI_FILENAME") == ["S2A_OPER_GRI_MSIL1B"]


def test_product_metadata_tells_what_was_made(s2):
    root = product_root(s2)
    assert texts(root, "PRODUCT_URI") == ["S2A_MSIL2H_20171030T104151_N0406_R008_T31TFJ_20260312T101500.SAFE"]
    assert texts(root, "PROCESSING_LEVEL") == ["Level-2H"] and texts(root, "PRODUCT_TYPE") == ["S2MSI2H"]
    assert texts(root, "PROCESSING_BASELINE") == ["04.06"]
    assert texts(root, "GENERATION_TIME") == ["2026-03-12T10:15:00.123Z"]


def test_images_are_listed_without_extension_and_native_ones_last(s2):
    listed = texts(product_root(s2), "IMAGE_FILE_2HF")
    assert len(listed) == 11 and listed == sorted(listed)
    assert listed[0].startswith("GRANULE/L2H_") and listed[0].endswith("_B01_60m")
    assert ["/NATIVE/" in path for path in listed] == [False] * 7 + [True] * 4


def test_landsat_b11_is_listed_twice(landsat):
    assert len([path for path in texts(product_root(landsat), "IMAGE_FILE_2HF") if path.endswith("B11_30m")]) == 2


@pytest.mark.parametrize(("output_format", "text"), [("COG", "GEOTIFF"), ("GTIFF", "GEOTIFF"), ("JPEG2000", "JPEG2000")])
def test_image_format_is_named(s2, output_format, text):
    assert product_root(replace(s2, output_format=output_format)).find(".//Granule").get("imageFormat") == text


@pytest.mark.parametrize(("gain", "offset", "expected"), [(10000, 1000, ("10000", "-1000")), (5000.0, 0.0, ("5000", "0"))])
def test_gain_and_offset_are_those_of_the_images(s2, gain, offset, expected):
    root = product_root(replace(s2, gain=gain, offset=offset))
    assert texts(root, "BOA_QUANTIFICATION_VALUE") == [expected[0]]
    assert texts(root, "BOA_ADD_OFFSET") == [expected[1]] * 13


def test_footprint_is_the_closed_outline_of_the_tile(s2):
    # spec 11 section 13
    assert texts(product_root(s2), "EXT_POS_LIST") == [
        "44.2465509 4.2524809 44.2232097 5.6266460 43.2356010 5.5838083 43.2581553 4.2320327 44.2465509 4.2524809"
    ]


def test_the_configuration_is_the_last_gipp(s2):
    gipp = product_root(replace(s2, configuration_name="conf/my.config.ini")).findall(".//GIPP_FILENAME")
    assert [g.text for g in gipp] == ["S2A_OPER_GIP_ATMIMA", "my.config"]
    assert dict(gipp[-1].attrib) == {"version": "0406", "type": "GIP_S2LIKE"}


def test_auxiliary_names_the_input_lacks_are_none(s2):
    root = product_root(s2)
    assert texts(root, "PRODUCTION_DEM_TYPE") == ["CopernicusDEM30"]
    assert texts(root, "ECMWF_DATA_REF") == ["NONE"]


def test_an_absent_datatake_is_left_out_with_a_warning(tmp_path):
    xml = cases.product_xml().replace(b"Datatake", b"SomethingElse")
    product = cases.output_product(cases.fake_product(tmp_path, documents={"product": xml}))
    assert product_root(product).find(".//Datatake") is None
    assert any("has no Datatake" in warning for warning in product.record.warnings)
    assert schemas.validate(xmltree.serialised(product_root(product))) == []


def test_an_input_that_is_not_xml_is_an_error_with_the_line(tmp_path):
    product = cases.output_product(cases.fake_product(tmp_path, documents={"product": b"<a>\n<b></a>"}))
    with pytest.raises(MetadataError, match=r"product metadata of S2A_MSIL1C.*line 2"):
        product_root(product)


def test_an_input_without_tile_metadata_is_an_error(tmp_path):
    product = cases.output_product(cases.fake_product(tmp_path, documents={"tile": None}))
    with pytest.raises(MetadataError, match="no tile metadata"):
        tile_root(product)


def test_an_input_with_entities_is_refused(tmp_path):
    xml = cases.product_xml().replace(b"?>\n<n1", b'?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "/etc/hostname">]>\n<n1', 1)
    product = cases.output_product(cases.fake_product(tmp_path, documents={"product": xml.replace(b"INS-NOBS", b"&e;")}))
    with pytest.raises(MetadataError, match="document type declaration"):
        product_root(product)


def test_landsat_values_are_computed(landsat):
    root = product_root(landsat)
    assert texts(root, "PRODUCT_START_TIME") == texts(root, "PRODUCT_STOP_TIME") == ["2017-04-20T10:22:53.650000Z"]
    assert texts(root, "PRODUCT_TYPE") == ["L8OLI2H"]
    assert texts(root, "SPACECRAFT_NAME") == ["LANDSAT_8"] and texts(root, "SENSING_ORBIT_NUMBER") == ["196"]
    assert root.find(".//Datatake").attrib == {}
    assert root.findall(".//PHYSICAL_GAINS") == []
    assert texts(root, "PRODUCTION_DEM_TYPE") == ["NONE"]


def test_landsat_spectra_are_of_the_bands_present_at_their_pixel_size(landsat):
    spectra = product_root(landsat).findall(".//Spectral_Information")
    assert [s.get("physicalBand") for s in spectra] == ["B1", "B2", "B3", "B4", "B8A", "B11", "B12", "B8", "B10", "B11"]
    assert spectra[7].findtext("RESOLUTION") == str(15 * cases.DECIMATION)
    assert spectra[5].findtext("Wavelength/CENTRAL") == "1613.7"


@pytest.mark.parametrize(("time", "eccentricity", "expected"), [
    (datetime(2017, 11, 14, 10, 42, 57, tzinfo=UTC), 0.01673, 1.0205524),
    (datetime(2017, 4, 20, 10, 22, 53, 650000, tzinfo=UTC), 0.01672, 0.9929544706386171),
    (datetime(2024, 1, 3, tzinfo=UTC), 0.01672, 1.0341775266926203),
    (datetime(2024, 7, 4, tzinfo=UTC), 0.01672, 0.9674739240408469),
])  # fmt: skip
def test_sun_earth_factor_has_the_tabulated_values(monkeypatch, time, eccentricity, expected):
    # spec 11 section 5: the first is that of a genuine product, the others were computed with another eccentricity
    monkeypatch.setattr(product_xml, "ECCENTRICITY", eccentricity)
    assert product_xml.sun_earth_factor(time) == pytest.approx(expected, abs=5e-8 if eccentricity == 0.01673 else 1e-12)


def test_tile_metadata_of_a_level_1c_input(s2):
    root = tile_root(s2)
    assert texts(root, "L1_TILE_ID") == ["S2A_OPER_MSI_L1C_TL_2BPS_20220101T000000_A012303_T31TFJ_N05.10"]
    assert texts(root, "L2A_TILE_ID") == ["NONE"]
    assert texts(root, "TILE_ID") == ["S2A_OPER_MSI_TL_L2H_2BPS_20171030T104754_A012303_T31TFJ_N04.06"]
    assert texts(root, "SENSING_TIME") == ["2017-10-30T10:47:54.590Z"]


def test_tile_metadata_of_a_level_2a_input_names_both_inputs(tmp_path):
    root = tile_root(cases.output_product(cases.fake_product(tmp_path, level="Level-2A")))
    assert "_L1C_" in texts(root, "L1_TILE_ID")[0] and "_L2A_" in texts(root, "L2A_TILE_ID")[0]


def test_sizes_and_positions_are_those_of_the_images(s2):
    root = tile_root(s2)
    sizes = {s.get("resolution"): (s.findtext("NROWS"), s.findtext("NCOLS")) for s in root.iterfind(".//Size")}
    assert sizes == {"300": ("366", "366"), "600": ("183", "183"), "1800": ("61", "61")}
    first = root.find(".//Geoposition")
    assert [first.findtext(n) for n in ("ULX", "ULY", "XDIM", "YDIM")] == ["600000", "4900020", "300", "-300"]


def test_full_size_products_have_the_sizes_of_the_specification(tmp_path):
    root = tile_root(cases.output_product(cases.fake_product(tmp_path), decimation=1))
    sizes = {s.get("resolution"): s.findtext("NROWS") for s in root.iterfind(".//Size")}
    assert sizes == {"10": "10980", "20": "5490", "60": "1830"}


def test_only_the_pixel_sizes_present_are_listed(tmp_path):
    root = tile_root(cases.output_product(cases.landsat_product(tmp_path), decimation=1))
    assert {s.get("resolution"): s.findtext("NROWS") for s in root.iterfind(".//Size")} == {"15": "7320", "30": "3660"}


def test_angle_grids_are_replaced_by_the_name_of_the_angle_file(s2):
    root = tile_root(s2)
    assert root.find(".//Sun_Angles_Grid") is None
    assert texts(root, "Acquisition_Angles_Filename") == [s2.names.angles]
    assert root.findtext(".//Mean_Sun_Angle/ZENITH_ANGLE") == "58.3"


def test_a_mean_sun_angle_of_nan_is_replaced_by_the_mean_of_the_grid(tmp_path):
    xml = cases.tile_xml(sun='<ZENITH_ANGLE unit="deg">NaN</ZENITH_ANGLE>')
    product = cases.output_product(cases.fake_product(tmp_path, documents={"tile": xml}))
    assert tile_root(product).findtext(".//Mean_Sun_Angle/ZENITH_ANGLE") == "58.25"


def test_masks_keep_their_attributes_and_lie_in_our_granule(s2):
    masks = tile_root(s2).findall(".//MASK_FILENAME")
    assert dict(masks[0].attrib) == {"bandId": "0", "type": "MSK_DETFOO"}
    assert masks[0].text == f"GRANULE/{s2.names.granule}/QI_DATA/MSK_DETFOO_B01.jp2"
    assert dict(masks[-1].attrib) == {"type": "MSK_VALPXL"} and masks[-1].text == s2.names.mask


def test_pictures_are_named_by_their_kind(s2):
    files = (*s2.files, WrittenFile(s2.names.fusion_check, "FCM"))
    root = tile_root(replace(s2, files=files))
    assert [e.tag for e in root[-1]][2:] == ["PVI_FILENAME", "QL_B432_FILENAME", "FCM_FILENAME"]


def test_landsat_tile_metadata(landsat):
    root = tile_root(replace(landsat, l1_identifier="LC81960302017110LGN00"))
    assert texts(root, "L1_TILE_ID") == ["LC81960302017110LGN00"]
    assert texts(root, "TILE_ID") == ["LS8_OPER_OLI_TL_L2H_ZZZ__20170420T102253_A000000_T31TFJ_N04.06"]
    ids = [e.get("bandId") for e in root.iterfind(".//Mean_Viewing_Incidence_Angle")]
    assert ids == [str(i) for i in (0, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12)]


def test_southern_landsat_tiles_are_south(tmp_path):
    product = cases.output_product(cases.landsat_product(tmp_path, tile="53JQJ"), tile="53JQJ")
    assert texts(tile_root(product), "HORIZONTAL_CS_NAME") == ["WGS84 / UTM 53S"]


def test_an_unknown_cloud_cover_is_not_written(tmp_path):
    product = cases.output_product(cases.landsat_product(tmp_path, cloud_cover=None))
    assert texts(tile_root(product), "CLOUDY_PIXEL_PERCENTAGE") == []


@pytest.mark.parametrize("level", ["L2H", "L2F"])
@pytest.mark.parametrize("satellite", ["A", "C"])
@pytest.mark.parametrize(("source_level", "baseline", "psd"), [
    ("Level-1C", "05.10", 14), ("Level-1C", "05.11", 15), ("Level-2A", "05.11", 15), ("Level-2A", "04.00", 14),
    ("Level-1C", "02.09", 14),
])  # fmt: skip
def test_documents_obey_their_schemas(tmp_path, level, satellite, source_level, baseline, psd):
    source = cases.fake_product(tmp_path, satellite=satellite, level=source_level, baseline=baseline)
    product = cases.output_product(source, level)
    assert schemas.psd(baseline) == psd
    for root in (product_root(product, psd), tile_root(product, psd)):
        assert f"psd-{psd}.sentinel2" in etree.QName(root).namespace
        assert schemas.validate(xmltree.serialised(root)) == []


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_landsat_documents_obey_their_schemas(tmp_path, level):
    product = cases.output_product(cases.landsat_product(tmp_path), level)
    for root in (product_root(product), tile_root(product)):
        assert schemas.validate(xmltree.serialised(root)) == []


def test_the_schema_finds_a_wrong_document(s2):
    root = product_root(s2)
    root.find(".//PROCESSING_LEVEL").text = "Level-9Z"
    assert "PROCESSING_LEVEL" in schemas.validate(xmltree.serialised(root))[0]


def test_a_document_of_another_kind_is_not_valid():
    assert "none of our documents" in schemas.validate(b"<a/>")[0]


@pytest.mark.parametrize(("baseline", "psd"), [
    ("02.09", 14), ("04.00", 14), ("05.00", 14), ("05.09", 14), ("05.10", 14), ("05.11", 15), ("05.12", 15), ("99.99", 15),
])  # fmt: skip
def test_psd_follows_the_baseline(s2, baseline, psd):
    assert schemas.psd(baseline, s2.record) == psd
    assert bool(s2.record.warnings) == (baseline in ("05.12", "99.99"))


def test_scene_classes_follow_the_psd(s2):
    assert texts(product_root(s2, 14), "SCENE_CLASSIFICATION_TEXT")[2] == "SC_DARK_FEATURE_SHADOW"
    assert texts(product_root(s2, 15), "SCENE_CLASSIFICATION_TEXT")[2] == "SC_CAST_SHADOW"


def test_scene_classes_of_a_level_2a_input_are_copied(tmp_path):
    extra = """<Scene_Classification_List><Scene_Classification_ID><SCENE_CLASSIFICATION_TEXT>SC_MINE</SCENE_CLASSIFICATION_TEXT>
        <SCENE_CLASSIFICATION_INDEX>0</SCENE_CLASSIFICATION_INDEX></Scene_Classification_ID></Scene_Classification_List>"""
    source = cases.fake_product(tmp_path, level="Level-2A", documents={"product": cases.product_xml("2A", extra=extra)})
    assert texts(product_root(cases.output_product(source)), "SCENE_CLASSIFICATION_TEXT") == ["SC_MINE"]


def test_only_the_root_and_its_children_are_in_the_namespace(s2):
    root = product_root(s2)
    assert root.prefix == "n1" and {child.prefix for child in root} == {"n1"}
    assert {e.prefix for child in root for e in child.iterdescendants()} == {None}


def test_text_is_utf8_with_tabs_and_no_last_newline(s2):
    text = xmltree.serialised(product_root(s2))
    assert text.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<n1:Level-2H_User_Product ')
    assert b"\n\t\t<Product_Info>\n" in text and not text.endswith(b"\n") and b"\r" not in text
    assert 'unit="W/m²/µm"' in text.decode("utf-8")


def test_json_has_attributes_texts_and_arrays(s2):
    content = json.loads(xmltree.as_json(product_root(s2)))
    root = content["n1:Level-2H_User_Product"]
    assert root["@xmlns:n1"].endswith("User_Product_Level-2H.xsd")
    pic = root["n1:General_Info"]["Product_Image_Characteristics"]
    assert pic["QUANTIFICATION_VALUES_LIST"]["BOA_QUANTIFICATION_VALUE"] == {"@unit": "none", "#text": "10000"}
    assert len(pic["BOA_ADD_OFFSET_VALUES_LIST"]["BOA_ADD_OFFSET"]) == 13
    assert root["n1:General_Info"]["Product_Info"]["PROCESSING_LEVEL"] == "Level-2H"


def angles(**layers):
    degrees = np.array(list(layers.values()), np.float32)
    return Angles(degrees, tuple(layers), GeoBox(degrees.shape[1:], None, None))


def test_mean_angles_leave_out_what_is_unknown_and_turn_azimuths_round():
    mean = MeanAngles.of(angles(
        VAA_B01=[[100, 120]], VAA_B02=[[np.nan, np.nan]], VZA_B01=[[2, 4]], VZA_B02=[[np.nan, 6]], SAA=[[359, 3]], SZA=[[30, 40]]
    ))  # fmt: skip
    assert mean.vza == pytest.approx(4) and mean.sza == pytest.approx(35)
    assert mean.saa == pytest.approx(1, abs=1e-4) and mean.vaa == pytest.approx(110, abs=1e-4)


def test_mean_angles_of_nothing_are_unknown():
    assert MeanAngles.of(angles(VAA=[[np.nan]], VZA=[[np.nan]], SAA=[[np.nan]], SZA=[[np.nan]])) == MeanAngles()


@pytest.mark.parametrize("name", [
    "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE",
    "S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE",
    "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE",
    "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE",
])  # fmt: skip
def test_genuine_metadata_give_valid_documents(tmp_path, name):
    folder = cases.GENUINE / name
    if not folder.is_dir():
        pytest.skip(f"genuine metadata not present: {name}")
    files = {"product": "MTD_MSI*.xml", "tile": "GRANULE/*/MTD_TL.xml"}
    documents = {kind: next(folder.glob(pattern)).read_bytes() for kind, pattern in files.items()}
    tile = next(part for part in name.split("_") if part[0] == "T" and len(part) == 6)[1:]
    level = "Level-2A" if "L2A" in name else "Level-1C"
    product = cases.output_product(cases.fake_product(tmp_path, tile=tile, level=level, documents=documents), tile=tile)
    root, tile_document = product_root(product), tile_root(product)
    for document in (root, tile_document):
        assert schemas.validate(xmltree.serialised(document)) == []
    source = etree.fromstring(documents["product"])
    assert texts(root, "SOLAR_IRRADIANCE") == texts(source, "SOLAR_IRRADIANCE") and len(texts(root, "SOLAR_IRRADIANCE")) == 13
    assert len(root.findall(".//GIPP_FILENAME")) == len(source.findall(".//{*}GIPP_FILENAME")) + 1
    assert len(tile_document.findall(".//Mean_Viewing_Incidence_Angle")) == 13
