"""Installation trees on the network: where their kernel and initrd are.

Source: productmd's `.treeinfo` (Fedora, RHEL and what follows them); the places that Debian, SUSE
and old trees without one have always used.
"""

from __future__ import annotations

import configparser
import posixpath
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException

from django.utils.translation import gettext as _

from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, Invalid, NotFound
from kvmweb.core.install_trees import WIDTH, TreeHolding, TreeInfo
from kvmweb.core.refs import Ref
from kvmweb.services import fetch_line, systems
from kvmweb.services.guard import guarded
from kvmweb.services.marks import internal

INFO_MAX = 1024**2
WHOLE_S = 30.0
KERNEL_MAX = 256 * 1024**2
INITRD_MAX = 2 * 1024**3
_INFOS = (".treeinfo", "treeinfo")
_DISTS = re.compile(r"/dists/([a-z0-9.-]+)(?:/|$)")
"""Where Debian and Ubuntu name the release in the addresses of their trees."""
_PLACES = {
    "x86_64": (
        ("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"),
        ("current/images/netboot/debian-installer/amd64/linux",
         "current/images/netboot/debian-installer/amd64/initrd.gz"),
        ("main/installer-amd64/current/images/netboot/debian-installer/amd64/linux",
         "main/installer-amd64/current/images/netboot/debian-installer/amd64/initrd.gz"),
        ("boot/x86_64/loader/linux", "boot/x86_64/loader/initrd"),
    ),
    "aarch64": (
        ("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"),
        ("current/images/netboot/debian-installer/arm64/linux",
         "current/images/netboot/debian-installer/arm64/initrd.gz"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """kernel, initrd: addresses. family, version: as the tree calls itself; empty without."""

    url: str
    kernel: str
    initrd: str
    family: str = ""
    version: str = ""

    @property
    def arguments(self) -> str:
        """What its installer must be told to find the tree again; Debian's asks for itself."""
        return f"inst.repo={self.url}" if self.family else ""


@internal("a part of a creation")
def look(url: str, arch: str) -> Tree:
    """The tree at this address. Raises Invalid (field url) that says what is wrong with it."""
    base = url.rstrip("/") + "/"
    for name in _INFOS:
        text = _text(base + name)
        if text is not None:
            return _informed(base, text, arch)
    for kernel, initrd in _PLACES.get(arch, ()):
        if _is_there(base + kernel, KERNEL_MAX) and _is_there(base + initrd, INITRD_MAX):
            return Tree(base, base + kernel, base + initrd)
    raise _wrong(_("There is no install tree here: no .treeinfo, and no kernel at a usual place."))


@guarded("guest.create", is_audited=False)
def tell(actor: Actor, ref: Ref, url: str) -> TreeHolding:
    """Which system the tree at this address installs, while somebody still asks for a guest."""
    base = url.rstrip("/") + "/"
    try:
        for name in _INFOS:
            text = _text(base + name)
            if text is not None:
                info = _general(_read(text))
                return TreeHolding(info.name, systems.of_tree(info))
    except Invalid as problem:
        return TreeHolding(problem=problem.detail)
    release = _DISTS.search(base)
    guessed = systems.guess(release[1]) if release else None
    return TreeHolding(system=guessed.system if guessed else None)


@internal("a part of a creation")
@contextmanager
def opened(url: str, most: int) -> Iterator[fetch_line.Source]:
    """A file of the tree, no larger than this. Raises Invalid (field url); NotFound as it is."""
    try:
        with fetch_line.opened(url) as source:
            if source.size > most:
                raise _wrong(_("%(url)s is larger than %(n)d MiB.") % _named(url, most))
            yield source
    except (Invalid, NotFound) as problem:
        if isinstance(problem, Invalid) and not problem.fields:
            raise _wrong(f"{url[:200]}: {problem.detail}") from problem
        raise
    except Denied as problem:
        said = _("%(url)s leads to an address that the portal does not read from.")
        raise _wrong(said % _named(url)) from problem
    except Busy as problem:
        said = _("%(url)s does not answer: %(why)s.")
        raise _wrong(said % {**_named(url), "why": problem.detail}) from problem


def _text(url: str) -> str | None:
    """A small file; None where there is none."""
    try:
        with opened(url, INFO_MAX) as source:
            return _whole(source).decode("utf-8", "replace")
    except NotFound as problem:
        if "no address" in problem.detail:
            said = _("%(url)s: there is no such name.")
            raise _wrong(said % _named(url)) from problem
        return None


def _whole(source: fetch_line.Source) -> bytes:
    """All of a small file, within WHOLE_S: somebody waits for the page. Raises Busy."""
    until, found = time.monotonic() + WHOLE_S, b""
    try:
        while len(found) < source.size and (piece := source.some(source.size - len(found))):
            found += piece
            if time.monotonic() > until:
                raise Busy("it is too slow")
    except (OSError, HTTPException) as error:
        raise Busy("the connection broke off") from error
    return found


def _is_there(url: str, most: int) -> bool:
    try:
        with opened(url, most):
            return True
    except NotFound:
        return False


def _read(text: str) -> configparser.ConfigParser:
    info = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        info.read_string(text)
    except configparser.Error as error:
        raise _wrong(_("Its .treeinfo cannot be read.")) from error
    return info


def _general(info: configparser.ConfigParser) -> TreeInfo:
    """What it says in `general`, as the database's patterns want it, else where newer ones do."""
    wanted = {
        "family": (("general", "family"), ("release", "name")),
        "variant": (("general", "variant"), ("tree", "variants")),
        "version": (("general", "version"), ("release", "version")),
        "arch": (("general", "arch"), ("tree", "arch")),
    }
    said = {
        name: next((text for place in places if (text := info.get(*place, fallback=""))), "")
        for name, places in wanted.items()
    }
    return TreeInfo(**{name: text.strip()[:WIDTH] for name, text in said.items()})


def _informed(base: str, text: str, arch: str) -> Tree:
    info = _read(text)
    section = f"images-{arch}"
    if not info.has_option(section, "kernel"):
        raise _wrong(_("This tree has no installer for %(arch)s.") % {"arch": arch})
    kernel = _inside(base, info.get(section, "kernel"))
    initrd = _inside(base, info.get(section, "initrd", fallback=""))
    for place, most in ((kernel, KERNEL_MAX), (initrd, INITRD_MAX)):
        if place and not _is_there(place, most):
            raise _wrong(_("Its .treeinfo names %(url)s, which is not there.") % _named(place))
    general = "release" if info.has_section("release") else "general"
    family = info.get(general, "name", fallback="") or info.get(general, "family", fallback="tree")
    return Tree(base, kernel, initrd, family, info.get(general, "version", fallback=""))


def _inside(base: str, path: str) -> str:
    """A path of the tree, within the tree."""
    if not path:
        return ""
    plain = posixpath.normpath(path)
    if plain.startswith(("/", "..")) or ":" in plain:
        raise _wrong(_("Its .treeinfo names a file outside the tree."))
    return base + plain


def _named(url: str, size: int = 0) -> dict[str, object]:
    return {"url": url[:200], "n": size // 1024**2}


def _wrong(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"url": sentence})
