"""Sun position, orbit track, detectors, map projection helpers."""

import math

import numpy as np
from pyproj import Transformer


def lonlat(epsg, x, y):
    return Transformer.from_crs(epsg, 4326, always_xy=True).transform(x, y)


def convergence(epsg, x, y):
    """grid convergence (degrees): true azimuth = grid azimuth + convergence"""
    lo, la = lonlat(epsg, np.array([x, x]), np.array([y, y + 1000.0]))
    return math.degrees(math.atan2((lo[1] - lo[0]) * math.cos(math.radians(la[0])), la[1] - la[0]))


def sun(lon, lat, when):
    """(zenith, azimuth) degrees; low-precision ephemeris (< 0.02 deg)"""
    n = (when - when.replace(year=2000, month=1, day=1, hour=12, minute=0, second=0, microsecond=0)).total_seconds() / 86400
    L = math.radians((280.460 + 0.9856474 * n) % 360)
    g = math.radians((357.528 + 0.9856003 * n) % 360)
    lam = L + math.radians(1.915) * math.sin(g) + math.radians(0.020) * math.sin(2 * g)
    eps = math.radians(23.439 - 4e-7 * n)
    ra = math.atan2(math.cos(eps) * math.sin(lam), math.cos(lam))
    dec = math.asin(math.sin(eps) * math.sin(lam))
    gmst = (18.697374558 + 24.06570982441908 * n) % 24 * 15
    H = np.radians(gmst + np.asarray(lon, float)) - ra
    la = np.radians(lat)
    z = np.arccos(np.clip(np.sin(la) * math.sin(dec) + np.cos(la) * math.cos(dec) * np.cos(H), -1, 1))
    az = np.arctan2(-np.sin(H) * math.cos(dec), math.sin(dec) * np.cos(la) - math.cos(dec) * np.sin(la) * np.cos(H))
    return np.degrees(z), np.degrees(az) % 360


def earth_sun_distance(day_of_year):
    """Astronomical units."""
    return 1 - 0.016729 * math.cos(math.radians(0.9856 * (day_of_year - 4)))


class Imager:
    """push-broom with staggered detectors on a straight ground track (in map coordinates)"""

    def __init__(self, kind, epsg, x0, y0, offset=0.0):
        """x0, y0: tile centre; offset: metres by which the track passes to the right (west) of it"""
        self.kind = kind
        s2 = kind == "S2"
        self.H = 786e3 if s2 else 705e3
        self.ndet = 12 if s2 else 14
        self.swath = 290e3 if s2 else 185e3
        self.width = self.swath / self.ndet
        _, lat = lonlat(epsg, x0, y0)
        inc = 98.62 if s2 else 98.2
        a = math.asin(abs(math.cos(math.radians(inc))) / math.cos(math.radians(lat)))
        heading = 180 + math.degrees(a) + math.degrees(math.atan2(0.463 * math.cos(math.radians(lat)) * math.cos(a), 6.7))
        self.heading = heading - convergence(epsg, x0, y0)  # grid heading
        h = math.radians(self.heading)
        self.a = (math.sin(h), math.cos(h))  # along track (flight direction)
        self.c = (math.cos(h), -math.sin(h))  # to the right of flight (west when descending)
        self.x0, self.y0 = x0 + offset * self.c[0], y0 + offset * self.c[1]

    def across(self, x, y):
        return (x - self.x0) * self.c[0] + (y - self.y0) * self.c[1]

    def along(self, x, y):
        return (x - self.x0) * self.a[0] + (y - self.y0) * self.a[1]

    def centre(self, k):
        """across position of detector k (0-based, from left of flight = east)"""
        return -self.swath / 2 + (k + 0.5) * self.width

    def rectangle(self, half, first, last):
        """Corners (UL, UR, LR, LL) of what is within `half` of the track and between first and last along it, metres."""
        sides = ((half, first), (-half, first), (-half, last), (half, last))
        return [(self.x0 + c * self.c[0] + a * self.a[0], self.y0 + c * self.c[1] + a * self.a[1]) for c, a in sides]

    def view(self, x, y, k, band):
        """(zenith, azimuth) degrees, azimuth from the pixel to the satellite, of detector k, band index"""
        d = self.across(x, y)
        zc = np.arctan(np.abs(d) / self.H) + np.arctan(np.abs(d) / 6371e3)
        if self.kind == "S2":
            along = (1.0, 0.55, 0.62, 0.70, 0.76, 0.82, 0.88, 0.58, 0.94, 1.1, 0.66, 0.80, 0.97)[band] * 1.6 + 0.2
        else:
            along = 1.2
        sgn = 1 if k % 2 == 0 else -1
        vc = -np.sign(d) * np.tan(zc)
        va = sgn * math.tan(math.radians(along))
        ve = vc * self.c[0] + va * self.a[0]
        vn = vc * self.c[1] + va * self.a[1]
        return np.degrees(np.arctan(np.hypot(ve, vn))), np.degrees(np.arctan2(ve, vn)) % 360


class Nodes:
    """node grid, 5 km, point (i, j) = (ulx + 5000 j, uly - 5000 i)"""

    def __init__(self, ulx, uly, w, h, step=5000.0):
        self.ulx, self.uly, self.step = ulx, uly, step
        self.nx, self.ny = math.ceil(w / step) + 1, math.ceil(h / step) + 1
        self.x, self.y = np.meshgrid(ulx + step * np.arange(self.nx), uly - step * np.arange(self.ny))
