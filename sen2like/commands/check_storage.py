"""Where outputs and working files go: writable, with room, not in use; and the memory to work in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sen2like.commands.amounts import amount
from sen2like.commands.findings import Finding, error, ok, warning
from sen2like.config import Config
from sen2like.execution.cgroup import available_memory_mb
from sen2like.execution.locks import holder
from sen2like.execution.memory import estimate_mb
from sen2like.execution.threads import available_cores
from sen2like.grid.mgrs import TILE_SIZE_M, MGRSTile
from sen2like.packaging.claims import MARK
from sen2like.plan import IMAGES_HELD, USUAL_PIXEL_M

OUTPUT_BYTES = 1.35e9
"""A Sentinel-2 product before compression: 4 bands of 10 m, 6 of 20 m, 1 of 60 m, 2 bytes a pixel, masks and pictures."""
WORK_BYTES = 0.5e9
"""Working files of a product: masks, angles, the reference image in another pixel size."""
INTERMEDIATE_BYTES = 2.7e9
"""What a block leaves of a Sentinel-2 product with ``--intermediate-products`` (spec 01 section 7)."""
FEW = 10
"""Room for fewer products is worth a warning."""


def check(config: Config, wd: Path, tiles: Sequence[MGRSTile]) -> list[Finding]:
    """Findings on archive, working directory and memory."""
    archive = config.directories.archive_dir
    blocks = sum(value for key, value in config.processing if not key.startswith("doPackager"))
    work = WORK_BYTES + blocks * INTERMEDIATE_BYTES * config.run_time.generate_intermediate_products
    findings = [writable("archive_dir", archive), *_room("archive_dir", archive, OUTPUT_BYTES, "outputs")]
    for tile in tiles:
        folder = archive / tile.id
        if not folder.exists():
            continue
        if (found := writable(f"archive_dir, {tile.id}", folder)).level != "ok":
            findings.append(found)
            continue
        if (folder / MARK).exists():
            text = f"{folder} holds products cut to a region; only roi-based-mode with that region can write there"
            findings.append(warning(f"archive_dir, {tile.id}", text))
        if (owner := holder(archive, tile.id)) is not None:
            findings.append(warning(f"archive_dir, {tile.id}", f"in use by {owner}; another run waits for it"))
    findings += [writable("--wd", wd), *_room("--wd", wd, work, "working files")]
    return [*findings, _memory()]


def writable(subject: str, folder: Path) -> Finding:
    """Whether files can be made in `folder`; nothing stays of the trial. A folder that does not exist is not created."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
        return ok(subject, f"{folder} is writable")
    except FileNotFoundError:
        parent = _existing(folder)
        if not parent.is_dir():
            return error(subject, f"{folder} cannot be created: {parent} is not a folder; correct the path")
        if not os.access(parent, os.W_OK | os.X_OK):
            return error(subject, f"{folder} does not exist and cannot be created: no permission to write to {parent}; allow it")
        return ok(subject, f"{folder} does not exist; the first run creates it in {parent}")
    except NotADirectoryError:
        return error(subject, f"{folder} is not a folder; correct the path")
    except OSError as problem:
        return error(subject, f"{folder} cannot be written to: {problem.strerror}; correct the path, or its permissions")


def _room(subject: str, folder: Path, each: float, what: str) -> list[Finding]:
    """Whether products of `each` bytes find room."""
    try:
        free = shutil.disk_usage(_existing(folder)).free
    except OSError as problem:
        return [warning(subject, f"the free space of {folder} cannot be told: {problem.strerror}")]
    products = int(free // each)
    text = f"{amount(free)} free: room for {what} of {products} products, up to {amount(each)} each"
    if products < 1:
        return [error(subject, f"{amount(free)} free, {what} of one product may need {amount(each)}; make room")]
    return [warning(subject, f"{text}; make room") if products < FEW else ok(subject, text)]


def _memory() -> Finding:
    side = int(TILE_SIZE_M / USUAL_PIXEL_M)
    needed, free = estimate_mb((side, side), IMAGES_HELD), available_memory_mb()
    text = f"{available_cores()} processors, {free / 1000:.1f} GB of memory free, a product needs up to {needed / 1000:.1f} GB"
    return ok("machine", text) if free > needed else warning("machine", f"{text}; end other programs, or add memory")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
