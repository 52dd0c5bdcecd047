"""Fixtures for all tests: simulated products with known truth, and genuine products where the machine has them.

Products are made once per test run, also under pytest-xdist, and shared: never write into them (copy first).
"""

import fcntl
import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tables are loaded and code is compiled by whichever example comes first, and machines may be busy. A checkout
# passes or does not, so examples are always the same; `pytest --hypothesis-profile=explore` looks for new ones.
COMMON = dict(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", **COMMON)
settings.register_profile("sen2like", derandomize=True, **COMMON)
settings.load_profile("sen2like")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a shell starts with '&'; tests send it to programs they start
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
COARSE = 30
"""Default pixel sizes: 300, 600 and 1800 m (366, 183 and 61 pixels a side)."""


@dataclass(frozen=True)
class Simulated:
    """A simulated product and its truth."""

    path: Path
    """Folder of the product (or its zip)."""
    truth: Path
    """Folder with truth.json, mask.tif and the true reflectance of each band (see tests/simulator/SIMULATE.md)."""

    @property
    def facts(self) -> dict:
        """truth.json"""
        return json.loads((self.truth / "truth.json").read_text())


@pytest.fixture(scope="session")
def simulation_folder(tmp_path_factory, request) -> Path:
    """Folder of this test run that all its processes share."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if hasattr(request.config, "workerinput") else own
    folder = shared / "simulated"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def simulate(simulation_folder) -> Callable[..., Simulated]:
    """``simulate(sensor="S2B", coarse=30, cover=0.1, level="L2A", baseline="03.01", ...)`` -> `Simulated`.

    Takes the fields of `simulator.acquisition.Acquisition` and the options of `simulator.sentinel2.render`.
    """

    def make(**options) -> Simulated:
        from simulator import sentinel2
        from simulator.acquisition import Acquisition

        options = {"coarse": COARSE} | options
        of_acquisition = {field.name for field in fields(Acquisition)}
        acquisition = Acquisition(**{k: v for k, v in options.items() if k in of_acquisition})
        render = {k: v for k, v in options.items() if k not in of_acquisition}
        folder = _made_once(
            simulation_folder / f"s2_{_digest(options)}",
            lambda out: sentinel2.render(acquisition, out, out / "truth", **render),
        )
        (truth,) = (folder / "truth").iterdir()
        (product,) = folder.glob(f"{truth.name}.*")
        return Simulated(product, truth)

    return make


@pytest.fixture(scope="session")
def simulate_scenario(simulation_folder) -> Callable[..., Path]:
    """``simulate_scenario("clear", coarse=30, brdf=True)`` -> root folder of a scenario (`simulator.scenarios.write`)."""

    def make(name: str, **options) -> Path:
        from simulator import scenarios

        options = {"coarse": COARSE} | options
        target = simulation_folder / f"{name}_{_digest(options)}"
        return _made_once(target, lambda out: scenarios.write(name, out, **options))

    return make


@pytest.fixture(scope="session")
def reference_image(simulation_folder) -> Path:
    """Unshifted B04 (uint16, reflectance * 10000) of 31TFJ on the grid of `s2_product`."""
    from simulator import scenarios

    folder = _made_once(
        simulation_folder / "reference",
        lambda out: scenarios.write_reference(out / "31TFJ_B04.tif", "31TFJ", COARSE),
    )
    return folder / "31TFJ_B04.tif"


@pytest.fixture(scope="session")
def s2_product(simulate) -> Simulated:
    """Sentinel-2A L1C, baseline 05.10, 31TFJ, 4 % cloud, shifted by 30 m east and 45 m south; no BRDF."""
    return simulate(dx=30.0, dy=-45.0, aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5, cover=0.04)


@pytest.fixture(scope="session")
def genuine() -> Callable[[str], Path]:
    """``genuine("sentinel2_l1c/S2A_...zip")`` -> path of a genuine product beside the repository; skips without it."""

    def find(name: str) -> Path:
        path = REPOSITORY.parent / "shared" / "realdata" / name
        if not path.exists():
            pytest.skip(f"genuine product not on this machine: {name}")
        return path

    return find


def _made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder`, made by the first process that asks for it; the others wait."""
    done = folder / ".complete"
    with _locked(folder.with_suffix(".lock")):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(options: dict) -> str:
    return hashlib.sha1(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()[:12]
