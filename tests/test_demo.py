"""The comparison with the truth that ends the demo, on made-up data."""

import configparser

import demo
import numpy as np
import pytest
import rasterio
from affine import Affine

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


def test_a_coarse_pixel_is_clear_only_when_all_of_it_is():
    clear = np.ones((6, 6), bool)
    clear[4, 1] = False
    assert demo.on_grid(clear, (2, 2)).tolist() == [[True, True], [False, True]]


def test_the_configuration_is_the_shipped_one_with_the_demo_folders(tmp_path):
    path = demo.write_configuration(tmp_path / "demo.ini", tmp_path, tmp_path / "run1", {"Atmcor": {"smac": "exact"}})
    config = configparser.ConfigParser(interpolation=None)
    config.optionxform = str
    config.read(path)
    assert config["Atmcor"]["smac"] == "exact"
    assert config["Directories"]["archive_dir"] == str(tmp_path / "run1" / "archive")
    assert config["Directories"]["cams_climatology_dir"] == "None"
    assert config["Processing"]["doNbar"] == "True"


def test_the_table_shows_ten_thousandths():
    from rich.console import Console

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(demo.truth_table({"run": [demo.BandError("B04", -0.00123, 0.00456, 10)]}))
    text = console.export_text()
    assert "-12.3" in text and "45.6" in text
