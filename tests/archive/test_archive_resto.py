"""RESTO answers: properties found by walking, footprints in GML, and pages."""

import pytest
from archive.web import Asked, Reply

from sen2like.archive import resto
from sen2like.archive.http import Unreachable
from sen2like.archive.kinds import PatternSource
from sen2like.archive.local import Listings
from sen2like.archive.patterns import Patterns

NAME = "S2A_MSIL1C_201701{:02d}T104432_N0204_R008_T31TFJ_20170103T104428.SAFE"
GML = (
    '<gml:Polygon srsName="EPSG:4326"><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>4,43 5,43 5,44 4,44 4,43'
    "</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>"
)


def feature(day: int, **properties) -> dict:
    told = {"productIdentifier": f"/eodata/{NAME.format(day)}", "cloudCover": 7.5, "gmlgeometry": GML}
    return {"type": "Feature", "properties": told | properties}


@pytest.fixture
def source(web, http, today):
    pattern = f"{web.url}/search.json?maxRecords=2&productIdentifier=%25{{tile}}%25"
    return PatternSource("InputProductArchive", Patterns(own={"Sentinel2": pattern}), http, Listings(), today)


def test_path_cloud_cover_and_footprint_are_found_by_walking(web, source, year_2017):
    web.says("/search.json", Reply({"features": [feature(3)]}))
    (found,) = source.search(year_2017).found
    assert found.location == f"/eodata/{NAME.format(3)}" and found.cloud_cover == 7.5
    assert found.footprint.bounds == (4, 43, 5, 44)


def test_a_property_that_is_not_there_is_unknown_and_a_feature_without_path_is_ignored(web, source, year_2017):
    bare = {"properties": {"productIdentifier": f"/eodata/{NAME.format(3)}"}}
    web.says("/search.json", Reply({"features": [bare]}), Reply({"features": []}))
    (found,) = source.search(year_2017).found
    assert found.cloud_cover is None and found.footprint is None


def test_pages_go_on_while_they_are_full(web, source, year_2017):
    def reply(asked: Asked) -> Reply:
        page = int(asked.parameters.get("page", 1))
        return Reply({"features": [feature(d) for d in range(2 * page - 1, min(2 * page, 5) + 1)]})

    web.does("/search.json", reply)
    answer = source.search(year_2017)
    assert [f.identity.date.day for f in answer.found] == [1, 2, 3, 4, 5] and len(web.asked) == 3
    assert web.asked[1].parameters["productIdentifier"] == "%31TFJ%"


def test_the_link_to_the_next_page_is_followed_and_ends_where_there_is_none(web, source, year_2017):
    first = {"features": [feature(1), feature(2)], "properties": {"links": [{"rel": "next", "href": "/more"}]}}
    web.says("/search.json", Reply(first))
    web.says("/more", Reply({"features": [feature(3), feature(4)], "properties": {"links": [{"rel": "self", "href": "/more"}]}}))
    assert len(source.search(year_2017).found) == 4 and len(web.asked) == 2


def test_a_server_without_paging_is_told_instead_of_a_truncated_list(web, source, year_2017):
    web.says("/search.json", Reply({"features": [feature(1), feature(2)]}))
    answer = source.search(year_2017)
    assert len(answer.found) == 2 and "repeats its first page" in answer.error


def test_an_empty_answer_is_no_error(web, source, year_2017):
    web.says("/search.json", Reply({"features": []}))
    answer = source.search(year_2017)
    assert (answer.found, answer.error) == ((), "")


def test_features_that_are_no_list_are_an_error(web, http):
    with pytest.raises(Unreachable, match="no RESTO catalogue"):
        list(resto.pages(http, web.says("/x", Reply({"features": None})), resto.Properties()))


def test_gml_of_version_3_with_a_hole_and_two_parts():
    ring = "<gml:LinearRing><gml:posList>0 0 2 0 2 2 0 2 0 0</gml:posList></gml:LinearRing>"
    hole = "<gml:interior><gml:LinearRing><gml:posList>1 1 1.5 1 1.5 1.5 1 1</gml:posList></gml:LinearRing></gml:interior>"
    part = f"<gml:Polygon><gml:exterior>{ring}</gml:exterior>{hole}</gml:Polygon>"
    assert resto.gml_polygon(part).area == 4
    second = part.replace("0 0 2 0 2 2 0 2 0 0", "5 0 6 0 6 1 5 1 5 0")
    assert resto.gml_polygon(f"<gml:MultiSurface>{part}{second}</gml:MultiSurface>").area == 5


@pytest.mark.parametrize(
    "text", [None, "", "no gml", 3, "<a>", "<gml:coordinates>1,2 x</gml:coordinates>", "<coordinates>1,2</coordinates>"]
)
def test_what_is_no_polygon_is_unknown(text):
    assert resto.gml_polygon(text) is None
