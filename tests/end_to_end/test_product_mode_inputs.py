"""Other inputs of Sentinel-2: archives, old names, Level-2A, Sentinel-2B of old baselines, clouds."""

import re

import numpy as np
import pytest
import rasterio
from end_to_end.running import ALL_BANDS, images, lineage, pixels, same_pixels


def test_a_zip_gives_the_pixels_of_the_folder(bench, module_bench, simulate):
    options = {"cover": 0.04, "dx": 30.0}
    zipped, folder = simulate(zipped=True, **options), simulate(**options)
    assert zipped.path.suffix == ".zip" and folder.path.is_dir()
    runs = [bench(zipped.path), module_bench()(folder.path)]
    assert [run.code for run in runs] == [0, 0]
    assert same_pixels(runs[0].product(), runs[1].product())
    assert len(pixels(runs[0].product())) == 11


def test_a_product_with_old_long_names_is_processed(bench, simulate):
    old = simulate(baseline="02.04", long_names=True)
    assert len(old.path.stem) == 78
    run = bench(old.path)
    assert run.code == 0, run.err
    assert set(images(run.product())) == set(ALL_BANDS)
    assert run.product().name.startswith("S2A_MSIL2H_20210602T104155_") and "_R008_T31TFJ_" in run.product().name


def test_surface_reflectance_is_not_corrected_again(bench, simulate):
    run = bench(simulate(level="L2A", sensor="S2B").path)
    assert run.code == 0, run.err
    for block in ("Atmcor", "InterCalibration"):
        assert f"{block} not applied: Level-2A is surface reflectance already" in run.log
    assert not {"Atmcor", "InterCalibration"} & set(lineage(run.product())) and "Nbar" in lineage(run.product())
    assert set(images(run.product())) == set(ALL_BANDS)


def test_surface_reflectance_passes_unchanged_when_nothing_adjusts_it(bench, simulate):
    product = simulate(level="L2A", noise=0.0)
    run = bench(product.path, "--bands", "B04", doNbar=False)
    assert run.code == 0, run.err
    (source,) = product.path.glob("GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2")
    with rasterio.open(source) as file:
        dn = file.read(1).astype(int)
    ours = pixels(run.product())["B04"].astype(int)
    both = (dn > 1001) & (ours != 0)  # baseline 05.10 has the encoding of outputs
    assert both.mean() > 0.9 and np.abs(ours - dn)[both].max() <= 1


@pytest.mark.parametrize(
    ("sensor", "baseline", "expected"), [("S2B", "02.09", True), ("S2B", "05.10", False), ("S2A", "02.09", False)]
)
def test_old_products_of_sentinel2b_are_brought_to_the_scale_of_2a(bench, simulate, sensor, baseline, expected):
    run = bench(simulate(sensor=sensor, baseline=baseline).path, "--bands", "B04")
    assert run.code == 0, run.err
    assert ("InterCalibration" in lineage(run.product())) is expected


def test_intercalibration_changes_the_pixels_by_its_coefficient(module_bench, simulate):
    """1.011 towards Sentinel-2A before baseline 04.00 (spec 07 section 3); such outputs still have an offset of 1000."""
    product = simulate(sensor="S2B", baseline="02.09")
    off = {"doAtmcor": False, "doNbar": False}
    with_, without = (module_bench()(product.path, "--bands", "B04", doInterCalibration=on, **off) for on in (True, False))
    ours, raw = (pixels(run.product())["B04"].astype(float) - 1000 for run in (with_, without))
    use = raw > 500
    assert use.mean() > 0.3 and np.abs(ours - 1.011 * raw)[use].max() < 1.02  # both were cut off to whole DN


def test_a_cloudy_product_is_left_out_with_a_reason(bench, s2_product):
    run = bench(s2_product.path, cloud_cover=1)
    assert run.code == 0 and run.left_behind() == []
    assert " skipped " in run.out and re.search(r"cloud cover \d+\.\d % > 1 %", run.out)
