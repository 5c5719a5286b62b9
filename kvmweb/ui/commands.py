"""The virsh line that does the same: quoted for a shell, with the host's URI, ready to copy."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable

from kvmweb.core.offers import Offer
from kvmweb.core.records import GuestRecord

_GUEST_LINES: dict[str, str] = {
    "guest.start": "start {guest}",
    "guest.start_paused": "start {guest} --paused",
    "guest.restore": "start {guest}",
    "guest.start_fresh": "start {guest} --force-boot",
    "guest.shutdown": "shutdown {guest}",
    "guest.shutdown_acpi": "shutdown {guest} --mode acpi",
    "guest.shutdown_agent": "shutdown {guest} --mode agent",
    "guest.reboot": "reboot {guest}",
    "guest.reboot_agent": "reboot {guest} --mode agent",
    "guest.suspend": "suspend {guest}",
    "guest.resume": "resume {guest}",
    "guest.save": "managedsave {guest}",
    "guest.discard": "managedsave-remove {guest}",
    "guest.reset": "reset {guest}",
    "guest.nmi": "inject-nmi {guest}",
    "guest.destroy": "destroy {guest}",
    "guest.snapshot": "snapshot-create {guest} --atomic",
    "guest.delete": "undefine {guest} --managed-save --snapshots-metadata --nvram",
    "guest.template": (
        "metadata {guest} https://kvmweb.org/xmlns/template/1 --key kvmwebtemplate"
        " --set <template/> --config"
    ),
    "guest.untemplate": "metadata {guest} https://kvmweb.org/xmlns/template/1 --remove --config",
    "guest.agent": "guestinfo {guest}",
    "guest.freeze": "domfsfreeze {guest}",
    "guest.thaw": "domfsthaw {guest}",
    "guest.trim": "domfstrim {guest}",
    "guest.time": "domtime {guest} --now",
    "guest.password": "set-user-password {guest} USER PASSWORD",
    "guest.keys": "set-user-sshkeys {guest} USER --file KEYS",
    "guest.definition": "dumpxml {guest}",
    "console.serial": "console {guest}",
}
_PLAIN_NAME = re.compile(r"(?!-)(?![0-9]+$)[^\W_][\w.+@-]*")
"""virsh takes a number for an id, and a leading dash for an option."""


def guest_word(name: str, uuid: str) -> str:
    """How a command line names this guest: its name where virsh and a shell take it as such."""
    return name if _PLAIN_NAME.fullmatch(name) and name.isascii() else uuid


def virsh(uri: str, *words: str) -> str:
    """One line for a shell."""
    start = ["virsh", "-c", uri] if uri else ["virsh"]
    return shlex.join([*start, *words])


def guest(uri: str, verb: str, record: GuestRecord) -> str:
    """The line for this verb on this guest; empty where virsh has none."""
    word = guest_word(record.name, record.uuid)
    if verb == "guest.autostart":
        switch = ["--disable"] if record.has_autostart else []
        return virsh(uri, "autostart", word, *switch)
    if verb == "guest.resize":
        return resize(uri, record)
    if verb == "guest.clone":
        return clone(uri, word, f"{record.name}-clone")
    if verb == "guest.rename":
        return virsh(uri, "domrename", word, "NAME")
    if verb == "guest.describe":
        return describe(uri, record, record.title, record.description)
    line = _GUEST_LINES.get(verb)
    return virsh(uri, *line.format(guest=word).split(" ")) if line else ""


def resize(uri: str, record: GuestRecord) -> str:
    """Four lines: greatest and present number of vCPUs, then of memory, as they are now."""
    word = guest_word(record.name, record.uuid)
    size, most = f"{record.memory // 1024}", f"{record.memory_max // 1024}"
    scope = ["--config", *(["--live"] if record.state.is_active else [])]
    return "\n".join(
        (
            virsh(uri, "setvcpus", word, str(record.vcpus_max), "--maximum", "--config"),
            virsh(uri, "setvcpus", word, str(record.vcpus), *scope),
            virsh(uri, "setmaxmem", word, most, "--config"),
            virsh(uri, "setmem", word, size, *scope),
        )
    )


def clone(uri: str, word: str, name: str, *options: str) -> str:
    """virsh cannot clone; virt-clone copies every disk unless the options say otherwise."""
    where = ["--connect", uri] if uri else []
    chosen = options or ("--auto-clone",)
    return shlex.join(["virt-clone", *where, "--original", word, "--name", name, *chosen])


def describe(uri: str, record: GuestRecord, title: str, description: str) -> str:
    """Two lines: title, then description; live as well while the guest is active."""
    word = guest_word(record.name, record.uuid)
    scope = ["--config"] if record.is_persistent else []
    scope += ["--live"] if record.state.is_active else []
    return "\n".join(
        (
            virsh(uri, "desc", word, *scope, "--title", "--new-desc", title),
            virsh(uri, "desc", word, *scope, "--new-desc", description),
        )
    )


def with_commands(offers: Iterable[Offer], uri: str, record: GuestRecord) -> list[Offer]:
    """The same offers, each with its line."""
    return [dataclasses.replace(offer, command=guest(uri, offer.verb, record)) for offer in offers]
