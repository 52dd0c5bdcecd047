"""Rows of past products as fusion needs them, kept for the other Landsat products of a run: decoded, with their low-pass image.

Files are the bare numbers, in a folder of the run: reading them takes a tenth of the time of decoding the image again.
"""

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

LEAST_FREE = 1e9
"""Bytes of the disk that are left free."""


@dataclass(frozen=True)
class DetailCache:
    """Safe to share between threads and processes: files appear when they are complete."""

    folder: Path

    def read(self, image: Path, resolution: float, start: int, *arrays: np.ndarray) -> bool:
        """Fill DN of an image file as it is now, from row `start` on, and low-pass DN at `resolution` metres; False: not kept.

        `arrays` must have the shapes they were kept with.
        """
        try:
            with self._file(image, resolution, start).open("rb") as kept:
                if os.fstat(kept.fileno()).st_size != sum(array.nbytes for array in arrays):
                    return False
                return all(kept.readinto(array.data) == array.nbytes for array in arrays if array.size)
        except OSError:
            return False

    def keep(self, image: Path, resolution: float, start: int, *arrays: np.ndarray) -> None:
        """Keep the arrays; a disk without room, or that fails, costs time but is no error."""
        size = sum(array.nbytes for array in arrays)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free - size < LEAST_FREE:
                return
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as part:
                try:
                    for array in arrays:
                        part.write(np.ascontiguousarray(array).data)
                    part.flush()
                    os.replace(part.name, self._file(image, resolution, start))
                except BaseException:
                    os.unlink(part.name)
                    raise
        except OSError as e:
            log.debug("rows of %s are not kept for the next product: %s", image, e)

    def _file(self, image: Path, resolution: float, start: int) -> Path:
        state = image.stat()
        return self.folder / f"{image.stem}-{resolution:g}-{start}-{state.st_mtime_ns}-{state.st_ino}.rows"
