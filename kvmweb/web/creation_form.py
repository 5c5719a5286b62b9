"""The form of a new guest: as many disks and cards as it was sent with, nothing unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kvmweb.core import sizes
from kvmweb.core.creation import Ground
from kvmweb.core.wishes import (
    WITHOUT_MACHINE,
    CloudWish,
    DiskWish,
    GuestWish,
    InterfaceWish,
    Source,
)
from kvmweb.services.creation_devices import BUSES, CACHES, DISKS_MAX, FORMATS, MODELS, MODES
from kvmweb.ui import creation as face
from kvmweb.web.forms import Strict

ROW = re.compile(r"(disk|card)-(\d{1,2})-[a-z]+")
CARDS_MAX = 8
_MACHINE = ("vcpus", "memory", "firmware", "graphics")
"""What a copy has from its original."""


class Size(forms.Field):
    """`8 GiB`, `8G`, `8192M`: bytes when it is clean."""

    widget = forms.TextInput(attrs={"maxlength": "20", "inputmode": "text"})

    def to_python(self, value: Any) -> Any:
        """Bytes, or 0 for nothing."""
        if not value:
            return 0
        try:
            return sizes.parse(str(value))
        except ValueError as error:
            raise forms.ValidationError(_("A size with its unit, such as 8 GiB.")) from error

    def prepare_value(self, value: Any) -> Any:
        """As a person types it."""
        return sizes.typed(value) if isinstance(value, int) and value else (value or "")


def _choices(values: Iterable[str], labels: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(value, labels.get(value, value)) for value in values]


def _choice(label: Any, choices: Any, **rest: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=False, **rest)


def _text(label: Any, length: int, hint: Any = "", **rest: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=length, required=False, help_text=hint, **rest)


def _hidden(length: int) -> forms.CharField:
    return forms.CharField(max_length=length, required=False, widget=forms.HiddenInput())


def _area(label: Any, rows: int, length: int, hint: Any = "") -> forms.CharField:
    area = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"})
    return _text(label, length, hint, strip=False, widget=area)


@dataclass(frozen=True, slots=True)
class Choices:
    """What this person may choose from. originals: guests that copies can be made of."""

    hosts: list[tuple[str, str]]
    ground: Ground
    originals: list[tuple[str, str]]
    may_write_xml: bool = False
    _images: dict[Source, list[Any]] = field(default_factory=dict, repr=False)

    def images(self, source: Source) -> list[Any]:
        """What volumes it can be made of. A page asks for each form and each disk: thousands."""
        if source not in self._images:
            self._images[source] = face.images(source, self.ground)
        return self._images[source]


class CreateForm(Strict):
    """Everything about the guest but its disks and cards, which `__init__` adds."""

    source = forms.ChoiceField(
        label=gettext_lazy("Where the system comes from"),
        choices=face.SOURCES,
        widget=forms.RadioSelect,
    )
    host = forms.ChoiceField(label=gettext_lazy("Host"))
    name = _text(gettext_lazy("Name"), 63)
    title = _text(gettext_lazy("Title"), 255)
    description = _area(gettext_lazy("Description"), 2, 8000)
    project = _choice(gettext_lazy("Project"), [])
    image = _choice(gettext_lazy("Image"), [])
    url = _text(gettext_lazy("Address of the install tree"), 500)
    arguments = _text(
        gettext_lazy("Kernel arguments"),
        1000,
        gettext_lazy("console=ttyS0 makes a text installer appear on the serial console."),
    )
    original = _choice(gettext_lazy("Copied from"), [])
    way = forms.ChoiceField(
        label=gettext_lazy("Its disks"),
        choices=face.WAYS,
        widget=forms.RadioSelect,
        required=False,
    )
    into = _choice(gettext_lazy("Where its disks go"), [])
    definition = _area(gettext_lazy("Definition (XML)"), 24, 1024 * 1024)
    has_cloud = forms.BooleanField(
        label=gettext_lazy("Set up by cloud-init at its first boot"), required=False
    )
    system = _text(
        gettext_lazy("Operating system"),
        80,
        gettext_lazy("Type to search, such as debian. It decides what suits; empty is possible."),
        widget=forms.TextInput(
            attrs={
                "list": "systems",
                "hx-get": reverse_lazy("guest_create_systems"),
                "hx-trigger": "input delay:300ms, focus once",
                "hx-target": "#systems",
                "hx-swap": "innerHTML",
            }
        ),
    )
    detected = _hidden(80)
    detected_in = _hidden(500)
    vcpus = forms.IntegerField(label=gettext_lazy("Virtual CPUs"), min_value=1, max_value=1024)
    vcpus_max = forms.IntegerField(
        label=gettext_lazy("Virtual CPUs, at most"), min_value=1, max_value=1024, required=False
    )
    topology = _text(
        gettext_lazy("Topology"),
        20,
        gettext_lazy("Sockets:cores:threads, such as 1:4:2. Empty leaves it to QEMU."),
    )
    memory = Size(label=gettext_lazy("Memory"))
    memory_max = Size(label=gettext_lazy("Memory, at most"), required=False)
    virt_type = _choice(gettext_lazy("Acceleration"), [])
    cpu = _choice(gettext_lazy("CPU model"), face.CPUS)
    machine = _choice(gettext_lazy("Chipset"), face.MACHINES)
    firmware = forms.ChoiceField(label=gettext_lazy("Firmware"), choices=face.FIRMWARES)
    has_tpm = forms.BooleanField(label=gettext_lazy("TPM 2.0"), required=False)
    graphics = forms.ChoiceField(label=gettext_lazy("Screen"), choices=face.GRAPHICS)
    boot = _choice(gettext_lazy("Boot order"), face.BOOTS)
    hostname = _text(gettext_lazy("Host name"), 253)
    user = _text(
        gettext_lazy("User"),
        700,
        gettext_lazy("More than one, separated by spaces: the password is the first one's."),
    )
    password = _text(
        gettext_lazy("Password"),
        256,
        gettext_lazy("Kept only as a hash."),
        strip=False,
        widget=forms.PasswordInput(render_value=True, attrs={"autocomplete": "new-password"}),
    )
    keys = _area(gettext_lazy("SSH public keys"), 3, 100_000, gettext_lazy("One a line."))
    packages = _text(gettext_lazy("Packages"), 4000, gettext_lazy("Separated by spaces."))
    addressing = _choice(gettext_lazy("Network"), face.ADDRESSINGS)
    address = _text(
        gettext_lazy("Address and prefix"),
        60,
        gettext_lazy("Of the first network card, such as 192.0.2.10/24."),
    )
    gateway = _text(gettext_lazy("Gateway"), 50)
    nameservers = _text(gettext_lazy("DNS servers"), 500, gettext_lazy("Separated by spaces."))
    user_data = _area(gettext_lazy("Further user-data"), 5, 65_536, gettext_lazy("YAML."))
    is_started = forms.BooleanField(label=gettext_lazy("Start it at once"), required=False)
    has_autostart = forms.BooleanField(
        label=gettext_lazy("Start it whenever the host starts"), required=False
    )

    def __init__(
        self,
        data: Any = None,
        *,
        choices: Choices,
        rows: Mapping[str, int] | None = None,
        **rest: Any,
    ) -> None:
        self._choices, ground = choices, choices.ground
        self.rows = _rows(data) if data is not None else {"disk": [], "card": []}
        for kind, count in (rows or {}).items():
            self.rows[kind] = list(range(count))
        self.base_fields = dict(type(self).base_fields)  # type: ignore[misc]
        for number in self.rows["disk"]:
            self.base_fields.update(_disk_fields(f"disk-{number}-", choices))
        for number in self.rows["card"]:
            self.base_fields.update(_card_fields(f"card-{number}-", ground))
        super().__init__(data, **rest)
        self._choose("host", choices.hosts)
        self._choose("virt_type", face.virt_types(ground))
        self._choose("project", face.projects(ground))
        source = self._source()
        self._choose("image", choices.images(source))
        self._choose("original", [("", _("Choose…")), *choices.originals])
        self._choose("into", [("", _("Beside the originals")), *face.pools(ground)])
        self._choose("source", face.sources(may_write_xml=choices.may_write_xml))
        if source in WITHOUT_MACHINE:
            for name in _MACHINE:
                self.fields[name].required = False

    def _choose(self, name: str, choices: list[Any]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def judged(self) -> CreateForm:
        """The same as if it had been sent: what would be made of it, and what is wrong with it."""
        found = {name: self[name].value() for name in self.fields}
        data = {name: "on" if it is True else it for name, it in found.items() if it}
        return CreateForm(data, choices=self._choices)

    def _source(self) -> Source:
        given = self.data.get("source") if self.is_bound else self.initial.get("source")
        return Source(given) if given in set(Source) else Source.EMPTY

    def disks(self) -> list[dict[str, Any]]:
        """Each disk's fields by their short names, for the template."""
        return [self._row("disk", number) for number in self.rows["disk"]]

    def cards(self) -> list[dict[str, Any]]:
        """Each card's."""
        return [self._row("card", number) for number in self.rows["card"]]

    def _row(self, kind: str, number: int) -> dict[str, Any]:
        start = f"{kind}-{number}-"
        names = [name for name in self.fields if name.startswith(start)]
        return {"number": number, **{name.removeprefix(start): self[name] for name in names}}

    def wish(self) -> GuestWish:
        """What was asked for, as far as it could be read: for the preview as well."""
        it = getattr(self, "cleaned_data", {})
        pool, _slash, volume = it.get("image", "").partition("/")
        return GuestWish(
            host=it.get("host", ""),
            name=it.get("name", ""),
            source=Source(it.get("source") or Source.EMPTY),
            title=it.get("title", ""),
            description=it.get("description", "").replace("\r\n", "\n"),
            project=int(it.get("project") or 0),
            image_pool=pool,
            image_volume=volume,
            url=it.get("url", ""),
            arguments=it.get("arguments", ""),
            system=it.get("system", ""),
            virt_type=it.get("virt_type", ""),
            machine=it.get("machine", ""),
            firmware=it.get("firmware") or "bios",
            has_tpm=it.get("has_tpm", False),
            cpu=it.get("cpu", ""),
            vcpus=it.get("vcpus") or 1,
            vcpus_max=it.get("vcpus_max") or 0,
            topology=it.get("topology", ""),
            memory=it.get("memory") or 0,
            memory_max=it.get("memory_max") or 0,
            disks=tuple(_disk(it, f"disk-{number}-") for number in self.rows["disk"]),
            interfaces=tuple(_card(it, f"card-{number}-") for number in self.rows["card"]),
            graphics=it.get("graphics") or "vnc",
            boot=tuple(it["boot"].split(",")) if it.get("boot") else (),
            cloud=_cloud(it),
            is_started=it.get("is_started", False),
            has_autostart=it.get("has_autostart", False),
            original=it.get("original", ""),
            way=it.get("way") or "copy",
            into=it.get("into", ""),
            has_cloud=it.get("has_cloud", False),
            definition=it.get("definition", "").replace("\r\n", "\n"),
        )


def _rows(data: Mapping[str, Any]) -> dict[str, list[int]]:
    """The numbers that were sent, in order; those beyond the limits are unknown fields."""
    found: dict[str, set[int]] = {"disk": set(), "card": set()}
    for name in data:
        if row := ROW.fullmatch(name):
            found[row[1]].add(int(row[2]))
    limits = {"disk": DISKS_MAX, "card": CARDS_MAX}
    return {kind: sorted(numbers)[: limits[kind]] for kind, numbers in found.items()}


def _disk_fields(start: str, choices: Choices) -> dict[str, forms.Field]:
    return {
        f"{start}what": _choice(_("Disk"), face.DISK_KINDS),
        f"{start}pool": _choice(_("Pool"), face.pools(choices.ground)),
        f"{start}size": Size(label=_("Size"), required=False),
        f"{start}format": _choice(_("Format"), _choices(FORMATS, face.FORMATS)),
        f"{start}volume": _choice(_("Volume"), lambda: choices.images(Source.IMPORT)),
        f"{start}bus": _choice(
            _("Bus"), [("", _("Suits the system")), *_choices(BUSES, face.BUSES)]
        ),
        f"{start}cache": _choice(_("Cache"), _choices(CACHES, face.CACHES)),
        f"{start}keep": forms.BooleanField(
            label=_("Keep space that the guest frees"), required=False
        ),
    }


def _card_fields(start: str, ground: Ground) -> dict[str, forms.Field]:
    return {
        f"{start}network": _choice(_("Connected to"), face.networks(ground)),
        f"{start}device": _text(_("Device of the host"), 15),
        f"{start}mode": _choice(_("Mode"), _choices(MODES, {})),
        f"{start}model": _choice(_("Model"), [("", _("Suits the system")), *_choices(MODELS, {})]),
        f"{start}mac": _text(_("MAC address"), 17),
    }


def _disk(it: Mapping[str, Any], start: str) -> DiskWish:
    pool, volume = it.get(f"{start}pool", ""), ""
    if it.get(f"{start}what") == "existing":
        pool, _slash, volume = it.get(f"{start}volume", "").partition("/")
        volume = volume or "?"
    return DiskWish(
        pool=pool,
        volume=volume,
        size=it.get(f"{start}size") or 0,
        format=it.get(f"{start}format") or "qcow2",
        bus=it.get(f"{start}bus", ""),
        cache=it.get(f"{start}cache", ""),
        discard=not it.get(f"{start}keep", False),
    )


def _card(it: Mapping[str, Any], start: str) -> InterfaceWish:
    chosen = it.get(f"{start}network", "")
    is_host = chosen in ("bridge", "direct")
    return InterfaceWish(
        kind=chosen if is_host else "network",
        network="" if is_host else chosen,
        device=it.get(f"{start}device", ""),
        mode=it.get(f"{start}mode") or "bridge",
        model=it.get(f"{start}model", ""),
        mac=it.get(f"{start}mac", ""),
    )


def _cloud(it: Mapping[str, Any]) -> CloudWish:
    return CloudWish(
        hostname=it.get("hostname", ""),
        user=it.get("user", ""),
        password=it.get("password", ""),
        keys=it.get("keys", ""),
        packages=it.get("packages", ""),
        text=it.get("user_data", "").replace("\r\n", "\n"),
        is_fixed=it.get("addressing") == "fixed",
        address=it.get("address", ""),
        gateway=it.get("gateway", ""),
        nameservers=it.get("nameservers", ""),
    )
