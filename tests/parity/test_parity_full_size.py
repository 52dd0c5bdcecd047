"""The standard scenario at true size against the reference: an hour, 15 GB of disk.

Run by `pytest -m long tests/parity`; SEN2LIKE_PARITY names the folder for inputs and products, which are used again.
"""

import os
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import parity, parity_data

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not parity_data.available(), reason="no ../shared/parity on this machine"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    given = os.environ.get("SEN2LIKE_PARITY")
    work = Path(given) if given else tmp_path_factory.mktemp("parity")
    inputs = work / "standard"
    parity.make_inputs(inputs)
    composite, predict = parity.process(inputs, work)
    return parity.compare({"composite": composite, "predict": predict}, Console(quiet=True))


def test_rasters_are_the_references(results):
    rasters, _ = results
    assert len(rasters) > 140
    assert {f"{r.method} {r.product} {r.name}": r.failures() for r in rasters if r.failures()} == {}


def test_names_quality_values_and_displacements_are_the_references(results):
    _, documents = results
    assert len(documents) == 12
    assert {f"{d.method} {d.product}": d.failures() for d in documents if d.failures()} == {}
