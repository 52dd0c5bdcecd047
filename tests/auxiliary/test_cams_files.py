"""CAMS files: every layout, what is wrong with them, and their grids (spec 08)."""

import shutil
from datetime import timedelta

import netCDF4
import numpy as np
import pytest
from auxiliary.cams_data import (
    CORNERS,
    DAILY_NAME,
    GLOBE,
    LATITUDE,
    LAW,
    LONGITUDE,
    MIDNIGHT,
    MONTHLY_NAME,
    NOON,
    SENSING,
    find,
    law,
    numbers,
    plane,
    values,
    write,
    write_climatology,
    write_hours,
)

from sen2like.auxiliary.cams_files import Grid, contents
from sen2like.errors import AuxiliaryError
from sen2like.record import Atmosphere


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
