"""What benchmarks process: a simulated scenario, and what it lacks, made once and kept.

`Inputs` is the scenario ``standard`` of the simulator (three Sentinel-2, two Landsat products of one tile, reference image,
CAMS); more products, the neighbouring tile and other pixel sizes are simulated below the working folder when first needed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sen2like.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
TILE, NEIGHBOUR = "31TFJ", "31TEJ"
"""Two tiles side by side, in one zone."""
SCENARIO = "standard"
COARSE = (1, 2, 3, 5, 6, 10, 15, 30)
"""Factors of the pixel size that the simulator knows."""
SENTINEL2_TIME, LANDSAT_TIME = "T10:46:25.578000", "T10:23:51.194486"


@dataclass(frozen=True)
class Inputs:
    """`root`: the scenario; `more`: folder of what is made beside it; `coarse`: pixel size in units of 10 m."""

    root: Path
    more: Path
    coarse: int

    @property
    def sentinel2(self) -> tuple[Path, ...]:
        """By date."""
        return self._listed("Sentinel2")

    @property
    def landsat(self) -> tuple[Path, ...]:
        """By date."""
        return self._listed("Landsat")

    @property
    def cams(self) -> Path:
        return self.root / "CAMS" / "monthly"

    def _listed(self, family: str) -> tuple[Path, ...]:
        names = [name for name in _description(self.root)["products"] if name.startswith(family)]
        return tuple(self.root / name for name in sorted(names, key=lambda name: (_date(name), name)))

    def reference(self, tile: str = TILE) -> Path:
        """Geometric reference image of a tile."""
        if tile == TILE:
            return self.root / "reference" / f"{tile}_B04.tif"
        (path,) = self._made(f"reference_{tile}", ["reference", "--tile", tile], "*_B04.tif")
        return path

    def another(self, sensor: str, day: str, tile: str = TILE, cover: float = 0.04) -> Path:
        """A product of `sensor` (``S2A``, ``LS8`` ...) of a day (``2021-06-27``) that the scenario does not have."""
        landsat = sensor.startswith("LS")
        # displacements of 3 to 8 m that differ from day to day
        east, north = 3.0 + int(day[-2:]) % 5, -7.0 + int(day[-2:]) % 4
        kind, time = ("landsat", LANDSAT_TIME) if landsat else ("s2", SENTINEL2_TIME)
        words = [kind, "--sensor", sensor, "--date", day + time]
        words += ["--tile", tile, "--cover", f"{cover:g}", "--truth", "none"]
        words += [f"--dx={east * self.coarse:g}", f"--dy={north * self.coarse:g}"]
        (path,) = self._made(f"{tile}_{sensor}_{day}", words, "LC*" if landsat else "*.SAFE")
        return path

    def other_size(self, coarse: int) -> tuple[Path, Path]:
        """(Sentinel-2 product, reference image) with pixels of another size."""
        if coarse == self.coarse:
            return self.sentinel2[0], self.reference()
        other = Inputs(self.root, self.more.with_name(f"more_{coarse}"), coarse)
        (reference,) = other._made(f"reference_{TILE}", ["reference", "--tile", TILE], "*_B04.tif")
        return other.another("S2A", "2021-06-02"), reference

    def _made(self, name: str, words: Sequence[str], pattern: str) -> list[Path]:
        """What the simulator writes for `words`, made once: the folder appears when it is complete."""
        folder = self.more / name
        if not folder.exists():
            _simulate(folder, [*words, "--coarse", str(self.coarse)])
        return sorted(folder.glob(pattern))


def inputs(work: Path, coarse: int = 1, given: Path | None = None) -> Inputs:
    """Inputs with pixels of `coarse` x 10 m: the scenario in the folder `given`, or one simulated below `work` and kept.

    `UsageError`: `given` is no scenario of that pixel size.
    """
    if coarse not in COARSE:
        raise UsageError(f"--coarse {coarse}: the simulator makes {', '.join(map(str, COARSE))}; choose one of them")
    root = given or work / "inputs" / f"{SCENARIO}_{coarse}"
    if given is None and not root.exists():
        _simulate(root, ["scenario", SCENARIO, "--coarse", str(coarse)])
    facts = _description(root)
    if (facts.get("name"), facts.get("tile"), facts.get("coarse")) != (SCENARIO, TILE, coarse):
        raise UsageError(
            f"--inputs {root}: scenario {facts.get('name')!r} of {facts.get('tile')}, coarse {facts.get('coarse')}; wanted is "
            f"{SCENARIO!r} of {TILE}, coarse {coarse}: make it with python tests/simulator scenario {SCENARIO} --coarse {coarse}"
        )
    return Inputs(root.resolve(), (work / "inputs" / f"more_{coarse}").resolve(), coarse)


def link_archive(folder: Path, products: Sequence[tuple[str, Path]]) -> Path:
    """An input archive in the layout of ``conf/config.ini`` that holds exactly `products` ((tile, path)), as links."""
    shutil.rmtree(folder, ignore_errors=True)
    for tile, path in products:
        landsat = path.name.startswith("LC")
        place = f"Landsat{path.name[3]}/{path.name[10:13]}/{int(path.name[13:16])}" if landsat else f"Sentinel2/{tile}"
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / path.name).symlink_to(path.resolve(), target_is_directory=True)
    return folder


def _simulate(folder: Path, words: Sequence[str]) -> None:
    print(f"simulating {' '.join(words)} -> {folder}", flush=True)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    command = [sys.executable, "-m", "simulator", *words, "--out", str(part)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise UsageError(f"the simulator failed ({' '.join(words)}): {done.stderr.strip()[-2000:]}")
    part.rename(folder)


def _description(root: Path) -> dict:
    path = root / "scenario.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"--inputs {root}: no usable scenario.json ({error}); give a simulated scenario") from error


def _date(name: str) -> str:
    """``20210602`` of the path of a product."""
    last = name.rsplit("/", 1)[-1].split("_")
    return last[3] if last[0].startswith("LC") else last[2][:8]
