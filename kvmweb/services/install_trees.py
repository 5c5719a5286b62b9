"""Installation trees on the network: where their kernel and initrd are.

Source: productmd's `.treeinfo` (Fedora, RHEL and what follows them); the places that Debian, SUSE
and old trees without one have always used.
"""

from __future__ import annotations

import configparser
import io
import posixpath
from dataclasses import dataclass

from django.utils.translation import gettext as _

from kvmweb.core.errors import Invalid
from kvmweb.services import fetching
from kvmweb.services.marks import internal

INFO_MAX = 1024**2
KERNEL_MAX = 256 * 1024**2
INITRD_MAX = 2 * 1024**3
LOOK_S = 10.0
_INFOS = (".treeinfo", "treeinfo")
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
    first: Invalid | None = None
    for name in _INFOS:
        try:
            return _informed(base, name, arch)
        except Invalid as invalid:
            first = first or invalid
            if "404" not in invalid.detail:
                raise
    for kernel, initrd in _PLACES.get(arch, ()):
        try:
            _size(base + kernel, KERNEL_MAX)
            _size(base + initrd, INITRD_MAX)
        except Invalid as invalid:
            if "404" not in invalid.detail:
                raise
            continue
        return Tree(base, base + kernel, base + initrd)
    said = _("There is no install tree here: no .treeinfo, and no kernel at any usual place.")
    raise Invalid(said, fields={"url": said}) from first


def _informed(base: str, name: str, arch: str) -> Tree:
    text = io.BytesIO()
    found = fetching.fetch(base + name, text, most=INFO_MAX, within_s=LOOK_S)
    folder = found.url.removesuffix(name)
    info = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        info.read_string(text.getvalue().decode("utf-8", "replace"))
    except configparser.Error as error:
        raise _wrong(_("Its .treeinfo cannot be read.")) from error
    section = f"images-{arch}"
    if not info.has_option(section, "kernel"):
        raise _wrong(_("This tree has no installer for %(arch)s.") % {"arch": arch})
    kernel = _inside(folder, info.get(section, "kernel"))
    initrd = _inside(folder, info.get(section, "initrd", fallback=""))
    _size(kernel, KERNEL_MAX)
    if initrd:
        _size(initrd, INITRD_MAX)
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


def _size(url: str, most: int) -> int:
    return fetching.fetch(url, None, most=most, within_s=LOOK_S).length


def _wrong(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"url": sentence})
