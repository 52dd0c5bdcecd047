"""Names of output products; expected texts are those of spec 10 sections 2 and 15 and spec 11 section 4."""

from dataclasses import replace
from datetime import UTC, datetime

import packaging_cases as cases
import pytest

import sen2like
from sen2like.packaging.names import Baseline, ProductNames

AT = datetime(2026, 3, 12, 10, 15, 0, 999999, tzinfo=UTC)


def names(source, level="L2H", version="4.6.0"):
    return ProductNames.of(source, level, "31TFJ", AT, version)


def test_sentinel2_product_and_granule_have_the_names_of_the_specification(tmp_path):
    got = names(cases.fake_product(tmp_path), "L2F")
    assert got.folder == "S2A_MSIL2F_20171030T104151_N0406_R008_T31TFJ_20260312T101500.SAFE"
    assert got.granule == "L2F_T31TFJ_A012303_20171030T104754_S2A_R008"


def test_landsat_product_and_granule_have_the_names_of_the_specification(tmp_path):
    got = names(cases.landsat_product(tmp_path), "L2F")
    assert got.folder == "LS8_OLIL2F_20170420T102253_N0406_R196_T31TFJ_20260312T101500.SAFE"
    assert got.granule == "L2F_T31TFJ_A000000_20170420T102253_LS8_R196"


@pytest.mark.parametrize("satellite", "ABCD")
def test_every_sentinel2_satellite_has_its_own_mission_field(tmp_path, satellite):
    stem = names(cases.fake_product(tmp_path, satellite=satellite)).stem
    assert stem.startswith(f"S2{satellite}_MSIL2H_20171030T104151_") and len(stem) == 60


def test_landsat_9_is_ls9(tmp_path):
    assert names(cases.landsat_product(tmp_path, sensor="L9", sensor_name="LS9")).stem.startswith("LS9_OLIL2H_")


@pytest.mark.parametrize(("orbit", "field"), [(8, "_R008_"), (196, "_R196_"), (73, "_R073_")])
def test_relative_orbit_is_padded_to_three_digits(tmp_path, orbit, field):
    assert field in names(cases.fake_product(tmp_path, relative_orbit=orbit)).stem


@pytest.mark.parametrize(("version", "code"), [("4.6.0", "0406"), ("4.12.0", "0412"), ("1.0.0.dev0", "0100"), ("12.3", "1203")])
def test_baseline_is_major_and_minor_of_the_version(version, code):
    assert Baseline.of(version).compact == code
    assert Baseline.of(version).dotted == f"{code[:2]}.{code[2:]}"


@pytest.mark.parametrize("version", ["", "v4", "4", "100.1"])
def test_a_version_without_two_short_numbers_is_refused(version):
    with pytest.raises(ValueError, match=r"MAJOR\.MINOR"):
        Baseline.of(version)


def test_products_carry_the_version_of_this_software(tmp_path):
    got = ProductNames.of(cases.fake_product(tmp_path), "L2H", "31TFJ", AT)
    assert f"_N{Baseline.of(sen2like.__version__).compact}_" in got.stem


def test_a_level_that_is_not_ours_is_refused(tmp_path):
    with pytest.raises(ValueError, match="L2A"):
        names(cases.fake_product(tmp_path), "L2A")


def test_images_lie_in_img_data_and_native_ones_below(tmp_path):
    got = names(cases.fake_product(tmp_path))
    folder = "GRANULE/L2H_T31TFJ_A012303_20171030T104754_S2A_R008/IMG_DATA"
    assert got.image("B04", 10) == f"{folder}/L2H_T31TFJ_20171030T104151_S2A_R008_B04_10m.TIF"
    assert got.image("B05", 20, native=True) == f"{folder}/NATIVE/L2H_T31TFJ_20171030T104151_S2A_R008_B05_20m.TIF"
    assert got.image("B04", 10, output_format="JPEG2000").endswith("_B04_10m.jp2")


def test_quality_files_have_the_names_of_the_specification(tmp_path):
    got = names(cases.fake_product(tmp_path))
    root = "GRANULE/L2H_T31TFJ_A012303_20171030T104754_S2A_R008/QI_DATA/L2H_T31TFJ_20171030T104151_S2A_R008"
    assert [got.mask, got.angles, got.preview, got.fusion_check] == [f"{root}_{k}.TIF" for k in ("MSK", "ANG", "PVI", "FCM")]
    assert got.quicklook("B432") == f"{root}_QL_B432.jpg"
    assert got.copied_mask("GRANULE/x/QI_DATA/MSK_DETFOO_B01.jp2") == f"{got.qi_dir}/MSK_DETFOO_B01.jp2"
    assert got.quality_report == f"{got.qi_dir}/L2H_QUALITY.xml"


def test_metadata_files_have_the_names_of_the_specification(tmp_path):
    s2, ls = names(cases.fake_product(tmp_path)), names(cases.landsat_product(tmp_path), "L2F")
    assert s2.product_metadata == "MTD_MSIL2H.xml" and ls.product_metadata == "MTD_OLIL2F.xml"
    assert s2.tile_metadata == f"GRANULE/{s2.granule}/MTD_TL_L2H.xml"
    assert s2.stac_item == s2.folder.replace(".SAFE", ".json")
    assert s2.correlation_table == f"QI/{s2.folder}_CORREL.csv"


def test_tile_identifiers_are_those_of_the_specification(tmp_path):
    s2, ls = cases.fake_product(tmp_path), cases.landsat_product(tmp_path)
    got = names(s2).tile_identifier(s2.acquisition, "2BPS")
    assert got == "S2A_OPER_MSI_TL_L2H_2BPS_20171030T104754_A012303_T31TFJ_N04.06"
    got = names(ls, "L2F").tile_identifier(ls.acquisition, "ZZZ_")
    assert got == "LS8_OPER_OLI_TL_L2F_ZZZ__20170420T102253_A000000_T31TFJ_N04.06"


def test_times_are_cut_not_rounded(tmp_path):
    source = replace(cases.fake_product(tmp_path), datatake_start=datetime(2017, 10, 30, 10, 41, 51, 999999, tzinfo=UTC))
    assert "_20171030T104151_" in names(source).stem


def test_parents_come_before_their_folders(tmp_path):
    seen = set()
    for folder in names(cases.fake_product(tmp_path)).directories():
        parent = folder.rpartition("/")[0]
        assert not parent or parent in seen
        seen.add(folder)
