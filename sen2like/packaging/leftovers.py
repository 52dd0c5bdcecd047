"""Half-written output products in the archive: hidden folders ``.<name>.partial-<host>-<pid>`` (see `packaging.writer`)."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

from sen2like.execution.locks import process_exists

_NAME = re.compile(r"\..+\.partial-(?P<host>.+)-(?P<pid>\d+)")


@dataclass(frozen=True)
class Leftover:
    """A hidden folder in which a process writes, or wrote, a product."""

    path: Path
    host: str
    pid: int
    alive: bool | None
    """Whether its process lives; None: it is of another machine."""


def leftovers(folder: Path) -> list[Leftover]:
    """Half-written products in the folder of a tile, sorted; also those that are being written now."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink():
            host, pid = match["host"], int(match["pid"])
            found.append(Leftover(path, host, pid, process_exists(pid) if host == socket.gethostname() else None))
    return found
