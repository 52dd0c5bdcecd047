"""STAC: searches of an API over pages, static catalogues, and where the product of an item is."""

import json
from dataclasses import replace

import pytest
from archive.web import Asked, Reply, Web
from shapely.geometry import shape

from sen2like.archive.http import Unreachable
from sen2like.archive.kinds import StacSource
from sen2like.archive.model import Query
from sen2like.archive.stac import Stac, search_body
from sen2like.archive.stac_item import record_of
from sen2like.grid.mgrs import tile

SAFE = "S2A_MSIL1C_201701{:02d}T104432_N0204_R008_T31TFJ_20170103T104428.SAFE"
LANDSAT = "LC08_L1TP_196030_20170114_20200905_02_T1"


def s2_item(day: int, name: str = SAFE, **properties) -> dict:
    folder = f"s3://eodata/Sentinel-2/{name.format(day)}"
    return {
        "type": "Feature",
        "id": f"item-{day}",
        "geometry": {"type": "Polygon", "coordinates": [[[4, 43], [5, 43], [5, 44], [4, 44], [4, 43]]]},
        "properties": {"eo:cloud_cover": 12.5, "grid:code": "MGRS-31TFJ", **properties},
        "assets": {
            "B04": {"href": f"{folder}/GRANULE/L1C_T31TFJ/IMG_DATA/T31TFJ_B04.jp2"},
            "product_metadata": {"href": f"{folder}/MTD_MSIL1C.xml"},
        },
        "links": [],
    }


def api(web: Web, items: list[dict], method: str = "POST", conforms: tuple[str, ...] = (), page: int = 2) -> str:
    """An API that pages with a token in the link `next`, as its method wants it."""

    def search(asked: Asked) -> Reply:
        if asked.method != method:
            return Reply("wrong method", 405)
        told = asked.body if method == "POST" else asked.parameters
        start = int(told.get("token", 0))
        links = []
        if start + page < len(items):
            token = str(start + page)
            if method == "POST":
                body = {"token": token}
                links = [{"rel": "next", "href": f"{web.url}/stac/search", "method": "POST", "body": body, "merge": True}]
            else:
                links = [{"rel": "next", "href": f"{asked.raw.partition('&token')[0]}&token={token}"}]
        return Reply({"type": "FeatureCollection", "features": items[start : start + page], "links": links})

    root = {
        "type": "Catalog",
        "conformsTo": ["https://api.stacspec.org/v1.0.0/core", *conforms],
        "links": [{"rel": "search", "href": f"{web.url}/stac/search", "method": method}],
    }
    web.says("/stac", Reply(root))
    web.does("/stac/search", search)
    return f"{web.url}/stac"


def source(http, url: str, **options) -> StacSource:
    return StacSource("[Source s]", Stac(http, url, **options))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_all_pages_of_a_search_are_read(web, http, year_2017, method):
    url = api(web, [s2_item(day) for day in range(1, 6)], method)
    answer = source(http, url, collections=("sentinel-2-l1c",)).search(year_2017)
    assert [f.identity.date.day for f in answer.found] == [1, 2, 3, 4, 5] and answer.error == ""
    first = answer.found[0]
    assert first.location == f"/eodata/Sentinel-2/{SAFE.format(1)}" and first.cloud_cover == 12.5
    assert first.footprint.bounds == (4, 43, 5, 44)
    searches = [asked for asked in web.asked if asked.path == "/stac/search"]
    assert len(searches) == 3
    for asked in searches:
        told = asked.body if method == "POST" else asked.parameters
        assert told["collections"] in (["sentinel-2-l1c"], "sentinel-2-l1c")
        assert told["datetime"] == "2017-01-01T00:00:00Z/2017-12-31T23:59:59.999Z"


def test_clouds_are_asked_for_only_where_the_server_compares_properties(web, http, year_2017):
    conforms = "https://api.stacspec.org/v1.0.0-rc.2/item-search#query"
    source(http, api(web, [], conforms=(conforms,))).search(year_2017)
    source(http, api(web, [])).search(year_2017)
    bodies = [asked.body for asked in web.asked if asked.body]
    assert bodies[0]["query"] == {"eo:cloud_cover": {"lte": 20}} and "query" not in bodies[1]


def test_a_tile_on_the_antimeridian_is_asked_for_in_two_parts():
    for name in ("01CDL", "60WWE", "31TFJ"):
        at = tile(name)
        area = shape(search_body(Query("Sentinel2", at), (), False)["intersects"])
        west, _, east, _ = area.bounds
        assert -180 <= west < east <= 180 and area.is_valid
        lon = [lon for lon, _ in at.corners]
        crosses = max(lon) - min(lon) > 180
        assert (area.geom_type == "MultiPolygon") == crosses, name
    assert any(max(c[0] for c in tile(n).corners) - min(c[0] for c in tile(n).corners) > 180 for n in ("01CDL", "60WWE"))


def test_neighbouring_tiles_and_scenes_are_left_out(web, http, year_2017, scene_2017):
    other = s2_item(3, SAFE.replace("T31TFJ", "T31TGJ"))
    scene = s2_item(4) | {"assets": {"MTL.txt": {"href": f"/data/{LANDSAT}/{LANDSAT}_MTL.txt"}}}
    found = source(http, api(web, [other, s2_item(5), scene], page=9))
    assert [f.identity.date.day for f in found.search(year_2017).found] == [5]
    assert [f.location for f in found.search(scene_2017).found] == [f"/data/{LANDSAT}"]
    assert found.search(replace(scene_2017, row=29)).found == ()


def test_scenes_of_one_tile_share_one_search(web, http, scene_2017):
    stac = source(http, api(web, []))
    stac.search(scene_2017)
    stac.search(replace(scene_2017, row=29))
    assert len([asked for asked in web.asked if asked.path == "/stac/search"]) == 1


@pytest.mark.parametrize("fault", [Reply("x", 500), Reply("<html>"), Reply({"code": "x"})])
def test_a_fault_is_an_error_and_never_an_empty_answer(web, http, year_2017, fault):
    url = api(web, [])
    web.says("/stac/search", fault)
    answer = source(http, url).search(year_2017)
    assert answer.error.startswith(f"unreachable: {web.url}/stac/search") and answer.found == ()


def test_an_empty_answer_is_no_error(web, http, year_2017):
    answer = source(http, api(web, [])).search(year_2017)
    assert (answer.found, answer.error) == ((), "")


# ------------------------------------------------------------------------------------------------ static catalogues


def static(items: list[dict]) -> dict[str, dict]:
    """Documents of a catalogue with two collections, by relative path."""
    links = [{"rel": "item", "href": f"./items/{item['id']}.json"} for item in items]
    return {
        "catalog.json": {
            "type": "Catalog",
            "id": "root",
            "links": [
                {"rel": "root", "href": "./catalog.json"},
                {"rel": "child", "href": "./s2/collection.json"},
                {"rel": "child", "href": "./other/collection.json"},
            ],
        },
        "s2/collection.json": {"type": "Collection", "id": "s2", "links": [{"rel": "parent", "href": "../catalog.json"}, *links]},
        "other/collection.json": {"type": "Collection", "id": "other", "links": [{"rel": "child", "href": "../catalog.json"}]},
        **{f"s2/items/{item['id']}.json": item for item in items},
    }


def relative_item(day: int) -> dict:
    item = s2_item(day)
    return item | {"assets": {"safe-manifest": {"href": f"../../products/{SAFE.format(day)}/manifest.safe"}}}


def test_a_static_catalogue_on_disk_is_walked_once(tmp_path, http, year_2017):
    for name, document in static([relative_item(1), relative_item(2)]).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(document))
    stac = source(http, str(tmp_path / "catalog.json"), collections=("s2",))
    answer = stac.search(year_2017)
    assert [f.location for f in answer.found] == [str(tmp_path / "products" / SAFE.format(day)) for day in (1, 2)]
    (tmp_path / "catalog.json").unlink()
    assert stac.search(replace(year_2017, cloud_cover=5)).found == answer.found


def test_a_static_catalogue_on_the_web_is_walked(web, http, year_2017):
    for name, document in static([s2_item(1), s2_item(2)]).items():
        web.says(f"/cat/{name}", Reply(document))
    assert len(source(http, f"{web.url}/cat/catalog.json").search(year_2017).found) == 2


def test_an_item_that_cannot_be_read_is_told(web, http, year_2017):
    for name, document in static([s2_item(1), s2_item(2)]).items():
        web.says(f"/cat/{name}", Reply(document))
    web.says("/cat/s2/items/item-2.json", Reply("gone", 404))
    answer = source(http, f"{web.url}/cat/catalog.json").search(year_2017)
    assert "item-2.json: HTTP 404" in answer.error


@pytest.mark.parametrize(
    ("text", "cause"), [("{", "cannot be read as JSON"), ("[]", "not a JSON object"), ('{"a": 1}', "no STAC")]
)
def test_a_file_that_is_no_catalogue_is_told(tmp_path, http, year_2017, text, cause):
    (tmp_path / "c.json").write_text(text)
    assert cause in source(http, str(tmp_path / "c.json")).search(year_2017).error


def test_a_missing_catalogue_is_told(tmp_path, http, year_2017):
    assert "c.json: cannot be read" in source(http, str(tmp_path / "c.json")).search(year_2017).error


def test_an_item_collection_and_a_single_item_are_catalogues_too(tmp_path, http, year_2017):
    (tmp_path / "many.json").write_text(json.dumps({"type": "FeatureCollection", "features": [s2_item(1), s2_item(2)]}))
    (tmp_path / "one.json").write_text(json.dumps(s2_item(3)))
    assert len(source(http, str(tmp_path / "many.json")).search(year_2017).found) == 2
    assert len(source(http, str(tmp_path / "one.json")).search(year_2017).found) == 1


# ------------------------------------------------------------------------------------------------ items


def test_the_product_of_any_asset_is_the_folder_named_as_one():
    item = {"id": "x", "assets": {"B04": {"href": f"/eodata/a/{SAFE.format(3)}/GRANULE/L1C/IMG_DATA/T31TFJ_B04.jp2"}}}
    assert record_of(item, "/c.json").path == f"/eodata/a/{SAFE.format(3)}"


def test_an_archive_is_a_product_and_a_preview_is_not():
    name = SAFE.format(3).removesuffix(".SAFE")
    item = {"id": "x", "assets": {"thumbnail": {"href": f"/a/{name}.jpg"}, "product": {"href": f"/a/{name}.zip"}}}
    assert record_of(item, "/c.json").path == f"/a/{name}.zip"


def test_the_object_store_is_preferred_to_the_web():
    file = f"{LANDSAT}/{LANDSAT}_MTL.txt"
    asset = {"href": f"https://landsatlook.usgs.gov/x/{file}", "alternate": {"s3": {"href": f"s3://usgs-landsat/x/{file}"}}}
    assert record_of({"id": "x", "assets": {"MTL.txt": asset}}, "https://h/c").path == f"s3://usgs-landsat/x/{LANDSAT}"


def test_a_renamed_folder_is_found_by_the_metadata_and_the_id():
    item = {"id": LANDSAT, "assets": {"B4": {"href": "./scene1/b4.tif"}, "mtl": {"href": "./scene1/MTL.txt"}}}
    assert record_of(item, "/cat/i.json").path == ""
    record = record_of(item, "/cat/i.json", ("mtl",))
    assert record.path == "/cat/scene1" and record.identity.row == 30


def test_the_tile_of_an_old_name_is_that_of_the_grid_code():
    old = "S2A_OPER_PRD_MSIL1C_PDMC_20160929T204829_R108_V20160929T103022_20160929T103345.SAFE"
    item = {"id": "x", "properties": {"grid:code": "MGRS-32TLR"}, "assets": {"m": {"href": f"/a/{old}/m.xml"}}}
    assert record_of(item, "/c.json").identity.tile == "32TLR"


def test_an_item_without_a_product_is_ignored(web, http, year_2017):
    answer = source(http, api(web, [{"type": "Feature", "id": "x", "assets": {"a": {"href": "/x/y.tif"}}}])).search(year_2017)
    assert answer.found == () and answer.ignored == 1


def test_the_genuine_item_of_a_landsat_scene_leads_to_it(genuine):
    scene = "LC08_L1GT_089074_20220506_20220512_02_T2"
    item = json.loads((genuine(f"landsat/{scene}") / f"{scene}_stac.json").read_text())
    record = record_of(item, "https://landsatlook.usgs.gov/stac-server/search")
    assert record.path == f"s3://usgs-landsat/collection02/level-1/standard/oli-tirs/2022/089/074/{scene}"
    assert record.cloud_cover == 86.35 and (record.identity.path, record.identity.row) == (89, 74)
    assert record.footprint.bounds == pytest.approx((153.9245, -21.2758, 156.0765, -19.1844), abs=1e-4)


def test_a_server_that_repeats_a_page_is_told(web, http, year_2017):
    url = api(web, [])
    more = iter(range(100))

    def reply(_: Asked) -> Reply:
        link = {"rel": "next", "href": f"{web.url}/stac/search", "method": "POST", "body": {"n": next(more)}}
        return Reply({"features": [s2_item(1)], "links": [link]})

    web.does("/stac/search", reply)
    assert "repeats the page" in source(http, url).search(year_2017).error


def test_pages_in_a_circle_are_an_error(web, http, year_2017):
    url = api(web, [])
    link = {"rel": "next", "href": f"{web.url}/stac/search", "method": "POST", "body": {"token": "1"}, "merge": True}
    web.says("/stac/search", Reply({"features": [], "links": [link]}))
    with pytest.raises(Unreachable, match="circle"):
        list(Stac(http, url).records(year_2017))
