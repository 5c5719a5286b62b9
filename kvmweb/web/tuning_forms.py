"""The forms of how a guest is set up beside its devices: one a part, filled with what is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core import tuning
from kvmweb.core.records import GuestRecord
from kvmweb.core.tuning import Part, Placement
from kvmweb.core.tuning_choices import TuningChoices
from kvmweb.services import tuning_rules
from kvmweb.ui import tuning as face
from kvmweb.ui.templatetags.kvmweb import size
from kvmweb.web.creation_form import Size
from kvmweb.web.guest_dialogs import Change

MOST_PINS = 64
"""Virtual CPUs with a field of their own."""


class PartForm(Change):
    """A part of the set-up. now: as it will be at the next start. fields of the same names."""

    def __init__(
        self, *args: Any, now: Part, record: GuestRecord, found: TuningChoices, **rest: Any
    ) -> None:
        self.now, self.record, self.found = now, record, found
        if "initial" in rest:
            rest["initial"] |= self._initial_of(now)
        super().__init__(*args, **rest)
        self._offer()

    @classmethod
    def of(cls, now: Any, record: GuestRecord) -> type[PartForm]:
        """The form for this guest."""
        return cls

    def _initial_of(self, now: Any) -> dict[str, Any]:
        """What the fields hold at first."""
        return {name: getattr(now, name) for name in now.__dataclass_fields__}

    def _offer(self) -> None:
        """The choices of the fields."""

    def wanted(self) -> Part:
        """The whole part as it is to be."""
        fields = type(self.now).__dataclass_fields__
        changes = {name: self.cleaned_data[name] for name in fields if name in self.cleaned_data}
        return replace(self.now, **changes)

    def choose(self, name: str, choices: Iterable[tuple[str, Any]]) -> None:
        """Give a select its choices."""
        self.fields[name].choices = list(choices)  # type: ignore[attr-defined]

    def listed(self) -> list[Any]:
        """The fields in order, for the template; those of a picture stand elsewhere."""
        return [field for field in self.visible_fields() if not field.html_name.startswith("pin-")]


class Reasoned(forms.Select):
    """A select whose impossible options are there, but cannot be chosen."""

    impossible: frozenset[str] = frozenset()

    def create_option(self, name: str, value: Any, *args: Any, **rest: Any) -> dict[str, Any]:
        """Django's, with `disabled` where it is."""
        option: dict[str, Any] = super().create_option(name, value, *args, **rest)
        if str(value) in self.impossible:
            option["attrs"]["disabled"] = True
        return option


class Names(forms.CharField):
    """Words with spaces or commas between them: a tuple when it is clean."""

    def clean(self, value: Any) -> Any:
        """Each once, in order."""
        return tuple(dict.fromkeys(str(super().clean(value)).replace(",", " ").split()))

    def prepare_value(self, value: Any) -> Any:
        """As a person types it."""
        return " ".join(value) if isinstance(value, tuple | list) else value


class ProcessorForm(PartForm):
    """topology: one of the layouts, or `own` with the four numbers."""

    cpu_mode = forms.ChoiceField(
        label=gettext_lazy("Processor"), required=False, widget=Reasoned,
    )  # fmt: skip
    cpu_model = forms.ChoiceField(
        label=gettext_lazy("Named processor"), required=False, widget=Reasoned,
        help_text=gettext_lazy("Only with “a named processor”."),
    )  # fmt: skip
    topology = forms.ChoiceField(label=gettext_lazy("Topology"), required=False)
    sockets = forms.IntegerField(label=gettext_lazy("Sockets"), min_value=1, required=False)
    dies = forms.IntegerField(label=gettext_lazy("Dies a socket"), min_value=1, required=False)
    cores = forms.IntegerField(label=gettext_lazy("Cores a die"), min_value=1, required=False)
    threads = forms.IntegerField(label=gettext_lazy("Threads a core"), min_value=1, required=False)
    required = Names(
        label=gettext_lazy("Required features"), max_length=2000, required=False,
        help_text=gettext_lazy("Names with spaces between them, such as avx2 aes."),
    )  # fmt: skip
    disabled = Names(label=gettext_lazy("Disabled features"), max_length=2000, required=False)

    def _initial_of(self, now: Any) -> dict[str, Any]:
        known = super()._initial_of(now)
        shape = now.topology or (1, 1, self.record.vcpus_max, 1)
        value = "-".join(map(str, now.topology))
        is_listed = value in dict(face.layouts(self.record.vcpus_max))
        known |= dict(zip(("sockets", "dies", "cores", "threads"), shape, strict=True))
        return known | {"topology": value if is_listed else "own"}

    def _offer(self) -> None:
        modes = self.found.cpu_modes or tuning.CPU_MODES
        usable = [mode for mode in tuning.CPU_MODES if not mode or mode in modes]
        impossible = [mode for mode in tuning.CPU_MODES if mode not in usable]
        offered = face.choices(face.CPU_MODES, usable, self.now.cpu_mode)  # type: ignore[union-attr]
        offered += [
            (it, _("%(mode)s (not on this host)") % {"mode": face.CPU_MODES[it]})
            for it in impossible
        ]
        self.choose("cpu_mode", dict(offered).items())
        self._forbid("cpu_mode", impossible)
        models = [("", "–")]
        for model in self.found.models:
            why = "" if model.is_usable else f" ({face.lacking(model.lacks)})"
            models.append((model.name, f"{model.name}{why}"))
        mine = self.now.cpu_model  # type: ignore[union-attr]
        self.choose("cpu_model", dict([*models, *([(mine, mine)] if mine else [])]).items())
        self._forbid("cpu_model", [it.name for it in self.found.models if not it.is_usable])
        self.choose("topology", face.layouts(self.record.vcpus_max))

    def _forbid(self, name: str, values: list[str]) -> None:
        """What it has stays possible."""
        widget: Any = self.fields[name].widget
        widget.impossible = frozenset(values) - {getattr(self.now, name)}

    def clean(self) -> dict[str, Any]:
        """A model only with the mode that has one; the four numbers in one."""
        found: dict[str, Any] = super().clean() or {}
        if found.get("cpu_mode") != "custom":
            found["cpu_model"] = ""
        value = found.get("topology", "")
        numbers = [found.get(name) or 1 for name in ("sockets", "dies", "cores", "threads")]
        own = tuple(numbers) if value == "own" else ()
        found["topology"] = own or tuple(int(part) for part in value.split("-") if part)
        return found


class PlacementForm(PartForm):
    """A field `pin-<n>` for each virtual CPU beside these."""

    emulator = forms.CharField(
        label=gettext_lazy("QEMU's own threads"), max_length=200, required=False,
        help_text=gettext_lazy("CPUs of the host, such as 0-3,8. Empty: any."),
    )  # fmt: skip
    shares = forms.IntegerField(
        label=gettext_lazy("Weight"), min_value=0, required=False,
        help_text=gettext_lazy(
            "Against other guests when CPUs are scarce: twice the weight, twice the time."
        ),
    )  # fmt: skip
    quota = forms.IntegerField(
        label=gettext_lazy("Quota in microseconds"), min_value=-1, required=False,
        help_text=gettext_lazy(
            "What each virtual CPU gets of each period; half of it is half a CPU. -1: no limit."
        ),
    )  # fmt: skip
    period = forms.IntegerField(
        label=gettext_lazy("Period in microseconds"), min_value=0, required=False,
        help_text=gettext_lazy("100000 is usual."),
    )  # fmt: skip
    memory_mode = forms.ChoiceField(label=gettext_lazy("Memory from NUMA nodes"), required=False)
    nodes = forms.CharField(label=gettext_lazy("NUMA nodes"), max_length=200, required=False)

    @classmethod
    def of(cls, now: Any, record: GuestRecord) -> type[PartForm]:
        """With a field for each virtual CPU: what the form does not have is refused."""
        pins = {
            f"pin-{vcpu}": forms.CharField(
                label=_("Virtual CPU %(n)d") % {"n": vcpu}, max_length=200, required=False,
                initial=now.pin_of(vcpu),
            )
            for vcpu in range(min(record.vcpus_max, MOST_PINS))
        }  # fmt: skip
        return type("PlacementFormOfGuest", (cls,), pins)

    def _initial_of(self, now: Any) -> dict[str, Any]:
        known = super()._initial_of(now)
        return {name: value or "" for name, value in known.items()}

    def _offer(self) -> None:
        now: Any = self.now
        self.choose(
            "memory_mode", face.choices(face.MEMORY_MODES, tuning.MEMORY_MODES, now.memory_mode)
        )

    def pins(self) -> list[Any]:
        """The fields of the virtual CPUs, for the template."""
        return [self[name] for name in self.fields if name.startswith("pin-")]

    def wanted(self) -> Part:
        """As before where there is no field."""
        found = self.cleaned_data
        kept = [pin for pin in self.now.pins if int(pin.partition(":")[0]) >= MOST_PINS]  # type: ignore[union-attr]
        pins = [
            f"{name.removeprefix('pin-')}:{found[name].replace(' ', '')}"
            for name in self.fields
            if name.startswith("pin-") and found[name]
        ]
        return Placement(
            pins=(*pins, *kept),
            emulator=found["emulator"].replace(" ", ""),
            shares=found["shares"] or 0,
            quota=found["quota"] or 0,
            period=found["period"] or 0,
            memory_mode=found["memory_mode"],
            nodes=found["nodes"].replace(" ", "") if found["memory_mode"] else "",
        )


class BackingForm(PartForm):
    """page_size: bytes, as text."""

    page_size = forms.TypedChoiceField(
        label=gettext_lazy("Pages"), coerce=int, widget=Reasoned,
        help_text=gettext_lazy("Large pages make memory faster; the host must set them aside."),
    )  # fmt: skip
    is_locked = forms.BooleanField(label=gettext_lazy("Never swap it out"), required=False)
    is_shared = forms.BooleanField(
        label=gettext_lazy("Let other processes of the host map it"), required=False,
        help_text=gettext_lazy("Shared directories (virtiofs) need this."),
    )  # fmt: skip

    def _offer(self) -> None:
        now: Any = self.now
        offered = [("0", _("ordinary pages"))]
        impossible = set()
        for pages in self.found.huge_pages:
            free = _("none set aside") if not pages.total else _("%(n)d free") % {"n": pages.free}
            offered.append((str(pages.size), f"{size(pages.size)} ({free})"))
            if not pages.total:
                impossible.add(str(pages.size))
        if str(now.page_size) not in dict(offered):
            offered.append((str(now.page_size), _("huge pages")))
        self.choose("page_size", offered)
        widget: Any = self.fields["page_size"].widget
        widget.impossible = frozenset(impossible) - {str(now.page_size)}


def _ticks(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=face.choices(face.TICKS, tuning.TICKS)
    )


def _switch(label: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=face.choices(face.SWITCHES, tuning.SWITCHES)
    )


class ClockForm(PartForm):
    """What the guest reads at its start, and what it keeps time by."""

    offset = forms.ChoiceField(label=gettext_lazy("The clock starts at"))
    zone = forms.ChoiceField(label=gettext_lazy("Time zone"), required=False)
    rtc = _ticks(gettext_lazy("RTC: ticks that were missed"))
    pit = _ticks(gettext_lazy("PIT: ticks that were missed"))
    hpet = _switch("HPET")
    kvmclock = _switch("kvm-clock")
    hypervclock = _switch(gettext_lazy("Hyper-V clock"))

    def _offer(self) -> None:
        now: Any = self.now
        offered = [it for it in tuning.OFFSETS if it != "variable"]
        self.choose("offset", face.choices(face.OFFSETS, offered, now.offset))
        zones = sorted(available_timezones() | ({now.zone} if now.zone else set()))
        self.choose("zone", [("", "–"), *((zone, zone) for zone in zones)])

    def clean(self) -> dict[str, Any]:
        """A zone only with the offset that has one."""
        found: dict[str, Any] = super().clean() or {}
        if found.get("offset") != "timezone":
            found["zone"] = ""
        return found


class StartupForm(PartForm):
    """Boot menu, and what follows when the guest ends."""

    boot_menu = _switch(gettext_lazy("Boot menu"))
    on_poweroff = forms.ChoiceField(label=gettext_lazy("When it powers off"))
    on_reboot = forms.ChoiceField(label=gettext_lazy("When it reboots"))
    on_crash = forms.ChoiceField(
        label=gettext_lazy("When it crashes"),
        help_text=gettext_lazy("Known only of a guest with a panic device."),
    )

    def _offer(self) -> None:
        offered = {"on_poweroff": ("destroy", "restart"), "on_reboot": ("restart", "destroy")}
        crashes = [it for it in tuning.CRASHES if it != "rename-restart"]
        for name, values in {**offered, "on_crash": crashes}.items():
            self.choose(name, face.choices(face.ENDINGS, values, getattr(self.now, name)))


class BanksForm(PartForm):
    """Both, or neither."""

    limit = Size(
        label=gettext_lazy("At most, with what it has"),
        required=False,
        help_text=gettext_lazy("A size with its unit, such as 8 GiB. Empty: no room."),
    )
    slots = forms.IntegerField(
        label=gettext_lazy("Memory slots"),
        min_value=0,
        required=False,
        help_text=gettext_lazy("How many memory devices can be added."),
    )

    def _initial_of(self, now: Any) -> dict[str, Any]:
        return {"limit": now.limit or "", "slots": now.slots or ""}

    def clean(self) -> dict[str, Any]:
        """Nothing is 0."""
        found: dict[str, Any] = super().clean() or {}
        return found | {name: found.get(name) or 0 for name in ("limit", "slots")}


class FirmwareForm(PartForm):
    """Before a system is installed."""

    kind = forms.ChoiceField(label=gettext_lazy("Firmware"), widget=Reasoned)
    is_sure = forms.BooleanField(
        label=gettext_lazy("Change it, although what is installed may not start any more"),
        required=False,
    )

    def _offer(self) -> None:
        now: Any = self.now
        reason = _("not on this host")
        impossible = {it for it in tuning.FIRMWARES if it not in self.found.firmwares} - {now.kind}
        self.choose(
            "kind",
            [
                (it, f"{label} ({reason})" if it in impossible else label)
                for it, label in face.FIRMWARES.items()
            ],
        )
        widget: Any = self.fields["kind"].widget
        widget.impossible = frozenset(impossible)
        if tuning_rules.obstacle("firmware", self.record) and not self.is_bound:
            self.fields["kind"].disabled = True
            del self.fields["is_sure"]


FORMS: dict[str, type[PartForm]] = {
    "processor": ProcessorForm,
    "placement": PlacementForm,
    "backing": BackingForm,
    "clock": ClockForm,
    "startup": StartupForm,
    "firmware": FirmwareForm,
    "banks": BanksForm,
}
