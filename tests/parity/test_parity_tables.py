"""What does not need products of true size: names, quality values and angles of the reference, and how they are compared.

Small products of the same scenario have other pixels, but the same names, angles, atmosphere and texts. The comparison
of true size is `test_parity_full_size.py` and docs/parity.md.
"""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from benchmarks import parity_compare, parity_data
from benchmarks.parity import DOCUMENT, OURS, PLACES, REFERENCE, TILE, displaced_as_the_reference, process_one, summary, write
from benchmarks.parity_data import SHIFTS, identity, lasting
from sen2like.blocks.geometry import framed_masks
from sen2like.grid import mgrs
from sen2like.products.model import Masks
from sen2like.raster.image import Image
from sen2like.record import Shift

needs_tables = pytest.mark.skipif(not parity_data.available(), reason="no ../shared/parity on this machine")
PRODUCTS = {
    "S2A_MSIL2H_20210602T104155_R008_T31TFJ": "Sentinel2/31TFJ/S2A*_20210602T*",
    "S2A_MSIL2F_20210602T104155_R008_T31TFJ": "Sentinel2/31TFJ/S2A*_20210602T*",
    "LS8_OLIL2H_20210615T102351_R196_T31TFJ": "Landsat8/196/30/LC08*",
    "LS8_OLIL2F_20210615T102351_R196_T31TFJ": "Landsat8/196/30/LC08*",
}
OF_PIXELS = re.compile(
    "VALID_PIX_PERCENTAGE|NODATA_PIX_PERCENTAGE|COREGISTRATION_.*|INPUT_RMSE_.|STD_[XY]|RMSE|SKEW|KURTOSIS|MEAN|STD"
    "|CLOUD.*|.*_SHIFT"
)
"""Texts that depend on the pixels: not those of a small product."""
LARGE_CELLS = re.compile("MEAN_DELTA_AZIMUTH|CONSTANT_SOLAR_ZENITH_ANGLE")
"""Of Landsat: from the angles of 300 m cells and the middle of the scene, which whole large pixels move."""


COARSE = 30


def true_size(name):
    """A file name of the small product as it would be at true size."""
    return re.sub(r"(?<=_)(\d+)m(?=\.|$)", lambda size: f"{int(size[1]) // COARSE}m", name)


@pytest.fixture(scope="module")
def made(simulate_scenario, tmp_path_factory):
    """Products of the small scenario, by identity."""
    inputs, work = simulate_scenario("standard", coarse=COARSE), tmp_path_factory.mktemp("parity")
    for pattern in dict.fromkeys(PRODUCTS.values()):
        (product,) = inputs.glob(pattern)
        process_one(product, inputs, work / "archive", work, "composite")
    return parity_data.products(work / "archive" / TILE)


@pytest.fixture(scope="module")
def tables():
    return parity_data.expected("composite")


@needs_tables
@pytest.mark.parametrize("key", PRODUCTS)
def test_file_names_are_the_references(made, tables, key):
    ours = {lasting(true_size(name)) for name in parity_data.file_names(made[key])}
    theirs = {lasting(name) for name in tables[key].files}
    assert theirs - ours == set()
    more = sorted(ours - theirs)
    assert [name for name in more if not any(listed.covers(name) for listed in parity_data.LISTED_FILES)] == []


@needs_tables
@pytest.mark.parametrize("key", PRODUCTS)
def test_quality_texts_are_the_references(made, tables, key):
    ours = parity_data.quality_texts(made[key])
    ignored = [OF_PIXELS] + [LARGE_CELLS] * key.startswith("LS")
    compared = {
        name: text
        for name, text in tables[key].quality.items()
        if not any(p.fullmatch(name) for p in ignored) and not any(d.covers(name) for d in parity_data.LISTED_QUALITY)
    }
    assert len(compared) > 80
    differing = {n: (ours.get(n), t) for n, t in compared.items() if not parity_compare.same_text(ours.get(n), t)}
    assert differing == {}


@needs_tables
@pytest.mark.parametrize("key", [key for key in PRODUCTS if key.startswith("S2")])
def test_angles_are_the_references(made, tables, key):
    (name,) = (name for name in tables[key].rasters if name.endswith("_ANG"))
    with rasterio.open(dict(parity_data.images(made[key]))[name]) as src:
        angles = src.read()
    raster = tables[key].rasters[name]
    assert angles.shape == raster.shape and angles.dtype == raster.dtype
    np.testing.assert_array_equal(angles.reshape(-1)[raster.index], raster.values)
    assert float(angles.mean()) == pytest.approx(raster.mean, abs=1e-6)


@needs_tables
@pytest.mark.parametrize("key", PRODUCTS)
def test_rasters_are_the_references(made, tables, key):
    ours = {true_size(name): path for name, path in parity_data.images(made[key])}
    assert set(ours) == set(tables[key].rasters)
    for name, path in ours.items():
        with rasterio.open(path) as src:
            assert src.dtypes[0] == tables[key].rasters[name].dtype
            assert src.nodata == tables[key].rasters[name].nodata


@needs_tables
def test_the_table_of_predict_has_landsat_8_only():
    assert {key.split("_")[0] for key in parity_data.expected("predict")} == {"LS8"}


@needs_tables
@pytest.mark.parametrize("band", ["B02_10m", "B03_10m", "B04_10m", "B8A_20m", "B11_20m", "B12_20m"])
def test_fusion_keeps_the_mean_of_landsat(tables, band):
    """Spec 06 section 6.3: details have the mean 0, so the reference's fused image has the mean of its own 30 m image."""
    fused, coarse = (tables[f"LS8_OLI{level}_20210615T102351_R196_T31TFJ"].rasters for level in ("L2F", "L2H"))
    name = "{}_T31TFJ_20210615T102351_LS8_R196_{}"
    difference = fused[name.format("L2F", band)].mean - coarse[name.format("L2H", f"{band[:3]}_30m")].mean
    assert abs(difference) < 0.5


@pytest.mark.parametrize(("product", "pixels"), [("LS8_20210615", 0), ("LS9_20210623", 1)])
def test_the_validity_mask_lies_where_the_reference_puts_it(product, pixels):
    """Framed and then moved, each by whole pixels (spec 05 section 5): beside the mask moved once, or not, as it rounds."""
    tile = mgrs.tile("31TFJ")
    grid = GeoBox((3800, 3800), tile.geobox(30).affine * Affine.translation(-70.5, -70.5), f"EPSG:{tile.epsg}")
    mask = Image(np.random.default_rng(7).integers(0, 2, (3800, 3800), np.uint8), grid, 0)
    masks, shift = Masks(mask, mask), Shift(*SHIFTS[product])
    twice, once = (framed_masks(masks, tile, shift, how).valid.data for how in ("reference", "once"))
    inner = slice(10, -10)
    np.testing.assert_array_equal(twice[inner, inner], once[10 + pixels : 3650 + pixels, 10 + pixels : 3650 + pixels])


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("NONE", "NONE", True),
        ("46.81240315628225", "46.81239983796668", True),
        ("46.9", "46.8", False),
        (None, "46.8", False),
        ("CAMS", "NONE", False),
        ("S2A_MSIL2H_20210602T104155_N0100_R008_T31TFJ_20261121T124915.SAFE",
         "S2A_MSIL2H_20210602T104155_N0406_R008_T31TFJ_20261121T005725.SAFE", True),
        ("S2A_MSIL2H_20210602T104155_N0100_R008_T31TFJ_20261121T124915.SAFE",
         "S2A_MSIL2H_20210603T104155_N0406_R008_T31TFJ_20261121T005725.SAFE", False),
    ],
)  # fmt: skip
def test_texts_are_the_same_but_for_version_time_and_last_digits(ours, theirs, same):
    assert parity_compare.same_text(ours, theirs) is same


def test_names_of_other_things_have_no_identity():
    assert identity("LS8_OLIL2F_20210615T102351_N0100_R196_T31TFJ_20261121T130241.SAFE").endswith("R196_T31TFJ")
    with pytest.raises(ValueError, match="seven parts"):
        identity("QI")


@needs_tables
def test_differences_are_told(made, tables, tmp_path):
    key = "S2A_MSIL2H_20210602T104155_R008_T31TFJ"
    product = tmp_path / made[key].name
    shutil.copytree(made[key], product)
    next(product.glob("GRANULE/*/QI_DATA/*_PVI.TIF")).unlink()
    (product / "extra.txt").touch()
    quality = next(product.glob("GRANULE/*/QI_DATA/L2H_QUALITY.xml"))
    quality.write_text(quality.read_text().replace("Roy and al. 2016", "another"))
    failures = parity_compare.compare_documents("composite", key, tables[key], product).failures()
    assert "file extra.txt" in failures
    assert any(f.endswith("_PVI.TIF") for f in failures)
    assert "BRDF_METHOD: another instead of Roy and al. 2016" in failures
    with pytest.raises(ValueError, match=r"has no L2H_.*_B01_60m; it holds"):
        list(parity_compare.compare_rasters("composite", key, tables[key], product))


BAND = parity_compare.RasterResult(
    "composite", "S2A", "L2H_B04_10m", "band", 3000, 0.9993, 0.98, 3, 0.001, 0.001, 0, 0
)


@pytest.mark.parametrize(
    ("change", "count"),
    [({}, 0), ({"within_1": 0.9987}, 1), ({"whole": 0.06}, 1),
     ({"missing": 1}, 1), ({"kind": "mask"}, 1), ({"kind": "mask", "largest": 0}, 0),
     ({"kind": "mask", "largest": 0, "zeros": 3}, 1), ({"kind": "preview"}, 1), ({"kind": "preview", "within_1": 1.0}, 0),
     ({"kind": "thermal", "largest": 30000}, 0)],
)  # fmt: skip
def test_rasters_fail_for_what_they_are(change, count):
    assert len(replace(BAND, **change).failures()) == count


@pytest.mark.parametrize("displacements", [OURS, REFERENCE])
def test_tables_go_between_their_marks(tmp_path, displacements):
    document = tmp_path / "parity.md"
    begin, end = (f"<!-- {PLACES[displacements]}: {which} -->" for which in ("begin", "end"))
    document.write_text(f"above\n{begin}\nold\n{end}\nbelow\n")
    write("new", PLACES[displacements], document)
    assert document.read_text() == f"above\n{begin}\n\nnew\n{end}\nbelow\n"
    document.write_text("no marks")
    with pytest.raises(ValueError, match="needs the lines"):
        write("new", PLACES[displacements], document)


def test_the_document_has_a_place_for_both_tables():
    assert all(f"<!-- {place}: {which} -->" in DOCUMENT.read_text() for place in PLACES.values() for which in ("begin", "end"))


def test_bands_of_a_product_are_summed_up():
    product = "S2A_MSIL2H_20210602T104155_R008_T31TFJ"
    bands = [replace(BAND, product=product, equal=equal, largest=largest) for equal, largest in ((0.98, 3), (0.99, 1))]
    mask = replace(BAND, product=product, kind="mask", equal=0.5)
    assert summary([*bands, mask]).splitlines()[-1] == "| S2A 0602 L2H | 2 | 99.93 | 98.00 | 98.50 | 3 |"


def test_images_can_be_moved_by_what_the_reference_found(simulate_scenario, tmp_path):
    inputs = simulate_scenario("standard", coarse=COARSE)
    (product,) = inputs.glob("Sentinel2/31TFJ/S2B*_20210612T*")
    with displaced_as_the_reference():
        process_one(product, inputs, tmp_path / "archive", tmp_path, "composite", doFusion=False)
    for made in parity_data.products(tmp_path / "archive" / TILE).values():
        geometry = parity_compare.lineage(made)["Geometry"]
        assert (geometry["dx"], geometry["dy"]) == SHIFTS["S2B_20210612"]
