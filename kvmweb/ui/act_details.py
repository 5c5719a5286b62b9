"""The values that an audit entry keeps, in words: what each is called, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kvmweb.core import plain
from kvmweb.core.records import GuestState
from kvmweb.ui import acts, words
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.ui.words import Text

NAMES: dict[str, Text] = {
    "act": "",
    "problem": _("libvirt says"),
    "kind": _("Console"),
    "device": _("Port"),
    "mode": _("Way"),
    "why": _("Ended because"),
    "seconds": _("Lasted"),
    "bytes_shown": _("Shown"),
    "bytes_typed": _("Typed"),
    "keys": _("Keys"),
    "paused": _("Paused"),
    "reset_saved": _("Saved state discarded"),
    "enabled": _("Switched on"),
    "title": _("Title"),
    "tags": _("Tags"),
    "description": _("Description"),
    "role": _("Role"),
    "scope": _("Where"),
    "person": _("Person"),
    "of": _("Session"),
    "to": _("New name"),
    "step": _("Step"),
    "way": _("Way"),
    "change": _("Change"),
    "verbs": _("Rights"),
    "disk": _("Disk"),
    "file": _("File"),
    "file_system": _("File system"),
    "name": _("Name"),
    "volume": _("Volume"),
    "source": _("Source"),
    "delete": _("Volume deleted"),
    "part": _("Part"),
    "pool": _("Pool"),
    "host": _("Host"),
    "guest": _("Guest"),
    "machine": pgettext_lazy("connection", "Machine"),
    "job": _("Job"),
    "secret": _("Secret"),
    "usage": _("Used for"),
    "type": _("Type"),
    "capacity": _("Capacity"),
    "size": _("Size"),
    "offset": _("From byte"),
    "length": _("Length"),
    "moved": _("Moved"),
    "before": _("Before"),
    "after": _("After"),
    "reason": _("Reason"),
    "root": _("Folder"),
    "places": _("Places"),
    "removed": _("Removed"),
    "overwrite": _("Overwritten"),
    "algorithm": _("Method"),
    "with_volumes": _("Volumes deleted"),
    "with_content": _("Content deleted"),
    "looked_for": _("Searched"),
    "snapshot": _("Snapshot"),
    "keeps": _("Keeps"),
    "kept_as": _("Present state kept as"),
    "afterwards": _("Afterwards"),
    "with_children": _("Later ones deleted"),
    "into_bin": _("Into the recycle bin"),
    "volumes": _("Volumes"),
    "now": _("Now called"),
    "bridge": _("Bridge"),
    "interface": _("Interface"),
    "copy_of": _("A copy of"),
}

_YES: dict[str, Text] = {"True": _("Yes"), "False": _("No")}
_WORDS: dict[str, dict[str, Text]] = {
    "kind": {"screen": _("screen"), "serial": _("serial console")},
    "mode": {
        "watch": _("watch"),
        "drive": _("drive"),
        "acpi": _("power button (ACPI)"),
        "agent": _("guest agent"),
    },
    "why": {
        "left": _("the person left"),
        "ticket": _("the ticket was used, old or another's"),
        "fault": _("something failed"),
        "stalled": _("the browser did not keep up"),
        "seat-lost": _("the connection was lost"),
        "signed-out": _("the person was signed out"),
        "revoked": _("the right was taken away"),
        "host-down": _("the host was not reachable"),
        "gone": _("the guest was gone"),
        "interrupted": _("the guest restarted"),
        "protocol": _("the screen sent something that cannot be shown"),
    },
    "paused": _YES,
    "reset_saved": _YES,
    "enabled": _YES,
    "delete": _YES,
    "overwrite": _YES,
    "with_volumes": _YES,
    "with_content": _YES,
    "with_children": _YES,
    "into_bin": _YES,
    "keeps": {
        "memory": _("disks and memory"),
        "internal": _("disks"),
        "external": _("disks, external"),
    },
    "afterwards": {"running": _("Running"), "paused": _("Paused")},
    "role": {
        "viewer": _("Viewer"),
        "console": _("Console user"),
        "operator": _("Operator"),
        "editor": _("Editor"),
        "creator": _("Creator"),
        "storage-admin": _("Storage admin"),
        "network-admin": _("Network admin"),
        "host-admin": _("Host admin"),
        "auditor": _("Auditor"),
        "project-owner": _("Project owner"),
        "administrator": _("Administrator"),
    },
    "of": {"others": _("all others")},
    "scope": {"everything": _("Everything")},
    "step": {"password": _("password"), "code": _("code of the second factor")},
    "way": {"link": _("password link")},
    "change": {
        "on": pgettext_lazy("second factor", "on"),
        "off": pgettext_lazy("second factor", "off"),
        "recovery-codes": _("new recovery codes"),
    },
}
_FORMS: dict[str, Callable[[Any], str]] = {
    "act": lambda value: str(acts.detail(str(value))),
    "seconds": lambda value: _now("%(n)s s") % {"n": value},
    "bytes_shown": lambda value: size(value),
    "bytes_typed": lambda value: size(value),
    **dict.fromkeys(("capacity", "size", "length", "moved"), size),
    "verbs": lambda value: ", ".join(str(words.verb(verb).label) for verb in value),
}


def text(detail: Mapping[str, Any]) -> str:
    """On one line, in which nothing hides. What nobody named yet is shown as it is kept."""
    found = [
        _one(key, value)
        for key, value in sorted(detail.items(), key=lambda item: item[0] != "act")
        if value not in ("", [], None, False)
    ]
    return plain.line("; ".join(found), 500)


def _one(key: str, value: Any) -> str:
    name, said = NAMES.get(key, key), _said(key, value)
    return _now("%(name)s: %(value)s") % {"name": name, "value": said} if name else said


def _said(key: str, value: Any) -> str:
    try:
        if key in _FORMS:
            return _FORMS[key](value)
    except (TypeError, ValueError):
        return str(value)
    if key == "why" and value in set(GuestState):
        return str(words.guest_state(value).label)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(_WORDS.get(key, {}).get(str(value), value))
