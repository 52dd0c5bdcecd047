"""Reading of input metadata and writing of ours: elements found whatever their namespace, built in order, and
serialised as spec 11 sections 1 and 7 ask (tabs, LF, UTF-8; or JSON of the same shape).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lxml import etree

from sen2like.errors import MetadataError

XSI = "http://www.w3.org/2001/XMLSchema-instance"


class SourceDocument:
    """A metadata document of an input product; elements are found by local name, the first occurrence counts."""

    def __init__(self, data: bytes, what: str):
        """`what` names the document in errors. Text that is not well-formed XML is a `MetadataError`."""
        self.what = what
        self.root = parsed(data, what)

    def element(self, name: str) -> etree._Element | None:
        return self.root if etree.QName(self.root).localname == name else self.root.find(f".//{{*}}{name}")

    def elements(self, name: str) -> Iterator[etree._Element]:
        return self.root.iterfind(f".//{{*}}{name}")

    def text(self, name: str) -> str | None:
        """Stripped text; None when the element is absent or empty."""
        return stripped(self.element(name))


def parsed(data: bytes, what: str) -> etree._Element:
    """Root of an XML document without comments. Nothing outside the text is read, and entities are not admitted."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as e:
        raise MetadataError(f"{what} is not well-formed XML: {e}; fetch the product again") from e
    if root.getroottree().docinfo.internalDTD is not None:
        raise MetadataError(f"{what} has a document type declaration, as no product metadata have; do not trust this product")
    return root


def stripped(element: etree._Element | None) -> str | None:
    return (element.text or "").strip() or None if element is not None else None


def add(parent: etree._Element, name: str, text: object = None, /, **attributes: object) -> etree._Element:
    """Append an element in no namespace and return it; text and attributes become their text forms."""
    child = etree.SubElement(parent, name, {key: str(value) for key, value in attributes.items()})
    if text is not None:
        child.text = str(text)
    return child


def add_copy(parent: etree._Element, source: etree._Element) -> etree._Element:
    """Append a copy of `source` and all below it, without namespaces and layout blanks."""
    child = etree.SubElement(parent, etree.QName(source).localname)
    for key, value in source.attrib.items():
        child.set(etree.QName(key).localname, value)
    child.text = stripped(source)
    for below in source:
        add_copy(child, below)
    return child


def document_root(namespace: str, name: str, schema: str, prefix: str | None = "n1") -> etree._Element:
    """Root element in `namespace`; `schema` is the XSD's location relative to the document."""
    root = etree.Element(etree.QName(namespace, name), nsmap={prefix: namespace, "xsi": XSI})
    root.set(etree.QName(XSI, "schemaLocation"), f"{namespace} {schema}")
    return root


def section(root: etree._Element, name: str, **attributes: str) -> etree._Element:
    """Append a direct child of the root: the only level below it that is in its namespace."""
    return etree.SubElement(root, etree.QName(etree.QName(root).namespace, name), attributes)


def serialised(root: etree._Element) -> bytes:
    """UTF-8 text: tab indentation, LF, no newline at the end."""
    etree.indent(root, space="\t")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="UTF-8")


def as_json(root: etree._Element) -> bytes:
    """The same document as JSON: ``@name`` attributes, ``#text``, arrays for repeated elements, all values text."""
    value = _value(root)
    declarations = {f"@xmlns:{prefix}" if prefix else "@xmlns": uri for prefix, uri in root.nsmap.items()}
    return json.dumps({_qualified(root): {**declarations, **value}}, indent=4, ensure_ascii=False).encode("utf-8")


def _value(element: etree._Element) -> Any:
    out: dict[str, Any] = {f"@{_prefixed(element, key)}": value for key, value in element.attrib.items()}
    for child in element:
        name, value = _qualified(child), _value(child)
        if name not in out:
            out[name] = value
        elif isinstance(out[name], list):
            out[name].append(value)
        else:
            out[name] = [out[name], value]
    text = stripped(element)
    if not out:
        return text
    if text is not None:
        out["#text"] = text
    return out


def _qualified(element: etree._Element) -> str:
    local = etree.QName(element).localname
    return f"{element.prefix}:{local}" if element.prefix else local


def _prefixed(element: etree._Element, key: str) -> str:
    name = etree.QName(key)
    if not name.namespace:
        return name.localname
    prefix = next(p for p, uri in element.nsmap.items() if uri == name.namespace)
    return f"{prefix}:{name.localname}"
