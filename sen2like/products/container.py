"""`Container`: the files of one input product, whether it is a folder or a zip archive read in place.

Names are relative to the product root and use forward slashes; a single top folder inside an archive (``X.SAFE/``) is
hidden, so that both kinds list the same names. Nothing is ever written into an input.
"""

from __future__ import annotations

import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import IO

from sen2like.errors import ProductError

JUNK = ("__MACOSX/",)
"""Folders that packing tools add and that belong to no product."""


@dataclass(frozen=True)
class Container(ABC):
    """Files of a product at `path` (absolute). Holds no open file: may be pickled and shared by threads."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the product folder, or of the archive without ``.zip``."""
        return _without_zip(self.path.name)

    @cached_property
    @abstractmethod
    def _members(self) -> dict[str, str]:
        """Name relative to the root -> name in the folder or archive."""

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """A readable stream of the file; `ProductError` if it is missing or damaged."""

    @abstractmethod
    def gdal_path(self, name: str) -> str:
        """What GDAL opens for that file."""

    def root(self) -> tuple[str, ...]:
        """Sorted names of the files and folders in the root."""
        return tuple(sorted({n.split("/", 1)[0] for n in self._members}))

    def list(self) -> tuple[str, ...]:
        """Names of all files, sorted."""
        return tuple(self._members)

    def exists(self, name: str) -> bool:
        return name in self._members

    def find(self, pattern: str) -> tuple[str, ...]:
        """Sorted names that match a pattern such as ``GRANULE/*/MTD_*.xml``; ``*`` stops at a slash, case does not matter."""
        parts = pattern.lower().split("/")
        return tuple(name for name, found in self._parts.items() if _matches(found, parts))

    def read(self, name: str) -> bytes:
        """Contents of a file; `ProductError` if it is missing or damaged."""
        try:
            with self.open(name) as stream:
                return stream.read()
        except (OSError, EOFError, zipfile.BadZipFile) as error:
            raise ProductError(f"{self.label(name)}: cannot be read ({error}); fetch the product again") from error

    def label(self, name: str) -> str:
        """The file as messages name it."""
        return f"{self.path}: {name}"

    @cached_property
    def _parts(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(name.lower().split("/")) for name in self._members}

    def _member(self, name: str) -> str:
        if name not in self._members:
            raise ProductError(f"{self.path}: there is no file {name}; the product is incomplete")
        return self._members[name]


@dataclass(frozen=True)
class Folder(Container):
    """A product as a folder."""

    @cached_property
    def _members(self) -> dict[str, str]:
        found = []
        for folder, _, files in os.walk(self.path, followlinks=True):
            prefix = Path(folder).relative_to(self.path).as_posix()
            found += [f if prefix == "." else f"{prefix}/{f}" for f in files]
        return {name: name for name in sorted(found)}

    def root(self) -> tuple[str, ...]:
        # Answered without walking the tree: the folder may turn out to be a whole archive.
        return tuple(sorted(os.listdir(self.path)))

    def open(self, name: str) -> IO[bytes]:
        return (self.path / self._member(name)).open("rb")

    def gdal_path(self, name: str) -> str:
        return str(self.path / self._member(name))


@dataclass(frozen=True)
class ZipArchive(Container):
    """A product as a zip archive."""

    @cached_property
    def _members(self) -> dict[str, str]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith(JUNK)]
        except (OSError, zipfile.BadZipFile) as error:
            raise ProductError(f"{self.path}: not a complete zip archive ({error}); fetch the product again") from error
        return without_top_folder(names)

    def open(self, name: str) -> IO[bytes]:
        member = self._member(name)
        # The stream keeps the file of the archive open until it is closed itself.
        with zipfile.ZipFile(self.path) as archive:
            return archive.open(member)

    def gdal_path(self, name: str) -> str:
        # Without braces GDAL finds the end of the archive's name by its extension.
        archive = str(self.path) if self.path.suffix == ".zip" else f"{{{self.path}}}"
        return f"/vsizip/{archive}/{self._member(name)}"


def open_container(path: str | Path) -> Container:
    """The container at `path` (relative, with a trailing slash or through a link: all the same).

    Raises `ProductError` when nothing is there or it is neither a folder nor a zip archive.
    """
    absolute = Path(os.path.abspath(path))
    if absolute.is_dir():
        return Folder(absolute)
    if not absolute.exists():
        raise ProductError(f"product {path} not found")
    if zipfile.is_zipfile(absolute):
        return ZipArchive(absolute)
    if absolute.suffix.lower() == ".zip":
        raise ProductError(f"{absolute}: not a complete zip archive; fetch the product again")
    raise ProductError(f"{absolute}: neither a product folder nor a zip archive")


def _without_zip(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def without_top_folder(names: Iterable[str]) -> dict[str, str]:
    names = sorted(names)
    tops = {n.split("/", 1)[0] for n in names}
    if len(tops) == 1 and all("/" in n for n in names):
        return {n.split("/", 1)[1]: n for n in names}
    return {n: n for n in names}


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    return len(parts) == len(patterns) and all(fnmatchcase(p, q) for p, q in zip(parts, patterns, strict=True))
