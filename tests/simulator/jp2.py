"""Lossless JPEG 2000 in child processes: ``python jp2.py`` reads a JSON list of [source, destination, block] on stdin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import rasterio
import rasterio.shutil

ALONE_BYTES = 64 << 20
"""Below this size of all the rasters a child process costs more than it saves."""


def encode(source, destination, block: int) -> None:
    """Copy one raster to JPEG 2000 with square tiles of `block` pixels."""
    Path(destination).parent.mkdir(parents=True, exist_ok=True)
    options = dict(QUALITY="100", REVERSIBLE="YES", BLOCKXSIZE=str(block), BLOCKYSIZE=str(block), YCBCR420="NO", YCC="NO")
    with rasterio.Env(GDAL_NUM_THREADS="1", GDAL_PAM_ENABLED="NO"):
        rasterio.shutil.copy(str(source), str(destination), driver="JP2OpenJPEG", **options)


def encode_all(jobs: list[tuple], workers: int = 2) -> None:
    """Encode (source, destination, block) jobs, the big ones first, shared by the workers."""
    sizes = {job: os.path.getsize(job[0]) for job in jobs}
    if sum(sizes.values()) < ALONE_BYTES:
        for job in jobs:
            encode(*job)
        return
    shares: list[list] = [[] for _ in range(workers)]
    for job in sorted(jobs, key=lambda j: -sizes[j]):
        min(shares, key=lambda share: sum(sizes[j] for j in share)).append(job)
    children = []
    for share in shares:
        child = subprocess.Popen([sys.executable, str(Path(__file__).resolve())], stdin=subprocess.PIPE)
        child.stdin.write(json.dumps([[str(s), str(d), b] for s, d, b in share]).encode())
        child.stdin.close()
        children.append(child)
    if any([child.wait() for child in children]):  # wait for all of them, whatever the first says
        raise RuntimeError("JPEG 2000 encoding failed")


if __name__ == "__main__":
    for job in json.loads(sys.stdin.read()):
        encode(*job)
