"""``list`` takes a target for what the four modes would; ``report`` makes the page again."""

from pathlib import Path

import pytest
from products.landsat_scene import Scene
from report import report_cases

from sen2like.commands import report
from sen2like.commands.listing import mode_of
from sen2like.errors import MetadataError, UsageError
from sen2like.report import command

S2 = "S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE"


@pytest.fixture
def region(tmp_path):
    path = tmp_path / "field.geojson"
    path.write_text('{"type": "Polygon", "coordinates": [[[4.5, 43.5], [4.6, 43.5], [4.6, 43.6], [4.5, 43.5]]]}')
    return path


@pytest.mark.parametrize("target", ["31TFJ", "T31TFJ", "31tfj"])
def test_a_tile_is_listed_as_by_single_tile_mode(target):
    words = mode_of({"target": target, "start_date": "2017-01-01"})
    listing = {"no_run": True, "list_format": "table"}
    assert words == {"mode": "single-tile-mode", "tile": target, "start_date": "2017-01-01", **listing}


def test_a_tile_wins_over_a_folder_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "31TFJ").mkdir()
    monkeypatch.chdir(tmp_path)
    assert mode_of({"target": "31TFJ"})["mode"] == "single-tile-mode"
    assert mode_of({"target": "./31TFJ"})["mode"] == "product-mode"


def test_a_region_is_listed_as_by_multi_tile_mode(region):
    words = mode_of({"target": str(region), "tiles": "auto", "list_format": "csv"})
    assert (words["mode"], words["roi"], words["tiles"], words["list_format"]) == ("multi-tile-mode", region, "auto", "csv")


def test_a_region_with_a_tile_is_listed_as_by_roi_based_mode(region):
    words = mode_of({"target": str(region), "tile": "31TFJ"})
    assert (words["mode"], words["roi"], words["tile"]) == ("roi-based-mode", region, "31TFJ")


def test_a_product_folder_is_listed_as_by_product_mode(tmp_path):
    (tmp_path / S2).mkdir()
    words = mode_of({"target": str(tmp_path / S2)})
    assert (words["mode"], words["product"]) == ("product-mode", tmp_path / S2)


def test_a_product_archive_is_a_product_even_when_damaged(tmp_path):
    path = tmp_path / f"{S2}.zip"
    path.write_bytes(b"not a zip")
    assert mode_of({"target": str(path)})["mode"] == "product-mode"


def test_a_scene_needs_its_tile_as_in_product_mode(tmp_path):
    scene = Scene(2, "L1TP").write(tmp_path)
    words = mode_of({"target": str(scene), "tile": "31TFJ"})
    assert (words["mode"], words["tile"]) == ("product-mode", "31TFJ")


def test_what_is_neither_is_named():
    with pytest.raises(UsageError, match=r"nowhere\.geojson is neither"):
        mode_of({"target": "nowhere.geojson"})


@pytest.mark.parametrize(
    ("target", "given", "told"),
    [("31TFJ", {"tile": "31TFJ"}, "--tile"), ("31TFJ", {"tiles": "auto"}, "--tiles"),
     (S2, {"start_date": "2017-01-01"}, "--start-date"), (S2, {"l2a": True}, "--l2a"),
     ("field.geojson", {"tile": "31TFJ", "tiles": "all"}, "--tiles")],
)  # fmt: skip
def test_options_of_another_target_are_refused(tmp_path, region, monkeypatch, target, given, told):
    (tmp_path / S2).mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told):
        mode_of({"target": target, **given})


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    command.write(report_cases.varied(tmp_path / "archive"), folder)
    return folder


def test_the_page_is_made_again_from_the_folder_or_the_file(run_dir):
    page = run_dir / "report.html"
    made = page.read_bytes()
    for given in (run_dir, run_dir / "report.json"):
        page.unlink()
        assert report.run(given) == page and page.read_bytes() == made


def test_a_report_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MetadataError, match=r"absent\.json"):
        report.run(tmp_path / "absent.json")


def test_an_archive_that_is_not_there_is_named(run_dir):
    with pytest.raises(MetadataError, match=r"--archive .*absent"):
        report.run(run_dir, Path("absent"))
