"""The XSD of the GIPP XML format, made from the models: any order, every section and element optional."""

from pathlib import Path
from typing import Any, get_origin

from lxml import etree
from pydantic.fields import FieldInfo

from sen2like.config.old_names import IGNORED, OLD_KEYS
from sen2like.config.schema import sections
from sen2like.config.sources import KEYS, Source
from sen2like.config.types import bare, bounds, choices, expected

ROOT = "Level-2A_Ground_Image_Processing_Parameter"
SOURCES = "Sources"
"""Element around the named sources."""
_XS = "http://www.w3.org/2001/XMLSchema"
_FACETS = {"ge": "minInclusive", "gt": "minExclusive", "le": "maxInclusive"}


def xsd_text() -> str:
    """The schema as text. Old names are allowed in every section; ranges are those of the models."""
    schema = etree.Element(f"{{{_XS}}}schema", nsmap={"xs": _XS})
    words = _add(schema, "simpleType", name="StringBoolType")
    _enumerate(words, ("True", "False", "true", "false"))
    root = _add(schema, "element", name=ROOT)
    _document(root, "Configuration of sen2like. Made from the models of sen2like.config.sections; do not edit.")
    content = _add(_add(root, "complexType"), "all")
    for model in sections().values():
        section = _add(content, "element", name=model.title, minOccurs="0")
        _document(section, (model.__doc__ or "").strip())
        members = _add(_add(section, "complexType"), "all")
        for key, field in model.model_fields.items():
            _field(members, key, field)
        for key in sorted(OLD_KEYS.keys() | IGNORED):
            _add(members, "element", name=key, minOccurs="0", type="xs:string")
    _sources(content)
    etree.indent(schema)
    return etree.tostring(schema, xml_declaration=True, encoding="UTF-8", pretty_print=True).decode()


def _sources(parent: etree._Element) -> None:
    """Any number of named sources. They have an element around them, because `xs:all` allows each element once."""
    around = _add(parent, "element", name=SOURCES, minOccurs="0")
    _document(around, "Named sources of input products.")
    one = _add(_add(_add(around, "complexType"), "sequence"), "element", name=Source.title, minOccurs="0", maxOccurs="unbounded")
    _document(one, (Source.__doc__ or "").strip())
    kind = _add(one, "complexType")
    members = _add(kind, "all")
    for key, field in KEYS.items():
        _field(members, key, field)
    _add(kind, "attribute", name="name", type="xs:string", use="required")


def _field(parent: etree._Element, key: str, field: FieldInfo) -> None:
    element = _add(parent, "element", name=key, minOccurs="0")
    _document(element, f"{field.description} Expected: {expected(field)}.")
    kind, nullable = bare(field.annotation)
    if kind in (str, Path) or get_origin(kind) is tuple:
        element.set("type", "xs:string")
    elif kind is bool and not nullable:
        element.set("type", "StringBoolType")
    else:
        _restricted(element, kind, field, nullable)


def _restricted(element: etree._Element, kind: Any, field: FieldInfo, nullable: bool) -> None:
    outer = _add(element, "simpleType")
    union = _add(outer, "union") if nullable else None
    inner = _add(union, "simpleType") if union is not None else outer
    if words := choices(field):
        _enumerate(inner, words)
    else:
        restriction = _add(inner, "restriction", base="xs:integer" if kind is int else "xs:double")
        for name, limit in bounds(field).items():
            if name in _FACETS:
                _add(restriction, _FACETS[name], value=f"{limit:g}")
    if union is not None:
        _enumerate(_add(union, "simpleType"), ("None",))


def _enumerate(parent: etree._Element, words: tuple[str, ...]) -> None:
    restriction = _add(parent, "restriction", base="xs:token")
    for word in words:
        _add(restriction, "enumeration", value=word)


def _document(parent: etree._Element, text: str) -> None:
    _add(_add(parent, "annotation"), "documentation").text = " ".join(text.split())


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_XS}}}{tag}", attributes)
