"""The form of a pool: each type shows the fields it needs. Limits are the service's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kvmweb.core.pools import BUILDS, ERASES, FINDS, FORMATS, PoolSpec
from kvmweb.ui import words
from kvmweb.web.forms import Strict

FIELDS: dict[str, tuple[str, ...]] = {
    "dir": ("target", "build"),
    "fs": ("devices", "format", "target", "build", "overwrite"),
    "netfs": ("hosts", "source", "format", "target", "build"),
    "logical": ("source", "devices", "build", "overwrite"),
    "disk": ("devices", "format", "build", "overwrite"),
    "iscsi": ("hosts", "port", "devices", "initiator", "username", "secret"),
    "iscsi-direct": ("hosts", "port", "devices", "initiator", "username", "secret"),
    "scsi": ("adapter",),
    "mpath": (),
    "rbd": ("hosts", "port", "source", "username", "secret"),
    "gluster": ("hosts", "source"),
    "zfs": ("source", "devices", "build", "overwrite"),
}
"""What each type needs beside its name."""
_LABELS: dict[tuple[str, str], Any] = {
    ("netfs", "source"): _("Exported folder"),
    ("logical", "source"): _("Volume group"),
    ("rbd", "source"): _("Ceph pool"),
    ("gluster", "source"): _("Gluster volume, with a folder in it if any"),
    ("zfs", "source"): _("ZFS pool"),
    ("iscsi", "devices"): _("Target (IQN)"),
    ("iscsi-direct", "devices"): _("Target (IQN)"),
    ("fs", "devices"): _("Device or partition"),
    ("disk", "devices"): _("Disk"),
    ("logical", "devices"): _("Devices, to make a new group"),
    ("zfs", "devices"): _("Devices, to make a new pool"),
    ("rbd", "hosts"): _("Monitors"),
    ("fs", "target"): _("Mounted at"),
    ("netfs", "target"): _("Mounted at"),
    ("dir", "build"): _("Make the folder if it is not there"),
    ("fs", "build"): _("Make the file system now"),
    ("disk", "build"): _("Make the partition table now"),
    ("logical", "build"): _("Make the volume group now"),
    ("zfs", "build"): _("Make the ZFS pool now"),
}
_HINTS: dict[tuple[str, str], Any] = {
    ("iscsi", "devices"): _("Such as iqn.2020-01.com.example:disks."),
    ("rbd", "hosts"): _("Names or addresses, separated by spaces or commas."),
    ("gluster", "source"): _("Such as images, or images/guests."),
}


class PoolForm(Strict):
    """What is not needed for a type is not in the form."""

    name = forms.CharField(label=_("Name"), max_length=64)
    hosts = forms.CharField(label=_("Server"), max_length=500)
    port = forms.IntegerField(
        label=_("Port"),
        min_value=1,
        max_value=65535,
        required=False,
        help_text=_("Empty means the usual one."),
    )
    source = forms.CharField(label=_("Source"), max_length=400)
    devices = forms.CharField(label=_("Device"), max_length=1000)
    format = forms.ChoiceField(label=_("Format"), required=False)
    adapter = forms.CharField(
        label=_("Adapter"), max_length=60, help_text=_("Such as scsi_host3, or wwnn:wwpn.")
    )
    initiator = forms.CharField(label=_("Initiator (IQN)"), max_length=255, required=False)
    username = forms.CharField(label=_("User"), max_length=120, required=False)
    secret = forms.CharField(
        label=_("Secret"),
        max_length=36,
        required=False,
        help_text=_("UUID of the secret that libvirt keeps; its value never passes through here."),
    )
    target = forms.CharField(label=_("Folder"), max_length=500)
    build = forms.BooleanField(label=_("Make the folder if it is not there"), required=False)
    overwrite = forms.BooleanField(
        label=_("Overwrite what is on the devices: all data there is lost"), required=False
    )
    autostart = forms.BooleanField(label=_("Start with the host"), required=False, initial=True)
    allow = forms.BooleanField(label=_("Allow pools at this place from now on"), required=False)

    def __init__(
        self,
        *args: Any,
        pool_type: str,
        may_allow: bool = False,
        is_edit: bool = False,
        **rest: Any,
    ) -> None:
        super().__init__(*args, **rest)
        self.pool_type = pool_type
        wanted = {"name", "autostart", *FIELDS[pool_type]}
        wanted |= {"allow"} if may_allow else set()
        wanted -= {"build", "overwrite", "name", "allow"} if is_edit else set()
        for name in set(self.fields) - wanted:
            del self.fields[name]
        for name, field in self.fields.items():
            field.label = _LABELS.get((pool_type, name), field.label)
            field.help_text = _HINTS.get((pool_type, name), field.help_text)
        if "format" in self.fields:
            kinds = [(name, name) for name in FORMATS[pool_type]]
            self.fields["format"].choices = kinds  # type: ignore[attr-defined]
        if pool_type in ("logical", "zfs"):
            self.fields["devices"].required = False
        if pool_type == "iscsi-direct":
            self.fields["initiator"].required = True
        if pool_type in ("dir", "netfs") and "build" in self.fields:
            self.fields["build"].initial = True

    def clean_target(self) -> str:
        """The form itself proposes a folder with a slash at its end, for a name to follow."""
        typed = str(self.cleaned_data["target"])
        return typed.rstrip("/") or typed

    def spec(self, **fixed: str) -> PoolSpec:
        """What was typed, for the service to judge."""
        found = self.cleaned_data
        texts = ("source", "format", "initiator", "adapter", "username", "secret", "target")
        return PoolSpec(
            name=fixed.get("name") or found["name"],
            type=self.pool_type,
            uuid=fixed.get("uuid", ""),
            hosts=split(found.get("hosts", "")),
            port=found.get("port") or 0,
            devices=split(found.get("devices", "")),
            has_autostart=found["autostart"],
            **{name: found.get(name) or "" for name in texts},
        )


def split(text: str) -> tuple[str, ...]:
    """Several values in one field: separated by spaces, commas or lines."""
    return tuple(dict.fromkeys(part for part in text.replace(",", " ").split() if part))


def choices(types: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Types with their words."""
    return [(name, words.pool_type(name)) for name in types]


def facts(pool_type: str) -> dict[str, bool]:
    """What the template says about a type."""
    return {
        "can_build": pool_type in BUILDS,
        "erases": pool_type in ERASES,
        "can_find": pool_type in FINDS,
        "needs_machine": pool_type in FINDS - {"logical"},
    }
