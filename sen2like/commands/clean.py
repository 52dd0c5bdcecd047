"""``clean``: remove what ended runs left in the working directory and in the archive.

Whether a run has ended is known from its report, which is written last, from the lock in its folder, and from the locks of
tiles that name it; where nothing tells, from no change for a day.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sen2like.commands.amounts import amount, size_and_age
from sen2like.commands.configuration import configuration
from sen2like.commands.findings import unreadable
from sen2like.errors import PackagingError, UsageError
from sen2like.execution.locks import NAME as LOCK
from sen2like.execution.locks import Owner, TileLock, TileLocked, holder
from sen2like.packaging.leftovers import leftovers
from sen2like.report.as_html import FILE_NAME as REPORT
from sen2like.request import Request

DAY = 86400.0
"""Seconds. What did not change for so long, and has no living owner that could be known, counts as left over."""
CACHE = "cache"
_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}")
_TILE = re.compile(r"\d{2}[A-Z]{3}")


@dataclass(frozen=True)
class Find:
    """Something that may be removed, or (with a reason to keep it) not."""

    path: Path
    what: str
    size: int
    """Bytes that removing it frees."""
    keep: str = ""
    """Why it stays; empty: it goes."""


@dataclass(frozen=True)
class Cleaned:
    """What became of everything that was found."""

    removed: tuple[Find, ...]
    failed: tuple[Find, ...]
    """Could not be removed; `keep` tells why."""
    kept: tuple[Find, ...]


def run(given: Mapping[str, Any]) -> int:
    """Clean what the words say and tell it; -> how many things could not be removed."""
    wd, archive, days = given.get("wd"), given.get("archive"), given.get("older_than", 0.0)
    if not 0 <= days < float("inf"):
        raise UsageError(f"--older-than {days}: expected a number of days, 0 or more")
    if wd is None and archive is None:
        config = configuration(given, searching=False)
        wd, archive = config.run_time.wd or Request.model_fields["wd"].default, config.directories.archive_dir
    for option, folder in (("--wd", given.get("wd")), ("--archive", given.get("archive"))):
        if folder is not None and (problem := unreadable(folder)):
            raise UsageError(f"{option} {problem}")
    dry_run = given.get("dry_run", False)
    cleaned = clean(wd, archive, days * DAY, dry_run=dry_run)
    verb = "would remove" if dry_run else "removed"
    for find in cleaned.removed:
        print(f"{verb:12} {amount(find.size):>7}  {find.what} {find.path}")
    for find in cleaned.failed:
        print(f"{'not removed':12} {amount(find.size):>7}  {find.what} {find.path}: {find.keep}")
    for find in cleaned.kept:
        print(f"{'kept':12} {amount(find.size):>7}  {find.what} {find.path}: {find.keep}")
    total = amount(sum(find.size for find in cleaned.removed))
    print(f"{'would free' if dry_run else 'freed'} {total} in {' and '.join(str(f) for f in (wd, archive) if f is not None)}")
    return len(cleaned.failed)


def clean(wd: Path | None, archive: Path | None, older_than: float = 0.0, *, dry_run: bool = False) -> Cleaned:
    """Remove folders of ended runs and the cache in `wd`, and half-written products in `archive`, all older than `older_than` s.

    `dry_run`: only say so.
    """
    removed: list[Find] = []
    failed: list[Find] = []
    kept: list[Find] = []

    def remove(finds: list[Find]) -> None:
        for find in finds:
            if find.keep:
                kept.append(find)
            elif dry_run or not (problem := _remove(find.path)):
                removed.append(find)
            else:
                failed.append(Find(find.path, find.what, find.size, problem))

    if wd is not None and wd.is_dir():
        remove(_in_working_directory(wd, _working(archive), older_than))
    for folder in _tiles(archive):
        if not (finds := _in_tile(folder, older_than)):
            continue
        if dry_run:
            owner = _owner(folder)
            remove([_kept(find, f"the tile is in use by {owner}") if owner else find for find in finds])
            continue
        try:
            with TileLock(folder.parent, folder.name, "clean", "exit"):
                remove(_in_tile(folder, older_than))
        except TileLocked as error:
            remove([_kept(find, str(error)) for find in finds])
        except OSError as error:
            failed += [_kept(find, f"the tile cannot be locked: {error.strerror or error}") for find in finds]
    return Cleaned(tuple(removed), tuple(failed), tuple(kept))


def _tiles(archive: Path | None) -> Iterator[Path]:
    if archive is not None and archive.is_dir():
        yield from (folder for folder in sorted(archive.iterdir()) if _TILE.fullmatch(folder.name) and folder.is_dir())


def _working(archive: Path | None) -> dict[str, str]:
    """Runs that hold the lock of a tile of the archive now, by name, and how messages call them."""
    owners = (_owner(folder) for folder in _tiles(archive))
    return {owner.run: str(owner) for owner in owners if owner is not None}


def _owner(folder: Path) -> Owner | None:
    """Who holds the lock in a folder. `PackagingError`: it cannot be told, so that nothing there may be removed."""
    try:
        return holder(folder.parent, folder.name)
    except OSError as error:
        cause = error.strerror or error
        raise PackagingError(f"the lock in {folder} cannot be looked at: {cause}; make the folder writable") from error


def _in_working_directory(wd: Path, working: Mapping[str, str], older_than: float) -> list[Find]:
    """Folders of runs, and the cache that they share."""
    finds, alive = [], False
    for folder in sorted(wd.iterdir()):
        if not _RUN.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        size, changed = size_and_age(folder)
        keep = _at_work(folder, working, changed)
        alive = alive or bool(keep)
        if not keep and time.time() - changed < older_than:
            continue
        finds.append(Find(folder, "run folder", size, keep))
    cache = wd / CACHE
    if cache.is_dir() and not cache.is_symlink():
        for file in sorted(cache.iterdir()):
            size, changed = size_and_age(file)
            if alive or time.time() - changed >= older_than:
                finds.append(Find(file, "cache", size, "a run may be using it" if alive else ""))
    return finds


def _at_work(folder: Path, working: Mapping[str, str], changed: float) -> str:
    """Why a run may still be going on; empty: it has ended."""
    if folder.name in working:
        return f"in use by {working[folder.name]}"
    if (owner := _owner(folder)) is not None:
        return f"in use by {owner}"
    if (folder / REPORT).exists() or (folder / LOCK).exists() or time.time() - changed > DAY:
        return ""  # written at the end; or the lock of a dead owner
    return "it has no report, so the run may be going on; it is taken for ended when nothing in it changed for a day"


def _in_tile(folder: Path, older_than: float) -> list[Find]:
    """Half-written products of a tile."""
    finds = []
    for leftover in leftovers(folder):
        size, changed = size_and_age(leftover.path)
        quiet = time.time() - changed
        keep = ""
        if leftover.alive:
            keep = f"process {leftover.pid} is working on it"
        elif leftover.alive is None and quiet <= DAY:
            keep = f"it is of {leftover.host}, where its process may be working on it; removed from there, or after a day"
        if keep or quiet >= older_than:
            finds.append(Find(leftover.path, "half-written product", size, keep))
    return finds


def _kept(find: Find, why: str) -> Find:
    return Find(find.path, find.what, find.size, find.keep or why)


def _remove(path: Path) -> str:
    """Remove a file or folder; -> why that failed, empty if it did not."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{error.strerror or error}"
    return ""
