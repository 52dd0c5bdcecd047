"""Object Description Language, as USGS writes it: the groups of MTL.txt and ANG.txt."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sen2like.errors import MetadataError

Groups = Mapping[str, Mapping[str, str]]
"""Group -> key -> text of the value."""
_ENTRY = re.compile(r"\s*([A-Z0-9_]+)\s*=\s*(.*?)\s*")


def parse_odl(content: bytes, where: str) -> Groups:
    """Groups of an ODL text (MTL.txt, ANG.txt): group -> key -> text without quotes; lists keep their brackets.

    Spacing is free; groups may be nested, their names are unique. Raises `MetadataError` with the line if a line is no entry,
    a group is not closed in order, or ``END`` is missing (truncated file).
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MetadataError(f"{where}: not a text file ({error.reason} at byte {error.start})") from error
    groups: dict[str, dict[str, str]] = {}
    opened: list[str] = []
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.strip() == "END":
            if opened:
                raise MetadataError(f"{where}, line {number}: group {opened[-1]} is not closed")
            return groups
        if not line.strip():
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise MetadataError(f"{where}, line {number}: not a line of the form KEY = value: {line.strip()[:60]!r}")
        key, value = entry.groups()
        while value.startswith("(") and not value.endswith(")"):
            following = next(lines, None)
            if following is None:
                break
            value = f"{value} {following[1].strip()}"
        if key == "GROUP":
            if value in groups:
                raise MetadataError(f"{where}, line {number}: group {value} stands twice")
            groups[value] = {}
            opened.append(value)
        elif key == "END_GROUP":
            if not opened or opened[-1] != value:
                raise MetadataError(f"{where}, line {number}: END_GROUP = {value} closes no open group")
            opened.pop()
        elif not opened:
            raise MetadataError(f"{where}, line {number}: {key} stands outside of any group")
        else:
            groups[opened[-1]][key] = value.strip('"').strip()
    raise MetadataError(f"{where}: truncated, END is missing; fetch the product again")
