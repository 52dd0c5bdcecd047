"""From events to a `Report`."""

from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import report_cases as cases

from sen2like.config.schema import FIELDS
from sen2like.config.sources import Source
from sen2like.events import Candidate, Listed, ProductFinished, ProductStarted, StepDone
from sen2like.record import ProcessingRecord, Shift
from sen2like.report.collect import RunReport, failure_of, stem, versions, without_credentials
from sen2like.report.model import Failure, Offset, ProductReport

DAY = datetime(2021, 6, 2)


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    return cases.varied(tmp_path_factory.mktemp("report") / "archive")


def product(report, status: str, satellite: str = "") -> ProductReport:
    found = [p for p in report.products if p.status == status and p.satellite.startswith(satellite)]
    assert found, f"no {status} product of {satellite}"
    return found[0]


def one(tmp_path, record: ProcessingRecord) -> ProductReport:
    run = cases.Run(tmp_path)
    run.done(cases.s2_name(DAY), record)
    return cases.report_of(tmp_path, run).products[0]


def test_products_are_counted_by_status(varied):
    assert varied.counts == {"done": 3, "failed": 2, "skipped": 1, "interrupted": 1, "pending": 1}


def test_every_tile_is_there_also_one_without_products(varied):
    assert [(tile.tile, len(tile.candidates), len(tile.products)) for tile in varied.tiles] == [
        ("31TFJ", 8, 6), ("31TFK", 2, 2), ("60WWE", 0, 0),
    ]  # fmt: skip


def test_products_are_in_order_of_acquisition(varied):
    days = [p.acquired for p in varied.tiles[0].products]
    assert days[0] == datetime(2021, 6, 2, 10, 41, 55, tzinfo=UTC) and days == sorted(days)


def test_name_tells_satellite_date_and_level(varied):
    fused = product(varied, "done", "LS8")
    assert (fused.level, fused.acquired) == ("L1TP", datetime(2021, 6, 15, tzinfo=UTC))


def test_displacement_before_and_after_correction(varied):
    geometry = product(varied, "done", "S2A").geometry
    assert geometry.applied == Offset(34.0, -41.0) and not geometry.rejected
    assert geometry.before.offset == Offset(34.0, -41.0)
    assert (geometry.before.mean, geometry.before.rmse_x, geometry.before.points) == (53.3, 34.2, 2107)
    assert (geometry.after.offset, geometry.after.rmse, geometry.after.points) == (Offset(0.4, -0.2), 1.7, 2878)
    assert geometry.reference == "31TFJ_B04.tif"


def test_refused_displacement_is_told_and_not_applied(varied):
    geometry = product(varied, "done", "S2B").geometry
    assert geometry.rejected and geometry.applied == Offset(0, 0)
    assert geometry.before.offset == Offset(71.3, -12.4) and geometry.before.points == 55


def test_product_without_any_matching_has_no_geometry(tmp_path):
    assert one(tmp_path, ProcessingRecord()).geometry is None


def test_frame_without_reference_image_is_geometry_without_residuals(tmp_path):
    record = ProcessingRecord(shift=Shift())
    record.applied("Geometry", dx=0.0, dy=0.0, reference=None)
    geometry = one(tmp_path, record).geometry
    assert (geometry.before, geometry.after, geometry.reference) == (None, None, None)


def test_check_alone_is_no_measurement_before_correction(tmp_path):
    record = cases.good_record()
    for name in ("COREGISTRATION_BEFORE_CORRECTION", "INPUT_RMSE_X", "INPUT_RMSE_Y"):
        del record.quality[name]
    geometry = one(tmp_path, record).geometry
    assert geometry.before is None and geometry.after.rmse == 1.7


@pytest.mark.parametrize("text", ["nan", "NONE", "inf", ""])
def test_figure_that_is_no_number_is_unknown(tmp_path, text):
    record = cases.good_record()
    record.set_quality(RMSE=text)
    assert one(tmp_path, record).geometry.after.rmse is None


def test_stitched_product_tells_the_residual_of_its_main_part(tmp_path):
    record = cases.good_record()
    record.set_quality(INPUT_RMSE_X="3.100 4.500")
    assert one(tmp_path, record).geometry.before.rmse_x == 3.1


def test_masks_atmosphere_and_fusion(varied):
    fused = product(varied, "done", "LS8")
    assert (fused.masks.valid_of_data, fused.masks.nodata_of_tile) == (80.0, 25.0)
    assert (fused.atmosphere.aot550, fused.atmosphere.source) == (0.12, "monthly CAMS_2021-06.nc")
    names = [cases.output_name(cases.s2_name(DAY), "L2F"), cases.output_name(cases.s2_name(DAY + timedelta(10), "S2B"), "L2F")]
    assert fused.fusion.method == "composite" and list(fused.fusion.references) == names
    assert (fused.fusion.clear_references, fused.fusion.check) == ("2:81.20% 1:10.05% 0:8.75%", "B04 mean:0.00120")


def test_neighbours_are_told(tmp_path):
    record = cases.good_record()
    record.add_input("LC08_L1TP_196031_20210615_20210622_02_T1")
    assert one(tmp_path, record).stitched_with == ("LC08_L1TP_196031_20210615_20210622_02_T1",)


def test_time_is_told_by_block_and_phase(varied):
    steps = {(step.name, step.phase): step.seconds for step in product(varied, "done", "S2A").steps}
    assert steps["GeometryKLT", "preprocess"] == 18.2 and steps["GeometryKLT", "process"] == 21.9
    assert steps["read", "process"] == 71.5 and sum(steps.values()) == pytest.approx(sum(cases.STEPS.values()))


def test_time_of_a_product_without_record_comes_from_its_events(varied):
    assert [(s.name, s.phase, s.seconds) for s in product(varied, "interrupted").steps] == [("Atmcor", "preprocess", 0.4)]
    assert [(b.band, b.seconds) for b in product(varied, "interrupted").band_times] == [("B04", 12.5)]


def test_failure_tells_block_band_and_cause(varied):
    assert product(varied, "failed", "S2A").failure == Failure(
        "Toa", "B04", "tile.jp2: truncated after 10 of 40 MB; fetch it again"
    )
    outside = product(varied, "failed", "LS9").failure
    assert outside == Failure(None, None, "LC09_L1TP_196030: MTL.txt is missing; give the whole scene")


@pytest.mark.parametrize(
    "reason, expected",
    [
        ("Nbar: no angle", Failure("Nbar", None, "no angle")),
        ("PackagerL2H, band B8A: disk full: /a", Failure("PackagerL2H", "B8A", "disk full: /a")),
        ("KeyError: 'B04'", Failure(None, None, "KeyError: 'B04'")),
        ("TimeoutExpired, band B04: late", Failure("TimeoutExpired", "B04", "late")),
        ("/data/a.SAFE: cannot be opened", Failure(None, None, "/data/a.SAFE: cannot be opened")),
        ("no colon", Failure(None, None, "no colon")),
        ("Toa, band B04: two\nlines", Failure("Toa", "B04", "two\nlines")),
    ],
)
def test_reason_is_taken_apart(reason, expected):
    assert failure_of(reason) == expected


@given(st.from_regex(r"[A-Z][A-Za-z0-9]{1,12}x", fullmatch=True), st.sampled_from(["B04", "B8A", "BP1"]), st.text(min_size=1))
def test_block_band_and_cause_survive_the_way_the_pipeline_tells_them(block, band, cause):
    assert failure_of(f"{block}, band {band}: {cause}") == Failure(block, band, cause)


def test_outputs_and_pictures_are_relative_to_the_archive(varied):
    done = product(varied, "done", "S2A")
    assert done.outputs == tuple(f"31TFJ/{cases.output_name(done.product, level)}" for level in ("L2H", "L2F"))
    assert {(p.level, p.kind) for p in done.pictures} == {
        (level, kind) for level in ("L2H", "L2F") for kind in ("THUMBNAIL", "QL_B432", "QL_B12118A")
    }
    assert all((Path(varied.archive) / picture.path).is_file() for picture in done.pictures)


def test_product_that_began_and_did_not_end_is_interrupted(tmp_path):
    run = cases.Run(tmp_path)
    run.begin(cases.s2_name(DAY))
    report = cases.report_of(tmp_path, run, ended=False)
    assert (report.status, report.products[0].status) == ("interrupted", "interrupted")
    assert report.seconds == 600


def test_selected_archive_file_is_known_again_by_the_name_of_its_product(tmp_path):
    collected = RunReport(cases.config_of(tmp_path), ["sen2like"])
    name = cases.s2_name(DAY)
    listed = Candidate("31TFJ", f"/data/{name.removesuffix('.SAFE')}.zip", "selected")
    for event in (Listed("31TFJ", (listed,)), ProductFinished("31TFJ", name, "skipped", 0.1, reason="made before")):
        collected.add(event)
    assert [p.status for p in collected.report().products] == ["skipped"]


def test_the_same_scene_on_two_tiles_is_two_products(tmp_path):
    collected = RunReport(cases.config_of(tmp_path), ["sen2like"])
    scene = cases.landsat_name(DAY)
    for tile in ("31TFJ", "31TFK"):
        collected.add(ProductStarted(tile, scene, ("B04",)))
    collected.add(StepDone("31TFK", scene, "band", "B04", 2.0))
    assert [(p.tile, len(p.band_times)) for p in collected.report().products] == [("31TFJ", 0), ("31TFK", 1)]


def test_second_attempt_replaces_what_the_first_told(tmp_path):
    collected = RunReport(cases.config_of(tmp_path), ["sen2like"])
    name = cases.s2_name(DAY)
    for seconds in (9.0, 2.0):
        collected.add(ProductStarted("31TFJ", name, ("B04",)))
        collected.add(StepDone("31TFJ", name, "band", "B04", seconds))
    assert [b.seconds for b in collected.report().products[0].band_times] == [2.0]


@pytest.mark.parametrize(
    "statuses, expected",
    [
        ((), "empty"),
        (("done", "skipped"), "done"),
        (("skipped",), "done"),
        (("done", "failed"), "some failed"),
        (("skipped", "failed"), "some failed"),
        (("failed", "failed"), "all failed"),
        (("failed", "interrupted"), "interrupted"),
    ],
)
def test_status_of_the_run(tmp_path, statuses, expected):
    collected = RunReport(cases.config_of(tmp_path), ["sen2like"])
    for n, status in enumerate(statuses):
        collected.add(ProductFinished("31TFJ", cases.s2_name(DAY + timedelta(n)), status, 1.0))
    assert collected.report().status == expected


def test_lineage_holds_plain_values_only(tmp_path):
    record = ProcessingRecord()
    record.applied("Toa", where=Path("/a"), figures=(np.float32(0.5), float("nan")), count=np.int16(3), none=None, on=True)
    expected = {"block": "Toa", "where": "/a", "figures": [0.5, None], "count": 3, "none": None, "on": True}
    assert one(tmp_path, record).lineage == (expected,)


def test_configuration_tells_value_and_origin_of_every_key(tmp_path):
    report = RunReport(cases.config_of(tmp_path), ["sen2like"]).report()
    assert {s.key for s in report.configuration} == set(FIELDS) and {s.origin for s in report.configuration} == {"default"}


def test_passwords_in_addresses_are_left_out(varied):
    assert "s3cret" not in varied.command and "https://***@host.example/api" in varied.command
    assert without_credentials("https://host/a@b ftp://u:p@h/") == "https://host/a@b ftp://***@h/"
    assert without_credentials("--url 'https://h/?api_key=abc&tile=31TFJ'") == "--url 'https://h/?api_key=***&tile=31TFJ'"
    assert without_credentials("monkey=1,reference_band=B04") == "monkey=1,reference_band=B04"


def test_named_sources_are_part_of_the_configuration(tmp_path):
    source = Source(name="mirror", type="odata", url="https://me:pw@host.example/")
    config = cases.config_of(tmp_path).model_copy(update={"sources": (source,)})
    told = {s.key: s.value for s in RunReport(config, ["sen2like"]).report().configuration if s.section == "Source mirror"}
    assert told["type"] == "odata" and told["url"] == "https://***@host.example/"


def test_names_lose_the_endings_of_folders_and_archives():
    assert [stem(n) for n in ("A.SAFE", "A.SAFE.zip", "LC08.tar.gz", "LC08.tar", "N0510_R008", "a.b")] == [
        "A", "A", "LC08", "LC08", "N0510_R008", "a.b",
    ]  # fmt: skip


def test_versions_are_those_that_run():
    assert versions().numpy == version("numpy") and versions().gdal.count(".") == 2
