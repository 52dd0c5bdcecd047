"""Selection of products: the cases of spec 02 section 4, in both modes, and those of "Do better"."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from sen2like.archive.criteria import Criteria, Inspection, acquisition
from sen2like.archive.model import Decision, Found
from sen2like.archive.selection import processing_order, select
from sen2like.archive.stitching import partners
from sen2like.errors import ProductError
from sen2like.grid import mgrs, wrs2
from sen2like.grid.longitudes import turned
from sen2like.grid.outlines import outline
from sen2like.grid.region import Region
from sen2like.products.registry import recognise_name

TILE = mgrs.tile("31TFJ")
WEST, SOUTH, EAST, NORTH = outline(TILE).bounds
MIDDLE = (WEST + EAST) / 2
NORTH_HALF = box(WEST, (SOUTH + NORTH) / 2, EAST, NORTH)
SOUTH_HALF = box(WEST, SOUTH, EAST, (SOUTH + NORTH) / 2)
ROW_30 = "LC08_L1TP_196030_20171106_20171121_01_T1"
ROW_29 = "LC08_L1TP_196029_20171106_20171121_01_T1"
L1C_OLD = "S2A_MSIL1C_20170103T104432_N0301_R008_T31TFJ_20170103T104428"
L1C_NEW = "S2A_MSIL1C_20170103T104432_N0510_R008_T31TFJ_20231011T120000"
L2A_NEW = "S2A_MSIL2A_20170103T104432_N0510_R008_T31TFJ_20231011T130000"


def found(name: str, coverage: float | None = None, cloud: float | None = None, footprint=None, folder: str = "/data") -> Found:
    identity = recognise_name(name)
    assert identity is not None
    return Found(f"{folder}/{name}", identity, folder, coverage, cloud, footprint)


def criteria(**changes) -> Criteria:
    return Criteria(**{"tile": TILE, "level": "LEVEL1C", "coverage": 0.1, "cloud_cover": 100.0} | changes)


def names(decisions: list[Decision], decision: str = "selected") -> list[str]:
    return [d.found.identity.name for d in decisions if d.decision == decision]


def reason(decisions: list[Decision], name: str) -> str:
    (only,) = [d.reason for d in decisions if d.found.identity.name == name]
    return only


def forbidden(candidate: Found):
    raise AssertionError(f"{candidate.location} was opened")


# --- the table of spec 02 section 4: coverage 0.76 for row 30, 0.417 for row 29

C1_T1, C2_T1 = "LC08_L1TP_196030_20171106_20171121_01_T1", "LC08_L1TP_196030_20171106_20200902_02_T1"
RT, RT_T1 = "LC08_L1TP_196030_20200430_20200430_01_RT", "LC08_L1TP_196030_20200430_20200509_01_T1"
T2 = "LC08_L1GT_196029_20171106_20200902_02_T2"
JAN_3, JAN_4 = "S2A_MSIL1C_20170103T104432_N0204_R008_T31TFJ_20170103T104428", "LC08_L1TP_196030_20170104_20170312_01_T1"


@pytest.mark.parametrize(
    ("candidates", "changes", "legacy", "better"),
    [
        ([ROW_30, ROW_29], {}, [ROW_30], [ROW_30]),
        ([RT, RT_T1], {}, [RT_T1], [RT_T1]),
        ([C1_T1, C2_T1, T2], {}, [T2], [C2_T1]),
        ([L1C_OLD, L1C_NEW, L2A_NEW], {}, [L1C_OLD], [L1C_NEW]),
        ([L1C_NEW, L1C_OLD, L2A_NEW], {}, [L1C_NEW], [L1C_NEW]),
        ([JAN_3, JAN_4], {"start": datetime(2017, 1, 3, 12)}, [JAN_4], [JAN_4]),
    ],
)
def test_cases_of_the_specification(candidates, changes, legacy, better):
    coverage = {"196030": 0.76, "196029": 0.417}
    listed = [found(name, coverage.get(name[10:16], 1.0)) for name in candidates]
    for mode, expected in (("legacy", legacy), ("better", better)):
        decisions = select(listed, criteria(**changes), mode=mode)
        assert names(decisions) == expected
        assert sorted(d.found.location for d in decisions) == sorted(f.location for f in listed)
        assert all(d.reason for d in decisions)


# --- legacy


def test_legacy_landsat_8_and_9_compete_within_a_day():
    eight, nine = "LC08_L1TP_196030_20220405_20220412_02_T1", "LC09_L1TP_197030_20220405_20220412_02_T1"
    assert names(select([found(eight, 0.2), found(nine, 0.3)], criteria(), mode="legacy")) == [eight]  # first T1, not coverage
    assert names(select([found(eight, 0.2), found(nine, 0.3)], criteria())) == [eight, nine]


def test_legacy_takes_the_largest_coverage_where_names_tell_no_tier_and_the_first_of_equals():
    small, large, equal = "LC81960292017310LGN00", "LC81960302017310LGN00", "LC81960302017310LGN01"
    decisions = select([found(small), found(large, 0.76), found(equal, 0.76)], criteria(), mode="legacy")
    assert names(decisions) == [large]


def test_legacy_start_within_the_day_excludes_the_landsat_of_the_day():
    late = criteria(start=datetime(2017, 11, 6, 9), end=date(2017, 11, 6))
    decisions = select([found(ROW_30, 0.76)], late, mode="legacy")
    assert (names(decisions), reason(decisions, ROW_30)) == ([], "before 2017-11-06")
    assert names(select([found(ROW_30, 0.76)], late)) == [ROW_30]


def test_legacy_footprint_filter_is_strict_and_for_sentinel_2_only():
    half = found(L1C_OLD, 1.0, footprint=outline(TILE).intersection(NORTH_HALF))
    part = outline(TILE).intersection(NORTH_HALF).area / outline(TILE).area
    assert names(select([half], criteria(coverage=part), mode="legacy")) == []
    assert names(select([half], criteria(coverage=part - 1e-6), mode="legacy")) == [L1C_OLD]
    assert names(select([found(ROW_30, 0.76, footprint=box(0, 0, 1, 1))], criteria(), mode="legacy")) == [ROW_30]


def test_legacy_cloudy_choice_hides_the_usable_one():
    cloudy, clear = found(L1C_OLD, 1.0, cloud=34), found(L1C_NEW, 1.0, cloud=10)
    decisions = select([cloudy, clear], criteria(cloud_cover=20), mode="legacy")
    assert (names(decisions), reason(decisions, L1C_OLD)) == ([], "cloud 34 > 20")
    assert names(select([cloudy, clear], criteria(cloud_cover=20))) == [L1C_NEW]


def test_legacy_excluded_paths_are_compared_normalised():
    decisions = select([found(L1C_OLD), found(L1C_NEW)], criteria(excluded=frozenset({f"/data/./{L1C_OLD}/"})), mode="legacy")
    assert (names(decisions), reason(decisions, L1C_OLD)) == ([L1C_NEW], "excluded")


# --- better: versions of one image


@pytest.mark.parametrize(
    ("worse", "best"),
    [
        (L1C_OLD, L1C_NEW),
        (L1C_NEW, L1C_NEW.replace("20231011T120000", "20240101T000000")),
        (L1C_OLD.replace("N0301", "N0500"), L1C_OLD.replace("N0301", "N0510")),
        ("LC08_L1TP_196030_20171106_20171121_02_T2", ROW_30),  # tier before collection
        ("LC08_L1TP_196030_20171106_20171107_01_RT", "LC08_L1TP_196030_20171106_20171121_01_T2"),
        (ROW_30, "LC08_L1TP_196030_20171106_20171110_02_T1"),
        ("LC08_L1GS_196030_20171106_20200902_02_T2", "LC08_L1GT_196030_20171106_20200801_02_T2"),
        ("LC08_L1GT_196030_20171106_20200902_02_T2", "LC08_L1TP_196030_20171106_20200801_02_T2"),
        ("LC08_L1TP_196030_20171106_20200801_02_T1", "LC08_L1TP_196030_20171106_20200902_02_T1"),
    ],
)
def test_best_version_of_an_image(worse, best):
    for order in ([worse, best], [best, worse]):
        decisions = select([found(name) for name in order], criteria())
        assert names(decisions) == [best]
        assert reason(decisions, worse) == f"superseded by {best}"


def test_level_of_landsat_follows_the_level_asked_for():
    level1, level2 = "LC08_L1TP_196030_20171106_20200902_02_T1", "LC08_L2SP_196030_20171106_20200902_02_T1"
    listed = [found(level1), found(level2)]
    assert names(select(listed, criteria(level="LEVEL1C"))) == [level1]
    assert names(select(listed, criteria(level="LEVEL2A"))) == [level2]
    assert names(select([found(level2)], criteria(level="LEVEL1C"))) == [level2]


def test_same_product_of_two_sources_is_taken_once():
    decisions = select([found(L1C_NEW), found(L1C_NEW, folder="/mirror")], criteria())
    assert [(d.decision, d.found.source) for d in decisions] == [("selected", "/data"), ("dropped", "/mirror")]
    assert decisions[1].reason == f"the same product as /data/{L1C_NEW}"


def test_sentinel_2_of_different_satellites_and_orbits_of_a_day_are_all_kept():
    others = [L1C_OLD, L1C_OLD.replace("S2A", "S2B"), "S2A_MSIL1C_20170103T122432_N0301_R009_T31TFJ_20170103T122428"]
    assert names(select([found(name, 1.0) for name in others], criteria())) == others


# --- better: what is refused, with its reason


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        (L2A_NEW, {}, "level L2A, not L1C"),
        (L1C_OLD, {"level": "LEVEL2A"}, "level L1C, not L2A"),
        (L1C_OLD.replace("31TFJ", "31TGJ"), {}, "of tile 31TGJ, not 31TFJ"),
        (L1C_OLD, {"start": date(2017, 1, 4)}, "before 2017-01-04"),
        (L1C_OLD, {"end": date(2017, 1, 2)}, "after 2017-01-02"),
        (L1C_OLD, {"excluded": frozenset({f"/data/{L1C_OLD}"})}, "excluded"),
        ("LC08_L1TP_195030_20171106_20171121_01_T1", {}, "scene of UTM zone 32, tile of zone 31"),
        ("LC08_L1GT_089212_20171106_20171121_01_T2", {}, "path 89 row 212 is no scene of a descending (daytime) pass"),
        (L1C_OLD, {"known": frozenset({("S2A", datetime(2017, 1, 3, 10, 44, 32), 8)})}, "already produced"),
        (ROW_30, {"known": frozenset({("LS8", date(2017, 11, 6), 196)})}, "already produced"),
    ],
)
def test_refused_by_name_without_opening_it(name, changes, why):
    decisions = select([found(name)], criteria(**changes), forbidden)
    assert [(d.decision, d.reason) for d in decisions] == [("dropped", why)]


@pytest.mark.parametrize("changes", [{"start": date(2017, 1, 3)}, {"end": date(2017, 1, 3)}, {"level": None}])
def test_first_and_last_day_and_any_level_are_accepted(changes):
    assert names(select([found(L1C_OLD)], criteria(**changes))) == [L1C_OLD]


def test_landsat_of_another_zone_is_taken_when_asked_for():
    other = "LC08_L1TP_195030_20171106_20171121_01_T1"
    assert names(select([found(other)], criteria(same_zone=False))) == [other]


def test_scene_of_too_little_coverage():
    decisions = select([found("LC08_L1TP_197030_20171106_20171121_01_T1")], criteria(coverage=0.5))
    assert names(decisions) == []
    assert (
        reason(decisions, "LC08_L1TP_197030_20171106_20171121_01_T1") == "coverage 17.6 % < 50 %"
    )  # 0.1755: spec 02 section 5.3


def test_cloud_cover_is_read_where_the_archive_does_not_tell_it():
    opened = []

    def inspect(candidate: Found):
        opened.append(candidate.identity.name)
        return 34.0, None

    decisions = select([found(L1C_OLD), found(L1C_NEW, cloud=12)], criteria(cloud_cover=20), inspect)
    assert names(decisions) == [L1C_NEW]
    assert reason(decisions, L1C_OLD) == "cloud 34 > 20"
    assert opened.count(L1C_OLD) == 1
    assert {d.found.identity.name: d.cloud_cover for d in decisions} == {L1C_OLD: 34.0, L1C_NEW: 12}


def test_cloud_cover_equal_to_the_limit_is_accepted_and_an_unknown_one_is_told():
    decisions = select([found(L1C_OLD, 1.0, cloud=20), found(ROW_30)], criteria(cloud_cover=20))
    assert names(decisions) == [L1C_OLD, ROW_30]
    assert "cloud cover unknown" in reason(decisions, ROW_30)
    assert "cloud" not in reason(decisions, L1C_OLD)


def test_product_that_cannot_be_read_does_not_hide_a_good_one_but_is_tried_when_alone():
    def inspect(candidate: Found):
        if candidate.identity.name == L1C_NEW:
            raise ProductError(f"{candidate.location}: MTD_MSIL1C.xml is truncated")
        return 5.0, outline(TILE)

    decisions = select([found(L1C_NEW), found(L1C_OLD)], criteria(), inspect)
    assert names(decisions) == [L1C_OLD]
    assert reason(decisions, L1C_NEW) == f"cannot be read (/data/{L1C_NEW}: MTD_MSIL1C.xml is truncated)"
    alone = select([found(L1C_NEW)], criteria(), inspect)
    assert names(alone) == [L1C_NEW]
    assert "MTD_MSIL1C.xml is truncated" in reason(alone, L1C_NEW)


# --- better: coverage of what is used together


def test_rows_of_a_path_reach_together_the_coverage_that_none_has():
    tile = mgrs.tile("12SYH")  # rows 33 and 34 of path 35: 0.707 and 0.469
    rows = ["LC08_L1TP_035033_20171106_20171121_01_T1", "LC08_L1TP_035034_20171106_20171121_01_T1"]
    asked = criteria(tile=tile, coverage=0.75, same_zone=False)
    decisions = select([found(name) for name in reversed(rows)], asked)
    assert (names(decisions), names(decisions, "partner")) == ([rows[0]], [rows[1]])
    assert reason(decisions, rows[1]).startswith(f"partner of {rows[0]}, adds ")
    by_name = {d.found.identity.name: d.tile_coverage for d in decisions}
    assert by_name == {rows[0]: pytest.approx(0.7067, abs=5e-5), rows[1]: pytest.approx(0.4692, abs=5e-5)}
    alone = select([found(name) for name in rows], criteria(tile=tile, coverage=0.75, same_zone=False, stitching=False))
    assert names(alone) == []


def test_without_stitching_one_image_of_the_pass_is_taken():
    decisions = select([found(ROW_29), found(ROW_30)], criteria(stitching=False))
    assert (names(decisions), names(decisions, "partner")) == ([ROW_30], [])
    assert reason(decisions, ROW_29) == f"another image of the pass of {ROW_30}"


def test_cloudy_row_completes_a_clear_one_but_is_not_selected():
    decisions = select([found(ROW_30, cloud=60), found(ROW_29, cloud=5)], criteria(cloud_cover=20))
    assert (names(decisions), names(decisions, "partner")) == ([ROW_29], [ROW_30])
    assert "cloud 60 > 20 on its own" in reason(decisions, ROW_30)


def test_pass_over_midnight_utc_is_one():
    """Over eastern Australia descending passes go over midnight UTC."""
    tile = mgrs.tile("55JGM")
    scenes = [place.scene for place in wrs2.scenes_of(tile, 0.05, same_zone=False)]
    pair = next((a, b) for a in scenes for b in scenes if wrs2.after(a.path, a.row) == (b.path, b.row))
    first, second = (
        f"LC08_L1TP_{scene.path:03}{scene.row:03}_{day}_20200902_02_T1"
        for scene, day in zip(pair, ("20170105", "20170106"), strict=True)
    )
    decisions = select([found(first), found(second)], criteria(tile=tile, coverage=0.05, same_zone=False))
    assert len(names(decisions)) == len(names(decisions, "partner")) == 1


def test_datastrips_of_one_datatake_become_one_stitched_product():
    twin = L1C_OLD.replace("20170103T104428", "20170103T104433")
    strips = {L1C_OLD: ("S20170103T104428", NORTH_HALF), twin: ("S20170103T104433", SOUTH_HALF)}

    def inspect(candidate: Found):
        datastrip, footprint = strips[candidate.identity.name]
        return Inspection(5.0, footprint, datastrip)

    decisions = select([found(L1C_OLD), found(twin)], criteria(coverage=0.9), inspect)
    assert sorted([*names(decisions), *names(decisions, "partner")]) == sorted(strips)
    assert len(names(decisions)) == 1
    without_id = select([found(L1C_OLD), found(twin)], criteria(coverage=0.9), lambda f: inspect(f)[:2])
    assert len(names(without_id)) == len(names(without_id, "partner")) == 1


def test_landsat_corners_are_those_of_the_raster_which_is_larger_than_the_scene():
    """The box around a tilted scene covers all of 31TFJ; what is counted is the scene in it."""
    around = box(*wrs2.scene(196, 30).outline().bounds)
    assert around.intersection(outline(TILE)).area / outline(TILE).area > 0.85
    (decision,) = select([found(ROW_30, footprint=around)], criteria())
    # its centre differs a little from that of the quadrilateral
    assert decision.tile_coverage == pytest.approx(0.7661, abs=0.01)


# --- better: the region of interest


def test_region_must_be_shown_by_the_real_footprint():
    region = Region.of(NORTH_HALF.buffer(-0.1), "area.geojson")
    listed = [found(L1C_OLD, footprint=SOUTH_HALF), found(L1C_OLD.replace("S2A", "S2B"), footprint=NORTH_HALF)]
    decisions = select(listed, criteria(roi=region))
    assert names(decisions) == [L1C_OLD.replace("S2A", "S2B")]
    assert reason(decisions, L1C_OLD) == "shows nothing of the region area.geojson"
    assert "shows 100 % of the region" in decisions[1].reason or "shows 100 % of the region" in decisions[0].reason


def test_part_of_the_region_is_told():
    region = Region.of(box(MIDDLE - 0.1, SOUTH + 0.4, MIDDLE + 0.1, SOUTH + 0.6), "area.geojson")
    west = box(WEST, SOUTH, MIDDLE, NORTH)
    (decision,) = select([found(L1C_OLD, footprint=west)], criteria(roi=region))
    assert (decision.decision, "shows 50 % of the region" in decision.reason) == ("selected", True)


def test_footprint_outside_the_tile():
    (decision,) = select([found(L1C_OLD, footprint=box(20, 40, 21, 41))], criteria(coverage=0.0))
    assert (decision.decision, decision.reason) == ("dropped", "outside tile 31TFJ")


@pytest.mark.parametrize("turn", [0, 360, -360])
def test_footprint_at_the_antimeridian_however_its_longitudes_are_written(turn):
    tile = mgrs.tile("01CDL")
    name = L1C_OLD.replace("31TFJ", "01CDL")
    footprint = turned(outline(tile), turn)
    (decision,) = select([found(name, footprint=footprint)], criteria(tile=tile, coverage=0.99))
    assert (decision.decision, decision.tile_coverage) == ("selected", pytest.approx(1.0))


# --- partners on their own


def test_partners_are_all_rows_of_the_path_largest_first():
    rows = [f"LC08_L1TP_1960{row}_20171106_20171121_01_T1" for row in (28, 29, 30, 31)]
    found_rows = [found(name) for name in rows]
    parts = partners(found_rows[2], found_rows, criteria())
    assert [part.candidate.found.identity.name for part in parts] == [ROW_29]  # rows 28 and 31 do not reach the tile
    assert parts[0].adds > 0.001
    assert sum(part.adds for part in parts) + wrs2.coverage_of(TILE, 196, 30) <= 1 + 1e-9


def test_partners_are_of_the_same_mission_day_path_and_zone():
    main = found(ROW_30)
    for other in (
        ROW_29.replace("LC08", "LC09"), ROW_29.replace("20171106", "20171122"), ROW_29.replace("196029", "197029"),
        ROW_30.replace("_01_T1", "_02_T1"),
    ):  # fmt: skip
        assert partners(main, [main, found(other)], criteria()) == []
    assert len(partners(main, [main, found(ROW_29)], criteria())) == 1
    assert len(partners(main, [found(ROW_29, cloud=99)], criteria(cloud_cover=5))) == 1


def test_three_rows_complete_a_tile_until_nothing_is_added():
    """At high latitudes three rows of a path lie on one tile."""
    tile = mgrs.tile("25XDA")
    rows = [
        found(f"LC08_L1TP_{p.scene.path:03}{p.scene.row:03}_20170705_20200903_02_T1")
        for p in wrs2.scenes_of(tile, 0.001, same_zone=False)
        if p.scene.path == 1
    ]
    assert len(rows) >= 2
    parts = partners(rows[0], rows, criteria(tile=tile, same_zone=False))
    coverages = [part.candidate.coverage for part in parts]
    assert coverages == sorted(coverages, reverse=True)
    assert all(part.adds >= 0.001 for part in parts)


def test_sentinel_2_partner_is_another_datastrip_and_never_a_version_of_oneself():
    main = found(L1C_OLD, footprint=NORTH_HALF)
    rest = found(L1C_OLD.replace("20170103T104428", "20170103T104433"), footprint=SOUTH_HALF)
    version, other_level = found(L1C_NEW, footprint=NORTH_HALF), found(L2A_NEW, footprint=SOUTH_HALF)
    other_satellite = found(L1C_OLD.replace("S2A", "S2B"), footprint=SOUTH_HALF)
    asked = criteria(level=None)
    assert partners(main, [main, version, other_level, other_satellite], asked) == []
    assert [part.candidate.found for part in partners(main, [version, rest, other_level], asked)] == [rest]


# --- order


def test_processing_order():
    """Sentinel-2 of 3, 23, 24 October and Landsat of 1, 11, 13, whatever the order they are listed in (spec 01 section 8)."""
    s2 = [f"S2A_MSIL1C_201710{day:02}T104432_N0301_R008_T31TFJ_20171024T104428" for day in (3, 23, 24)]
    landsat = [f"LC08_L1TP_196030_201710{day:02}_20171121_01_T1" for day in (1, 11, 13)]
    mixed = [landsat[1], s2[2], landsat[0], s2[0], landsat[2], s2[1]]
    for mode in ("better", "legacy"):
        decisions = select([found(name, 0.9) for name in mixed], criteria(), mode=mode)
        assert names(processing_order(decisions)) == s2 + landsat


def test_acquisition_is_what_outputs_are_told_apart_by():
    assert acquisition(found(ROW_30).identity) == acquisition(found(ROW_29).identity) == ("LS8", date(2017, 11, 6), 196)
    assert acquisition(found(L1C_OLD).identity) == acquisition(found(L1C_NEW).identity)
    assert acquisition(found(L1C_OLD).identity) != acquisition(found(L1C_OLD.replace("S2A", "S2B")).identity)


@pytest.mark.parametrize("wrong", [{"level": "L1C"}, {"coverage": 1.5}, {"coverage": -0.1}])
def test_criteria_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        criteria(**wrong)


def test_unknown_mode():
    with pytest.raises(ValueError, match="'best' is none of better, legacy"):
        select([], criteria(), mode="best")


POOL = [ROW_30, ROW_29, C2_T1, T2, RT, RT_T1, L1C_OLD, L1C_NEW, L2A_NEW, JAN_4, "LC81960302017310LGN00"]


@given(
    st.lists(st.tuples(st.sampled_from(POOL), st.sampled_from([None, 0.0, 30.0, 90.0])), max_size=8),
    st.sampled_from(["better", "legacy"]),
)
def test_every_candidate_has_one_decision_and_a_pass_at_most_one_product(listed, mode):
    candidates = [found(name, 0.5, cloud, folder=f"/{n}") for n, (name, cloud) in enumerate(listed)]
    decisions = select(candidates, criteria(cloud_cover=50), mode=mode)
    assert sorted(d.found.location for d in decisions) == sorted(f.location for f in candidates)
    assert {d.decision for d in decisions} <= {"selected", "partner", "dropped"}
    selected = [d for d in decisions if d.decision == "selected"]
    assert len({acquisition(d.found.identity) for d in selected}) == len(selected)
    assert all(d.cloud_cover is None or d.cloud_cover <= 50 for d in selected)
    if mode == "better":
        usable = {acquisition(f.identity) for f in candidates if f.identity.level != "L2A" and (f.cloud_cover or 0) <= 50}
        assert {acquisition(d.found.identity) for d in selected} == usable


@given(st.permutations([ROW_30, ROW_29, C2_T1, T2, L1C_OLD, L1C_NEW]))
def test_choice_does_not_depend_on_the_order_of_listing(order):
    decisions = select([found(name) for name in order], criteria())
    assert set(names(decisions)) == {C2_T1, L1C_NEW}
    assert names(decisions, "partner") == [ROW_29]
