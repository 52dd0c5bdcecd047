"""What a process that runs tasks for another one sets up first."""

import logging
from pathlib import Path

from sen2like import logs
from sen2like.execution.memory import share_heaps
from sen2like.execution.native import limit_native_threads
from sen2like.execution.threads import available_cores


def prepare_worker(setup: logs.LogSetup, run_log: Path, threads: int | None) -> None:
    """Log as the run does, also to `run_log`; native libraries use `threads` (None: as many as they like)."""
    share_heaps(threads or available_cores())
    logs.configure(setup)
    handler = logs.AppendHandler(run_log)
    handler.setFormatter(logs.line_format(setup.date))
    logging.getLogger().addHandler(handler)
    if threads is not None:
        limit_native_threads(threads)
