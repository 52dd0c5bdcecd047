"""The grammar of ``--confParams`` (spec 01 section 2.3): ``key=value,key=value``.

Items are separated by ``,`` or ``;`` outside quotes. A piece that does not begin like ``key=`` or ``Section.key=`` continues
the value before it, so that ``doAssessGeometry=B02,B04`` is one item.
"""

import re
from collections.abc import Iterable

from sen2like.config.entries import Entry, null_or_text

ORIGIN = "--confParams"
_ITEM = re.compile(r"(?:(?P<section>[A-Za-z_]\w*)\.)?(?P<key>[A-Za-z_]\w*)\s*=(?P<value>.*)", re.DOTALL)
_PIECE = re.compile(r"""((?:"[^"]*"|'[^']*'|[^,;"'])*)([,;]|$)""", re.DOTALL)


def parse_overrides(texts: Iterable[str]) -> tuple[list[Entry], list[str]]:
    """Entries of every text in order, and the problems (unbalanced quotes, text that belongs to no key)."""
    entries: list[Entry] = []
    problems: list[str] = []
    for text in texts:
        items, problem = _items(text)
        problems += [problem] if problem else []
        for section, key, value in items:
            entries.append(Entry(section, key, null_or_text(_unquoted(value)), ORIGIN, rank=1))
    return entries, problems


def _items(text: str) -> tuple[list[tuple[str, str, str]], str | None]:
    items: list[tuple[str, str, str]] = []
    position, separator = 0, ""
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            return [], f"{ORIGIN} {text!r}: a quote is not closed"
        position = match.end()
        piece = _unquoted(match[1])
        if item := _ITEM.fullmatch(piece):
            items.append((item["section"] or "", item["key"], item["value"].strip()))
        elif piece and items:
            section, key, value = items[-1]
            items[-1] = section, key, f"{value}{separator}{piece}"
        elif piece:
            return [], f"{ORIGIN} {text!r}: {piece!r} is not 'key=value'"
        separator = match[2]
    return items, None


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1] else text
