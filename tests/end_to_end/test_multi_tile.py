"""multi-tile-mode and roi-based-mode, near the antimeridian too."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from end_to_end.modes import contents, differences, offer, outputs, report, search
from end_to_end.running import Bench, Run, images, item, quality, step
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from sen2like.grid import mgrs

BANDS = ("--bands", "B04")
SIZE = 109_800
PIXEL = 300
"""Metres, of a band of 10 m by the coarse factor of 30."""


def region(folder: Path, epsg: int, *boxes: tuple[float, float, float, float]) -> Path:
    """GeoJSON (longitude, latitude) with a box (left, bottom, right, top) per feature, given in a projection."""
    to = Transformer.from_crs(epsg, 4326, always_xy=True)
    shapes = [Polygon([to.transform(x, y) for x, y in box(*one).segmentize(5000).exterior.coords]) for one in boxes]
    return written(folder, [mapping(shape) for shape in shapes])


def written(folder: Path, shapes: list[dict]) -> Path:
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in shapes]
    path = folder / "region.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


# two tiles -----------------------------------------------------------------------------------------------------------------

BORDER = (700_500.0, 4_840_000.0, 703_000.0, 4_850_000.0)
"""Where 31TFJ and 31TGJ overlap, nearer to the centre of 31TFJ; no other tile reaches so far."""
SLIVERS = {"coverage": 0.05}
"""The scene shows only a part of 31TGJ."""


@pytest.fixture(scope="module")
def root(simulate, tmp_path_factory) -> Path:
    """Two adjacent tiles of one Sentinel-2 pass, and a Landsat scene that shows both."""
    from simulator import landsat
    from simulator.acquisition import Acquisition

    folder = tmp_path_factory.mktemp("two")
    made = [simulate(sensor="S2A", tile=tile, cover=0.02).path for tile in ("31TFJ", "31TGJ")]
    passed = Acquisition("LS8", datetime(2021, 6, 15, 10, 23, 51), coarse=30, cover=0.03)
    scene = landsat.render(passed, folder / "scenes", folder / "truth", "L1TP", 196, 30, "all", "full")
    return offer(folder / "archive", [*made, scene])


@pytest.fixture(scope="module")
def separate(root, module_bench) -> Bench:
    """Both tiles, each by a run of single-tile-mode."""
    bench = module_bench()
    for tile in ("31TFJ", "31TGJ"):
        run = bench.run(*search(bench, root, "single-tile-mode", tile, "--bands", "B04,B8A", **SLIVERS))
        assert run.code == 0, run.err
    assert outputs(bench.archive) == sorted(2 * ["LS8_L2F_0615", "LS8_L2H_0615", "S2A_L2F_0602", "S2A_L2H_0602"])
    return bench


def test_two_tiles_at_a_time_are_as_two_runs(bench, root, separate, tmp_path):
    place = region(tmp_path, 32631, BORDER)
    words = search(bench, root, "multi-tile-mode", place, "--jobs", "2", "--bands", "B04,B8A", **SLIVERS)
    run = bench.run(*words)
    assert run.code == 0 and run.errors() == [], run.err
    tiles = {tile["tile"]: tile["products"] for tile in report(run)["tiles"]}
    assert {tile: sorted(p["satellite"] for p in products) for tile, products in tiles.items()} == {
        "31TFJ": ["LS8", "S2A"], "31TGJ": ["LS8", "S2A"]}  # fmt: skip
    assert {p["product"] for products in tiles.values() for p in products if p["satellite"] == "LS8"} == {
        "LC08_L1TP_196030_20210615_20210622_02_T1"
    }
    assert all((bench.archive / path).is_dir() for products in tiles.values() for p in products for path in p["outputs"])
    made, alone = contents(bench.archive), contents(separate.archive)
    assert len([name for name in made if name.endswith("m.TIF")]) == 16 and differences(made, alone) == []


def listed(bench: Bench, root: Path, mode: str, place: Path, *options: object, **changes: object) -> list[str]:
    """Tiles of a text listing."""
    run = bench.run(*search(bench, root, mode, place, "--no-run", *options, **changes))
    assert run.code == 0, run.err
    return [line.removeprefix("Tile: ") for line in run.out.splitlines() if line.startswith("Tile: ")]


def test_all_tiles_that_a_region_touches_or_as_few_as_cover_it(bench, root, tmp_path):
    place = region(tmp_path, 32631, BORDER)
    assert listed(bench, root, "multi-tile-mode", place) == ["31TFJ", "31TGJ"]
    assert listed(bench, root, "multi-tile-mode", place, "--tiles", "auto") == ["31TFJ"]


def test_the_footprint_of_a_tile_touches_nine(bench, root, tmp_path):
    """Spec 02 section 5.5."""
    tile, to = mgrs.tile("31TFJ"), Transformer.from_crs(32631, 4326, always_xy=True)
    corners = box(tile.ulx, tile.uly - SIZE, tile.ulx + SIZE, tile.uly).exterior.coords
    place = written(tmp_path, [mapping(Polygon([to.transform(x, y) for x, y in corners]))])
    nine = [f"31T{column}{row}" for column in "EFG" for row in "HJK"]
    assert listed(bench, root, "multi-tile-mode", place) == nine
    assert listed(bench, root, "multi-tile-mode", place, "--tiles", "auto") == ["31TFJ"]


def test_a_region_in_no_tile_is_nothing_to_do(bench, root, tmp_path):
    place = written(tmp_path, [mapping(box(10.0, -89.5, 20.0, -89.0))])  # beside the South Pole
    for mode in ("multi-tile-mode", "roi-based-mode"):
        run = bench.run(*search(bench, root, mode, place))
        (line,) = run.errors()
        assert run.code == 1 and str(place) in line and not bench.archive.exists()


# a region of a tile --------------------------------------------------------------------------------------------------------

ROWS, COLUMNS = slice(100, 200), slice(150, 250)
"""Of the pixels of 31TFJ, which the region covers."""
WHERE = (
    600_000 + COLUMNS.start * PIXEL,
    4_900_020 - ROWS.stop * PIXEL,
    600_000 + COLUMNS.stop * PIXEL,
    4_900_020 - ROWS.start * PIXEL,
)
EDGE = 3
"""Pixels at its border that may be counted either way: masks have greater pixels."""


@pytest.fixture(scope="module")
def cut(root, module_bench, tmp_path_factory) -> Run:
    bench = module_bench()
    place = region(tmp_path_factory.mktemp("cut"), 32631, WHERE)
    run = bench.run(*search(bench, root, "roi-based-mode", place, "--bands", "B04,B8A", **SLIVERS))
    assert run.code == 0 and run.errors() == [], run.err
    return run


def b04(product: Path) -> np.ndarray:
    with rasterio.open(images(product)["B04"]) as source:
        return source.read(1)


def test_outside_of_the_region_there_is_no_data(cut, separate):
    whole = {path.name[:14]: path for path in separate.archive.glob("31TFJ/*.SAFE")}
    assert len(cut.products()) == 4
    for product in cut.products():
        dn, uncut = b04(product), b04(whole[product.name[:14]])
        scale = dn.shape[0] // 122 if dn.shape[0] == 122 else 3  # L2H of Landsat has pixels of 900 m
        rows, columns = (slice(s.start * scale // 3, s.stop * scale // 3) for s in (ROWS, COLUMNS))
        outside = dn.copy()
        outside[max(0, rows.start - EDGE) : rows.stop + EDGE, max(0, columns.start - EDGE) : columns.stop + EDGE] = 0
        inside = np.s_[rows.start + EDGE : rows.stop - EDGE, columns.start + EDGE : columns.stop - EDGE]
        assert not outside.any() and dn[inside].size > 100
        np.testing.assert_array_equal(dn[inside], uncut[inside])


def test_percentages_count_the_region_as_all_there_is(cut):
    """10 000 of 366 x 366 pixels are inside."""
    for product in cut.products():
        assert float(quality(product)["NODATA_PIX_PERCENTAGE"]) == pytest.approx(100 * (1 - 10_000 / 366**2), abs=0.5)


def test_the_region_goes_with_the_product(cut):
    for product in cut.products():
        (inside,) = product.glob("GRANULE/*/QI_DATA/*.geojson")
        assert json.loads(inside.read_text())["features"][0]["geometry"]["type"] == "Polygon"
        assert step(product, "Region")["source"] == "region.geojson"
        assert any(asset["href"].endswith(inside.name) for asset in item(product)["assets"].values())


def test_the_nearest_tile_is_chosen_and_another_can_be_asked_for(bench, root, tmp_path):
    place = region(tmp_path, 32631, BORDER)
    run = bench.run(*search(bench, root, "roi-based-mode", place, "--no-run", "--debug"))
    assert run.out.splitlines()[0] == "Tile: 31TFJ"
    assert "the region is inside 31TFJ, 31TGJ; 31TFJ is nearest (choose with --tile)" in run.err
    assert listed(bench, root, "roi-based-mode", place, "--tile", "31TGJ") == ["31TGJ"]
    refused = bench.run(*search(bench, root, "roi-based-mode", place, "--tile", "31TFK"))
    assert refused.code == 2 and "31TFJ, 31TGJ" in refused.errors()[0]


def test_a_product_that_does_not_show_the_region_is_dropped(bench, simulate, tmp_path):
    """Only the north of the tile was imaged, the region is in the south."""
    place = offer(tmp_path / "north", [simulate(along_max=15000.0, aot=0.12, cover=0.03).path])
    south = region(tmp_path, 32631, (640_000, 4_795_000, 650_000, 4_800_000))
    for mode in ("roi-based-mode", "multi-tile-mode"):
        run = bench.run(*search(bench, place, mode, south, "--no-run", "--list-format", "json", coverage=0.1))
        row = next(row for row in json.loads(run.out) if row["tile"] == "31TFJ")
        assert row["decision"] == "dropped" and "region" in row["reason"]


def test_products_of_a_region_and_of_the_tile_do_not_mix(bench, root, cut, tmp_path):
    whole = bench.run(*search(bench, root, "single-tile-mode", "31TFJ", *BANDS, archive_dir=cut.archive))
    assert whole.code == 3 and "region" in whole.errors()[0] and str(cut.archive) in whole.errors()[0]
    assert len(cut.products()) == 4


# antimeridian --------------------------------------------------------------------------------------------------------------

FAR = {"01CDL": datetime(2021, 12, 21, 21, 30), "60WWE": datetime(2021, 6, 21, 23, 30)}
"""Tiles that 180 degrees runs through, and when the sun is high there."""


@pytest.fixture(scope="module", params=FAR)
def far(request, simulate, tmp_path_factory) -> tuple[str, Path]:
    """A tile and an archive with a product of it."""
    product = simulate(sensor="S2A", tile=request.param, when=FAR[request.param]).path
    return request.param, offer(tmp_path_factory.mktemp("far"), [product])


HALF = {"01CDL": 9000.0, "60WWE": 3000.0}
"""Half the side of regions, metres: 180 degrees is 4 km from the edge of 60WWE."""


def across(tile_id: str, folder: Path, form: str) -> Path:
    """A square that 180 degrees runs through."""
    tile = mgrs.tile(tile_id)
    to = Transformer.from_crs(tile.epsg, 4326, always_xy=True)
    back = Transformer.from_crs(4326, tile.epsg, always_xy=True)
    latitude = to.transform(tile.ulx + SIZE / 2, tile.uly - SIZE / 2)[1]
    x, y = back.transform(180.0, latitude)
    half = HALF[tile_id]
    assert tile.ulx + half < x < tile.ulx + SIZE - half, "180 degrees does not run through the tile"
    corners = [to.transform(x + i * half, y + j * half) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    east = Polygon([(longitude % 360, latitude) for longitude, latitude in corners])
    if form == "beyond 180":
        return written(folder, [mapping(east)])
    halves = [east.intersection(box(0, -90, 180, 90)), east.intersection(box(180, -90, 360, 90))]
    shifted = Polygon([(longitude - 360, latitude) for longitude, latitude in halves[1].exterior.coords])
    return written(folder, [mapping(halves[0]), mapping(shifted)])


def test_a_tile_on_the_antimeridian_in_single_tile_and_product_mode(far, bench, tmp_path):
    tile, place = far
    run = bench.run(*search(bench, place, "single-tile-mode", tile, *BANDS))
    made = sorted((bench.archive / tile).glob("*.SAFE"))
    assert run.code == 0 and len(made) == 2, run.err
    (product,) = place.glob("Sentinel2/*/*")
    other = bench.run(*search(bench, place, "product-mode", product, "--tile", tile, *BANDS, archive_dir=tmp_path / "other"))
    assert other.code == 0, other.err
    np.testing.assert_array_equal(b04(made[1]), b04(max((tmp_path / "other").glob("*/*.SAFE"))))
    assert (b04(made[1]) > 0).mean() > 0.99
    west, _, east, _ = item(made[1])["bbox"]
    assert west > 170 and east < -170  # RFC 7946, section 5.2: a box across 180 degrees has its west above its east


@pytest.mark.parametrize("form", ["beyond 180", "two halves"])
def test_regions_on_the_antimeridian(far, bench, tmp_path, form):
    tile, place = far
    around = across(tile, tmp_path, form)
    assert tile in listed(bench, place, "multi-tile-mode", around)
    run = bench.run(*search(bench, place, "roi-based-mode", around, "--tile", tile, *BANDS))
    assert run.code == 0 and run.errors() == [], run.err
    for product in (bench.archive / tile).glob("*.SAFE"):
        rows, columns = np.nonzero(b04(product))
        side = 2 * HALF[tile] / PIXEL
        assert np.ptp(rows) + 1 == pytest.approx(side, abs=5) and np.ptp(columns) + 1 == pytest.approx(side, abs=5)


def test_multi_tile_mode_on_the_antimeridian(far, bench, tmp_path):
    tile, place = far
    run = bench.run(*search(bench, place, "multi-tile-mode", across(tile, tmp_path, "beyond 180"), *BANDS))
    assert run.code in (0, 4) and len(list((bench.archive / tile).glob("*.SAFE"))) == 2
