"""The mark of a template: our element in its <metadata>, in a namespace of its own."""

from __future__ import annotations

from lxml import etree

from kvmweb.core import errors
from kvmweb.core.templates import TemplateMark
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element

NAMESPACE = "https://kvmweb.org/xmlns/template/1"
PREFIX = "kvmwebtemplate"
_PATH = f"metadata/{{{NAMESPACE}}}template"
_TEXTS = {"keys": "ssh-keys", "text": "user-data"}
"""Of several lines: elements of their own."""


def of(root: Element) -> TemplateMark | None:
    """The mark in this domain, if there is one."""
    found = root.find(_PATH)
    if found is None:
        return None
    texts = {name: found.findtext(f"{{*}}{tag}") or "" for name, tag in _TEXTS.items()}
    return TemplateMark(
        at=elements.number(found.get("at")),
        by=str(found.get("by", "")),
        user=str(found.get("user", "")),
        packages=str(found.get("packages", "")),
        **texts,
    )


def build(mark: TemplateMark) -> str:
    """The element as virDomainSetMetadata takes it. Raises Invalid."""
    try:
        made = etree.Element("template", at=f"{mark.at:.0f}", by=mark.by)
        for name in ("user", "packages"):
            if value := getattr(mark, name):
                made.set(name, value)
        for name, tag in _TEXTS.items():
            if value := getattr(mark, name):
                etree.SubElement(made, tag).text = value
    except ValueError as error:
        raise errors.Invalid("a character that XML cannot carry") from error
    return elements.serialize(made)


def unmark(root: Element) -> None:
    """Without it: a guest made of a template is none itself."""
    elements.drop(root, _PATH)
