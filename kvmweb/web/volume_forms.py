"""The forms of volumes. Limits and sentences are the service's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core import sizes
from kvmweb.core.pools import VOLUME_FORMATS
from kvmweb.core.records import PoolRecord
from kvmweb.web.forms import Strict

PREALLOCATIONS = [
    ("off", gettext_lazy("As guests write (thin)")),
    ("metadata", gettext_lazy("Metadata now, data as guests write")),
    ("full", gettext_lazy("All of it now")),
]
WIPES = [
    ("zero", gettext_lazy("Zeros, once")),
    ("random", gettext_lazy("Random data, once")),
    ("nnsa", gettext_lazy("NNSA, 4 passes")),
    ("dod", gettext_lazy("DoD 5220.22-M, 4 passes")),
    ("bsi", gettext_lazy("BSI, 9 passes")),
    ("gutmann", gettext_lazy("Gutmann, 35 passes")),
    ("trim", gettext_lazy("TRIM: tell the device that it is unused")),
]
KEEP = ("", gettext_lazy("As it is"))


class SizeField(forms.CharField):
    """Bytes, typed as `8G`, `8 GiB` or `8192M`."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 24)
        super().__init__(**options)

    def clean(self, value: Any) -> Any:
        """Raises ValidationError."""
        text = super().clean(value)
        try:
            return sizes.parse(text)
        except ValueError as error:
            raise ValidationError(_("A size with its unit, such as 20 GiB or 512M.")) from error

    def prepare_value(self, value: Any) -> Any:
        """What is typed stays; a number is shown as people write it."""
        return sizes.typed(value) if isinstance(value, int) else value


class CreateForm(Strict):
    """A new volume of this pool."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255, strip=False)
    capacity = SizeField(label=gettext_lazy("Size"))
    format = forms.ChoiceField(label=gettext_lazy("Format"), required=False)
    preallocation = forms.ChoiceField(
        label=gettext_lazy("Space is taken"), choices=PREALLOCATIONS, required=False
    )
    base = forms.ChoiceField(
        label=gettext_lazy("Builds on"),
        required=False,
        help_text=gettext_lazy("Only what differs is stored. The base must stay as it is."),
    )
    may_promise = forms.BooleanField(
        label=gettext_lazy("Allow more than the whole pool holds"), required=False
    )

    def __init__(self, *args: Any, pool: PoolRecord, bases: list[Any], **rest: Any) -> None:
        super().__init__(*args, **rest)
        formats = VOLUME_FORMATS.get(pool.type, ("raw",))
        is_image = "qcow2" in formats
        choices: dict[str, list[Any]] = {
            "format": [(name, name) for name in formats],
            "base": [("", gettext_lazy("Nothing: it is empty")), *bases],
        }
        for name, found in choices.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]
        if not is_image:
            for name in ("base", "preallocation", "may_promise"):
                del self.fields[name]


class ResizeForm(Strict):
    """A new size; smaller only when that is said."""

    capacity = SizeField(label=gettext_lazy("New size"))
    shrink = forms.BooleanField(
        label=gettext_lazy("Make it smaller: what is beyond the new end is lost"), required=False
    )


class CloneForm(Strict):
    """Where the copy goes, and in which format."""

    name = forms.CharField(label=gettext_lazy("Name of the copy"), max_length=255, strip=False)
    into = forms.ChoiceField(label=gettext_lazy("Into pool"))
    format = forms.ChoiceField(label=gettext_lazy("Format"), required=False)

    def __init__(self, *args: Any, pools: list[tuple[str, str]], **rest: Any) -> None:
        super().__init__(*args, **rest)
        kinds = [(name, name) for name in VOLUME_FORMATS["dir"]]
        self.fields["into"].choices = pools  # type: ignore[attr-defined]
        self.fields["format"].choices = [KEEP, *kinds]  # type: ignore[attr-defined]


class AttachForm(Strict):
    """Which guest gets it, and as what."""

    guest = forms.ChoiceField(label=gettext_lazy("Guest"))
    device = forms.ChoiceField(
        label=gettext_lazy("As"),
        choices=[("disk", gettext_lazy("Disk")), ("cdrom", gettext_lazy("CD-ROM"))],
        required=False,
    )
    bus = forms.ChoiceField(
        label=gettext_lazy("Bus"),
        choices=[("virtio", "VirtIO"), ("scsi", "SCSI"), ("sata", "SATA")],
        required=False,
    )
    is_readonly = forms.BooleanField(label=gettext_lazy("Read-only"), required=False)

    def __init__(self, *args: Any, guests: list[tuple[str, str]], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["guest"].choices = guests  # type: ignore[attr-defined]


class WipeForm(Strict):
    """How it is overwritten; the name is typed, for the data is lost."""

    algorithm = forms.ChoiceField(label=gettext_lazy("Overwrite with"), choices=WIPES)
    typed = forms.CharField(required=False, strip=False)


class DeleteForm(Strict):
    """The name is typed, for the data is lost."""

    typed = forms.CharField(required=False, strip=False)
