"""What is measured with its floor: one Sentinel-2 product, one Landsat product with fusion, a tile, an area."""

from __future__ import annotations

import configparser
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import floor
from benchmarks.inputs import NEIGHBOUR, ROOT, TILE, Inputs, link_archive
from benchmarks.measure import Run, RunFailed, sen2like_run, warm
from benchmarks.results import Result
from sen2like.grid import mgrs

AREA_DAYS = (("S2A", "2021-06-02"), ("S2B", "2021-06-12"))
"""Products of each tile of the area."""
SIXTH = ("S2B", "2021-06-27")
"""Makes the five products of the scenario six."""


@dataclass(frozen=True)
class Bench:
    """Where and how a workload is measured: `runs` times each."""

    inputs: Inputs
    work: Path
    runs: int = 1

    def configuration(self, name: str, archive: Path, changes: Mapping[str, Mapping[str, object]] | None = None) -> Path:
        """conf/config.ini with the folders of the benchmark and `changes` (section -> key -> value)."""
        config = configparser.ConfigParser(interpolation=None)
        config.optionxform = str  # type: ignore[assignment, method-assign]  # keep the case of the keys
        config.read(ROOT / "conf" / "config.ini")
        folders = {key: "None" for key in config["Directories"]}
        own: dict[str, Mapping[str, object]] = {
            "Directories": folders | {"archive_dir": str(archive), "cams_dir": str(self.inputs.cams)},
            "Geometry": {"references_map": "None"},
        }
        for section, values in [*own.items(), *(changes or {}).items()]:
            config[section].update({key: str(value) for key, value in values.items()})
        path = self.work / f"{name}.ini"
        with path.open("w") as file:
            config.write(file)
        return path

    def runs_and_floors(
        self,
        workload: str,
        label: str,
        words: Iterable[object],
        given: Iterable[Path],
        empty: Callable[[], None],
        floors: bool = True,
    ) -> tuple[list[Run], list[floor.Floor]]:
        """So many runs of a command line and, with `floors`, as many floors; `given` are its inputs, `empty` removes outputs."""
        words, given = list(words), list(given)
        wd = self.work / "wd" / f"{workload}_{label}".replace(" ", "_")
        runs, found = [], []
        for _ in range(self.runs):
            empty()
            warm(given)
            runs.append(sen2like_run(words, wd))
            if floors:
                todo = floor.plan(runs[-1].report)
                warm({read.path for read in todo.reads})
                found.append(floor.measured(todo, wd))
        empty()
        return runs, found

    def measured(
        self,
        workload: str,
        label: str,
        words: Iterable[object],
        given: Iterable[Path],
        empty: Callable[[], None],
        coarse: int | None = None,
    ) -> Result:
        """The best of the runs of a command line against the best of the floors."""
        runs, floors = self.runs_and_floors(workload, label, words, given, empty)
        return result(workload, label, coarse or self.inputs.coarse, runs, floors)


def result(workload: str, label: str, coarse: int, runs: list[Run], floors: list[floor.Floor]) -> Result:
    """Figures of several runs of the same work."""
    best, low = min(runs, key=lambda run: run.usage.wall), min(floors, key=lambda found: found.seconds)
    figures = {
        "wall": best.usage.wall,
        "floor": low.seconds,
        "decode": low.decode,
        "encode": low.encode,
        "ratio": best.usage.wall / low.seconds,
        "cpu": best.usage.cpu,
        "peak_gb": max(run.usage.peak_gb for run in runs),
        "sum_gb": max(run.usage.sum_gb for run in runs),
        "products": float(len(best.report.products)),
        "megapixels": low.megapixels,
    }
    return Result(workload, label, coarse, figures, best.steps, runs=tuple(run.usage.wall for run in runs))


def s2(bench: Bench) -> list[Result]:
    """One Sentinel-2 Level-1C: KLT, L2H and L2F as COG."""
    product, archive = bench.inputs.sentinel2[0], bench.work / "archive_s2"
    words = product_mode(bench, "s2", product, archive)
    return [bench.measured("s2", "Sentinel-2 L1C", words, [product, bench.inputs.reference()], emptied(archive))]


def landsat(bench: Bench) -> list[Result]:
    """One Landsat L1TP fused with two past Sentinel-2 products, by both methods. The past products are made first."""
    product, archive = bench.inputs.landsat[0], bench.work / "archive_landsat"
    emptied(archive)()
    for past in bench.inputs.sentinel2[:2]:
        sen2like_run(product_mode(bench, "landsat", past, archive), bench.work / "wd" / "landsat_past")
    given = [product, bench.inputs.reference(), *archive.glob("*/S2*L2F_*.SAFE")]
    results = []
    for method in ("composite", "predict"):
        words = product_mode(bench, f"landsat_{method}", product, archive, {"Fusion": {"predict_method": method}})
        results.append(bench.measured("landsat", method, words, given, emptied(archive, "L*.SAFE")))
    emptied(archive)()
    return results


def tile(bench: Bench) -> list[Result]:
    """Four Sentinel-2 and two Landsat products of one tile, with one and with two jobs."""
    products = [*bench.inputs.sentinel2, bench.inputs.another(*SIXTH), *bench.inputs.landsat]
    links = link_archive(bench.work / "products_tile", [(TILE, product) for product in products])
    archive = bench.work / "archive_tile"
    configuration = bench.configuration("tile", archive, searching(bench, "tile", links, [TILE]))
    words = ["single-tile-mode", TILE, "--conf", configuration]
    return by_jobs(bench, "tile", words, [*products, bench.inputs.reference()], archive, len(products))


def area(bench: Bench) -> list[Result]:
    """Two tiles side by side, two Sentinel-2 products each, with one and with two jobs."""
    products = [(TILE, product) for product in bench.inputs.sentinel2[:2]]
    products += [(NEIGHBOUR, bench.inputs.another(*day, tile=NEIGHBOUR)) for day in AREA_DAYS]
    links = link_archive(bench.work / "products_area", products)
    archive, region = bench.work / "archive_area", bench.work / "area.geojson"
    region.write_text(json.dumps(between(NEIGHBOUR, TILE)))
    configuration = bench.configuration("area", archive, searching(bench, "area", links, [TILE, NEIGHBOUR]))
    words = ["multi-tile-mode", region, "--conf", configuration]
    given = [*(path for _, path in products), *(bench.inputs.reference(tile) for tile in (TILE, NEIGHBOUR))]
    return by_jobs(bench, "area", words, given, archive, len(products))


def by_jobs(bench: Bench, workload: str, words: list, given: list[Path], archive: Path, products: int) -> list[Result]:
    """A run with one and with two products at a time; the second one tells how much more it does in the same time.

    Both do the same, so they have the same floor.
    """
    results: list[Result] = []
    floors: list[floor.Floor] = []
    for jobs in (1, 2):
        label = f"jobs {jobs}"
        empty = emptied(archive)
        runs, found = bench.runs_and_floors(workload, label, [*words, "--jobs", jobs], given, empty, floors=not floors)
        floors = floors or found
        if (count := len(runs[0].report.products)) != products:
            raise RunFailed(
                f"{workload}, {label}: {count} products were processed instead of {products}; see {bench.work / 'wd'}"
            )
        results.append(result(workload, label, bench.inputs.coarse, runs, floors))
    one, two = results
    two.figures["speed_up"] = one.figures["wall"] / two.figures["wall"]
    return results


def product_mode(
    bench: Bench, name: str, product: Path, archive: Path, changes: Mapping[str, Mapping[str, object]] | None = None
) -> list[object]:
    """Words that process one product with the reference image of its tile."""
    conf = bench.configuration(name, archive, changes)
    return ["product-mode", product, "--tile", TILE, "--conf", conf, "--refImage", bench.inputs.reference()]


def searching(bench: Bench, name: str, products: Path, tiles: list[str]) -> dict[str, dict[str, object]]:
    """Changes of the configuration for runs that look for their products below a folder."""
    references = bench.work / f"references_{name}.json"
    references.write_text(json.dumps({tile: str(bench.inputs.reference(tile).resolve()) for tile in tiles}))
    # two jobs also where the machine has one processor only
    return {
        "InputProductArchive": {"base_url": products},
        "Geometry": {"references_map": references},
        "Multiprocessing": {"number_of_process": 2},
    }


def emptied(archive: Path, pattern: str | None = None) -> Callable[[], None]:
    """Removes an archive, or its products like `pattern`, when called."""

    def empty() -> None:
        for path in [archive] if pattern is None else list(archive.glob(f"*/{pattern}")):
            shutil.rmtree(path, ignore_errors=True)

    return empty


def between(west: str, east: str) -> dict[str, object]:
    """GeoJSON of a small region half way down the ground that two tiles side by side share."""
    one, other = mgrs.tile(west), mgrs.tile(east)
    x0, x1 = other.bounds[0] + 3000, one.bounds[2] - 3000
    if one.epsg != other.epsg or one.uly != other.uly or not one.bounds[0] < x0 < x1:
        raise ValueError(f"tiles {west} and {east} do not lie side by side in one zone")
    y = (one.bounds[1] + one.bounds[3]) / 2
    lon, lat = one.to_lonlat([x0, x1, x1, x0, x0], [y, y, y + 2000, y + 2000, y])
    ring = [[float(a), float(b)] for a, b in zip(lon, lat, strict=True)]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
