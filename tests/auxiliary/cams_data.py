"""Files of CAMS of every layout, with fields by the law of spec 08 section 8, so that every value is known."""

from datetime import datetime, timedelta

import netCDF4
import numpy as np
import rasterio

from sen2like.auxiliary.cams import CamsDirectories, find_atmosphere
from sen2like.record import Atmosphere

MIDNIGHT = datetime(2023, 6, 15)
NOON = datetime(2023, 6, 15, 12)
SENSING = datetime(2023, 6, 15, 10, 36, 29, 24000)
CORNERS = {
    "31TFJ": [(4.252481, 44.246551), (5.626646, 44.223210), (5.583808, 43.235601), (4.232033, 43.258155)],
    "30TXP": [(-1.766188, 43.346200), (-0.412464, 43.323577), (-0.453369, 42.335782), (-1.785713, 42.357641)],
    "30TYQ": [(-0.496429, 44.225976), (0.875739, 44.187622), (0.812632, 43.201211), (-0.537265, 43.238273)],
}
LAW = {  # b0 to b4 of spec 08 section 8, units
    "aod550": (0.10, 0.004, 0.010, 0.002, 0.01, "~"),
    "tcwv": (18, -0.5, 0.8, 0.05, 0.6, "kg m**-2"),
    "gtco3": (0.0070, 1e-4, -5e-5, 1e-5, 2e-5, "kg m**-2"),
    "msl": (101500, -30, 12, 3, -40, "Pa"),
}
FACTOR = {"aod550": 1, "tcwv": 0.1, "gtco3": 1 / 2.14151869e-5 / 1000, "msl": 0.01}
FLOAT32_AXES = 5e-7
"""Relative: longitudes near 360 are only known to 3e-5 degree in the float32 axes of the files."""
LATITUDE, LONGITUDE = 50 - 0.4 * np.arange(26), 0.4 * np.arange(26)
GLOBE = 0.4 * np.arange(900)
SIX_HOURLY = [MIDNIGHT + timedelta(hours=h) for h in (0, 6, 12, 18)]
DAILY_NAME = "20230615/CAMS_archive_aod550_tcwv_msl_gtco3_analysis_0H_6H_12H_18H_2023-06-15.nc"
MONTHLY_NAME = "202306/CAMS_archive_aod550_tcwv_msl_gtco3_reanalysis_0H_6H_12H_18H_2023-06.nc"


def law(name, lat, lon, time):
    b0, b1, b2, b3, b4, _ = LAW[name]
    x, y = lat - 45, (lon + 180) % 360 - 180 - 5
    return b0 + b1 * x + b2 * y + b3 * x * y + b4 * (time - MIDNIGHT) / timedelta(hours=6)


def values(name, latitude, longitude, time):
    return law(name, latitude[:, None], longitude[None, :], time)


def write(path, times=SIX_HOURLY, latitude=LATITUDE, longitude=LONGITUDE, names=tuple(LAW), layout="time", change=None):
    """A netCDF file of one of the layouts of spec 08; `change(dataset)` spoils it at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as nc:
        for axis, at, units in (("latitude", latitude, "degrees_north"), ("longitude", longitude, "degrees_east")):
            nc.createDimension(axis, len(at))
            nc.createVariable(axis, "f4", (axis,)).units = units
            nc[axis][:] = at
        hours = [(t - datetime(1900, 1, 1)) / timedelta(hours=1) for t in times]
        seconds = [(t - datetime(1970, 1, 1)) / timedelta(seconds=1) for t in times]
        if layout in ("time", "no Conventions"):
            dimensions = ("time",)
            nc.createDimension("time", len(times))
            nc.createVariable("time", "i4", ("time",)).units = "hours since 1900-01-01 00:00:00.0"
            nc["time"][:] = hours
        elif layout == "CF-1.7":
            dimensions = ("forecast_period", "forecast_reference_time")
            nc.createDimension("forecast_period", 1)
            nc.createDimension("forecast_reference_time", len(times))
            nc.createVariable("forecast_period", "f8", ("forecast_period",)).units = "hours"
            nc["forecast_period"][:] = 0
            for variable, own in (("forecast_reference_time", dimensions[1:]), ("valid_time", dimensions[::-1])):
                nc.createVariable(variable, "i8", own).units = "seconds since 1970-01-01"
                nc[variable][:] = np.reshape(seconds, nc[variable].shape)
        elif layout == "valid_time":
            dimensions = ("valid_time",)
            nc.createDimension("valid_time", len(times))
            nc.createVariable("valid_time", "i8", ("valid_time",)).units = "seconds since 1970-01-01"
            nc["valid_time"][:] = seconds
        if layout != "no Conventions":
            nc.Conventions = "CF-1.7" if layout == "CF-1.7" else "CF-1.6"
        for name in names:
            variable = nc.createVariable(name, "f8", (*dimensions, "latitude", "longitude"), fill_value=-32767.0)
            variable.units = LAW[name][5]
            stack = np.stack([values(name, latitude, longitude, t) for t in times])
            variable[:] = stack.reshape(variable.shape)
        if change:
            change(nc)
    return path


def write_hours(directory, hours=range(24), names=tuple(LAW)):
    for hour in hours:
        time = MIDNIGHT + timedelta(hours=hour)
        run = "2023061412" if hour == 0 else "2023061500" if hour <= 12 else "2023061512"
        step = 12 if hour == 0 else (hour - 1) % 12 + 1
        for name in names:
            write(directory / run / f"z_cams_c_ecmf_{run}0000_prod_fc_sfc_{step:03d}_{name}.nc", [time], names=(name,))
    return directory


def write_climatology(directory, names=tuple(LAW), longitude=LONGITUDE):
    directory.mkdir(parents=True, exist_ok=True)
    rasters = {f"CAMS_Climatology_2010-2019_{n}_DOY_166": values(n, LATITUDE, longitude, MIDNIGHT) for n in names}
    rasters |= {"latitude": LATITUDE[None, :], "longitude": longitude[None, :]}
    for name, data in rasters.items():
        profile = {"driver": "GTiff", "dtype": "float64", "count": 1, "height": data.shape[0], "width": data.shape[1]}
        with rasterio.open(directory / f"{name}.tif", "w", **profile) as dataset:
            dataset.write(data, 1)
    return directory


def find(interpolation="reference", time=SENSING, tile="31TFJ", **directories):
    return find_atmosphere(time, CORNERS[tile], CamsDirectories(**directories), interpolation)


def numbers(atmosphere: Atmosphere):
    return atmosphere.aot550, atmosphere.water_vapour, atmosphere.ozone, atmosphere.pressure


def plane(step, time, tile="31TFJ"):
    """Section 5.2 with the true grid step: mean over the corners of the plane through the NW, NE and SW nodes."""
    north = 50.25 if step == 0.75 else 50.0
    result = []
    for name in ("aod550", "tcwv", "gtco3", "msl"):
        total = 0
        for lon, lat in CORNERS[tile]:
            west, top = step * np.floor(lon / step), north - step * np.floor((north - lat) / step)
            at = law(name, top, west, time)
            total += at + (law(name, top, west + step, time) - at) * (lon - west) / step
            total += (law(name, top - step, west, time) - at) * (top - lat) / step
        result.append(total / 4 * FACTOR[name])
    return result
