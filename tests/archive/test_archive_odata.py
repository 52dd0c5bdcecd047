"""OData: what is asked for, and answers over pages, through a server that pages as the catalogues do."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from urllib.parse import unquote

import pytest
from archive.web import Asked, Reply, Web

from sen2like.archive import odata
from sen2like.archive.http import Unreachable
from sen2like.archive.kinds import ODataSource, PatternSource
from sen2like.archive.local import Listings
from sen2like.archive.patterns import Patterns
from sen2like.archive.records import percent

TODAY = date(2018, 1, 1)


def product(day: date, tile: str = "31TFJ", level: str = "L1C", cloud: float | None = 5.0) -> dict:
    name = f"S2A_MSI{level}_{day:%Y%m%d}T104432_N0204_R008_T{tile}_{day:%Y%m%d}T104428.SAFE"
    clouds = [] if cloud is None else [{"Name": "cloudCover", "Value": cloud}]
    return {
        "Name": name,
        "S3Path": f"/eodata/Sentinel-2/MSI/{level}/{day:%Y/%m/%d}/{name}",
        "Attributes": [{"Name": "origin", "Value": "ESA"}, *clouds],
        "GeoFootprint": {"type": "Polygon", "coordinates": [[[4, 43], [5, 43], [5, 44], [4, 44], [4, 43]]]},
    }


def catalogue(web: Web, products: list[dict], most_skip: int = 10_000, links: bool = True) -> str:
    """A catalogue that pages by `$top` and `$skip`, with links to the next page or without, and refuses a large `$skip`."""

    def answer(asked: Asked) -> Reply:
        text = asked.parameters["$filter"]
        start, end = (text.partition(f"ContentDate/Start {word} ")[2][:10] for word in ("ge", "le"))
        chosen = [p for p in products if (start or "0") <= day_of(p) <= (end or "9")]
        top, skip = int(asked.parameters.get("$top", 20)), int(asked.parameters.get("$skip", 0))
        if skip >= most_skip:
            return Reply({"detail": "skip too large"}, 422)
        page: dict = {"value": chosen[skip : skip + top]}
        if links and skip + top < len(chosen):
            base, _, _ = asked.raw.partition("&$skip")
            page["@odata.nextLink"] = f"{web.url}{base}&$skip={skip + top}"
        return Reply(page)

    return web.does("/odata/v1/Products", answer)


def day_of(value: dict) -> str:
    return datetime.strptime(value["Name"][11:19], "%Y%m%d").strftime("%Y-%m-%d")


def days(n: int) -> list[dict]:
    return [product(date(2017, 1, 1) + timedelta(days=i)) for i in range(n)]


@pytest.fixture
def source(web, http, today):
    return ODataSource("[Source c]", f"{web.url}/odata/v1/Products", http, today)


def test_the_filter_is_narrow_enough_for_one_level_and_tile(year_2017):
    text = unquote(odata.search_address("https://h/Products", year_2017))
    assert text == (
        "https://h/Products?$filter=(Collection/Name eq 'SENTINEL-2') and startswith(Name,'S2') and contains(Name,'_MSIL1C_') "
        "and contains(Name,'_T31TFJ_') "
        "and Attributes/OData.CSC.DoubleAttribute/any(i0:i0/Name eq 'cloudCover' and i0/Value le 20) "
        "and ContentDate/Start ge 2017-01-01T00:00:00.000Z and ContentDate/Start le 2017-12-31T23:59:59.999Z and Online eq true"
        "&$orderby=ContentDate/Start asc&$top=1000&$count=true&$expand=Attributes"
    )


def test_the_filter_of_a_scene_names_path_and_row(scene_2017):
    text = unquote(odata.search_address("https://h/Products", scene_2017, ("LANDSAT-8-ESA",)))
    assert "Collection/Name eq 'LANDSAT-8-ESA'" in text and "startswith(Name,'LC08_')" in text
    assert "contains(Name,'_196030_')" in text


def test_open_period_and_any_cloud_have_no_clause(year_2017):
    text = odata.search_address("https://h/Products", replace(year_2017, start=None, end=None, cloud_cover=100, level=None))
    assert "ContentDate/Start%20ge" not in text and "cloudCover" not in text and "_MSI" not in text


def test_a_product_has_path_cloud_cover_and_footprint(web, source, year_2017):
    catalogue(web, [product(date(2017, 1, 3))])
    answer = source.search(year_2017)
    (found,) = answer.found
    assert found.location.startswith("/eodata/Sentinel-2/MSI/L1C/2017/01/03/S2A_MSIL1C_20170103T104432")
    assert found.location.endswith(".SAFE") and found.identity.tile == "31TFJ" and found.cloud_cover == 5
    assert found.footprint.bounds == (4, 43, 5, 44) and found.tile_coverage is None and answer.error == ""


def test_a_product_is_looked_for_below_the_mount(web, source, year_2017):
    catalogue(web, [product(date(2017, 1, 3))])
    (found,) = replace(source, mount="/mnt/s3/").search(year_2017).found
    assert found.location.startswith("/mnt/s3/eodata/Sentinel-2/")


def test_what_is_missing_is_unknown_and_a_product_without_path_is_ignored(web, source, year_2017):
    bare = product(date(2017, 1, 3), cloud=None) | {"GeoFootprint": None}
    catalogue(
        web, [bare, product(date(2017, 1, 4), cloud=-1) | {"Attributes": None}, product(date(2017, 1, 5)) | {"S3Path": None}]
    )
    answer = source.search(year_2017)
    assert [(f.cloud_cover, f.footprint, f.tile_coverage) for f in answer.found[:1]] == [(None, None, 1.0)]
    assert len(answer.found) == 2 and answer.ignored == 1


@pytest.mark.parametrize(
    ("value", "cover"), [(12.5, 12.5), ("7", 7.0), (0, 0.0), (-1, None), (101, None), ("x", None), (None, None), (True, None)]
)
def test_a_cloud_cover_that_is_no_percentage_is_unknown(value, cover):
    assert percent(value) == cover


def test_other_tiles_and_own_outputs_are_left_out(web, source, year_2017):
    output = product(date(2017, 1, 3)) | {"S3Path": "/eodata/S2A_MSIL2F_20170103T104432_N9999_R008_T31TFJ_20170103T104428.SAFE"}
    catalogue(web, [product(date(2017, 1, 3), tile="32TFJ"), output, product(date(2017, 1, 4))])
    answer = source.search(year_2017)
    assert [f.identity.date.day for f in answer.found] == [4] and answer.ignored == 1


@pytest.mark.parametrize("links", [True, False], ids=["nextLink", "$skip"])
def test_all_pages_are_read(web, source, year_2017, links):
    many = [product(date(2017, 1, 1) + timedelta(days=i % 365)) for i in range(2300)]
    catalogue(web, many, links=links)
    answer = source.search(year_2017)
    assert len(answer.found) == 2300 and len(web.asked) == 3 and answer.error == ""


def test_a_period_with_more_than_is_paged_is_halved(web, source, year_2017, monkeypatch):
    monkeypatch.setattr(odata, "MOST", 100)
    monkeypatch.setattr(odata, "PAGE", 50)
    catalogue(web, days(365), most_skip=100)
    answer = source.search(year_2017)
    assert sorted(f.identity.date.timetuple().tm_yday for f in answer.found) == list(range(1, 366)) and answer.error == ""


def test_a_count_tells_at_once_that_a_period_must_be_halved(web, source, year_2017):
    def reply(asked: Asked) -> Reply:
        year = "ge 2017-01-01" in asked.parameters["$filter"] and "le 2017-12-31" in asked.parameters["$filter"]
        return Reply({"@odata.count": 10_001, "value": days(20)} if year else {"@odata.count": 1, "value": days(1)})

    web.does("/odata/v1/Products", reply)
    assert len(source.search(year_2017).found) == 2 and len(web.asked) == 3


def test_one_day_with_more_than_is_paged_is_told(web, source, year_2017, monkeypatch):
    monkeypatch.setattr(odata, "MOST", 4)
    monkeypatch.setattr(odata, "PAGE", 2)
    catalogue(web, days(1) * 9, most_skip=4)
    answer = source.search(replace(year_2017, end=date(2017, 1, 1)))
    assert answer.error.startswith("unreachable: ") and "more than 4 products" in answer.error and "narrow" in answer.error


def test_an_empty_answer_is_no_error(web, source, year_2017):
    catalogue(web, [])
    answer = source.search(year_2017)
    assert answer.found == () and answer.error == ""


@pytest.mark.parametrize(
    "fault", [Reply("x", 500), Reply("x", 404), Reply("<html>"), Reply('{"value'), Reply({"error": "bad"}), Reply({"value": "x"})]
)
def test_a_fault_is_an_error_and_never_an_empty_answer(web, source, year_2017, fault):
    web.says("/odata/v1/Products", fault)
    answer = source.search(year_2017)
    assert answer.error.startswith(f"unreachable: {web.url}/odata/v1/Products") and answer.found == ()


def test_what_was_read_before_the_fault_is_kept_beside_the_error(web, source, year_2017):
    first = Reply({"value": days(2), "@odata.nextLink": f"{web.url}/odata/v1/Products?page=2"})
    web.says("/odata/v1/Products", first, Reply("x", 500))
    answer = source.search(year_2017)
    assert len(answer.found) == 2 and "HTTP 500" in answer.error


def test_pages_in_a_circle_are_an_error(web, http):
    url = f"{web.url}/odata"
    web.says("/odata", Reply({"value": [], "@odata.nextLink": url}))
    with pytest.raises(Unreachable, match="circle"):
        list(odata.pages(http, url))


def test_location_takes_the_place_of_names(web, source, scene_2017):
    web.says("/odata/v1/Products", Reply({"value": []}))
    replace(source, location="contains(Name,'_{path}{row}_')").search(scene_2017)
    text = web.asked[0].parameters["$filter"]
    assert "(contains(Name,'_196030_'))" in text and "startswith" not in text


def test_a_pattern_is_read_over_pages_and_halved_alike(web, http, today, year_2017, monkeypatch):
    monkeypatch.setattr(odata, "MOST", 100)
    catalogue(web, days(365), most_skip=100)
    patterns = Patterns(
        base={"base_url": f"{web.url}/odata/v1/Products?$filter=("},
        location={"Sentinel2": "contains(Name,%27{tile}%27)"},
        common="{base_url}{location} and ContentDate/Start ge {start_date} and ContentDate/Start le {end_date})&$top=50",
    )
    answer = PatternSource("InputProductArchive", patterns, http, Listings(), today).search(year_2017)
    assert len(answer.found) == 365 and answer.error == ""


def test_an_answer_of_unknown_shape_names_address_and_contents(web, http, today, year_2017):
    url = web.says("/x", Reply({"message": "maintenance"}))
    answer = PatternSource("a", Patterns(own={"Sentinel2": url}), http, Listings(), today).search(year_2017)
    assert answer.error.startswith(f"unreachable: {url}: HTTP 200") and "maintenance" in answer.error
