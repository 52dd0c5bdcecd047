"""Metadata of genuine Sentinel-2 products of many baselines, and tiles at the antimeridian, against what their files say.

Expected values are those of the files, read by eye or by a text search, never by our parser.
"""

import json
import re
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
import rasterio.features
from affine import Affine
from pyproj import Transformer
from shapely import transform, union_all
from shapely.geometry import Polygon, box

from sen2like.grid import mgrs
from sen2like.packaging.contents import footprint
from sen2like.packaging.stac import bounding_box, split_at_antimeridian, tile_outline
from sen2like.products.sentinel2 import open_sentinel2
from sen2like.products.sentinel2_metadata import parse_product_metadata, parse_tile_metadata
from sen2like.raster.image import Image

L1C, META = "sentinel2_l1c/", "sentinel2_metadata/"


class Facts(NamedTuple):
    tile: str
    epsg: int
    baseline: str
    """Of the product metadata, else of the TILE_ID."""
    offset: float | None
    """RADIO_ADD_OFFSET or BOA_ADD_OFFSET; None: there is no product metadata."""
    sun: tuple[float, float]
    """Mean_Sun_Angle: zenith, azimuth."""
    view: tuple[float, float] | None
    """Mean_Viewing_Incidence_Angle of B04: zenith, azimuth."""
    first_node: tuple[int, int, int, float] | None
    """A value of the viewing zenith grid of B04: index of the grid among those of the band, row, column, degrees."""


FACTS = {
    L1C + "S2A_MSIL1C_20201031T004711_N0209_R102_T53JQJ_20201031T022859.zip": Facts(
        "53JQJ", 32753, "02.09", 0, (26.8398246645449, 62.9424764928076), (9.35227939252467, 102.357741426649), None),
    L1C + "S2A_MSIL1C_20171207T002051_N0206_R116_T55JEJ_20171207T032513.zip": Facts(
        "55JEJ", 32755, "02.06", 0, (22.4880527964554, 80.2567450853157), (6.9927312846348, 287.024609211125), None),
    L1C + "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911": Facts(
        "31TDH", 32631, "02.06", 0, (67.0354071200132, 166.328513490143), (9.22874530232972, 287.204612128353), None),
    META + "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE": Facts(
        "01LAC", 32701, "02.09", 0, (45.183085206095, 36.1960474596642), (2.96168535851192, 139.805379920991),
        (0, 0, 3, 5.84347)),
    META + "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE": Facts(
        "46RER", 32646, "03.01", 0, (26.4931642669439, 142.987598836457), (10.5490716177662, 287.732834167769),
        (0, 1, 3, 9.81216)),
    META + "S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE": Facts(
        "07HFE", 32707, "02.12", 0, (32.707073851362, 62.3286549448294), (10.778802813877, 288.433166003466),
        (0, 1, 1, 9.70612)),
    META + "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE": Facts(
        "01WCP", 32601, "05.09", -1000, (42.8949736512547, 174.705217601066), (3.12587474912714, 140.148145743451),
        (0, 1, 0, 7.92377)),
    META + "S2A_OPER_MSI_L2A_TL_2APS_20240108T121951_A044635_T34VEL": Facts(
        "34VEL", 32634, "05.10", None, (81.4801250055295, 174.263139694724), None, None),
    META + "S2A_T60CWS_20240109T203651_L2A": Facts(
        "60CWS", 32760, "05.10", None, (66.5075732334466, 84.2999551111562), (2.6100688845654, 216.605608137483),
        (0, 0, 0, 5.86174)),
    META + "S2B_MSIL2A_20200914T231559_N0500_R087_T01VCG_20230315T224658": Facts(
        "01VCG", 32601, "05.00", None, (57.353827998165, 169.912958756471), (8.70020064325729, 109.574137680882),
        (0, 1, 13, 10.1365)),
}  # fmt: skip
ANTIMERIDIAN = ("01WCP", "60CWS", "01LAC", "01VCG")


@pytest.fixture
def texts(genuine):
    """``texts(name)`` -> (product metadata or None, tile metadata) of a product or folder."""

    def find(name: str) -> tuple[bytes | None, bytes]:
        path = genuine(name)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                files = {n.rpartition("/")[2]: archive.read(n) for n in archive.namelist() if "MTD_" in n and n.endswith(".xml")}
            return files["MTD_MSIL1C.xml"], files["MTD_TL.xml"]
        product = next(path.glob("MTD_MSI*.xml"), None)
        (tile,) = [*path.glob("GRANULE/*/MTD_TL.xml"), *path.glob("metadata.xml")]
        return None if product is None else product.read_bytes(), tile.read_bytes()

    return find


def test_no_folder_is_forgotten(genuine):
    assert set(FACTS) == {folder + path.name for folder in (L1C, META) for path in genuine(folder).iterdir()}


@pytest.mark.parametrize("name", FACTS)
def test_tile_metadata_are_read_as_they_stand(name, texts):
    facts = FACTS[name]
    found = parse_tile_metadata(texts(name)[1], "MTD_TL.xml")
    assert (found.tile, found.epsg) == (facts.tile, facts.epsg)
    assert (found.sun_zenith, found.sun_azimuth) == facts.sun
    assert found.mean_view.get(3) == facts.view
    assert (found.ulx, found.uly) == (mgrs.tile(facts.tile).ulx, mgrs.tile(facts.tile).uly)
    assert found.epsg == mgrs.tile(facts.tile).epsg
    assert found.tile_id.endswith(f"_N{facts.baseline}")
    if facts.first_node is not None:
        grid, row, column, zenith = facts.first_node
        assert found.view_grids[3][grid].zenith[row, column] == zenith
        assert np.isnan(found.view_grids[3][grid].zenith[row, column + 1])
    assert found.sun_grid is not None and found.sun_grid.zenith.shape == (23, 23)
    assert found.sun_grid.zenith.min() < facts.sun[0] < found.sun_grid.zenith.max()


@pytest.mark.parametrize("name", [name for name, facts in FACTS.items() if facts.offset is not None])
def test_radiometry_of_the_product_metadata_is_read_as_it_stands(name, texts):
    facts = FACTS[name]
    found = parse_product_metadata(texts(name)[0] or b"", "MTD_MSI.xml")
    assert (found.baseline, found.quantification) == (facts.baseline, 10000)
    assert found.offsets == ({} if facts.offset == 0 else dict.fromkeys(found.offsets, facts.offset))
    assert len(found.offsets) == (0 if facts.offset == 0 else 13)


@pytest.mark.parametrize("name", [name for name in FACTS if name.startswith(META) and FACTS[name].offset is not None])
def test_a_product_of_metadata_only_opens_and_lists_all_its_bands_as_missing(name, genuine):
    product = open_sentinel2(genuine(name))
    assert (product.tile, product.baseline, dict(product.bands)) == (FACTS[name].tile, FACTS[name].baseline, {})
    assert product.missing_bands == ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    assert f"{product.name}: no file for band {', '.join(product.missing_bands)}" in product.notices


def test_the_full_size_b01_is_read_and_the_other_bands_are_missing(genuine):
    product = open_sentinel2(genuine(L1C + "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"))
    image = product.read("B01")
    assert (image.shape, image.resolution, image.geobox.crs.epsg) == ((1830, 1830), 60, 32631)
    assert (image.geobox.transform.c, image.geobox.transform.f) == (399960, 4800000)
    assert product.missing_bands == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


# ------------------------------------------------------------------------------------------------ tiles at the antimeridian


@pytest.mark.parametrize("name", [n for n in FACTS if FACTS[n].tile in ("01WCP", "01LAC")])
def test_corners_are_those_of_the_footprint_in_the_product_metadata(name, texts):
    # both products fill their tile, so that all its corners are points of EXT_POS_LIST ("latitude longitude ...")
    numbers = [float(v) for v in re.search(rb"<EXT_POS_LIST>(.*?)<", texts(name)[0] or b"")[1].split()]
    points = np.column_stack([numbers[1::2], numbers[0::2]])
    for corner in mgrs.tile(FACTS[name].tile).corners:
        assert np.abs(points - corner).max(axis=1).min() < 1e-5


@pytest.mark.parametrize("name", [n for n in FACTS if FACTS[n].tile in ("60CWS", "01VCG", "34VEL")])
def test_corners_are_those_of_the_tile_geometry(name, genuine):
    told = json.loads((genuine(name) / "tileInfo.json").read_text())["tileGeometry"]
    tile = mgrs.tile(FACTS[name].tile)
    assert told["crs"]["properties"]["name"].endswith(f":{tile.epsg}")
    assert Polygon(told["coordinates"][0]).equals(box(*tile.bounds))


@pytest.mark.parametrize("tile", ANTIMERIDIAN)
def test_the_outline_of_a_tile_is_cut_where_its_edges_meet_the_meridian(tile):
    square = mgrs.tile(tile)
    parts = split_at_antimeridian(tile_outline(square))
    west, east = _two_parts(parts)
    to_utm = Transformer.from_crs(4326, square.epsg, always_xy=True).transform
    for part, side in ((west, 180), (east, -180)):
        cut = sorted(lat for lon, lat in part.exterior.coords if lon == side)
        for lat, northing in ((cut[0], square.bounds[1]), (cut[-1], square.bounds[3])):
            assert to_utm(side, lat)[1] == pytest.approx(northing, abs=10)
    lons, lats = zip(*square.corners, strict=True)
    assert bounding_box(parts)[0] == pytest.approx(min(lon for lon in lons if lon > 0), abs=1e-6)
    assert bounding_box(parts)[2] == pytest.approx(max(lon for lon in lons if lon < 0), abs=1e-6)
    assert bounding_box(parts)[1] <= min(lats) + 1e-6 and bounding_box(parts)[3] >= max(lats) - 1e-6


@pytest.mark.parametrize("name", [n for n in FACTS if FACTS[n].tile in ("60CWS", "01VCG")])
def test_a_data_footprint_across_the_meridian_keeps_its_area_and_place(name, genuine):
    """The data area that the file tells, drawn as a mask, comes back from longitude and latitude as it was."""
    tile = mgrs.tile(FACTS[name].tile)
    told = json.loads((genuine(name) / "tileInfo.json").read_text())["tileDataGeometry"]
    area = Polygon(told["coordinates"][0]).buffer(0)
    grid = tile.geobox(100)
    assert grid.transform == Affine(100, 0, tile.ulx, 0, -100, tile.uly)
    mask = rasterio.features.rasterize([area], grid.shape, transform=grid.transform, dtype="uint8")
    parts = split_at_antimeridian(footprint(Image(mask, grid)))
    _two_parts(parts)
    to_utm = Transformer.from_crs(4326, tile.epsg, always_xy=True).transform
    back = union_all([transform(part, lambda lonlat: np.column_stack(to_utm(*lonlat.T))).buffer(1) for part in parts.geoms])
    assert back.symmetric_difference(area).area < 0.01 * area.area


def _two_parts(geometry) -> tuple[Polygon, Polygon]:
    """(west of the meridian, east of it), both valid, within the world, counter-clockwise and touching it."""
    assert geometry.geom_type == "MultiPolygon" and geometry.is_valid and len(geometry.geoms) == 2
    west, east = sorted(geometry.geoms, key=lambda part: -part.bounds[0])
    assert (west.bounds[2], east.bounds[0]) == (180, -180)
    for part in (west, east):
        assert box(-180, -90, 180, 90).contains(part) and part.exterior.is_ccw
        assert np.abs(np.diff([lon for lon, _ in part.exterior.coords])).max() < 10
    return west, east
