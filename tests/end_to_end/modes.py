"""Runs of the modes that search an archive, and comparison of the archives they leave."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from end_to_end.running import TILE, Bench, Run

_TIMES = re.compile(rf"{datetime.now(UTC).year}(-?)\d\d\1\d\dT\d\d(:?)\d\d\2\d\d(\.\d+)?Z?")
"""Times of production; inputs of the simulator are years older."""
_CHECKSUMS = re.compile(r"\b(?:1220)?[0-9a-f]{64}\b")
"""SHA-256 of documents that tell times, and of the configuration, which names its archive."""


def offer(root: Path, products: Iterable[Path]) -> Path:
    """Put links to inputs into a local archive at `root`: ``Sentinel2/<tile>``, ``Landsat8/<path>/<row>``."""
    for product in products:
        fields = product.name.split("_")
        if product.name.startswith("S2"):
            folder = root / "Sentinel2" / fields[5][1:]
        else:
            folder = root / f"Landsat{fields[0][3]}" / str(int(fields[2][:3])) / str(int(fields[2][3:]))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / product.name).symlink_to(product.resolve())
    return root


def inputs(root: Path) -> dict[str, Path]:
    """Inputs of a simulated scenario by satellite and day, ``S2A 0602``."""
    sentinel2 = {f"{p.name[:3]} {p.name[15:19]}": p for p in root.glob("Sentinel2/*/*") if "_MSI" in p.name}
    return sentinel2 | {f"LS{p.name[3]} {p.name[21:25]}": p for p in root.glob("Landsat?/*/*/*")}


def search(bench: Bench, root: Path, mode: str, where: object, *options: object, **changes: object) -> list[str]:
    """Words of a mode that searches the local archive `root`."""
    changes = {"base_url": root} | changes
    given = ";".join(f"{key}={value}" for key, value in changes.items())
    return [str(w) for w in (mode, where, "--conf", bench.conf, "--wd", bench.wd, "--confParams", given, *options)]


def single(bench: Bench, root: Path, *options: object, **changes: object) -> Run:
    """single-tile-mode in this process."""
    return bench.run(*search(bench, root, "single-tile-mode", TILE, *options, **changes))


def report(run: Run) -> dict:
    """``report.json`` of the last run in the working directory; its page is there too."""
    path = max(run.wd.glob("*/report.json"), key=lambda p: p.stat().st_mtime_ns)
    assert path.with_name("report.html").stat().st_size > 1000
    return json.loads(path.read_text())


def short(product: str | Path) -> str:
    """``S2A_L2H_0602``: satellite, level and day of an output."""
    satellite, level, start = Path(product).name.split("_")[:3]
    return f"{satellite}_{level[3:]}_{start[4:8]}"


def outputs(run_or_folder: Run | Path) -> list[str]:
    folder = run_or_folder.archive if isinstance(run_or_folder, Run) else run_or_folder
    return sorted(short(path) for path in folder.glob("*/*.SAFE"))


def statuses(told: dict) -> dict[str, str]:
    """Status by input, of a report."""
    return {product["product"]: product["status"] for tile in told["tiles"] for product in tile["products"]}


def contents(archive: Path) -> dict[str, bytes]:
    """Every file of an archive by its name, both without times of production: images and previews byte by byte, documents
    also without checksums (images and previews prove themselves).
    """
    found: dict[str, bytes] = {}
    for folder, _, names in os.walk(archive):
        for name in names:
            path = Path(folder, name)
            data = path.read_bytes()
            if path.suffix in (".xml", ".json", ".safe", ".html", ".csv"):
                text = _TIMES.sub("TIME", data.decode()).replace(str(archive), "ARCHIVE")
                data = _CHECKSUMS.sub("SUM", text).encode()
            found[_TIMES.sub("TIME", str(path.relative_to(archive)))] = data
    return found


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def fresh(bench: Bench) -> None:
    """Empty the archive of the bench."""
    shutil.rmtree(bench.archive, ignore_errors=True)
