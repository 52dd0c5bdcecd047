"""Logging as it was: what the program sets up in a test must not reach the next one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("", "sen2like", "rasterio")


@contextmanager
def logging_restored() -> Iterator[None]:
    """Handlers and levels within are undone at the end."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in NAMES}
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
            handler.close()
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(False)
