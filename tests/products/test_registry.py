"""Recognising products: names of spec 03 section 1."""

from datetime import datetime

import pytest
from products.builder import Safe

from sen2like.errors import ProductError
from sen2like.products.registry import open_product, recognise, recognise_name

L1C = "S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231014T203907.SAFE"


@pytest.mark.parametrize(
    ("name", "level", "tile", "date"),
    [
        (L1C, "L1C", "31TFJ", datetime(2017, 10, 30, 10, 41, 51)),
        ("S2D_MSIL1C_20261030T104151_N0512_R008_T31TFJ_20261030T203907.SAFE", "L1C", "31TFJ",
         datetime(2026, 10, 30, 10, 41, 51)),
        ("S2A_OPER_PRD_MSIL1C_PDMC_20160806T223230_R010_V20160806T142022_20160806T142022.SAFE", "L1C", None,
         datetime(2016, 8, 6, 14, 20, 22)),
        ("S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE", "L1C", "01LAC", datetime(2020, 7, 17, 22, 19, 41)),
        ("S2C_MSIL2A_20250101T104151_N0511_R008_T31TFJ_20250101T203907.SAFE.zip", "L2A", "31TFJ",
         datetime(2025, 1, 1, 10, 41, 51)),
        ("/archive/S2B_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157/", "L2A", "01WCP",
         datetime(2023, 6, 25, 23, 46, 21)),
    ],
)
def test_a_name_tells_family_level_tile_and_date(name, level, tile, date):
    found = recognise_name(name)
    assert (found.family, found.level, found.tile, found.date) == ("Sentinel-2 SAFE", level, tile, date)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (L1C, {"satellite": "S2A", "sensor": "S2", "orbit": 8, "baseline": 500, "generated": datetime(2023, 10, 14, 20, 39, 7)}),
        ("S2A_OPER_PRD_MSIL1C_PDMC_20160806T223230_R010_V20160806T142022_20160806T142022.SAFE",
         {"satellite": "S2A", "orbit": 10, "baseline": None, "generated": datetime(2016, 8, 6, 22, 32, 30)}),
        ("LC08_L1TP_196030_20171106_20171121_01_T1",
         {"satellite": "LS8", "sensor": "L8", "level": "L1TP", "path": 196, "row": 30, "collection": 1, "tier": "T1",
          "date": datetime(2017, 11, 6), "generated": datetime(2017, 11, 21), "tile": None}),
        ("LC09_L2SP_196030_20221106_20230902_02_RT.tar",
         {"satellite": "LS9", "sensor": "L9", "level": "L2SP", "collection": 2, "tier": "RT"}),
        ("LO08_L1GT_090084_20210822_20210827_01_T2.tar.gz", {"level": "L1GT", "path": 90, "row": 84, "tier": "T2"}),
        ("LC81960302017318MTI00", {"satellite": "LS8", "level": "", "path": 196, "row": 30, "date": datetime(2017, 11, 14),
                                   "collection": None, "tier": None, "generated": None}),
    ],
)  # fmt: skip
def test_a_name_tells_the_identity_of_the_acquisition(name, expected):
    found = recognise_name(name)
    assert {key: getattr(found, key) for key in expected} == expected


@pytest.mark.parametrize(
    "name", ["LE07_L1TP_196030_20171114_20200902_02_T1", L1C.replace("S2A", "S2E"), f"x{L1C}", "31TFJ", ""]
)
def test_names_of_no_known_family_are_not_recognised(name):
    assert recognise_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "S2A_MSIL2F_20171030T104151_N9999_R008_T31TFJ_20231014T203907.SAFE",
        "LS8_OLIL2H_20171114T103000_N9999_R196_T31TFJ_20231014T203907.SAFE",
        "L2F_31TFJ_20171030_S2A_R008",
    ],
)
def test_own_outputs_are_refused(name):
    with pytest.raises(ProductError, match="a product of sen2like itself"):
        recognise_name(name)


def test_a_date_that_does_not_exist_is_an_error():
    with pytest.raises(ProductError, match="20171330T104151 is not a date"):
        recognise_name(L1C.replace("20171030", "20171330"))


@pytest.fixture
def product(tmp_path):
    return Safe(bands=("B01",)).write(tmp_path)


def test_a_renamed_product_is_recognised_by_its_metadata(product):
    renamed = product.rename(product.with_name("renamed"))
    assert recognise(renamed).tile == "31TFJ"
    assert open_product(renamed).name == L1C


def test_a_renamed_output_is_refused_by_its_metadata(tmp_path):
    (tmp_path / "MTD_OLIL2F.xml").write_text("<a/>")
    with pytest.raises(ProductError, match="sen2like itself"):
        recognise(tmp_path)


def test_a_relative_path_with_trailing_slash_opens(product, monkeypatch):
    monkeypatch.chdir(product.parent)
    assert open_product(f"./{product.name}/").name == L1C


def test_a_folder_of_products_lists_its_candidates(product):
    with pytest.raises(ProductError, match=rf"folder of 1 products.*{L1C}"):
        recognise(product.parent)


def test_anything_else_is_no_product(tmp_path):
    with pytest.raises(ProductError, match="not a Sentinel-2 or Landsat 8/9 product"):
        open_product(tmp_path)


def test_an_absent_product_is_not_found(tmp_path):
    with pytest.raises(ProductError, match=r"x\.SAFE not found"):
        open_product(tmp_path / "x.SAFE")
