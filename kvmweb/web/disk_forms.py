"""The forms of a guest's disks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core.disk_edits import DiskLimits
from kvmweb.core.records import DiskRecord
from kvmweb.services import volume_attach
from kvmweb.ui import disks as face
from kvmweb.web.creation_form import Size
from kvmweb.web.guest_dialogs import Change

WHATS = [("new", gettext_lazy("A new volume")), ("existing", gettext_lazy("A volume that exists"))]


class AddForm(Change):
    """A new volume, or one that is there."""

    what = forms.ChoiceField(label=gettext_lazy("Disk"), choices=WHATS, widget=forms.RadioSelect)
    volume = forms.ChoiceField(label=gettext_lazy("Volume"), required=False)
    is_readonly = forms.BooleanField(label=gettext_lazy("Read-only"), required=False)
    pool = forms.ChoiceField(label=gettext_lazy("Pool"), required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=255, strip=False, required=False)
    capacity = Size(label=gettext_lazy("Size"), required=False)
    image_format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=[("qcow2", "qcow2"), ("raw", "raw")], required=False
    )
    may_promise = forms.BooleanField(
        label=gettext_lazy("Allow more than the whole pool holds"), required=False
    )
    bus = forms.ChoiceField(label=gettext_lazy("Bus"))

    def __init__(self, *args: Any, volumes: list[Any], pools: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["volume"].choices = volumes  # type: ignore[attr-defined]
        self.fields["pool"].choices = pools  # type: ignore[attr-defined]
        buses = face.buses(offered=volume_attach.BUSES)
        self.fields["bus"].choices = buses  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """What the chosen half needs."""
        found: dict[str, Any] = super().clean() or {}
        needed = ("pool", "name", "capacity") if found.get("what") == "new" else ("volume",)
        for name in needed:
            if not found.get(name) and name not in self.errors:
                self.add_error(name, _("This is needed."))
        return found


class EditForm(Change):
    """Only what was changed is sent on."""

    bus = forms.ChoiceField(label=gettext_lazy("Bus"))
    cache = forms.ChoiceField(label=gettext_lazy("Cache"), required=False)
    discard = forms.ChoiceField(label=gettext_lazy("Discard"), required=False)
    is_readonly = forms.BooleanField(label=gettext_lazy("Read-only"), required=False)
    is_shareable = forms.BooleanField(
        label=gettext_lazy("Shareable"),
        required=False,
        help_text=gettext_lazy(
            "Several guests may write to it: only for systems that know how, such as a cluster."
        ),
    )

    io = forms.ChoiceField(label=gettext_lazy("Input and output"), required=False)
    detect_zeroes = forms.ChoiceField(label=gettext_lazy("Zeroes"), required=False)
    serial = forms.CharField(
        label=gettext_lazy("Serial number"),
        max_length=36,
        required=False,
        help_text=gettext_lazy("What the guest finds below /dev/disk/by-id."),
    )
    is_removable = forms.BooleanField(
        label=gettext_lazy("Removable"),
        required=False,
        help_text=gettext_lazy("On USB: the guest takes it for a stick."),
    )

    def __init__(self, *args: Any, disk: DiskRecord, **rest: Any) -> None:
        known = {name: getattr(disk, name) for name in EditForm.base_fields if name in _OF_DISK}
        rest["initial"] = {**rest.get("initial", {}), **known}
        super().__init__(*args, **rest)
        self.fields["bus"].choices = face.buses(disk.bus)  # type: ignore[attr-defined]
        self.fields["cache"].choices = face.caches(disk.cache)  # type: ignore[attr-defined]
        self.fields["discard"].choices = face.discards(disk.discard)  # type: ignore[attr-defined]
        self.fields["io"].choices = face.ios(disk.io)  # type: ignore[attr-defined]
        zeroes = face.zeroes(disk.detect_zeroes)
        self.fields["detect_zeroes"].choices = zeroes  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """Field to value, of those that differ from what the guest has."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in _OF_DISK}


_OF_DISK = (
    "bus", "cache", "discard", "is_readonly", "is_shareable", "io", "detect_zeroes", "serial",
    "is_removable",
)  # fmt: skip


class LimitForm(Change):
    """Bytes are typed as sizes; nothing is no limit."""

    total_bytes = Size(
        label=face.LIMITS["total_bytes"],
        required=False,
        help_text=gettext_lazy("A size with its unit, such as 10 MiB."),
    )
    read_bytes = Size(label=face.LIMITS["read_bytes"], required=False)
    write_bytes = Size(label=face.LIMITS["write_bytes"], required=False)
    total_iops = forms.IntegerField(label=face.LIMITS["total_iops"], min_value=0, required=False)
    read_iops = forms.IntegerField(label=face.LIMITS["read_iops"], min_value=0, required=False)
    write_iops = forms.IntegerField(label=face.LIMITS["write_iops"], min_value=0, required=False)

    def wanted(self) -> DiskLimits:
        """What was typed."""
        found = {name: self.cleaned_data[name] or 0 for name in DiskLimits.__slots__}
        return DiskLimits(**found)


class MoveForm(Change):
    """delete: the volume that the disk leaves goes."""

    pool = forms.ChoiceField(label=gettext_lazy("Move to"))
    delete = forms.BooleanField(
        label=gettext_lazy("Delete the old volume afterwards"), required=False
    )

    def __init__(self, *args: Any, pools: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["pool"].choices = pools  # type: ignore[attr-defined]


class DetachForm(Change):
    """delete: its volume goes, too."""

    delete = forms.BooleanField(label=gettext_lazy("Delete its volume, too"), required=False)
