"""Threads of native libraries inside a process that shares the machine with others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2


def share_of(cores: int, jobs: int) -> int:
    """Threads each of `jobs` simultaneous processes may use."""
    if cores < 1 or jobs < 1:
        raise ValueError(f"cores = {cores} and jobs = {jobs} must both be 1 or more")
    return max(1, cores // jobs)


def limit_native_threads(threads: int) -> None:
    """Let OpenCV, and every library loaded or program started from now on that uses OpenMP or a BLAS, use so many threads.

    GDAL is not set here: its threads are an argument of every read and write.
    """
    cv2.setNumThreads(threads)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


@contextmanager
def opencv_threads(threads: int) -> Iterator[None]:
    """OpenCV uses so many threads within, in all of the process, and as many as before afterwards."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
