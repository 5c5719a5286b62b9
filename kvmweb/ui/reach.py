"""What a test of a connection found, in plain words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from kvmweb.core import connections
from kvmweb.core.connections import Check, Identity, Report, Step
from kvmweb.ui.words import State, Text

_CHECKS: dict[Check, Text] = {
    Check.NAME: _("The name is known"),
    Check.PORT: _("The port answers"),
    Check.HOST_KEY: _("It is the host that was confirmed"),
    Check.LOGIN: _("The key is accepted"),
    Check.CERTIFICATE: _("The certificates fit"),
    Check.LIBVIRT: _("libvirt answers"),
}
_TROUBLES: dict[str, tuple[Text, Text]] = {
    "no-name": (
        _("No machine of this name is known."),
        _("Check the spelling, or give its IP address. The portal's machine asks its own DNS."),
    ),
    "refused": (
        _("The machine is there, but nothing listens on this port."),
        _("Start the service (sshd; for TLS virtproxyd-tls or libvirtd with listen_tls), or "
          "correct the port."),
    ),
    "no-route": (
        _("There is no way to this machine."),
        _("Check its address, its network and the firewall between here and there."),
    ),
    "silent": (
        _("It did not answer in time."),
        _("It may be off or overloaded, or a firewall drops the packets."),
    ),
    "no-ssh": (
        _("Something answers on this port, but it is no SSH server."),
        _("Correct the port, or start sshd there."),
    ),
    "no-client": (
        _("The portal's machine has no ssh client."),
        _("Install it there: apt-get install openssh-client"),
    ),
    "host-key-unknown": (
        _("Nobody has confirmed yet that this is the right host."),
        _("Compare the fingerprint below with the one on the host, then confirm it."),
    ),
    "host-key-changed": (
        _("The host shows another key than the one that was confirmed."),
        _("It may have been installed anew, or somebody stands in between. Compare the "
          "fingerprint on the host itself before you confirm it."),
    ),
    "key-refused": (
        _("The host does not accept the portal's key for this user."),
        _("Run the line above on the host as that user, and test again."),
    ),
    "login-failed": (
        _("Signing in by SSH failed."),
        _("What ssh said stands under “Details”."),
    ),
    "certificate-foreign": (
        _("The host's certificate is not signed by the authority that we trust."),
        _("Install the certificates that the portal makes for this host, or give the host's own "
          "authority."),
    ),
    "certificate-name": (
        _("The host's certificate is made out to another name."),
        _("Use the name that stands in the certificate, or make one for this name."),
    ),
    "certificate-old": (
        _("The host's certificate has expired, or is not valid yet."),
        _("Make a new one, and check the clocks of both machines."),
    ),
    "certificate-refused": (
        _("The host refuses our certificate, or does not speak TLS there."),
        _("Its authority (cacert.pem) must be the one that signed the portal's certificate."),
    ),
    "libvirt-missing": (
        _("We can sign in, but there is no libvirt on this machine."),
        _("Install it there: apt-get install libvirt-daemon-system"),
    ),
    "libvirt-stopped": (
        _("We can sign in, but libvirt does not run there."),
        _("Start it on the host: systemctl enable --now libvirtd"),
    ),
    "libvirt-denied": (
        _("libvirt runs there, but this user may not use it."),
        _("On the host: adduser USER libvirt, then test again. Or sign in as root."),
    ),
    "libvirt-failed": (
        _("libvirt does not let us in."),
        _("What it said stands under “Details”."),
    ),
}  # fmt: skip
_GOOD = State("", "good", "good")
_BAD = State("", "bad", "bad")
_ASK = State("", "help", "warn")
TRANSPORTS: dict[str, Text] = {
    "local": _("this machine's own libvirt"),
    "ssh": _("SSH"),
    "tls": _("TLS"),
    "tcp": _("TCP, on this machine"),
    "demo": _("a demonstration: nothing runs"),
    "": _("an address that an operator gave"),
}
IDENTITIES: dict[Identity, Text] = {
    Identity.PORTAL: _("The portal's own key or certificate"),
    Identity.USER: _("Those of the user that the portal runs as"),
    Identity.OWN: _("Certificates that I paste here"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step in words. remedy: what to do, empty when it is well."""

    what: Text
    shown: State
    remedy: Text = ""
    detail: str = ""


def lines(report: Report) -> list[Line]:
    """All steps in their order."""
    return [_line(step) for step in report.steps]


def why_away(reason: str) -> Line | None:
    """Why a host is away, where libvirt's or ssh's words are known.

    Its key was known when it was added: one that fails now is another one.
    """
    trouble = connections.diagnose(reason).replace("host-key-unknown", "host-key-changed")
    return _trouble(trouble, "") if trouble else None


def _line(step: Step) -> Line:
    if not step.trouble:
        return Line(_CHECKS[step.check], _GOOD)
    return _trouble(step.trouble, step.detail)


def _trouble(trouble: str, detail: str) -> Line:
    what, remedy = _TROUBLES.get(trouble, _TROUBLES["libvirt-failed"])
    shown = _ASK if trouble.startswith("host-key-unknown") else _BAD
    return Line(what, shown, remedy, detail)


def known() -> frozenset[str]:
    """Every trouble that has words."""
    return frozenset(_TROUBLES)
