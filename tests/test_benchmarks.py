"""The benchmarks without their clock: what the floor counts, limits, the comparison with a baseline, tables and plot."""

import dataclasses
import sys
from pathlib import Path

import pytest
import rasterio
from end_to_end.running import Bench as Program
from lxml import etree

from benchmarks import __main__ as command
from benchmarks import floor, inputs, measure, memory, plot, results, show, workloads
from benchmarks.floor import Plan
from benchmarks.results import Result, Session
from benchmarks.workloads import Bench
from sen2like.errors import UsageError
from sen2like.execution.threads import Threads
from sen2like.grid.area import tiles_intersecting
from sen2like.grid.region import read_region
from sen2like.report import as_json
from sen2like.report.model import Report

COARSE = 30
S2_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
FIGURES = {"wall": 50.0, "floor": 40.0, "decode": 30.0, "encode": 10.0, "ratio": 1.25, "cpu": 90.0, "peak_gb": 2.0, "sum_gb": 2.0,
           "products": 1.0, "megapixels": 1300.0}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Runs:
    """Reports of coarse runs, and where they worked."""

    bench: Bench
    s2: Report
    some_bands: Report
    landsat: Report


@pytest.fixture(scope="module")
def runs(simulate_scenario, tmp_path_factory) -> Runs:
    """A Sentinel-2 product, two bands of another, and the same two bands of Landsat fused with them."""
    work = tmp_path_factory.mktemp("benchmarks")
    given = inputs.inputs(work, COARSE, simulate_scenario("standard", coarse=COARSE))
    bench, program = Bench(given, work), Program(work / "program")

    def report(name: str, product: Path, *words: str) -> Report:
        run = program.run(*workloads.product_mode(bench, "test", product, work / "archive"), *words, "--wd", work / name)
        assert run.code == 0, run.err
        (path,) = (work / name).glob("*/report.json")
        return as_json.read(path)

    fused = ("--bands", "B04,B8A")
    return Runs(
        bench,
        report("s2", given.sentinel2[0]),
        report("some", given.sentinel2[1], *fused),
        report("landsat", given.landsat[0], *fused),
    )


def session(*found: Result, coarse: int = 1) -> Session:
    machine = {"processor": "X", "cores": 2, "bands_in_flight": 2, "memory_gb": 8.0, "load_before": 0.1, "python": "3.11",
               "gdal": "3.9", "opencv": "4", "sen2like": "5"}  # fmt: skip
    return Session("2026-01-02T03:04:05+00:00", coarse, machine, found)


def result(workload: str = "s2", label: str = "one", coarse: int = 1, **figures: float) -> Result:
    return Result(workload, label, coarse, FIGURES | figures, {"read": 40.0, "write": 12.0})


def names(plan: Plan, kind: str) -> list[str]:
    return sorted(Path(read.path).name for read in plan.reads if read.kind == kind)


def test_floor_of_sentinel2_decodes_its_bands_and_the_cloud_mask_once(runs):
    plan = floor.plan(runs.s2)
    assert [name.rsplit("_", 1)[-1] for name in names(plan, "band")] == sorted(f"{band}.jp2" for band in S2_BANDS)
    assert names(plan, "mask") == ["MSK_CLASSI_B00.jp2"]
    assert {read.part for read in plan.reads} == {None}


def test_floor_of_some_bands_decodes_the_data_band_too(runs):
    assert [name[-7:-4] for name in names(floor.plan(runs.some_bands), "band")] == ["B01", "B04", "B8A"]


def test_floor_encodes_linked_images_once(runs):
    writes = floor.plan(runs.s2).writes
    assert sorted(Path(write.path).stem.split("_")[-2] for write in writes if write.kind == "image") == sorted(S2_BANDS)
    assert all(Path(write.path).is_file() for write in writes)
    assert {Path(write.path).name[-8:] for write in writes if write.kind == "mask"} == {"_MSK.TIF"}


def test_floor_of_fused_landsat_decodes_what_the_tile_needs_and_the_past_products(runs):
    plan = floor.plan(runs.landsat)
    assert [name.rsplit("_", 1)[-1] for name in names(plan, "band")] == ["B1.TIF", "B4.TIF", "B5.TIF"]
    assert [name[-12:] for name in names(plan, "mask")] == ["QA_PIXEL.TIF"]
    past = [path for path in names(plan, "past") if "_MSK" not in path]
    assert sorted(name.split("_")[-2] for name in past) == ["B04", "B04", "B8A", "B8A"], "two dates of both bands"
    assert len(names(plan, "past")) == 4 + 2, "and their masks"
    side = 109800 / (30 * COARSE)
    for read in plan.reads:
        if read.kind != "past":
            rows, columns = read.part[2:]
            assert side <= rows <= side + 2 and side <= columns <= side + 2, "the scene is larger than the tile"


def test_floor_of_fused_landsat_encodes_its_fused_and_its_harmonised_bands(runs):
    images = [Path(write.path).name for write in floor.plan(runs.landsat).writes if write.kind == "image"]
    levels = {name: sorted(image.split("_")[-2] for image in images if name in image.split("_")[0]) for name in ("L2H", "L2F")}
    assert levels == {"L2H": ["B04", "B8A"], "L2F": ["B04", "B8A"]}


def test_floor_counts_every_pixel_and_leaves_nothing(runs):
    plan = Plan.loads(floor.plan(runs.landsat).dumps())
    before = sorted(runs.bench.work.rglob("*"))
    found = floor.run(plan, Threads(cores=2, bands=2))
    pixels = sum(read.part[2] * read.part[3] for read in plan.reads if read.part)
    for path in [read.path for read in plan.reads if not read.part] + [write.path for write in plan.writes]:
        with rasterio.open(path) as source:
            pixels += source.width * source.height * source.count
    assert found.megapixels == pytest.approx(pixels / 1e6, rel=1e-9)
    assert found.decode > 0 and found.encode > 0
    assert sorted(runs.bench.work.rglob("*")) == before


def test_steps_of_a_run_are_those_of_its_report(runs):
    run = measure.Run(measure.Usage(1, 1, 1, 1), runs.s2)
    assert sum(run.steps.values()) == pytest.approx(sum(step.seconds for p in runs.s2.products for step in p.steps))
    assert {"read", "write", "GeometryKLT preprocess", "PackagerL2H postprocess"} <= run.steps.keys()


def test_memory_of_a_process_and_of_its_child_is_seen(tmp_path):
    child = "import time; held = bytearray(b'1') * 100_000_000; time.sleep(1.5)"
    parent = f"import subprocess, sys; held = bytearray(b'1') * 200_000_000; subprocess.run([sys.executable, '-c', {child!r}])"
    usage, code = measure.used([sys.executable, "-c", parent], tmp_path / "output.txt")
    assert code == 0
    assert 0.2 < usage.peak_gb < 0.25
    assert 0.3 < usage.sum_gb < 0.35


def test_a_run_that_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(measure.RunFailed, match=r"(?s)exit code 2, 0 reports.*required: PRODUCT"):
        measure.sen2like_run(["product-mode"], tmp_path / "wd")


def test_best_run_counts_against_best_floor_but_largest_memory(runs):
    made = [measure.Run(measure.Usage(wall, 9.0, peak, peak), runs.s2) for wall, peak in ((12.0, 1.0), (10.0, 2.0), (11.0, 3.0))]
    found = workloads.result("s2", "x", 1, made, [floor.Floor(5.0, 3.0, 7.0), floor.Floor(6.0, 3.0, 7.0)])
    assert (found.figures["wall"], found.figures["floor"], found.figures["ratio"], found.figures["peak_gb"]) == (10, 8, 1.25, 3)


@pytest.mark.parametrize(("then", "now", "worse"), [(1.2, 1.379, False), (1.2, 1.381, True), (1.2, 0.9, False)])
def test_a_ratio_may_be_15_percent_above_the_baseline(then, now, worse):
    found = results.worsened(session(result(ratio=now)), session(result(ratio=then)))
    assert bool(found) is worse
    assert not worse or "1.38 x floor, baseline 1.20" in found[0]


def test_only_what_both_sessions_have_is_compared():
    baseline = session(result(ratio=1.0), result("tile", "jobs 1", ratio=1.0))
    now = session(result(ratio=1.1), result("landsat", "composite", ratio=9.0), Result("fusion", "predict", 1, {"wall": 1.0}))
    assert results.worsened(now, baseline) == []


def test_nothing_to_compare_is_no_success():
    with pytest.raises(UsageError, match="measure the same workloads"):
        results.worsened(session(result(coarse=10), coarse=10), session(result()))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (result(ratio=1.29), 0),
        (result(ratio=1.31), 1),
        (result(peak_gb=2.6, ratio=1.31), 2),
        (result("landsat", ratio=1.49), 0),
        (result("tile", "jobs 2", speed_up=1.05), 1),
        (result("tile", "jobs 2", speed_up=1.1), 0),
        (Result("memory", "12", 10, {"growth": 0.051}), 1),
        (Result("fusion", "predict", 1, {"wall": 3.01}), 1),
        (result("growth", ratio=5.0), 0),
    ],
)
def test_limits(found, expected):
    assert len(results.missed(session(found))) == expected


def test_limits_are_for_true_size():
    assert results.missed(session(result(ratio=9.0, coarse=10), coarse=10)) == []


def test_results_are_appended_and_the_newest_count(tmp_path):
    path = tmp_path / "results.json"
    first, second = session(result(ratio=1.0), result("landsat")), session(result(ratio=2.0))
    coarse = session(result(coarse=10), coarse=10)
    for each in (first, second, coarse):
        results.append(each, path)
    assert results.sessions_of(path) == [first, second, coarse]
    assert {r.workload: r.figures["ratio"] for r in results.latest(path, 1).results} == {"s2": 2.0, "landsat": 1.25}
    assert results.latest(path).results == coarse.results


@pytest.mark.parametrize("text", ["", "[]", '{"sessions": [{"when": 1}]}'])
def test_a_file_that_holds_no_results_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"x\.json: no results"):
        results.latest(path)


def test_tables_go_between_the_markers_and_can_be_written_again(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text((inputs.ROOT / "docs" / "performance.md").read_text())
    held = Result("memory", "12 products", 10, {"growth": 0.01, "third_mb": 300.0, "last_mb": 303.0}, series=(250.0, 303.0))
    measured = session(result(), result("growth", "1 band"), held)
    show.document(measured, page, "images/x.svg")
    once = page.read_text()
    assert "| s2 | one | 50.0 | 40.0 | 1.25 | 90.0 |" in once
    assert "| read | 40.0 |" in once
    assert "| 1 band | 1 | 1300.0 | 50.0 | 38.5 | 1.25 | 2.00 |" in once
    assert "250, 303" in once and "2 cores" in once and "](images/x.svg)" in once and "Not measured" not in once
    show.document(measured, page, "images/x.svg")
    assert page.read_text() == once


def test_a_page_without_a_marker_is_refused_and_left_alone(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("<!-- machine -->\n<!-- end of machine -->\n")
    with pytest.raises(UsageError, match="end of figures"):
        show.document(session(result()), page, "x.svg")
    assert page.read_text() == "<!-- machine -->\n<!-- end of machine -->\n"


def test_missed_limits_stand_in_the_table():
    _, (row,) = show.figures(session(result(ratio=1.5)))
    assert row[-1] == "time / floor ≤ 1.3 MISSED, memory GB ≤ 2.5"


def test_short_steps_are_put_together_and_none_is_lost():
    one = Result("s2", "a", 1, FIGURES, {"read": 90.0, "Toa": 9.5, "Nbar": 0.3, "Sbaf": 0.2})
    titles, rows = show.steps([one, Result("fusion", "b", 1, {"wall": 1.0})])
    assert (titles, rows) == (("step", "s2 a"), [("read", "90.0"), ("Toa", "9.5"), ("others", "0.5")])


def test_plot_has_bars_in_proportion(tmp_path):
    plot.write(session(result(ratio=1.0), result("landsat", "composite", ratio=2.0)), tmp_path / "plot.svg")
    root = etree.parse(tmp_path / "plot.svg").getroot()
    boxes = {title.text: float(title.getparent().get("width")) for title in root.iterfind(".//{*}rect/{*}title")}
    assert boxes["2.00: 50.0 s"] == pytest.approx(2 * boxes["1.00: 50.0 s"], rel=1e-3)
    assert boxes["read: 40.00 s"] / boxes["write: 12.00 s"] == pytest.approx(40 / 12, rel=1e-2)


def test_plot_of_nothing_with_a_floor_is_an_empty_picture(tmp_path):
    plot.write(session(Result("fusion", "predict", 1, {"wall": 1.0})), tmp_path / "plot.svg")
    assert etree.parse(tmp_path / "plot.svg").getroot().findall(".//{*}rect/{*}title") == []


def test_inputs_of_another_pixel_size_are_refused(runs, tmp_path):
    with pytest.raises(UsageError, match="coarse 30; wanted is 'standard' of 31TFJ, coarse 1"):
        inputs.inputs(tmp_path, 1, runs.bench.inputs.root)
    with pytest.raises(UsageError, match=r"no usable scenario\.json"):
        inputs.inputs(tmp_path, 1, tmp_path)
    with pytest.raises(UsageError, match="--coarse 4"):
        inputs.inputs(tmp_path, 4)


def test_inputs_are_in_order_of_date(runs):
    given = runs.bench.inputs
    assert [path.name[:19] for path in given.sentinel2] == ["S2A_MSIL1C_20210602", "S2B_MSIL1C_20210612", "S2A_MSIL1C_20210622"]
    assert [path.name[:25] for path in given.landsat] == ["LC08_L1TP_196030_20210615", "LC09_L1TP_196030_20210623"]


def test_linked_archive_holds_exactly_what_was_asked_for(runs, tmp_path):
    given = runs.bench.inputs
    folder = inputs.link_archive(tmp_path / "links", [("31TFJ", path) for path in (*given.sentinel2, *given.landsat)])
    folder = inputs.link_archive(folder, [("31TFJ", given.sentinel2[0]), ("31TFJ", given.landsat[1])])
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*_*") if path.is_symlink())
    assert found == [f"Landsat9/196/30/{given.landsat[1].name}", f"Sentinel2/31TFJ/{given.sentinel2[0].name}"]


def test_region_of_the_area_is_in_both_tiles_and_no_other(tmp_path):
    path = tmp_path / "area.geojson"
    path.write_text(workloads.json.dumps(workloads.between(inputs.NEIGHBOUR, inputs.TILE)))
    assert {tile.id for tile in tiles_intersecting(read_region(path))} == {inputs.NEIGHBOUR, inputs.TILE}
    with pytest.raises(ValueError, match="side by side"):
        workloads.between(inputs.TILE, inputs.NEIGHBOUR)


def test_memory_compares_products_of_one_kind_and_all_differ():
    kinds = [sensor[:2] for sensor, _ in memory.DAYS]
    assert len(set(memory.DAYS)) == 12
    assert kinds[memory.SETTLED - 1] == kinds[-1] == "LS"


@pytest.mark.parametrize("words", [["nonsense"], ["s2", "--runs", "0"], ["s2", "--check", "nowhere.json"]])
def test_wrong_words_end_with_code_2(words, tmp_path, capsys):
    assert command.main([*words, "--work", str(tmp_path)]) == command.USAGE
    assert "benchmarks: error:" in capsys.readouterr().err


def test_help_names_all_workloads(capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in command.WORKLOADS)
