"""The comparison with the truth that ends the demo, on made-up data."""

import json
from pathlib import Path

import demo
import numpy as np
import pytest
import rasterio
from affine import Affine
from rich.console import Console

from sen2like.config import load

NORTH_UP = Affine(100, 0, 600000, 0, -100, 4900020)


def write(path, values, pixel=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = dict(driver="GTiff", width=values.shape[1], height=values.shape[0], count=1, dtype=values.dtype, crs="EPSG:32631")
    with rasterio.open(path, "w", transform=NORTH_UP @ Affine.scale(pixel), **profile) as file:
        file.write(values, 1)


@pytest.fixture
def made_up(tmp_path):
    """A product whose B04 is 0.0020 too bright, with one cloud and a column without data, and its truth."""
    truth = np.linspace(0.05, 0.4, 40 * 40, dtype=np.float32).reshape(40, 40)
    dn = np.rint((truth + 0.0020 + 0.1) * 10000).astype(np.uint16)
    dn[18:22, 18:22] = 9000
    dn[:, 35] = 0
    mask = np.zeros((20, 20), np.uint8)
    mask[9:11, 9:11] = 1
    granule = tmp_path / "S2A_MSIL2H_X.SAFE" / "GRANULE" / "L2H"
    write(granule / "IMG_DATA" / "L2H_T31TFJ_20210602T104155_S2A_R008_B04_10m.TIF", dn)
    write(granule / "IMG_DATA" / "NATIVE" / "L2H_T31TFJ_20210602T104155_S2A_R008_B08_10m.TIF", dn)
    write(tmp_path / "truth" / "B04.tif", truth)
    write(tmp_path / "truth" / "B08.tif", truth)
    write(tmp_path / "truth" / "mask.tif", mask, 2)
    return tmp_path


def test_bias_and_rmse_are_those_of_the_clear_pixels(made_up):
    (error,) = demo.compare(made_up / "S2A_MSIL2H_X.SAFE", made_up / "truth", ("B04",))
    assert error.bias == pytest.approx(0.0020, abs=1e-5)
    assert error.rmse == pytest.approx(0.0020, abs=1e-5)
    # 14 x 14 mask pixels remain after the margin at the edge, less a cloud of 4 with its margin in diamond shape
    assert 400 < error.pixels < 14 * 14 * 4


def test_bands_without_counterpart_are_found_too(made_up):
    (error,) = demo.compare(made_up / "S2A_MSIL2H_X.SAFE", made_up / "truth", ("B08",))
    assert error.bias == pytest.approx(0.0020, abs=1e-5)


def test_a_missing_band_is_an_error(made_up):
    with pytest.raises(FileNotFoundError, match="B12"):
        demo.compare(made_up / "S2A_MSIL2H_X.SAFE", made_up / "truth", ("B12",))


def test_an_image_on_another_grid_is_an_error(made_up):
    write(made_up / "truth" / "B04.tif", np.zeros((20, 20), np.float32), 2)
    with pytest.raises(ValueError, match="not on the grid"):
        demo.compare(made_up / "S2A_MSIL2H_X.SAFE", made_up / "truth", ("B04",))


def test_an_image_without_clear_pixels_is_an_error(made_up):
    write(made_up / "truth" / "mask.tif", np.full((20, 20), 255, np.uint8), 2)
    with pytest.raises(ValueError, match="no clear pixel"):
        demo.compare(made_up / "S2A_MSIL2H_X.SAFE", made_up / "truth", ("B04",))


def test_a_pixel_of_another_grid_is_clear_only_when_all_below_it_is():
    clear = np.ones((6, 6), bool)
    clear[4, 1] = False
    assert demo.on_grid(clear, (2, 2)).tolist() == [[True, True], [False, True]]
    assert np.argwhere(~demo.on_grid(clear, (4, 4))).tolist() == [[2, 0], [2, 1], [3, 0], [3, 1]]
    assert np.argwhere(~demo.on_grid(clear, (12, 12))).tolist() == [[8, 2], [8, 3], [9, 2], [9, 3]]


def test_a_mask_that_does_not_divide_is_an_error():
    with pytest.raises(ValueError, match="does not divide"):
        demo.on_grid(np.ones((20, 20), bool), (13, 13))


@pytest.fixture
def fused_pair(tmp_path):
    """L2H and L2F of a Landsat scene whose truth is a chess board: L2H shows its mean, L2F all of it but for 0.01."""
    fine = np.where(np.indices((36, 36)).sum(0) % 2, 0.4, 0.2).astype(np.float32)
    coarse = np.full((12, 12), 0.3, np.float32)
    for level, image in (("L2H", coarse), ("L2F", fine + np.float32(0.01))):
        folder = tmp_path / f"LS8_OLI{level}_20210615T102351_X.SAFE" / "GRANULE" / level / "IMG_DATA"
        dn = np.rint((image + 0.1) * 10000).astype(np.uint16)
        write(folder / f"{level}_T31TFJ_20210615T102351_LS8_R196_B11_X.TIF", dn, 36 // len(dn))
        write(folder / "NATIVE" / f"{level}_T31TFJ_20210615T102351_LS8_R196_B11_X.TIF", np.ones((12, 12), np.uint16), 3)
    truth = tmp_path / "truth"
    write(truth / "B11.tif", fine)
    for name in ("B04_30m.tif", "B11_30m.tif"):
        write(truth / name, coarse, 3)
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 15:] = 1
    write(truth / "mask_scene.tif", mask, 3)
    return tmp_path / "LS8_OLIL2H_20210615T102351_X.SAFE", tmp_path / "LS8_OLIL2F_20210615T102351_X.SAFE", truth


def test_fusion_is_compared_with_the_enlarged_band(fused_pair):
    error = demo.fusion_error(*fused_pair, "B11")
    assert error.bilinear == pytest.approx(0.1, abs=1e-5)
    assert error.fused == pytest.approx(0.01, abs=1e-5)
    assert error.pixels == (6 * 3) ** 2  # 12 x 12 pixels less a margin of three
    assert demo.not_better([error]) == []


def test_a_fused_band_that_is_no_better_is_told():
    same = demo.FusionError("B04", 0.01, 0.01, 10)
    unknown = demo.FusionError("B11", 0.01, float("nan"), 10)
    assert demo.not_better([demo.FusionError("B02", 0.02, 0.01, 10), same, unknown]) == [same, unknown]


def test_the_mask_of_a_landsat_scene_is_brought_to_the_tile(fused_pair):
    _, _, truth = fused_pair
    clear = demo.clear_pixels(truth)
    assert clear.shape == (12, 12)
    assert clear.sum() == 36
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 7:] = 2
    write(truth / "mask_scene.tif", mask, 3)
    assert np.argwhere(demo.clear_pixels(truth)).max(0).tolist() == [8, 3]


def test_a_landsat_band_is_not_taken_for_the_native_one_of_its_name(fused_pair):
    l2h, _, truth = fused_pair
    (error,) = demo.compare(l2h, truth, ("B11",))
    assert error.rmse == pytest.approx(0, abs=1e-6)


def test_outputs_are_those_of_the_report(tmp_path):
    products = [
        {
            "product": "LC08_X",
            "acquired": "2021-06-15T10:23:51Z",
            "outputs": ["31TFJ/LS8_OLIL2H_Y.SAFE", "31TFJ/LS8_OLIL2F_Y.SAFE"],
        },
        {"product": "S2A_X.SAFE", "acquired": "2021-06-02T10:41:55Z", "outputs": ["31TFJ/S2A_MSIL2H_Y.SAFE"]},
    ]
    report = tmp_path / "wd" / "run" / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"archive": "/archive", "tiles": [{"products": products}]}))
    assert demo.report_of(tmp_path) == report
    made = demo.outputs(report)
    assert list(made) == ["S2A_X.SAFE", "LC08_X"]
    assert made["LC08_X"]["L2F"] == Path("/archive/31TFJ/LS8_OLIL2F_Y.SAFE")


def test_a_run_without_report_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"report\.json"):
        demo.report_of(tmp_path)


def test_the_configuration_is_the_shipped_one_with_the_demo_folders(tmp_path):
    changes = {"Atmcor": {"smac": "exact"}}
    path = demo.write_configuration(tmp_path / "demo.ini", tmp_path / "simulated", tmp_path / "run1", changes)
    config = load(path, searching=True)
    assert config.atmcor.smac == "exact"
    assert config.nbar.angles == "reference"
    assert config.directories.archive_dir == tmp_path / "run1" / "archive"
    assert config.directories.cams_climatology_dir is None
    assert config.processing.doFusion
    assert [(source.type, source.missions) for source in config.sources] == [("index", (m,)) for m in demo.MISSIONS]
    assert config.input_product_archive.url_parameters_pattern_Sentinel2 is None


def text_of(table):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text()


def test_the_table_shows_ten_thousandths_and_gaps():
    s2, landsat = demo.BandError("B04", -0.00123, 0.00456, 10), demo.BandError("B12", 0.0001, 0.0034, 10)
    text = text_of(demo.truth_table({"S2A 2021-06-02": [s2], "LS8 2021-06-15": [landsat]}, "run"))
    (b04,) = [line for line in text.splitlines() if "B04" in line]
    assert "-12.3   46" in b04 and "–" in b04
    assert "+1.0   34" in text


def test_the_fusion_table_shows_both_products():
    rows = [demo.FusionError("B04", 0.0176, 0.0058, 10)]
    text = text_of(demo.fusion_table({"LS8 2021-06-15": rows, "LS9 2021-06-23": rows}, "run"))
    assert text.count("176.0") == text.count("58.0") == 2


def test_tables_of_five_products_fit_a_terminal_of_80_columns():
    rows = [demo.BandError(band, -0.02407, 0.0259, 10) for band in demo.BANDS]
    text = text_of(demo.truth_table({f"S2{n} 2021-06-02": rows for n in "ABCDE"}, "as ESA's program"))
    assert text.count("-240.7  259") == 5 * len(demo.BANDS)
    assert all(text.count(f" {band} ") == 1 for band in demo.BANDS)
