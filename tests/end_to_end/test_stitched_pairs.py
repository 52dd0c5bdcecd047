"""Two scenes of one pass in one product: no seam, no hole, everything of a pixel from one scene (spec 05 sections 8, 12.10)."""

from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest
import rasterio
from end_to_end.running import Bench, item, pixels, quality, step

from sen2like.config import load
from sen2like.events import ProductFinished
from sen2like.grid import mgrs
from sen2like.task import ProductTask, run_task

ACCURATE = ["smac=exact", "cams_interpolation=accurate", "angles=accurate", "nbar_kernel=reference", "rounding=nearest",
            "doFusion=False", "doPackagerL2F=False"]  # fmt: skip


def run(bench: Bench, product: Path, *partners: Path, reference: Path | None = None, changes=ACCURATE) -> ProductFinished:
    config = load(str(bench.conf), changes)
    task = ProductTask(product, mgrs.tile("31TFJ"), bench.wd, reference, partners=partners)
    done = run_task(task, config, lambda event: None, Event())
    assert done.status == "done", done.reason
    return done


def dn(product: Path, pattern: str) -> np.ndarray:
    (path,) = product.glob(f"GRANULE/*/{pattern}")
    with rasterio.open(path) as source:
        return source.read(1)


# Landsat rows --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(simulate_scenario) -> tuple[Path, Path, Path]:
    """Scenario, rows 196/029 and 196/030 of one pass, with different clouds."""
    root = simulate_scenario("stitch", brdf=True, sbaf=True, physics="mean")
    (north,), (south,) = root.glob("Landsat8/196/29/*"), root.glob("Landsat8/196/30/*")
    return root, north, south


@pytest.fixture(scope="module", params=["north", "south"])
def pair(rows, module_bench, request):
    """(stitched product, product of the main scene alone, the other alone, truth of B04), for each row as main scene."""
    root, *scenes = rows
    main, other = scenes if request.param == "north" else scenes[::-1]
    # half a tile of pixels of 900 m holds few points
    changes = [*ACCURATE, f"cams_dir={root / 'CAMS/monthly'}", "min_points=5"]
    reference = root / "reference/31TFJ_B04.tif"
    made = [run(module_bench(), *inputs, reference=reference, changes=changes) for inputs in ((main, other), (main,), (other,))]
    with rasterio.open(next((root / "truth").glob(f"{main.name}/B04_30m.tif"))) as source:
        truth = source.read(1).astype(float)
    return [done.outputs[0] for done in made], made[0], truth, other.name


def test_the_tile_is_full(pair):
    (stitched, alone, _), done, _, other = pair
    assert float(quality(alone)["NODATA_PIX_PERCENTAGE"]) > 30
    assert float(quality(stitched)["NODATA_PIX_PERCENTAGE"]) == 0
    for band in ("B01", "B02", "B03", "B04", "B8A", "B12"):
        assert dn(stitched, f"IMG_DATA/*_{band}_900m.TIF").all()
    assert done.record.derived_from == [other]


def test_both_inputs_are_told(pair):
    (stitched, *_), _, _, other = pair
    assert step(stitched, "Stitching")["scenes"] == other
    inputs = [link["href"] for link in item(stitched)["links"] if link["rel"] == "derived_from"]
    assert len(inputs) == 2 and any(other in href for href in inputs)
    assert len(quality(stitched)["COREGISTRATION_BEFORE_CORRECTION"].split()) == 2


def test_a_pixel_and_its_mask_are_of_one_scene(pair):
    """Where only one of the scenes shows a cloud, the stitched mask says what the stitched image shows."""
    (stitched, main, other), *_ = pair
    images = [dn(product, "IMG_DATA/*_B04_900m.TIF").astype(int) for product in (stitched, main, other)]
    masks = [dn(product, "QI_DATA/*_MSK.TIF") for product in (stitched, main, other)]
    both = (images[1] > 0) & (images[2] > 0)
    differ = both & (masks[1] != masks[2]) & (np.abs(images[1] - images[2]) > 200)
    assert differ.sum() > 20
    from_main = np.abs(images[0] - images[1]) < np.abs(images[0] - images[2])
    np.testing.assert_array_equal(masks[0][differ], np.where(from_main, masks[1], masks[2])[differ])
    only_other = (images[1] == 0) & (images[2] > 0)
    np.testing.assert_array_equal(masks[0][only_other], masks[2][only_other])


def test_there_is_no_seam(pair):
    """Errors on both sides of the join have the same mean, within what the error of a pixel lets expect."""
    (stitched, main, _), _, truth, _ = pair
    error = dn(stitched, "IMG_DATA/*_B04_900m.TIF") * 1e-4 - 0.1 - truth
    clear = cv2.erode(dn(stitched, "QI_DATA/*_MSK.TIF"), np.ones((5, 5), np.uint8)) != 0
    has = dn(main, "IMG_DATA/*_B04_900m.TIF") > 0
    clear[:3] = clear[-3:] = clear[:, :3] = clear[:, -3:] = False
    # the join runs across the tile, three pixels inside the main scene: how far each pixel lies from its edge in its column
    rows = np.arange(122)[:, None]
    first_lost = np.where(has.any(0) & ~has.all(0), np.where(has[0], has.argmin(0), has.argmax(0)), -1000)
    distance = (rows - first_lost) * np.where(has[0], 1, -1)
    main_side, other_side = (clear & (distance >= a) & (distance < b) for a, b in ((-10, -4), (-2, 4)))
    assert min(main_side.sum(), other_side.sum()) > 300
    spread = error[clear].std()
    expected = 4 * spread * np.sqrt(1 / main_side.sum() + 1 / other_side.sum())
    assert abs(error[main_side].mean() - error[other_side].mean()) < expected
    near = main_side | other_side
    assert abs(error[other_side].mean()) < 0.003
    assert np.abs(error[near]).max() < np.abs(error[clear & ~near]).max()  # as at edges of fields elsewhere


def test_a_broken_neighbour_leaves_the_main_scene(rows, module_bench, tmp_path):
    _, north, _ = rows
    done = run(module_bench(), north, tmp_path / "LC08_L1TP_196030_20210615_20210622_02_T1")
    alone = run(module_bench(), north)
    assert [w for w in done.record.warnings if "goes on without its neighbour" in w and "196030" in w]
    assert {k: v.tobytes() for k, v in pixels(done.outputs[0]).items()} == {
        k: v.tobytes() for k, v in pixels(alone.outputs[0]).items()
    }


def test_without_the_switch_nothing_is_stitched(rows, module_bench):
    _, north, south = rows
    done = run(module_bench(), north, south, changes=[*ACCURATE, "doStitching=False"])
    assert float(quality(done.outputs[0])["NODATA_PIX_PERCENTAGE"]) > 30 and done.record.derived_from == []


def test_scenes_of_a_pass_stay_together_when_only_one_can_be_matched(rows, module_bench):
    """Spec 05 section 12.10: rows of one pass share their displacement. 21 and 11 points are found; 15 are asked for."""
    root, north, south = rows
    reference, changes = root / "reference/31TFJ_B04.tif", [*ACCURATE, "min_points=15"]
    done = run(module_bench(), south, north, reference=reference, changes=changes)
    alone = run(module_bench(), north, reference=reference, changes=changes)
    assert alone.record.shift and not run(module_bench(), south, reference=reference, changes=changes).record.shift
    assert done.record.shift == alone.record.shift


def test_a_neighbour_that_came_later_is_stitched(rows, tmp_path):
    _, north, south = rows
    bench = Bench(tmp_path)
    config = load(str(bench.conf), ACCURATE)
    tasks = [ProductTask(north, mgrs.tile("31TFJ"), tmp_path / f"run{k}", partners=(south,) * k) for k in (0, 1)]
    assert [run_task(task, config, lambda event: None, Event()).status for task in tasks] == ["done", "done"]


# Sentinel-2 datastrips -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strips(simulate) -> dict[str, Path]:
    """A tile in one piece, and the same acquisition in two datastrips that share 30 km: 16 pixels of B01."""
    common = dict(aot=0.12, cover=0.03)
    return {
        "whole": simulate(**common).path,
        "north": simulate(along_max=15000.0, **common).path,
        "south": simulate(along_min=-15000.0, along_max=1e12, strip_shift=10, **common).path,
    }


@pytest.mark.parametrize(("main", "other"), [("north", "south"), ("south", "north")])
def test_two_datastrips_give_the_pixels_of_the_whole(strips, module_bench, main, other):
    whole = run(module_bench(), strips["whole"]).outputs[0]
    done = run(module_bench(), strips[main], strips[other])
    stitched = done.outputs[0]
    assert done.record.derived_from == [strips[other].name]
    expected, got = pixels(whole), pixels(stitched)
    assert expected.keys() == got.keys() and len(got) == 11
    for band in expected:
        # the mean view of a detector is told once by each half
        assert np.abs(expected[band].astype(int) - got[band]).max() <= 1
        assert (got[band] != 0).all()
    np.testing.assert_array_equal(dn(whole, "QI_DATA/*_MSK.TIF"), dn(stitched, "QI_DATA/*_MSK.TIF"))
    for name in ("NODATA_PIX_PERCENTAGE", "VALID_PIX_PERCENTAGE"):
        assert quality(whole)[name] == quality(stitched)[name]
