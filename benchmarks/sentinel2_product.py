"""One full-size Sentinel-2 product through product-mode, against its floor.

The floor is what no implementation can avoid with these codecs: decoding the JPEG 2000 files the run reads and encoding
the images it writes, with the same library, number of threads and files in flight, measured in the same session. Wall
time, processor time, peak memory and seconds per step are printed and written as JSON.

    python -m benchmarks.sentinel2_product [--work DIR] [--product SAFE --reference TIF] [--runs N]

Without ``--product`` the simulator makes one (true size, about 3 minutes) below ``--work`` and keeps it there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rich.console import Console
from rich.table import Table

from sen2like.execution.threads import Threads
from sen2like.raster.write import RasterFormat, write_image

ROOT = Path(__file__).resolve().parents[1]
TILE = "31TFJ"
SHIFT = ("--dx", "4.3", "--dy", "-2.7")
LIMIT_RATIO, LIMIT_GB = 1.4, 3.0
RUN = """
import json, sys
from sen2like.config import load
from sen2like.events import ProductFinished
from sen2like.orchestrator import run
from sen2like.request import Request

settings = json.loads(r'''SETTINGS''')
absent = dict.fromkeys(["cams_dir", "cams_daily_dir", "cams_hourly_dir", "cams_climatology_dir", "references_map", "scl_dir"])
config = load(settings["conf"], options={"archive_dir": settings["archive"], "cloud_cover": 100, **absent})
request = Request(product=settings["product"], ref_image=settings["reference"], wd=settings["wd"])
for event in run(request, config):
    if isinstance(event, ProductFinished):
        if event.status != "done":
            sys.exit(event.reason)
        steps = {step: timer.seconds for step, timer in event.record.timers.items()}
        shift = [event.record.shift.dx, event.record.shift.dy]
        print(json.dumps({"outputs": [str(p) for p in event.outputs], "steps": steps, "shift": shift}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "work")
    parser.add_argument("--product", type=Path)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--coarse", type=int, default=1, help="pixel size of the simulated product, in units of 10 m")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where the figures go (default: WORK/sentinel2_product.json)")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    product, reference = (args.product, args.reference) if args.product else simulated(args.work, args.coarse)
    results = []
    for _ in range(args.runs):
        run = measured_run(product, reference, args.work)
        run["floor"] = floor(product, run["outputs"])
        results.append(run)
        show(run)
    best = min(results, key=lambda r: r["wall"] / r["floor"]["wall"])
    out = args.json or args.work / "sentinel2_product.json"
    out.write_text(json.dumps(results, indent=1))
    print(f"figures: {out}")
    return 0 if best["wall"] / best["floor"]["wall"] <= LIMIT_RATIO and best["rss_gb"] <= LIMIT_GB else 1


def simulated(work: Path, coarse: int) -> tuple[Path, Path]:
    """A product with known shift and the reference image, made once."""
    base = work / f"simulated_{coarse}"
    if not (base / "complete").exists():
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        for words in (["s2", *SHIFT, "--physics", "mean", "--brdf"], ["reference"]):
            subprocess.run(
                [sys.executable, "-m", "simulator", *words, "--out", str(base), "--coarse", str(coarse)], check=True, env=env
            )
        (base / "complete").touch()
    return next(base.glob("*.SAFE")), base / f"{TILE}_B04.tif"


def measured_run(product: Path, reference: Path, work: Path) -> dict:
    """Run product-mode in a process of its own; wall, CPU, peak memory of that process and seconds per step."""
    settings = {
        "product": str(product),
        "reference": str(reference),
        "conf": str(ROOT / "conf" / "config.ini"),
        "archive": str(work / "archive"),
        "wd": str(work / "wd"),
    }
    script = RUN.replace("SETTINGS", json.dumps(settings))
    start = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"the run failed:\n{done.stderr[-3000:]}")
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "wall": wall, "cpu": cpu, "rss_gb": after.ru_maxrss / 1e6}


def floor(product: Path, outputs: list[str]) -> dict:
    """Seconds to decode the bands the run reads and to encode the images it writes (once: L2F links those of L2H)."""
    threads = Threads.for_product(None, False)
    l2h = Path(outputs[0])
    images = sorted(l2h.rglob("IMG_DATA/**/*_*m.TIF"))
    bands = {path.stem.split("_")[-2] for path in images}
    inputs = [p for p in sorted(product.rglob("IMG_DATA/*.jp2")) if p.stem.split("_")[-1] in bands]
    inputs.sort(key=lambda p: -p.stat().st_size)
    per_file = max(1, threads.cores // threads.bands)
    decode = timed(decode_one, [(p, per_file) for p in inputs], threads.bands)
    scratch = l2h.parent / ".floor"
    scratch.mkdir(exist_ok=True)
    arrays = sorted(images, key=lambda p: -p.stat().st_size)
    encode = 0.0
    for i in range(0, len(arrays), threads.bands):  # a few at a time: their pixels are in memory before the clock starts
        held = [(read(p), scratch / p.name, per_file) for p in arrays[i : i + threads.bands]]
        encode += timed(encode_one, held, threads.bands)
    for path in scratch.iterdir():
        path.unlink()
    scratch.rmdir()
    return {"decode": decode, "encode": encode, "wall": decode + encode}


def timed(work, jobs: list, workers: int) -> float:
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda job: work(*job), jobs))
    return time.perf_counter() - start


def decode_one(path: Path, threads: int) -> None:
    with rasterio.Env(GDAL_NUM_THREADS=str(threads), GDAL_PAM_ENABLED="NO"), rasterio.open(path) as src:
        src.read(1)


def encode_one(image: tuple[np.ndarray, GeoBox], path: Path, threads: int) -> None:
    write_image(path, image[0], image[1], RasterFormat(), nodata=0, scale=1e-4, offset=-0.1, threads=threads)


def read(path: Path) -> tuple[np.ndarray, GeoBox]:
    with rasterio.open(path) as src:
        return src.read(1), GeoBox(src.shape, src.transform, src.crs)


def show(run: dict) -> None:
    console = Console()
    table = Table(title="seconds per step, added over all threads")
    table.add_column("step")
    table.add_column("s", justify="right")
    for step, seconds in sorted(run["steps"].items(), key=lambda item: -item[1]):
        table.add_row(step, f"{seconds:.2f}")
    console.print(table)
    f = run["floor"]
    console.print(f"floor   {f['wall']:6.1f} s   (decode {f['decode']:.1f} + encode {f['encode']:.1f})")
    console.print(
        f"run     {run['wall']:6.1f} s   ({run['cpu']:.1f} s CPU)   ratio {run['wall'] / f['wall']:.2f}, allowed {LIMIT_RATIO}"
    )
    console.print(f"memory  {run['rss_gb']:6.2f} GB peak, allowed {LIMIT_GB}")


if __name__ == "__main__":
    sys.exit(main())
