"""Compiled kernels over ranges of rows, in threads (the kernels release the interpreter lock)."""

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_POOL = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="simulator")
_SERIAL_ROWS = 256


def by_rows(kernel: Callable[..., None], rows: int, *arguments) -> None:
    """Call ``kernel(first, last, *arguments)`` so that [0, rows) is covered once; small jobs stay in this thread."""
    if rows <= _SERIAL_ROWS:
        kernel(0, rows, *arguments)
        return
    edges = [rows * i // (os.cpu_count() or 1) for i in range((os.cpu_count() or 1) + 1)]
    for done in [_POOL.submit(kernel, a, b, *arguments) for a, b in itertools.pairwise(edges)]:
        done.result()
