"""Files of the Copernicus Atmosphere Monitoring Service: which fields, times and grid they hold, and values at grid nodes.

netCDF files of the old store (``time``), of the new one (``valid_time``, ``forecast_reference_time``) and climatology
GeoTIFFs all become `Step`: one field at one time on its own grid. Layouts are recognised by the variables of a file,
never by its attributes or name (spec 08 sections 4 and 7).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import product
from pathlib import Path

import netCDF4
import numpy as np
import rasterio
from rasterio.errors import RasterioError

from sen2like.errors import AuxiliaryError

_LOCK = threading.RLock()
"""The netCDF library serves one thread at a time."""
_WIDEST_CELL = 1.5
"""Neighbouring nodes farther apart than so many grid steps do not enclose anything: there is a gap in the grid."""
_OLD_STORE_UNITS = "hours since 1900-01-01 00:00:00"
_LATITUDES, _LONGITUDES = ("latitude", "lat"), ("longitude", "lon")


@dataclass(frozen=True)
class Field:
    """One field: accepted netCDF units, factor to the unit of SMAC, physical range in that unit (spec 08 sections 2 and 7)."""

    units: tuple[str, ...]
    factor: float
    lowest: float
    highest: float


_MASS = ("kg m**-2", "kg m-2", "kg m^-2", "kg/m2", "kg/m^2", "kg/m**2")
FIELDS = {
    "aod550": Field(("1", "~", "dimensionless"), 1.0, 0.005, 5),
    "gtco3": Field(_MASS, 1 / 2.14151869e-5 / 1000, 0.1, 0.7),  # kg/m2 per Dobson unit; 1000 DU = 1 cm-atm
    "msl": Field(("Pa",), 0.01, 870, 1085),
    "tcwv": Field(_MASS, 0.1, 0.01, 8),
}


@dataclass(frozen=True)
class Cell:
    """The four nodes around a point: file rows (north, south), file columns (west, east), and where the point is between."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    bx: float
    """0 at the western, 1 at the eastern nodes."""
    by: float
    """0 at the northern, 1 at the southern nodes."""


class Grid:
    """Latitude-longitude grid with its axes in any order and longitudes in -180..180 or 0..360, whole globe or a region.

    ValueError: an axis is not one-dimensional, finite and of two or more different values.
    """

    def __init__(self, latitude: np.ndarray, longitude: np.ndarray):
        latitude, longitude = np.asarray(latitude, np.float64), np.asarray(longitude, np.float64)
        for name, axis in (("latitude", latitude), ("longitude", longitude)):
            if axis.ndim != 1 or axis.size < 2 or not np.isfinite(axis).all():
                raise ValueError(f"the {name} axis is not a list of at least two numbers")
        self._latitude, rows = np.unique(latitude, return_index=True)
        self._latitude, self._rows = self._latitude[::-1], rows[::-1]
        self._longitude, self._columns = np.unique(longitude % 360, return_index=True)
        if self._latitude.size < 2 or self._longitude.size < 2:
            raise ValueError("the grid has less than two different latitudes or longitudes")
        self._widest_row = _WIDEST_CELL * float(np.median(-np.diff(self._latitude)))
        self._widest_column = _WIDEST_CELL * float(np.median(np.diff(self._longitude)))

    def cell(self, lon: float, lat: float) -> Cell | None:
        """The cell of a point, degrees; None when the grid does not cover it.

        A point on a node row or column belongs to the cell south, respectively west, of it (spec 08 section 5.2).
        """
        row, column = self._row(lat), self._column(lon % 360)
        if row is None or column is None:
            return None
        rows, columns = self._rows[row[0] : row[0] + 2], self._columns[list(column[0])]
        return Cell((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])), column[1], row[1])

    def _row(self, lat: float) -> tuple[int, float] | None:
        north = int(np.searchsorted(-self._latitude, -lat, side="right")) - 1
        north = min(north, self._latitude.size - 2)
        if north < 0:
            return None
        above, below = float(self._latitude[north]), float(self._latitude[north + 1])
        if lat < below or above - below > self._widest_row:
            return None
        return north, (above - lat) / (above - below)

    def _column(self, lon: float) -> tuple[tuple[int, int], float] | None:
        size = self._longitude.size
        west = int(np.searchsorted(self._longitude, lon, side="left")) - 1
        for index in (west, west + 1):
            (turn_a, a), (turn_b, b) = divmod(index, size), divmod(index + 1, size)
            left, right = float(self._longitude[a]) + 360 * turn_a, float(self._longitude[b]) + 360 * turn_b
            if left <= lon <= right and right - left <= self._widest_column:
                return (a, b), (lon - left) / (right - left)
        return None


@dataclass(frozen=True)
class Step:
    """One field at one time. `nodes(rows, columns)`, sorted file indices, gives float64 with NaN where the file has no value."""

    path: Path
    time: datetime | None
    """UTC without zone; None for a climatology."""
    lead: float
    """Hours of forecast."""
    grid: Grid
    nodes: Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Contents:
    """What a netCDF file holds: the steps of each field, in order of time, and why other fields cannot be used."""

    path: Path
    grid: Grid
    steps: dict[str, tuple[Step, ...]]
    problems: dict[str, str]


def contents(path: Path) -> Contents:
    """Index of a netCDF file; read once as long as the file does not change. `AuxiliaryError`: not readable, no grid, no time."""
    try:
        stat = path.stat()
    except OSError as error:
        raise AuxiliaryError(f"CAMS file {path} cannot be read: {error.strerror}") from error
    return _contents(path, stat.st_size, stat.st_mtime_ns)


def climatology_step(directory: Path, field: str, day_of_year: int) -> Step | None:
    """Climatology of a field for a day of the year (GeoTIFF, axes in two more); None when there is no such file.

    `AuxiliaryError`: unreadable, or axes missing or of another length than the image.
    """
    path = directory / f"CAMS_Climatology_2010-2019_{field}_DOY_{day_of_year:03d}.tif"
    if not path.exists():
        return None
    values = _read_tiff(path)
    latitude, longitude = (_read_tiff(directory / f"{axis}.tif")[0] for axis in ("latitude", "longitude"))
    if values.shape != (latitude.size, longitude.size):
        raise AuxiliaryError(
            f"CAMS file {path} has {values.shape} nodes, but latitude.tif and longitude.tif {(latitude.size, longitude.size)}"
        )
    try:
        grid = Grid(latitude, longitude)
    except ValueError as error:
        raise AuxiliaryError(f"CAMS file {path} cannot be used: {error}") from error
    return Step(path, None, 0.0, grid, lambda rows, columns: values[np.ix_(rows, columns)])


def one_per_time(steps: Iterable[Step]) -> tuple[Step, ...]:
    """In order of time; of several for one time that of the shortest forecast."""
    best: dict[datetime | None, Step] = {}
    for step in sorted(steps, key=lambda s: (s.time, s.lead)):
        best.setdefault(step.time, step)
    return tuple(best.values())


@lru_cache(maxsize=256)
def _contents(path: Path, size: int, modified: int) -> Contents:
    del size, modified  # they only tell one state of the file from another
    with _opened(path) as dataset:
        latitude, longitude = (_axis(dataset, path, names) for names in (_LATITUDES, _LONGITUDES))
        grid = Grid(latitude[:], longitude[:])
        dimensions, moments = _times(dataset, path)
        steps: dict[str, tuple[Step, ...]] = {}
        problems: dict[str, str] = {}
        axes = latitude.dimensions[0], longitude.dimensions[0]
        for name, field in FIELDS.items():
            problem = _problem(dataset, name, field, axes, dimensions)
            if problem:
                problems[name] = problem
                continue
            own = dataset.variables[name].dimensions
            steps[name] = one_per_time(
                Step(path, time, lead, grid, _Nodes(path, name, {d: i for d, i in at.items() if d in own}, *axes))
                for at, time, lead in moments
            )
    return Contents(path, grid, steps, problems)


@dataclass(frozen=True)
class _Nodes:
    """Reader of some nodes of a netCDF variable at one moment."""

    path: Path
    name: str
    at: dict[str, int]
    latitude: str
    longitude: str

    def __call__(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        with _opened(self.path) as dataset:
            variable = dataset.variables[self.name]
            chosen = {self.latitude: rows, self.longitude: columns, **self.at}
            part = variable[tuple(chosen.get(dimension, 0) for dimension in variable.dimensions)]
            values = np.ma.filled(np.ma.asarray(part, np.float64), np.nan)
            order = [d for d in variable.dimensions if d in (self.latitude, self.longitude)]
            return values if order[0] == self.latitude else values.T


def _times(dataset: netCDF4.Dataset, path: Path) -> tuple[tuple[str, ...], list[tuple[dict[str, int], datetime, float]]]:
    """(time dimensions, moments): indices along these dimensions, UTC, and hours of forecast of each moment."""
    variables = dataset.variables
    reference, period = variables.get("forecast_reference_time"), variables.get("forecast_period")
    lead_of = (period.dimensions, np.atleast_1d(_numbers(period))) if period is not None else ((), np.zeros(1))
    if "valid_time" in variables:
        time = variables["valid_time"]
        dimensions, moments = time.dimensions, _decoded(time, "seconds since 1970-01-01")
    elif reference is not None:
        dimensions, moments = _forecast_times(reference, period)
    elif "time" in variables:
        time = variables["time"]
        dimensions, moments = time.dimensions, _decoded(time, _OLD_STORE_UNITS)
    else:
        raise AuxiliaryError(f"CAMS file {path} has no time: none of the variables valid_time, forecast_reference_time, time")
    found = []
    for index in product(*(range(n) for n in moments.shape)):
        at = dict(zip(dimensions, index, strict=True))
        known = [at.get(dimension) for dimension in lead_of[0]]
        lead = float(lead_of[1][tuple(known)]) if known and None not in known else 0.0
        found.append((at, moments[index], lead))
    return dimensions, found


def _forecast_times(reference: netCDF4.Variable, period: netCDF4.Variable | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Reference time plus forecast period, over the dimensions of both."""
    dimensions = reference.dimensions
    units = getattr(reference, "units", "seconds since 1970-01-01")
    numbers = _numbers(reference)
    if period is not None:
        unit = getattr(period, "units", "hours")
        in_units = {"hours": 3600, "hour": 3600, "h": 3600, "minutes": 60, "seconds": 1, "days": 86400}[unit]
        per_second = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}[units.split()[0]]
        extra = tuple(d for d in period.dimensions if d not in dimensions)
        if extra != period.dimensions:
            raise ValueError("forecast_period depends on forecast_reference_time")
        numbers = np.add.outer(numbers, _numbers(period) * in_units / per_second)
        dimensions += extra
    return dimensions, _dates(numbers, units, getattr(reference, "calendar", "standard"))


def _decoded(variable: netCDF4.Variable, units: str) -> np.ndarray:
    return _dates(_numbers(variable), getattr(variable, "units", units), getattr(variable, "calendar", "standard"))


def _dates(numbers: np.ndarray, units: str, calendar: str) -> np.ndarray:
    dates = netCDF4.num2date(numbers, units, calendar, only_use_cftime_datetimes=False, only_use_python_datetimes=True)
    out = np.empty(np.shape(numbers), object)
    out[...] = dates
    return out


def _numbers(variable: netCDF4.Variable) -> np.ndarray:
    values = np.ma.asarray(variable[...])
    if np.ma.is_masked(values):
        raise ValueError(f"{variable.name} has missing values")
    return np.ma.getdata(values)


def _problem(
    dataset: netCDF4.Dataset, name: str, field: Field, axes: tuple[str, str], times: tuple[str, ...]
) -> str:
    """Why a variable cannot be used; empty if it can. A dimension of one element is no matter."""
    variable = dataset.variables.get(name)
    if variable is None:
        return "is not in the file"
    units = getattr(variable, "units", None)
    if units is None:
        return "has no units"
    if units.strip() not in field.units:
        return f"has units {units!r} instead of {field.units[0]!r}"
    sizes = dict(zip(variable.dimensions, variable.shape, strict=True))
    if not set(axes) <= set(sizes):
        return f"is not on the grid of {axes[0]} and {axes[1]}"
    if any(d not in sizes and dataset.dimensions[d].size != 1 for d in times):
        return "does not depend on time"
    others = [d for d, n in sizes.items() if d not in (*axes, *times) and n != 1]
    return f"has the unknown dimension {others[0]!r}" if others else ""


def _axis(dataset: netCDF4.Dataset, path: Path, names: tuple[str, ...]) -> netCDF4.Variable:
    for name in names:
        if name in dataset.variables and dataset.variables[name].ndim == 1:
            return dataset.variables[name]
    raise AuxiliaryError(f"CAMS file {path} has no one-dimensional variable {names[0]}")


def _read_tiff(path: Path) -> np.ndarray:
    """First band, float64, NaN where there is no data."""
    try:
        with rasterio.open(path) as dataset:
            return dataset.read(1, masked=True).astype(np.float64).filled(np.nan)
    except RasterioError as error:
        raise AuxiliaryError(f"CAMS file {path} cannot be read: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[netCDF4.Dataset]:
    """The file, closed afterwards; whatever the netCDF library finds wrong in it is an `AuxiliaryError`."""
    with _LOCK:
        try:
            with netCDF4.Dataset(path) as dataset:
                yield dataset
        except (OSError, RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
            raise AuxiliaryError(f"CAMS file {path} cannot be read: {error}") from error
