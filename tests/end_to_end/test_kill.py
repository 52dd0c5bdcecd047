"""kill -9 at random moments of a run of six products; the same command goes on until the archive is as if nothing had been."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from end_to_end.modes import contents, differences, fresh, inputs, offer, outputs, search, short
from end_to_end.running import REPOSITORY, TILE, Bench

SEED = 20210615
GONE = 30.0
"""Seconds within which the workers of a killed run must be gone: they see it once they have started, which takes long on a busy
machine."""


@pytest.fixture(scope="module")
def root(simulate_scenario, simulate, tmp_path_factory) -> Path:
    """Six products: four of Sentinel-2, two of Landsat that are fused with them."""
    more = simulate(sensor="S2B", when=datetime(2021, 6, 7, 10, 46, 25, 578000), cover=0.02)
    return offer(tmp_path_factory.mktemp("six"), [*inputs(simulate_scenario("standard")).values(), more.path])


def words(bench: Bench, root: Path) -> list[str]:
    return search(bench, root, "single-tile-mode", TILE, "--jobs", "2", "--bands", "B04,B8A")


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody kills."""

    contents: dict[str, bytes]
    first: float
    """Seconds from taking the tile to the first product."""
    span: float
    """Seconds from taking the tile to the last product."""


@pytest.fixture(scope="module")
def undisturbed(root, module_bench) -> Undisturbed:
    bench = module_bench()
    process = bench.process(*words(bench, root))
    while owner(bench.archive / TILE / ".lock") is None and process.poll() is None:
        time.sleep(0.005)
    taken = time.monotonic()
    while not list(bench.archive.glob("*/*.SAFE")) and process.poll() is None:
        time.sleep(0.005)
    first = time.monotonic() - taken
    run = bench.ended(process)
    span = time.monotonic() - taken
    assert run.code == 0 and len(outputs(run)) == 12, run.err
    return Undisturbed(contents(bench.archive), first, span)


@dataclass
class Watch:
    """Looks at an archive from outside, as any reader does."""

    archive: Path
    seen: dict[Path, dict[str, tuple]] = field(default_factory=dict)
    """What the files of each product were when it was first seen."""

    def look(self) -> None:
        for product in self.archive.glob("*/*.SAFE"):
            if product not in self.seen:
                self.seen[product] = _files(product)

    def changed(self) -> list[str]:
        """Products that are there, but not as they were when their name appeared."""
        return [path.name for path, files in self.seen.items() if path.exists() and _files(path) != files]

    def finished(self) -> set[Path]:
        """Products of acquisitions that have both levels."""
        there = list(self.archive.glob("*/*.SAFE"))
        levels = {short(path) for path in there}
        return {path for path in there if {short(path).replace("L2H", level) for level in ("L2H", "L2F")} <= levels}


def _files(product: Path) -> dict[str, tuple]:
    """Inode, size and time of change of all files."""
    told = {}
    for folder, _, names in os.walk(product):
        for name in names:
            status = os.stat(os.path.join(folder, name))
            told[os.path.join(folder, name)] = status.st_ino, status.st_size, status.st_mtime_ns
    return told


def offspring(pid: int) -> dict[int, str]:
    """Processes below `pid`, with their start so that a number used again is no mistake."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (told := _status(int(entry.name))):
            parents[int(entry.name)] = told
    below: dict[int, str] = {}
    todo = [pid]
    while todo:
        parent = todo.pop()
        for child, (_, of, born) in parents.items():
            if of == parent and child not in below:
                below[child] = born
                todo.append(child)
    return below


def _status(pid: int) -> tuple[str, int, str] | None:
    """(state, parent, start) of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), fields[19]


def alive(processes: dict[int, str]) -> list[int]:
    told = {pid: _status(pid) for pid in processes}
    return [pid for pid, born in processes.items() if (now := told[pid]) and now[0] not in "ZX" and now[2] == born]


def owner(lock: Path) -> int | None:
    """Process that holds a lock; it may be a killed one."""
    try:
        return json.loads(lock.read_text())["pid"]
    except (OSError, ValueError):
        return None


def killed(bench: Bench, root: Path, watch: Watch, moment: float) -> str:
    """Run until `moment` seconds after the run took the tile; -> ``killed``, or ``ended`` before that."""
    with open(bench.folder / "output", "a") as output:
        process = subprocess.Popen(
            [sys.executable, "Sen2Like.py", *words(bench, root)], cwd=REPOSITORY, stdout=output, stderr=output
        )
    taken = None
    workers: dict[int, str] = {}
    try:
        while process.poll() is None:
            watch.look()
            if taken is None and owner(bench.archive / TILE / ".lock") == process.pid:
                taken = time.monotonic()
            if taken is not None and time.monotonic() > taken + moment:
                workers = offspring(process.pid)
                process.kill()
                process.wait()
                break
            time.sleep(0.005)
        else:
            assert process.returncode == 0, (bench.folder / "output").read_text()
            return "ended"
        deadline = time.monotonic() + GONE
        while (left := alive(workers)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"processes {left} outlive their run"
        return "killed"
    finally:
        process.kill()
        process.wait()


def disturb(bench: Bench, root: Path, watch: Watch, kills: int, seed: int, usual: Undisturbed) -> list[int]:
    """Kill `kills` runs, with the archive emptied whenever it is complete; -> products that each left, 0 to 12.

    Half of the moments are spread over all of the run, half over the second in which the first products are made.
    """
    chance = random.Random(seed)
    left: list[int] = []
    while len(left) < kills:
        kept = {path: _files(path) for path in watch.finished()}
        before = {short(path) for path in kept}
        moment = chance.uniform(0.0, usual.span) if len(left) % 2 else usual.first + chance.uniform(-0.5, 0.5)
        ended = killed(bench, root, watch, moment)
        now = {path: _files(path) for path in kept if path.exists()}
        assert now == kept, f"finished products were touched: {before}"
        assert watch.changed() == []
        if ended == "killed":
            left.append(len(list(bench.archive.glob("*/*.SAFE"))))
        else:
            fresh(bench)
            watch.seen.clear()
    return left


def check(bench: Bench, root: Path, usual: Undisturbed, kills: int, seed: int) -> list[int]:
    watch = Watch(bench.archive)
    left = disturb(bench, root, watch, kills, seed, usual)
    kept = {path: _files(path) for path in watch.finished()}
    run = bench.ended(bench.process(*words(bench, root)))
    assert run.code == 0, run.err
    assert {path: _files(path) for path in kept} == kept
    watch.look()
    assert watch.changed() == []
    assert differences(contents(bench.archive), usual.contents) == []
    assert not any(bench.archive.rglob(".*"))
    return left


def test_three_kills_leave_what_an_undisturbed_run_leaves(bench, root, undisturbed):
    check(bench, root, undisturbed, 3, SEED)


@pytest.mark.long
def test_twenty_kills_leave_what_an_undisturbed_run_leaves(bench, root, undisturbed):
    left = check(bench, root, undisturbed, 20, SEED + 1)
    print(f"products in the archive after each kill: {left}; undisturbed {undisturbed.first:.1f} s to {undisturbed.span:.1f} s")
    assert len(left) == 20 and len(set(left)) >= 3  # they came at different stages
