"""A look inside a disk in words: its file systems, one of its folders, and why it is not there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kvmweb.core import plain
from kvmweb.core.inside import SORTS, Choice, Entry, FileSystem, Look, LookState, Place, Shown
from kvmweb.core.offers import Obstacle, Offer
from kvmweb.core.refs import Kind, Ref
from kvmweb.ui import links, messages
from kvmweb.ui import volumes as volume_face
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

NAME_MAX = 255
PATH_MAX = 4096
_KINDS: dict[str, Text] = {
    "swap": gettext_lazy("Swap space"),
    "crypto_LUKS": gettext_lazy("Encrypted (LUKS)"),
    "BitLocker": gettext_lazy("Encrypted (BitLocker)"),
    "LVM2_member": gettext_lazy("Part of an LVM volume group"),
    "linux_raid_member": gettext_lazy("Part of a RAID"),
    "unknown": gettext_lazy("Nothing that is known"),
    "": gettext_lazy("Nothing that is known"),
}
_CLOSED: dict[str, Text] = {
    "swap": gettext_lazy("It holds no files."),
    "crypto_LUKS": gettext_lazy("Nobody can look inside without its key."),
    "BitLocker": gettext_lazy("Nobody can look inside without its key."),
    "LVM2_member": gettext_lazy("Its volumes are listed by themselves."),
    "linux_raid_member": gettext_lazy("The RAID is listed by itself if it is whole."),
    "unknown": gettext_lazy("Empty, encrypted, or of a kind that nobody here knows."),
    "": gettext_lazy("Empty, encrypted, or of a kind that nobody here knows."),
}
_BROKEN = gettext_lazy("It cannot be opened: it may be broken, or of a newer kind.")
_LABELS: dict[str, Text] = {
    "name": gettext_lazy("Name"),
    "size": gettext_lazy("Size"),
    "modified": gettext_lazy("Modified"),
}
_ENDED: dict[str, Text] = {
    "": gettext_lazy("It was closed."),
    "idle": gettext_lazy("It was closed because nobody used it for ten minutes."),
    "longest": gettext_lazy("It was closed after two hours."),
    "busy": gettext_lazy("It was closed because a guest runs with this disk now."),
    "host-down": gettext_lazy("It was closed because the host is not answering."),
    "not-found": gettext_lazy("It was closed because the disk is gone."),
    "not-supported": gettext_lazy(
        "The small machine that reads disks could not be started. It is made of the kernel in "
        "/boot, which the portal must be able to read."
    ),
    "fault": gettext_lazy("It broke off. The disk may be broken, or memory too short."),
}


@dataclass(frozen=True, slots=True)
class SystemLine:
    """One partition or file system. closed: why nobody can look inside; empty when one can."""

    system: FileSystem
    kind: Text
    url: str
    is_chosen: bool
    closed: Text
    fill: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One name of a folder. url: where it leads; empty for what is neither folder nor file."""

    entry: Entry
    icon: str
    url: str
    modified_at: datetime | None
    is_download: bool
    what: Text


@dataclass(frozen=True, slots=True)
class Crumb:
    """One part of the path."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A column that can be sorted by."""

    label: Text
    url: str
    order: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class InsidePage:
    """Context of `inside/show.html`."""

    shown: Shown
    url: str
    dom_id: str
    title: str
    path: str
    """Of the image on the host, in one line."""
    owner: str
    owner_url: str
    is_of_guest: bool
    obstacle: str
    command: str
    systems: tuple[SystemLine, ...] = ()
    crumbs: tuple[Crumb, ...] = ()
    headings: tuple[Heading, ...] = ()
    entries: tuple[EntryLine, ...] = ()
    not_there: str = ""
    file_url: str = ""
    """What is there is a file, or a link to one."""
    ended: str = ""

    @property
    def look(self) -> Look:
        """How far it is."""
        return self.shown.look

    @property
    def percent(self) -> float | None:
        """Of starting."""
        look = self.shown.look
        return 100 * look.done / look.total if look.total else None

    @property
    def is_starting(self) -> bool:
        """The appliance boots."""
        return self.shown.look.state is LookState.STARTING

    @property
    def is_ready(self) -> bool:
        """It can be asked."""
        return self.shown.look.state is LookState.READY


def url(place: Place) -> str:
    """The page of a look into this place."""
    if place.ref.kind is Kind.GUEST:
        return of_disk(place.ref, place.which)
    return f"{volume_face.url(place.ref, place.which)}inside/"


def of_disk(guest: Ref, target: str) -> str:
    """The page of a look into this disk of a guest."""
    return f"{links.of(guest)}disks/{quote(target, safe='')}/inside/"


def page(shown: Shown) -> InsidePage:
    """Everything about one look."""
    place, look, base = shown.place, shown.look, url(shown.place)
    found = InsidePage(
        shown=shown,
        url=base,
        dom_id=f"inside-{place.volume.id}",
        title=plain.line(place.title, NAME_MAX),
        path=plain.line(place.path, PATH_MAX),
        owner=plain.line(place.owner, NAME_MAX),
        owner_url=links.of(place.ref),
        is_of_guest=place.ref.kind is Kind.GUEST,
        obstacle=_obstacle(shown),
        command=_command(place),
        ended=_ended(look),
    )
    if look.state is not LookState.READY:
        return found
    found = replace(
        found, systems=tuple(_system(base, it, shown.wanted) for it in look.file_systems)
    )
    if not shown.wanted.device:
        return found
    if shown.folder is None:
        is_file = shown.problem == "invalid"
        return replace(
            found,
            crumbs=_crumbs(base, shown.wanted),
            not_there=_not_there(shown),
            file_url=_file(base, shown.wanted.device, shown.wanted.path) if is_file else "",
        )
    at = replace(shown.wanted, path=shown.folder.path)
    return replace(
        found,
        crumbs=_crumbs(base, at),
        headings=tuple(_heading(base, at, column) for column in SORTS),
        entries=tuple(_entry(base, at, it) for it in shown.folder.entries),
    )


def _obstacle(shown: Shown) -> str:
    place = shown.place
    if shown.problem == "host-down":
        return messages.obstacle(Offer(place.verb, Obstacle.HOST_AWAY))
    if place.obstacle is not Obstacle.NONE:
        return messages.obstacle(Offer(place.verb, place.obstacle))
    return "" if shown.look.is_able else missing()


def missing() -> str:
    """One sentence with the package names."""
    return _(
        "Looking inside needs libguestfs on the machine that runs the portal: install the package "
        "libguestfs-tools (Debian, Ubuntu) or libguestfs (Fedora)."
    )


def _ended(look: Look) -> str:
    if look.state is not LookState.ENDED:
        return ""
    code = look.detail if look.problem == "cancelled" else look.problem
    return str(_ENDED.get(code, _ENDED["fault"]))


def _not_there(shown: Shown) -> str:
    if shown.problem == "not-supported":
        return _("This file system cannot be opened.")
    if shown.problem == "invalid":
        return _("This is no folder.")
    if shown.problem == "not-found":
        return _("There is no such folder on this disk.")
    return _("It does not answer. It may just have been closed.")


def _system(base: str, system: FileSystem, wanted: Choice) -> SystemLine:
    closed: Text = "" if system.is_open else _CLOSED.get(system.kind, _BROKEN)
    fill = ""
    if system.used is not None and system.total is not None:
        fill = _("%(used)s of %(total)s") % {
            "used": size(system.used),
            "total": size(system.total),
        }
    return SystemLine(
        system=system,
        kind=_KINDS.get(system.kind, system.kind),
        url=_at(base, Choice(system.device)),
        is_chosen=system.device == wanted.device,
        closed=closed,
        fill=fill,
    )


def _entry(base: str, at: Choice, entry: Entry) -> EntryLine:
    path = f"{at.path.rstrip('/')}/{entry.name}"
    link, is_download, what, icon = "", False, gettext_lazy("Special file"), "info"
    if entry.is_folder:
        link, what, icon = _at(base, replace(at, path=path)), gettext_lazy("Folder"), "folder"
    elif entry.is_file:
        link, is_download = _file(base, at.device, path), True
        what, icon = gettext_lazy("File"), "file"
    elif entry.is_link:
        link, what, icon = (
            _at(base, replace(at, path=path)),
            pgettext_lazy("in a folder", "Link"),
            "link",
        )
    return EntryLine(entry, icon, link, _moment(entry.modified_at), is_download, what)


def _moment(seconds: int) -> datetime | None:
    """None for what no clock shows: a stranger wrote it."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _crumbs(base: str, at: Choice) -> tuple[Crumb, ...]:
    found, path = [Crumb(at.device, _at(base, replace(at, path="/")))], ""
    for name in at.path.strip("/").split("/"):
        if name:
            path += f"/{name}"
            found.append(Crumb(name, _at(base, replace(at, path=path))))
    return tuple(found)


def _heading(base: str, at: Choice, column: str) -> Heading:
    is_here = at.sort == column
    turned = replace(at, sort=column, is_descending=is_here and not at.is_descending)
    order = ("descending" if at.is_descending else "ascending") if is_here else ""
    return Heading(_LABELS[column], _at(base, turned), order, column == "size")


def _at(base: str, at: Choice) -> str:
    return f"{base}?{at.query()}"


def _file(base: str, device: str, path: str) -> str:
    return f"{base}file/?{urlencode({'fs': device, 'path': path})}"


def _command(place: Place) -> str:
    """What does the same on the host itself; none for a path that no screen shows as it is."""
    if not place.path or plain.line(place.path) != place.path:
        return ""
    return shlex.join(["guestfish", "--ro", f"--format={place.format}", "-a", place.path, "-i"])
