"""Reading simulated Landsat products, whose truth is known."""

import json
from datetime import datetime

import numpy as np
import pytest
import rasterio

from sen2like.products.landsat import open_landsat


def scene(root, name):
    """(product, truth folder, facts) of the one scene of that satellite."""
    (folder,) = root.glob(f"{name}/196/30/LC0*")
    truth = root / "truth" / folder.name
    return open_landsat(folder), truth, json.loads((truth / "truth.json").read_text())


def raster(path):
    with rasterio.open(path) as source:
        return source.read(1)


@pytest.fixture(scope="module", params=["Landsat8", "Landsat9"])
def standard(request, simulate_scenario):
    return scene(simulate_scenario("standard"), request.param)


def test_metadata(standard):
    product, _, facts = standard
    assert product.name == facts["product"]
    assert product.sensor_name in ("LS8", "LS9")
    dates = {"LS8": datetime(2021, 6, 15, 10, 23, 51, 190000), "LS9": datetime(2021, 6, 23, 10, 23, 51, 190000)}
    assert product.acquisition == dates[product.sensor_name]  # 10:23:51.194486, cut
    assert (product.path, product.row, product.epsg) == (196, 30, 32631)
    assert product.cloud_cover == pytest.approx(facts["cloud_percent"], abs=0.005)
    assert product.missing_bands == product.notices == ()


def test_all_bands_are_on_the_grid_of_the_metadata(standard):
    product, _, facts = standard
    for band in product.bands:
        shape = facts["lines"], facts["samples"]
        assert product.read(band).shape == (tuple(2 * n - 1 for n in shape) if band == "B08" else shape)


@pytest.mark.parametrize("method", ["reference", "bits"])
def test_masks_meet_clouds_shadows_and_the_edge_of_the_swath(standard, method):
    product, truth, _ = standard
    classes = raster(truth / "mask_scene.tif")
    masks = product.read_masks(quality=method)
    assert masks.notices == ()
    assert not masks.valid.data[classes != 0].any()
    assert masks.valid.data[classes == 0].mean() > 0.8  # the rest is water
    assert not masks.data.data[classes == 255].any()
    rows, columns = np.nonzero((masks.data.data == 0) & (classes != 255))
    for row, column in zip(rows, columns, strict=True):
        assert (classes[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] == 255).any()


def test_surface_reflectance_is_that_of_the_truth(simulate_scenario):
    product, truth, _ = scene(simulate_scenario("l2a"), "Landsat8")
    assert product.level == "L2SP"
    assert tuple(product.bands) == ("B01", "B02", "B03", "B04", "B05", "B06", "B07")
    clear = product.read_masks().valid.data == 1
    for band in product.bands.values():
        seen = product.radiometry(band.name).reflectance(product.read(band.name).data)[clear]
        known = raster(truth / f"{band.s2_name}_30m.tif")
        # The scene is larger than the tile, and their pixels lie beside each other: the distributions are compared.
        assert np.median(seen) == pytest.approx(np.median(known), rel=0.15)
