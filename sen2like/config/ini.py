"""INI files (spec 01 section 2.1), read as configparser does but with the line of every value and every error reported.

Keys are case-sensitive, `%` is literal, comments are full lines beginning with ``#`` or ``;``, a key may have no value, a
more indented line continues the value above it.
"""

import re
from pathlib import Path

from sen2like.config.entries import Entry, null_or_text
from sen2like.config.sources import section_name
from sen2like.errors import ConfigurationError

_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<key>[^=:]*?)\s*(?:(?P<delimiter>[=:])\s*(?P<value>.*))?")


class _Reader:
    def __init__(self, name: str):
        self.name = name
        self.problems: list[str] = []
        self.section: str | None = None
        self.sections: dict[str, int] = {}
        self.options: dict[tuple[str, str], tuple[int, list[str] | None]] = {}
        self.current: tuple[str, str] | None = None
        self.indent = 0

    def line(self, number: int, raw: str) -> None:
        text = raw.strip()
        if text.startswith(("#", ";")):
            return
        if not text:
            self._continue("")
            return
        indent = len(raw) - len(raw.lstrip())
        if self.current is not None and indent > self.indent and self._continue(text):
            return
        self.indent = indent
        if match := _SECTION.match(text):
            self._open(number, match["name"])
        else:
            self._option(number, text)

    def _continue(self, text: str) -> bool:
        lines = self.options[self.current][1] if self.current is not None else None
        if lines is None:
            return False
        lines.append(text)
        return True

    def _open(self, number: int, name: str) -> None:
        self.current = None
        if name in self.sections:
            self.problems.append(f"{self.name}:{number}: section [{name}] is there already, at line {self.sections[name]}")
        self.section = name
        self.sections.setdefault(name, number)

    def _option(self, number: int, text: str) -> None:
        match = _OPTION.fullmatch(text)
        if self.section is None:
            self.problems.append(f"{self.name}:{number}: {text!r} stands before the first [section]")
        elif match is None or not match["key"]:
            self.problems.append(f"{self.name}:{number}: {text!r} is neither 'key = value' nor a [section]")
        elif (self.section, match["key"]) in self.options:
            first = self.options[self.section, match["key"]][0]
            self.problems.append(f"{self.name}:{number}: {match['key']} is there already in [{self.section}], at line {first}")
            self.current = None
        else:
            self.current = self.section, match["key"]
            self.options[self.current] = number, [match["value"]] if match["delimiter"] else None
            return
        self.current = None


def read_ini(path: Path) -> tuple[list[Entry], list[str]]:
    """Every key of the file in file order, after the titles of sources (empty keys), and the problems of syntax.

    Unreadable: `ConfigurationError`.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"configuration file {path}: not UTF-8 text ({error})") from error
    reader = _Reader(str(path))
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    entries = [
        Entry(section, key, null_or_text(None if value is None else "\n".join(value).rstrip()), f"{path}:{number}")
        for (section, key), (number, value) in reader.options.items()
    ]
    titles = [Entry(title, "", None, f"{path}:{n}") for title, n in reader.sections.items() if section_name(title) is not None]
    entries = titles + entries
    return entries, reader.problems
