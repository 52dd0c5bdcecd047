"""`ProcessingRecord`: everything a run learns about one product.

The quality report, the metadata XML, the STAC item and the reports are all built from it, so a figure is found once and
told everywhere the same. Blocks write into it from several threads; every change goes through a method.
"""

import threading
from dataclasses import dataclass, field

from sen2like.raster.image import Timer


@dataclass(frozen=True)
class Atmosphere:
    """What SMAC needs for one product. Units: AOT at 550 nm 1, water vapour g/cm2, ozone cm-atm, pressure hPa."""

    aot550: float = 0.2
    water_vapour: float = 2.0
    ozone: float = 0.331
    pressure: float = 1013.095
    source: str = "DEFAULT"
    """Database and file it came from, or ``DEFAULT`` (spec 07 section 4.1)."""


@dataclass(frozen=True)
class Shift:
    """Displacement of the image against the reference, metres: dx > 0 too far east, dy > 0 too far south (spec 05 section 1)."""

    dx: float = 0.0
    dy: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.dx or self.dy)


@dataclass
class ProcessingRecord:
    """Filled while a product runs through its blocks."""

    shift: Shift = field(default_factory=Shift)
    atmosphere: Atmosphere | None = None
    quality: dict[str, str] = field(default_factory=dict)
    """Values of the quality report by their name (spec 11 section 6), as text."""
    lineage: list[dict] = field(default_factory=list)
    """Blocks applied, in order: ``{"block": "Atmcor", "method": "SMAC", ...}``."""
    warnings: list[str] = field(default_factory=list)
    timers: dict[str, Timer] = field(default_factory=dict)
    """Seconds spent per step (``read``, ``Toa``, ``encode`` ...), added over all threads."""
    correlation: list[dict] = field(default_factory=list)
    """One row per matching run: statistics of the KLT points (metres), for the correlation table."""
    derived_from: list[str] = field(default_factory=list)
    """Names of further inputs of all outputs of the product: the stitched neighbours."""
    fused_from: list[str] = field(default_factory=list)
    """Names of the past products whose detail fusion put into L2F."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __getstate__(self) -> dict:
        """Locks do not travel between processes."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def set_quality(self, **values: object) -> None:
        """Values of the quality report; what a block sets wins over what the input's own report said."""
        with self._lock:
            self.quality.update({name: str(value) for name, value in values.items()})

    def applied(self, block: str, **parameters: object) -> None:
        """Add one step to the lineage (once: a repeated identical step is not listed again)."""
        step = {"block": block, **parameters}
        with self._lock:
            if step not in self.lineage:
                self.lineage.append(step)

    def warn(self, message: str) -> None:
        with self._lock:
            if message not in self.warnings:
                self.warnings.append(message)

    def add_input(self, name: str) -> None:
        """A further input product, such as the stitched neighbour: every output is derived from it."""
        with self._lock:
            if name not in self.derived_from:
                self.derived_from.append(name)

    def add_reference(self, name: str) -> None:
        """A past product that fusion took detail from: L2F is derived from it."""
        with self._lock:
            if name not in self.fused_from:
                self.fused_from.append(name)

    def timer(self, step: str) -> Timer:
        with self._lock:
            return self.timers.setdefault(step, Timer())
