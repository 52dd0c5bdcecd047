"""Landsat found on the reference image: true displacements of 0 to 12 m, pixels of true size half a pixel beside the tile's.

Spec 05 section 7.1: the matching of the reference software is right within 0.02 of a Landsat pixel, and so must ours be.
"""

from datetime import datetime

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from sen2like.science import klt
from sen2like.science.klt import Features
from sen2like.science.resample import to_resolution
from sen2like.science.shift import Framing
from simulator.acquisition import Acquisition
from simulator.figures import tile
from simulator.scene import Scene

SIDE, PIXEL, MARGIN = 1200, 30, 8
"""The part of 31TFJ that is rendered: pixels of Landsat, metres, pixels around it."""
SHIFTS = ((0, 0), (3, -12), (7.5, 4.1), (-12, 8), (5, 5), (12, -3))
"""East and north, metres."""
BOUND = 0.02
"""of a pixel of 30 m"""
LIMIT = 150.0
"""Metres that a Landsat scene may be displaced (spec 05 section 12.3)."""
NOISE, MULT, ADD, SUN = 3e-4, 2e-5, -0.1, 0.85


def rendered(sensor: str, band: str, day: int, pixel: int, beside: float, shifts) -> tuple[list[np.ndarray], GeoBox]:
    """Reflectance under each displacement, and its grid, `beside` metres up-left of the frame and its margin."""
    acquisition = Acquisition(sensor, datetime(2021, 6, day, 10, 46), dx=24, dy=24)  # the largest to come
    epsg, x, y = tile("31TFJ")
    corner = x + 30_000 - MARGIN * PIXEL - beside, y - 30_000 + MARGIN * PIXEL + beside
    size = (SIDE + 2 * MARGIN) * PIXEL
    scene = Scene(acquisition, *corner, size, size, epsg, (x + 54_900, y - 54_900))
    images = [np.empty((size // pixel, size // pixel), np.float32) for _ in shifts]
    for first, rows in scene.blocks(1440):
        acquisition.dx = acquisition.dy = 24
        scene.open_block(first, rows, pixel)
        lattice = scene.mixed(scene.spectrum(band))
        for image, (acquisition.dx, acquisition.dy) in zip(images, shifts, strict=True):
            seen = scene.see(lattice, first, rows, pixel)
            start = first * 10 // pixel
            image[start : start + len(seen)] = seen
    return images, GeoBox(images[0].shape, Affine(pixel, 0, corner[0], 0, -pixel, corner[1]), f"EPSG:{epsg}")


@pytest.fixture(scope="module")
def frame() -> GeoBox:
    epsg, x, y = tile("31TFJ")
    return GeoBox((SIDE, SIDE), Affine(PIXEL, 0, x + 30_000, 0, -PIXEL, y - 30_000), f"EPSG:{epsg}")


@pytest.fixture(scope="module")
def reference() -> Features:
    """Sentinel-2 of 2 June on the grid of the tile, brought to 30 m by the rule of reference images."""
    (image,), _ = rendered("S2A", "B04", 2, 10, 0, [(0, 0)])
    dn = np.rint(image * 10000).clip(1, 65535).astype(np.uint16)
    return Features(to_resolution(dn, 10, 30)[MARGIN:-MARGIN, MARGIN:-MARGIN])


@pytest.fixture(scope="module")
def scenes() -> tuple[dict, GeoBox]:
    """DN of Landsat 8 of 15 June by displacement; pixel centres are on multiples of 30 m."""
    images, grid = rendered("LS8", "B4", 15, PIXEL, PIXEL / 2, SHIFTS)
    rng = np.random.default_rng(8)
    dn = [np.rint((SUN * image + rng.normal(0, NOISE, image.shape) - ADD) / MULT).astype(np.uint16) for image in images]
    return dict(zip(SHIFTS, dn, strict=True)), grid


def found(reference, image) -> klt.Matches:
    return klt.match(reference, image, np.ones(image.shape, np.uint8), PIXEL)


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_scene_is_found_within_a_fiftieth_of_a_pixel(reference, scenes, frame, shift):
    images, grid = scenes
    matches = found(reference, Framing.between(grid, frame).whole(images[shift]))
    assert klt.accept(matches, frame.shape, LIMIT, 30) is None
    east, south = matches.shift
    assert abs(east - shift[0]) < BOUND * PIXEL and abs(south + shift[1]) < BOUND * PIXEL


@pytest.mark.parametrize("shift", SHIFTS[1:])
def test_correction_takes_the_displacement_off(reference, scenes, frame, shift):
    """A second matching reads up to 0.045 pixel even of a scene put exactly in its place: the cubic moves detail that 30 m
    pixels cannot hold, in proportion to its distance from half a pixel. A correction in the wrong direction leaves 0.2 or more.
    """
    images, grid = scenes
    first = found(reference, Framing.between(grid, frame).whole(images[shift])).shift
    east, south = found(reference, Framing.between(grid, frame, *first).whole(images[shift])).shift
    assert abs(east) < 0.07 * PIXEL and abs(south) < 0.07 * PIXEL
