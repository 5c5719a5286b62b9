"""The form that says how a host is reached."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, pgettext_lazy

from kvmweb.core.connections import Given, Identity
from kvmweb.services import addresses
from kvmweb.ui import reach
from kvmweb.web.forms import Strict

TRANSPORTS = [
    (addresses.Transport.LOCAL, gettext_lazy("This machine")),
    (addresses.Transport.SSH, gettext_lazy("Another machine, by SSH")),
    (addresses.Transport.TLS, gettext_lazy("Another machine, by TLS")),
    (addresses.Transport.TCP, gettext_lazy("A local port, by TCP")),
    (addresses.Transport.DEMO, gettext_lazy("A demonstration")),
]


def _pem(label: Any) -> forms.CharField:
    """Never sent back once it was typed."""
    attrs = {"rows": 3, "spellcheck": "false", "autocomplete": "off",
             "placeholder": "-----BEGIN …"}  # fmt: skip
    return forms.CharField(label=label, required=False, widget=Unshown(attrs=attrs))


class Unshown(forms.Textarea):
    """A text that goes in and never comes back."""

    def format_value(self, value: Any) -> str:
        """Nothing, whatever was typed."""
        return ""


_PORT = gettext_lazy("A port is a number from 1 to 65535.")


class AddressForm(Strict):
    """How to reach a host. What is not needed for a transport is ignored there."""

    keep_foreign = False
    """The way is an operator's own: without a choice here it stays as it is."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("What people call it here, such as “Rack 2”."),
    )
    transport = forms.ChoiceField(
        label=gettext_lazy("Where it is"), choices=TRANSPORTS, widget=forms.RadioSelect,
        required=False,
    )  # fmt: skip
    machine = forms.CharField(
        label=gettext_lazy("Host name or address"),
        max_length=253,
        required=False,
        help_text=gettext_lazy("Such as kvm2.example.org or 192.0.2.7."),
    )
    user = forms.CharField(
        label=gettext_lazy("User"),
        max_length=32,
        required=False,
        help_text=gettext_lazy("Empty means the user that the portal runs as."),
    )
    port = forms.IntegerField(
        label=gettext_lazy("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("Empty means the usual one: SSH 22, TLS 16514, TCP 16509."),
    )
    identity = forms.ChoiceField(
        label=pgettext_lazy("connection", "Keys"),
        choices=list(reach.IDENTITIES.items()),
        widget=forms.RadioSelect,
        required=False,
    )
    host_key = forms.CharField(
        label=gettext_lazy("Key of the host"), max_length=100, required=False
    )
    tls_ca = _pem(gettext_lazy("Authority (cacert.pem)"))
    tls_certificate = _pem(gettext_lazy("Client certificate (clientcert.pem)"))
    tls_key = _pem(gettext_lazy("Client key (clientkey.pem)"))

    def clean(self) -> dict[str, Any]:
        """Somewhere it must be; and one sentence for whatever is wrong with a port."""
        if "port" in self.errors:
            self.errors["port"] = self.error_class([str(_PORT)])
        is_missing = not self.cleaned_data.get("transport") and "transport" not in self.errors
        if is_missing and not self.keep_foreign:
            self.add_error("transport", gettext_lazy("Choose where the host is."))
        return self.cleaned_data

    def address(self) -> Any:
        """What was chosen, for the service to check; None: the way stays."""
        chosen = self.cleaned_data
        if not chosen["transport"]:
            return None
        return addresses.Address(
            addresses.Transport(chosen["transport"]),
            chosen["machine"],
            chosen["user"] if chosen["transport"] == addresses.Transport.SSH else "",
            chosen["port"] or 0,
        )

    def given(self) -> Given:
        """Whose keys, and what was confirmed or pasted."""
        chosen = self.cleaned_data
        return Given(
            identity=Identity(chosen["identity"]),
            host_key=chosen["host_key"],
            ca=chosen["tls_ca"],
            certificate=chosen["tls_certificate"],
            tls_key=chosen["tls_key"],
        )
