"""Fixtures of the end-to-end tests: see `end_to_end.running`."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from end_to_end.running import Bench


@pytest.fixture
def bench(tmp_path) -> Bench:
    """A configuration, archive and working directory of this test alone."""
    return Bench(tmp_path / "bench")


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory) -> Callable[[], Bench]:
    """Makes one more `Bench`, for fixtures whose run is shared by the tests of a module."""
    return lambda: Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def cams(tmp_path_factory) -> Path:
    """Monthly CAMS files with the atmosphere of `s2_product`."""
    from simulator import cams
    from simulator.acquisition import Acquisition

    folder = tmp_path_factory.mktemp("cams")
    passed = Acquisition("S2A", datetime(2021, 6, 2, 10, 46), coarse=30, aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5)
    cams.write(folder, 2021, 6, [passed])
    return folder


@pytest.fixture
def damaged(s2_product, tmp_path) -> Path:
    """A copy of `s2_product` to be damaged."""
    return Path(shutil.copytree(s2_product.path, tmp_path / "input" / s2_product.path.name))


@pytest.fixture(scope="session")
def next_second() -> Callable[[], None]:
    """Waits for the next second: names of products have whole ones."""

    def wait() -> None:
        now = time.time()
        time.sleep(1.01 - now % 1)

    return wait


@pytest.fixture(scope="module")
def run(module_bench, s2_product, reference_image, cams):
    """The plain run that most tests look at."""
    bench = module_bench()
    run = bench(s2_product.path, "--refImage", reference_image, cams_dir=cams)
    assert run.code == 0, run.err
    return run


@pytest.fixture(scope="module")
def plain(module_bench, s2_product):
    """The same product without reference image and atmosphere: what options are compared with."""
    run = module_bench()(s2_product.path)
    assert run.code == 0, run.err
    return run
