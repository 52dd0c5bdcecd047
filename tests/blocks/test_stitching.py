"""S2L_Stitching: image, mask and angles of a pixel are of one scene (spec 05 sections 8 and 12.10)."""

import numpy as np
import pytest
from blocks.scenes import CELLS, GRID, TILE, Scene, job_of

from sen2like.blocks.base import Job
from sen2like.blocks.stitching import S2L_Stitching
from sen2like.products.model import Angles, Masks
from sen2like.raster.image import Image
from sen2like.science.stitch import EDGE

WIDTH = GRID.shape[1]
MAIN = "LC08_L1TP_196030_20210615_20210622_02_T1"
NEXT = "LC08_L1TP_196029_20210615_20210622_02_T1"
THIRD = "LC08_L1TP_196031_20210615_20210622_02_T1"


def columns(*edges: int) -> np.ndarray:
    """A mask that is 1 from the first edge to the second, from the third to the fourth, ..."""
    mask = np.zeros(GRID.shape, np.uint8)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        mask[:, start:stop] = 1
    return mask


def stitched(job: Job, *bands: str) -> list[np.ndarray]:
    """DN of bands after the block."""
    block = S2L_Stitching()
    assert block.declines(job) is None
    block.preprocess(job)
    images = [block.process(job, job.product.read(band), band) for band in bands]
    block.postprocess(job)
    assert all(image.geobox == GRID for image in images)
    return [image.computed().data for image in images]


def test_the_worked_example_with_the_clouds_of_the_scene_that_is_seen(tmp_path):
    """Spec 05 section 8: DN 5 5 0 0 and 7 8 9 10, masks 1 0 0 0 and 1 1 1 0; each place is 30 columns wide.

    The reference flags the second place valid because the other scene is clear there, but shows the cloud.
    """
    place = np.minimum(np.arange(WIDTH) // 30, 3)
    dn = [np.broadcast_to(np.array(values)[place], GRID.shape) for values in ([5, 5, 0, 0], [7, 8, 9, 10])]
    valid = [np.broadcast_to(np.array(values)[place], GRID.shape) for values in ([1, 0, 0, 0], [1, 1, 1, 0])]
    main = Scene(data=dn[0] != 0, valid=valid[0], dn={"B04": dn[0]})
    job = job_of(main, tmp_path, Scene(NEXT, valid=valid[1], dn={"B04": dn[1]}))
    (got,) = stitched(job, "B04")
    for row, expected in ((got[50], [5, 5, 9, 10]), (job.masks.valid.data[50], [1, 0, 1, 0]), (job.masks.data.data[50], [1] * 4)):
        expected = np.array(expected)[place]
        expected[60 - EDGE : 60] = {5: 8, 0: 1}.get(expected[59], expected[59])  # the rim of the main scene is the other's
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize("count", [2, 3])
def test_image_masks_and_angles_of_a_pixel_are_of_one_scene(tmp_path, count):
    """Each scene is told by its DN, by the pattern of its clouds and by its angles."""
    rng = np.random.default_rng(5)
    areas = [columns(0, 40), columns(30, 90), columns(85, WIDTH)][:count]
    clouds = [rng.integers(0, 2, GRID.shape) for _ in areas]
    scenes = [
        Scene(name, area, area * cloud, 1000 * (k + 1), degrees=(10 + k, 1 + k, 100 + k, 30 + k))
        for k, (name, area, cloud) in enumerate(zip((MAIN, NEXT, THIRD), areas, clouds, strict=False))
    ]
    job = job_of(scenes[0], tmp_path, *scenes[1:])
    b04, b10 = stitched(job, "B04", "B10")
    anywhere = np.any(areas, axis=0)
    np.testing.assert_array_equal(b04 != 0, anywhere)
    np.testing.assert_array_equal(job.masks.data.data, anywhere)
    np.testing.assert_array_equal(b10, b04)
    source = (b04 // 1000 - 1).astype(int)
    assert set(np.unique(source[anywhere])) == set(range(count))
    expected = np.choose(np.maximum(source, 0), [area * cloud for area, cloud in zip(areas, clouds, strict=True)])
    np.testing.assert_array_equal(job.masks.valid.data[anywhere], expected[anywhere])
    # a cell of angles is of the scene that its centre is of
    centres = ((np.arange(CELLS.shape[1]) + 0.5) * 9150 // 900).astype(int)
    of_cell = np.maximum(source, 0)[np.ix_(centres, centres)]
    np.testing.assert_array_equal(job.angles["VAA"], 10 + of_cell)
    np.testing.assert_array_equal(job.angles["SZA"], 30 + of_cell)


def test_percentages_are_those_of_the_whole_tile(tmp_path):
    half, rest = WIDTH // 2, WIDTH - WIDTH // 2
    main = Scene(data=columns(0, half), valid=columns(0, half // 2))
    job = job_of(main, tmp_path, Scene(NEXT, columns(half - 10, WIDTH - 5), valid=columns(half - 10, WIDTH - 5)))
    before = job.masks.percentages()
    assert before == (pytest.approx(100 * (half // 2) / half), pytest.approx(100 * rest / WIDTH))
    stitched(job)
    valid = half // 2 + WIDTH - 5 - (half - EDGE)
    assert job.masks.percentages() == (pytest.approx(100 * valid / (WIDTH - 5)), pytest.approx(100 * 5 / WIDTH))


def test_further_inputs_are_told_and_those_that_add_nothing_are_not(tmp_path):
    main = Scene(data=columns(0, 80))
    useless = Scene(THIRD, data=columns(10, 60), notices=("its own trouble",))
    job = job_of(main, tmp_path, Scene(NEXT, columns(60, WIDTH), notices=("no file for band B09",)), useless)
    stitched(job, "B04")
    assert job.record.derived_from == [NEXT]
    assert {step["block"]: step["scenes"] for step in job.record.lineage} == {"Stitching": NEXT}
    assert job.record.warnings == [f"{NEXT}: no file for band B09"]


def test_a_band_that_the_neighbour_lacks_ends_where_the_scene_ends(tmp_path):
    neighbour = Scene(NEXT, columns(50, WIDTH), filling=4000, names=("B01", "B04"))
    job = job_of(Scene(data=columns(0, 60)), tmp_path, neighbour)
    b04, b05 = stitched(job, "B04", "B05")
    assert b04.all() and (b04[:, 60:] == 4000).all()
    np.testing.assert_array_equal(b05, Scene(data=columns(0, 60)).read("B05").data)  # not even its rim is lost
    assert job.record.warnings == [f"its neighbour {NEXT} has no band B05"]


def test_a_band_that_ends_sooner_than_the_others_is_filled_by_the_other_scene(tmp_path):
    short = columns(0, 40)
    main = Scene(data=columns(0, 60), dn={"B04": short * np.uint16(8000)})
    (got,) = stitched(job_of(main, tmp_path, Scene(NEXT, columns(20, WIDTH), filling=4000)), "B04")
    assert (got[:, :40] == 8000).all() and (got[:, 40:] == 4000).all()


@pytest.mark.parametrize("scale", [(2.75e-5, -0.2), (2e-5, -0.2)])
def test_dn_of_another_scale_are_not_joined(tmp_path, scale):
    job = job_of(Scene(data=columns(0, 60)), tmp_path, Scene(NEXT, scale=scale), Scene(THIRD, columns(50, WIDTH), filling=4000))
    (got,) = stitched(job, "B04")
    assert [partner.product.name for partner in job.partners] == [THIRD]
    assert (got[:, :57] == 8000).all() and (got[:, 57:] == 4000).all()
    (warning,) = job.record.warnings
    assert NEXT in warning and f"{scale[0]:g} x DN {scale[1]:+g}" in warning and "2e-05 x DN -0.1" in warning
    assert job.record.derived_from == [THIRD]


def test_thermal_dn_of_another_scale_are_not_joined_either(tmp_path):
    scene = Scene(names=("B10",), data=columns(0, 60), scale=(3.342e-4, 0.1))
    job = job_of(scene, tmp_path, Scene(NEXT, columns(50, WIDTH), names=("B10",), scale=(3.8e-4, 0.1)))
    stitched(job, "B10")
    assert job.record.derived_from == [] and "B10" in job.record.warnings[0]


def test_scales_of_bands_that_are_not_asked_for_do_not_matter(tmp_path):
    scene, other = Scene(data=columns(0, 60)), Scene(NEXT, columns(50, WIDTH), names=("B10",), scale=(1, 0))
    job = job_of(scene, tmp_path, other, bands=("B04",))
    stitched(job, "B04")
    assert job.record.derived_from == [NEXT]


def test_masks_of_another_size_are_not_joined(tmp_path):
    job = job_of(Scene(data=columns(0, 60)), tmp_path, Scene(NEXT))
    small = TILE.geobox(1800)
    ones = Image(np.ones(small.shape, np.uint8), small)
    job.partners[0].masks = Masks(ones, ones)
    (got,) = stitched(job, "B04")
    np.testing.assert_array_equal(got, job.product.read("B04").data)
    (warning,) = job.record.warnings
    assert "(61, 61)" in warning and "(122, 122)" in warning
    assert job.masks.percentages()[1] == pytest.approx(100 * (WIDTH - 60) / WIDTH)


def test_nothing_is_said_to_be_stitched_when_no_neighbour_is_left(tmp_path):
    job = job_of(Scene(data=columns(0, 60)), tmp_path, Scene(NEXT, scale=(1, 0)))
    stitched(job, "B04")
    assert job.record.derived_from == [] and job.record.lineage == []


def test_a_product_without_neighbours_is_left_alone(tmp_path):
    assert "no other scene" in S2L_Stitching().declines(job_of(Scene(), tmp_path))


def test_angles_at_nodes_are_of_the_scene_below_the_node(tmp_path):
    """Sentinel-2: 23 x 23 nodes every 5 km, the last beyond the tile."""
    main, other = Scene(data=columns(0, 60)), Scene(NEXT, columns(50, WIDTH))
    job = job_of(main, tmp_path, other)
    grid = TILE.geobox(5000).expand((23, 23))
    for angles, value in ((job, 10), (job.partners[0], 20)):
        angles.angles = Angles(np.full((4, 23, 23), value, np.float32), ("VAA", "VZA", "SAA", "SZA"), grid, nodes=True)
    stitched(job)
    x = np.minimum(np.arange(23) * 5000, 109_800 - 1)
    expected = np.where(x // 900 < 60 - EDGE, 10, 20)
    np.testing.assert_array_equal(job.angles["SZA"], np.broadcast_to(expected, (23, 23)))
    assert job.angles.nodes
