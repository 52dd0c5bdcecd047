"""Genuine Sentinel-2 products through the whole program: what comes out is complete, in its place and of the right numbers.

The zips are complete Level-1C products of old baselines whose owners resampled the pixels; 31TDH is B01 alone at full size.
Expected values are read from the input by other means than ours, or follow from the formulas of the specifications.
"""

import contextlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from logging_state import logging_restored
from pyproj import Transformer
from pystac.validation.local_validator import get_local_schema_cache
from scipy.ndimage import map_coordinates
from shapely.geometry import Point, Polygon, box, shape

from sen2like.cli import main
from sen2like.data import roy_coefficients, smac_coefficients
from sen2like.grid import mgrs
from sen2like.packaging import schemas
from sen2like.packaging.quality import validate_quality
from sen2like.science import brdf, smac

L1C = "sentinel2_l1c"
PEER = "peer/S2A_OPER_MSI_L1C_TL_EPAE_20201031T022859_A027984_T53JQJ_N02.09.wagl.h5"
BANDS = {"B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10, "B8A": 20, "B11": 20, "B12": 20}
NATIVE = {"B05", "B06", "B07", "B08"}
ATMOSPHERE = {"aot": 0.2, "h2o": 2.0, "o3": 0.331, "pressure": 1013.095}
"""Without CAMS data; spec 07 section 4.1."""
CONFIGURATION = """\
[Processing]
doGeometry = True
doGeometryCheck = True
doToa = True
doInterCalibration = True
doAtmcor = True
doNbar = True
doFusion = True
doPackagerL2H = True
doPackagerL2F = True
[Directories]
archive_dir = {archive}
[InputProductArchive]
cloud_cover = 20
"""


@dataclass(frozen=True)
class Genuine:
    """A product and what its README and metadata say of it."""

    name: str
    tile: str
    epsg: int
    corner: tuple[float, float]
    pixels: dict[int, tuple[float, int]]
    """Nominal pixel size -> actual pixel size and pixels a side."""
    sun: tuple[float, float]
    """Mean_Sun_Angle of MTD_TL.xml: zenith, azimuth."""
    orbits: tuple[int, int]
    stem: str
    """What names of outputs have: datatake start, relative orbit, tile."""
    masks: int
    """Mask files of the input."""
    spots: dict[str, tuple[tuple[int, int], ...]]
    """Pixels (row, column) where reflectance is worked out by hand."""


PRODUCTS = {
    "53JQJ": Genuine(
        "S2A_MSIL1C_20201031T004711_N0209_R102_T53JQJ_20201031T022859.zip", "53JQJ", 32753, (699960, 6900040),
        {10: (5490, 20), 20: (5490, 20), 60: (5490, 20)}, (26.8398246645449, 62.9424764928076), (102, 27984),
        "T53JQJ_20201031T004711_S2A_R102", 66,
        {"B04": ((2, 16), (10, 15), (18, 13)), "B8A": ((1, 17), (9, 14), (17, 12))},
    ),
    "55JEJ": Genuine(
        "S2A_MSIL1C_20171207T002051_N0206_R116_T55JEJ_20171207T032513.zip", "55JEJ", 32755, (499980, 6900040),
        {10: (640, 172), 20: (1280, 86), 60: (3840, 29)}, (22.4880527964554, 80.2567450853157), (116, 12840),
        "T55JEJ_20171207T002051_S2A_R116", 66,
        {"B04": ((10, 10), (86, 100), (150, 60)), "B8A": ((5, 5), (43, 50), (75, 30))},
    ),
}  # fmt: skip
TDH = "S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911"


@dataclass(frozen=True)
class Run:
    """One run of the program on one product."""

    code: int
    folder: Path
    tile: str

    @property
    def archive(self) -> Path:
        return self.folder / "out" / self.tile

    @property
    def log(self) -> str:
        return (self.folder / "wd" / "sen2like.log").read_text()

    def product(self, level: str = "L2H") -> Path:
        (found,) = self.archive.glob(f"S2A_MSI{level}_*.SAFE")
        return found

    def file(self, pattern: str, level: str = "L2H") -> Path:
        (found,) = self.product(level).rglob(pattern)
        return found

    def item(self, level: str = "L2H") -> dict:
        product = self.product(level)
        return json.loads((product / f"{product.stem}.json").read_text())

    def quality(self, level: str = "L2H") -> dict[str, str]:
        """Values of the quality report by name."""
        text = self.file(f"{level}_QUALITY.xml", level).read_text()
        return dict(re.findall(r'<value name="(\w+)">([^<]*)<', text)) | dict(re.findall(r'(globalStatus)="(\w+)"', text))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``run(path, tile, *words)``: the program on a product; the same call again gives the same outputs."""
    done: dict[tuple, Run] = {}

    def once(path: Path, tile: str, *words: str) -> Run:
        if (path, *words) not in done:
            folder = tmp_path_factory.mktemp(tile)
            configuration = folder / "c.ini"
            configuration.write_text(CONFIGURATION.format(archive=folder / "out"))
            with logging_restored(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = main(["product-mode", str(path), "--conf", str(configuration), "--wd", str(folder / "wd"), *words])
            done[(path, *words)] = Run(code, folder, tile)
        return done[(path, *words)]

    return once


@pytest.fixture(scope="module", params=PRODUCTS)
def case(request, genuine, run) -> tuple[Genuine, Run, zipfile.ZipFile]:
    """(what is known of a zip, its run, the zip)."""
    facts = PRODUCTS[request.param]
    path = genuine(f"{L1C}/{facts.name}")
    with zipfile.ZipFile(path) as archive:
        yield facts, run(path, facts.tile), archive


def read(path: Path | str) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read() if source.count > 1 else source.read(1)


def input_dn(facts: Genuine, archive: zipfile.ZipFile, band: str) -> np.ndarray:
    (name,) = (n for n in archive.namelist() if n.endswith(f"_{band}.jp2") and "IMG_DATA" in n)
    return read(f"/vsizip/{archive.filename}/{name}")


# ------------------------------------------------------------------------------------------------ completeness


def test_the_run_succeeds_and_leaves_two_complete_products(case):
    facts, done, _ = case
    assert done.code == 0
    assert sorted(p.name[:10] for p in done.archive.iterdir()) == ["S2A_MSIL2F", "S2A_MSIL2H"]
    for level in ("L2H", "L2F"):
        assert f"_R{facts.orbits[0]:03}_T{facts.tile}_" in done.product(level).name
        granule = done.product(level) / "GRANULE"
        assert [p.name.split("_")[2] for p in granule.iterdir()] == [f"A{facts.orbits[1]:06}"]


@pytest.mark.parametrize("level", ["L2H", "L2F"])
@pytest.mark.parametrize("band", BANDS)
def test_every_band_is_there_with_size_place_and_scale(case, band, level):
    facts, done, _ = case
    metres, side = facts.pixels[BANDS[band]]
    path = done.file(f"{level}_{facts.stem}_{band}_{metres}m.TIF", level)
    assert path.parent.name == ("NATIVE" if band in NATIVE else "IMG_DATA")
    with rasterio.open(path) as image:
        assert (image.shape, image.dtypes, image.nodata) == ((side, side), ("uint16",), 0)
        assert image.crs.to_epsg() == facts.epsg
        assert tuple(image.transform)[:6] == (metres, 0, facts.corner[0], 0, -metres, facts.corner[1])
        assert (image.scales[0], image.offsets[0]) == (pytest.approx(0.0001), pytest.approx(-0.1))


def test_no_other_band_is_there(case):
    _, done, _ = case
    assert {p.name.split("_")[-2] for p in done.product().rglob("IMG_DATA/**/*.TIF")} == set(BANDS)


def test_both_levels_have_the_same_pixels(case):
    _, done, _ = case
    for path in done.product("L2H").rglob("IMG_DATA/**/*.TIF"):
        assert done.file(path.name.replace("L2H", "L2F"), "L2F").read_bytes() == path.read_bytes()


def test_the_mask_is_on_the_grid_of_the_20_metre_bands_and_says_valid_or_not(case):
    facts, done, _ = case
    metres, side = facts.pixels[20]
    with rasterio.open(done.file("*_MSK.TIF")) as mask:
        assert (mask.shape, mask.transform.a) == ((side, side), metres)
        assert np.unique(mask.read(1)).tolist() == [0, 1]


def test_masks_of_the_input_are_copied_unchanged(case):
    facts, done, archive = case
    copied = {p.name: p.read_bytes() for p in done.product().rglob("QI_DATA/MSK_*")}
    own = [n for n in archive.namelist() if re.search(r"/GRANULE/.*/QI_DATA/MSK_\w+\.gml$", n)]
    assert len(own) == facts.masks and copied == {n.rpartition("/")[2]: archive.read(n) for n in own}


def test_percentages_of_the_quality_report_are_those_of_the_masks(genuine, run):
    # 53JQJ: B04 has the pixel size of the masks and no gaps of its own, so its zeros are those of the no-data mask
    facts = PRODUCTS["53JQJ"]
    done = run(genuine(f"{L1C}/{facts.name}"), facts.tile)
    valid, nothing = int(read(done.file("*_MSK.TIF")).sum()), int((read(done.file("*_B04_5490m.TIF")) == 0).sum())
    assert 0 < valid < 400 - nothing
    values = done.quality()
    assert values["VALID_PIX_PERCENTAGE"] == f"{100 * valid / (400 - nothing):.6f}"
    assert values["NODATA_PIX_PERCENTAGE"] == f"{100 * nothing / 400:.6f}"
    assert done.item()["properties"]["s2l:nodata_percentage"] == pytest.approx(100 * nothing / 400)


def test_clouds_of_the_gml_mask_are_not_valid(genuine, run):
    # 11.1 % cloud by the product metadata, half the tile without data; 20 x 20 pixels tell it to a few percent
    facts = PRODUCTS["53JQJ"]
    values = run(genuine(f"{L1C}/{facts.name}"), facts.tile).quality()
    assert 100 - float(values["VALID_PIX_PERCENTAGE"]) == pytest.approx(11.1, abs=5)


# ------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_pictures_have_the_pixels_of_the_bands_they_are_made_of(case, level):
    facts, done, _ = case
    coarse, fine = facts.pixels[20][1], facts.pixels[10][1]
    for ending, side in {"PVI.TIF": fine, "THUMBNAIL.jpg": fine, "QL_B432.jpg": fine, "QL_B12118A.jpg": coarse}.items():
        with rasterio.open(done.file(f"{level}_{facts.stem}_{ending}", level)) as picture:
            assert (picture.count, picture.shape, picture.crs.to_epsg()) == (3, (side, side), facts.epsg)
            assert (picture.transform.c, picture.transform.f) == facts.corner


def test_the_preview_is_the_stretched_reflectance(case):
    # spec 10 section 8: 0 .. 0.25 becomes 0 .. 255; pixels coarser than those of the preview are shown one by one
    facts, done, _ = case
    preview = read(done.file("*_PVI.TIF")).astype(float)
    for layer, band in zip(preview, ("B04", "B03", "B02"), strict=True):
        dn = read(done.file(f"*_{band}_{facts.pixels[10][0]}m.TIF")).astype(float)
        expected = np.where(dn == 0, 0, np.clip((dn - 1000) * 255 / 2500, 0, 255))
        assert np.abs(layer - expected).max() <= 0.5001
        assert expected.std() > 20


# ------------------------------------------------------------------------------------------------ metadata


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_documents_are_valid(case, level):
    _, done, _ = case
    product = done.product(level)
    assert validate_quality(done.file(f"{level}_QUALITY.xml", level).read_bytes()) == []
    for path in (product / f"MTD_MSI{level}.xml", done.file(f"MTD_TL_{level}.xml", level)):
        assert schemas.validate(path.read_bytes()) == []


@pytest.mark.parametrize("level", ["L2H", "L2F"])
def test_the_stac_item_is_valid_and_leads_to_files(case, level):
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource

    facts, done, _ = case
    item = done.item(level)
    registry = Registry().with_resources([(uri, Resource.from_contents(s)) for uri, s in get_local_schema_cache().items()])
    core = get_local_schema_cache()["https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"]
    assert [error.message for error in Draft7Validator(core, registry=registry).iter_errors(item)] == []
    assert set(BANDS) < set(item["assets"])
    assert all((done.product(level) / asset["href"]).is_file() for asset in item["assets"].values())
    properties = item["properties"]
    assert (properties["proj:code"], properties["grid:code"]) == (f"EPSG:{facts.epsg}", f"MGRS-{facts.tile}")
    assert (properties["sat:relative_orbit"], properties["sat:absolute_orbit"]) == facts.orbits
    assert properties["view:sun_elevation"] == pytest.approx(90 - facts.sun[0], abs=0.02)
    assert properties["view:sun_azimuth"] == pytest.approx(facts.sun[1], abs=0.02)
    assert properties["s2l:partial"] is False


def test_tile_metadata_name_the_southern_zone(case):
    facts, done, _ = case
    text = done.file("MTD_TL_L2H.xml").read_text()
    assert re.search(r"<HORIZONTAL_CS_NAME>(.*?)<", text)[1] == f"WGS84 / UTM zone {facts.tile[:2]}S"
    assert re.search(r"<HORIZONTAL_CS_CODE>(.*?)<", text)[1] == f"EPSG:{facts.epsg}"
    assert [float(re.search(rf"<UL{axis}>(.*?)<", text)[1]) for axis in "XY"] == list(facts.corner)


def test_the_footprint_lies_within_that_of_the_input(case):
    facts, done, archive = case
    (name,) = (n for n in archive.namelist() if n.endswith("/MTD_MSIL1C.xml"))
    numbers = [float(v) for v in re.search(r"<EXT_POS_LIST>(.*?)<", archive.read(name).decode())[1].split()]
    theirs = Polygon(list(zip(numbers[1::2], numbers[0::2], strict=True)))
    ours = shape(done.item()["geometry"])
    pixel = facts.pixels[20][0] / 111_000
    assert ours.is_valid and theirs.buffer(1.5 * pixel).contains(ours)
    # the no-data mask is widened by two pixels of B01 (spec 04), which are large here
    margin = 4 * facts.pixels[60][0] / 111_000
    assert ours.contains(theirs.buffer(-margin))


# ------------------------------------------------------------------------------------------------ reflectance


@pytest.mark.parametrize("band", ["B04", "B8A"])
def test_reflectance_is_what_the_formulas_give(case, band):
    facts, done, archive = case
    metres, side = facts.pixels[BANDS[band]]
    dn = input_dn(facts, archive, band).astype(float)
    written = read(done.file(f"L2H_*_{band}_{metres}m.TIF"))
    angles = read(done.file("L2H_*_ANG.TIF")) / 100.0
    index = 3 if band == "B04" else 8
    vaa, vza, saa, sza = angles[index], angles[13 + index], angles[26], angles[27]
    theta = brdf.theta_norm(mgrs.tile(facts.tile).centre[0])
    c_nodes = brdf.c_factor(roy_coefficients(band), sza, vza, saa - vaa, theta)
    c0, c1, c2 = smac.parabola(smac_coefficients("S2A", band), sza=facts.sun[0], saa=facts.sun[1], **ATMOSPHERE)
    assert len(facts.spots[band]) == 3
    for row, column in facts.spots[band]:
        toa = dn[row, column] / 10000  # baseline before 04.00: no offset
        surface = c0 + c1 * toa + c2 * toa**2
        at = [[(row + 0.5) * 23 / side - 0.5], [(column + 0.5) * 23 / side - 0.5]]  # spec 04 section 7: stretched as cells
        c = map_coordinates(c_nodes, at, order=1, mode="nearest")[0]
        assert toa > 0.05 and abs(c * surface / toa - 1) > 0.005, "nothing was corrected: the comparison says nothing"
        assert int(written[row, column]) == pytest.approx(c * surface * 10000 + 1000, abs=1)


def test_pixels_a_band_lacks_are_no_data_and_no_failure(genuine, run):
    # 55JEJ: the swath edge differs between bands, so some hold DN 0 where the mask (made from B01) tells of data
    facts = PRODUCTS["55JEJ"]
    path = genuine(f"{L1C}/{facts.name}")
    done = run(path, facts.tile)
    mask = read(done.file("*_MSK.TIF"))
    lacking = 0
    with zipfile.ZipFile(path) as archive:
        for band in ("B02", "B03", "B04", "B08"):
            nothing = input_dn(facts, archive, band) == 0
            written = read(done.file(f"*_{band}_640m.TIF"))
            assert (written[nothing] == 0).all()
            inside = nothing & (np.repeat(np.repeat(mask, 2, 0), 2, 1) == 1)
            assert not inside.all()
            lacking += int(inside.sum())
    assert lacking > 0
    values = done.quality()
    assert values["globalStatus"] == "PASSED" and "NON_FINITE_PIXELS" not in values
    assert f"{lacking} pixels inside the data mask have no data in their band" in done.log


# ------------------------------------------------------------------------------------------------ angles


@pytest.mark.parametrize("group", ["RES-GROUP-0", "RES-GROUP-1", "RES-GROUP-2"])
def test_written_sun_zenith_agrees_with_a_peer_processor_to_a_twentieth_of_a_degree(genuine, run, group):
    """Over all of the three grids of the peer: 110 x 110, 55 x 55 and 19 x 19 points.

    Where its values stand is told by its own longitudes and latitudes: the file was thinned to every 100th pixel, so the
    points begin at the first pixel of the tile (and not half a cell from its corner, as its geotransform makes believe).
    What remains has two causes. The grid of the Sentinel-2 metadata follows the flight: 16 seconds from the north end of
    a tile to the south end, the sun 0.0033 degree a second here: +-0.027 degree. The peer has one time for the whole
    tile, and a constant difference of 0.016 degree, or 5 seconds, to it. Together 0.043, and the written angle is
    truncated to 0.01 degree.
    """
    netcdf = pytest.importorskip("netCDF4")
    facts = PRODUCTS["53JQJ"]
    done = run(genuine(f"{L1C}/{facts.name}"), facts.tile)
    with rasterio.open(done.file("L2H_*_ANG.TIF")) as source:
        assert (source.descriptions[27], source.scales[27], source.transform.a) == ("SZA", 0.01, 5000)
        nodes = source.read(28) * 0.01
    with netcdf.Dataset(genuine(PEER)) as file:
        (granule,) = file.groups.values()
        fields = granule.groups[group]
        peer = fields.groups["SATELLITE-SOLAR"].variables["SOLAR-ZENITH"][:].filled(np.nan).astype(float)
        lonlat = (fields.groups["LONGITUDE-LATITUDE"].variables[name][:] for name in ("LONGITUDE", "LATITUDE"))
        x, y = Transformer.from_crs(4326, facts.epsg, always_xy=True).transform(*lonlat)
    node = (facts.corner[1] - y) / 5000, (x - facts.corner[0]) / 5000  # spec 04 section 7: nodes are points, every 5 km
    ours = map_coordinates(nodes, node, order=1)
    assert np.isfinite(peer).all()
    difference = ours - peer
    assert np.abs(difference).max() <= 0.05
    # without the time of flight, a plane, nothing is left but the truncation
    terms = np.column_stack([np.ones(x.size), x.ravel() - x.mean(), y.ravel() - y.mean()])
    plane, *_ = np.linalg.lstsq(terms, difference.ravel(), rcond=None)
    assert np.abs(difference.ravel() - terms @ plane).max() <= 0.01
    # the sun sinks in zenith angle by 0.0033 degree/s, the satellite flies 6.7 to 6.9 km/s over ground
    assert np.hypot(*plane[1:]) * 6800 == pytest.approx(0.0033, abs=0.0002)


def test_view_zenith_is_the_mean_angle_of_the_metadata(case):
    # Mean_Viewing_Incidence_Angle, mean over the pixels of a band; ours is over the nodes that a detector sees
    _, done, archive = case
    (name,) = (n for n in archive.namelist() if n.endswith("/MTD_TL.xml"))
    angles = read(done.file("L2H_*_ANG.TIF")) / 100.0
    pattern = r'Viewing_Incidence_Angle bandId="(\d+)">\s*<ZENITH_ANGLE unit="deg">([\d.]+)<'
    found = re.findall(pattern, archive.read(name).decode())
    assert len(found) == 13
    for band_id, zenith in found:
        layer = angles[13 + int(band_id)]
        assert layer[layer > 0].mean() == pytest.approx(float(zenith), abs=0.25)


# ------------------------------------------------------------------------------------------------ a product of one band


@pytest.mark.parametrize("words", [("--bands", "B01"), ()], ids=["asked for B01", "asked for all"])
class TestOneBand:
    """31TDH: B01 at full size and metadata, no other file."""

    @pytest.fixture
    def done(self, genuine, run, words) -> Run:
        return run(genuine(f"{L1C}/{TDH}"), "31TDH", *words)

    def test_it_becomes_a_product_of_b01_that_says_it_is_partial(self, done):
        assert done.code == 0
        assert [p.name for p in done.product().rglob("IMG_DATA/**/*.TIF")] == ["L2H_T31TDH_20180101T105441_S2A_R051_B01_60m.TIF"]
        assert done.item()["properties"]["s2l:partial"] is True
        assert validate_quality(done.file("L2H_QUALITY.xml").read_bytes()) == []

    def test_data_are_where_the_input_has_them_less_the_margin(self, done, genuine):
        dn = read(next(genuine(f"{L1C}/{TDH}").rglob("*_B01.jp2")))
        written = read(done.file("*_B01_60m.TIF"))
        assert written.shape == dn.shape == (1830, 1830)
        assert not written[dn == 0].any()
        # 120 m of erosion and the rule of 60 m masks take at most three pixels along each edge (spec 04, spec 10 section 5)
        eroded = dn != 0
        for _ in range(3):
            padded = np.pad(eroded, 1, constant_values=True)
            eroded = np.min([padded[i : i + 1830, j : j + 1830] for i in range(3) for j in range(3)], axis=0)
        assert written[eroded].all() and 0.2 < eroded.mean() < 0.9

    def test_the_log_names_every_missing_band_and_picture(self, done):
        warnings = [line for line in done.log.splitlines() if "WARNING" in line]
        for band in BANDS:
            assert any(re.search(rf"\b{band}\b", w) and re.search("missing|no file", w) for w in warnings) is (band != "B01")
        assert any("PVI, QL_B432, QL_B12118A not made: the product has only B01" in w for w in warnings)
        assert any("MSK_CLOUDS_B00.gml is missing" in w for w in warnings)

    def test_there_is_one_grey_quicklook_and_no_preview(self, done):
        assert sorted(p.name.split("R051_")[1] for p in done.product().rglob("QI_DATA/*.[Tj]*") if "R051_" in p.name) == [
            "ANG.TIF", "MSK.TIF", "QL_B01.jpg", "QL_B01.jpg.aux.xml"]  # fmt: skip
        with rasterio.open(done.file("*_QL_B01.jpg")) as picture:
            assert (picture.count, picture.shape) == (1, (1830, 1830))
        assert not {"pvi", "thumbnail"} & done.item()["assets"].keys()


def test_a_band_that_the_product_lacks_is_refused_by_name(genuine, run):
    done = run(genuine(f"{L1C}/{TDH}"), "31TDH", "--bands", "B01,B04")
    assert done.code == 5
    assert "has no band B04; it has B01" in done.log
    assert not list(done.folder.glob("out/31TDH/*"))


def test_the_input_is_read_in_place(genuine, run):
    root = genuine(f"{L1C}/{TDH}")
    run(root, "31TDH")
    assert sorted(p.name for p in root.rglob("*") if p.is_file()) == [
        "MTD_MSIL1C.xml", "MTD_TL.xml", "T31TDH_20180101T105441_B01.jp2"]  # fmt: skip


def test_a_product_too_cloudy_is_left_out_and_says_so(genuine, run):
    facts = PRODUCTS["53JQJ"]
    done = run(genuine(f"{L1C}/{facts.name}"), facts.tile, "--confParams", "cloud_cover=10")
    assert done.code == 0 and not list(done.folder.glob("out/53JQJ/*"))
    assert "cloud cover 11.1 % > 10 %" in done.log


# ------------------------------------------------------------------------------------------------ the antimeridian


def test_a_product_across_the_antimeridian_has_a_footprint_of_two_parts(simulate, run):
    # simulated, as there are no genuine pixels of such a tile at hand
    done = run(simulate(tile="01WCP", when=datetime(2021, 6, 2, 23, 46), cover=0.0).path, "01WCP")
    assert done.code == 0
    item = done.item()
    parts = shape(item["geometry"])
    assert parts.geom_type == "MultiPolygon" and parts.is_valid
    west, east = sorted(parts.geoms, key=lambda part: -part.bounds[0])
    assert (west.bounds[2], east.bounds[0]) == (180, -180)
    assert all(box(-180, -90, 180, 90).contains(part) and part.exterior.is_ccw for part in parts.geoms)
    assert item["bbox"] == pytest.approx([west.bounds[0], parts.bounds[1], east.bounds[2], parts.bounds[3]], abs=1e-6)
    assert item["bbox"][0] > 178 and item["bbox"][2] < -178
    centre = mgrs.tile("01WCP").to_lonlat(354900, 7345140)
    assert parts.contains(Point(centre))
