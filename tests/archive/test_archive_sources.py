"""Sources of a configuration, mixed, searched side by side; missing and broken ones beside good ones."""

import json
import os
import threading
from dataclasses import replace

import pytest
from archive.web import Reply

from sen2like.archive.http import Http
from sen2like.archive.sources import search, search_all, sources_of
from sen2like.config import load
from sen2like.errors import ConfigurationError

S2 = "S2A_MSIL1C_20170103T104432_N0204_R008_T31TFJ_20170103T104428.SAFE"
LATER = S2.replace("20170103T104432", "20170113T104432")
LANDSAT = "LC08_L1TP_196030_20171106_20171121_01_T1"
MINIMUM = "[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = /out\n[InputProductArchive]\n"


@pytest.fixture
def sources(tmp_path, http, today):
    """``sources(text of the archive's section and of named sources)``"""

    def make(text: str, client: Http | None = None):
        path = tmp_path / "c.ini"
        path.write_text(MINIMUM + text)
        config = load(path)
        return sources_of(config.input_product_archive, config.sources, tmp_path / "cache", client or http, today)

    return make


@pytest.fixture
def products(tmp_path):
    for folder in (f"Sentinel2/31TFJ/{S2}", f"Landsat8/196/30/{LANDSAT}"):
        (tmp_path / "products" / folder).mkdir(parents=True)
    return tmp_path / "products"


LOCAL = "base_url = {}\nurl_parameters_pattern_Sentinel2 = {{base_url}}/{{mission}}/{{tile}}\n"
LOCAL_LANDSAT = "url_parameters_pattern_Landsat8 = {base_url}/{mission}/{path}/{row}\n"


def odata_answer(*names: str) -> Reply:
    return Reply({"value": [{"S3Path": f"/eodata/{name}"} for name in names]})


def locations(answers) -> list[str]:
    return [os.path.basename(found.location) for answer in answers for found in answer.found]


def test_local_archive_of_the_shipped_form(sources, products, year_2017, scene_2017):
    made = sources(LOCAL.format(products) + LOCAL_LANDSAT)
    assert made.missions == ("Sentinel2", "Landsat8")
    assert locations(search(made, year_2017)) == [S2] and locations(search(made, scene_2017)) == [LANDSAT]


def test_a_mission_without_a_source_has_no_answer(sources, products, scene_2017):
    assert search(sources(LOCAL.format(products)), replace(scene_2017, mission="Landsat9")) == []


def test_local_for_one_mission_and_remote_for_another(sources, products, web, year_2017, scene_2017):
    url = web.says("/odata", odata_answer(S2))
    made = sources(
        f"base_url_s2 = {url}?$filter=(\nbase_url_landsat = {products}\nlocation_Sentinel2 = contains(Name,%27{{tile}}%27)\n"
        "url_parameters_pattern = {base_url_s2}{location} and ContentDate/Start ge {start_date})\n"
        "url_parameters_pattern_Landsat8 = {base_url_landsat}/Landsat8/{path}/{row}\n"
    )
    assert search(made, year_2017)[0].found[0].location == f"/eodata/{S2}"
    assert web.asked[0].parameters["$filter"] == "(contains(Name,'31TFJ') and ContentDate/Start ge 2017-01-01T00:00:00Z)"
    assert locations(search(made, scene_2017)) == [LANDSAT]


def test_named_sources_of_every_kind_answer_beside_the_patterns(sources, products, web, tmp_path, year_2017):
    web.says("/odata", odata_answer(S2, LATER))
    feature = {"properties": {"id": f"/eodata/{LATER}"}}
    web.says("/resto", Reply({"features": [feature]}))
    item = {"assets": {"a": {"href": f"{LATER}/x"}}}
    (tmp_path / "stac.json").write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    made = sources(
        LOCAL.format(products)
        + f"[Source all]\ntype = index\nfolder = {products}\n"
        + f"[Source cloud]\ntype = odata\nmissions = Sentinel2\nurl = {web.url}/odata\nmount = /mnt\n"
        + f"[Source old]\ntype = resto\nurl = {web.url}/resto?{{location}}\nlocation = q={{tile}}\n"
        + "thumbnail_property = properties/id\n"
        + f"[Source items]\ntype = stac\nurl = {tmp_path}/stac.json\n"
        + f"[Source flat]\ntype = pattern\nurl = {products}/Sentinel2/{{tile}}\n"
    )
    answers = search(made, year_2017)
    assert [[os.path.basename(f.location) for f in a.found] for a in answers] == [[S2], [S2], [S2, LATER], [LATER], [LATER], [S2]]
    assert [a.error for a in answers] == [""] * 6
    assert answers[2].found[0].location == f"/mnt/eodata/{S2}" and answers[2].source.startswith("[Source cloud] (http")
    assert answers[4].found[0].location == str(tmp_path / LATER)


def test_an_unreachable_source_does_not_hide_the_others(sources, products, web, year_2017):
    web.says("/odata", Reply("x", 500))
    made = sources(LOCAL.format(products) + f"[Source cloud]\ntype = odata\nurl = {web.url}/odata\n")
    good, bad = search(made, year_2017)
    assert locations([good]) == [S2] and bad.error.startswith("unreachable: ")


def test_a_missing_folder_below_an_archive_is_a_notice(sources, products, scene_2017):
    (answer,) = search(sources(LOCAL.format(products) + LOCAL_LANDSAT), replace(scene_2017, row=29))
    assert f"{products}/Landsat8/196/29 does not exist" in answer.notice and answer.error == ""


def test_a_missing_archive_is_an_error_when_the_mission_has_no_other(sources, tmp_path, year_2017):
    (answer,) = search(sources(LOCAL.format(tmp_path / "gone")), year_2017)
    assert answer.error.startswith(f"unreachable: folder {tmp_path / 'gone'} (InputProductArchive) does not exist")


def test_a_missing_archive_is_a_notice_beside_another(sources, products, tmp_path, year_2017):
    made = sources(LOCAL.format(tmp_path / "gone") + f"[Source all]\ntype = index\nfolder = {products}\n")
    missing, good = search(made, year_2017)
    assert "does not exist" in missing.notice and missing.error == "" and locations([good]) == [S2]


def test_a_source_is_asked_once_for_a_query(sources, web, year_2017):
    web.says("/odata", odata_answer(S2))
    made = sources(f"[Source cloud]\ntype = odata\nurl = {web.url}/odata\n")
    assert search(made, year_2017) == search(made, replace(year_2017)) and len(web.asked) == 1


def test_many_queries_are_asked_side_by_side_and_answered_in_order(sources, web, scene_2017):
    def reply(asked) -> Reply:
        scene = asked.parameters["$filter"].partition("Name,'_")[2][:6]
        return Reply(odata_answer(LANDSAT.replace("196030", scene)).body, delay=0.05)

    web.does("/odata", reply)
    made = sources(f"[Source cloud]\ntype = odata\nurl = {web.url}/odata\n")
    answers = search_all(made, [replace(scene_2017, row=row) for row in range(20, 32)])
    assert [answer.found[0].identity.row for (answer,) in answers] == list(range(20, 32))
    assert 1 < web.most_at_a_time <= 4


def test_an_interrupted_search_ends_its_pauses(sources, web, year_2017, monkeypatch):
    web.says("/odata", Reply("x", 500))
    made = sources(
        f"[Source b]\ntype = odata\nurl = {web.url}/b\n[Source cloud]\ntype = odata\nurl = {web.url}/odata\n", Http(pause=60)
    )
    ask = made.ask

    def interrupted(source, query):
        if source.name == "[Source b]":
            raise KeyboardInterrupt
        return ask(source, query)

    monkeypatch.setattr(made, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(made, year_2017)
    waiting = [thread for thread in threading.enumerate() if thread.name.startswith("archive_")]
    for thread in waiting:
        thread.join(10)
    assert not any(thread.is_alive() for thread in waiting)


def test_a_pattern_with_a_key_that_is_not_set_is_refused_at_once(sources):
    with pytest.raises(ConfigurationError) as caught:
        sources("url_parameters_pattern_Sentinel2 = {base_url}/{tile}\n[Source x]\ntype = pattern\nurl = {base_url_s2}/{tile}\n")
    assert [p.partition(":")[0] for p in caught.value.problems] == ["url_parameters_pattern_Sentinel2", "[Source x] url"]
