"""The forms of a guest's disks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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

    def __init__(self, *args: Any, disk: DiskRecord, **rest: Any) -> None:
        known = {name: getattr(disk, name) for name in EditForm.base_fields if name in _OF_DISK}
        rest["initial"] = {**rest.get("initial", {}), **known}
        super().__init__(*args, **rest)
        self.fields["bus"].choices = face.buses(disk.bus)  # type: ignore[attr-defined]
        self.fields["cache"].choices = face.caches(disk.cache)  # type: ignore[attr-defined]
        self.fields["discard"].choices = face.discards(disk.discard)  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, Any]:
        """Field to value, of those that differ from what the guest has."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in _OF_DISK}


_OF_DISK = ("bus", "cache", "discard", "is_readonly", "is_shareable")


class DetachForm(Change):
    """delete: its volume goes, too."""

    delete = forms.BooleanField(label=gettext_lazy("Delete its volume, too"), required=False)
