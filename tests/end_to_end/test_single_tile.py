"""single-tile-mode over a small archive of Sentinel-2, Landsat 8 and Landsat 9 dates (spec 01 section 4, 02 section 4)."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import rasterio
from end_to_end.modes import contents, differences, inputs, offer, outputs, report, search, short, single, statuses
from end_to_end.running import TILE, Bench, Run, images, item, lineage, quality, step
from lxml import etree

BANDS = ("--bands", "B04")
ORDER = ["S2A 0602", "S2B 0612", "S2A 0622", "LS8 0615", "LS9 0623"]
"""All Sentinel-2 by day, then Landsat by day, as fusion needs them."""


@pytest.fixture(scope="module")
def root(simulate_scenario) -> Path:
    """An archive with five dates."""
    return simulate_scenario("standard")


@pytest.fixture(scope="module")
def stitch(simulate, simulate_scenario, tmp_path_factory) -> Path:
    """An archive with two datastrips of one datatake that share 30 km, and two rows of one Landsat path."""
    common = dict(aot=0.12, cover=0.03)
    strips = [simulate(along_max=15000.0, **common), simulate(along_min=-15000.0, along_max=1e12, strip_shift=10, **common)]
    rows = simulate_scenario("stitch").glob("Landsat8/*/*/*")
    return offer(tmp_path_factory.mktemp("stitch"), [*(strip.path for strip in strips), *rows])


@pytest.fixture(scope="module")
def series(root, module_bench) -> tuple[Bench, Run, dict]:
    bench = module_bench()
    run = single(bench, root, *BANDS)
    assert run.code == 0 and run.errors() == [], run.err
    return bench, run, report(run)


def processed(run: Run) -> list[str]:
    """Inputs in the order in which the log says they began."""
    return re.findall(r" - (\S+) on tile 31TFJ: bands", run.err)


def listed(bench: Bench, root: Path, *options: object, **changes: object) -> list[dict]:
    run = single(bench, root, "--no-run", "--list-format", "json", *options, **changes)
    assert run.code == 0, run.err
    return json.loads(run.out)


def chosen(rows: list[dict]) -> set[str]:
    return {Path(row["path"]).name for row in rows if row["decision"] == "selected"}


def nothing_but_first(root: Path, tmp_path: Path) -> Path:
    return offer(tmp_path / "first", [inputs(root)["S2A 0602"]])


# what a run makes ----------------------------------------------------------------------------------------------------------


def test_all_dates_are_processed_sentinel2_first(series, root):
    _, run, _ = series
    assert processed(run) == [inputs(root)[date].name for date in ORDER]


def test_every_date_has_both_levels(series):
    _, run, _ = series
    assert outputs(run) == sorted(f"{d[:3]}_{level}_{d[4:]}" for d in ORDER for level in ("L2H", "L2F"))


@pytest.mark.parametrize(("landsat", "references"), [("LS8", ["S2A_L2F_0602", "S2B_L2F_0612"]),
                                                    ("LS9", ["S2B_L2F_0612", "S2A_L2F_0622"])])  # fmt: skip
def test_landsat_is_fused_with_the_two_latest_dates_before_it(series, landsat, references):
    (product,) = (path for path in series[1].products("L2F") if path.name.startswith(landsat))
    assert [short(name) for name in step(product, "Fusion")["products"].split(", ")] == references
    assert [short(name) for name in quality(product)["FUSION_REFERENCES"].split()] == references
    with rasterio.open(images(product)["B04"]) as image:
        assert image.res == (300, 300)  # 10 m by the coarse factor of 30: the grid of Sentinel-2


def test_the_report_tells_each_product_and_its_references(series, root):
    _, run, told = series
    assert told["status"] == "done" and told["counts"] == {"done": 5}
    products = {product["product"]: product for product in told["tiles"][0]["products"]}
    assert {Path(name).stem for name in products} == {path.stem for path in inputs(root).values()}
    fused = {p["satellite"]: [short(name) for name in p["fusion"]["references"]] for p in products.values() if p["fusion"]}
    assert fused == {"LS8": ["S2A_L2F_0602", "S2B_L2F_0612"], "LS9": ["S2B_L2F_0612", "S2A_L2F_0622"]}
    assert {Path(path).name for p in products.values() for path in p["outputs"]} == {path.name for path in run.products()}
    assert all((run.archive / path).is_dir() for p in products.values() for path in p["outputs"])


def test_the_page_of_the_report_names_every_product(series, root):
    (page,) = series[1].wd.glob("*/report.html")
    text = page.read_text()
    assert etree.fromstring(text, etree.HTMLParser()) is not None
    assert all(path.name.removesuffix(".SAFE") in text for path in inputs(root).values())


def test_a_second_run_does_nothing(series, root):
    bench, run, _ = series
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in bench.archive.rglob("*")}
    again = single(bench, root, *BANDS)
    assert again.code == 0 and processed(again) == []
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in bench.archive.rglob("*")
            if path != run.tile} == {path: told for path, told in before.items() if path != run.tile}  # fmt: skip
    rows = listed(bench, root, *BANDS)
    assert len(rows) == 5 and all("made before with the same configuration" in row["reason"] for row in rows)


def test_strict_accepts_products_that_are_there_already(series, root):
    assert single(series[0], root, *BANDS, "--strict").code == 0


# which products ------------------------------------------------------------------------------------------------------------


def test_the_text_listing_has_the_lines_of_the_reference(bench, root):
    """Brackets, blanks and rounding of spec 01 section 4.8; cloud cover as the metadata of the simulator tell it."""
    clouds = {}
    for date, path in inputs(root).items():
        (document,) = path.glob("MTD_MSIL1C.xml" if date.startswith("S2") else "*_MTL.txt")
        pattern = r"<Cloud_Coverage_Assessment>([\d.]+)" if date.startswith("S2") else r"CLOUD_COVER = ([\d.]+)"
        clouds[date] = float(re.search(pattern, document.read_text())[1])
    run = single(bench, root, "--no-run")
    first, *lines = run.out.splitlines()
    assert run.code == 0 and first == "Tile: 31TFJ"
    assert sorted(lines) == sorted(
        f"[ Tile coverage =    100% ] [ Cloud coverage = {clouds[date]:6.0f}% ] {path}" for date, path in inputs(root).items()
    )


def test_a_listing_of_nothing_says_so(bench, tmp_path):
    for folder in ("Sentinel2/31TFJ", "Landsat8/196/30", "Landsat9/196/30"):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    run = single(bench, tmp_path / "empty", "--no-run")
    assert run.code == 0 and run.out.splitlines() == ["Tile: 31TFJ", "No product_urls found."]
    assert not bench.wd.exists() or (not any(bench.wd.glob("*/*")) and not bench.archive.exists())


@pytest.mark.parametrize(("options", "dates"), [
    (["--start-date", "2021-06-12"], ["S2B 0612", "S2A 0622", "LS8 0615", "LS9 0623"]),
    (["--end-date", "2021-06-15"], ["S2A 0602", "S2B 0612", "LS8 0615"]),
    (["--start-date", "2021-06-15", "--end-date", "2021-06-22"], ["S2A 0622", "LS8 0615"]),
])  # fmt: skip
def test_dates_bound_what_is_selected_both_days_included(bench, root, options, dates):
    assert chosen(listed(bench, root, *options)) == {inputs(root)[date].name for date in dates}


def rich(root: Path, simulate: Callable, tmp_path: Path) -> Path:
    """An archive with something of everything: versions, levels, clouds, wrong dates, things that are no products."""
    made = inputs(root)
    place = offer(tmp_path / "rich", [made[date] for date in ("S2A 0602", "S2B 0612", "LS8 0615")])
    offer(place, [simulate(sensor="S2A", level="L2A").path])
    (place / "Sentinel2/31TFJ/S2A_MSIL1C_20210602T104155_N0500_R008_T31TFJ_20210602T124625.SAFE").symlink_to(made["S2A 0602"])
    (place / "Landsat8/196/30/LC08_L1TP_196030_20210615_20210618_02_RT").symlink_to(made["LS8 0615"])
    (place / "Landsat8/196/30/LC08_L1TP_196030_20210615_20210701_02_T2").symlink_to(made["LS8 0615"])
    (place / "Sentinel2/31TFJ/readme.txt").write_text("no product")
    (place / "Sentinel2/31TFJ/S2B_MSIL1C_20210820T104155_N0510_R008_T31TFJ_20210820T164625.SAFE").symlink_to(made["S2B 0612"])
    return place


def test_the_listing_equals_what_the_run_does(bench, root, simulate, tmp_path):
    place = rich(root, simulate, tmp_path)
    options = (*BANDS, "--end-date", "2021-06-30")
    changes = {"cloud_cover": 8}
    rows = listed(bench, place, *options, **changes)
    run = single(bench, place, *options, **changes)
    told = report(run)
    assert run.code == 0
    assert [{name: row[name] for name in ("path", "decision", "reason")} for row in rows] == [
        {name: row[name] for name in ("path", "decision", "reason")} for row in told["tiles"][0]["candidates"]
    ]
    assert {Path(name).stem for name in processed(run)} == {Path(name).stem for name in chosen(rows)}
    decisions = {Path(row["path"]).name: row["reason"] for row in rows if row["decision"] == "dropped"}
    assert "superseded" in decisions["S2A_MSIL1C_20210602T104155_N0500_R008_T31TFJ_20210602T124625.SAFE"]
    assert "superseded" in decisions["LC08_L1TP_196030_20210615_20210618_02_RT"]
    assert "superseded" in decisions["LC08_L1TP_196030_20210615_20210701_02_T2"]
    assert decisions[inputs(root)["S2B 0612"].name].startswith("cloud 8.3")
    assert outputs(run) == ["LS8_L2F_0615", "LS8_L2H_0615", "S2A_L2F_0602", "S2A_L2H_0602"]


def test_legacy_selection_prefers_tier_2_as_the_reference_does(bench, root, simulate, tmp_path):
    place = rich(root, simulate, tmp_path)
    landsat = {name for name in chosen(listed(bench, place, selection="legacy")) if name.startswith("LC08")}
    assert landsat == {"LC08_L1TP_196030_20210615_20210701_02_T2"}


def test_l2a_takes_the_level_2a_product_of_a_date(bench, root, simulate, tmp_path):
    second = simulate(sensor="S2A", level="L2A").path
    place = offer(tmp_path / "both", [inputs(root)["S2A 0602"], second])
    run = single(bench, place, "--l2a", *BANDS)
    assert processed(run) == [second.name] and outputs(run) == ["S2A_L2F_0602", "S2A_L2H_0602"]
    assert "Atmcor" not in lineage(run.product("L2H"))
    assert chosen(listed(bench, place)) == {inputs(root)["S2A 0602"].name}


def test_bands_are_those_asked_for(bench, root, tmp_path):
    place = offer(tmp_path / "two", [inputs(root)["S2A 0602"], inputs(root)["LS8 0615"]])
    run = single(bench, place, "--bands", "B8A,BT1")
    assert run.code == 0
    assert {(path.name[:3], *sorted(images(path))) for path in run.products("L2H")} == {("S2A", "B8A"), ("LS8", "B10", "B8A")}


# options of a run ----------------------------------------------------------------------------------------------------------


def test_force_makes_the_same_again_in_place_of_the_old(bench, root, tmp_path, next_second):
    place = nothing_but_first(root, tmp_path)
    first = single(bench, place, *BANDS)
    made, old = contents(bench.archive), {path.name for path in first.products()}
    next_second()
    run = single(bench, place, *BANDS, "--force")
    assert run.code == 0 and len(processed(run)) == 1
    assert not old & {path.name for path in run.products()} and outputs(run) == ["S2A_L2F_0602", "S2A_L2H_0602"]
    assert [name for name in differences(contents(bench.archive), made) if not name.endswith((".json", ".xml"))] == []


def test_another_configuration_processes_again(bench, root, tmp_path, next_second):
    place = nothing_but_first(root, tmp_path)
    assert single(bench, place, *BANDS).code == 0
    next_second()
    run = single(bench, place, *BANDS, doNbar=False)
    assert len(processed(run)) == 1 and "Nbar" not in lineage(run.product("L2H"))


@pytest.mark.parametrize(("options", "changes", "strict", "code"), [
    pytest.param((), {"base_url": "empty"}, (), 0, id="empty"),
    pytest.param((), {"base_url": "empty"}, ("--strict",), 6, id="empty strict"),
    pytest.param(("--start-date", "2022-01-01"), {}, (), 0, id="old"),
    pytest.param(("--start-date", "2022-01-01"), {}, ("--strict",), 6, id="old strict"),
    pytest.param((), {"cloud_cover": 0}, (), 0, id="cloudy"),
    pytest.param((), {"cloud_cover": 0}, ("--strict",), 6, id="cloudy strict"),
])  # fmt: skip
def test_nothing_to_process_is_a_failure_only_with_strict(bench, root, tmp_path, options, changes, strict, code):
    """Products that are all too old or too cloudy are no products."""
    for folder in ("Sentinel2/31TFJ", "Landsat8/196/30", "Landsat9/196/30"):
        (tmp_path / "empty" / folder).mkdir(parents=True)
    if "base_url" in changes:
        changes = {"base_url": tmp_path / "empty"}
    run = single(bench, root, *options, *strict, **changes)
    told = report(run)
    assert run.code == code and told["status"] == "empty" and told["counts"] == {} and run.products() == []
    assert "No product for tile 31TFJ" in run.err


def test_history_brings_the_sentinel2_dates_that_fusion_needs(bench, root):
    options = (*BANDS, "--start-date", "2021-06-15", "--end-date", "2021-06-16")
    rows = listed(bench, root, *options, "--fusion-history", "20")
    history = {Path(row["path"]).name for row in rows if "history" in row["reason"]}
    assert history == {inputs(root)[date].name for date in ("S2A 0602", "S2B 0612")}
    without = single(bench, root, *options)
    assert without.code == 0 and outputs(without) == ["LS8_L2H_0615"]
    run = single(bench, root, *options, "--fusion-history", "20")
    assert run.code == 0 and {"LS8_L2F_0615", "S2A_L2F_0602", "S2B_L2F_0612"} <= set(outputs(run))
    (fused,) = (path for path in run.products("L2F") if path.name.startswith("LS8"))
    assert [short(name) for name in step(fused, "Fusion")["products"].split(", ")] == ["S2A_L2F_0602", "S2B_L2F_0612"]


def test_history_takes_no_more_days_than_it_is_given(bench, root):
    rows = listed(bench, root, "--start-date", "2021-06-15", "--fusion-history", "5")
    assert {Path(row["path"]).name for row in rows if "history" in row["reason"]} == {inputs(root)["S2B 0612"].name}


# stitching -----------------------------------------------------------------------------------------------------------------


def holes(product: Path) -> int:
    with rasterio.open(images(product)["B04"]) as source:
        return int((source.read(1) == 0).sum())


def partners(root: Path) -> dict[str, set[str]]:
    """Names that make one image, by satellite."""
    return {"S2A": {path.name for path in root.glob("Sentinel2/*/*")}, "LS8": {path.name for path in root.glob("Landsat8/*/*/*")}}


def test_rows_and_datastrips_of_a_pass_complete_the_tile(bench, stitch):
    run = single(bench, stitch, *BANDS)
    assert run.code == 0 and len(processed(run)) == 2
    assert outputs(run) == ["LS8_L2F_0615", "LS8_L2H_0615", "S2A_L2F_0602", "S2A_L2H_0602"]
    for product in run.products():
        assert holes(product) == 0
        assert {link["href"] for link in item(product)["links"] if link["rel"] == "derived_from"} >= partners(stitch)[
            product.name[:3]
        ]
    told = {p["satellite"]: {p["product"], *p["stitched_with"]} for p in report(run)["tiles"][0]["products"]}
    assert {satellite: {Path(name).stem for name in names} for satellite, names in told.items()} == {
        satellite: {Path(name).stem for name in names} for satellite, names in partners(stitch).items()
    }


def test_without_stitching_each_stands_alone(bench, stitch):
    run = single(bench, stitch, *BANDS, doStitching=False)
    assert run.code == 0 and len(processed(run)) == 2
    assert all(holes(product) > 1000 for product in run.products())


@pytest.mark.parametrize("satellite", ["S2A", "LS8"])
def test_product_mode_finds_the_others_of_the_pass_in_the_archive(bench, stitch, satellite):
    first = min(path for path in (*stitch.glob("Sentinel2/*/*"), *stitch.glob("Landsat8/*/*/*"))
                if path.name in partners(stitch)[satellite])  # fmt: skip
    run = bench.run(*search(bench, stitch, "product-mode", first, "--tile", TILE, *BANDS))
    assert run.code == 0 and holes(run.product("L2H")) == 0
    assert {Path(name).stem: status for name, status in statuses(report(run)).items()} == {first.stem: "done"}
