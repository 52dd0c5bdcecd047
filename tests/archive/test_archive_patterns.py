"""Addresses of patterns: the worked examples of spec 02 section 2.2, and what is done better."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.archive.model import Query
from sen2like.archive.patterns import Patterns, encoded, fill, is_remote
from sen2like.errors import ConfigurationError
from sen2like.grid.mgrs import tile

TODAY = date(2018, 6, 1)
LANDSAT = (
    "((Collection/Name eq 'LANDSAT-8')) and (Attributes/OData.CSC.StringAttribute/any(i0:i0/Name eq %27wrsPath%27 and "
    "i0/Value eq %27{path}%27)) and (Attributes/OData.CSC.StringAttribute/any(i0:i0/Name eq %27wrsRow%27 and "
    "i0/Value eq %27{row}%27))"
)
ODATA = Patterns(
    base={"base_url": "https://datahub.creodias.eu/odata/v1/Products?$filter=("},
    location={
        "Sentinel2": "((Collection/Name eq 'SENTINEL-2')) and (contains(Name,%27{tile}%27))",
        "Landsat8": LANDSAT,
        "Landsat9": LANDSAT.replace("LANDSAT-8", "LANDSAT-9"),
    },
    common="{base_url}{location} and (Attributes/OData.CSC.DoubleAttribute/any(i0:i0/Name eq 'cloudCover' and i0/Value le "
    "{cloud_cover})) and (ContentDate/Start ge {start_date} and ContentDate/Start le {end_date}) and (Online eq true))"
    "&$orderby=ContentDate/Start%20asc&$top=1000&$expand=Attributes",
)
ODATA_REFERENCE = (
    "https://datahub.creodias.eu/odata/v1/Products?$filter=(((Collection/Name%20eq%20'SENTINEL-2'))%20and%20(contains(Name,"
    "%2731TFJ%27))%20and%20(Attributes/OData.CSC.DoubleAttribute/any(i0:i0/Name%20eq%20'cloudCover'%20and%20i0/Value%20le%2020))"
    "%20and%20(ContentDate/Start%20ge%202017-01-01T00:00:00Z%20and%20ContentDate/Start%20le%202017-12-31T23:59:59)%20and%20"
    "(Online%20eq%20true))&$orderby=ContentDate/Start%20asc&$top=1000&$expand=Attributes"
)
"""What ESA's program asks for."""
RESTO = Patterns(
    base={"base_url": "https://finder.creodias.eu/resto/api/collections"},
    location={
        "Sentinel2": "processingLevel={s2_processing_level}&productIdentifier=%25{tile}%25",
        "Landsat8": "path={path}&row={row}",
    },
    common="{base_url}/{mission}/search.json?maxRecords=100&pretty=true&cloudCover=%5B0%2C{cloud_cover}%5D&startDate={start_date}"
    "&completionDate={end_date}&sortParam=startDate&sortOrder=ascending&status=all&{location}&dataset=ESA-DATASET",
)
RESTO_REFERENCE = (
    "https://finder.creodias.eu/resto/api/collections/Sentinel2/search.json?maxRecords=100&pretty=true&cloudCover=%5B0%2C11%5D"
    "&startDate=2017-01-01T00:00:00Z&completionDate=2017-12-31T23:59:59&sortParam=startDate&sortOrder=ascending&status=all"
    "&processingLevel=LEVEL1C&productIdentifier=%2531TFJ%25&dataset=ESA-DATASET"
)


def local(**own: str) -> Patterns:
    return Patterns(base={"base_url": "/data/PRODUCTS"}, own=own)


def test_folder_of_a_tile(year_2017):
    assert local(Sentinel2="{base_url}/{mission}/{tile}").address(year_2017, TODAY) == "/data/PRODUCTS/Sentinel2/31TFJ"


def test_folder_of_a_scene_has_path_and_row_without_zeros(scene_2017):
    patterns = local(Landsat8="{base_url}/{mission}/{path}/{row}", Landsat9="{base_url}/{mission}/{path}/{row}")
    assert patterns.address(scene_2017, TODAY) == "/data/PRODUCTS/Landsat8/196/30"
    other = replace(scene_2017, mission="Landsat9", path=35, row=3)
    assert patterns.address(other, TODAY) == "/data/PRODUCTS/Landsat9/35/3"


def test_odata_search_is_that_of_the_reference_but_for_the_end_of_the_period(year_2017):
    # Without its Z the end is a time of no zone.
    assert ODATA.address(year_2017, TODAY) == ODATA_REFERENCE.replace("23:59:59)", "23:59:59.999Z)")


def test_landsat_search_has_path_and_row_of_three_digits(scene_2017):
    address = ODATA.address(scene_2017, TODAY)
    assert "wrsPath%27%20and%20i0/Value%20eq%20%27196%27" in address and "wrsRow%27%20and%20i0/Value%20eq%20%27030%27" in address


def test_resto_search_is_that_of_the_reference_but_for_the_end_of_the_period(year_2017):
    address = RESTO.address(replace(year_2017, cloud_cover=11), TODAY)
    assert address == RESTO_REFERENCE.replace("23:59:59&", "23:59:59.999Z&")


def test_mixed_archive_fills_the_base_of_its_own(year_2017, scene_2017):
    patterns = replace(
        ODATA,
        base={"base_url_s2": "https://host/odata/v1/Products?$filter=(", "base_url_landsat": "/data/L8", "base_url": None},
        own={"Landsat8": "{base_url_landsat}/{path}/{row}", "Landsat9": ""},
        common=ODATA.common.replace("{base_url}", "{base_url_s2}"),
    )
    assert patterns.address(year_2017, TODAY).startswith("https://host/odata/v1/Products?$filter=(((Collection/Name%20eq")
    assert patterns.address(scene_2017, TODAY) == "/data/L8/196/30"
    assert patterns.key("Landsat9") is None


def test_open_period_runs_from_the_first_products_until_today(year_2017):
    address = ODATA.address(replace(year_2017, start=None, end=None), TODAY)
    assert "ge%202015-01-01T00:00:00Z" in address and "le%202018-06-01T23:59:59.999Z" in address


@pytest.mark.parametrize(
    ("patterns", "searched"),
    [
        (Patterns(), False),
        (Patterns(own={"Sentinel2": ""}, common="http://x/{location}", location={"Sentinel2": "y"}), False),
        (Patterns(own={"Sentinel2": None}, common="http://x/{location}", location={"Sentinel2": "y"}), True),
        (Patterns(common="http://x/{location}"), False),
        (Patterns(common="http://x/{location}", location={"Sentinel2": " "}), False),
        (Patterns(common="", location={"Sentinel2": "y"}), False),
        (Patterns(own={"Sentinel2": "/x"}), True),
    ],
)
def test_a_blank_or_absent_pattern_switches_the_mission_off(patterns, searched):
    assert (patterns.key("Sentinel2") is not None) == searched


def test_unknown_placeholder_names_key_and_placeholder(year_2017):
    with pytest.raises(
        ConfigurationError, match=r"url_parameters_pattern_Sentinel2: unknown placeholder \{tiles\}; known are .*tile"
    ):
        local(Sentinel2="{base_url}/{tiles}").address(year_2017, TODAY)


def test_a_key_that_is_not_set_is_named_before_anything_is_searched():
    patterns = Patterns(base={"base_url": None}, location={"Sentinel2": "{base_url}"}, common="{base_url}/{location}")
    problems = patterns.problems()
    assert [problem.partition(":")[0] for problem in problems] == ["url_parameters_pattern", "location_Sentinel2"]
    assert all("set base_url" in problem for problem in problems)
    assert local(Sentinel2="{base_url}/{tile}").problems() == []


def test_landsat_query_without_scene_is_refused():
    with pytest.raises(ValueError, match="path and row"):
        local(Landsat8="{base_url}/{path}").address(Query("Landsat8", tile("31TFJ")), TODAY)


def test_a_mission_that_is_off_has_no_address(year_2017):
    with pytest.raises(ValueError, match="no pattern"):
        Patterns().address(year_2017, TODAY)


@pytest.mark.parametrize(
    ("pattern", "root"),
    [
        ("{base_url}/{mission}/{tile}", "/data/PRODUCTS"),
        ("/archive/s2_{tile}", "/archive"),
        ("/flat", "/flat"),
        ("https://host/{tile}", None),
    ],
)
def test_root_is_the_folder_above_what_changes(pattern, root):
    assert local(Sentinel2=pattern).root("Sentinel2") == root


def test_folders_keep_their_blanks_and_addresses_do_not():
    assert encoded("/data/my products") == "/data/my products"
    assert encoded("https://h/a b") == "https://h/a%20b"


@pytest.mark.parametrize(("text", "remote"), [("http://x", True), ("https://x", True), ("ftp://x", True), ("/http", False)])
def test_addresses_are_remote_by_their_scheme(text, remote):
    assert is_remote(text) is remote


@given(st.text(max_size=30))
def test_encoding_twice_is_encoding_once(text):
    once = encoded(f"https://host/{text}")
    assert encoded(once) == once and " " not in once and once.isascii()


@given(st.dictionaries(st.sampled_from(["tile", "path"]), st.text(max_size=5), min_size=2), st.text("abc/{}", max_size=4))
def test_braces_in_values_stay_as_they_are(values, text):
    assert fill("{tile}{path}", values, "key") == values["tile"] + values["path"]
