"""One good product asked for differently: formats, scale, bands, threads, intermediate images."""

import json

import numpy as np
import pytest
import rasterio
from end_to_end.running import images, item, pixels, quality, same_pixels, step
from lxml import etree


def test_without_reference_the_product_stays_and_says_so(plain):
    assert any("no reference image: no co-registration" in line for line in plain.warnings())
    report = json.loads(next(plain.product().glob("GRANULE/*/QI_DATA/*_QUALITY.json")).read_text())
    assert any("no reference image" in warning for warning in report["warnings"])
    geometry = step(plain.product(), "Geometry")
    assert (geometry["dx"], geometry["dy"], geometry["reference"]) == (0, 0, None)
    assert quality(plain.product())["REF_IMAGE"] == "NONE"
    assert not list(plain.tile.glob("QI/*"))


def test_without_cams_the_default_atmosphere_is_used_and_said(plain):
    values = quality(plain.product())
    assert values["AOT_RETRIEVAL_METHOD"] == "DEFAULT" and float(values["GRANULE_MEAN_AOT"]) == 0.2
    assert any("default atmosphere used" in line for line in plain.warnings())


@pytest.mark.parametrize(
    ("output_format", "extension", "driver"), [("GTIFF", ".TIF", "GTiff"), ("JPEG2000", ".jp2", "JP2OpenJPEG")]
)
def test_the_other_formats_hold_the_same_pixels(bench, plain, s2_product, output_format, extension, driver):
    run = bench(s2_product.path, output_format=output_format)
    assert run.code == 0, run.err
    for path in images(run.product()).values():
        assert path.suffix == extension
        with rasterio.open(path) as source:
            assert (source.driver, source.crs.to_epsg(), source.nodata) == (driver, 32631, 0)
            assert (source.scales[0], source.offsets[0]) == (pytest.approx(1e-4), pytest.approx(-0.1))
    assert same_pixels(run.product(), plain.product()) and same_pixels(run.product("L2F"), plain.product())
    assert [path.suffix for path in run.product().glob("GRANULE/*/QI_DATA/*_MSK*") if "L2H_" in path.name] == [".TIF"]


def test_gain_and_offset_change_the_numbers_not_the_reflectance(bench, plain, s2_product):
    run = bench(s2_product.path, "--bands", "B04,B8A", gain=5000, offset=200)
    assert run.code == 0, run.err
    for band, path in images(run.product()).items():
        with rasterio.open(path) as source, rasterio.open(images(plain.product())[band]) as usual:
            assert source.scales[0] == pytest.approx(1 / 5000) and source.offsets[0] == pytest.approx(-0.04)
            dn, other = source.read(1), usual.read(1)
        assert np.array_equal(dn == 0, other == 0)
        use = (dn > 201) & (other > 1001)
        difference = (dn * (1 / 5000) - 0.04 - (other * 1e-4 - 0.1))[use]
        assert use.mean() > 0.9 and difference.min() > -2e-4 - 1e-6 and difference.max() < 1e-4 + 1e-6  # both cut off


def test_json_metadata_can_be_left_out(bench, s2_product):
    run = bench(s2_product.path, "--bands", "B04", json_metadata=False)
    assert run.code == 0, run.err
    for product in run.products():
        assert [path.name for path in product.rglob("*.json")] == [f"{product.stem}.json"]  # the STAC item alone
        assert list(product.glob("MTD_MSI*.xml")) and list(product.glob("GRANULE/*/MTD_TL_*.xml"))


def test_json_metadata_are_those_of_the_xml(run):
    (path,) = run.product().glob("GRANULE/*/MTD_TL_L2H.json")
    tile_id = etree.parse(path.with_suffix(".xml")).findtext(".//{*}TILE_ID")
    assert f'"{tile_id}"' in path.read_text() and json.loads(path.read_text())


def test_some_bands_make_a_partial_product(bench, plain, s2_product):
    run = bench(s2_product.path, "--bands", "B04,B8A")
    assert run.code == 0, run.err
    for product in run.products():
        assert set(images(product)) == {"B04", "B8A"}
        assert item(product)["properties"]["s2l:partial"] is True
        assert {key for key, asset in item(product)["assets"].items() if "data" in asset["roles"]} == {"B04", "B8A"}
    ours, whole = pixels(run.product()), pixels(plain.product())
    assert all(np.array_equal(ours[band], whole[band]) for band in ours)


def test_bands_in_parallel_give_the_same_pixels(bench, run, s2_product, reference_image, cams):
    other = bench(s2_product.path, "--refImage", reference_image, "--parallelize-bands", cams_dir=cams)
    assert other.code == 0, other.err
    assert same_pixels(other.product(), run.product())


def test_intermediate_products_are_kept_with_the_suffixes_of_the_blocks(bench, plain, s2_product):
    run = bench(s2_product.path, "--intermediate-products", "--bands", "B04")
    assert run.code == 0, run.err
    (work,) = run.wd.glob(f"*/31TFJ/{s2_product.path.name}")
    stem = "T31TFJ_20210602T104155_B04"
    kept = {path.name: path for path in work.glob(f"{stem}_*")}
    assert set(kept) == {f"{stem}_{suffix}.TIF" for suffix in ("REFRAMED", "TOA", "INTERCAL", "SURF", "BRDF", "SBAF")}
    assert np.array_equal(pixels(run.product())["B04"], pixels(plain.product())["B04"])
    with rasterio.open(kept[f"{stem}_REFRAMED.TIF"]) as source, rasterio.open(kept[f"{stem}_TOA.TIF"]) as toa:
        dn, out = source.read(1), toa.read(1)
        assert source.dtypes == ("float32",) and toa.dtypes == ("uint16",) and toa.offsets[0] == pytest.approx(-0.1)
    valid = dn > 1001  # baseline 05.10: DN = 10000 rho + 1000, which is also how outputs are encoded
    assert valid.mean() > 0.9 and np.abs(out[valid] - dn[valid]).max() <= 1
    with rasterio.open(kept[f"{stem}_BRDF.TIF"]) as source:
        final = pixels(run.product())["B04"]
        assert np.array_equal(source.read(1)[final != 0], final[final != 0])


def test_intermediate_products_come_with_the_masks_and_angles_of_the_input(bench, s2_product):
    run = bench(s2_product.path, "--intermediate-products", "--bands", "B01")
    (work,) = run.wd.glob(f"*/31TFJ/{s2_product.path.name}")
    with rasterio.open(work / "tie_points.tif") as angles, rasterio.open(work / "valid_pixel_mask.tif") as valid:
        assert (angles.count, angles.shape, angles.dtypes[0]) == (28, (23, 23), "int16")
        assert angles.descriptions[0] == "VAA_B01" and angles.descriptions[-1] == "SZA"
        assert set(np.unique(valid.read(1))) == {0, 1}
    with rasterio.open(work / "nodata_pixel_mask.tif") as data:
        assert (data.read(1) == 1).all()
    assert (work / "MTD_TL.xml").read_bytes() == next(s2_product.path.glob("GRANULE/*/MTD_TL.xml")).read_bytes()


def test_listing_writes_nothing(bench, s2_product):
    run = bench(s2_product.path, "--no-run")
    assert run.code == 0 and str(s2_product.path) in run.out and run.out.startswith("Tile: 31TFJ\n")
    assert not run.archive.exists() and not run.wd.exists()


def test_the_input_is_not_written_to(bench, damaged):
    before = {path: path.stat().st_mtime_ns for path in damaged.rglob("*")}
    assert bench(damaged, "--bands", "B04").code == 0
    assert {path: path.stat().st_mtime_ns for path in damaged.rglob("*")} == before
