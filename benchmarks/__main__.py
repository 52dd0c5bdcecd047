"""Benchmarks: how long runs take against their floor, how much memory they need, how their cost grows.

    python -m benchmarks [WORKLOAD ...] [--work DIR] [--inputs DIR] [--coarse K] [--runs N] [--check BASELINE.json]
    python -m benchmarks --document RESULTS.json

Every result is added to WORK/results.json as soon as there is one, a plot of the session is WORK/results.svg.
Exit code 1: a limit was missed (true size only), or with --check a ratio to the floor is more than 15 % above that of the
baseline; 2: wrong usage; 3: a workload could not be measured. docs/performance.md tells the method.
"""

from __future__ import annotations

import argparse
import compileall
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import fusion, growth, memory, plot, show, workloads
from benchmarks.inputs import COARSE, ROOT, inputs
from benchmarks.measure import environment
from benchmarks.results import Result, Session, append, latest, missed, worsened
from benchmarks.workloads import Bench
from sen2like.errors import UsageError

WORKLOADS: dict[str, Callable[[Bench], list[Result]]] = {
    "s2": workloads.s2,
    "landsat": workloads.landsat,
    "tile": workloads.tile,
    "area": workloads.area,
    "growth": growth.growth,
    "memory": memory.memory,
    "fusion": fusion.fusion,
}
DOCUMENT, PICTURE = ROOT / "docs" / "performance.md", "images/performance.svg"
GOOD, MISSED, USAGE, FAILED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return _document(arguments.document) if arguments.document else _measure(arguments)
    except UsageError as error:
        print(f"benchmarks: error: {error}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"default all: {', '.join(WORKLOADS)}")
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "work", help="for inputs, outputs and results")
    parser.add_argument("--inputs", type=Path, help="folder of a simulated scenario 'standard'; else one is made below --work")
    parser.add_argument("--coarse", type=int, default=1, choices=COARSE, help="pixel size in units of 10 m; default 1, true size")
    parser.add_argument("--runs", type=int, default=1, help="runs of each workload, of which the best counts")
    parser.add_argument("--check", type=Path, metavar="BASELINE", help="file of results to compare with")
    parser.add_argument("--document", type=Path, metavar="RESULTS", help="write them into docs/performance.md")
    return parser


def _measure(arguments: argparse.Namespace) -> int:
    if unknown := [name for name in arguments.workloads if name not in WORKLOADS]:
        raise UsageError(f"unknown workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if arguments.runs < 1:
        raise UsageError(f"--runs {arguments.runs}: at least one run is needed")
    baseline = latest(arguments.check, arguments.coarse) if arguments.check else None
    compileall.compile_dir(ROOT / "sen2like", quiet=1)  # as an installed program is
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(inputs(work, arguments.coarse, arguments.inputs), work, arguments.runs)
    console = Console(width=max(Console().width, 150))
    when, machine = datetime.now(UTC).isoformat(timespec="seconds"), environment()
    results: list[Result] = []
    failed = []
    for name in arguments.workloads or WORKLOADS:
        console.print(f"{datetime.now():%H:%M:%S} {name}")
        try:
            found = WORKLOADS[name](bench)
        except Exception as error:  # one workload that fails must not cost the results of the others
            traceback.print_exc()
            failed.append(f"{name} could not be measured: {error}")
            continue
        results += found
        append(Session(when, arguments.coarse, machine, tuple(found)), work / "results.json")
    session = Session(when, arguments.coarse, machine, tuple(results))
    show.show(session, console)
    plot.write(session, work / "results.svg")
    console.print(f"results: {work / 'results.json'}, plot: {work / 'results.svg'}", soft_wrap=True)
    problems = missed(session) + (worsened(session, baseline) if baseline else [])
    for line in [*failed, *problems]:
        console.print(f"[red]{line}", soft_wrap=True, highlight=False)
    return FAILED if failed else MISSED if problems else GOOD


def _document(results: Path) -> int:
    session = latest(results)
    show.document(session, DOCUMENT, PICTURE)
    plot.write(session, DOCUMENT.parent / PICTURE)
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
