"""Runs of the real program, in this process or in one of its own, and looks at what they leave behind."""

import configparser
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from lxml import etree

from sen2like.cli import main

ALL_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Of Sentinel-2 that are processed."""
REPOSITORY = Path(__file__).resolve().parents[2]
TILE = "31TFJ"
RUN_FILES = {"sen2like.log", "run/sen2like.log", "run/report.json", "run/report.html"}
"""What one run leaves in its working directory."""
PATIENCE = 60
"""Seconds that a process may take before the test gives up."""
HOLD = """
import sys, time
from pathlib import Path

from sen2like import cli
from sen2like.packaging.writer import ProductWriter

ready, go, *words = sys.argv[1:]
original = ProductWriter.add_image


def add_image(self, *arguments, **options):
    written = original(self, *arguments, **options)
    Path(ready).touch()
    while not Path(go).exists():
        time.sleep(0.01)
    return written


ProductWriter.add_image = add_image
sys.exit(cli.main(words))
"""
"""The program, but after its first image is written it says so (file `ready`) and waits (for file `go`)."""


@dataclass(frozen=True)
class Run:
    """Outcome of one run."""

    code: int
    out: str
    err: str
    archive: Path
    wd: Path

    @property
    def log(self) -> str:
        return (self.wd / "sen2like.log").read_text()

    @property
    def tile(self) -> Path:
        """Folder of the tile in the archive."""
        return self.archive / TILE

    def kept(self) -> set[str]:
        """Everything in the working directory, the folder of the run called ``run``."""
        names = (path.relative_to(self.wd).parts for path in self.wd.rglob("*") if path.is_file())
        return {"/".join(("run", *parts[1:]) if len(parts) > 1 else parts) for parts in names}

    def products(self, level: str = "L2?") -> list[Path]:
        return sorted(self.tile.glob(f"*{level}_*.SAFE"))

    def product(self, level: str = "L2H") -> Path:
        (product,) = self.products(level)
        return product

    def left_behind(self) -> list[str]:
        """Everything in the archive that is a file, a product or hidden."""
        found = (path for path in self.archive.rglob("*") if path.is_file() or ".SAFE" in path.name or path.name[0] == ".")
        return sorted(str(path.relative_to(self.archive)) for path in found)

    def errors(self) -> list[str]:
        """What the user is told to be wrong."""
        return [line for line in self.err.splitlines() if "| ERROR " in line or line.startswith("sen2like: error: ")]

    def warnings(self) -> list[str]:
        return [line for line in self.err.splitlines() if "| WARNING " in line]


class Bench:
    """A configuration, an archive and a working directory of their own in `folder`.

    The configuration is the shipped one without auxiliary data; every call may change it by ``--confParams``.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.archive, self.wd, self.conf = folder, folder / "archive", folder / "wd", folder / "conf.ini"
        config = configparser.ConfigParser(interpolation=None)
        config.optionxform = str  # keep the case of the keys
        config.read(REPOSITORY / "conf" / "config.ini")
        config["Directories"].update(dict.fromkeys(config["Directories"], "None"))
        config["Directories"]["archive_dir"] = str(self.archive)
        config["Geometry"]["references_map"] = "None"
        with open(self.conf, "w") as file:
            config.write(file)

    def words(self, product: Path | str, *options: object, **changes: object) -> list[str]:
        """Words of the command line; `options` after those of the bench win over them."""
        words = ["product-mode", product, "--tile", TILE, "--conf", self.conf, "--wd", self.wd]
        if changes:
            words += ["--confParams", ";".join(f"{key}={value}" for key, value in changes.items())]
        return [str(word) for word in (*words, *options)]

    def __call__(self, product: Path | str, *options: object, **changes: object) -> Run:
        """Run in this process."""
        return self.run(*self.words(product, *options, **changes))

    def run(self, *words: object) -> Run:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), _logging_restored():
            code = main([str(word) for word in words])
        return Run(code, out.getvalue(), err.getvalue(), self.archive, self.wd)

    def process(self, *words: object, **options) -> subprocess.Popen:
        """Start ``Sen2Like.py`` in a process of its own."""
        return self._started("Sen2Like.py", *words, **options)

    def held(self, product: Path) -> "Held":
        """A process that stands still in the middle of packaging."""
        script, ready, go = (self.folder / name for name in ("hold.py", "ready", "go"))
        script.write_text(HOLD)
        process = self._started(script, ready, go, *self.words(product))
        deadline = time.monotonic() + PATIENCE
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"the program did not come to packaging:\n{process.communicate()[1]}")
            time.sleep(0.02)
        return Held(process, go, self)

    def _started(self, script: object, *words: object, **options) -> subprocess.Popen:
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        command = [sys.executable, str(script), *(str(word) for word in words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment, **pipes, **options)

    def ended(self, process: subprocess.Popen) -> Run:
        """The outcome of a process that was started here."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return Run(process.returncode, out, err, self.archive, self.wd)


@dataclass(frozen=True)
class Held:
    """A process that has written its first image and waits."""

    process: subprocess.Popen
    go: Path
    bench: Bench

    def end(self, sign: signal.Signals) -> Run:
        """Send a signal; when it has had time to arrive let the packaging go on."""
        self.process.send_signal(sign)
        time.sleep(0.3)
        self.go.touch()
        return self.bench.ended(self.process)


class _logging_restored:
    """What the program changes about logging is undone."""

    def __enter__(self) -> None:
        self._levels = {name: logging.getLogger(name).level for name in ("", "sen2like", "rasterio")}
        self._handlers = list(logging.getLogger().handlers)

    def __exit__(self, *error) -> None:
        root = logging.getLogger()
        for handler in [h for h in root.handlers if h not in self._handlers]:
            root.removeHandler(handler)
            handler.close()
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(False)


def images(product: Path) -> dict[str, Path]:
    """Image files of a product by band."""
    found = (p for p in product.glob("GRANULE/*/IMG_DATA/**/*") if p.suffix in (".TIF", ".jp2"))
    return {path.stem.split("_")[-2]: path for path in found}


def pixels(product: Path) -> dict[str, np.ndarray]:
    """DN of every image by band."""
    found = {}
    for band, path in images(product).items():
        with rasterio.open(path) as source:
            found[band] = source.read(1)
    return found


def same_pixels(one: Path, other: Path) -> bool:
    """Both products have the same bands with the same DN."""
    first, second = pixels(one), pixels(other)
    return first.keys() == second.keys() and all(np.array_equal(first[band], second[band]) for band in first)


def item(product: Path) -> dict:
    """STAC item of a product."""
    return json.loads((product / f"{product.stem}.json").read_text())


def lineage(product: Path) -> list[str]:
    """Names of the blocks that were applied, in order."""
    return [step["block"] for step in item(product)["properties"]["s2l:lineage"]]


def step(product: Path, block: str) -> dict:
    """Parameters of a block that was applied once."""
    (found,) = [step for step in item(product)["properties"]["s2l:lineage"] if step["block"] == block]
    return found


def quality(product: Path) -> dict[str, str]:
    """Values of the quality report by name."""
    (report,) = product.glob("GRANULE/*/QI_DATA/L2?_QUALITY.xml")
    return {value.get("name"): value.text for value in etree.parse(report).iterfind(".//{*}value")}
