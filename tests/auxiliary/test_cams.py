"""CAMS search and interpolation against `cams_cases.csv` (spec 08), every layout of file, and what is wrong with files."""

import csv
import shutil
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio

from sen2like.auxiliary.cams import CamsDirectories, find_atmosphere
from sen2like.auxiliary.cams_files import Grid, contents
from sen2like.errors import AuxiliaryError
from sen2like.record import Atmosphere

CASES = list(csv.DictReader((Path(__file__).parents[1] / "data" / "cams_cases.csv").open()))
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


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """Directories of every database named in the cases."""
    root = tmp_path_factory.mktemp("cams")
    west = GLOBE - 180
    write(root / "monthly" / MONTHLY_NAME)
    write(root / "daily CF-1.6" / DAILY_NAME)
    write(root / "daily CF-1.7" / DAILY_NAME, layout="CF-1.7")
    coarse = 50.25 - 0.75 * np.arange(15), 0.75 * np.arange(15)
    write(root / "daily 0.75deg" / DAILY_NAME, latitude=coarse[0], longitude=coarse[1])
    write(root / "daily valid_time only" / DAILY_NAME, layout="valid_time")
    write(root / "daily no Conventions" / DAILY_NAME, layout="no Conventions")
    write_hours(root / "hourly")
    write(root / "west longitudes, 0..360 grid" / DAILY_NAME, longitude=GLOBE)
    write(root / "west longitudes, -180..180 grid" / DAILY_NAME, longitude=west)
    write(root / "tile across Greenwich, 0..360 grid" / DAILY_NAME, longitude=GLOBE)
    return root


def directories_of(case, root) -> CamsDirectories:
    database = case["database"]
    if database == "nothing configured":
        return CamsDirectories()
    if database.startswith("monthly"):
        return CamsDirectories(monthly=root / "monthly")
    if database == "hourly":
        return CamsDirectories(hourly=root / "hourly")
    return CamsDirectories(daily=root / database)


def numbers(atmosphere: Atmosphere):
    return atmosphere.aot550, atmosphere.water_vapour, atmosphere.ozone, atmosphere.pressure


def expected(case, prefix=""):
    names = ("better_aot550", "better_h2o", "better_o3", "better_pressure") if prefix else (
        "aot550", "h2o_g_cm2", "o3_cm_atm", "pressure_hpa",
    )  # fmt: skip
    return [float(case[name]) for name in names]


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


def search(case, root, interpolation):
    time = datetime.fromisoformat(case["observation_utc"])
    return find_atmosphere(time, CORNERS[case["tile"]], directories_of(case, root), interpolation)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["case"])
def test_reference_interpolation_gives_the_tabulated_numbers(case, databases):
    by_number = {c["case"]: c for c in CASES}
    # where the reference software is defective (grid step, new layouts, hour 0, -180..180 axis) the right value of the
    # same method is expected: of the same field in a good file, or by the formula of spec 08 section 5.2
    right = {
        "8": lambda: plane(0.75, SENSING),
        "9": lambda: expected(by_number["5"]),
        "10": lambda: expected(by_number["5"]),
        "13": lambda: plane(0.4, datetime(2023, 6, 15, 0, 30)),
        "18": lambda: expected(by_number["17"]),
    }
    wanted = right.get(case["case"], lambda: expected(case))()
    np.testing.assert_allclose(numbers(search(case, databases, "reference").atmosphere), wanted, rtol=FLOAT32_AXES)


@pytest.mark.parametrize("case", [c for c in CASES if c["better_aot550"]], ids=lambda c: c["case"])
def test_accurate_interpolation_gives_the_exact_field(case, databases):
    found = search(case, databases, "accurate").atmosphere
    np.testing.assert_allclose(numbers(found), expected(case, "better"), rtol=FLOAT32_AXES)


@pytest.mark.parametrize("number", ["4", "7"])
def test_accurate_interpolation_refuses_steps_that_are_too_far(number, databases):
    (case,) = (c for c in CASES if c["case"] == number)
    assert search(case, databases, "accurate").atmosphere == Atmosphere()


def find(interpolation="reference", time=SENSING, tile="31TFJ", **directories):
    return find_atmosphere(time, CORNERS[tile], CamsDirectories(**directories), interpolation)


def test_database_and_file_are_told(databases):
    assert find(monthly=databases / "monthly").atmosphere.source == f"monthly {Path(MONTHLY_NAME).name}"


def test_defaults_come_with_a_notice_of_every_place_looked_at(databases, tmp_path):
    found = find(time=SENSING.replace(year=2024), monthly=databases / "monthly", daily=tmp_path)
    assert found.atmosphere == Atmosphere() and found.atmosphere.source == "DEFAULT"
    (notice,) = found.notices
    assert all(text in notice for text in ("default atmosphere", "0.2", "1013.095", str(databases / "monthly"), str(tmp_path)))


def test_nothing_configured_is_told():
    (notice,) = find().notices
    assert "no CAMS directory is configured" in notice


def test_a_time_with_zone_is_converted(databases):
    local = SENSING.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))
    directory = databases / "daily CF-1.6"
    assert find(time=local, daily=directory).atmosphere == find(daily=directory).atmosphere


def test_an_unknown_interpolation_is_refused():
    with pytest.raises(ValueError, match=r"nearest.*unknown"):
        find("nearest")


def test_a_far_step_is_told(databases):
    found = find(time=datetime(2023, 6, 28, 10), monthly=databases / "monthly")
    assert "the nearest step is 304 h" in found.notices[0]


def test_monthly_goes_before_daily(databases, tmp_path):
    write(tmp_path / DAILY_NAME)
    assert find(monthly=databases / "monthly", daily=tmp_path).atmosphere.source.startswith("monthly")


def test_a_file_of_the_day_replaces_an_incomplete_monthly_one(databases, tmp_path):
    write(tmp_path / MONTHLY_NAME, names=("aod550", "gtco3", "msl"))
    found = find(monthly=tmp_path, daily=databases / "daily CF-1.6")
    assert found.atmosphere == find(daily=databases / "daily CF-1.6").atmosphere
    assert "tcwv is not in the file" in found.notices[0]


def test_hourly_and_climatology_fill_single_fields(tmp_path):
    write(tmp_path / "day" / DAILY_NAME, names=("aod550", "gtco3"))
    write_hours(tmp_path / "hours", (10, 11), ("msl",))
    write_climatology(tmp_path / "climatology", ("tcwv",))
    found = find(daily=tmp_path / "day", hourly=tmp_path / "hours", climatology=tmp_path / "climatology").atmosphere
    assert [part.split()[0] for part in found.source.split("; ")] == ["daily", "hourly", "climatology"]
    aot, _, ozone, pressure = plane(0.4, SENSING)
    wanted = (aot, plane(0.4, MIDNIGHT)[1], ozone, pressure)
    np.testing.assert_allclose(numbers(found), wanted, rtol=1e-7)


def test_fields_of_different_grids_keep_their_own_axes(tmp_path):
    write(tmp_path / "day" / DAILY_NAME, names=("aod550", "gtco3", "msl"))
    write_climatology(tmp_path / "climatology", ("tcwv",), longitude=GLOBE - 180)
    found = find("accurate", daily=tmp_path / "day", climatology=tmp_path / "climatology").atmosphere
    centre = np.mean([law("tcwv", lat, lon, MIDNIGHT) for lon, lat in CORNERS["31TFJ"]])
    assert found.water_vapour == pytest.approx(centre * 0.1, rel=1e-7)


def test_climatology_serves_alone(tmp_path):
    found = find(climatology=write_climatology(tmp_path)).atmosphere
    np.testing.assert_allclose(numbers(found), plane(0.4, MIDNIGHT), rtol=1e-7)


def test_one_missing_field_discards_all_in_reference_mode(tmp_path):
    write(tmp_path / DAILY_NAME, names=("aod550", "gtco3", "tcwv"))
    found = find(daily=tmp_path)
    assert found.atmosphere == Atmosphere()
    assert "msl missing" in found.notices[-1]


def test_one_missing_field_alone_is_defaulted_in_accurate_mode(tmp_path):
    write(tmp_path / DAILY_NAME, names=("aod550", "gtco3", "tcwv"))
    found = find("accurate", daily=tmp_path)
    assert found.atmosphere.pressure == Atmosphere().pressure
    assert found.atmosphere.aot550 == pytest.approx(0.112073067, rel=1e-7)
    assert found.atmosphere.source.endswith("; DEFAULT msl")
    assert "no CAMS data of msl" in found.notices[-1]


def test_accurate_interpolation_opens_the_next_day(tmp_path):
    time = datetime(2023, 6, 15, 22)
    write(tmp_path / DAILY_NAME)
    next_day = DAILY_NAME.replace("20230615", "20230616").replace("06-15", "06-16")
    write(tmp_path / next_day, [t + timedelta(days=1) for t in SIX_HOURLY])
    found = find("accurate", time, daily=tmp_path).atmosphere
    centre = np.mean([law("aod550", lat, lon, time) for lon, lat in CORNERS["31TFJ"]])
    assert found.aot550 == pytest.approx(centre, rel=1e-7)


def test_accurate_interpolation_takes_the_last_step_up_to_three_hours_later(tmp_path):
    write(tmp_path / DAILY_NAME)
    late = find("accurate", datetime(2023, 6, 15, 20, 59), daily=tmp_path).atmosphere
    assert late == find("accurate", datetime(2023, 6, 15, 18), daily=tmp_path).atmosphere


def test_any_file_name_serves_in_the_folder_of_the_day(tmp_path):
    for name in LAW:
        write(tmp_path / "20230615" / f"download_{name}.nc", names=(name,))
    np.testing.assert_allclose(numbers(find(daily=tmp_path).atmosphere), plane(0.4, SENSING), rtol=1e-7)


def test_of_two_forecasts_for_a_time_the_shorter_is_taken(tmp_path):
    path = tmp_path / DAILY_NAME
    path.parent.mkdir()
    with netCDF4.Dataset(path, "w") as nc:
        for name, at in (("latitude", LATITUDE), ("longitude", LONGITUDE)):
            nc.createDimension(name, len(at))
            nc.createVariable(name, "f8", (name,))[:] = at
        nc.createDimension("forecast_period", 2)
        nc.createDimension("forecast_reference_time", 2)
        nc.createVariable("forecast_period", "f8", ("forecast_period",)).units = "hours"
        nc["forecast_period"][:] = [0, 12]
        nc.createVariable("forecast_reference_time", "i8", ("forecast_reference_time",)).units = "hours since 2023-06-15"
        nc["forecast_reference_time"][:] = [0, 12]
        for name in LAW:
            variable = nc.createVariable(name, "f8", ("latitude", "longitude", "forecast_period", "forecast_reference_time"))
            variable.units = LAW[name][5]
            for reference in (0, 1):
                for period in (0, 1):
                    time = MIDNIGHT + timedelta(hours=12 * (reference + period))
                    wrong_if_long = 1.2 if period and not reference else 1.0
                    variable[:, :, period, reference] = values(name, LATITUDE, LONGITUDE, time) * wrong_if_long
    assert [s.time.day * 24 + s.time.hour for s in contents(path).steps["msl"]] == [360, 372, 384]
    np.testing.assert_allclose(numbers(find(time=NOON, daily=tmp_path).atmosphere), plane(0.4, NOON), rtol=1e-7)


def test_scalar_times_and_coordinates_are_accepted(tmp_path):
    path = tmp_path / DAILY_NAME
    path.parent.mkdir()
    with netCDF4.Dataset(path, "w") as nc:
        for name, at in (("latitude", LATITUDE[::-1]), ("longitude", LONGITUDE)):
            nc.createDimension(name, len(at))
            nc.createVariable(name, "f8", (name,))[:] = at
        nc.createVariable("valid_time", "i8", ()).units = "hours since 2023-06-15"
        nc["valid_time"][...] = 12
        nc.createVariable("number", "i4", ())[...] = 0
        for name in LAW:
            nc.createVariable(name, "f8", ("longitude", "latitude")).units = LAW[name][5]
            nc[name][:] = values(name, LATITUDE[::-1], LONGITUDE, NOON).T
    np.testing.assert_allclose(numbers(find(time=NOON, daily=tmp_path).atmosphere), plane(0.4, NOON), rtol=1e-7)


@pytest.mark.parametrize("missing, used", [((10,), (9, 11)), ((10, 9, 8), (7, 11)), ((11, 12), (10, 13))])
def test_a_missing_hour_is_replaced_by_its_neighbour(tmp_path, missing, used):
    write_hours(tmp_path, [h for h in range(24) if h not in missing], ("aod550",))
    found = find("accurate", hourly=tmp_path).atmosphere
    centre = np.mean([law("aod550", lat, lon, SENSING) for lon, lat in CORNERS["31TFJ"]])
    assert found.aot550 == pytest.approx(centre, rel=1e-7)
    run, step = ("2023061500", used[0]) if used[0] <= 12 else ("2023061512", used[0] - 12)
    assert f"hourly z_cams_c_ecmf_{run}0000_prod_fc_sfc_{step:03d}_aod550.nc" in found.source


def test_hours_more_than_three_off_do_not_serve(tmp_path):
    write_hours(tmp_path, [h for h in range(24) if h not in (7, 8, 9, 10)])
    assert find(hourly=tmp_path).atmosphere == Atmosphere()


def test_an_hourly_file_without_its_hour_is_not_used(tmp_path):
    write_hours(tmp_path, (10, 11))
    name = "2023061500/z_cams_c_ecmf_20230615000000_prod_fc_sfc_{}_msl.nc"
    shutil.copy(tmp_path / name.format("011"), tmp_path / name.format("010"))
    assert any("does not hold 2023-06-15 10:00" in n for n in find(hourly=tmp_path).notices)


def test_a_missing_directory_is_told(databases):
    found = find(monthly="/nowhere/cams", daily=databases / "daily CF-1.6")
    assert found.atmosphere.source.startswith("daily")
    assert "monthly directory /nowhere/cams does not exist" in found.notices[0]


@pytest.mark.parametrize("content", [b"", b"no netCDF", "truncated"])
def test_a_broken_file_is_named_and_the_next_database_tried(databases, tmp_path, content):
    path = write(tmp_path / MONTHLY_NAME)
    path.write_bytes(path.read_bytes()[:-15000] if content == "truncated" else content)
    found = find(monthly=tmp_path, daily=databases / "daily CF-1.6")
    assert found.atmosphere.source.startswith("daily")
    assert str(path) in found.notices[0] and "not used" in found.notices[0]


def _spoil_units(nc):
    nc["msl"].units = "hPa"


def _drop_units(nc):
    del nc["tcwv"].units


def _fill_near_tile(nc):
    nc["aod550"][:, 14:18, 9:15] = np.ma.masked


def _raw_fill_near_tile(nc):
    nc["gtco3"][:, 14:18, 9:15] = -1e4


def _too_high_pressure(nc):
    nc["msl"][:] = 200000


@pytest.mark.parametrize(
    "change, message",
    [
        (_spoil_units, "msl has units 'hPa' instead of 'Pa'"),
        (_drop_units, "tcwv has no units"),
        (_fill_near_tile, "aod550 has no value near the tile"),
        (_raw_fill_near_tile, "gtco3 has the impossible value -4669"),
        (_too_high_pressure, "msl has the impossible value 2000"),
    ],
)
def test_an_unusable_field_is_named_and_the_next_database_tried(tmp_path, change, message):
    path = write(tmp_path / "month" / MONTHLY_NAME, change=change)
    write(tmp_path / "day" / DAILY_NAME)
    found = find(monthly=tmp_path / "month", daily=tmp_path / "day")
    assert found.atmosphere.source.startswith("daily")
    assert any(message in notice and path.name in notice for notice in found.notices)


def test_a_field_with_an_unknown_dimension_is_not_used(tmp_path):
    def change(nc):
        nc.createDimension("model_level", 3)
        nc.renameVariable("msl", "old")
        nc.createVariable("msl", "f4", ("model_level", "latitude", "longitude")).units = "Pa"

    write(tmp_path / DAILY_NAME, change=change)
    assert any("msl does not depend on time" in n for n in find(daily=tmp_path).notices)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda nc: nc.renameVariable("time", "moment"), "has no time"),
        (lambda nc: nc.renameVariable("latitude", "y"), "no one-dimensional variable latitude"),
        (lambda nc: setattr(nc["time"], "units", "fortnights since 1900-01-01"), "cannot be read"),
        (lambda nc: nc["latitude"].__setitem__(slice(None), np.nan), "latitude axis is not a list"),
    ],
)
def test_a_file_without_usable_axes_is_named(tmp_path, change, message):
    path = write(tmp_path / DAILY_NAME, change=change)
    with pytest.raises(AuxiliaryError, match=message) as error:
        contents(path)
    assert str(path) in str(error.value)


def test_a_regional_file_beside_the_tile_does_not_serve(databases):
    found = find(tile="30TXP", daily=databases / "daily CF-1.6")
    assert found.atmosphere == Atmosphere()
    assert "does not cover the tile" in found.notices[0]


def test_climatology_with_axes_of_another_length_is_named(tmp_path):
    write_climatology(tmp_path)
    shutil.copy(tmp_path / "longitude.tif", tmp_path / "kept.tif")
    write_climatology(tmp_path / "other", longitude=GLOBE)
    shutil.copy(tmp_path / "other" / "longitude.tif", tmp_path / "longitude.tif")
    assert "latitude.tif and longitude.tif" in find(climatology=tmp_path).notices[0]


def test_climatology_without_axes_is_named(tmp_path):
    write_climatology(tmp_path)
    (tmp_path / "latitude.tif").unlink()
    assert "latitude.tif cannot be read" in find(climatology=tmp_path).notices[0]


def test_a_changed_file_is_indexed_again(tmp_path):
    path = write(tmp_path / DAILY_NAME, names=("msl",))
    assert set(contents(path).steps) == {"msl"}
    write(path)
    assert set(contents(path).steps) == set(LAW)


def test_a_point_on_a_node_belongs_to_the_cell_south_west_of_it():
    cell = Grid(np.array([50, 40, 30]), np.array([0, 10, 20])).cell(10, 40)
    assert (cell.rows, cell.columns, cell.bx, cell.by) == ((1, 2), (0, 1), 1, 0)


@pytest.mark.parametrize("lon", [0, 360, -0.0])
def test_greenwich_is_reached_from_the_last_column(lon):
    cell = Grid(LATITUDE, GLOBE).cell(lon, 45)
    assert (cell.columns, cell.bx) == ((899, 0), 1)


def test_both_ends_of_an_axis_may_name_one_meridian():
    cell = Grid(LATITUDE, np.linspace(-180, 180, 361)).cell(179.5, 45)
    assert cell.bx == 0.5 and cell.columns[0] == 359


def test_a_gap_in_a_regional_grid_covers_nothing():
    grid = Grid(LATITUDE, np.array([350, 355, 0, 5]))
    assert grid.cell(357, 45).columns == (1, 2)
    assert grid.cell(180, 45) is None and grid.cell(5.1, 45) is None


@pytest.mark.parametrize("lat", [50.1, 39.9])
def test_latitudes_outside_the_grid_are_not_covered(lat):
    assert Grid(LATITUDE, GLOBE).cell(5, lat) is None
