"""`tag`: HTML and SVG elements with their texts made safe, by lxml."""

import re
from typing import TypeAlias

from lxml import etree, html

Node: TypeAlias = "etree._Element | str | None"
"""What may stand in an element; None stands for nothing."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tag(name: str, /, *children: Node, **attributes: object) -> etree._Element:
    """An element. Attributes: ``class_`` for ``class``, ``_`` for ``-``; None and False: left out; True: without value."""
    element = etree.Element(name)
    for key, value in attributes.items():
        if value is not None and value is not False:
            element.set(key.rstrip("_").replace("_", "-"), "" if value is True else _printable(str(value)))
    for child in children:
        _append(element, child)
    return element


def document(title: str, css: str, script: str, *body: Node) -> str:
    """A whole page that needs nothing else."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", css),
    )
    page = tag("html", head, tag("body", *body, tag("script", script)), lang="en")
    return html.tostring(page, doctype="<!DOCTYPE html>", encoding="unicode") + "\n"


def _append(element: etree._Element, child: Node) -> None:
    if child is None:
        return
    if not isinstance(child, str):
        element.append(child)
    elif len(element):
        element[-1].tail = (element[-1].tail or "") + _printable(child)
    else:
        element.text = (element.text or "") + _printable(child)


def _printable(text: str) -> str:
    """Control characters (a file name may hold some) are shown as the replacement character."""
    return _NOT_XML.sub("\ufffd", text)
