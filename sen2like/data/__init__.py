"""Figures shipped with the software (sources in ``README.md``), read once: SMAC, BRDF, SBAF and inter-calibration figures."""

import csv
from functools import cache
from importlib.resources import files

from sen2like.errors import BlockError
from sen2like.science import brdf, smac
from sen2like.science.intercalibration import Adjustment
from sen2like.science.sbaf import BandAdjustment

OWN_SMAC_SENSORS = ("S2A", "S2B", "S2C", "LS8")


def smac_coefficients(sensor: str, band: str) -> smac.Coefficients:
    """SMAC coefficients of a band (own name of the sensor, ``B8A``) for the continental aerosol.

    `sensor` is ``S2A`` ... , ``LS8``, ``LS9`` or ``PRS``: S2D, later Sentinel-2 platforms and PRISMA use the rows of
    S2A, Landsat 9 those of Landsat 8 (spec 07 section 4.2). `BlockError` when there are none for the sensor or band.
    """
    rows = _smac()
    name = _smac_sensor(sensor)
    if name is None:
        raise BlockError(f"no SMAC coefficients for sensor {sensor!r}; there are some for Sentinel-2, PRISMA and Landsat 8/9")
    if (name, band) not in rows:
        known = " ".join(b for s, b in rows if s == name)
        raise BlockError(f"no SMAC coefficients for band {band!r} of {sensor}: leave it uncorrected; there are some for {known}")
    return rows[name, band]


def roy_coefficients(s2_band: str, red_edge: bool = False) -> brdf.Coefficients | None:
    """Roy BRDF coefficients by Sentinel-2 band name (Landsat bands by their counterpart); None: the band is not adjusted.

    `red_edge` adds B05, B06 and B07 (Roy, Li and Zhang 2017), which are fitted with the ``modis`` kernel.
    """
    sets = ("roy2016", "roy2017") if red_edge else ("roy2016",)
    return next((_brdf()[name, s2_band] for name in sets if (name, s2_band) in _brdf()), None)


def intercalibration(mission: str, band: str, baseline: str) -> Adjustment | None:
    """Change of a band (``B04``) of a mission (``Sentinel-2B``) and processing baseline (``02.09``); None: unchanged.

    `BlockError` when the baseline is not a number.
    """
    try:
        number = float(baseline)
    except ValueError as error:
        raise BlockError(f"processing baseline {baseline!r} of {mission} is not a number such as 05.10") from error
    return next((row for row in _intercalibration() if row.covers(mission, band, number)), None)


def band_adjustment(sensor: str, s2_band: str) -> BandAdjustment | None:
    """Spectral adjustment of a sensor (``LS8``) to Sentinel-2A by Sentinel-2 band name; None: the band is not adjusted."""
    return _sbaf().get((sensor, s2_band))


def _smac_sensor(sensor: str) -> str | None:
    """The sensor whose rows serve `sensor`."""
    if sensor in OWN_SMAC_SENSORS:
        return sensor
    if sensor.startswith(("S2", "PRS")):
        return "S2A"
    return "LS8" if sensor == "LS9" else None


def _rows(name: str) -> list[dict[str, str]]:
    with (files(__name__) / name).open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


@cache
def _smac() -> dict[tuple[str, str], smac.Coefficients]:
    table = {}
    for row in _rows("smac_coefficients.csv"):
        sensor, band, *values = row.values()
        table[sensor, band] = smac.Coefficients.from_values([float(v) for v in values])
    return table


@cache
def _brdf() -> dict[tuple[str, str], brdf.Coefficients]:
    return {
        (row["set"], row["s2_band"]): brdf.Coefficients(float(row["f_iso"]), float(row["f_geo"]), float(row["f_vol"]))
        for row in _rows("brdf_coefficients.csv")
    }


@cache
def _sbaf() -> dict[tuple[str, str], BandAdjustment]:
    numbers = ("published_slope", "published_offset", "ndvi_slope", "ndvi_offset")
    return {
        (row["sensor"], row["s2_band"]): BandAdjustment(
            sensor=row["sensor"], s2_band=row["s2_band"], source=row["source"], **{n: float(row[n]) for n in numbers}
        )
        for row in _rows("sbaf.csv")
    }


@cache
def _intercalibration() -> tuple[Adjustment, ...]:
    numbers = ("baseline_from", "baseline_below", "slope", "offset")
    return tuple(
        Adjustment(mission=row["mission"], band=row["band"], source=row["source"], **{n: float(row[n]) for n in numbers})
        for row in _rows("intercalibration.csv")
    )
