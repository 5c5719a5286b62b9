"""What a secret is for, in plain words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from kvmweb.core.devices import SecretUsage
from kvmweb.ui import commands
from kvmweb.ui.words import Text

USAGES: dict[SecretUsage, Text] = {
    SecretUsage.VOLUME: _("An encrypted volume"),
    SecretUsage.CEPH: _("A Ceph pool or disk"),
    SecretUsage.ISCSI: _("An iSCSI target (CHAP)"),
    SecretUsage.TLS: _("A key of a TLS certificate"),
    SecretUsage.VTPM: _("The state of a virtual TPM"),
    SecretUsage.NONE: _("Something else"),
}


def usage(kind: SecretUsage) -> Text:
    """What it is for."""
    return USAGES[kind]


def set_value(uri: str, uuid: str) -> str:
    """The line that asks for the value at the terminal, where no history keeps it."""
    return commands.virsh(uri, "secret-set-value", uuid, "--interactive")


def undefine(uri: str, uuid: str) -> str:
    """The line that deletes it."""
    return commands.virsh(uri, "secret-undefine", uuid)
