"""Amounts of storage as people read them, and what a folder takes."""

import os
from pathlib import Path


def amount(size: float) -> str:
    """Bytes in decimal units: ``512 B``, ``3.4 MB``, ``120 GB``."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 9.95 else f"{size:.1f} {units[0]}"


def size_and_age(path: Path) -> tuple[int, float]:
    """(bytes, seconds since the epoch of the latest change) of a file or of all that is in a folder.

    A file with several hard links counts for nothing: removing it frees no space. What vanishes meanwhile is not counted.
    """
    total, latest, todo = 0, 0.0, [str(path)]
    while todo:
        entry = todo.pop()
        try:
            stat = os.lstat(entry)
            latest = max(latest, stat.st_mtime)
            if os.path.isdir(entry) and not os.path.islink(entry):
                todo += [inner.path for inner in os.scandir(entry)]
            elif stat.st_nlink == 1:
                total += stat.st_size
        except FileNotFoundError:
            continue
    return total, latest
