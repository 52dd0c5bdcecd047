"""Memory a job will need and memory it has used."""

import ctypes
import os
import threading
from math import prod
from pathlib import Path
from types import TracebackType

PROCESS_MB = 250.0
"""A worker process with its libraries loaded and hardly any image: 210 measured, and some room."""
CORES_PER_HEAP = 2
"""Processors whose threads share a heap of the C library."""
_M_ARENA_MAX = -8  # malloc.h of glibc
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_INTERVAL = 0.05


def estimate_mb(shape: tuple[int, int], images: float, bytes_per_pixel: float = 4, fixed_mb: float = PROCESS_MB) -> float:
    """Peak memory (MB) of a job that holds `images` arrays of `shape` pixels at a time, besides its process."""
    return fixed_mb + images * prod(shape) * bytes_per_pixel / 1e6


class PeakMemory:
    """``with PeakMemory() as peak:`` and afterwards ``peak.mb``: highest resident memory (MB) of this process meanwhile.

    Exact if no other measurement runs at its start and the kernel lets its high-water mark be reset; else sampled every
    0.05 s. `shared`: another measurement ran at the same time, so the figure is of both together.
    """

    _running: "set[PeakMemory]" = set()  # noqa: RUF012 (shared on purpose)
    _guard = threading.Lock()

    def __init__(self) -> None:
        self.mb = 0.0
        self.shared = False
        self.exact = False
        self._over = threading.Event()
        self._sampler: threading.Thread | None = None

    def __enter__(self) -> "PeakMemory":
        with self._guard:
            for other in self._running:
                other.shared = self.shared = True
            self.exact = not self._running and _reset_high_water()
            self._running.add(self)
        if not self.exact:
            self.mb = resident_mb()
            self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)
            self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        if self._sampler is not None:
            self._sampler.join()
        with self._guard:
            self.mb = max(self.mb, _status_mb("VmHWM") if self.exact else resident_mb())
            self._running.discard(self)

    def _sample(self) -> None:
        while not self._over.wait(_INTERVAL):
            self.mb = max(self.mb, resident_mb())


def share_heaps(cores: int) -> None:
    """Let threads share a few heaps of the C library (glibc); to be called before a thread has begun.

    By default there are eight for each processor. Which thread gets which is chance, and the end of each stays as long as it
    once was (`release_free` cannot shorten it): a long run would hold ever more. A user who has chosen
    (``MALLOC_ARENA_MAX``, ``GLIBC_TUNABLES``) is obeyed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and not {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"} & os.environ.keys():
        mallopt(_M_ARENA_MAX, max(1, cores // CORES_PER_HEAP))


def release_free() -> None:
    """Give memory that is free inside the C library back to the system (glibc; elsewhere nothing happens)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def resident_mb() -> float:
    """Memory (MB) of this process that is in RAM now."""
    return _status_mb("VmRSS")


def _reset_high_water() -> bool:
    """False: not allowed here (some containers)."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _status_mb(name: str) -> float:
    for line in _STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024 / 1e6
    raise OSError(f"{_STATUS} has no {name}: memory cannot be measured on this system")
