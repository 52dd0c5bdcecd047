"""Monthly CAMS netCDF (spec 08 section 4.1) that holds the atmosphere of the acquisitions."""

from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
from pyproj import Transformer

from . import geometry
from .acquisition import Acquisition
from .figures import TILE_SIZE, tile

EPOCH = datetime(1900, 1, 1)
OZONE_KG_PER_DOBSON = 2.14151869e-5
REACH = 5.2
"""Half the side of the regional grid, degrees."""


def write(out: Path | str, year: int, month: int, acquisitions: list[Acquisition], step: float = 0.4) -> Path:
    """One file of 6-hourly fields on a regional grid around the tile.

    The values of an acquisition hold its whole day, gradients included, and are interpolated in between; so nearest and
    linear interpolation in time both give the truth.
    """
    epsg, ulx, uly = tile(acquisitions[0].tile)
    middle = ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2
    longitudes, latitudes = _grid(*geometry.lonlat(epsg, *middle), step)
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(*np.meshgrid(longitudes, latitudes))
    gx, gy = (x - middle[0]) / 1e5, (y - middle[1]) / 1e5
    start, end = datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1)
    times = [start + timedelta(hours=6 * i) for i in range(int((end - start).total_seconds() // 21600))]
    aot, aot_gx, aot_gy, h2o, h2o_gx, h2o_gy, o3, pressure = _values(acquisitions, start, times)
    fields = {
        "aod550": (np.maximum(aot + aot_gx * gx + aot_gy * gy, 0.005), "~", "Total Aerosol Optical Depth at 550nm"),
        "tcwv": (np.maximum(h2o + h2o_gx * gx + h2o_gy * gy, 0.01) * 10, "kg m**-2", "Total column water vapour"),
        "gtco3": (o3 * 1000 * OZONE_KG_PER_DOBSON + 0 * gx, "kg m**-2", "GEMS Total column ozone"),
        "msl": (pressure * 100 + 0 * gx, "Pa", "Mean sea level pressure"),
    }
    name = f"CAMS_archive_aod550_tcwv_msl_gtco3_reanalysis_0H_6H_12H_18H_{year:04d}-{month:02d}.nc"
    path = Path(out) / f"{year:04d}{month:02d}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        file.Conventions = "CF-1.6"
        for name, values, units in (("longitude", longitudes, "degrees_east"), ("latitude", latitudes, "degrees_north")):
            file.createDimension(name, values.size)
            variable = file.createVariable(name, "f4", (name,))
            variable.units, variable.long_name = units, name
            variable[:] = values
        file.createDimension("time", len(times))
        variable = file.createVariable("time", "i4", ("time",))
        variable.units, variable.calendar, variable.long_name = "hours since 1900-01-01 00:00:00.0", "gregorian", "time"
        variable[:] = [int((t - EPOCH).total_seconds() // 3600) for t in times]
        for name, (values, units, long_name) in fields.items():
            low, high = values.min(), values.max()
            variable = file.createVariable(name, "i2", ("time", "latitude", "longitude"), fill_value=np.int16(-32767))
            variable.units, variable.long_name = units, long_name
            variable.scale_factor = float(max((high - low) / 65000, abs(high) * 1e-7 + 1e-12))
            variable.add_offset = float((low + high) / 2)
            variable[:] = values
    return path


def _grid(lon, lat, step):
    latitudes = np.arange(round(lat / step) * step + REACH, round(lat / step) * step - REACH, -step)
    longitudes = np.arange(round(lon / step) * step - REACH, round(lon / step) * step + REACH, step)
    longitudes = longitudes[longitudes >= 0] if lon >= 0 else longitudes % 360
    return np.round(longitudes, 6), np.round(latitudes, 6)


def _values(acquisitions, start, times):
    """each value at each time, shaped (time, 1, 1)"""
    at, known = [], []
    for a in sorted(acquisitions, key=lambda a: a.when):
        midnight = a.when.replace(hour=0, minute=0, second=0, microsecond=0)
        for moment in (midnight, midnight + timedelta(hours=23.99)):
            at.append((moment - start).total_seconds())
            known.append((a.aot, a.aot_gx, a.aot_gy, a.h2o, a.h2o_gx, a.h2o_gy, a.o3, a.pressure))
    seconds = [(t - start).total_seconds() for t in times]
    return [np.interp(seconds, at, column)[:, None, None] for column in np.array(known).T]
