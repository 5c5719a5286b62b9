"""The form of a network: one for each mode, with all that can be decided in it."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kvmweb.core import networks as core
from kvmweb.services import network_drafts
from kvmweb.web.forms import Strict


def _line(label: Any, hint: Any = "", **rest: Any) -> forms.CharField:
    return forms.CharField(label=label, help_text=hint, required=False, max_length=300, **rest)


def _lines(label: Any, hint: Any = "", rows: int = 2) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"})
    return forms.CharField(
        label=label, help_text=hint, required=False, max_length=60_000, strip=False, widget=widget
    )


class NetworkForm(Strict):
    """Texts as `network_drafts` reads them; limits and sentences are the service's."""

    name = _line(_("Name"))
    bridge = _line(_("Bridge"), _("At most 15 characters. Empty: libvirt chooses a free one."))
    forward_dev = _line(_("Only by this interface"), _("Empty: by any interface of the host."))
    devices = _line(_("Interfaces of the host"), _("Separated by spaces."))
    macvtap_mode = forms.ChoiceField(
        label=_("How guests share it"),
        required=False,
        choices=[
            ("bridge", _("Bridge: guests reach each other directly")),
            ("vepa", _("VEPA: all packets go through the switch")),
            ("private", _("Private: guests do not reach each other")),
            ("passthrough", _("Passthrough: one guest for each interface")),
        ],
    )
    ipv4 = _line(
        _("IPv4 address of the host"), _("With its prefix, such as 192.168.100.1/24. Empty: none.")
    )
    ranges4 = _lines(
        _("DHCP ranges"), _("One in a line: 192.168.100.100 - 192.168.100.254. Empty: no DHCP.")
    )
    reservations4 = _lines(
        _("Reservations"), _("One in a line: 52:54:00:12:34:56 192.168.100.5 name")
    )
    ipv6 = _line(_("IPv6 address of the host"), _("With its prefix, such as fd00:100::1/64."))
    ranges6 = _lines(_("DHCPv6 ranges"), _("One in a line: fd00:100::100 - fd00:100::1ff"))
    reservations6 = _lines(_("IPv6 reservations"), _("One in a line: DUID, address, name."))
    domain = _line(_("DNS domain"), _("Names of guests end with it."))
    local_only = forms.BooleanField(
        label=_("Names of this domain are never asked outside"), required=False
    )
    forwarders = _lines(
        _("DNS forwarders"),
        _("One in a line: 9.9.9.9, or corp.example 10.0.0.53. Empty: those of the host."),
    )
    dns_hosts = _lines(_("DNS hosts"), _("One in a line: 192.168.100.7 printer printer2"))
    dns_texts = _lines(_("TXT records"), _("One in a line: name value"))
    dns_services = _lines(
        _("SRV records"),
        _("One in a line: _ldap._tcp.example.org ldap.example.org 389 priority weight"),
    )
    mtu = _line(_("MTU"), _("Empty: 1500, or what the host has."))
    inbound = _line(_("To guests, KiB/s"))
    inbound_peak = _line(_("Peak, KiB/s"))
    inbound_burst = _line(_("Burst, KiB"))
    outbound = _line(_("From guests, KiB/s"))
    outbound_peak = _line(_("Peak, KiB/s"))
    outbound_burst = _line(_("Burst, KiB"))
    tftp_root = _line(
        _("TFTP folder of the host"), _("Everything in it can be read by every guest.")
    )
    boot_file = _line(_("Boot file (PXE)"), _("Its name in the TFTP folder."))
    boot_server = _line(_("Boot server"), _("Empty: the host itself."))
    vlans = _line(_("VLAN tags"), _("One, or several for a trunk: 10, 20."))
    port_groups = _lines(
        _("Port groups"),
        _("One in a line: name, tags, and “default” for the one that is used when none is chosen."),
        3,
    )
    start = forms.BooleanField(label=_("Start it now"), required=False)
    autostart = forms.BooleanField(label=_("Start it with the host"), required=False)
    definition_hash = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)

    def forbid_boot(self) -> None:
        """Show the folder, but leave it to those who may name one."""
        if "tftp_root" in self.fields:
            self.fields["tftp_root"].widget.attrs["readonly"] = True
            self.fields["tftp_root"].help_text = _(
                "Only who may serve folders of the host can change this."
            )

    def choose_from(self, names: Iterable[str]) -> None:
        """Offer these interfaces where one is named; others can be typed."""
        for name in ("bridge", "forward_dev", "devices"):
            if name in self.fields:
                self.fields[name].widget.attrs["list"] = "host-interfaces"
        self.interfaces = list(names)

    def draft(self) -> dict[str, str]:
        """What was typed, as it was typed; ticks are `on` or empty."""
        shown = (name for name in self.fields if name not in _NO_DRAFT)
        return {name: str(self.data.get(name, "")).replace("\r\n", "\n") for name in shown}


_NO_DRAFT = frozenset({"start", "autostart", "definition_hash"})


@cache
def form_of(mode: str, *, is_new: bool) -> type[NetworkForm]:
    """The form of this mode: every other field is unknown to it."""
    wanted = {*network_drafts.FIELDS[mode], *(("start", "autostart") if is_new else ())}
    if not is_new:
        wanted = {*wanted, "definition_hash"} - {"name"}
    hidden: dict[str, Any] = dict.fromkeys(set(NetworkForm.base_fields) - wanted)
    made: type[NetworkForm] = type(f"{mode.title()}Form", (NetworkForm,), hidden)
    for name in ("bridge", "devices") if mode not in core.OWN_BRIDGE else ():
        if name in made.base_fields:
            made.base_fields[name] = deepcopy(made.base_fields[name])
    if mode in (core.BRIDGE, core.OVS):
        made.base_fields["bridge"].help_text = _("A bridge that is on the host.")
    if mode == core.HOSTDEV:
        made.base_fields["devices"].label = _("Physical interface")
        made.base_fields["devices"].help_text = _("One whose card has virtual functions.")
    return made
