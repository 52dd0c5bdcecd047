"""What a block is, and the `Job` it works on."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any, ClassVar, Generic, TypeVar, cast

import numpy as np
from odc.geo.geobox import GeoBox

from sen2like.auxiliary.detail_cache import DetailCache
from sen2like.auxiliary.past_products import PastProduct
from sen2like.auxiliary.reference import load_reference
from sen2like.config import Config
from sen2like.errors import BlockError, Sen2LikeError
from sen2like.grid.mgrs import MGRSTile
from sen2like.grid.region import Region
from sen2like.packaging.output import WrittenImage
from sen2like.packaging.quicklooks import Kept
from sen2like.packaging.writer import ProductWriter
from sen2like.products.model import Angles, Masks, Product
from sen2like.raster.image import Image, Kernel, RowImage
from sen2like.record import ProcessingRecord, Shift
from sen2like.science.klt import Features
from sen2like.science.scratch import Scratch

log = logging.getLogger(__name__)

T = TypeVar("T")


class Cancelled(Sen2LikeError):
    """The run was asked to stop."""


@dataclass
class Partner:
    """A second scene of the same pass that fills the tile where the product has no data."""

    product: Product
    masks: Masks
    angles: Angles
    shift: Shift = field(default_factory=Shift)
    """Its own displacement, removed."""


@dataclass(frozen=True)
class FusionPlan:
    """What Landsat is fused with, and how."""

    products: tuple[PastProduct, ...]
    """Oldest first."""
    method: str
    """``composite`` or ``predict``."""
    w: float | None
    """Of predict; see `sen2like.science.fusion.extrapolation`."""


@dataclass(frozen=True)
class FusionCheck:
    """How a fused band agrees with the band before fusion (spec 06 section 7), on the grid of Landsat."""

    band: str
    """Sentinel-2 name"""
    agrees: np.ndarray
    """uint16: 1 where the relative difference is below the threshold, else 0."""
    geobox: GeoBox


@dataclass(frozen=True)
class Encoded:
    """A band as an output product was given it, and what it became there."""

    image: RowImage
    written: WrittenImage
    kept: Kept | None
    """For pictures."""


class _Soon(Generic[T]):
    """An attribute that may be set to a `Future` of its value: who asks first waits, and is told what went wrong."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, job: Any, owner: type | None = None) -> T:
        if job is None:
            raise AttributeError(self._name)  # a dataclass takes it that there is no default
        value = vars(job)[self._name]
        if isinstance(value, Future):
            value = vars(job)[self._name] = value.result()
        return cast(T, value)

    def __set__(self, job: Any, value: T | Future[T]) -> None:
        vars(job)[self._name] = value


@dataclass
class Job:
    """One product on its way through the blocks: what goes in, what is known so far, and the means to work with."""

    product: Product
    tile: MGRSTile
    config: Config
    bands: tuple[str, ...]
    """The product's own names of the bands to process."""
    workdir: Path
    reference: Path | None
    """Geometric reference image."""
    masks: _Soon[Masks] = _Soon()
    angles: _Soon[Angles] = _Soon()
    digest: str = ""
    """Stands for all that decides the pixels besides the product; see `blocks.packager.configuration_hash`."""
    partners: list[Partner] = field(default_factory=list)
    """Further scenes of the same pass, those that add most first."""
    region: Region | None = None
    """Outside of it outputs have no data."""
    pool: Executor | None = None
    """Threads for strips of rows."""
    aside: Executor | None = None
    """Threads for what may be done while something else is."""
    threads: int = 1
    """Threads of one decoder or encoder: all `cores` only when hardly any bands are left."""
    cores: int = 1
    """Threads of one that works alone."""
    record: ProcessingRecord = field(default_factory=ProcessingRecord)
    writers: dict[str, ProductWriter] = field(default_factory=dict)
    """Output products being built, by level (``L2H``, ``L2F``)."""
    encoded: dict[str, Encoded] = field(default_factory=dict)
    """By band: what L2H made, so that L2F need not make the same again."""
    detail_cache: DetailCache | None = None
    """Where past products are kept for other Landsat products of the run; None: there are none."""
    fusion: FusionPlan | None = None
    fusion_check: FusionCheck | None = None
    last: S2L_Process | None = None
    """The last block: after it nobody needs an image."""
    scratch: Scratch = field(default_factory=Scratch)
    """Arrays that a band needs until it is done; the next band of the same thread gets the same ones."""
    cancelled: Event = field(default_factory=Event)
    _ahead: dict[str, Future[Image]] = field(default_factory=dict, repr=False)
    _kept: dict[str, Image] = field(default_factory=dict, repr=False)
    _features: dict[float, Features] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def read_ahead(self, bands: Iterable[str], pool: Executor) -> None:
        """Start decoding bands in the threads of `pool`; :meth:`read` will hand them out."""
        for band in bands:
            self._ahead[band] = pool.submit(self._decode, band)

    def read(self, band: str, keep: bool = False) -> Image:
        """DN of a band. `keep`: somebody will ask for it once more; it is then not decoded a second time."""
        self.check()
        decoding = self._ahead.pop(band, None)
        image = self._kept.pop(band, None) or (decoding.result() if decoding else self._decode(band))
        if keep:
            self._kept[band] = image
        return image

    def _decode(self, band: str) -> Image:
        self.check()
        with self.record.timer("read"):
            return self.product.read(band, self.threads)

    def reference_features(self, resolution: float) -> Features:
        """The reference image at `resolution` metres, prepared for matching; kept, since check and correction share it."""
        if self.reference is None:
            raise BlockError(f"tile {self.tile.id} has no reference image")
        with self._lock:
            if resolution not in self._features:
                # beside the image, as the reference does, the next run will find it
                beside = [self.reference.parent] if self.reference.is_file() else []
                folders = [*beside, self.workdir.parent]
                image = load_reference(self.reference, self.tile, resolution, folders, self.cores, self.pool)
                self._features[resolution] = Features(image.data, self.pool).prepare(self.pool)
            return self._features[resolution]

    def forget_reference(self) -> None:
        """Free the memory of the reference image: nobody will match against it any more."""
        with self._lock:
            self._features.clear()

    def check(self) -> None:
        """Raise `Cancelled` when the run has been asked to stop."""
        if self.cancelled.is_set():
            raise Cancelled(f"{self.product.name}: stopped on request")

    def warn(self, message: str) -> None:
        """Log a warning and keep it for the reports."""
        message = message.removeprefix(f"{self.product.name}: ")
        log.warning("%s: %s", self.product.name, message)
        self.record.warn(message)

    def band_of(self, s2_name: str) -> str | None:
        """The product's own name of the band with that Sentinel-2 name; None when it has none."""
        return self.product.band_of(s2_name)


class S2L_Process(ABC):
    """One step of the chain: ``preprocess`` once, ``process`` for each band (from several threads), ``postprocess`` once.

    A new object is made for every product; what the bands share is set in ``preprocess`` and only read afterwards.
    """

    switch: ClassVar[str]
    """Configuration key that turns the block on, e.g. ``doToa``."""
    order: ClassVar[int]
    """Place in the chain; see :mod:`sen2like.blocks.registry`."""
    suffix: ClassVar[str | None] = None
    """Ending of the block's intermediate files; None: it writes none."""
    sensors: ClassVar[frozenset[str]] = frozenset({"S2", "L8", "L9", "Prisma"})
    pixelwise: ClassVar[bool] = False
    """True: each output pixel needs only the same input pixel, so the block may run strip by strip."""

    @classmethod
    def name(cls) -> str:
        """``Toa`` for ``S2L_Toa``."""
        return cls.__name__.removeprefix("S2L_")

    def declines(self, job: Job) -> str | None:
        """Why this block must not run on this product although it is switched on; None: it runs."""
        return None

    def reads_first(self, job: Job) -> tuple[str, ...]:
        """Own names of the bands that ``preprocess`` reads: they are decoded ahead, and processed before the others."""
        return ()

    def resolution(self, job: Job, band: str) -> float | None:
        """Pixel size (metres) that it gives to a band; None: it leaves it as it is."""
        return None

    def begin(self, job: Job) -> None:  # noqa: B027 (a block may have nothing to begin)
        """Start in the background, in the threads of `job.aside`, what ``preprocess`` of this block will need."""

    def preprocess(self, job: Job) -> None:  # noqa: B027 (a block may have nothing to prepare)
        """Prepare what all bands share."""

    @abstractmethod
    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        """The band after this step; `band` is the product's own name."""

    def postprocess(self, job: Job) -> None:  # noqa: B027 (nor to finish)
        """Finish the product."""


class PixelwiseProcess(S2L_Process):
    """A block that works pixel by pixel on reflectance: it only has to give a kernel for the band.

    Kernels get float32 reflectance, NaN where nothing is known, and keep NaN.
    """

    pixelwise = True

    @abstractmethod
    def kernel(self, job: Job, band: str, image: RowImage) -> Kernel | None:
        """The function that turns rows of the band into rows of the result; None: the band passes unchanged."""

    def process(self, job: Job, image: RowImage, band: str) -> RowImage:
        kernel = self.kernel(job, band, image)
        return image if kernel is None else image.map(kernel, job.record.timer(self.name()))
