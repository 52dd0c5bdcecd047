"""Our products of the standard scenario against those of the reference implementation, sen2like 4.6 (../shared/parity).

    python -m benchmarks.parity --work DIR                    # makes the inputs and processes them: 45 minutes, 15 GB of disk
    python -m benchmarks.parity --inputs DIR --work DIR       # inputs are at hand
    python -m benchmarks.parity --archive DIR --predict DIR   # so are the products of both methods
    ... --displacements reference                             # images moved by what the reference found
    ... --write                                               # puts the tables into docs/parity.md

The command ends with code 1 when something differs that is not explained. `parity_compare` says what is compared.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from rich.console import Console

from benchmarks.accuracy import ROOT, TILE  # also makes the simulator importable
from benchmarks.parity_compare import DocumentResult, RasterResult, compare_documents, compare_rasters, reason_of
from benchmarks.parity_data import SHIFTS, TABLES, available, expected, products
from sen2like.blocks.geometry import S2L_GeometryKLT
from sen2like.config import load
from sen2like.events import ProductFinished
from sen2like.orchestrator import run
from sen2like.products.model import Product
from sen2like.record import Shift
from sen2like.request import Request

DOCUMENT = ROOT / "docs" / "parity.md"
OURS, REFERENCE = "ours", "reference"
"""Displacements that images are moved by: found here, or by the reference."""
PLACES = {OURS: "tables", REFERENCE: "alike"}
"""Where in the document results go: between comments of that name."""
ORDER = ("Sentinel2/*/S2A*_20210602T*", "Sentinel2/*/S2B*_20210612T*", "Sentinel2/*/S2A*_20210622T*",
         "Landsat8/*/*/LC08*", "Landsat9/*/*/LC09*")  # fmt: skip
"""Inputs in the order in which the reference took them."""


def make_inputs(folder: Path) -> None:
    """The standard scenario at true size, unless it is there."""
    if (folder / "scenario.json").exists():
        return
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    subprocess.run([sys.executable, "-m", "simulator", "scenario", "standard", "--out", str(folder)], check=True, env=env)


def process(inputs: Path, work: Path) -> tuple[Path, Path]:
    """Archives with the products of composite (all inputs) and of predict (Landsat 8 again)."""
    composite, predict = work / "composite", work / "predict"
    for pattern in ORDER:
        process_one(_only(inputs, pattern), inputs, composite, work, "composite")
    (predict / TILE).mkdir(parents=True, exist_ok=True)
    for past in (composite / TILE).glob("S2*L2F_*.SAFE"):
        target = predict / TILE / past.name
        if not target.exists():
            shutil.copytree(past, target, copy_function=os.link)
    process_one(_only(inputs, ORDER[3]), inputs, predict, work, "predict")
    return composite, predict


def _only(inputs: Path, pattern: str) -> Path:
    found = list(inputs.glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{inputs} holds {len(found)} products {pattern} instead of one; make the scenario again")
    return found[0]


def process_one(product: Path, inputs: Path, archive: Path, work: Path, method: str, **more: object) -> None:
    """One product through product-mode with the shipped configuration, as the reference was run; `more`: other options."""
    directories = ("cams_daily_dir", "cams_hourly_dir", "cams_climatology_dir", "scl_dir", "references_map")
    options: dict[str, object] = dict.fromkeys(directories)
    options |= {
        "archive_dir": archive,
        "cams_dir": inputs / "CAMS" / "monthly",
        "cloud_cover": 60,
        "predict_method": method,
        **more,
    }
    config = load(ROOT / "conf" / "config.ini", options=options)
    reference = inputs / "reference" / f"{TILE}_B04.tif"
    request = Request(product=product, tile=TILE, ref_image=reference, wd=work / "wd")
    for event in run(request, config):
        if isinstance(event, ProductFinished) and event.status not in ("done", "skipped"):
            raise RuntimeError(f"{event.product} {event.status}: {event.reason}")


@contextmanager
def displaced_as_the_reference() -> Iterator[None]:
    """Images are matched and then moved by what the reference found, so that what differs does not come from matching."""
    measured = S2L_GeometryKLT._measured

    def given(self: S2L_GeometryKLT, job: object, product: Product, masks: object) -> object:
        dx, dy = SHIFTS[f"{product.sensor_name}_{product.acquisition:%Y%m%d}"]
        return dataclasses.replace(measured(self, job, product, masks), shift=Shift(dx, dy), refusal="")

    with patch.object(S2L_GeometryKLT, "_measured", given):
        yield


def compare(archives: dict[str, Path], log: Console) -> tuple[list[RasterResult], list[DocumentResult]]:
    """Everything in the archives (by method) that the tables know."""
    rasters: list[RasterResult] = []
    documents: list[DocumentResult] = []
    for method, archive in archives.items():
        found = products(archive / TILE)
        for key, wanted in expected(method).items():
            if key not in found:
                raise FileNotFoundError(f"{archive / TILE} has no product {key}: process the whole scenario")
            documents.append(compare_documents(method, key, wanted, found[key]))
            for result in compare_rasters(method, key, wanted, found[key]):
                rasters.append(result)
                log.print(f"{method} {key} {result.name.split('/')[-1]}", *result.failures() or ["as it should be"])
    return rasters, documents


def tables(rasters: list[RasterResult], documents: list[DocumentResult]) -> str:
    """The tables of docs/parity.md."""
    parts = ["### Bands\n", _band_table(r for r in rasters if r.kind == "band")]
    parts += ["\n### Masks, angles, previews, thermal bands\n", _other_table(r for r in rasters if r.kind != "band")]
    parts += ["\n### Displacement, names, quality report\n", _document_table(documents)]
    parts += ["\n### Values of the quality report that differ\n", _quality_table(documents)]
    return "\n".join(parts)


def summary(rasters: list[RasterResult]) -> str:
    """A line per product: its bands together."""
    by_product: dict[str, list[RasterResult]] = {}
    for r in rasters:
        if r.kind == "band":
            by_product.setdefault(_short(r.method, r.product), []).append(r)

    def row(product: str, bands: list[RasterResult]) -> list[str]:
        least = [f"{100 * min(getattr(r, name) for r in bands):.2f}" for name in ("within_1", "equal")]
        mean = sum(r.equal for r in bands) / len(bands)
        return [product, str(len(bands)), *least, f"{100 * mean:.2f}", str(max(r.largest for r in bands))]

    return _rows(
        "product | bands | within 1 DN, % (least) | equal, % (least) | equal, % (mean) | largest",
        (row(product, bands) for product, bands in by_product.items()),
    )


def _short(method: str, product: str) -> str:
    sensor, level, when = product.split("_")[:3]
    return f"{sensor} {when[4:8]} {level[3:]}" + (" predict" * (method == "predict"))


def _rows(title: str, rows: Iterable[Iterable[str]]) -> str:
    head = f"| {title} |\n|{'---|' * (title.count('|') + 1)}"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _band_table(rasters: Iterable[RasterResult]) -> str:
    def row(r: RasterResult) -> list[str]:
        figures = [f"{100 * r.within_1:.2f}", f"{100 * r.equal:.2f}", str(r.largest), f"{r.mean:+.4f}", f"{r.whole:+.4f}"]
        verdict = ", ".join(r.failures()) or reason_of(r) or "pass"
        return [_short(r.method, r.product), "_".join(r.name.split("_")[-2:]), *figures, f"{r.zeros:+d}", verdict]

    return _rows(
        "product | band | within 1 DN, % | equal, % | largest | mean | mean of all, DN | no data of all | verdict",
        map(row, rasters),
    )


def _other_table(rasters: Iterable[RasterResult]) -> str:
    def row(r: RasterResult) -> list[str]:
        verdict = ", ".join(r.failures()) or reason_of(r) or "pass"
        name = r.name.split("_")[-1] if r.kind != "thermal" else "_".join(r.name.split("_")[-2:])
        figures = [f"{100 * r.equal:.2f}", f"{100 * r.within_1:.2f}", str(r.largest), f"{r.whole:+.4f}", f"{r.zeros:+d}"]
        return [_short(r.method, r.product), name, *figures, verdict]

    return _rows("product | raster | equal, % | within 1, % | largest | mean of all | zeros of all | verdict", map(row, rasters))


def _document_table(documents: list[DocumentResult]) -> str:
    def row(d: DocumentResult) -> list[str]:
        east, south = d.shift
        more = sum(1 for _, reason in d.files if reason)
        verdict = ", ".join(d.failures()) or "pass"
        return [_short(d.method, d.product), f"{east:+.5f}, {south:+.5f}", str(d.equal_files), str(more), str(d.equal_texts),
                str(len(d.quality)), verdict]  # fmt: skip

    return _rows(
        "product | displacement, pixels | files of the same name | more here | equal texts | listed | verdict",
        map(row, documents),
    )


def _quality_table(documents: list[DocumentResult]) -> str:
    seen: dict[tuple[str, str], list[str]] = {}
    for d in documents:
        for name, ours, theirs, reason in d.quality:
            seen.setdefault((name, reason), []).append(f"{_short(d.method, d.product)}: {theirs} / {ours}")
    rows = (
        [name, texts[0].replace("|", "/"), str(len(texts)), reason or "**not explained**"]
        for (name, reason), texts in seen.items()
    )
    return _rows("value | example: reference / here | products | reason", rows)


def write(text: str, place: str, document: Path = DOCUMENT) -> None:
    """Put text between the comments of that name in the document. `ValueError`: it has no place for it."""
    begin, end = f"<!-- {place}: begin -->", f"<!-- {place}: end -->"
    old = document.read_text()
    if old.count(begin) != 1 or old.count(end) != 1:
        raise ValueError(f"{document} needs the lines {begin} and {end} once each: the tables go between them")
    head, tail = old.split(begin)[0], old.split(end)[1]
    document.write_text(f"{head}{begin}\n\n{text}\n{end}{tail}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "work" / "parity")
    parser.add_argument("--inputs", type=Path, help="root of the scenario 'standard' at true size")
    parser.add_argument("--archive", type=Path, help="archive_dir with the products of composite: nothing is processed")
    parser.add_argument("--predict", type=Path, help="archive_dir with Landsat 8 made with predict")
    parser.add_argument(
        "--displacements", choices=(OURS, REFERENCE), default=OURS, help="what images are, or were, moved by (default: ours)"
    )
    parser.add_argument("--json", type=Path, help="where the results go, too")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/parity.md")
    args = parser.parse_args()
    if bool(args.archive) != bool(args.predict):
        parser.error("--archive and --predict belong together")
    if not available():
        parser.error(f"the tables {', '.join(TABLES.values())} are not in ../shared/parity beside the repository")
    console = Console(highlight=False)
    inputs = args.inputs or args.work / "standard"
    if args.archive:
        archives = {"composite": args.archive, "predict": args.predict}
    else:
        make_inputs(inputs)
        alike = args.displacements == REFERENCE
        with displaced_as_the_reference() if alike else nullcontext():
            composite, predict = process(inputs, args.work / "alike" if alike else args.work)
        archives = {"composite": composite, "predict": predict}
    rasters, documents = compare(archives, console)
    if args.json:
        plain = {
            "rasters": [dataclasses.asdict(r) | {"failures": r.failures()} for r in rasters],
            "documents": [dataclasses.asdict(d) | {"failures": d.failures()} for d in documents],
        }
        args.json.write_text(json.dumps(plain, indent=1))
    if args.write:
        text = tables(rasters, documents) if args.displacements == OURS else summary(rasters)
        write(text, PLACES[args.displacements])
    bad = [(r.product, failure) for r in rasters for failure in r.failures()]
    bad += [(d.product, failure) for d in documents for failure in d.failures()]
    for product, failure in bad:
        console.print(f"[red]{product}: {failure}")
    console.print(f"{len(rasters)} rasters and {len(documents)} documents compared, {len(bad)} differences not explained")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
