"""Reading simulated products, whose truth is known: every layout gives the same pixels, masks and detectors."""

import numpy as np
import pytest
import rasterio

from sen2like.products.registry import open_product


def truth(simulated, name):
    with rasterio.open(simulated.truth / f"{name}.tif") as source:
        return source.read(1)


@pytest.mark.parametrize(
    "layout",
    [
        {"zipped": True},
        {"geotiff": True},
        {"baseline": "05.11"},
        {"baseline": "02.04", "long_names": True},
    ],
    ids=str,
)
def test_every_layout_of_one_acquisition_gives_the_same_reflectance(simulate, layout):
    known, product = (open_product(simulate(**options).path) for options in ({}, layout))
    assert product.missing_bands == ()
    for band in ("B01", "B04", "B8A"):
        ours, theirs = (p.radiometry(band).reflectance(p.read(band).data) for p in (product, known))
        np.testing.assert_allclose(ours, theirs, atol=1.01e-4)  # one DN: without offset, rounding differs


def test_level_2a_reflectance_is_the_truth(simulate):
    simulated = simulate(level="L2A", noise=0)
    product = open_product(simulated.path)
    reflectance = product.radiometry("B8A").reflectance(product.read("B8A").data)
    np.testing.assert_allclose(reflectance, truth(simulated, "B8A"), atol=1e-4)


def test_masks_meet_the_cloud_and_the_edge_of_the_swath(simulate):
    simulated = simulate(cover=0.2, track=95_000.0)
    masks = open_product(simulated.path).read_masks()
    classes = truth(simulated, "mask")
    assert masks.valid.shape == classes.shape
    assert not masks.data.data[classes == 255].any()
    lost = (masks.data.data == 0) & (classes != 255)
    rows, columns = np.nonzero(lost)
    # No data grow by 2 pixels of B01, i.e. 6 of the mask, and by no more than the pixel that holds the edge.
    for row, column in zip(rows, columns, strict=True):
        assert (classes[max(0, row - 9) : row + 10, max(0, column - 9) : column + 10] == 255).any()
    assert not masks.valid.data[classes == 255].any()
    # MSK_CLASSI is a 60 m mask: a pixel of it may hold clear 20 m pixels, but no clear one of it only cloud.
    blocks = classes.reshape(61, 3, 61, 3).swapaxes(1, 2).reshape(61, 61, 9)
    cloudy = np.isin(blocks, (1, 3)).all(axis=2).repeat(3, 0).repeat(3, 1)
    assert not masks.valid.data[cloudy].any()
    away_from_all = (classes == 0) & (masks.data.data == 1)
    assert masks.valid.data[away_from_all].mean() > 0.8


def test_detectors_agree_between_raster_and_polygons(simulate):
    raster = open_product(simulate(baseline="05.10").path).read_detectors("B04").data
    polygons = open_product(simulate(baseline="03.01").path).read_detectors("B04").data
    assert set(np.unique(raster)) == set(np.unique(polygons))
    assert (raster == polygons).mean() > 0.97


def test_accurate_view_angles_lie_within_the_swath(simulate):
    angles = open_product(simulate().path).read_angles("accurate")
    assert np.isfinite(angles.degrees).all()
    for band in ("B02", "B8A", "B12"):
        vza, _ = angles.view(band)
        assert vza.min() >= 0
        assert vza.max() < 12.5
