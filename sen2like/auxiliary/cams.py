"""Atmosphere over a tile at the time of a product, from CAMS files: aerosol, water vapour, ozone, pressure (spec 08).

Four databases are asked in order: monthly, daily, hourly, climatology. ``reference`` interpolation gives the numbers of
the reference software (nearest step of a monthly file, line through the two nearest of a daily one, plane through three
nodes, all defaults when one field is missing); ``accurate`` is bilinear in space, linear between the steps that enclose
the observation, and keeps the fields that exist. In both, a value comes from the grid it is stored on, whatever its axes,
and missing or impossible values are not used.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from sen2like.auxiliary.cams_files import FIELDS, Contents, Step, climatology_step, contents, one_per_time
from sen2like.errors import AuxiliaryError
from sen2like.record import Atmosphere

log = logging.getLogger(__name__)

FAR = timedelta(hours=6)
"""A step farther away is refused (accurate) or told (reference); spec 08 sections 6 and 7.5."""
FARTHEST_EXTRAPOLATION = timedelta(hours=3)
"""How far outside its steps a file still serves, when nothing encloses the observation (accurate)."""
HOURS_TO_LOOK = 3
"""How many hours around the observation an hourly file may be off, when nearer ones are missing (spec 08 section 4.3)."""
_ATTRIBUTES = {"aod550": "aot550", "gtco3": "ozone", "msl": "pressure", "tcwv": "water_vapour"}


@dataclass(frozen=True)
class CamsDirectories:
    """Where each database is; None = not configured."""

    monthly: Path | str | None = None
    daily: Path | str | None = None
    hourly: Path | str | None = None
    climatology: Path | str | None = None

    def configured(self) -> dict[str, Path]:
        """Database name -> directory, in search order."""
        return {f.name: Path(value) for f in fields(self) if (value := getattr(self, f.name)) is not None}


@dataclass(frozen=True)
class FoundAtmosphere:
    """The atmosphere, and what a user should know about how it was found (the caller logs and reports it)."""

    atmosphere: Atmosphere
    notices: tuple[str, ...] = ()


def find_atmosphere(
    time: datetime,
    corners: Sequence[tuple[float, float]],
    directories: CamsDirectories,
    interpolation: Literal["reference", "accurate"] = "reference",
) -> FoundAtmosphere:
    """Mean over the corners of a tile, (lon, lat) in degrees, at `time` (UTC if it has no zone).

    Files that cannot be used never raise: the next database is asked and a notice tells. Without any result the atmosphere
    is the default one, its source ``DEFAULT``. ValueError: unknown interpolation.
    """
    if interpolation not in ("reference", "accurate"):
        raise ValueError(f"CAMS interpolation {interpolation!r} is unknown; known are reference and accurate")
    utc = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    search = _Search(utc, list(corners), accurate=interpolation == "accurate")
    log.debug("looking for CAMS data of %s UTC", utc)
    values = search.run(directories.configured())
    return FoundAtmosphere(search.atmosphere(values), tuple(search.notices))


@dataclass(frozen=True)
class _Value:
    """A field over the tile in the unit of SMAC, and where it comes from."""

    value: float
    source: str


@dataclass
class _Search:
    """One search: what is looked for, and what was noticed on the way."""

    time: datetime
    corners: list[tuple[float, float]]
    accurate: bool
    notices: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def run(self, directories: dict[str, Path]) -> dict[str, _Value]:
        """Field -> value, from the first database that has it."""
        if not directories:
            self.looked_at.append("no CAMS directory is configured")
        databases = {"monthly": self._monthly, "daily": self._daily, "hourly": self._hourly, "climatology": self._climatology}
        values: dict[str, _Value] = {}
        for database, directory in directories.items():
            missing = [name for name in FIELDS if name not in values]
            if not missing:
                break
            if not directory.is_dir():
                self._notice(f"CAMS {database} directory {directory} does not exist; correct its path or set it to None")
                self.looked_at.append(f"{database} {directory} (does not exist)")
                continue
            # the netCDF of a day replaces what an incomplete monthly file gave: fields of one time belong together
            wanted = list(FIELDS) if database == "daily" else missing
            found = databases[database](directory, wanted)
            self.looked_at.append(f"{database} {directory}")
            log.info("CAMS %s in %s gives %s", database, directory, ", ".join(found) or "nothing")
            values |= found
        return values

    def atmosphere(self, values: dict[str, _Value]) -> Atmosphere:
        """Values found, completed (accurate) or replaced (reference) by defaults where one is missing."""
        default = Atmosphere()
        missing = [name for name in FIELDS if name not in values]
        if missing and (not self.accurate or len(missing) == len(FIELDS)):
            lacking = "" if len(missing) == len(FIELDS) else f" ({', '.join(missing)} missing)"
            self._notice(
                f"no CAMS data for {self.time} UTC{lacking}: default atmosphere used, AOT {default.aot550}, water vapour "
                f"{default.water_vapour} g/cm2, ozone {default.ozone} cm-atm, pressure {default.pressure} hPa; "
                f"looked at: {', '.join(self.looked_at)}"
            )
            return default
        sources = list(dict.fromkeys(value.source for value in values.values()))
        if missing:
            self._notice(f"no CAMS data of {', '.join(missing)} for {self.time} UTC: default used for it, others as found")
            sources.append(f"DEFAULT {', '.join(missing)}")
        found = {_ATTRIBUTES[name]: value.value for name, value in values.items()}
        atmosphere = replace(default, **found, source="; ".join(sources))
        log.debug("atmosphere of %s UTC: %s", self.time, atmosphere)
        return atmosphere

    def _monthly(self, directory: Path, names: list[str]) -> dict[str, _Value]:
        files = [path for month in self._periods("%Y%m") for path in sorted((directory / month).glob("*.nc"))]
        return self._from_files("monthly", files, names, directory)

    def _daily(self, directory: Path, names: list[str]) -> dict[str, _Value]:
        files = []
        for day in self._periods("%Y%m%d"):
            usual = f"CAMS_archive_aod550_tcwv_msl_gtco3_analysis_0H_6H_12H_18H_{day[:4]}-{day[4:6]}-{day[6:]}.nc"
            one = directory / day / usual
            files += [one] if one.exists() else sorted((directory / day).glob("*.nc"))
        return self._from_files("daily", files, names, directory)

    def _periods(self, pattern: str) -> list[str]:
        """Folders to look into: that of the observation and, for enclosing steps, its neighbours within reach."""
        around = (self.time - FAR, self.time, self.time + FAR) if self.accurate else (self.time,)
        return list(dict.fromkeys(moment.strftime(pattern) for moment in around))

    def _from_files(self, database: str, files: list[Path], names: list[str], directory: Path) -> dict[str, _Value]:
        if not files:
            log.info("no CAMS %s file for %s in %s", database, self.time, directory)
        usable = [found for path in files if (found := self._contents(path)) is not None]
        values = {}
        for name in names:
            steps = one_per_time(step for found in usable for step in found.steps.get(name, ()))
            if not steps:
                self._tell_missing(database, name, usable)
                continue
            value = self._at_time(database, name, self._chosen(database, steps))
            if value is not None:
                values[name] = value
        return values

    def _tell_missing(self, database: str, name: str, usable: list[Contents]) -> None:
        for found in usable:
            self._notice(f"CAMS {database} file {found.path}: {name} {found.problems[name]}; next database tried for it")

    def _chosen(self, database: str, steps: tuple[Step, ...]) -> list[Step]:
        """The one or two steps, of those sorted by time, that the value is made of; empty if all are too far away."""
        if not self.accurate:
            nearest = sorted(steps, key=self._distance)  # stable: of two equally far the earlier
            return nearest[:1] if database == "monthly" else nearest[:2]
        before = [s for s in steps if _time(s) <= self.time][-1:]
        after = [s for s in steps if _time(s) >= self.time][:1]
        near = [s for s in before + after if self._distance(s) <= FAR]
        if len(near) == 2 and near[0].time != near[1].time:
            return near
        return [s for s in near if self._distance(s) <= FARTHEST_EXTRAPOLATION][:1]

    def _hourly(self, directory: Path, names: list[str]) -> dict[str, _Value]:
        floor = self.time.replace(minute=0, second=0, microsecond=0)
        ceiling = floor if floor == self.time else floor + timedelta(hours=1)
        values = {}
        for name in names:
            backwards = (floor - timedelta(hours=i) for i in range(HOURS_TO_LOOK + 1))
            lower = next((s for hour in backwards if (s := self._hour(directory, name, hour))), None)
            if lower is None:
                continue
            forwards = (ceiling + timedelta(hours=i) for i in range(HOURS_TO_LOOK + 1))
            upper = next((s for hour in forwards if hour != lower.time and (s := self._hour(directory, name, hour))), None)
            if upper is None and lower.time != self.time:
                continue
            value = self._at_time("hourly", name, [lower] if upper is None else [lower, upper])
            if value is not None:
                values[name] = value
        return values

    def _hour(self, directory: Path, name: str, hour: datetime) -> Step | None:
        """The step of exactly that hour. Runs start at 00 and 12 UTC with step 1, so hour 0 is step 12 of the day before."""
        run = (hour - timedelta(hours=1)).replace(hour=0 if 1 <= hour.hour <= 12 else 12)
        step = round((hour - run) / timedelta(hours=1))
        path = directory / f"{run:%Y%m%d%H}" / f"z_cams_c_ecmf_{run:%Y%m%d%H}0000_prod_fc_sfc_{step:03d}_{name}.nc"
        found = self._contents(path) if path.exists() else None
        if found is None:
            return None
        if name not in found.steps:
            self._tell_missing("hourly", name, [found])
            return None
        exact = next((s for s in found.steps[name] if s.time == hour), None)
        if exact is None:
            self._notice(f"CAMS hourly file {path} does not hold {hour} UTC, the time of its name; it is not used")
        return exact

    def _climatology(self, directory: Path, names: list[str]) -> dict[str, _Value]:
        values = {}
        for name in names:
            try:
                step = climatology_step(directory, name, self.time.timetuple().tm_yday)
            except AuxiliaryError as error:
                self._notice(f"{error}; it is not used")
                continue
            value = self._tile_mean(name, step) if step else None
            if step and value is not None:
                values[name] = _Value(value, f"climatology {step.path.name}")
        return values

    def _contents(self, path: Path) -> Contents | None:
        """Index of a file, if it can be read and covers the tile."""
        try:
            found = contents(path)
        except AuxiliaryError as error:
            self._notice(f"{error}; it is not used")
            return None
        if any(found.grid.cell(*corner) is None for corner in self.corners):
            self._notice(f"CAMS file {path} does not cover the tile; it is not used")
            return None
        return found

    def _at_time(self, database: str, name: str, steps: list[Step]) -> _Value | None:
        """The value of one step, or on the line through two."""
        means = [mean for step in steps if (mean := self._tile_mean(name, step)) is not None]
        if not means or len(means) < len(steps):
            return None
        first, mean = steps[0], means[0]
        hours = self._distance(first) / timedelta(hours=1)
        if self._distance(first) > FAR:
            self._notice(f"CAMS {database} file {first.path}: the nearest step is {hours:.0f} h from the observation")
        log.debug("CAMS %s %s: steps %s UTC, the first %.2f h off", database, name, [str(s.time) for s in steps], hours)
        if len(steps) == 2:
            weight = (self.time - _time(first)) / (_time(steps[1]) - _time(first))
            mean += weight * (means[1] - mean)
        files = " and ".join(dict.fromkeys(step.path.name for step in steps))
        return _Value(mean, f"{database} {files}")

    def _tile_mean(self, name: str, step: Step) -> float | None:
        """Mean of the values at the corners, in the unit of SMAC; None when the tile is not covered by good values.

        The plane that the reference software fits through the corners has the plain mean at its centre (spec 08 section 5.3).
        """
        cells = [step.grid.cell(*corner) for corner in self.corners]
        known = [cell for cell in cells if cell is not None]
        if len(known) < len(cells):
            self._notice(f"CAMS file {step.path} does not cover the tile; it is not used")
            return None
        rows, columns = (np.unique([getattr(cell, axis) for cell in known]) for axis in ("rows", "columns"))
        try:
            block = step.nodes(rows, columns) * FIELDS[name].factor
        except AuxiliaryError as error:
            self._notice(f"{error}; it is not used")
            return None
        total = 0.0
        for cell in known:
            (north, south), (west, east) = np.searchsorted(rows, cell.rows), np.searchsorted(columns, cell.columns)
            nw, ne, sw, se = (float(block[r, c]) for r, c in ((north, west), (north, east), (south, west), (south, east)))
            used = [nw, ne, sw, se] if self.accurate else [nw, ne, sw]
            if not self._possible(name, used, step):
                return None
            total += nw + (ne - nw) * cell.bx + (sw - nw) * cell.by
            if self.accurate:
                total += (se - sw - ne + nw) * cell.bx * cell.by
        return total / len(known)

    def _possible(self, name: str, values: list[float], step: Step) -> bool:
        """Whether all values exist and are within the physical range of the field."""
        field_of = FIELDS[name]
        for value in values:
            if not field_of.lowest <= value <= field_of.highest:  # NaN, too
                what = "no value" if np.isnan(value) else f"the impossible value {value:g}"
                self._notice(f"CAMS file {step.path}: {name} has {what} near the tile; next database tried for it")
                return False
        return True

    def _distance(self, step: Step) -> timedelta:
        return abs(_time(step) - self.time)

    def _notice(self, message: str) -> None:
        if message not in self.notices:
            self.notices.append(message)


def _time(step: Step) -> datetime:
    if step.time is None:
        raise ValueError(f"{step.path} is a climatology and has no time")
    return step.time
