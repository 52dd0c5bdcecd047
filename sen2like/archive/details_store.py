"""Metadata of candidates, read once and kept between runs: a nightly run over an old archive should not open every product."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from sen2like.archive.details import Details, inspect
from sen2like.archive.model import Found

FILE_NAME = "details.json"
_VERSION = 1


class DetailsStore:
    """Details by location, as long as the folder or file has the same time of modification. Safe to share between threads."""

    def __init__(self, cache_dir: Path):
        self._file = cache_dir / FILE_NAME
        self._known: dict[str, tuple[int, Details]] = {}
        self._changed = False
        self._lock = threading.Lock()
        try:
            kept = json.loads(self._file.read_text())
            if kept["version"] == _VERSION:
                self._known = {path: (time, Details.from_json(told)) for path, (time, told) in kept["details"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not there yet, or of no use: everything is read again

    def details(self, found: Found) -> Details:
        """What the metadata tell. `ProductError`: they cannot be read (asked again next time)."""
        try:
            modified = os.stat(found.location).st_mtime_ns
        except OSError:
            return inspect(found.location)
        with self._lock:
            known = self._known.get(found.location)
        if known is not None and known[0] == modified:
            return known[1]
        told = inspect(found.location)
        with self._lock:
            self._known[found.location] = modified, told
            self._changed = True
        return told

    def save(self) -> None:
        """Keep what is new. A folder that cannot be written to costs time in the next run, no more."""
        with self._lock:
            if not self._changed:
                return
            self._changed = False
            details = {path: [time, told.to_json()] for path, (time, told) in self._known.items()}
            content = {"version": _VERSION, "details": details}
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._file.parent, suffix=".part", delete=False) as part:
                json.dump(content, part)
            os.replace(part.name, self._file)
