"""Angle coefficient file (``..._ANG.txt``) of USGS Landsat 8/9 products, Collections 1 and 2 (spec 04 section 11.3).

The text is ODL: groups of ``KEY = VALUE``, a value in parentheses being a list that may run over several lines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sen2like.errors import MetadataError
from sen2like.products.odl import Groups, parse_odl
from sen2like.science.landsat_angles import BandGeometry, Direction, Rational, Sca

_SCA_TERMS, _DIRECTION_TERMS = 4, 9
"""Terms of the polynomials beside the constant."""


@dataclass(frozen=True)
class AngleCoefficients:
    """What ``ANG.txt`` says of a scene."""

    scene_id: str
    """``LC80890742022126LGN00``"""
    spacecraft: str
    """``LANDSAT_8``"""
    projection: str
    """``UTM`` or ``PS``"""
    utm_zone: int | None
    upper_left: tuple[float, float]
    """(x, y), metres, of the centre of the pixel of line 0, sample 0 of a 30 m band."""
    bands: Mapping[int, BandGeometry] = field(repr=False)
    """By the number of the band."""


def parse_ang(text: bytes, label: str, bands: tuple[int, ...] | None = None) -> AngleCoefficients:
    """The contents of ``ANG.txt``; `label` names the file in messages; `bands`: numbers to parse (None: all it has).

    `MetadataError` if the text is cut off, a group or value is missing, or a value is not a number.
    """
    groups = parse_odl(text, label)
    header, projection = _Group.of(groups, "FILE_HEADER", label), _Group.of(groups, "PROJECTION", label)
    listed = tuple(int(n) for n in header.numbers("BAND_LIST"))
    wanted = listed if bands is None else bands
    absent = [n for n in wanted if n not in listed]
    if absent:
        raise MetadataError(f"{label}: no angle coefficients of band {', '.join(map(str, absent))}; it has {listed}")
    return AngleCoefficients(
        scene_id=header.text("LANDSAT_SCENE_ID"),
        spacecraft=header.text("SPACECRAFT_ID"),
        projection=projection.text("MAP_PROJECTION"),
        utm_zone=projection.integer("UTM_ZONE") if projection.has("UTM_ZONE") else None,
        upper_left=projection.pair("UL_CORNER"),
        bands={n: _band(_Group.of(groups, f"RPC_BAND{n:02d}", label, f"BAND{n:02d}_")) for n in wanted},
    )


def _band(group: _Group) -> BandGeometry:
    return BandGeometry(
        image_shape=(group.integer("NUM_L1T_LINES"), group.integer("NUM_L1T_SAMPS")),
        sensor_shape=(group.integer("NUM_L1R_LINES"), group.integer("NUM_L1R_SAMPS")),
        pixel_size=group.positive("PIXEL_SIZE"),
        height=group.number("MEAN_HEIGHT"),
        image=group.pair("MEAN_L1T_LINE_SAMP"),
        sensor=group.pair("MEAN_L1R_LINE_SAMP"),
        satellite=_direction(group, "SAT"),
        sun=_direction(group, "SUN"),
        scas=tuple(_sca(group, int(n)) for n in group.numbers("SCA_LIST")),
    )


def _direction(group: _Group, name: str) -> Direction:
    x, y, z = group.numbers(f"MEAN_{name}_VECTOR", 3)
    parts = tuple(_rational(group, f"{name}_{axis}", _DIRECTION_TERMS) for axis in "XYZ")
    return Direction((x, y, z), (parts[0], parts[1], parts[2]))


def _sca(group: _Group, number: int) -> Sca:
    name = f"SCA{number:02d}"
    return Sca(
        number=number,
        height=group.number(f"{name}_MEAN_HEIGHT"),
        image=group.pair(f"{name}_MEAN_L1T_LINE_SAMP"),
        sensor=group.pair(f"{name}_MEAN_L1R_LINE_SAMP"),
        line=_rational(group, f"{name}_LINE", _SCA_TERMS),
        sample=_rational(group, f"{name}_SAMP", _SCA_TERMS),
    )


def _rational(group: _Group, name: str, terms: int) -> Rational:
    return Rational(group.numbers(f"{name}_NUM_COEF", terms + 1), group.numbers(f"{name}_DEN_COEF", terms))


@dataclass(frozen=True)
class _Group:
    """Values of one group, as text, whose keys start with `prefix`."""

    name: str
    values: Mapping[str, str]
    label: str
    prefix: str

    @classmethod
    def of(cls, groups: Groups, name: str, label: str, prefix: str = "") -> _Group:
        if name not in groups:
            raise MetadataError(f"{label}: no group {name}; the file is incomplete")
        return cls(name, groups[name], label, prefix)

    def has(self, key: str) -> bool:
        return self.prefix + key in self.values

    def text(self, key: str) -> str:
        if not self.has(key):
            raise MetadataError(f"{self.label}: group {self.name} has no {self.prefix}{key}")
        return self.values[self.prefix + key].strip('"')

    def numbers(self, key: str, count: int | None = None) -> tuple[float, ...]:
        words = self.text(key).removeprefix("(").removesuffix(")").split(",")
        try:
            found = tuple(float(word) for word in words)
        except ValueError:
            found = (math.nan,)
        if not all(math.isfinite(value) for value in found):
            raise MetadataError(f"{self.label}: {self.prefix}{key} = {self.text(key)} is not made of numbers")
        if count is not None and len(found) != count:
            raise MetadataError(f"{self.label}: {self.prefix}{key} has {len(found)} numbers, not {count}")
        return found

    def number(self, key: str) -> float:
        return self.numbers(key, 1)[0]

    def positive(self, key: str) -> float:
        value = self.number(key)
        if value <= 0:
            raise MetadataError(f"{self.label}: {self.prefix}{key} = {value:g} must be above 0")
        return value

    def integer(self, key: str) -> int:
        return int(self.number(key))

    def pair(self, key: str) -> tuple[float, float]:
        first, second = self.numbers(key, 2)
        return first, second
