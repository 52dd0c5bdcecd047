"""The log: ``<wd>/sen2like.log`` and stderr, one format (spec 01 section 3), several processes at a time.

Every line is written by one ``write`` to a file opened for appending, so that lines of different processes never mix.
Worker processes call ``configure(current())``. The stream is looked up at every line, which lets a progress display that
redirects stderr print the line above itself.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "sen2like.log"
_LINE = "P-%(process)d | T-%(thread)-5d | %(levelname)-8s | %(module)-20s - %(message)s"


@dataclass(frozen=True)
class LogSetup:
    """What a process must know to log like its parent; can be pickled."""

    file: Path | None = None
    debug: bool = False
    date: bool = True


_current = LogSetup()


def configure(setup: LogSetup) -> None:
    """Send the log of this process to stderr and `setup.file` (created with its folder). Not writable: OSError."""
    global _current
    handlers: list[logging.Handler] = [_StderrHandler()]
    if setup.file is not None:
        setup.file.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(AppendHandler(setup.file))
    for handler in handlers:
        handler.setFormatter(line_format(setup.date))
    root = logging.getLogger()
    _remove_ours(root)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("sen2like").setLevel(logging.DEBUG if setup.debug else logging.INFO)
    logging.getLogger("rasterio").setLevel(logging.WARNING)  # it tells every failed probe of GDAL at INFO
    logging.captureWarnings(True)
    _current = setup


def current() -> LogSetup:
    """The setup of this process, to be given to its workers."""
    return _current


@contextmanager
def also_to(path: Path) -> Iterator[Path]:
    """While open, every line goes to `path` as well: the log of one run or of one product."""
    handler = AppendHandler(path)
    handler.setFormatter(line_format(_current.date))
    logging.getLogger().addHandler(handler)
    try:
        yield path
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def line_format(date: bool = True) -> logging.Formatter:
    """``YYYY-MM-DD HH:MM:SS | P-<pid> | T-<thread> | <LEVEL> | <module> - <message>``, UTC; `date` False: no first column."""
    formatter = logging.Formatter(f"%(asctime)s | {_LINE}" if date else _LINE, datefmt="%Y-%m-%d %H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


class AppendHandler(logging.Handler):
    """Appends lines to a file that other processes append to as well.

    A file that takes no more (disk full) is told of once, on standard error: lines may fit again later.
    """

    def __init__(self, path: Path):
        super().__init__()
        self._path, self._told = path, False
        self._fd: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        except OSError as e:
            if not self._told:
                self._told = True
                print(f"sen2like: cannot write the log {self._path}: {e.strerror}; lines are missing there", file=sys.stderr)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        super().close()


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def _remove_ours(root: logging.Logger) -> None:
    for handler in list(root.handlers):
        if isinstance(handler, AppendHandler | _StderrHandler):
            root.removeHandler(handler)
            handler.close()
