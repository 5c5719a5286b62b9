"""A definition that a person edits as text: shown without passwords, taken with them.

A password is shown as `KEPT`; where that is left standing, the one that is there stays. Leaving the
attribute out takes the password away, anything else is a new one.
"""

from __future__ import annotations

import contextlib
import re
import uuid as uuids
from collections import defaultdict

from lxml import etree

from kvmweb.core import errors
from kvmweb.definitions import elements
from kvmweb.definitions.elements import Element

KEPT = "(kept)"
_SCREEN = re.compile(r"<graphics(?=[\s/>])")
_PASSWORD = re.compile(r"""(<graphics\b[^<>]*?)\s+passwd=(?:'[^'<]*'|"[^"<]*")""")
_FILE = re.compile(r" \(<string>, line \d+\)$")
"""What the parser calls a text that has no file."""
_NAME = re.compile(r"(<name>)[^<]*(</name>)")


def shown(plain: str, secure: str) -> str:
    """plain: as libvirt tells it to everybody, which holds no password; secure: with them.

    Letter for letter the plain one, with `KEPT` where there is a password.
    """
    has_one = [bool(it.get("passwd")) for it in _screens(elements.parse(secure))]
    if not any(has_one):
        return plain
    start = plain.find("<devices>")
    found = list(_SCREEN.finditer(plain, max(start, 0)))[: len(has_one)]
    for match, marked in reversed(list(zip(found, has_one, strict=False))):
        if marked:
            plain = f"{plain[: match.end()]} passwd='{KEPT}'{plain[match.end() :]}"
    return plain


def taken(text: str, secure: str) -> str:
    """What was typed, with the passwords that are to stay. Letter for letter where none is.

    Raises Invalid for a `KEPT` where there is no password.
    """
    root = elements.parse(text)
    waiting = [it for it in _screens(root) if it.get("passwd") == KEPT]
    if not waiting:
        return text
    there: dict[str, list[Element]] = defaultdict(list)
    for screen in _screens(elements.parse(secure)):
        if screen.get("passwd"):
            there[str(screen.get("type"))].append(screen)
    for screen in waiting:
        known = there[str(screen.get("type"))]
        if not known:
            raise errors.Invalid(f"line {screen.sourceline}: there is no password to keep")
        source = known.pop(0)
        screen.set("passwd", source.get("passwd"))
        if source.get("passwdValidTo") and not screen.get("passwdValidTo"):
            screen.set("passwdValidTo", source.get("passwdValidTo"))
    return elements.serialize(root)


def masked(text: str) -> str:
    """Without passwords, for whatever is stored. libvirt leaves them out by itself."""
    return _PASSWORD.sub(r"\1", text) if "passwd" in text else text


def restorable(text: str, current: str) -> str:
    """An old definition as it would be typed now: under the present name, keeping the passwords.

    current: as `shown` made it. Raises Invalid.
    """
    root = elements.parse(current)
    name = _NAME.search(current)
    if name:
        text = _NAME.sub(lambda _found: name.group(), text, count=1)
    marked = [f"<graphics passwd='{it.get('passwd') or ''}'/>" for it in _screens(root)]
    return shown(text, f"<domain><devices>{''.join(marked)}</devices></domain>")


def check(text: str, *, name: str, uuid: str) -> None:
    """Well formed, a guest, and this one. Raises Invalid with the line."""
    try:
        root = elements.parse(text)
    except errors.Invalid as error:
        raise errors.Invalid(_FILE.sub("", error.detail)) from error
    if root.tag != "domain":
        raise errors.Invalid("line 1: the outermost element is <domain>")
    for tag, wanted in (("name", name), ("uuid", uuid)):
        found = root.find(tag)
        line = root.sourceline if found is None else found.sourceline
        if (root.findtext(tag) or "").strip() != wanted:
            raise errors.Invalid(f"line {line}: <{tag}> stays {wanted}")


def named(text: str, uuid: str) -> tuple[str, str, str]:
    """A new guest's definition as it was typed: text, name and UUID; `uuid` where it names none.

    Raises Invalid with the line.
    """
    try:
        root = elements.parse(text)
    except errors.Invalid as error:
        raise errors.Invalid(_FILE.sub("", error.detail)) from error
    if root.tag != "domain":
        raise errors.Invalid("line 1: the outermost element is <domain>")
    name = root.findtext("name") or ""
    if not name.strip():
        raise errors.Invalid(f"line {root.sourceline}: it has no <name>")
    if any(it.get("passwd") == KEPT for it in _screens(root)):
        raise errors.Invalid(f"{KEPT} is no password: there is none to keep")
    found = root.find("uuid")
    if found is None or not (found.text or "").strip():
        if found is None:
            found, before = etree.Element("uuid"), root.find("name")
            found.tail = before.tail
            root.insert(root.index(before) + 1, found)
        found.text = uuid
        return elements.serialize(root), name, uuid
    try:
        known = str(uuids.UUID((found.text or "").strip()))
    except ValueError as error:
        raise errors.Invalid(f"line {found.sourceline}: not a UUID") from error
    return text, name, known


def lines(text: str) -> list[str]:
    """For comparing: the same whatever quotes were used. What is no XML as it stands."""
    with contextlib.suppress(errors.Invalid):
        text = elements.serialize(elements.parse(text))
    return text.splitlines()


def _screens(root: Element) -> list[Element]:
    return list(root.iterfind("devices/graphics"))
