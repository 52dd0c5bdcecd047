"""Products of a region and of the whole tile have the same names: a folder of the archive holds only the one or the other.

A hidden file beside the products says which region they are cut to (spec 01 section 2.4, "Better").
"""

import hashlib
import json
from pathlib import Path

from sen2like.errors import ConfigurationError

MARK = ".region"


def claim(folder: Path, region: Path | None) -> None:
    """Say that the products of the tile in `folder` are cut to `region`, or are whole (None).

    `ConfigurationError`: the folder holds others already. Nothing is written for whole tiles.
    """
    mark = folder / MARK
    held = json.loads(mark.read_text()) if mark.exists() else None
    if region is None:
        if held is not None:
            raise ConfigurationError(
                f"archive_dir: {folder} holds products cut to the region {held['name']}; give another archive_dir for whole tiles"
            )
        return
    own = {"name": region.name, "sha256": hashlib.sha256(region.read_bytes()).hexdigest()}
    if held is None and any(folder.glob("*.SAFE")):
        raise ConfigurationError(
            f"archive_dir: {folder} holds products of the whole tile; give an archive_dir of its own for the region {region}"
        )
    if held is not None and held["sha256"] != own["sha256"]:
        raise ConfigurationError(
            f"archive_dir: {folder} holds products cut to another region, {held['name']}; give {region} an archive_dir of its own"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(own))
