"""The command line with a fake run, and logging as it was before."""

import logging
import sys
from types import ModuleType

import pytest
from command_line.fake_run import Runs

from sen2like.cli import main


@pytest.fixture(autouse=True)
def log_restored():
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "sen2like", "rasterio")}
    yield
    for handler in list(root.handlers):
        if type(handler).__module__ == "sen2like.logs":
            root.removeHandler(handler)
            handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


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
