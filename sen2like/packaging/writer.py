"""One output product being built: in a hidden folder beside its destination, renamed when complete.

Readers never see half a product: until :meth:`ProductWriter.publish` it lives in ``.<name>.partial-<host>-<pid>``, which
:func:`remove_leftovers` clears when its process is gone. Writers are used from several threads, one band each.
"""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import socket
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from sen2like.errors import PackagingError
from sen2like.grid.mgrs import MGRSTile
from sen2like.packaging.checks import raster_problems, verify
from sen2like.packaging.documents import write_documents
from sen2like.packaging.leftovers import leftovers
from sen2like.packaging.names import ProductNames
from sen2like.packaging.output import LANDSAT, OutputProduct, WrittenFile, WrittenImage, image_key
from sen2like.packaging.quantity import quantity
from sen2like.products.model import Band, Product
from sen2like.raster.image import Image, RowImage
from sen2like.raster.write import RasterFormat, write_image, write_mask

log = logging.getLogger(__name__)

_PARTIAL = ".partial-"
_REPLACES = ".replaces"
"""Ending of the hidden list of products that a new one replaces."""


@dataclass(frozen=True)
class OutputSettings:
    """How products are written; values of the configuration sections OutputFormat, COGoptions, Packager."""

    archive_dir: Path
    gain: float = 10000
    offset: float = 1000
    fmt: RasterFormat = field(default_factory=RasterFormat)
    quicklook_quality: int = 75
    json_metadata: bool = True
    if_exists: str = "replace"
    configuration_name: str = ""
    configuration_hash: str = ""


class ProductWriter:
    """Builds the L2H or L2F product of one input product. `folder` is the hidden one until it is published.

    Threads of `aside` bring its files to disk; without it each file is waited for.
    """

    def __init__(
        self,
        level: str,
        product: Product,
        tile: MGRSTile,
        settings: OutputSettings,
        production_time: datetime,
        aside: Executor | None = None,
    ):
        self.level, self.product, self.tile, self.settings = level, product, tile, settings
        self.production_time = production_time
        self.names = ProductNames.of(product, level, tile.id, production_time)
        self.images: dict[str, WrittenImage] = {}
        """By path relative to the product: native and harmonised bands may share a name (spec 10 section 4)."""
        self.files: list[WrittenFile] = []
        self._lock = threading.Lock()
        parent = settings.archive_dir / tile.id
        self.final = parent / self.names.folder
        self.folder = parent / f".{self.names.folder}{_PARTIAL}{socket.gethostname()}-{os.getpid()}"
        self._published = False
        self._aside = aside
        self._flushed: list[Future[None]] = []
        try:
            for name in self.names.directories():
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise PackagingError(f"cannot create the output folder {self.folder}: {e.strerror}") from e

    def add_image(
        self, band: Band, dn: np.ndarray, image: RowImage, means: Mapping[int, np.ndarray] | None = None, threads: int = 1
    ) -> WrittenImage:
        """Write DN (uint16) of a band on the grid of `image` with the tags that give reflectance, or what else it is, back.

        `means`: see `write_image`.
        """
        s = self.settings
        name = self.names.image(band.output_name, image.resolution, band.native, s.fmt.name)
        meaning = quantity(self.product, band, s.gain, s.offset)
        path = self.folder / name
        write_image(
            path, dn, image.geobox, s.fmt, nodata=0, scale=meaning.scale, offset=meaning.offset, unit=meaning.unit,
            tags=meaning.constants, means=means, threads=threads,
        )  # fmt: skip
        self._flush(path)
        self._check(name, dn.shape)
        written = WrittenImage(
            path=name, band=band.output_name, native=band.native, resolution=image.resolution, shape=dn.shape,
            transform=image.geobox.affine, epsg=self.tile.epsg, dtype=str(dn.dtype), nodata=0, quantity=meaning,
            format=s.fmt.name, size=path.stat().st_size, sha256=_sha256(path),
        )  # fmt: skip
        return self._listed(written)

    def link_image(self, band: Band, other: "ProductWriter", written: WrittenImage) -> WrittenImage:
        """The same pixels as in `other`, encoded once: a hard link (a copy where the file system has none)."""
        name = self.names.image(band.output_name, written.resolution, band.native, self.settings.fmt.name)
        self._link(other, written.path, name)
        return self._listed(dataclasses.replace(written, path=name))

    def link_file(self, other: "ProductWriter", file: WrittenFile) -> None:
        """A file of QI_DATA of `other` under the name it has here."""
        own = file.kind == "INPUT_MASK"  # which keeps its name
        name = self.names.copied_mask(file.path) if own else self.names.quality_file(file.kind, file.path.rpartition(".")[2])
        self._link(other, file.path, name)
        with self._lock:
            self.files.append(dataclasses.replace(file, path=name))

    def _link(self, other: "ProductWriter", path: str, name: str) -> None:
        """Link a file of `other`, and what GDAL keeps beside it."""
        for suffix in ("", ".aux.xml"):
            if (other.folder / (path + suffix)).exists():
                link(other.folder / (path + suffix), self.folder / (name + suffix))
                self._flush(self.folder / (name + suffix))  # which may be a copy

    def _listed(self, written: WrittenImage) -> WrittenImage:
        with self._lock:
            if written.path in self.images:
                raise PackagingError(f"{self.names.folder}: {written.path} written twice")
            self.images[written.path] = written
        return written

    def add_file(self, file: WrittenFile) -> None:
        """Register a file that was written below :attr:`folder`; its size and checksum are taken here."""
        path = self.folder / file.path
        self._flush(path)
        if file.shape is not None:
            self._check(file.path, file.shape)
        with self._lock:
            self.files.append(dataclasses.replace(file, size=path.stat().st_size, sha256=_sha256(path)))

    def add_mask(self, kind: str, mask: Image) -> None:
        """Write a mask into QI_DATA as `kind` (``MSK``; ``FCM``: the check of fusion) and register it."""
        name = self.names.quality_file(kind)
        write_mask(self.folder / name, mask.data, mask.geobox, self.settings.fmt)
        form = "COG" if self.settings.fmt.name == "COG" else "GTIFF"
        self.add_file(WrittenFile(name, kind, form, {}, mask.shape, mask.geobox.affine))

    def _flush(self, path: Path) -> None:
        """Begin to bring a file to disk; nobody waits for the disk before :meth:`finish`."""
        if self._aside is None:
            _to_disk(path)
            return
        with self._lock:
            self._flushed.append(self._aside.submit(_to_disk, path))

    def _check(self, path: str, shape: tuple[int, int]) -> None:
        self._complain(raster_problems(self.folder, path, shape))

    def finish(self, output: OutputProduct) -> None:
        """Write all documents, verify the product and wait until it is on disk; it is then ready to be published."""
        for document in write_documents(self.folder, output, self.settings.json_metadata):
            self._flush(self.folder / document)
        self._complain(verify(self.folder, output, rasters=False))
        for flushed in self._flushed:  # a disk that refuses one product must keep its twin from being published, too
            flushed.result()

    def _complain(self, problems: list[str]) -> None:
        if problems:
            raise PackagingError(f"{self.names.folder} is not complete: " + "; ".join(problems))

    def publish(self) -> Path:
        """Rename the finished product to its name; older ones of the same acquisition go, unless ``if_exists = keep_both``.

        Killed at any moment, either nothing has happened yet, or `remove_leftovers` does what is left to do.
        """
        folder = self.final.parent
        older = [] if self.settings.if_exists == "keep_both" else same_acquisition(folder, self.names)
        journal = folder / f".{self.final.name}{_REPLACES}"
        try:
            _sync_folders(self.folder)
            for table in (f for f in self.files if f.kind == "CORREL"):
                copy = folder / self.names.correlation_table
                copy.parent.mkdir(exist_ok=True)
                copy.unlink(missing_ok=True)
                link(self.folder / table.path, copy)
            if older:
                journal.write_text(json.dumps([product.name for product in older if product != self.final]))
            if older and self.final.exists():  # another run began in the same second
                log.info("replaced: %s", self.final)
                _remove_visible(self.final)
            os.rename(self.folder, self.final)
        except OSError as e:
            raise PackagingError(f"cannot rename {self.folder.name} to {self.final}: {e.strerror}") from e
        self._published = True
        log.info("written: %s", self.final)
        _finish_replacing(journal)
        return self.final

    def abandon(self) -> None:
        """Remove what was built, unless it was published."""
        if not self._published:
            shutil.rmtree(self.folder, ignore_errors=True)


def same_acquisition(folder: Path, names: ProductNames) -> list[Path]:
    """Products in `folder` that came from the same acquisition (all of the name but baseline and time is equal)."""
    fields = names.stem.split("_")
    return sorted(folder.glob("_".join([*fields[:3], "*", *fields[4:6], "*.SAFE"])))


def made_before(folder: Path, names: ProductNames, source: str, configuration_hash: str, bands: Collection[str]) -> Path | None:
    """The product in `folder` that making `names` would only repeat; None: there is none.

    It was made by the same version of the software, from the input `source`, with the same configuration, and has at
    least `bands` (as `image_key` names them).
    """
    for product in reversed(same_acquisition(folder, names)):
        if f"_N{names.baseline.compact}_" not in product.name:
            continue
        item = _item_of(product)
        if item and _came_from(item, source, configuration_hash) and bands_of(product).issuperset(bands):
            return product
    return None


def complete_before(folder: Path, stem: str, source: str, configuration_hash: str) -> Path | None:
    """As `made_before`, of a product with all bands, told without opening its input. `stem`: pattern of names (``*`` for any)."""
    for product in sorted(folder.glob(f"{stem}.SAFE"), reverse=True):
        item = _item_of(product)
        if item and _came_from(item, source, configuration_hash) and item["properties"].get("s2l:partial") is False:
            return product
    return None


def _item_of(product: Path) -> dict | None:
    """The STAC item of a product; None, with a warning, when it cannot be read."""
    try:
        item: dict = json.loads((product / f"{product.stem}.json").read_bytes())
        if not {"links", "properties"} <= item.keys():
            raise ValueError("it has no links or properties")
        return item
    except (OSError, ValueError, AttributeError) as e:
        log.warning("%s: its STAC item cannot be read (%s), so it does not count as made before", product, e)
        return None


def _came_from(item: dict, source: str, configuration_hash: str) -> bool:
    inputs = {link["href"].removesuffix(".SAFE") for link in item["links"] if link.get("rel") == "derived_from"}
    return source.removesuffix(".SAFE") in inputs and item["properties"].get("s2l:config_hash") == configuration_hash


def bands_of(product: Path) -> set[str]:
    """Keys (see `image_key`) of the bands whose images lie in a product folder."""
    sensor = LANDSAT[0] if product.name.startswith("LS") else "S2"
    images = (path for path in product.glob("GRANULE/*/IMG_DATA/**/*_*m.*") if path.suffix in (".TIF", ".jp2"))
    return {image_key(path.stem.split("_")[-2], path.parent.name == "NATIVE", sensor) for path in images}


def link(source: Path, destination: Path) -> None:
    """Hard link, or a copy across file systems or where links are not supported."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)


def remove_leftovers(archive_dir: Path, tile: str) -> list[Path]:
    """Remove hidden partial products of dead processes of this machine below ``archive_dir/tile``; returns them."""
    removed = []
    for journal in (archive_dir / tile).glob(f".*{_REPLACES}"):
        _finish_replacing(journal)
    for leftover in leftovers(archive_dir / tile):
        if leftover.alive is False:
            shutil.rmtree(leftover.path, ignore_errors=True)
            removed.append(leftover.path)
    return removed


def _finish_replacing(journal: Path) -> None:
    """Remove the products that a journal lists, if the one that replaces them is there; and the journal."""
    new = journal.with_name(journal.name[1:].removesuffix(_REPLACES))
    try:
        names = json.loads(journal.read_text()) if new.exists() else []
    except FileNotFoundError:
        return
    except ValueError:  # killed while it was written: before the new product was there
        names = []
    for older in (journal.with_name(name) for name in names):
        if older.exists() and (more := bands_of(older) - bands_of(new)):
            log.warning("%s stays beside the new product: it has %s as well", older, ", ".join(sorted(more)))
        elif older.exists():
            _replace(older)
    journal.unlink(missing_ok=True)


def _replace(older: Path) -> None:
    """Remove a product and its correlation table, whose successor is complete: no reason any more to fail that one."""
    try:
        _remove_visible(older)
        (older.parent / "QI" / f"{older.name}_CORREL.csv").unlink(missing_ok=True)
        log.info("replaced: %s", older)
    except OSError as e:
        log.warning("%s is replaced but cannot be removed (%s); remove it by hand", older, e.strerror)


def _remove_visible(product: Path) -> None:
    """Hide first, so that nobody ever sees the product half removed."""
    hidden = product.with_name(f".old-{product.name}{_PARTIAL}{socket.gethostname()}-{os.getpid()}")
    os.rename(product, hidden)
    shutil.rmtree(hidden)


def _to_disk(path: Path) -> None:
    """Make a file survive a power cut before it is named as complete; `PackagingError`: the disk refuses it."""
    try:
        with open(path, "rb+") as f:
            os.fsync(f.fileno())
    except OSError as e:
        raise PackagingError(f"cannot bring {path} to disk: {e.strerror}") from e


def _sync_folders(folder: Path) -> None:
    for root, _, _ in os.walk(folder):
        fd = os.open(root, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _sha256(path: Path) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
