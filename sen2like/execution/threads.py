"""Threads of one product: how many, and for what.

Two kinds share the processors: a few *band* threads, each decoding, computing and encoding one band at a time (so one
band's codec works while another computes), and the *strip* threads that run pixel-wise kernels. Codecs get one thread
each while several bands are in flight, which keeps all cores busy without the losses of threading inside a codec.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sen2like.execution.cgroup import allowed_cores

BANDS_IN_FLIGHT = 2
"""Enough to keep codec and arithmetic busy together; more costs memory (about 0.6 GB each at 10 980 x 10 980)."""


@dataclass(frozen=True)
class Threads:
    """`cores`: strip threads, and threads of a codec that works alone; `bands`: bands in flight."""

    cores: int
    bands: int

    @classmethod
    def for_product(cls, number_of_process: int | None, parallelize_bands: bool, cores: int | None = None) -> "Threads":
        """Number of cores (`cores`, None: all) and bands in flight; `parallelize_bands`: as many as processes are allowed."""
        cores = cores or available_cores()
        limit = number_of_process or cores
        return cls(cores, max(1, limit if parallelize_bands else min(BANDS_IN_FLIGHT, cores)))

    def strip_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.cores, thread_name_prefix="strip")

    def band_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.bands, thread_name_prefix="band")


def available_cores() -> int:
    """Cores this process may use, by its affinity and by the time its control groups allow."""
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(visible, allowed_cores())))
