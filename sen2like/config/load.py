"""From a file, overrides and options to one validated `Config`; every problem is found before anything is raised.

Precedence: default < file < ``--confParams`` < command-line option. Inside a file a key is looked up whatever its section,
and the first one wins (spec 01 section 2.1).
"""

from collections.abc import Iterable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sen2like.config.consistency import check
from sen2like.config.entries import Entry, null_or_text
from sen2like.config.ini import read_ini
from sen2like.config.old_names import IGNORED, OLD_KEYS, OLD_SECTIONS, translate
from sen2like.config.overrides import parse_overrides
from sen2like.config.schema import FIELDS, SECTION_OF, Config, sections
from sen2like.config.sources import Source, read_sources, section_name, split
from sen2like.config.types import choices, expected, nearest
from sen2like.config.xml import read_xml
from sen2like.errors import ConfigurationError

READERS = {".ini": read_ini, ".cfg": read_ini, ".xml": read_xml}


def load(
    path: str | Path,
    overrides: Iterable[str] = (),
    options: Mapping[str, object] | None = None,
    *,
    searching: bool = True,
) -> Config:
    """Read and validate a configuration.

    `overrides` are the texts of ``--confParams``, `options` the keys set by options of their own. `searching` tells whether
    the run will search product archives: a closed catalogue is an error then, else a notice. The result knows the
    `origins` of its values and the `notices` to tell the user. Every problem together: `ConfigurationError`.
    """
    path = Path(path)
    entries, problems = _read(path)
    more, bad = parse_overrides(overrides)
    of_sources, entries = split(entries)
    entries += more + [_option(key, value) for key, value in (options or {}).items()]
    problems += bad
    sources, bad, remarks = read_sources(of_sources)
    problems += bad
    merged, notices = _merge(entries)
    notices += remarks
    problems += _unknown(merged)
    old, bad = translate(merged)
    notices += old
    problems += bad
    config, bad = _validated(merged, sources)
    problems += bad
    origins = {key: entry.origin for key, entry in merged.items()}
    origins |= {f"Source {section_name(entry.section)}": entry.origin for entry in of_sources if not entry.key}
    if config is not None:
        faults, remarks = check(config, origins, searching)
        problems += faults
        notices += remarks
    if problems or config is None:
        raise ConfigurationError(problems)
    config._name = path.name
    config._origins = origins
    config._notices = tuple(notices)
    return config


def default_configuration() -> Path:
    """``conf/config.ini`` of the checkout this code runs in, else the copy installed as package data in ``sen2like/conf``."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "Sen2Like.py").is_file() and (checkout / "conf" / "config.ini").is_file():
        return checkout / "conf" / "config.ini"
    with as_file(files("sen2like") / "conf" / "config.ini") as installed:
        return installed


def _read(path: Path) -> tuple[list[Entry], list[str]]:
    if path.is_dir():
        raise ConfigurationError(f"configuration file {path}: is a directory")
    if path.suffix.lower() not in READERS:
        raise ConfigurationError(f"configuration file {path}: extension {path.suffix!r} is none of {', '.join(READERS)}")
    try:
        with path.open("rb"):
            return READERS[path.suffix.lower()](path)
    except OSError as error:
        raise ConfigurationError(f"configuration file {path}: {error.strerror or error}") from error


def _option(key: str, value: object) -> Entry:
    if key not in FIELDS:
        raise KeyError(f"{key} is not a configuration key")
    return Entry("", key, None if value is None else null_or_text(str(value)), "command line", rank=2)


def _merge(entries: list[Entry]) -> tuple[dict[str, Entry], list[str]]:
    """The winning entry of each key, and notices about sections and keys that do not count."""
    merged: dict[str, Entry] = {}
    notices: dict[str, None] = {}
    for entry in entries:
        if entry.section in OLD_SECTIONS:
            new = OLD_SECTIONS[entry.section]
            what = f"read as {new}" if new else "has no meaning any more and is ignored"
            notices[f"{entry.origin.rpartition(':')[0]}: section {entry.section} is an old name: {what}"] = None
            if new is None:
                continue
        known = merged.get(entry.key)
        if known is None or entry.rank > known.rank or entry.rank > 0:
            merged[entry.key] = entry
        else:
            notices[f"{entry.origin}: {entry.key} is ignored, {known.origin} comes first"] = None
    return merged, list(notices)


def _unknown(merged: dict[str, Entry]) -> list[str]:
    """Take keys that do not exist out of `merged`; -> a problem for each. Sections count in overrides only."""
    problems: list[str] = []
    for key, entry in list(merged.items()):
        if key not in FIELDS and key not in OLD_KEYS and key not in IGNORED:
            problems.append(f"{entry.origin}: unknown key {key!r}{nearest(key, FIELDS)}")
            del merged[key]
        elif entry.rank == 1 and entry.section and key in FIELDS:
            home = sections()[SECTION_OF[key]].title
            if entry.section.lower() not in (home.lower(), *(old.lower() for old, new in OLD_SECTIONS.items() if new == home)):
                problems.append(f"{entry.origin}: {entry.section}.{key}: {key} is in section {home}")
    return problems


def _validated(merged: dict[str, Entry], sources: tuple[Source, ...]) -> tuple[Config | None, list[str]]:
    values: dict[str, Any] = {"sources": sources}
    for key, entry in merged.items():
        values.setdefault(SECTION_OF[key], {})[key] = entry.text
    try:
        return Config.model_validate(values), []
    except ValidationError as error:
        found: dict[str, str] = {}
        for detail in error.errors():
            key = str(detail["loc"][1])
            found.setdefault(key, _value_problem(merged[key], FIELDS[key], detail["input"]))
        return None, list(found.values())


def _value_problem(entry: Entry, field: Any, culprit: object) -> str:
    text = entry.text or ""
    part = f" ({culprit!r})" if isinstance(culprit, str) and culprit.strip() != text.strip() else ""
    hint = nearest(str(culprit), choices(field)) if choices(field) and culprit else ""
    return f"{entry.origin}: {entry.key} = {text!r}{part}: expected {expected(field)}{hint}"
