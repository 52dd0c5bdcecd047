"""The command line with a fake run, and logging as it was before."""

import sys
from types import ModuleType

import pytest
from command_line.fake_run import Runs
from logging_state import logging_restored

from sen2like.cli import main


@pytest.fixture(autouse=True)
def log_restored():
    with logging_restored():
        yield


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "c.ini"
    path.write_text(f"[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = {tmp_path}/out\n")
    return path


@pytest.fixture
def runs(monkeypatch):
    fake = Runs()
    module = ModuleType("sen2like.orchestrator")
    module.run = fake
    monkeypatch.setitem(sys.modules, "sen2like.orchestrator", module)
    return fake


@pytest.fixture
def cli(conf, tmp_path, runs):
    def call(*words):
        return main(["--conf", str(conf), "--wd", str(tmp_path / "wd"), *words])

    return call
