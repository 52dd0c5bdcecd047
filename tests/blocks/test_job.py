"""What blocks share: masks that are still being read, and the order in which bands are made."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from blocks.scenes import Scene, job_of

from sen2like.blocks.base import S2L_Process
from sen2like.errors import ProductError
from sen2like.execution.threads import Threads
from sen2like.pipeline import _order, process


def test_masks_and_angles_may_be_set_while_they_are_read(tmp_path):
    job = job_of(Scene(), tmp_path)
    masks, angles, allowed = job.masks, job.angles, Event()
    with ThreadPoolExecutor(1) as pool:
        job.masks = pool.submit(lambda: allowed.wait(60) and masks)
        job.angles = pool.submit(lambda: angles)
        allowed.set()
        assert job.masks is masks and job.angles is angles
    other = Scene(valid=1 - masks.valid.data).masks()
    job.masks = other
    assert job.masks is other


def test_who_asks_for_masks_that_cannot_be_read_is_told_why(tmp_path):
    job = job_of(Scene(), tmp_path)
    job.masks = Future()
    vars(job)["masks"].set_exception(ProductError("no quality band"))
    for _ in range(2):
        with pytest.raises(ProductError, match="no quality band"):
            _ = job.masks


class Finer(S2L_Process):
    """Makes B06 finer than it was."""

    def resolution(self, job, band):
        return 10.0 if band == "B06" else None

    def process(self, job, image, band):
        return image


@pytest.mark.parametrize(
    ("blocks", "first", "order"),
    [
        ([], [], ["B08", "B04", "B05", "B06"]),
        ([], ["B05"], ["B05", "B08", "B04", "B06"]),
        ([Finer()], [], ["B06", "B08", "B04", "B05"]),
        ([Finer()], ["B04"], ["B04", "B06", "B08", "B05"]),
    ],
)
def test_bands_at_hand_come_first_then_those_of_most_pixels(tmp_path, blocks, first, order):
    """B08 of Landsat has 15 m."""
    job = job_of(Scene(), tmp_path, bands=("B04", "B05", "B06", "B08"))
    assert _order(job, blocks, first) == order


class Reading(Scene):
    """Notes how many threads decode each band."""

    def read(self, band, threads=None):
        vars(self).setdefault("threads", {})[band] = threads
        return super().read(band, threads)


@pytest.mark.parametrize(
    ("bands", "threads"), [(("B04", "B05", "B06", "B08"), {"B08": 2, "B04": 2, "B05": 4, "B06": 4}), (("B04",), {"B04": 4})]
)
def test_codecs_of_the_last_bands_get_all_processors(tmp_path, bands, threads):
    scene = Reading()
    assert process(job_of(scene, tmp_path, bands=bands), [], Threads(cores=4, bands=2), lambda _: None) == ()
    assert scene.threads == threads
