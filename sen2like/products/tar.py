"""Products in tar archives: ``.tar`` is read in place, ``.tar.gz`` (no random access) is extracted to a working folder.

An archive is trusted with nothing: only plain files and folders below its own root are accepted.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from sen2like.errors import ProductError
from sen2like.products.container import Container, Folder, open_container, without_top_folder

SUFFIXES = (".tar.gz", ".tgz", ".tar")
_GZIP = b"\x1f\x8b"
_NAME_LENGTH = 100
"""Longest name in a header of the format without extensions (POSIX.1-1988 ustar), bytes."""
_BLOCK = 512
_DAMAGED = (tarfile.TarError, OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class TarArchive(Container):
    """A product as an uncompressed tar archive, read in place."""

    @property
    def name(self) -> str:
        return without_suffix(self.path.name)

    @cached_property
    def _members(self) -> dict[str, str]:
        names: set[str] = set()
        try:
            with tarfile.open(self.path, "r:") as archive:
                for member in archive:
                    if _is_file(member, self.path):
                        if member.name in names:
                            raise ProductError(f"{self.path}: two files of the name {member.name}; the archive cannot be used")
                        names.add(member.name)
                _check_end(self.path, archive.offset)
        except _DAMAGED as error:
            raise ProductError(f"{self.path}: not a complete tar archive ({error}); fetch the product again") from error
        return without_top_folder(names)

    def open(self, name: str) -> IO[bytes]:
        """The whole file in memory: meant for metadata, images go through `gdal_path`."""
        member = self._member(name)
        try:
            with tarfile.open(self.path, "r:") as archive:
                stream = archive.extractfile(member)
                if stream is None:
                    raise ProductError(f"{self.label(name)}: not a plain file")
                return io.BytesIO(stream.read())
        except _DAMAGED as error:
            raise ProductError(f"{self.label(name)}: cannot be read ({error}); fetch the product again") from error

    def gdal_path(self, name: str) -> str:
        member = self._member(name)
        if len(member) > _NAME_LENGTH:
            # GDAL does not know the extensions of the format for longer names; the file's bytes stand in one piece, though.
            with tarfile.open(self.path, "r:") as opened:
                info = opened.getmember(member)
            return f"/vsisubfile/{info.offset_data}_{info.size},{self.path}"
        # Without braces GDAL finds the end of the archive's name by its extension.
        archive = str(self.path) if self.path.suffix == ".tar" else f"{{{self.path}}}"
        return f"/vsitar/{archive}/{member}"


def open_archive(path: str | Path, extraction_folder: str | Path | None = None) -> Container:
    """The container at `path`: a folder, a zip, a tar, or a compressed tar, which is extracted below `extraction_folder`.

    Raises `ProductError` when nothing is there, it is damaged or unsafe, or a compressed tar comes without a folder.
    """
    absolute = Path(os.path.abspath(path))
    if not absolute.is_file():
        return open_container(absolute)
    if is_compressed(absolute):
        if extraction_folder is None:
            raise ProductError(f"{absolute}: a compressed archive cannot be read in place; give a working folder, or unpack it")
        return Folder(extract(absolute, extraction_folder))
    if absolute.name.lower().endswith(SUFFIXES) or tarfile.is_tarfile(absolute):
        return TarArchive(absolute)
    return open_container(absolute)


def is_compressed(path: str | Path) -> bool:
    """True for a file compressed as a whole (``.tar.gz``): it cannot be read in place."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(2) == _GZIP


def extract(path: str | Path, folder: str | Path) -> Path:
    """Extract a compressed tar to ``<folder>/<name of the archive>`` and return that; done once as long as the archive stays.

    The folder appears when it is complete and never before. Raises `ProductError` if the archive is damaged or holds anything
    but plain files and folders below its root; nothing of it is left then.
    """
    archive_path, folder = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    made = archive_path.stat()
    target = folder / without_suffix(archive_path.name)
    # The folder carries the time of the archive it was made from; any file put in or taken out changes it.
    if target.is_dir() and target.stat().st_mtime_ns == made.st_mtime_ns:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=folder))
    try:
        _extract_members(archive_path, part)
        entries = list(part.iterdir())
        root = entries[0] if len(entries) == 1 and entries[0].is_dir() else part
        root.chmod(0o755)
        os.utime(root, ns=(made.st_atime_ns, made.st_mtime_ns))
        if target.is_dir():
            shutil.rmtree(target)
        try:
            root.rename(target)
        except OSError:
            # Another process finished the same extraction meanwhile.
            if not (target.is_dir() and target.stat().st_mtime_ns == made.st_mtime_ns):
                raise
    except _DAMAGED as error:
        raise ProductError(f"{archive_path}: cannot be extracted to {folder} ({error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def without_suffix(name: str) -> str:
    """Name of an archive without ``.tar``, ``.tar.gz`` or ``.tgz``."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.lower().endswith(suffix)), name)


def _extract_members(archive_path: Path, part: Path) -> None:
    # Through gzip itself: the streams of tarfile take a truncated file for one that ends there.
    with gzip.open(archive_path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
        for member in archive:
            if not _is_file(member, archive_path):
                continue
            stream = archive.extractfile(member)
            if stream is None:
                raise ProductError(f"{archive_path}: {member.name} is not a plain file")
            goal = part / member.name
            goal.parent.mkdir(parents=True, exist_ok=True)
            with goal.open("xb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
        while unpacked.read(1 << 20):  # to the end, where its checksum is
            pass


def _check_end(path: Path, offset: int) -> None:
    """A complete archive has an empty block where its files end; without one it was cut between two files or in a header."""
    with path.open("rb") as file:
        file.seek(offset)
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise tarfile.ReadError("its end is missing")


def _is_file(member: tarfile.TarInfo, archive: Path) -> bool:
    """True for a file of the product, False for a folder or a file that packing tools add; anything else is an error."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ProductError(f"{archive}: {member.name} lies outside the archive; the archive is refused as unsafe")
    if member.isdir():
        return False
    if not member.isreg() or member.issparse():
        kind = "a link" if member.islnk() or member.issym() else "neither a plain file nor a folder"
        raise ProductError(f"{archive}: {member.name} is {kind}; the archive is refused as unsafe")
    return not name.name.startswith("._")
