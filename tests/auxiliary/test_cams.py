"""CAMS search and interpolation against `cams_cases.csv` (spec 08)."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from auxiliary.cams_data import (
    CORNERS,
    DAILY_NAME,
    FLOAT32_AXES,
    GLOBE,
    LAW,
    MIDNIGHT,
    MONTHLY_NAME,
    SENSING,
    SIX_HOURLY,
    find,
    law,
    numbers,
    plane,
    write,
    write_climatology,
    write_hours,
)

from sen2like.auxiliary.cams import CamsDirectories, find_atmosphere
from sen2like.record import Atmosphere

CASES = list(csv.DictReader((Path(__file__).parents[1] / "data" / "cams_cases.csv").open()))


def directories_of(case, root) -> CamsDirectories:
    database = case["database"]
    if database == "nothing configured":
        return CamsDirectories()
    if database.startswith("monthly"):
        return CamsDirectories(monthly=root / "monthly")
    if database == "hourly":
        return CamsDirectories(hourly=root / "hourly")
    return CamsDirectories(daily=root / database)


def expected(case, prefix=""):
    names = ("better_aot550", "better_h2o", "better_o3", "better_pressure") if prefix else (
        "aot550", "h2o_g_cm2", "o3_cm_atm", "pressure_hpa",
    )  # fmt: skip
    return [float(case[name]) for name in names]


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
