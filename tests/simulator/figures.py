"""Figures shipped with the software that the simulator needs too: tile table and SMAC coefficients."""

import csv
import gzip
from functools import cache
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "sen2like" / "data"

TILE_SIZE = 109_800.0
"""Side of a Sentinel-2 tile, metres."""


@cache
def tile(name: str) -> tuple[int, float, float]:
    """(EPSG code, x of the upper-left corner, y) of a Sentinel-2 tile."""
    with gzip.open(DATA / "s2_tiles.csv.gz", "rt") as table:
        for row in csv.DictReader(table):
            if row["tile"] == name:
                return int(row["epsg"]), float(row["ulx"]), float(row["uly"])
    raise ValueError(f"tile {name} is not in {DATA / 's2_tiles.csv.gz'}")


@cache
def smac_coefficients(sensor: str, band: str) -> dict[str, float] | None:
    """SMAC coefficients of a band (``S2A S2B S2C LS8 LS9``; ``B01`` ...); None: the table has no such band."""
    with open(DATA / "smac_coefficients.csv") as table:
        for row in csv.DictReader(table):
            if (row["sensor"], row["band"]) == (sensor, band):
                return {k: float(v) for k, v in row.items() if k not in ("sensor", "band")}
    return None
