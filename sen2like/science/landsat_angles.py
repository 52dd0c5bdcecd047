"""Sun and view angles of a Landsat scene from three sources (spec 04 sections 8 and 11.3).

`exact_angles` evaluates the rational polynomials of ``ANG.txt``; `block_directions` averages the angle bands;
`approximate_angles` is the reference implementation's straight ground track with a closed-form sun.

Angles come in the order of `NAMES`, in degrees; azimuth clockwise from north, towards the satellite or the sun, the
satellite's in -180..180 and the sun's in 0..360. Arrays are (y, x); map coordinates are metres, y to the north.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

NAMES = ("VAA", "VZA", "SAA", "SZA")
STORED_PER_DEGREE = 100
"""Angle images are integers in 1/100 degree."""
ORBIT_HEIGHT_M = 705_000.0
"""Landsat 8 and 9, metres."""
WGS84_A_M = 6_378_137.0
WGS84_F = 1 / 298.257223563
_CHUNK_POINTS = 8192
"""Points that `exact_angles` does at once, so that their terms stay in the processor's cache."""
_STRIP_ROWS = 40
"""Rows of blocks that `block_directions` turns into vectors at once."""


# Exact: ANG.txt ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rational:
    """(N0 + N1 t1 + N2 t2 + ...) / (1 + D0 t1 + D1 t2 + ...) of terms t: `numerator` has one coefficient more."""

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]

    def __post_init__(self):
        if len(self.numerator) != len(self.denominator) + 1:
            raise ValueError(f"{len(self.numerator)} numerator and {len(self.denominator)} denominator coefficients do not match")

    def __call__(self, terms: np.ndarray) -> np.ndarray:
        """`terms` (n, points), without the constant 1 -> (points,)."""
        above = self.numerator[0] + np.asarray(self.numerator[1:]) @ terms
        return above / (1.0 + np.asarray(self.denominator) @ terms)


@dataclass(frozen=True)
class Sca:
    """One detector array (sensor chip assembly): from line and sample of the image to those of the sensor."""

    number: int
    """1 ... 14 from one side of the swath to the other."""
    height: float
    """Mean height, metres; the polynomials are in offsets from the means."""
    image: tuple[float, float]
    """Mean (line, sample) in the map-projected image (L1T)."""
    sensor: tuple[float, float]
    """Mean (line, sample) in the image of the sensor (L1R), sample counted within the array."""
    line: Rational
    sample: Rational


@dataclass(frozen=True)
class Direction:
    """Vector (east, north, up) to the satellite or the sun: its mean and the polynomial of the rest."""

    mean: tuple[float, float, float]
    components: tuple[Rational, Rational, Rational]


@dataclass(frozen=True)
class BandGeometry:
    """Angle coefficients of one band: group ``RPC_BANDnn`` of ``ANG.txt``. Lines and samples count from 0."""

    image_shape: tuple[int, int]
    """Lines and samples of the band at full resolution."""
    sensor_shape: tuple[int, int]
    """Lines and samples of one detector array."""
    pixel_size: float
    """metres"""
    height: float
    image: tuple[float, float]
    sensor: tuple[float, float]
    satellite: Direction
    sun: Direction
    scas: tuple[Sca, ...]


def exact_angles(
    band: BandGeometry, line: np.ndarray, sample: np.ndarray, height: np.ndarray | float | None = None
) -> np.ndarray:
    """`NAMES` at points of the band's full-size grid: (4, ...) float64 degrees, NaN where no detector array looks.

    `line`, `sample`: zero-based, of one shape (or broadcast); pixel centres are whole numbers. `height`: metres above the
    ellipsoid; None: the mean height of the file. Where two arrays overlap their vectors are averaged.
    """
    line, sample = np.broadcast_arrays(np.asarray(line, float), np.asarray(sample, float))
    shape = line.shape
    line, sample = line.ravel(), sample.ravel()
    heights = None if height is None else np.broadcast_to(np.asarray(height, float), shape).ravel()
    out = np.empty((4, line.size))
    for start in range(0, line.size, _CHUNK_POINTS):
        part = slice(start, start + _CHUNK_POINTS)
        out[:, part] = _exact_of(band, line[part], sample[part], None if heights is None else heights[part])
    return out.reshape(4, *shape)


def _exact_of(band: BandGeometry, line: np.ndarray, sample: np.ndarray, height: np.ndarray | None) -> np.ndarray:
    sums = np.zeros((2, 3, line.size))
    lines, samples = band.sensor_shape
    with np.errstate(divide="ignore", invalid="ignore"):  # far outside an array its polynomial means nothing
        for sca in band.scas:
            terms = _sca_terms(line, sample, height, sca)
            sensor_sample = sca.sample(terms) + sca.sensor[1]
            seen = np.flatnonzero((sensor_sample >= 0) & (sensor_sample <= samples - 1))
            sensor_line = sca.line(terms[:, seen]) + sca.sensor[0]
            inside = (sensor_line >= 0) & (sensor_line < lines)
            seen, sensor_line = seen[inside], sensor_line[inside]
            across = sensor_sample[seen] + (sca.number - 1) * samples
            of_points = None if height is None else height[seen]
            terms = _direction_terms(band, line[seen], sample[seen], of_points, sensor_line, across)
            for total, direction in zip(sums, (band.satellite, band.sun), strict=True):
                vector = np.stack([m + part(terms) for m, part in zip(direction.mean, direction.components, strict=True)])
                total[:, seen] += vector / np.sqrt((vector * vector).sum(axis=0))
    (vza, vaa), (sza, saa) = (_zenith_azimuth(*total) for total in sums)
    return np.stack([vaa, vza, saa % 360, sza])


def _sca_terms(line: np.ndarray, sample: np.ndarray, height: np.ndarray | None, sca: Sca) -> np.ndarray:
    dl, ds = line - sca.image[0], sample - sca.image[1]
    dh = np.zeros_like(dl) if height is None else height - sca.height
    return np.stack([dl, ds, dh, dl * ds])


def _direction_terms(
    band: BandGeometry,
    line: np.ndarray,
    sample: np.ndarray,
    height: np.ndarray | None,
    sensor_line: np.ndarray,
    sensor_sample: np.ndarray,
) -> np.ndarray:
    dl, ds = line - band.image[0], sample - band.image[1]
    dh = np.zeros_like(dl) if height is None else height - band.height
    rl, rs = sensor_line - band.sensor[0], sensor_sample - band.sensor[1]
    return np.stack([dl, ds, dh, rl, dl * dl, dl * ds, ds * ds, rs * rl * rl, rl**3])


def _zenith_azimuth(east: np.ndarray, north: np.ndarray, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees of a vector of any length; NaN for the null vector."""
    none = (east == 0) & (north == 0) & (up == 0)
    zenith = np.degrees(np.arctan2(np.hypot(east, north), up))
    azimuth = np.degrees(np.arctan2(east, north))
    return np.where(none, np.nan, zenith), np.where(none, np.nan, azimuth)


# Angle bands -------------------------------------------------------------------------------------------------------------


def block_directions(
    zenith: np.ndarray, azimuth: np.ndarray, block: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean directions of blocks of `block` x `block` pixels: (zenith, azimuth in -180..180) in degrees, float32, `shape`.

    `zenith`, `azimuth`: int16 of 1/100 degree, 0 in both = fill, which is ignored; a block of nothing but fill is NaN.
    Blocks start in the upper-left corner; those cut by the border average what they have. Unit vectors are averaged.
    """
    if zenith.shape != azimuth.shape or zenith.ndim != 2:
        raise ValueError(f"zenith {zenith.shape} and azimuth {azimuth.shape} are not images of one size")
    if zenith.dtype != np.int16 or azimuth.dtype != np.int16:
        raise ValueError(f"angle bands must be int16 in 1/100 degree, not {zenith.dtype} and {azimuth.dtype}")
    sine, cosine = _tables()
    rows, columns = shape
    out = np.empty((2, rows, columns), np.float32)
    for start in range(0, rows, _STRIP_ROWS):
        stop = min(start + _STRIP_ROWS, rows)
        window = slice(start * block, stop * block), slice(0, columns * block)
        z, a = zenith[window].view(np.uint16), azimuth[window].view(np.uint16)
        sin_z = sine[z]
        parts = sin_z * sine[a], sin_z * cosine[a], np.where((z == 0) & (a == 0), np.float32(0), cosine[z])
        size = (stop - start) * block, columns * block
        means = (cv2.resize(_padded(p, size), (columns, stop - start), interpolation=cv2.INTER_AREA) for p in parts)
        out[:, start:stop] = _zenith_azimuth(*means)
    return out[0], out[1]


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of every int16 of 1/100 degree, found by its bits as uint16."""
    radians = np.radians(np.arange(1 << 16, dtype=np.uint16).view(np.int16) / STORED_PER_DEGREE)
    return np.sin(radians).astype(np.float32), np.cos(radians).astype(np.float32)


def _padded(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if values.shape == size:
        return values
    padded = np.zeros(size, values.dtype)
    padded[: values.shape[0], : values.shape[1]] = values
    return padded


# Approximation -----------------------------------------------------------------------------------------------------------

Point = tuple[float, float]


@dataclass(frozen=True)
class SwathCorners:
    """Corners (x, y) of the imaged area: centres of its extreme pixels."""

    top_left: Point
    top_right: Point
    bottom_left: Point
    bottom_right: Point


@dataclass(frozen=True)
class Track:
    """Ground track y = slope x + intercept; `slope` infinite: x = `intercept`."""

    slope: float
    intercept: float

    @classmethod
    def through(cls, corners: SwathCorners) -> Track:
        """The line half-way between the corners of the imaged area."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (
            corners.top_left, corners.top_right, corners.bottom_left, corners.bottom_right
        )  # fmt: skip
        top, bottom = ((ax + bx) / 2, (ay + by) / 2), ((cx + dx) / 2, (cy + dy) / 2)
        if top[0] == bottom[0]:
            return cls(math.inf, top[0])
        slope = (top[1] - bottom[1]) / (top[0] - bottom[0])
        return cls(slope, top[1] - slope * top[0])

    @property
    def azimuth_left(self) -> float:
        """View azimuth west of the track, degrees; east of it 180 less."""
        if math.isinf(self.slope):
            return 90.0
        return 90.0 - math.degrees(math.atan(-1 / self.slope) if self.slope else -math.pi / 2)

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Metres from the track, positive on its western (left) side."""
        if math.isinf(self.slope):
            return self.intercept - x
        across = (y - (self.slope * x + self.intercept)) / math.hypot(self.slope, 1)
        # above a falling line is its eastern side
        return across if self.slope >= 0 else -across


def swath_corners(data: np.ndarray, geobox: GeoBox) -> SwathCorners:
    """Corners of the imaged area of `data` (bool, True = image data) on its grid; `ValueError` if there is none.

    Leftmost pixel of the topmost row, topmost of the rightmost column, topmost of the leftmost column, leftmost of the
    bottom row.
    """
    rows, columns = np.flatnonzero(data.any(axis=1)), np.flatnonzero(data.any(axis=0))
    if not rows.size:
        raise ValueError("the image holds no data, so it has no swath")
    x, y = _centres(geobox)
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]

    def at(row: int, column: int) -> Point:
        return float(x[column]), float(y[row])

    return SwathCorners(
        at(top, int(data[top].argmax())),
        at(int(data[:, right].argmax()), right),
        at(int(data[:, left].argmax()), left),
        at(bottom, int(data[bottom].argmax())),
    )


def sun_position(latitude: float, longitude: float, when: datetime) -> tuple[float, float]:
    """(zenith, azimuth in 0..360) of the sun in degrees; place in degrees (WGS 84), `when` in UTC.

    Series of Spencer (1971) for declination and equation of time, as in the 6S radiative transfer code.
    """
    leap = when.year % 4 == 0 and (when.year % 100 != 0 or when.year % 400 == 0)
    g = 2 * math.pi * when.timetuple().tm_yday / (366 if leap else 365)
    hours = when.hour + when.minute / 60 + (when.second + when.microsecond / 1e6) / 3600
    minutes = (
        (7.5e-5 + 0.001868 * math.cos(g) - 0.032077 * math.sin(g) - 0.014615 * math.cos(2 * g) - 0.040849 * math.sin(2 * g))
        * 720 / math.pi
    )  # fmt: skip
    h = math.radians(15 * (hours + longitude / 15 + minutes / 60 - 12))
    declination = (
        0.006918 - 0.399912 * math.cos(g) + 0.070257 * math.sin(g) - 0.006758 * math.cos(2 * g)
        + 0.000907 * math.sin(2 * g) - 0.002697 * math.cos(3 * g) + 0.001480 * math.sin(3 * g)
    )  # fmt: skip
    phi = math.radians(latitude)
    up = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(h)
    zenith = math.acos(min(1.0, max(-1.0, up)))
    horizontal = math.sin(zenith)
    if horizontal == 0:
        return math.degrees(zenith), 0.0
    s = min(1.0, max(-1.0, math.cos(declination) * math.sin(h) / horizontal))
    c = (-math.cos(phi) * math.sin(declination) + math.sin(phi) * math.cos(declination) * math.cos(h)) / horizontal
    a = math.asin(s)
    if c <= 0:
        a = math.pi - a
    elif s <= 0:
        a = 2 * math.pi + a
    azimuth = a + math.pi
    return math.degrees(zenith), math.degrees(azimuth - 2 * math.pi if azimuth > 2 * math.pi else azimuth)


def approximate_angles(
    corners: SwathCorners, geobox: GeoBox, lonlat: tuple[Point, Point, Point, Point], when: datetime
) -> np.ndarray:
    """`NAMES` at the pixel centres of `geobox`: (4, y, x) float64 degrees, everywhere.

    `lonlat`: (longitude, latitude), degrees, of the corners UL, UR, LL, LR of the rectangle of `geobox`; `when`: scene
    centre, UTC. The view comes from the distance to a straight track through the imaged area, the sun is interpolated
    bilinearly between the corners of the rectangle.
    """
    x, y = _centres(geobox)
    track = Track.through(corners)
    distance = np.broadcast_to(track.distance(x[None], y[:, None]), (len(y), len(x)))
    vaa = np.where(distance > 0, track.azimuth_left, track.azimuth_left - 180)
    sine = math.sin(math.radians(sum(latitude for _, latitude in lonlat) / 4))
    radius = WGS84_A_M / math.sqrt(1 - (2 * WGS84_F - WGS84_F**2) * sine**2)
    away = np.abs(distance)
    vza = np.degrees(np.arctan(away / ORBIT_HEIGHT_M) + np.arctan(away / radius))
    sza, saa = np.array([sun_position(latitude, longitude, when) for longitude, latitude in lonlat]).T
    saa = np.where(saa - saa[0] > 180, saa - 360, np.where(saa - saa[0] < -180, saa + 360, saa))
    return np.stack([vaa, vza, _bilinear(saa, (len(y), len(x))) % 360, _bilinear(sza, (len(y), len(x)))])


def reference_stored(degrees: np.ndarray) -> np.ndarray:
    """1/100 degree as the reference stores them: rounded half to even; int32, since 16 bits do not hold 327.68 and more."""
    return np.rint(np.asarray(degrees, float) * STORED_PER_DEGREE).astype(np.int32)


def _bilinear(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values at pixel centres between those at the corners UL, UR, LL, LR of the rectangle."""
    rows, columns = shape
    p = (1 - (np.arange(rows) + 0.5) / rows)[:, None]
    q = ((np.arange(columns) + 0.5) / columns)[None]
    ul, ur, ll, lr = corners
    return ur * p * q + ul * p * (1 - q) + lr * (1 - p) * q + ll * (1 - p) * (1 - q)


def _centres(geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """x of the columns, y of the rows."""
    transform = geobox.affine
    rows, columns = geobox.shape
    return transform.c + (np.arange(columns) + 0.5) * transform.a, transform.f + (np.arange(rows) + 0.5) * transform.e
