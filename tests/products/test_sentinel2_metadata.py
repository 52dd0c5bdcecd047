"""Parsing Sentinel-2 metadata: genuine files of every baseline at hand, and everything that may be wrong with one."""

import io
from datetime import datetime

import numpy as np
import pytest
from products.builder import Safe, angle_grid, view_grid

from sen2like.errors import MetadataError
from sen2like.grid import mgrs
from sen2like.products.sentinel2_metadata import (
    DatastripMetadata,
    absolute_orbit_of,
    parse_datastrip_metadata,
    parse_product_metadata,
    parse_tile_metadata,
    tile_of,
)

L1C, META = "sentinel2_l1c", "sentinel2_metadata"
# product folder: baseline, PSD, level, offset, refined, relative orbit, cloud cover
PRODUCTS = {
    (L1C, "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"): ("02.06", "Level-1C", None, False, 51, 11.9204),
    (META, "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE"): ("02.09", "Level-1C", None, False, 29, 5.4828),
    (META, "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE"): ("03.01", "Level-1C", None, True, 133, 88.2972),
    (META, "S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE"): (
        "02.12", "Level-2A", None, False, 13, 51.580326),
    (META, "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE"): (
        "05.09", "Level-2A", -1000, True, 73, 15.047897),
}
# folder: tile, EPSG, sun zenith, sun azimuth, detector grids
TILES = {
    (L1C, "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"):
        ("31TDH", 32631, 67.0354071200132, 166.328513490143, 52),
    (META, "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE"):
        ("01LAC", 32701, 45.183085206095, 36.1960474596642, 78),
    (META, "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE"):
        ("46RER", 32646, 26.4931642669439, 142.987598836457, 26),
    (META, "S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE"):
        ("07HFE", 32707, 32.707073851362, 62.3286549448294, 26),
    (META, "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE"):
        ("01WCP", 32601, 42.8949736512547, 174.705217601066, 91),
    (META, "S2A_OPER_MSI_L2A_TL_2APS_20240108T121951_A044635_T34VEL"):
        ("34VEL", 32634, 81.4801250055295, 174.263139694724, 0),
    (META, "S2A_T60CWS_20240109T203651_L2A"): ("60CWS", 32760, 66.5075732334466, 84.2999551111562, 91),
    (META, "S2B_MSIL2A_20200914T231559_N0500_R087_T01VCG_20230315T224658"):
        ("01VCG", 32601, 57.353827998165, 169.912958756471, 52),
}


def product_xml(**options) -> bytes:
    return Safe(**options)._product_xml().encode()


def tile_xml(**options) -> bytes:
    safe = Safe(**options)
    return safe._tile_xml(safe.tile).encode()


@pytest.mark.parametrize("folder", PRODUCTS, ids=lambda f: f[1])
def test_genuine_product_metadata(folder, genuine):
    baseline, level, offset, refined, orbit, clouds = PRODUCTS[folder]
    path = next(genuine("/".join(folder)).glob("MTD_MSI*.xml"))
    found = parse_product_metadata(path.read_bytes(), path.name)
    assert (found.baseline, found.psd, found.level, found.quantification) == (baseline, 14, level, 10000)
    assert set(found.offsets.values()) == (set() if offset is None else {offset})
    assert len(found.offsets) == (0 if offset is None else 13)
    assert (found.refined, found.relative_orbit, found.instrument, found.mission) == (refined, orbit, "MSI", "Sentinel-2A")
    assert found.cloud_cover == pytest.approx(clouds)
    assert found.notices == ()


@pytest.mark.parametrize("folder", TILES, ids=lambda f: f[1])
def test_genuine_tile_metadata(folder, genuine):
    tile, epsg, zenith, azimuth, grids = TILES[folder]
    root = genuine("/".join(folder))
    path = [*root.glob("GRANULE/*/MTD_TL.xml"), *root.glob("metadata.xml")][0]
    found = parse_tile_metadata(path.read_bytes(), path.name)
    assert (found.tile, found.epsg, found.extent) == (tile, epsg, (109800, 109800))
    assert (found.sun_zenith, found.sun_azimuth) == (zenith, pytest.approx(azimuth, abs=1e-4))
    assert sum(len(g) for g in found.view_grids.values()) == grids
    assert (found.ulx, found.uly) == (mgrs.tile(tile).ulx, mgrs.tile(tile).uly)


def test_the_worked_example_of_the_spec(genuine):
    root = genuine(f"{META}/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE")
    product = parse_product_metadata((root / "MTD_MSIL2A.xml").read_bytes(), "MTD_MSIL2A.xml")
    tile = parse_tile_metadata(next(root.glob("GRANULE/*/MTD_TL.xml")).read_bytes(), "MTD_TL.xml")
    assert tile.sensing_time == datetime(2023, 6, 25, 23, 47, 55, 578328)
    assert product.start_time == datetime(2023, 6, 25, 23, 46, 21, 24000)
    assert (tile.ulx + tile.extent[0], tile.uly - tile.extent[1]) == (409800, 7290240)
    assert tile.sun_grid.step == (5000, 5000)
    assert tile.sun_grid.zenith.shape == (23, 23)


@pytest.mark.parametrize(
    ("baseline", "psd", "known"),
    [("02.04", 14, True), ("03.01", 14, True), ("04.00", 14, True), ("05.00", 14, True), ("05.09", 14, True), ("05.10", 14, True),
     ("05.11", 15, True), ("05.12", 15, False), ("99.99", 15, False)],
)
def test_the_baseline_decides_the_psd_and_an_unknown_one_is_the_newest_with_a_notice(baseline, psd, known):
    found = parse_product_metadata(product_xml(baseline=baseline), "MTD.xml")
    assert found.psd == psd
    assert any("not known" in n for n in found.notices) is not known


@pytest.mark.parametrize("baseline", ["NA", "nan", "5.x"])
def test_a_baseline_that_is_no_number_is_an_error(baseline):
    xml = product_xml().replace(b"<PROCESSING_BASELINE>05.00", f"<PROCESSING_BASELINE>{baseline}".encode())
    with pytest.raises(MetadataError, match=rf"MTD\.xml: PROCESSING_BASELINE is '{baseline}'"):
        parse_product_metadata(xml, "MTD.xml")


@pytest.mark.parametrize(("baseline", "gri", "refined"), [("05.00", True, True), ("05.00", False, False), ("02.09", True, False)])
def test_refined_means_reference_images_from_baseline_3_on(baseline, gri, refined):
    assert parse_product_metadata(product_xml(baseline=baseline, gri=gri), "MTD.xml").refined is refined


def test_offsets_go_by_band_name_through_the_spectral_information():
    xml = product_xml().replace(b'<RADIO_ADD_OFFSET band_id="8">-1000', b'<RADIO_ADD_OFFSET band_id="8">-900')
    assert parse_product_metadata(xml, "MTD.xml").offsets["B8A"] == -900


@pytest.mark.parametrize("text", ["", "NaN", "-1"])
def test_unknown_cloud_cover_is_none_with_a_notice(text):
    xml = product_xml().replace(b">12.5<", f">{text}<".encode())
    found = parse_product_metadata(xml, "MTD.xml")
    assert found.cloud_cover is None
    assert found.notices == ("MTD.xml: cloud cover is unknown",)


@pytest.mark.parametrize(
    "element", ["PROCESSING_LEVEL", "PRODUCT_URI", "GENERATION_TIME", "SPACECRAFT_NAME", "QUANTIFICATION_VALUE"]
)
def test_a_missing_mandatory_element_is_named_with_its_file(element):
    xml = product_xml().replace(element.encode(), b"OTHER")
    with pytest.raises(MetadataError, match=rf"MTD\.xml: mandatory element {element} is missing"):
        parse_product_metadata(xml, "MTD.xml")


@pytest.mark.parametrize("element", ["SENSING_TIME", "HORIZONTAL_CS_CODE", "ULX", "NROWS"])
def test_a_missing_mandatory_element_of_the_tile_is_named_with_its_file(element):
    with pytest.raises(MetadataError, match=rf"MTD_TL\.xml: mandatory element {element} is missing"):
        parse_tile_metadata(tile_xml().replace(element.encode(), b"OTHER"), "MTD_TL.xml")


@pytest.mark.parametrize("parse", [parse_product_metadata, parse_tile_metadata,
                                   lambda data, name: parse_datastrip_metadata(io.BytesIO(data), name)])
def test_malformed_xml_is_an_error_with_line_and_column(parse):
    with pytest.raises(MetadataError, match=r"M\.xml, line 2, column \d+: not well-formed"):
        parse(b"<a>\n<b></a>", "M.xml")


@pytest.mark.parametrize("text", ["0", "-10000"])
def test_a_quantification_that_is_not_positive_is_an_error(text):
    with pytest.raises(MetadataError, match="must be positive"):
        parse_product_metadata(product_xml().replace(b">10000<", f">{text}<".encode()), "MTD.xml")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2017-10-30T10:45:08.461234Z", datetime(2017, 10, 30, 10, 45, 8, 461234)),
        ("2017-10-30T10:45:08Z", datetime(2017, 10, 30, 10, 45, 8)),
        ("2017-10-30T10:45:08.5", datetime(2017, 10, 30, 10, 45, 8, 500000)),
        ("2017-10-30T10:45:08", datetime(2017, 10, 30, 10, 45, 8)),
    ],
)
def test_times_may_lack_fraction_and_zone(text, time):
    xml = tile_xml().replace(b"2017-10-30T10:45:08.461234Z", text.encode())
    assert parse_tile_metadata(xml, "MTD_TL.xml").sensing_time == time


def test_a_time_that_is_none_is_an_error():
    with pytest.raises(MetadataError, match="SENSING_TIME is 'yesterday'"):
        parse_tile_metadata(tile_xml().replace(b"2017-10-30T10:45:08.461234Z", b"yesterday"), "MTD_TL.xml")


def test_a_sun_zenith_of_nan_becomes_the_mean_of_the_grid_with_a_notice():
    found = parse_tile_metadata(tile_xml().replace(b"42.895", b"NaN"), "MTD_TL.xml")
    assert (found.sun_zenith, found.sun_azimuth) == (pytest.approx(42.9), pytest.approx(173.0))
    assert "Mean_Sun_Angle is missing or NaN" in found.notices[0]


def test_no_sun_angle_at_all_is_an_error():
    xml = tile_xml().replace(b"42.895", b"NaN").replace(b"Sun_Angles_Grid", b"OTHER")
    with pytest.raises(MetadataError, match="Mean_Sun_Angle is missing or NaN, and so is Sun_Angles_Grid"):
        parse_tile_metadata(xml, "MTD_TL.xml")


def test_a_ragged_angle_grid_is_an_error_with_its_line():
    xml = tile_xml(grids=view_grid(0, 1, [[1, 2], [1]], [[1, 2], [3, 4]]))
    with pytest.raises(MetadataError, match=r"line \d+: Zenith grid is not a table of numbers"):
        parse_tile_metadata(xml, "MTD_TL.xml")


def test_empty_placeholder_grids_are_ignored():
    attributes = ' bandId="0" detectorId="1"'
    xml = tile_xml(grids=angle_grid("Viewing_Incidence_Angles_Grids", attributes, [[0], [0]], [[0], [0]], step=0))
    assert parse_tile_metadata(xml, "MTD_TL.xml").view_grids == {}


def test_gaps_of_a_grid_are_nan():
    grid = parse_tile_metadata(tile_xml(), "MTD_TL.xml").view_grids[3][1]
    np.testing.assert_array_equal(grid.zenith[0], [np.nan, 7, 8])


def test_the_datastrip_is_read_no_further_than_the_two_times():
    head = b"<a><DATATAKE_SENSING_START>2017-10-30T10:41:51.026Z</DATATAKE_SENSING_START>" \
           b"<DATASTRIP_SENSING_START>2017-10-30T10:45:08Z</DATASTRIP_SENSING_START>"
    found = parse_datastrip_metadata(io.BytesIO(head + b"<b/>" * 20000 + b"not closed"), "MTD_DS.xml")
    assert found.datatake_start == datetime(2017, 10, 30, 10, 41, 51, 26000)
    assert found.datastrip_start == datetime(2017, 10, 30, 10, 45, 8)


def test_a_datastrip_without_times_gives_none():
    assert parse_datastrip_metadata(io.BytesIO(b"<a/>"), "MTD_DS.xml") == DatastripMetadata(None, None)


@pytest.mark.parametrize(
    ("name", "tile", "orbit"),
    [("L1C_T31TFJ_A012345_20171030T104508", "31TFJ", "012345"),
     ("S2A_OPER_MSI_L1C_TL_SGS__20160806T192619_A005870_T20MRB_N02.04", "20MRB", "005870"), ("renamed", None, "000000")],
)
def test_granule_names_of_both_forms_tell_tile_and_absolute_orbit(name, tile, orbit):
    assert (tile_of(name), absolute_orbit_of(name)) == (tile, orbit)
