"""Threads of native libraries."""

import os

import cv2
import pytest

from sen2like.execution.native import limit_native_threads, opencv_threads, share_of


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(8, 1, 8), (8, 3, 2), (2, 4, 1), (1, 1, 1)])
def test_cores_are_shared_and_nobody_gets_none(cores, jobs, threads):
    assert share_of(cores, jobs) == threads


@pytest.mark.parametrize(("cores", "jobs"), [(0, 1), (4, 0)])
def test_impossible_shares_are_refused(cores, jobs):
    with pytest.raises(ValueError, match="1 or more"):
        share_of(cores, jobs)


def test_opencv_and_blas_are_limited(monkeypatch):
    before = cv2.getNumThreads()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "64")
    try:
        limit_native_threads(1)
        assert cv2.getNumThreads() == 1
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    finally:
        cv2.setNumThreads(before)


def test_opencv_has_its_threads_back_also_after_an_error():
    before = cv2.getNumThreads()
    with pytest.raises(ZeroDivisionError), opencv_threads(1):
        assert cv2.getNumThreads() == 1
        raise ZeroDivisionError
    assert cv2.getNumThreads() == before
