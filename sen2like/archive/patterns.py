"""Addresses of the patterns in the configuration (spec 02 section 2.2): a folder, or the address of a search.

A pattern of a mission's own has path and row as they are (``35``), the common pattern has them with three digits (``035``).
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import quote

from sen2like.archive.model import Query
from sen2like.errors import ConfigurationError

REMOTE = ("http://", "https://", "ftp://")
FIRST_DAYS = {"Sentinel2": date(2015, 1, 1), "Landsat8": date(2013, 1, 1), "Landsat9": date(2021, 1, 1)}
"""Start of an open period in a pattern: before the first product of the mission."""
VARIABLE = frozenset(
    {"mission", "tile", "path", "row", "location", "start_date", "end_date", "cloud_cover", "s2_processing_level"},
)
"""Placeholders that change with the query."""
_SAFE = "!#$&'()*+,/:;=?@[]~"
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Patterns:
    """The patterns of the configuration; mappings are by mission, an absent entry means that there is none."""

    base: Mapping[str, str | None] = field(default_factory=dict)
    """``base_url``, ``base_url_s2`` and ``base_url_landsat``."""
    own: Mapping[str, str | None] = field(default_factory=dict)
    """``url_parameters_pattern_<mission>``; an empty one switches the mission off."""
    location: Mapping[str, str | None] = field(default_factory=dict)
    """``location_<mission>``"""
    common: str | None = None
    """``url_parameters_pattern``"""
    where: str = ""
    """Put before the names of keys in messages: the section of a named source."""

    def key(self, mission: str) -> str | None:
        """The key that holds the pattern of the mission; None: the mission is not searched."""
        if self.own.get(mission) is not None:
            return f"url_parameters_pattern_{mission}" if (self.own[mission] or "").strip() else None
        return "url_parameters_pattern" if (self.common or "").strip() and (self.location.get(mission) or "").strip() else None

    def address(self, query: Query, today: date) -> str:
        """Folder or address to search for a query. `today` ends a period without an end.

        `ConfigurationError`: a placeholder that does not exist, or whose value is not set. `ValueError`: the mission has no
        pattern (see `key`), or a Landsat query names no scene.
        """
        key = self.key(query.mission)
        if key is None:
            raise ValueError(f"{query.mission} has no pattern")
        padded = key == "url_parameters_pattern"
        values = {**self.base, **query_values(query, today, padded)}
        if padded:
            location = str(self.location[query.mission])
            values["location"] = fill(location, values, self._label(f"location_{query.mission}"))
        pattern = str(self.common if padded else self.own[query.mission])
        return encoded(fill(pattern, values, self._label(key)))

    def problems(self) -> list[str]:
        """Placeholders that have no value in any query, of the missions that are searched."""
        found: dict[str, None] = {}
        for mission, key in ((m, k) for m in FIRST_DAYS if (k := self.key(m))):
            texts = {key: self.own.get(mission) if key != "url_parameters_pattern" else self.common}
            if key == "url_parameters_pattern":
                texts[f"location_{mission}"] = self.location[mission]
            for name, text in texts.items():
                values = {**dict.fromkeys(VARIABLE, ""), **self.base}
                try:
                    fill(str(text), values, self._label(name))
                except ConfigurationError as error:
                    found.update(dict.fromkeys(error.problems))
        return list(found)

    def root(self, mission: str) -> str | None:
        """Folder above everything that changes with a query; None when the mission is searched remotely or not at all."""
        key = self.key(mission)
        if key is None:
            return None
        pattern = str(self.common if key == "url_parameters_pattern" else self.own[mission])
        return fixed_folder(pattern, self.base, self._label(key))

    def _label(self, key: str) -> str:
        if not self.where:
            return key
        return f"{self.where} {'location' if key.startswith('location') else 'url'}"


def query_values(query: Query, today: date, padded: bool) -> dict[str, str | None]:
    """Values of the placeholders that a query gives."""
    if query.mission.startswith("Landsat") and (query.path is None or query.row is None):
        raise ValueError(f"a query of {query.mission} needs path and row")
    form = "{:03d}" if padded else "{}"
    start, end = period(query, today)
    return {
        "mission": query.mission,
        "tile": query.tile.id,
        "path": None if query.path is None else form.format(query.path),
        "row": None if query.row is None else form.format(query.row),
        "start_date": f"{start:%Y-%m-%d}T00:00:00Z",
        # ESA's program writes no Z there, so that servers take it for a time of their own zone.
        "end_date": f"{end:%Y-%m-%d}T23:59:59.999Z",
        "cloud_cover": f"{query.cloud_cover:g}",
        "s2_processing_level": query.level,
    }


def period(query: Query, today: date) -> tuple[date, date]:
    """First and last day of a query, open ends replaced by `FIRST_DAYS` and `today`."""
    return query.start or FIRST_DAYS[query.mission], query.end or today


def fill(pattern: str, values: Mapping[str, str | None], key: str) -> str:
    """The pattern with its placeholders filled; `key` is named when one is unknown or has no value."""
    filled = []
    for text, name, _, _ in string.Formatter().parse(pattern):
        filled.append(text)
        if name is None:
            continue
        if name not in values:
            raise ConfigurationError(f"{key}: unknown placeholder {{{name}}}; known are {' '.join(sorted(values))}")
        value = values[name]
        if value is None:
            raise ConfigurationError(f"{key}: {{{name}}} has no value here; set {name}, or take the placeholder out")
        filled.append(value)
    return "".join(filled)


def is_remote(address: str) -> bool:
    return address.lower().startswith(REMOTE)


def encoded(address: str) -> str:
    """A remote address with what may not stand in one encoded (blanks as %20; %27 stays %27); a folder stays as it is."""
    return quote(_PERCENT.sub("%25", address), safe=_SAFE + "%") if is_remote(address) else address


def fixed_folder(pattern: str, base: Mapping[str, str | None], key: str) -> str | None:
    """The folder of a local pattern above its first placeholder that changes with a query; None for a remote pattern."""
    fixed = ""
    for text, name, _, _ in string.Formatter().parse(pattern):
        fixed += text
        if name in VARIABLE:
            return None if is_remote(fixed) else fixed.rpartition("/")[0] or "/"
        if name is not None:
            fixed += fill(f"{{{name}}}", base, key)
    return None if is_remote(fixed) else fixed
