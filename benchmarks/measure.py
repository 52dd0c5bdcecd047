"""One command line of sen2like in a process of its own: wall and processor time, peak memory, and what its report tells.

Memory is read from ``/proc``: the high-water mark of each process of the run (exact), and the sum of what the run and its
workers hold at a time (looked at every `INTERVAL`).
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio

import sen2like
from benchmarks.inputs import ROOT
from sen2like.errors import Sen2LikeError
from sen2like.execution.threads import Threads
from sen2like.report import as_json
from sen2like.report.model import Report

INTERVAL = 0.05
"""Seconds between two looks at memory."""
TREE_INTERVAL = 0.5
"""Seconds between two searches for new processes: workers live for the whole run."""
WARM_BYTES = 2_500_000_000
"""Memory that is taken and given back before a run, and before its floor. A virtual machine may have to ask its host for
memory that nobody has used for a while, at several seconds per GB; that is no matter of either."""


class RunFailed(Sen2LikeError):
    """A run that was to be measured did not do its work."""


@dataclass(frozen=True)
class Usage:
    """What a process and its children took. Seconds, 10**9 bytes."""

    wall: float
    cpu: float
    peak_gb: float
    """Largest memory of one process."""
    sum_gb: float
    """Largest memory of all of them at a time; pages they share count once for each."""


@dataclass(frozen=True)
class Run:
    """A measured run and its report."""

    usage: Usage
    report: Report

    @property
    def steps(self) -> dict[str, float]:
        """Seconds per step, added over threads and products; preparation and end of a block apart from its bands."""
        seconds: dict[str, float] = defaultdict(float)
        for product in self.report.products:
            for step in product.steps:
                seconds[step.name if step.phase == "process" else f"{step.name} {step.phase}"] += step.seconds
        return dict(seconds)


def sen2like_run(words: Iterable[object], wd: Path) -> Run:
    """Run ``Sen2Like.py`` with `words`, working in `wd` (emptied before). `RunFailed`: a product was not done."""
    shutil.rmtree(wd, ignore_errors=True)
    wd.mkdir(parents=True)
    command = [sys.executable, str(ROOT / "Sen2Like.py"), *map(str, words), "--wd", str(wd)]
    usage, code = used(command, wd / "output.txt")
    reports = sorted(wd.glob("*/report.json"))
    if code or len(reports) != 1:
        said = f"exit code {code}, {len(reports)} reports; its last words:\n{_tail(wd / 'output.txt')}"
        raise RunFailed(f"{' '.join(command)}: {said}")
    report = as_json.read(reports[0])
    if bad := [f"{p.product}: {p.status} {p.reason}" for p in report.products if p.status != "done"] or not report.products:
        raise RunFailed(f"{' '.join(command)}: not everything was processed: {bad or 'no product was found'}; see {wd}")
    return Run(usage, report)


def used(command: Sequence[str], output: Path) -> tuple[Usage, int]:
    """(what it took, exit code) of a command run from the repository; what it prints goes to the file `output`."""
    warm_memory()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with output.open("wb") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT)
        memory = _Memory(process.pid)
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            memory.stop()
        wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Usage(wall, cpu, memory.peak / 1e9, memory.peak_sum / 1e9), code


def warm_memory() -> None:
    """Take `WARM_BYTES`, at most half of what is free, and give them back."""
    size = min(WARM_BYTES, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    subprocess.run([sys.executable, "-c", f"import numpy; numpy.ones({size}, numpy.uint8)"], check=True)


class _Memory:
    """Watches a process and its children from a thread. Bytes."""

    def __init__(self, pid: int):
        self.peak = self.peak_sum = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        pids, searched = [self._pid], time.monotonic()
        while not self._over.wait(INTERVAL):
            if time.monotonic() - searched > TREE_INTERVAL:
                pids, searched = descendants(self._pid), time.monotonic()
            held = [_status(pid) for pid in pids]
            self.peak = max([self.peak, *(high for high, _ in held)])
            self.peak_sum = max(self.peak_sum, sum(now for _, now in held))


def descendants(pid: int) -> list[int]:
    """`pid` and all processes that come from it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                after_name = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            children[int(after_name[1])].append(int(entry))
    found = [pid]
    for parent in found:
        found += children[parent]
    return found


def _status(pid: int) -> tuple[int, int]:
    """(high-water mark, resident now) of a process, bytes; zeros when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = (line.partition(":")[::2] for line in lines)
    kilobytes = {key: int(value.split()[0]) for key, value in values if key in ("VmHWM", "VmRSS")}
    return 1024 * kilobytes.get("VmHWM", 0), 1024 * kilobytes.get("VmRSS", 0)


def warm(paths: Iterable[Path | str]) -> None:
    """Bring files into the cache of the file system, so that the run and its floor find them alike."""
    for path in paths:
        path = Path(path)
        for file in sorted(path.rglob("*")) if path.is_dir() else (path,):
            if file.is_file():
                with file.open("rb") as stream:
                    while stream.read(1 << 24):
                        pass


def environment() -> dict[str, object]:
    """Machine and versions."""
    threads = Threads.for_product(None, False)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    model = next((line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model or platform.machine(),
        "cores": threads.cores,
        "bands_in_flight": threads.bands,
        "memory_gb": round(memory, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        "rasterio": rasterio.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "sen2like": sen2like.__version__,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _tail(path: Path, size: int = 3000) -> str:
    return path.read_text(errors="replace")[-size:]
