"""What the DN of an image mean (spec 10 section 5, 11 section 10), and which images of a product are which."""

import dataclasses

import packaging_cases as cases
import pytest
from products.landsat_scene import Scene

from sen2like.packaging.output import image_key
from sen2like.packaging.quantity import Quantity, quantity
from sen2like.packaging.writer import bands_of
from sen2like.products.landsat import open_landsat
from sen2like.products.model import Band


@pytest.mark.parametrize(("level", "band", "expected"), [
    ("L1TP", "B04", Quantity("reflectance", 1e-4, -0.1)),
    ("L1TP", "B08", Quantity("reflectance", 1e-4, -0.1)),
    ("L1TP", "B10", Quantity("radiance", 3.342e-4, 0.1, "W m-2 sr-1 um-1", 774.8853, 1321.0789)),
    ("L1TP", "B11", Quantity("radiance", 3.342e-4, 0.1, "W m-2 sr-1 um-1", 480.8883, 1201.1442)),
    ("L2SP", "B10", Quantity("temperature", 0.00341802, 149.0, "K")),
])  # fmt: skip
def test_quantity_of_landsat_bands(tmp_path, level, band, expected):
    product = open_landsat(Scene(level=level).write(tmp_path))
    assert quantity(product, product.bands[band], 10000, 1000) == expected


def test_reflectance_follows_gain_and_offset(tmp_path):
    product = cases.fake_product(tmp_path)
    assert quantity(product, Band("B04", "B04", "", 10), 5000, 0) == Quantity("reflectance", 1 / 5000, 0)


def test_a_thermal_band_of_another_family_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Sentinel-2 SAFE have no thermal scale"):
        quantity(cases.fake_product(tmp_path), Band("B10", None, "", 30, True, "thermal"), 10000, 1000)


@pytest.mark.parametrize(("band", "native", "sensor", "key"), [
    ("B11", False, "L8", "B11"), ("B11", True, "L8", "lwir12"), ("B10", True, "L9", "lwir11"), ("B08", True, "L9", "pan"),
    ("B08", True, "S2", "B08"), ("B05", True, "S2", "B05"), ("B11", False, "S2", "B11"), ("X99", True, "L8", "X99"),
])  # fmt: skip
def test_every_image_has_a_key_of_its_own(band, native, sensor, key):
    assert image_key(band, native, sensor) == key


@pytest.mark.parametrize(("source", "keys"), [
    ("S2", {"B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"}),
    ("L8", {"B01", "B02", "B03", "B04", "B8A", "B11", "B12", "pan", "lwir11", "lwir12"}),
])  # fmt: skip
def test_the_images_of_a_folder_are_told_apart(tmp_path, source, keys):
    make = cases.fake_product if source == "S2" else cases.landsat_product
    output = cases.output_product(make(tmp_path))
    folder = tmp_path / output.names.folder
    cases.write_rasters(folder, dataclasses.replace(output, files=()))
    assert bands_of(folder) == keys
