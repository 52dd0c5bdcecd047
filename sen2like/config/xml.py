"""GIPP XML files (spec 01 section 2.5): sections and elements in any order, every violation listed with its line.

Structure (unknown, repeated or misplaced elements) is checked by a walk, because a validator stops at the first of them in a
section; values are checked against the XSD that is generated from the models.
"""

from functools import cache
from pathlib import Path

from lxml import etree

from sen2like.config.entries import Entry, null_or_text
from sen2like.config.old_names import IGNORED, OLD_KEYS, OLD_SECTIONS
from sen2like.config.schema import FIELDS, SECTION_OF, sections
from sen2like.config.sources import Source
from sen2like.config.types import choices, expected, nearest
from sen2like.config.xsd import ROOT, SOURCES, xsd_text
from sen2like.errors import ConfigurationError


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(xsd_text().encode()))


def read_xml(path: Path) -> tuple[list[Entry], list[str]]:
    """Every element of the file in file order, and every violation. Not well-formed: `ConfigurationError`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.parse(str(path), parser).getroot()
    except (etree.XMLSyntaxError, OSError) as error:
        found = [f"{path}:{entry.line}: not well-formed XML: {entry.message}" for entry in parser.error_log]
        raise ConfigurationError(list(dict.fromkeys(found)) or f"configuration file {path}: {error}") from error
    if root.tag != ROOT:
        raise ConfigurationError(f"{path}:{root.sourceline}: root element is <{root.tag}>, expected <{ROOT}>")
    entries, problems = _take_sources(root, path)
    problems += _prune(root, path)
    bad_lines = set()
    if not _schema().validate(root):
        for violation in _schema().error_log:
            if violation.line not in bad_lines:
                problems.append((violation.line, _value_problem(violation, root, path)))
                bad_lines.add(violation.line)
    entries += [
        Entry(section.tag, element.tag, null_or_text((element.text or "").strip()), f"{path}:{element.sourceline}")
        for section in root
        for element in section
        if element.sourceline not in bad_lines
    ]
    return entries, [text for _, text in sorted(problems)]


def _take_sources(root: etree._Element, path: Path) -> tuple[list[Entry], list[tuple[int, str]]]:
    """Take the named sources out; -> their entries, with values not yet checked, and (line, problem) of what does not belong."""
    entries: list[Entry] = []
    problems: list[tuple[int, str]] = []
    for around in [section for section in root if section.tag.lower() == SOURCES.lower()]:
        root.remove(around)
        for source in around:
            line, title = source.sourceline, f"{Source.title} {source.get('name', '')}".strip()
            if source.tag != Source.title:
                what = f"unknown element <{source.tag}> in <{SOURCES}>; expected <{Source.title}>"
                problems.append((line, f"{path}:{line}: {what}"))
                continue
            entries.append(Entry(title, "", None, f"{path}:{line}"))
            for element in source:
                place = f"{path}:{element.sourceline}"
                if len(element):
                    problems.append((element.sourceline, f"{place}: element <{element.tag}> must hold text only"))
                else:
                    entries.append(Entry(title, element.tag, null_or_text((element.text or "").strip()), place))
    return entries, problems


def _prune(root: etree._Element, path: Path) -> list[tuple[int, str]]:
    """Give sections their canonical name and take out what does not belong; -> (line, problem) of each."""
    titles = {model.title.lower(): model.title for model in sections().values()}
    titles.update({name.lower(): new for name, new in OLD_SECTIONS.items() if new})
    problems: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for section in list(root):
        line, name = section.sourceline, section.tag
        if OLD_SECTIONS.get(name, "") is None:
            root.remove(section)
        elif name.lower() not in titles:
            problems.append((line, f"{path}:{line}: unknown section <{name}>{nearest(name, titles.values())}"))
            root.remove(section)
        elif (title := titles[name.lower()]) in seen:
            problems.append((line, f"{path}:{line}: section <{name}> is there already, at line {seen[title]}"))
            root.remove(section)
        else:
            section.tag = title
            seen[title] = line
            problems += _prune_section(section, path)
    return problems


def _prune_section(section: etree._Element, path: Path) -> list[tuple[int, str]]:
    problems: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    for element in list(section):
        line, key = element.sourceline, element.tag
        home = sections()[SECTION_OF[key]].title if key in SECTION_OF else section.tag
        if key not in FIELDS and key not in OLD_KEYS and key not in IGNORED:
            problem = f"unknown element <{key}> in <{section.tag}>{nearest(key, FIELDS)}"
        elif key in seen:
            problem = f"element <{key}> is there already, at line {seen[key]}"
        elif home != section.tag:
            problem = f"element <{key}> belongs into <{home}>, not into <{section.tag}>"
        elif len(element):
            problem = f"element <{key}> must hold text only"
        else:
            seen[key] = line
            continue
        problems.append((line, f"{path}:{line}: {problem}"))
        section.remove(element)
    return problems


def _value_problem(violation: etree._LogEntry, root: etree._Element, path: Path) -> str:
    for element in root.iter():
        if element.sourceline == violation.line and element.tag in FIELDS:
            text, field = (element.text or "").strip(), FIELDS[element.tag]
            hint = nearest(text, choices(field)) if text else ""
            return f"{path}:{violation.line}: element <{element.tag}> holds {text!r}, expected {expected(field)}{hint}"
    return f"{path}:{violation.line}: {violation.message}"
