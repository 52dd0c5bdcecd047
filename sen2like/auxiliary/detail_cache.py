"""Past products as fusion needs them, kept for the other Landsat products of a run: decoded, with their low-pass image.

Files are plain NumPy arrays in a folder of the run: reading one takes a tenth of the time of decoding the image again.
"""

import logging
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

ROOM = 4.0
"""Nothing is kept on a disk that has not room for so many times as much."""


@dataclass(frozen=True)
class DetailCache:
    """Safe to share between threads and processes: files appear when they are complete."""

    folder: Path

    def read(self, image: Path, resolution: float) -> tuple[np.ndarray, np.ndarray] | None:
        """(DN, low-pass DN at `resolution` metres) of an image file as it is now; None: not kept."""
        try:
            with np.load(self._file(image, resolution)) as kept:
                return kept["dn"], kept["low"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def keep(self, image: Path, resolution: float, dn: np.ndarray, low: np.ndarray) -> None:
        """Keep both arrays; a disk without room, or that fails, costs time but is no error."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < ROOM * (dn.nbytes + low.nbytes):
                return
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
                try:
                    np.savez(part, dn=dn, low=low)
                    part.flush()
                    os.replace(part.name, self._file(image, resolution))
                except BaseException:
                    os.unlink(part.name)
                    raise
        except OSError as e:
            log.debug("%s is not kept for the next product: %s", image, e)

    def _file(self, image: Path, resolution: float) -> Path:
        return self.folder / f"{image.stem}-{resolution:g}-{image.stat().st_mtime_ns}-{image.stat().st_ino}.npz"
